use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::home::Home;

async fn verdicts(home: &Path) -> Vec<(&'static str, Verdict, String)> {
    examine(home).await.into_iter().map(|check| (check.name, check.verdict, check.fix.unwrap_or_default())).collect()
}

fn find(verdicts: &[(&'static str, Verdict, String)], name: &str) -> (Verdict, String) {
    let (_, verdict, fix) = verdicts.iter().find(|(known, ..)| *known == name).unwrap();
    (*verdict, fix.clone())
}

fn configured(text: &str) -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(&folder.path().join("home")).unwrap();
    fs::write(home.config_path(), text).unwrap();
    (folder, home)
}

#[tokio::test]
async fn a_home_that_does_not_exist_is_fine_and_stays_that_way() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let verdicts = verdicts(&home).await;
    for name in ["configuration", "home", "token", "workspace"] {
        assert_eq!(find(&verdicts, name).0, Verdict::Ok, "{name}");
    }
    assert!(!home.exists());
}

#[tokio::test]
async fn an_open_token_is_found_with_the_command_that_helps() {
    // AU-04
    let (_folder, home) = configured("{ gateway: { port: 0 } }");
    fs::set_permissions(home.token_path(), fs::Permissions::from_mode(0o644)).unwrap();
    let (verdict, fix) = find(&verdicts(home.path()).await, "token");
    assert_eq!((verdict, fix), (Verdict::Fail, format!("run `chmod 600 {}`", home.token_path().display())));
}

#[tokio::test]
async fn an_open_address_and_a_missing_token_are_warned_about() {
    // AU-04
    let (_folder, home) = configured("{ gateway: { port: 0, bind: '0.0.0.0' } }");
    assert_eq!(find(&verdicts(home.path()).await, "gateway").0, Verdict::Warn);
    let (_folder, home) = configured("{ gateway: { port: 0, auth: { mode: 'none' } } }");
    assert_eq!(find(&verdicts(home.path()).await, "gateway").0, Verdict::Warn);
}

#[tokio::test]
async fn a_taken_port_is_found() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let (_folder, home) = configured(&format!("{{ gateway: {{ port: {port} }} }}"));
    assert_eq!(find(&verdicts(home.path()).await, "gateway").0, Verdict::Fail);
}

#[tokio::test]
async fn a_broken_configuration_does_not_hide_the_rest() {
    let (_folder, home) = configured("{ gateway: 1 }");
    let verdicts = verdicts(home.path()).await;
    assert_eq!(find(&verdicts, "configuration").0, Verdict::Fail);
    assert_eq!(find(&verdicts, "token").0, Verdict::Ok);
}

#[test]
fn a_missing_wall_fails_unless_the_owner_does_without() {
    // AU-04
    assert_eq!(check_landlock(None, Walls::Required).verdict, Verdict::Fail);
    assert_eq!(check_landlock(None, Walls::BestEffort).verdict, Verdict::Warn);
    assert_eq!(check_landlock(Some(2), Walls::Required).verdict, Verdict::Warn);
    assert_eq!(check_landlock(Some(3), Walls::Required).verdict, Verdict::Ok);
    assert_eq!(check_seccomp(kernel::Seccomp::Missing, Walls::Required).verdict, Verdict::Fail);
}

#[test]
fn asking_for_seccomp_does_not_turn_it_on() {
    let seccomp = || {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        status.lines().find(|line| line.starts_with("Seccomp:")).unwrap().to_owned()
    };
    let before = seccomp();
    kernel::seccomp();
    assert_eq!(seccomp(), before);
}

// SU-26
#[test]
fn an_engine_with_a_known_flaw_is_warned_about_by_its_id() {
    let known = Advisories::known();
    assert_eq!(check_engine(engine::VERSION, &known).verdict, Verdict::Ok);
    let check = check_engine("48.0.3", &known);
    assert_eq!(check.verdict, Verdict::Warn);
    assert!(
        check.detail.starts_with("wasmtime 48.0.3 has RUSTSEC-") && check.detail.contains("2026-0327"),
        "{check:?}"
    );
}
