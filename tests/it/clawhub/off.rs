//! Skills that are off, and what runs of them.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::site::{self, Skill};
use super::{FILES, TIDES, offered, with_tides};
use crate::client::{Client, PATIENCE};

// P12
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_skill_is_off_from_the_next_call_on() {
    let (site, home) = with_tides().await;
    site.put("moon", Skill::new("1.0.0", &[("SKILL.md", &TIDES.replace("tides", "moon"))]));
    let running = home.start();
    for skill in ["clawhub:tides", "clawhub:moon"] {
        home.ok(&["skill", "install", skill, "--yes"]);
    }
    let mut client = running.connect().await;
    let read = async |client: &mut Client, run: &str, name: &str| {
        client.ask(run, &format!(r#"tool skill {{"name": "{name}"}}"#)).await
    };
    assert!(read(&mut client, "r1", "tides").await.contains("HARBOUR"));
    home.ok(&["skill", "revoke", "clawhub:tides@1.0.0", "--reason", "stolen account"]);
    assert!(read(&mut client, "r2", "tides").await.contains("there is no skill of this name"));
    assert!(read(&mut client, "r3", "moon").await.contains("HARBOUR"), "what is not listed goes on");
    let listed = home.ok(&["skill", "list"]);
    assert!(listed.contains("off: E_PKG_REVOKED") && listed.contains("stolen account"), "{listed}");
    let check = String::from_utf8(home.run(&["skills", "check"]).stdout).unwrap();
    assert!(check.contains("left out: ~/clawhub/tides/tides: E_PKG_REVOKED"), "{check}");
    let doctor = String::from_utf8(home.run(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("`clawhub:tides` is off: E_PKG_REVOKED"), "{doctor}");
    assert!(home.no(&["skill", "install", "clawhub:tides", "--yes"]).contains("E_PKG_REVOKED"));
    site.change("tides", |skill| skill.versions.push(("1.0.1".to_owned(), site::zip(&FILES[..1]))));
    home.ok(&["skill", "inspect", "clawhub:tides"]);
    drop(running);
    let _running = home.start();
    assert_eq!(offered(&home), ["moon"]);
    home.ok(&["skill", "unrevoke", "clawhub:tides@1.0.0"]);
    assert_eq!(offered(&home), ["moon", "tides"]);

    // Whatever else lies there is no skill.
    std::fs::create_dir_all(home.path().join("clawhub/own/own")).unwrap();
    std::fs::write(home.path().join("clawhub/own/own/SKILL.md"), TIDES.replace("tides", "own")).unwrap();
    std::fs::copy(home.path().join("clawhub/moon/receipt.json"), home.path().join("clawhub/own/receipt.json")).unwrap();
    assert_eq!(offered(&home), ["moon", "tides"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_scripts_run_only_by_a_grant_that_names_them_whole() {
    let (site, home) = with_tides().await;
    let script = home.path().canonicalize().unwrap().join("clawhub/tides/tides/scripts/now.sh").display().to_string();
    let own = "skills: {entries: {tides: {grants: ['exec {baseDir}/scripts/now.sh *']}}}";
    let home = home.config(&format!("{{clawhub: {{url: '{}'}}, {own}}}", site.url));
    let running = home.start();
    home.ok(&["skill", "install", "clawhub:tides", "--yes"]);
    let run = async |running: &crate::host::Host, id: &str| {
        let scopes = ["operator.read", "operator.write"];
        let mut client = Client::with_scopes(&running.url, &running.token, &scopes).await;
        client.ask(id, &format!("tool exec {}", json!({"argv": [script, "Cuxhaven"]}))).await
    };
    let refused = run(&running, "r1").await;
    assert!(refused.contains("E_APPR"), "a stranger's skill gets nothing by its name: {refused}");
    drop(running);
    let home = home.config(&format!("{{clawhub: {{url: '{}'}}, grants: {{exec: ['exec {script} *']}}}}", site.url));
    let running = home.start();
    let ran = run(&running, "r2").await;
    assert!(ran.contains("high water in Cuxhaven"), "{ran}");
}

/// Programs of this machine that were started with a path.
fn running_of(path: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(path)).count()
}

async fn until(holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("it does not come to that");
}

// P12
#[tokio::test(flavor = "multi_thread")]
async fn programs_of_a_revoked_skill_end_within_a_second_and_others_go_on() {
    let (site, home) = with_tides().await;
    let wait = "#!/bin/sh\nsleep 60\n";
    for (slug, name) in [("tides", "tides"), ("moon", "moon")] {
        let text = TIDES.replace("tides", name);
        site.put(slug, Skill::new("1.0.0", &[("SKILL.md", &text), ("wait.sh", wait)]));
    }
    let script = |slug: &str| {
        home.path().canonicalize().unwrap().join(format!("clawhub/{slug}/{slug}/wait.sh")).display().to_string()
    };
    let (tides, moon) = (script("tides"), script("moon"));
    let grants = json!({"exec": [format!("exec {tides}"), format!("exec {moon}")]});
    let home = home.config(&format!("{{clawhub: {{url: '{}'}}, grants: {grants}}}", site.url));
    let running = home.start();
    for skill in ["clawhub:tides", "clawhub:moon"] {
        home.ok(&["skill", "install", skill, "--yes"]);
    }
    let mut client = running.connect().await;
    let mut background = async |argv: &str| {
        let args = json!({"name": "exec", "args": {"argv": [argv], "background": 60}});
        client.call("tools.invoke", args).await.unwrap()
    };
    for argv in [&tides, &moon] {
        let started = background(argv).await;
        assert_eq!(started["ok"], true, "{started}");
    }
    let mut other = running.connect().await;
    let call = other.send("tools.invoke", json!({"name": "exec", "args": {"argv": [tides]}})).await;
    until(|| running_of(&tides) == 2 && running_of(&moon) == 1).await;
    let begun = Instant::now();
    home.ok(&["skill", "revoke", "clawhub:tides"]);
    let ended = other.response(&call).await;
    until(|| running_of(&tides) == 0).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(ended.as_ref().map_or(true, |answer| answer["ok"] == false), "{ended:?}");
    assert_eq!(running_of(&moon), 1, "what is not listed goes on");
}
