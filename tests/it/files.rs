//! Raw WASI files against the file system cases: by the real program, with a guest that tries what a test names.

mod folders;
mod kernel;
mod limits;
mod links;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::host::{Home, Host};

const CANARY: &str = "canary-9b42ce";
const GRANTS: &str = "grants: {probe: ['fs workspace read-write', 'fs scratch read-write', 'fs notes read']}";

/// A home with the probe, a folder `notes` that it may read, and a secret beside both.
struct Site {
    home: Home,
    outside: tempfile::TempDir,
    runs: AtomicU32,
}

impl Site {
    fn new() -> Site {
        Site::with(GRANTS)
    }

    /// `rest` stands in the configuration beside the folder `notes`.
    fn with(rest: &str) -> Site {
        let outside = tempfile::Builder::new().prefix("files-").tempdir().unwrap();
        for (name, text) in [("notes/plan.md", "ham"), ("secret/canary.txt", CANARY)] {
            let path = outside.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let notes = outside.path().join("notes");
        let config = format!("{{folders: {{notes: {notes:?}}}, {rest}}}");
        Site {
            home: Home::new().component("probe").config(&config).file("kept.md", "milk"),
            outside,
            runs: AtomicU32::new(100),
        }
    }

    fn notes(&self) -> PathBuf {
        self.outside.path().join("notes")
    }

    fn secret(&self) -> PathBuf {
        self.outside.path().join("secret")
    }

    fn scratch(&self) -> PathBuf {
        self.home.path().join("scratch/components/probe")
    }

    /// Makes a link in the workspace, as its owner may.
    fn link(&self, target: impl AsRef<Path>, name: &str) {
        symlink(target, self.home.workspace().join(name)).unwrap();
    }

    /// Has the probe try all steps in one call.
    async fn probe(&self, steps: Value) -> Vec<Value> {
        // A home remembers the names of its runs.
        let run = format!("r{}", self.runs.fetch_add(1, Ordering::Relaxed));
        probe(&self.home.start(), &run, steps).await
    }

    #[track_caller]
    fn check_untouched(&self) {
        let names: Vec<_> = std::fs::read_dir(self.secret()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["canary.txt"]);
        assert_eq!(std::fs::read_to_string(self.secret().join("canary.txt")).unwrap(), CANARY);
        assert_eq!(std::fs::read_to_string(self.notes().join("plan.md")).unwrap(), "ham");
        assert_eq!(std::fs::read_to_string(self.home.workspace().join("kept.md")).unwrap(), "milk");
    }
}

async fn probe(running: &Host, run: &str, steps: Value) -> Vec<Value> {
    let mut client = running.connect().await;
    let answer = client.ask(run, &format!("tool probe {}", json!({ "steps": steps }))).await;
    let outcomes = answer.strip_prefix("probe: ").unwrap_or_else(|| panic!("{answer}"));
    serde_json::from_str(outcomes).unwrap_or_else(|err| panic!("{err}: {answer}"))
}

/// Every step must have failed, with this WASI code if it was a raw one.
#[track_caller]
fn check_refused(steps: &Value, outcomes: &[Value], wasi: &str) {
    let steps = steps.as_array().unwrap();
    assert_eq!(outcomes.len(), steps.len());
    for (step, outcome) in steps.iter().zip(outcomes) {
        let error = &outcome["error"];
        assert!(error.is_object(), "{step} gave {outcome}");
        assert!(error["kind"] != "wasi" || error["code"] == wasi, "{step} gave {outcome}, not {wasi}");
        assert!(!outcome.to_string().contains(CANARY), "{step} gave {outcome}");
    }
}

#[track_caller]
fn check_done(outcomes: &[Value]) {
    for outcome in outcomes {
        assert!(outcome.get("ok").is_some(), "{outcomes:#?}");
    }
}
