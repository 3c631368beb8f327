//! The skills that come with OpenClaw, as they are: `cargo xtask setup` has fetched them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::host::Home;

/// The fetched packages, how many skills each has, and those that OpenClaw leaves out as well: that one has no
/// frontmatter.
const RELEASES: [(&str, usize, &[&str]); 2] = [("2026.9.6", 60, &[]), ("2026.1.30", 53, &["skills/canvas"])];

fn release(version: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/openclaw-skills").join(version).join("package");
    let path = path.canonicalize();
    path.unwrap_or_else(|err| panic!("the skills of OpenClaw {version} are not there ({err}): run `cargo xtask setup`"))
}

fn with_release(version: &str) -> (Home, Value) {
    let config = format!("{{skills: {{load: {{extraDirs: [{:?}]}}}}}}", release(version));
    let home = Home::new().config(&config);
    let running = home.start();
    let listed = home.json(&["skills", "list"]);
    drop(running);
    (home, listed)
}

#[test]
fn every_skill_that_comes_with_openclaw_is_read() {
    for (version, count, without) in RELEASES {
        let (_home, listed) = with_release(version);
        let left_out = listed["leftOut"].as_array().unwrap();
        let is_known = |left: &Value| without.iter().any(|name| left["path"].as_str().unwrap().ends_with(name));
        assert!(left_out.len() == without.len() && left_out.iter().all(is_known), "{version}: {left_out:?}");
        let skills = listed["skills"].as_array().unwrap();
        let hidden: usize = skills.iter().map(|skill| skill["hides"].as_array().unwrap().len()).sum();
        assert_eq!(skills.len() + hidden + without.len(), count, "{version}");
        for skill in skills {
            assert!(!skill["description"].as_str().unwrap().is_empty() && skill["bodyBytes"] != 0, "{skill}");
            // Of those that are no YAML, that is said.
            let read_by_line = |note: &Value| note.as_str().unwrap().ends_with("read line by line");
            assert!(skill["notes"].as_array().unwrap().iter().all(read_by_line), "{skill}");
        }
        let bytes = listed["promptBytes"].as_u64().unwrap();
        let offered = skills.iter().filter(|skill| skill["modelVisible"] == true).count();
        eprintln!("{version}: {} skills, {offered} offered in {bytes} bytes", skills.len());
    }
}

#[test]
fn their_conditions_are_read() {
    let (_home, listed) = with_release("2026.9.6");
    let of = |name: &str| {
        let skill = listed["skills"].as_array().unwrap().iter().find(|skill| skill["name"] == name);
        skill.unwrap_or_else(|| panic!("no {name}")).clone()
    };
    let notes = of("apple-notes");
    assert_eq!((&notes["requirements"]["os"][0], &notes["eligible"]), (&"darwin".into(), &false.into()));
    assert_eq!(notes["install"][0]["kind"], "brew");
    let places = of("goplaces");
    assert_eq!(
        (&places["requirements"]["env"][0], &places["primaryEnv"]),
        (&"GOOGLE_PLACES_API_KEY".into(), &"GOOGLE_PLACES_API_KEY".into())
    );
    assert_eq!(of("coding-agent")["missing"]["config"][0], "skills.entries.coding-agent.enabled");
    assert_eq!(of("clawhub")["eligible"], true);
}
