//! The walls, tried out with the host's own probe, and what they leave of the host.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use claw_core::effect::ExecEnd;
use claw_core::probe::ProbeOutcome;
use claw_effects::containment_probe;
use tokio::time::Instant;

use crate::cases::cases;
use crate::ground::{Ground, block_on, this_program};

pub const ALL: &[(&str, fn())] = cases![
    every_wall_holds_against_the_hosts_own_probe,
    the_host_is_not_confined_by_what_it_confined,
    a_program_cannot_make_a_namespace,
    one_program_cannot_kill_another,
    the_host_comes_first_when_cpu_is_short,
    a_fork_bomb_stops_at_the_limit,
];

/// Whoever has no powers at all.
const NOBODY: u32 = 65534;

fn every_wall_holds_against_the_hosts_own_probe() {
    // EX-13, EX-19, EX-20, EX-25, EX-27, EX-29, EX-30, EX-32, EX-41
    let results = block_on(containment_probe(&this_program())).unwrap();
    for result in results.iter().filter(|result| result.result == ProbeOutcome::Unsupported) {
        println!("unsupported: {} {}: {}", result.id, result.what, result.detail);
    }
    let failed: Vec<_> = results.iter().filter(|result| result.result == ProbeOutcome::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    for id in ["EX-13", "EX-19", "EX-20", "EX-25", "EX-27", "EX-29", "EX-30", "EX-32", "EX-41"] {
        assert!(results.iter().any(|result| result.id == id), "{id}");
    }
    assert_eq!(results.iter().filter(|result| result.what.ends_with(" outside")).count(), 17);
    assert!(results.len() > 120, "{}", results.len());
}

fn the_host_is_not_confined_by_what_it_confined() {
    // EX-24
    let ground = Ground::new();
    for _ in 0..2 {
        assert_eq!(ground.output(&["read", "/etc/shadow"]), "/etc/shadow EACCES\n");
        fs::write(ground.paths.scratch.join("new"), "x").unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(Command::new("/bin/cat").arg("/proc/self/status").stdout(Stdio::null()).status().unwrap().success());
    }
}

fn a_program_cannot_make_a_namespace() {
    // EX-29
    let ground = Ground::new();
    let script = "unshare -Ur mount -t tmpfs none / ; unshare -r touch /etc/new; exit 4";
    let exit = ground.run(ground.plan(&["sh", "-c", script])).unwrap();
    assert_eq!(exit.ended, ExecEnd::Code(4));
    assert_eq!(String::from_utf8_lossy(&exit.stderr).matches("Operation not permitted").count(), 2, "{exit:?}");
}

fn one_program_cannot_kill_another() {
    // EX-30
    let mut other = Command::new("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(Ground::new().output(&["kill", &other.id().to_string()]), "EPERM\n");
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
}

fn the_host_comes_first_when_cpu_is_short() {
    // EX-43
    assert_eq!(Ground::new().output(&["niceness"]), "10\n");
}

fn a_fork_bomb_stops_at_the_limit() {
    // EX-36: the kernel holds only an ordinary user to the limit, so root becomes one for this
    if !rustix::process::geteuid().is_root() {
        return bomb_here(&Ground::new());
    }
    let ground = Ground::new();
    let program = ground.paths.workspaces[0].join("launcher");
    fs::copy(this_program(), &program).unwrap();
    let root = ground.paths.workspaces[0].parent().unwrap();
    for folder in [root, &ground.paths.workspaces[0], &ground.paths.scratch] {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let status = Command::new(&program)
        .args(["--exact", "a_fork_bomb_stops_at_the_limit"])
        .env("TMPDIR", &ground.paths.scratch)
        .current_dir(root)
        .uid(NOBODY)
        .gid(NOBODY)
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

fn bomb_here(ground: &Ground) {
    let begun = block_on(async { Instant::now() });
    assert_eq!(
        ground.output(&["bomb"]).lines().next(),
        Some("Os { code: 11, kind: WouldBlock, message: \"Resource temporarily unavailable\" }")
    );
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // The host can start the next, and all of the last are gone.
    assert_eq!(ground.output(&["argv"]), "");
    assert!(ground.scratch_is_empty());
}
