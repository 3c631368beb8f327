//! The cases, each by the number it has in the list of attacks.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use claw_core::effect::{EffectError, ExecEnd, ExecPlan};
use claw_effects::{ExecPaths, run_exec};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, block_on, check_denied, ends_within, permit, processes, this_program};

macro_rules! cases {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn())),*] };
}
pub(crate) use cases;

/// Every case with its name.
pub const ALL: &[(&str, fn())] = cases![
    arguments_arrive_byte_for_byte,
    the_environment_is_the_fixed_base_and_what_was_asked,
    standard_input_arrives_and_ends,
    a_program_that_changed_after_the_decision_does_not_run,
    a_directory_that_became_a_link_is_not_entered,
    files_outside_the_workspace_cannot_be_read_or_written,
    a_kernel_without_landlock_runs_nothing,
    forbidden_system_calls_fail_and_the_program_lives,
    system_calls_of_other_architectures_are_refused,
    nobody_outside_can_be_signalled_or_limited,
    only_the_three_standard_descriptors_are_inherited,
    a_flood_of_output_keeps_its_two_ends,
    the_five_ways_to_end_can_be_told_apart,
    a_program_that_ignores_sigterm_is_killed_at_the_time_out,
    nothing_that_was_left_behind_survives,
    a_cancelled_call_ends_everything,
    dropping_the_call_ends_everything,
    nothing_survives_a_host_that_is_killed,
    temporary_files_are_removed_even_if_hidden,
    scripts_run_by_their_interpreter,
    ordinary_programs_work_in_the_workspace,
    a_plan_for_another_workspace_runs_nothing,
];

fn arguments_arrive_byte_for_byte() {
    // EX-02
    let args = [
        ";", "&&", "|", "$(id)", "`id`", "<", ">", "*", "~", "{a,b}", "$HOME", "a\nb", "'", "\"", "", " x ", "\\", "ä",
    ];
    let output = Ground::new().output(&[&["argv"], &args[..]].concat());
    assert_eq!(output, args.map(|arg| format!("{arg}\0")).concat());
}

fn the_environment_is_the_fixed_base_and_what_was_asked() {
    // EX-13
    let ground = Ground::new();
    let mut plan = ground.probe(&["environ"]);
    plan.env = vec![("LANG".into(), "de_DE.UTF-8".into()), ("TZ".into(), "UTC".into())];
    let exit = ground.run(plan).unwrap();
    let output = String::from_utf8(exit.stdout).unwrap();
    let scratch = ground.paths.scratch.to_str().unwrap();
    let mut lines: Vec<String> = output.lines().map(|line| line.split(scratch).next().unwrap().to_owned()).collect();
    lines.sort();
    let expected = ["HOME=", "LANG=de_DE.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin", "TERM=dumb", "TMPDIR=", "TZ=UTC"];
    assert_eq!(lines, expected);
}

fn standard_input_arrives_and_ends() {
    let ground = Ground::new();
    let mut plan = ground.probe(&["cat"]);
    plan.stdin = vec![b'x'; 1 << 20];
    plan.max_output_bytes = 1 << 20;
    let stdin = plan.stdin.clone();
    assert_eq!(ground.run(plan).unwrap().stdout, stdin);
    assert_eq!(ground.output(&["cat"]), "");
}

fn a_program_that_changed_after_the_decision_does_not_run() {
    // EX-15
    let ground = Ground::new();
    let tool = ground.paths.workspaces[0].join("tool");
    fs::copy("/bin/sh", &tool).unwrap();
    let plan = ground.plan(&[tool.to_str().unwrap(), "-c", "exit 7"]);
    // The same bytes in a new file are the same program: the digest is what was decided on.
    fs::remove_file(&tool).unwrap();
    fs::copy("/bin/sh", &tool).unwrap();
    assert_eq!(ground.run(plan.clone()).unwrap().ended, ExecEnd::Code(7));
    // In place.
    let mut bytes = fs::read(&tool).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&tool, &bytes).unwrap();
    check_denied(ground.run(plan.clone()), "E_EXEC_CHANGED");
    // By another file, a link, a folder, a pipe, and by none.
    let elsewhere = ground.paths.workspaces[0].join("elsewhere");
    fs::copy("/bin/sh", &elsewhere).unwrap();
    fs::remove_file(&tool).unwrap();
    symlink(&elsewhere, &tool).unwrap();
    check_denied(ground.run(plan.clone()), "E_EXEC_CHANGED");
    fs::remove_file(&tool).unwrap();
    fs::create_dir(&tool).unwrap();
    check_denied(ground.run(plan.clone()), "E_EXEC_CHANGED");
    fs::remove_dir(&tool).unwrap();
    mknodat(CWD, &tool, FileType::Fifo, Mode::from_raw_mode(0o700), 0).unwrap();
    check_denied(ground.run(plan.clone()), "E_EXEC_CHANGED");
    fs::remove_file(&tool).unwrap();
    check_denied(ground.run(plan), "E_EXEC_CHANGED");
}

fn a_directory_that_became_a_link_is_not_entered() {
    // EX-17
    let ground = Ground::new();
    let cwd = ground.paths.workspaces[0].join("sub");
    fs::create_dir(&cwd).unwrap();
    let plan = ExecPlan { cwd: cwd.clone(), ..ground.probe(&["cwd"]) };
    let exit = ground.run(plan.clone()).unwrap();
    assert_eq!(exit.stdout, format!("{}\n", cwd.display()).as_bytes());
    fs::remove_dir(&cwd).unwrap();
    symlink("/usr", &cwd).unwrap();
    check_denied(ground.run(plan.clone()), "E_EXEC_CWD");
    fs::remove_file(&cwd).unwrap();
    check_denied(ground.run(plan.clone()), "E_EXEC_CWD");
    let other = Ground::new();
    check_denied(other.run(plan), "E_EXEC_CWD");
}

fn files_outside_the_workspace_cannot_be_read_or_written() {
    // EX-19, EX-20; root is no exception
    let ground = Ground::new();
    let secret = ground.paths.workspaces[0].parent().unwrap().join("secret");
    fs::write(&secret, "secret").unwrap();
    let other_scratch = ground.paths.scratch.join("other");
    fs::create_dir(&other_scratch).unwrap();
    let outside = [secret.to_str().unwrap(), other_scratch.to_str().unwrap(), ground.paths.scratch.to_str().unwrap()];
    let forbidden =
        ["/etc/shadow", "/root", "/home", "/", "/etc", "/proc", "/proc/self/environ", "/sys", "/tmp", "/var"];
    let forbidden = [&outside[..], &forbidden].concat();
    for line in ground.output(&[&["read"], &forbidden[..]].concat()).lines() {
        assert!(line.ends_with(" EACCES"), "{line}");
    }
    let written = [secret.to_str().unwrap(), "/etc/new", "/usr/new", "/tmp/new", "/dev/shm/new", "../new"];
    for line in ground.output(&[&["write"], &written[..]].concat()).lines() {
        assert!(line.ends_with(" EACCES"), "{line}");
    }
    assert_eq!(fs::read(&secret).unwrap(), b"secret");
    let allowed = ground.output(&["read", "/etc/passwd", "/usr/bin", "/dev/urandom", "."]);
    assert!(allowed.lines().all(|line| line.ends_with(" done")), "{allowed}");
    assert_eq!(ground.output(&["write", "new", "/dev/null"]), "new done\n/dev/null done\n");
    assert!(ground.paths.workspaces[0].join("new").exists());
}

fn a_kernel_without_landlock_runs_nothing() {
    // EX-22
    let mut ground = Ground::new();
    let launcher = ground.paths.scratch.join("launcher");
    let script = format!("#!/bin/sh\nexec '{}' exec-child-without-landlock\n", this_program().display());
    fs::write(&launcher, script).unwrap();
    fs::set_permissions(&launcher, fs::Permissions::from_mode(0o700)).unwrap();
    ground.paths.launcher = launcher;
    let error = ground.run(ground.probe(&["write", "ran"])).unwrap_err();
    let EffectError::Unavailable(text) = error else { panic!("{error:?}") };
    assert!(text.contains("E_EXEC_UNSUPPORTED") && text.contains("Landlock"), "{text}");
    assert!(!ground.paths.workspaces[0].join("ran").exists());
}

fn forbidden_system_calls_fail_and_the_program_lives() {
    // EX-25, EX-27, EX-29
    let output = Ground::new().output(&["syscalls"]);
    let (last, refused) = output.lines().collect::<Vec<_>>().split_last().map(|(l, r)| (*l, r.to_vec())).unwrap();
    assert_eq!(last, "alive done");
    assert_eq!(refused.len(), 41);
    for line in refused {
        let (name, error) = line.split_once(' ').unwrap();
        let expected = match name {
            "clone3" => "ENOSYS",
            "fsetxattr" => "EOPNOTSUPP",
            _ => "EPERM",
        };
        assert_eq!(error, expected, "{name}");
    }
}

fn system_calls_of_other_architectures_are_refused() {
    // EX-27
    let ground = Ground::new();
    let exit = ground.run(ground.probe(&["foreign"])).unwrap();
    assert_eq!(exit.stdout, b"x32 ENOSYS\n");
    assert_eq!(exit.ended, ExecEnd::Signal(libc::SIGSYS));
}

fn nobody_outside_can_be_signalled_or_limited() {
    // EX-30
    let mut victim = Command::new("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let output = Ground::new().output(&["attack", &victim.id().to_string()]);
    for line in output.lines().filter(|line| !line.starts_with("prctl") && !line.starts_with("kill-all")) {
        assert!(line.ends_with(" EPERM"), "{line}");
    }
    // The kernel reports success even if there was nobody whom the signal could reach.
    assert!(output.contains("kill-all done"), "{output}");
    // It waits for its input as before, and returns when that ends.
    assert!(victim.try_wait().unwrap().is_none());
    drop(victim.stdin.take());
    assert!(victim.wait().unwrap().success());
}

fn only_the_three_standard_descriptors_are_inherited() {
    // EX-32: one that the host has left inheritable does not get through either
    let (_read, write) = rustix::pipe::pipe().unwrap();
    rustix::io::fcntl_setfd(&write, rustix::io::FdFlags::empty()).unwrap();
    assert_eq!(Ground::new().output(&["descriptors"]), "[0, 1, 2]\n");
}

fn a_flood_of_output_keeps_its_two_ends() {
    // EX-34
    let ground = Ground::new();
    let exit = ground.run(ground.probe(&["flood", "256"])).unwrap();
    assert_eq!(exit.ended, ExecEnd::Code(0));
    assert_eq!((exit.stdout.len(), exit.stderr.len()), (100_000, 100_000));
    assert!(exit.stdout.starts_with(b"first\n") && exit.stdout.ends_with(b"last\n"));
    assert_eq!(exit.stdout_dropped, (256 << 20) + 11 - 100_000);
    assert_eq!(exit.stderr_dropped, (256 << 20) - 100_000);
}

fn the_five_ways_to_end_can_be_told_apart() {
    // EX-46
    let ground = Ground::new();
    let end = |args: &[&str]| ground.run(ground.probe(args)).unwrap().ended;
    assert_eq!(end(&["exit", "3"]), ExecEnd::Code(3));
    assert_eq!(end(&["raise", "11"]), ExecEnd::Signal(11));
    assert_eq!(ground.output(&["read", "/etc/shadow"]), "/etc/shadow EACCES\n");
    // Limits: a file, memory (EX-41), and CPU time, which ends a program that the clock would end soon after.
    assert_eq!(ground.output(&["file-limit"]), "EFBIG\n");
    assert_eq!(ground.output(&["memory"]), "true\n");
    let spin = ExecPlan { timeout_ms: 200, ..ground.probe(&["spin"]) };
    assert_eq!(ground.run(spin).unwrap().ended, ExecEnd::TimedOut);
    // Not started: a bad format, and an interpreter that does not exist.
    for (name, text) in [("garbage", "\x7fELF?"), ("orphan", "#!/nowhere/interpreter\n")] {
        let path = ground.paths.workspaces[0].join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let error = ground.run(ground.plan(&[path.to_str().unwrap()])).unwrap_err();
        let EffectError::Invalid(text) = error else { panic!("{error:?}") };
        assert!(text.starts_with("E_EXEC_START: ") && text.contains(name), "{text}");
    }
    assert!(ground.scratch_is_empty());
}

fn a_program_that_ignores_sigterm_is_killed_at_the_time_out() {
    // EX-38
    let ground = Ground::new();
    let pipe = ground.named_pipe();
    let plan = ExecPlan { timeout_ms: 500, ..ground.probe(&["stay", pipe.to_str().unwrap()]) };
    let found = std::thread::spawn(move || processes(&pipe));
    let exit = ground.run(plan).unwrap();
    assert_eq!((exit.ended, exit.stdout.as_slice()), (ExecEnd::TimedOut, &b"waiting\n"[..]));
    assert!((1000..5000).contains(&exit.duration_ms), "{}", exit.duration_ms);
    assert!(ends_within(&found.join().unwrap()[0], Duration::ZERO));
    assert!(ground.scratch_is_empty());
    // One that obeys ends at once.
    let plan = ExecPlan { timeout_ms: 200, ..ground.plan(&["sleep", "1000"]) };
    let exit = ground.run(plan).unwrap();
    assert_eq!(exit.ended, ExecEnd::TimedOut);
    assert!(exit.duration_ms < 700, "{}", exit.duration_ms);
}

fn nothing_that_was_left_behind_survives() {
    // EX-39
    let ground = Ground::new();
    let pipe = ground.named_pipe();
    let plan = ground.probe(&["scatter", pipe.to_str().unwrap()]);
    let found = std::thread::spawn(move || processes(&pipe));
    let exit = ground.run(plan).unwrap();
    assert_eq!(exit.ended, ExecEnd::Code(0));
    let found = found.join().unwrap();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|process| ends_within(process, Duration::ZERO)));
    let shell = "setsid sh -c 'sleep 999 &' & nohup sleep 999 >/dev/null 2>&1 & (sleep 999 &) ; exit 0";
    let exit = ground.run(ground.plan(&["sh", "-c", shell])).unwrap();
    assert_eq!(exit.ended, ExecEnd::Code(0));
    assert!(exit.duration_ms < 5000);
}

fn a_cancelled_call_ends_everything() {
    let ground = Ground::new();
    let pipe = ground.named_pipe();
    let permit = permit(ground.probe(&["stay", pipe.to_str().unwrap()]));
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let found = std::thread::spawn(move || {
        let found = processes(&pipe);
        canceller.cancel();
        found
    });
    let exit = block_on(run_exec(permit, &ground.paths, &cancel)).unwrap();
    assert_eq!(exit.ended, ExecEnd::Cancelled);
    assert!(ends_within(&found.join().unwrap()[0], Duration::ZERO));
    let late = block_on(run_exec(self::permit(ground.probe(&["cat"])), &ground.paths, &cancel));
    assert_eq!(late, Err(EffectError::Cancelled));
}

fn dropping_the_call_ends_everything() {
    let ground = Ground::new();
    let pipe = ground.named_pipe();
    let permit = permit(ground.probe(&["stay", pipe.to_str().unwrap()]));
    let found = block_on(async {
        let found = tokio::task::spawn_blocking(move || processes(&pipe));
        let never = CancellationToken::new();
        tokio::select! {
            found = found => found.unwrap(),
            exit = run_exec(permit, &ground.paths, &never) => panic!("{exit:?}"),
        }
    });
    assert!(ends_within(&found[0], Duration::from_secs(5)));
}

fn nothing_survives_a_host_that_is_killed() {
    // EX-38, EX-39
    let ground = Ground::new();
    let pipe = ground.named_pipe();
    let mut host = Command::new(this_program())
        .arg("host")
        .args([&ground.paths.workspaces[0], &ground.paths.scratch])
        .spawn()
        .unwrap();
    let found = processes(&pipe);
    let host_fd = pidfd_open(Pid::from_raw(host.id() as i32).unwrap(), PidfdFlags::empty()).unwrap();
    assert!(!ends_within(&found[0], Duration::ZERO));
    pidfd_send_signal(&host_fd, Signal::KILL).unwrap();
    host.wait().unwrap();
    assert!(ends_within(&found[0], Duration::from_secs(5)));
}

/// The part of a host that is killed while its program runs.
pub fn be_a_host(workspace: &str, scratch: &str) {
    let (workspace, scratch) = (PathBuf::from(workspace), PathBuf::from(scratch));
    let root = tempfile::tempdir().unwrap();
    let pipe = workspace.join("pids");
    let ground = Ground {
        _root: root,
        paths: ExecPaths { launcher: this_program(), workspaces: vec![workspace], scratch, cgroups: None },
    };
    let exit = ground.run(ground.probe(&["stay", pipe.to_str().unwrap()]));
    panic!("the program ended first: {exit:?}");
}

fn temporary_files_are_removed_even_if_hidden() {
    let ground = Ground::new();
    let script =
        "mkdir -p $TMPDIR/a/b && echo x > $TMPDIR/a/b/c && ln -s / $TMPDIR/a/link && chmod 0 $TMPDIR/a/b $TMPDIR/a";
    let exit = ground.run(ground.plan(&["sh", "-c", script])).unwrap();
    assert_eq!(exit.ended, ExecEnd::Code(0), "{exit:?}");
    assert!(ground.scratch_is_empty());
}

fn scripts_run_by_their_interpreter() {
    let ground = Ground::new();
    let path = ground.paths.workspaces[0].join("script");
    fs::write(&path, "#!/bin/sh\necho \"$0\" \"$1\"\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let exit = ground.run(ground.plan(&[path.to_str().unwrap(), "one"])).unwrap();
    assert_eq!(exit.stdout, format!("{} one\n", path.display()).as_bytes());
}

fn ordinary_programs_work_in_the_workspace() {
    let ground = Ground::new();
    let script = r#"
        set -e
        mkdir -p a/b && printf 'two\none\n' > a/b/list && cp -p a/b/list a/copy && mv a/copy copy && ln -s copy link
        chmod 640 copy && sort link | sed s/one/eins/ > sorted && touch -d 2001-01-01 sorted && rm -r a
        timeout 5 grep -c eins sorted
        cat <<END > here
text
END
        if command -v git > /dev/null; then
            git init -q repo && cd repo && echo x > file && git add file
            git -c user.name=n -c user.email=e@example.test commit -q -m first && git log --oneline | wc -l
        else
            echo 1
        fi
        if command -v python3 > /dev/null; then
            python3 -c 'import subprocess, tempfile, threading; subprocess.run(["true"], check=True); tempfile.mkdtemp()'
        fi
    "#;
    let exit = ground.run(ground.plan(&["sh", "-c", script])).unwrap();
    assert_eq!((exit.ended, String::from_utf8_lossy(&exit.stderr).as_ref()), (ExecEnd::Code(0), ""));
    assert_eq!(exit.stdout, b"1\n1\n");
}

fn a_plan_for_another_workspace_runs_nothing() {
    let ground = Ground::new();
    let mut plan = ground.plan(&["true"]);
    plan.workspace = PathBuf::from("/usr");
    plan.cwd = PathBuf::from("/usr");
    check_denied(ground.run(plan), "E_EXEC_CWD");
}
