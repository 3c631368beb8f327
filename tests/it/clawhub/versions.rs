//! Skills that stay at a version, go back to one, and are updated together with packages.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::site::{self, Site, Skill};
use super::{FILES, TIDES, below, folder, home, standing, with_tides};
use crate::host::{Home, weakened};
use crate::packages::{package, with_tail};

/// What a version says of itself, so that the model tells which one it reads.
fn text(version: &str) -> String {
    TIDES.replace("HARBOUR", version)
}

fn publish(site: &Site, version: &str) {
    let archive = site::zip(&[("SKILL.md", &text(version)), ("only.md", version)]);
    site.change("tides", |skill| skill.versions.push((version.to_owned(), archive)));
}

fn update(home: &Home) {
    home.ok(&["skill", "update", "clawhub:tides", "--yes"]);
}

/// The version that is listed; its files are those that lie there, and those of no other.
fn version(home: &Home) -> String {
    let listed = home.json(&["skill", "list"])["skills"][0]["version"].as_str().unwrap().to_owned();
    let text = fs::read_to_string(folder(home).join("SKILL.md")).unwrap();
    assert!(text.contains(&format!("now.sh {listed}.")) || listed == "1.0.0" && text == TIDES, "{listed}: {text}");
    assert_eq!(folder(home).join("scripts/now.sh").exists(), listed == "1.0.0");
    assert!(home.ok(&["skill", "verify", "clawhub:tides"]).contains("is as it came"));
    listed
}

fn archives(home: &Home) -> Vec<PathBuf> {
    let files = below(&home.path().join("clawhub/tides/.archives")).into_iter();
    files.map(|(path, _)| path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_versions_before_are_kept_to_go_back_to() {
    let (site, home) = with_tides().await;
    let running = home.start();
    home.ok(&["skill", "install", "clawhub:tides", "--yes"]);
    assert!(home.no(&["skill", "rollback", "clawhub:tides"]).contains("has no version before this one"));
    for version in ["1.1.0", "1.2.0", "1.3.0", "1.4.0"] {
        publish(&site, version);
        update(&home);
    }
    assert_eq!(archives(&home).len(), 4, "the oldest is gone");
    drop(site);
    for expected in ["1.3.0", "1.2.0", "1.1.0"] {
        let said = home.ok(&["skill", "rollback", "clawhub:tides"]);
        assert!(said.contains(&format!("is at version {expected} again")), "{said}");
        assert_eq!(version(&home), expected);
    }
    assert!(home.no(&["skill", "rollback", "clawhub:tides"]).contains("has no version before this one"));
    drop(running);
    let _running = home.start();
    assert_eq!((version(&home).as_str(), archives(&home).len()), ("1.1.0", 4), "it stays over a restart");
    let on_record = home.json(&["audit", "list", "--kind", "skill"]);
    let last = on_record.as_array().unwrap().iter().map(|row| &row["entry"]["subject"]);
    assert_eq!(last.filter(|it| **it == "clawhub:tides@1.1.0").count(), 2, "{on_record}");
    assert!(home.no(&["skill", "rollback", "clawhub:nothing"]).contains("no skill `clawhub:nothing` is installed"));
    assert!(home.no(&["skill", "rollback", "nothing", "--force"]).contains("for skills of ClawHub"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_back_to_what_was_changed_or_must_not_run() {
    let (site, home) = with_tides().await;
    let _running = home.start();
    home.ok(&["skill", "install", "clawhub:tides", "--yes"]);
    publish(&site, "1.1.0");
    update(&home);
    let back = ["skill", "rollback", "clawhub:tides"];
    fs::write(folder(&home).join("only.md"), "mine").unwrap();
    let before = standing(&home);
    let held = home.no(&back);
    assert!(held.contains("only.md") && held.contains("`--force`"), "{held}");
    home.ok(&["skill", "revoke", "clawhub:tides@1.0.0"]);
    assert!(home.no(&[&back[..], &["--force"]].concat()).contains("E_PKG_REVOKED"));
    home.ok(&["skill", "unrevoke", "clawhub:tides@1.0.0"]);
    let list = home.json(&["skill", "list"]);
    let oldest = list["skills"][0]["versions"][0]["archive"].as_str().unwrap();
    let archive = home.path().join(format!("clawhub/tides/.archives/{oldest}.zip"));
    let kept = fs::read(&archive).unwrap();
    fs::set_permissions(&archive, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&archive, site::zip(&[("SKILL.md", TIDES), ("mean.md", "x")])).unwrap();
    let refused = home.no(&[&back[..], &["--force"]].concat());
    assert!(refused.contains("E_PKG_DIGEST") && refused.contains("skill install clawhub:tides@1.0.0"), "{refused}");
    let said = String::from_utf8(home.run(&["skill", "verify"]).stdout).unwrap();
    assert!(said.contains("the kept archive of 1.0.0: it was changed"), "{said}");
    fs::write(&archive, kept).unwrap();
    assert!(standing(&home) == before, "nothing of that has changed anything");
    home.ok(&[&back[..], &["--force"]].concat());
    assert_eq!(version(&home), "1.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_skill_stays_at_its_version_here_and_where_it_is_restored() {
    let (site, here) = with_tides().await;
    let running = here.start();
    here.ok(&["skill", "install", "clawhub:tides", "--yes"]);
    assert!(here.ok(&["skill", "pin", "clawhub:tides"]).contains("stays at version 1.0.0"));
    publish(&site, "1.1.0");
    let held = here.no(&["skill", "update", "clawhub:tides", "--yes"]);
    assert!(held.contains("is pinned to version 1.0.0") && held.contains("skill unpin clawhub:tides"), "{held}");
    assert!(here.no(&["skill", "install", "clawhub:tides@1.1.0", "--yes"]).contains("is pinned to its version"));
    assert!(here.ok(&["skill", "list"]).lines().any(|line| line.contains("tides") && line.ends_with("pinned")));
    drop(running);
    let _running = here.start();
    assert_eq!(here.json(&["skill", "list"])["skills"][0]["isPinned"], true, "over a restart, too");

    let lock = here.ok(&["skill", "lock"]);
    let there = home(&site);
    let _other_running = there.start();
    let file = there.path().join("skills.lock");
    fs::write(&file, &lock).unwrap();
    there.ok(&["skill", "restore", &file.display().to_string(), "--yes"]);
    assert!(there.no(&["skill", "update", "clawhub:tides", "--yes"]).contains("is pinned"));
    assert_eq!(there.ok(&["skill", "lock"]), lock);

    assert!(here.ok(&["skill", "unpin", "clawhub:tides"]).contains("may change again"));
    update(&here);
    assert_eq!(version(&here), "1.1.0");
    assert!(here.no(&["skill", "pin", "clawhub:nothing"]).contains("no skill `clawhub:nothing` is installed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_not_pinned_is_updated_together() {
    let (site, home) = with_tides().await;
    site.put("moon", Skill::new("1.0.0", &[("SKILL.md", &TIDES.replace("tides", "moon"))]));
    let _running = home.start();
    assert!(home.ok(&["skill", "update", "--all"]).contains("nothing is installed"));
    for skill in ["clawhub:tides", "clawhub:moon"] {
        home.ok(&["skill", "install", skill, "--yes"]);
    }
    home.ok(&["skill", "install", &home.source(&package(&[])), "--yes", "--grant", "kv notes"]);
    home.source(&with_tail(package(&[]), 7));
    publish(&site, "1.1.0");
    home.ok(&["skill", "pin", "clawhub:moon"]);
    site.change("moon", |skill| skill.versions.push(("1.1.0".to_owned(), site::zip(&FILES[..1]))));
    let held = home.run(&["skill", "update", "--all"]);
    let said = String::from_utf8(held.stdout).unwrap();
    assert_eq!(held.status.code(), Some(1), "{said}");
    for line in [
        "`effects` 0.1.0 is installed; it was given: kv notes\n",
        "`clawhub:moon` stays at version 1.0.0: it is pinned\n",
        "`clawhub:tides` stays at version 1.0.0\n",
        "there is no terminal to ask",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let rows = home.json(&["skill", "update", "--all", "--yes"]);
    let row = |name: &str| rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!(row("clawhub:tides"), json!({"name": "clawhub:tides", "version": "1.1.0", "isPinned": false}));
    assert_eq!(row("clawhub:moon"), json!({"name": "clawhub:moon", "version": "1.0.0", "isPinned": true}));
    assert_eq!(version_of(&home, "moon"), "1.0.0");
    // A place that is silent keeps no other from its update.
    std::fs::remove_file(home.path().join("incoming.wasm")).unwrap();
    publish(&site, "1.2.0");
    let rows = home.json(&["skill", "update", "--all", "--yes"]);
    assert!(rows[0]["error"]["message"].as_str().is_some_and(|why| !why.is_empty()), "{rows}");
    assert_eq!(version_of(&home, "tides"), "1.2.0");
    for args in
        [&["skill", "update"][..], &["skill", "update", "effects", "--all"], &["skill", "update", "--all", "--force"]]
    {
        assert_eq!(home.run(args).status.code(), Some(2), "{args:?}");
    }
}

fn version_of(home: &Home, slug: &str) -> String {
    let list = home.json(&["skill", "list"]);
    let skill = list["skills"].as_array().unwrap().iter().find(|it| it["slug"] == slug).unwrap();
    skill["version"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_release_has_installed_goes_on() {
    let (site, home) = with_tides().await;
    let running = home.start();
    home.ok(&["skill", "install", "clawhub:tides", "--yes"]);
    drop(running);
    let place = home.path().join("clawhub/tides");
    let receipt = place.join("receipt.json");
    let kept: Value = serde_json::from_slice(&fs::read(&receipt).unwrap()).unwrap();
    fs::write(&receipt, kept["versions"][0].to_string()).unwrap();
    fs::remove_dir_all(place.join(".archives")).unwrap();
    let _running = home.start();
    assert_eq!(version(&home), "1.0.0");
    home.ok(&["skill", "pin", "clawhub:tides"]);
    home.ok(&["skill", "unpin", "clawhub:tides"]);
    publish(&site, "1.1.0");
    update(&home);
    assert_eq!(version(&home), "1.1.0");
    let none = home.no(&["skill", "rollback", "clawhub:tides"]);
    assert!(none.contains("has no version before this one"), "nothing was kept of it: {none}");
    publish(&site, "1.2.0");
    update(&home);
    home.ok(&["skill", "rollback", "clawhub:tides"]);
    assert_eq!(version(&home), "1.1.0");
}

/// What is done to a skill of which 1.0.0 and 1.1.0 are installed.
#[derive(Clone, Copy, Debug)]
enum Step {
    Update,
    RollBack,
    Pin,
}

/// Cuts a step off at each of its points; gives how many there are, and how often it was done all the same.
async fn cut_off(step: Step, expected: &str) -> (usize, usize) {
    let args: &[&str] = match step {
        Step::Update => &["skill", "update", "clawhub:tides", "--yes"],
        Step::RollBack => &["skill", "rollback", "clawhub:tides"],
        Step::Pin => &["skill", "pin", "clawhub:tides"],
    };
    let (mut points, mut done) = (0, 0);
    loop {
        let (site, home) = with_tides().await;
        let running = home.start();
        home.ok(&["skill", "install", "clawhub:tides", "--yes"]);
        publish(&site, "1.1.0");
        update(&home);
        drop(running);
        publish(&site, "1.2.0");
        let home = home.program(weakened()).env("OPENCLAW_TEST_CRASH_AT", points + 1);
        let running = home.start();
        let lived = home.run(args).status.success();
        drop(running);
        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let _running = home.start();
        let found = version(&home);
        assert!(found == "1.1.0" || found == expected, "{step:?}, point {points}: {found}");
        assert_eq!(fs::read_dir(home.path().join("clawhub")).unwrap().count(), 1, "{step:?}, point {points}");
        let list = home.json(&["skill", "list"]);
        let skill = &list["skills"][0];
        assert_eq!(skill["versions"].as_array().unwrap().len(), archives(&home).len(), "{step:?}, point {points}");
        let is_done = match step {
            Step::Update | Step::RollBack => found == expected,
            Step::Pin => skill["isPinned"] == true,
        };
        if lived {
            assert!(is_done, "what was said to be done is");
            return (points, done);
        }
        // Whichever counts, there is one to go back to.
        if found != "1.0.0" {
            home.ok(&["skill", "rollback", "clawhub:tides"]);
        }
        done += usize::from(is_done);
        points += 1;
    }
}

// SU-15
#[tokio::test(flavor = "multi_thread")]
async fn a_skills_update_that_is_cut_off_is_whole_or_not_there() {
    let (points, done) = cut_off(Step::Update, "1.2.0").await;
    assert!(points >= 3 && done >= 1, "{points} points, {done} of them too late to undo");
}

// SU-15
#[tokio::test(flavor = "multi_thread")]
async fn a_skills_way_back_that_is_cut_off_is_gone_or_not_gone() {
    let (points, done) = cut_off(Step::RollBack, "1.0.0").await;
    assert!(points >= 3 && done >= 1, "{points} points, {done} of them too late to undo");
}

// SU-15
#[tokio::test(flavor = "multi_thread")]
async fn a_skills_pin_that_is_cut_off_is_set_or_not() {
    let (points, done) = cut_off(Step::Pin, "1.1.0").await;
    assert!(points >= 2 && done >= 1, "{points} points, {done} of them too late to undo");
}
