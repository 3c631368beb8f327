//! Scripts of skills: run by `exec` alone, with what their owner granted for them.

use serde_json::json;

use super::{put, skill};
use crate::client::Client;
use crate::host::{Home, Host};

const SCRIPT: &str = "#!/bin/sh\ncat \"$1\"\n";

/// A home whose own skill has a script, and a folder of somebody else's with a skill.
fn home(config: &str) -> Home {
    let home = Home::new().config(config);
    for name in ["tides", "other"] {
        let folder = home.path().join("skills").join(name);
        put(&folder, &skill(name, "", ""));
        std::fs::write(folder.join("table.txt"), format!("table of {name}")).unwrap();
        std::fs::write(folder.join("show.sh"), SCRIPT).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.join("show.sh"), mode).unwrap();
    }
    home
}

fn file(home: &Home, name: &str) -> String {
    home.path().canonicalize().unwrap().join("skills").join(name).display().to_string()
}

/// Somebody who may answer nothing: what would be asked about is refused.
async fn unanswered(running: &Host) -> Client {
    Client::with_scopes(&running.url, &running.token, &["operator.read", "operator.write"]).await
}

async fn exec(client: &mut Client, run: &str, argv: &[&str]) -> String {
    client.ask(run, &format!("tool exec {}", json!({"argv": argv}))).await
}

#[tokio::test]
async fn a_script_runs_only_if_its_owner_granted_it() {
    let home = home("{skills: {entries: {tides: {grants: ['exec {baseDir}/show.sh {baseDir}/table.txt']}}}}");
    let running = home.start();
    let mut client = unanswered(&running).await;
    let (script, table) = (file(&home, "tides/show.sh"), file(&home, "tides/table.txt"));
    let shown = exec(&mut client, "r1", &[&script, &table]).await;
    assert!(shown.contains("table of tides"), "{shown}");
    // Neither with other arguments, nor the script of a skill that was granted nothing.
    let other = file(&home, "other/show.sh");
    for (run, argv) in [("r2", [script.as_str(), "/etc/hostname"]), ("r3", [other.as_str(), &table])] {
        let refused = exec(&mut client, run, &argv).await;
        assert!(refused.contains("E_APPR"), "{refused}");
    }
}

#[tokio::test]
async fn a_script_reads_its_own_skill_and_no_other() {
    let home = home("{skills: {entries: {tides: {grants: ['exec {baseDir}/show.sh *']}}}}");
    let running = home.start();
    let mut client = unanswered(&running).await;
    let script = file(&home, "tides/show.sh");
    for (run, beyond) in [("r1", "other/table.txt"), ("r2", "../token"), ("r3", "../config.json5")] {
        let argv = [script.clone(), file(&home, "tides/..") + "/" + beyond];
        let shown = exec(&mut client, run, &[&argv[0], &argv[1]]).await;
        assert!(!shown.contains("table of other") && !shown.contains("grants:"), "{shown}");
        assert!(shown.contains("Permission denied"), "{shown}");
    }
}

#[tokio::test]
async fn the_grants_of_a_skill_go_with_it() {
    let home = home("{skills: {entries: {tides: {enabled: false, grants: ['exec {baseDir}/show.sh *']}}}}");
    let running = home.start();
    let script = file(&home, "tides/show.sh");
    let refused = exec(&mut unanswered(&running).await, "r1", &[&script, "x"]).await;
    assert!(refused.contains("E_APPR"), "{refused}");
    let output = Home::new().config("{skills: {entries: {a: {grants: ['exec curl **']}}}}").run(&["config", "check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(64) && said.contains("it names no file of the skill"), "{said}");
}

// SU-24
#[tokio::test]
async fn nobody_takes_over_what_another_skill_was_granted() {
    let elsewhere = tempfile::tempdir().unwrap();
    let key = "metadata: {openclaw: {skillKey: tides}}\n";
    let config = format!(
        "{{skills: {{load: {{extraDirs: [{:?}]}}, entries: {{tides: {{grants: ['exec {{baseDir}}/show.sh *']}}, heir: \
         {{grants: ['exec {{baseDir}}/show.sh *']}}, off: {{enabled: false}}}}}}}}",
        elsewhere.path()
    );
    let home = home(&config);
    put(&home.path().join("skills/other"), &skill("other", key, ""));
    put(&elsewhere.path().join("heir"), &skill("heir", "", ""));
    put(&elsewhere.path().join("off"), &skill("off", key, ""));
    std::fs::copy(home.path().join("skills/tides/show.sh"), elsewhere.path().join("heir/show.sh")).unwrap();
    let running = home.start();
    let mut client = unanswered(&running).await;
    let heir = elsewhere.path().canonicalize().unwrap().join("heir/show.sh").display().to_string();
    for (run, script) in [("r1", file(&home, "other/show.sh")), ("r2", heir)] {
        let refused = exec(&mut client, run, &[&script, "x"]).await;
        assert!(refused.contains("E_APPR"), "{refused}");
    }
    let why = home.run(&["skills", "why", "off"]);
    assert!(String::from_utf8_lossy(&why.stdout).contains("`off` is not offered"));
}

#[tokio::test]
async fn a_card_names_the_skill_that_a_program_may_read() {
    let home = home("{}");
    let running = home.start();
    let mut client = running.connect().await;
    let script = file(&home, "tides/show.sh");
    client.say("main", "r1", &format!("tool exec {}", json!({"argv": [script, "x"]}))).await;
    let card = client.card("r1").await.to_string();
    assert!(card.contains("May read the skill in") && card.contains("skills/tides"), "{card}");
}

// SU-23
#[tokio::test]
async fn no_tool_changes_a_skill() {
    let home = Home::new().file("skills/own/SKILL.md", &skill("own", "", "words"));
    let running = home.start();
    let mut client = running.connect().await;
    for (run, path) in
        [("r1", "skills/own/SKILL.md"), ("r2", "skills/new/SKILL.md"), ("r3", ".agents/skills/new/SKILL.md")]
    {
        let arguments = json!({"path": path, "content": "---\ndescription: mine\n---\n"});
        let refused = client.ask(run, &format!("tool write {arguments}")).await;
        assert!(refused.contains("E_FS_PROTECTED"), "{refused}");
    }
    assert_eq!(super::names(&home.json(&["skills", "list"])), ["own"]);
}
