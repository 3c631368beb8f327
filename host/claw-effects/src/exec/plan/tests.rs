use std::os::unix::fs::symlink;

use super::*;

fn request(argv: &[&str]) -> ExecRequest {
    ExecRequest {
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
        cwd: String::new(),
        env: Vec::new(),
        stdin: Vec::new(),
        timeout_ms: 1000,
        max_output_bytes: 1000,
    }
}

fn plan(request: &ExecRequest) -> Result<ExecPlan, EffectError> {
    let workspace = tempfile::tempdir().unwrap();
    plan_exec(request, None, workspace.path(), &ExecLimits::default())
}

#[track_caller]
fn check_refused(result: Result<ExecPlan, EffectError>, expected: &str, named: &str) {
    match result {
        Err(EffectError::Denied { code, reason }) => {
            assert_eq!(code, expected, "{reason}");
            assert!(reason.contains(named), "`{named}` is not in `{reason}`");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bare_name_becomes_the_canonical_path_and_digest() {
    let plan = plan(&request(&["sh", "-c", "true"])).unwrap();
    let expected = Path::new("/bin/sh").canonicalize().unwrap();
    assert_eq!(plan.program, expected);
    assert_eq!(plan.program_digest, digest(&mut File::open(expected).unwrap()).unwrap());
    assert_eq!(plan.argv, ["sh", "-c", "true"]);
}

#[test]
fn an_absolute_path_is_taken_as_it_is() {
    let plan = plan(&request(&["/bin/sh"])).unwrap();
    assert_eq!(plan.program, Path::new("/bin/sh").canonicalize().unwrap());
}

#[test]
fn names_that_only_look_like_a_program_are_denied() {
    // EX-48
    let names = ["./sh", "SH", "sh ", " sh", "ѕh", "/bin/../bin/sh", "/bin//sh", "/bin/./sh", "bin/sh", "..", "sh\n"];
    for name in names {
        check_refused(plan(&request(&[name])), "E_EXEC_DENIED", "program");
    }
}

#[test]
fn a_program_in_the_working_directory_is_never_found_by_its_name() {
    // EX-14
    let workspace = tempfile::tempdir().unwrap();
    let trojan = workspace.path().join("trojan-tool");
    std::fs::copy("/bin/sh", &trojan).unwrap();
    let refused = plan_exec(&request(&["trojan-tool"]), None, workspace.path(), &ExecLimits::default());
    check_refused(refused, "E_EXEC_DENIED", "was not found in /usr/local/bin, /usr/bin, /bin");
}

#[test]
fn folders_and_plain_files_are_no_programs() {
    check_refused(plan(&request(&["/usr"])), "E_EXEC_DENIED", "not an executable file");
    check_refused(plan(&request(&["/etc/passwd"])), "E_EXEC_DENIED", "not an executable file");
    check_refused(plan(&request(&["/nowhere/tool"])), "E_EXEC_DENIED", "does not exist");
}

#[test]
fn variables_beyond_the_allow_list_are_refused_by_name() {
    // EX-11
    let names = [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "BASH_ENV",
        "ENV",
        "PATH",
        "IFS",
        "PYTHONPATH",
        "NODE_OPTIONS",
        "PERL5OPT",
        "RUBYOPT",
        "GIT_SSH_COMMAND",
        "GIT_EXTERNAL_DIFF",
        "EDITOR",
        "PAGER",
        "SSLKEYLOGFILE",
        "HOME",
        "TMPDIR",
        "",
        "LANG=x",
        "lang",
        "LC_",
        "LC_all",
        "LANG\0",
    ];
    for name in names {
        let mut request = request(&["sh"]);
        request.env = vec![("LANG".into(), "C".into()), (name.into(), "x".into())];
        check_refused(plan(&request), "E_EXEC_ENV", &format!("`{}`", shown(name)));
    }
}

#[test]
fn allowed_variables_are_sorted_and_each_stands_once() {
    let mut request = request(&["sh"]);
    request.env = vec![("TZ".into(), "UTC".into()), ("LC_ALL".into(), "C".into())];
    let plan_env = plan(&request).unwrap().env;
    assert_eq!(plan_env, [("LC_ALL".into(), "C".into()), ("TZ".into(), "UTC".into())]);
    request.env.push(("TZ".into(), "CET".into()));
    check_refused(plan(&request), "E_EXEC_ENV", "set twice");
    request.env = vec![("TZ".into(), "U\0TC".into())];
    check_refused(plan(&request), "E_EXEC_ENV", "NUL");
}

#[test]
fn arguments_without_a_meaning_are_refused() {
    check_refused(plan(&request(&[])), "E_EXEC_ARG", "one element");
    check_refused(plan(&request(&[""])), "E_EXEC_ARG", "one element");
    check_refused(plan(&request(&["sh", "a\0b"])), "E_EXEC_ARG", "element 1");
    // EX-03
    check_refused(plan(&request(&["sh -c ls"])), "E_EXEC_ARG", r#"["git", "log"]"#);
    check_refused(plan(&request(&["sh"; 1025])), "E_EXEC_ARG", "1025");
    check_refused(plan(&request(&["sh", &"x".repeat(MAX_ARG_BYTES)])), "E_EXEC_ARG", "standard input");
    let mut long = request(&["sh"]);
    long.stdin = vec![0; 1024 * 1024 + 1];
    check_refused(plan(&long), "E_EXEC_ARG", "standard input");
}

#[test]
fn the_directory_is_canonical_and_inside_the_workspace() {
    // EX-17, AP-35
    let outside = tempfile::tempdir().unwrap();
    let workspace = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(workspace.path().join("a/b")).unwrap();
    std::fs::write(workspace.path().join("file"), "").unwrap();
    symlink(outside.path(), workspace.path().join("out")).unwrap();
    symlink(workspace.path().join("a"), workspace.path().join("in")).unwrap();
    let with_cwd = |cwd: &str| {
        let request = ExecRequest { cwd: cwd.into(), ..request(&["sh"]) };
        plan_exec(&request, None, workspace.path(), &ExecLimits::default())
    };
    let canonical = workspace.path().canonicalize().unwrap();
    assert_eq!(with_cwd("").unwrap().cwd, canonical);
    assert_eq!(with_cwd("./a/b/").unwrap().cwd, canonical.join("a/b"));
    let outside = outside.path().to_str().unwrap();
    for cwd in ["..", "a/../..", "a/..", "/", outside, "out", "in", "in/b", "missing", "file", "a\0b"] {
        check_refused(with_cwd(cwd), "E_EXEC_CWD", &format!("`{}`", shown(cwd)));
    }
}

#[test]
fn numbers_of_the_guest_are_clamped() {
    let clamped = |timeout_ms, max_output_bytes| {
        let plan = plan(&ExecRequest { timeout_ms, max_output_bytes, ..request(&["sh"]) }).unwrap();
        (plan.timeout_ms, plan.max_output_bytes)
    };
    assert_eq!(clamped(0, 0), (1, 0));
    assert_eq!(clamped(u64::MAX, u64::MAX), (1_800_000, 1024 * 1024));
    assert_eq!(clamped(5000, 77), (5000, 77));
}

#[test]
fn the_time_and_the_terminal_of_the_background_are_clamped() {
    let workspace = tempfile::tempdir().unwrap();
    let clamped = |ttl_ms, columns, rows| {
        let background = Background { ttl_ms, terminal: Some(Terminal { columns, rows }) };
        let plan = plan_exec(&request(&["sh"]), Some(background), workspace.path(), &ExecLimits::default());
        let Some(Background { ttl_ms, terminal: Some(terminal) }) = plan.unwrap().background else { panic!() };
        (ttl_ms, terminal.columns, terminal.rows)
    };
    assert_eq!(clamped(0, 0, 0), (1_000, 1, 1));
    assert_eq!(clamped(u64::MAX, u16::MAX, u16::MAX), (86_400_000, 1_000, 1_000));
    assert_eq!(clamped(5_000, 80, 24), (5_000, 80, 24));
}
