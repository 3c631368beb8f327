//! Homes, ports and settings with which the host must not start, or must start with a warning.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use super::{check_goes_on, home};
use crate::client::PATIENCE;
use crate::host::Home;

/// Starts a host that must refuse, and gives its exit code and what it said.
async fn refused(mut command: std::process::Command) -> (Option<i32>, String) {
    command.stdin(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    let output = output.expect("the host runs, but it should not").unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

async fn check_refused(home: &Home, args: &[&str], code: i32, parts: &[&str]) {
    let (exit, text) = refused(home.command(args)).await;
    assert_eq!(exit, Some(code), "{args:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "expected `{part}`: {text}");
    }
}

const RUN: [&str; 3] = ["run", "--port", "0"];

// ST-06
#[tokio::test]
async fn a_damaged_database_is_refused_and_left_as_it_is() {
    let home = home();
    let running = home.start();
    running.connect().await.ask("r1", "say something to keep").await;
    running.kill();
    let path = home.path().join("host.redb");
    let sound = std::fs::read(&path).unwrap();
    let mut overwritten = sound.clone();
    overwritten[..4096].fill(0x5a);
    for damaged in [&sound[..sound.len() / 2], &overwritten, b"#!/bin/sh\n", b""] {
        std::fs::write(&path, damaged).unwrap();
        check_refused(&home, &RUN, 1, &["host.redb", "is damaged", "restore it from a backup"]).await;
        assert!(std::fs::read(&path).unwrap() == damaged, "the damaged file was changed");
    }
    // What was restored is used as if nothing had happened.
    std::fs::write(&path, sound).unwrap();
    check_goes_on(&home.start()).await;
}

// ST-08
#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_the_same_home_is_refused_and_the_first_goes_on() {
    let home = home();
    let running = home.start();
    check_refused(&home, &RUN, 75, &["host.redb", "runs on this home; stop it first"]).await;
    // The refused one has not taken the first one's announcement away.
    let status = home.run(&["status"]);
    assert!(status.status.success(), "{status:?}");
    check_goes_on(&running).await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    check_refused(&home(), &["run", "--port", &port], 75, &[&port, "is taken", "choose another port"]).await;
}

#[tokio::test]
async fn a_home_that_cannot_be_written_is_refused_with_a_hint() {
    let home = Home::cold();
    let mut command = home.command(&RUN);
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere, so somebody else has to try.
        const NOBODY: u32 = 65534;
        std::os::unix::fs::chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    let (code, text) = refused(command).await;
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("cannot be written") && text.contains("hint: choose another folder"), "{text}");
}

// GW-01
#[tokio::test]
async fn a_gateway_for_the_whole_network_needs_a_token() {
    let home = home().config("{gateway: {bind: '0.0.0.0', auth: {mode: 'none'}}}");
    check_refused(&home, &RUN, 64, &["gateway.auth.mode", "0.0.0.0"]).await;
    let home = home.config("{gateway: {auth: {mode: 'none'}}}");
    check_refused(&home, &["run", "--port", "0", "--bind", "::"], 64, &["gateway.auth.mode"]).await;
}

// CG-04
#[tokio::test]
async fn an_unknown_key_where_it_could_leave_a_door_open_is_refused_with_its_place() {
    let home = home();
    let files = [
        ("{gateway: {atuh: {mode: 'token'}}}", "`gateway.atuh`"),
        ("{gateway: {auth: {mod: 'token'}}}", "`gateway.auth.mod`"),
        ("{policy: {preste: 'deny-all'}}", "`policy.preste`"),
        ("{sandbox: {wall: 'required'}}", "`sandbox.wall`"),
        ("{approvals: {expirySecond: 60}}", "`approvals.expirySecond`"),
        ("{polcy: {preset: 'deny-all'}}", "`polcy`"),
        ("{grants: {nobody: ['exec ls']}}", "grants.nobody"),
        ("{grants: {files: ['fs everything read-write']}}", "grants.files"),
    ];
    let mut home = home;
    for (text, place) in files {
        home = home.config(text);
        check_refused(&home, &RUN, 64, &[place]).await;
    }
    home = home.config("{gateway: {");
    check_refused(&home, &RUN, 64, &["config.json5", "not valid JSON5"]).await;
}

#[tokio::test]
async fn an_unknown_key_elsewhere_is_a_warning_with_its_place() {
    let home = home().config("{\n  logging: {levl: 'info'},\n  future: {}\n}");
    let running = home.start();
    let said = home.stderr();
    for part in ["logging.levl", "did you mean `level`?", "line 2", "`future`: unknown key"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    check_goes_on(&running).await;
}

// CG-06
#[tokio::test]
async fn a_policy_that_does_not_parse_is_refused_with_its_file() {
    let home = home();
    std::fs::create_dir_all(home.path().join("policies")).unwrap();
    std::fs::write(home.path().join("policies/own.cedar"), "permit (principal action resource);\n").unwrap();
    check_refused(&home, &RUN, 64, &["own.cedar"]).await;
}

#[tokio::test]
async fn a_home_that_others_can_change_is_refused() {
    // ST-14
    let home = home();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    check_refused(&home, &RUN, 77, &["can be changed by other users", "chmod go-w"]).await;
}

// SU-28
#[tokio::test]
async fn what_others_could_have_decided_is_refused_with_the_command_that_helps() {
    // A file that anybody may change, in a home that anybody may enter.
    let home = home().config("{}");
    home.start().stop();
    std::fs::write(home.path().join("policies/mine.cedar"), "").unwrap();
    let open = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    open(home.path(), 0o755);
    for name in ["config.json5", "host.redb", "policies/mine.cedar"] {
        let path = home.path().join(name);
        open(path.parent().unwrap(), 0o755);
        open(&path, 0o666);
        let fix = format!("chmod go-w {}", path.display());
        check_refused(&home, &RUN, 77, &["can be changed by other users", &fix]).await;
        open(&path, 0o600);
    }
    // Where nobody else gets in, the mode says nothing.
    open(home.path(), 0o700);
    open(&home.path().join("config.json5"), 0o664);
    check_goes_on(&home.start()).await;
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can give files away, so the rest cannot be tried by this user");
        return;
    }
    let give = |name: &str, to: u32| std::os::unix::fs::chown(home.path().join(name), Some(to), None).unwrap();
    for name in ["config.json5", "host.redb", "packages", "policies/mine.cedar"] {
        give(name, 12_345);
        let path = home.path().join(name).display().to_string();
        check_refused(&home, &RUN, 77, &[&path, "belongs to another user (uid 12345)", "chown $(id -u)"]).await;
        give(name, 0);
    }
    // What comes while the host runs changes nothing either.
    let running = home.start();
    let mut client = running.connect().await;
    std::fs::write(home.path().join("new"), "forbid (principal, action, resource);").unwrap();
    give("new", 12_345);
    std::fs::rename(home.path().join("new"), home.path().join("policies/theirs.cedar")).unwrap();
    let error = loop {
        let status = client.call("status", json!({})).await.unwrap();
        if let Some(error) = status["policyError"].as_str() {
            break error.to_owned();
        }
    };
    assert!(error.contains("theirs.cedar") && error.contains("belongs to another user"), "{error}");
    check_goes_on(&running).await;
}
