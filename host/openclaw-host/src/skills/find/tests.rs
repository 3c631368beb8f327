use std::os::unix::fs::symlink;

use super::*;

/// A workspace, a home and a folder of somebody else's.
struct Places(tempfile::TempDir);

impl Places {
    fn new() -> Self {
        Places(tempfile::tempdir().unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn skill(&self, folder: &str) -> &Self {
        let folder = self.path(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(FILE), folder.to_string_lossy().as_bytes()).unwrap();
        self
    }

    fn roots(&self) -> Vec<Root> {
        let settings = SkillSettings {
            user_home: None,
            personal: Some(self.path("me/.agents/skills")),
            extra_dirs: vec![self.path("extra")],
            enabled: std::collections::BTreeMap::new(),
            grants: std::collections::BTreeMap::new(),
            prompt_bytes: 0,
            config: serde_json::Value::Null,
        };
        roots(&settings, &self.path("ws"), &self.path("home"))
    }

    /// What is found, and what is left out.
    fn look(&self) -> (Vec<String>, Vec<String>) {
        let Looked { found, left_out, .. } = look(&self.roots(), &HashMap::new());
        let shown = |path: &Path| path.strip_prefix(self.path("")).unwrap().display().to_string();
        let found = found.iter().map(|found| format!("{} {}", found.source.as_str(), shown(&found.folder)));
        let left_out = left_out.iter().map(|left| format!("{}: {}", shown(&left.path), left.why));
        (found.collect(), left_out.collect())
    }
}

#[test]
fn places_are_looked_through_in_their_order() {
    let places = Places::new();
    for folder in ["extra/e", "home/skills/h", "me/.agents/skills/p", "ws/.agents/skills/a", "ws/skills/group/w"] {
        places.skill(folder);
    }
    let (found, left_out) = places.look();
    let expected = [
        "workspace ws/skills/group/w",
        "project ws/.agents/skills/a",
        "personal me/.agents/skills/p",
        "home home/skills/h",
        "extra extra/e",
    ];
    assert_eq!((found, left_out), (expected.map(str::to_owned).to_vec(), Vec::new()));
}

#[test]
fn a_skill_ends_the_search_below_it_and_hidden_folders_are_passed_over() {
    let places = Places::new();
    places.skill("ws/skills/a").skill("ws/skills/a/b").skill("ws/skills/.git/c").skill("ws/skills/node_modules/d");
    places.skill("ws/skills/1/2/3/4/5/6").skill("ws/skills/1/2/3/4/5/x/7");
    assert_eq!(places.look().0, ["workspace ws/skills/1/2/3/4/5/6", "workspace ws/skills/a"]);
}

#[test]
fn an_extra_folder_can_be_a_skill_itself() {
    let places = Places::new();
    places.skill("extra").skill("ws/skills");
    assert_eq!(places.look().0, ["extra extra"]);
}

#[test]
fn links_are_not_followed() {
    let places = Places::new();
    places.skill("elsewhere/a").skill("ws/skills/own");
    fs::create_dir_all(places.path("ws/skills/file")).unwrap();
    symlink(places.path("elsewhere/a"), places.path("ws/skills/out")).unwrap();
    symlink(places.path("ws/skills/own"), places.path("ws/skills/twin")).unwrap();
    symlink(places.path("elsewhere/a/SKILL.md"), places.path("ws/skills/file/SKILL.md")).unwrap();
    symlink(places.path("elsewhere"), places.path("ws/.agents")).unwrap();
    let (found, left_out) = places.look();
    assert_eq!(found, ["workspace ws/skills/own"]);
    let left_out: Vec<_> = left_out.iter().map(|line| line.split(", ").next().unwrap()).collect();
    assert_eq!(
        left_out,
        ["ws/skills/file: its SKILL.md is a link", "ws/skills/out: it is a link", "ws/skills/twin: it is a link",]
    );
    fs::create_dir_all(places.path("elsewhere/skills")).unwrap();
    assert!(places.look().1.iter().any(|line| line.starts_with("ws/.agents/skills: it is a link that leads out")));
}

#[test]
fn a_file_that_looks_as_it_did_is_not_read_again() {
    let places = Places::new();
    places.skill("ws/skills/a");
    let Looked { found, folders, .. } = look(&places.roots(), &HashMap::new());
    assert_eq!(folders, 2, "the place and the skill");
    let known = HashMap::from([(found[0].file(), (found[0].stamp, found[0].digest))]);
    assert!(found[0].text.is_some() && look(&places.roots(), &known).found[0].text.is_none());
    fs::write(found[0].file(), "other").unwrap();
    assert_eq!(look(&places.roots(), &known).found[0].text.as_deref(), Some("other"));
}
