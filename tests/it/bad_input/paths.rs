//! Paths that lead out of the workspace, through the tools that models use.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use super::check_goes_on;
use crate::host::Home;

const CANARY: &str = "canary-5d1e0f";

/// A home with a secret beside its workspace.
fn home() -> Home {
    let home = Home::new().file("notes.md", "milk\n");
    std::fs::create_dir(home.path().join("secret")).unwrap();
    std::fs::write(canary(&home), CANARY).unwrap();
    home
}

fn canary(home: &Home) -> std::path::PathBuf {
    home.path().join("secret/canary.txt")
}

/// Everything in the folder of the secret, with content, access rights and time of the last change.
fn secret(home: &Home) -> Vec<String> {
    let describe = |path: &Path| {
        let metadata = std::fs::symlink_metadata(path).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        format!("{} {:?} {:?} {text}", path.display(), metadata.permissions(), metadata.modified().unwrap())
    };
    let mut names: Vec<_> =
        std::fs::read_dir(home.path().join("secret")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|path| describe(path)).collect()
}

/// Every way in which the file tools take a path.
fn calls(path: &str) -> Vec<String> {
    let patch = |step: &str| json!({"input": format!("*** Begin Patch\n{step}\n*** End Patch")});
    vec![
        format!("tool read {}", json!({ "path": path })),
        format!("tool write {}", json!({"path": path, "content": "overwritten"})),
        format!("tool edit {}", json!({"path": path, "edits": [{"oldText": CANARY, "newText": "overwritten"}]})),
        format!("tool apply_patch {}", patch(&format!("*** Add File: {path}\n+overwritten"))),
        format!("tool apply_patch {}", patch(&format!("*** Update File: {path}\n@@\n-{CANARY}\n+overwritten"))),
        format!("tool apply_patch {}", patch(&format!("*** Delete File: {path}"))),
        format!(
            "tool apply_patch {}",
            patch(&format!("*** Update File: notes.md\n*** Move to: {path}\n@@\n-milk\n+ham"))
        ),
    ]
}

/// Tries all calls on each path. Each must be refused with `code`, show nothing and change nothing.
async fn check(home: &Home, paths: &[&str], code: &str) {
    let before = secret(home);
    let running = home.start();
    let mut client = running.connect().await;
    for (number, path) in paths.iter().enumerate() {
        let calls = calls(path);
        let answer = client.ask(&format!("r{number}"), &calls.join("\n")).await;
        assert_eq!(answer.matches(&format!("{code}: ")).count(), calls.len(), "{path}:\n{answer}");
        assert!(!answer.contains(CANARY) && !answer.contains("root:"), "{path}:\n{answer}");
    }
    assert_eq!(secret(home), before);
    assert_eq!(std::fs::read_to_string(home.workspace().join("notes.md")).unwrap(), "milk\n");
    check_goes_on(&running).await;
}

// FS-01
#[tokio::test]
async fn no_tool_climbs_out_of_the_workspace() {
    let paths =
        ["../secret/canary.txt", "a/../../secret/canary.txt", "/workspace/../secret/canary.txt", "../token", ".."];
    check(&home(), &paths, "E_FS_OUTSIDE").await;
}

// FS-02
#[tokio::test]
async fn no_tool_takes_a_path_of_the_host() {
    let home = home();
    let (outside, inside) = (canary(&home), home.workspace().join("notes.md"));
    check(&home, &["/etc/passwd", outside.to_str().unwrap(), inside.to_str().unwrap()], "E_FS_OUTSIDE").await;
}

// FS-37
#[tokio::test]
async fn no_tool_takes_a_path_that_other_programs_would_expand() {
    let paths = [
        "@/etc/passwd",
        "file:///etc/passwd",
        "~root/x",
        "~/x",
        "$HOME/x",
        "%2e%2e/secret/canary.txt",
        r"..\secret\canary.txt",
        r"C:\x",
    ];
    check(&home(), &paths, "E_FS_OUTSIDE").await;
}

// FS-03, FS-06, FS-08
#[tokio::test]
async fn no_tool_follows_a_link_out_of_the_workspace() {
    let home = home();
    let link = |target: &str, name: &str| symlink(target, home.workspace().join(name)).unwrap();
    link("../secret", "out");
    link("/etc", "abs");
    link("../secret/canary.txt", "file");
    link(canary(&home).to_str().unwrap(), "whole");
    link("../secret/created.txt", "new");
    check(&home, &["out/canary.txt", "abs/passwd", "file", "whole", "new", "out/created.txt"], "E_FS_LINK").await;
    let running = home.start();
    let mut client = running.connect().await;
    let listed = client.ask("l1", r#"tool list {"path":"out"}"#).await;
    assert!(listed.contains("E_FS_LINK") && !listed.contains("canary"), "{listed}");
    // A search walks past links, and tells nothing of what is behind them.
    let found = client.ask("l2", &format!("tool grep {}", json!({"pattern": "canary-[0-9a-f]+"}))).await;
    assert!(!found.contains(CANARY), "{found}");
    let globbed = client.ask("l3", r#"tool glob {"pattern":"**/*.txt"}"#).await;
    assert!(!globbed.contains("canary.txt"), "{globbed}");
}

// FS-26
#[tokio::test]
async fn files_that_make_other_programs_run_something_stay_as_they_are() {
    let home =
        Home::new().file("notes.md", "milk\n").file(".git/hooks/pre-commit", "#!/bin/sh\n").file(".env", "A=1\n");
    let running = home.start();
    let mut client = running.connect().await;
    let write = |path: &str| format!("tool write {}", json!({"path": path, "content": "overwritten"}));
    for (number, path) in
        [".git/hooks/pre-commit", ".GIT/hooks/new", ".git/config", ".env", "a/.env"].iter().enumerate()
    {
        let answer = client.ask(&format!("r{number}"), &write(path)).await;
        assert!(answer.contains("E_FS_PROTECTED"), "{path}: {answer}");
    }
    assert_eq!(std::fs::read_to_string(home.workspace().join(".env")).unwrap(), "A=1\n");
    check_goes_on(&running).await;
}
