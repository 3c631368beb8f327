//! Backups: made while the host works, a home of their own, and nobody's who has not the key.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use crate::host::{Home, weakened};

const TRUSTING: &str = "{policy: {preset: 'trusting'}}";
const SECRET: &str = "backup-canary-90210";

fn set_secret(home: &Home) {
    let mut command = home.command(&["secret", "set", "github", "--for", "https://api.github.com"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(SECRET.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Puts a copy of a backup where a fresh machine would have its home.
fn restored(from: &Path) -> Home {
    let home = Home::new();
    let status = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(home.path()).status().unwrap();
    assert!(status.success());
    home
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

// ST-16
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_a_whole_home_whose_secrets_need_the_key() {
    let home = Home::new().config(TRUSTING).file("a.md", "one");
    set_secret(&home);
    let running = home.start();
    let mut client = running.connect().await;
    // A blob that a row names: the file as it was before the turn.
    client.ask("first", r#"tool write {"path": "a.md", "content": "two"}"#).await;
    symlink("a.md", home.workspace().join("link")).unwrap();
    fs::write(home.workspace().join("run.sh"), "true").unwrap();
    fs::set_permissions(home.workspace().join("run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("copy");
    let mut talker = running.connect().await;
    let talking = tokio::spawn(async move {
        for number in 0..40 {
            talker.ask_in("busy", &format!("busy-{number}"), "say hello").await;
        }
    });
    client.ask_in("busy", "before", "say hello").await;
    let made = {
        let (command, to) = (home.command(&["--json", "backup"]), to.clone());
        tokio::task::spawn_blocking(move || { command }.arg(to).output().unwrap()).await.unwrap()
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    talking.await.unwrap();
    let recorded = client.call("audit.list", json!({"kind": "backup.made"})).await.unwrap();
    assert_eq!(recorded["entries"].as_array().unwrap().len(), 1, "{recorded}");

    // Whoever finds it can neither come in nor read a secret, and nobody else can read any of it.
    let there = names(&to);
    for left_out in ["token", "vault.key", "run.json", "logs", "cache"] {
        assert!(!there.iter().any(|name| name == left_out), "{there:?}");
    }
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(names(place.path()), ["copy"], "nothing is left of the making");

    let other = restored(&to);
    let checked = other.json(&["db", "check"]);
    assert_eq!(checked["ok"], true, "{checked}");
    assert!(!other.run(&["secret", "list"]).status.success(), "the vault opens without its key");
    fs::copy(home.path().join("vault.key"), other.path().join("vault.key")).unwrap();
    assert_eq!(other.json(&["secret", "list"])[0]["last4"], &SECRET[SECRET.len() - 4..]);
    let again = other.start();
    assert_ne!(again.token, running.token);
    let mut client = again.connect().await;
    let history = client.call("chat.history", json!({"sessionKey": "busy", "limit": 1000})).await.unwrap();
    let said =
        |run: &str| history["messages"].as_array().unwrap().iter().any(|message| message["__openclaw"]["runId"] == run);
    assert!(said("before"), "what was acknowledged before is in it: {history}");
    let verified = client.call("audit.verify", json!({})).await.unwrap();
    assert_eq!(verified["ok"], true, "{verified}");
    let workspace = other.workspace();
    assert_eq!(fs::read_to_string(workspace.join("a.md")).unwrap(), "two");
    assert_eq!(fs::read_link(workspace.join("link")).unwrap(), Path::new("a.md"));
    assert_eq!(fs::metadata(workspace.join("run.sh")).unwrap().permissions().mode() & 0o777, 0o750);
    // What an undo needs is there, too; it names the workspace by its path, so that it counts where the home was.
    let blobs = names(&home.path().join("blobs"));
    assert_eq!(names(&other.path().join("blobs")), blobs);
    assert!(!blobs.is_empty());
}

#[test]
fn without_a_host_it_is_made_by_the_command_and_changes_nothing() {
    let home = Home::new().config(TRUSTING).file("a.md", "one");
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("copy");
    let nothing = home.run(&["backup", to.to_str().unwrap()]);
    assert!(!nothing.status.success(), "there is nothing to copy yet");
    home.start().stop();
    let before = fs::read(home.path().join("host.redb")).unwrap();
    let made = home.json(&["backup", to.to_str().unwrap()]);
    assert_eq!(made["path"], to.to_str().unwrap());
    assert!(fs::read(home.path().join("host.redb")).unwrap() == before);
    assert_eq!(fs::read_to_string(to.join("workspace/a.md")).unwrap(), "one");
    restored(&to).start().stop();
}

#[test]
fn a_backup_goes_only_where_nothing_is_and_never_into_the_home() {
    let elsewhere = tempfile::tempdir().unwrap();
    let config = format!("{{agent: {{workspace: '{}'}}}}", elsewhere.path().display());
    let home = Home::new();
    home.start().stop();
    let refused = |to: &Path, why: &str| {
        let output = home.run(&["backup", to.to_str().unwrap()]);
        let note = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && note.contains(why), "{note}");
    };
    let place = tempfile::tempdir().unwrap();
    refused(place.path(), "is there already");
    refused(&home.path().join("copy"), "lies in the home");
    symlink(home.path().join("workspace"), place.path().join("inside")).unwrap();
    refused(&place.path().join("inside/copy"), "lies in the home");
    refused(&place.path().join("missing/copy"), "cannot find the folder");
    assert_eq!(names(place.path()), ["inside"]);
    // A workspace elsewhere is not in it, and is named.
    let home = home.config(&config);
    let made = home.json(&["backup", place.path().join("copy").to_str().unwrap()]);
    let skipped = made["skipped"].to_string();
    assert!(skipped.contains(elsewhere.path().to_str().unwrap()), "{made}");
}

#[tokio::test]
async fn a_kill_in_the_middle_leaves_no_backup_that_looks_like_one() {
    let home = Home::new().program(weakened()).env("OPENCLAW_TEST_CRASH_AT", "store copied");
    let running = home.start();
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("copy");
    let made = home.run(&["backup", to.to_str().unwrap()]);
    assert!(!made.status.success());
    assert!(!to.exists());
    assert!(names(place.path()).iter().all(|name| name.starts_with(".backup-")), "{:?}", names(place.path()));
    drop(running);
    // What is in there may be removed; the next one is not held up by it.
    let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
    let _running = home.start();
    assert!(home.run(&["backup", to.to_str().unwrap()]).status.success());
}
