//! Named folders and read-only grants.

use super::*;

// FS-12
#[tokio::test]
async fn a_read_only_folder_stays_as_it_is() {
    let site = Site::new();
    let steps = json!([
        {"files": {"op": "write", "path": "/notes/plan.md", "text": "x"}},
        {"files": {"op": "write", "path": "/notes/new.md", "text": "x"}},
        {"files": {"op": "create_new", "path": "/notes/new.md"}},
        {"files": {"op": "append", "path": "/notes/plan.md", "text": "x"}},
        {"files": {"op": "truncate", "path": "/notes/plan.md"}},
        {"files": {"op": "set_len", "path": "/notes/plan.md", "len": 0}},
        {"files": {"op": "remove_file", "path": "/notes/plan.md"}},
        {"files": {"op": "rename", "from": "/notes/plan.md", "to": "/notes/new.md"}},
        {"files": {"op": "create_dir", "path": "/notes/new"}},
    ]);
    check_refused(&steps, &site.probe(steps.clone()).await, "read-only");
    site.check_untouched();
    assert_eq!(std::fs::read_dir(site.notes()).unwrap().count(), 1);
    let read = site.probe(json!([{"files": {"op": "read", "path": "/notes/plan.md"}}])).await;
    assert_eq!(read[0]["ok"], "ham");
}

// FS-12: by flags that std never sends.
#[tokio::test]
async fn no_combination_of_flags_changes_a_read_only_folder() {
    let site = Site::with("grants: {probe: ['fs workspace read']}");
    let open =
        |how: Value, access: Value| json!({"raw": {"op": "open", "path": "kept.md", "how": how, "access": access}});
    let steps = json!([
        open(json!(["truncate"]), json!([])), open(json!(["truncate"]), json!(["read"])),
        open(json!(["create"]), json!(["read"])), open(json!(["create", "truncate"]), json!([])),
        open(json!([]), json!(["write"])), open(json!([]), json!(["read", "write"])),
        {"raw": {"op": "set_times", "path": "kept.md", "seconds": 1, "nanoseconds": 0}},
        {"raw": {"op": "symlink", "target": "kept.md", "path": "l"}},
        {"raw": {"op": "unlink", "path": "kept.md"}},
    ]);
    check_refused(&steps, &site.probe(steps.clone()).await, "read-only");
    site.check_untouched();
}

// FS-10
#[tokio::test]
async fn nothing_moves_between_folders_of_different_rights() {
    let site = Site::new();
    let steps = json!([
        {"files": {"op": "hard_link", "from": "/notes/plan.md", "to": "/workspace/x"}},
        {"files": {"op": "rename", "from": "/notes/plan.md", "to": "/workspace/x"}},
        {"files": {"op": "rename", "from": "/workspace/kept.md", "to": "/notes/x"}},
        {"files": {"op": "rename", "from": "/workspace/kept.md", "to": "/scratch/x"}},
        {"files": {"op": "hard_link", "from": "/workspace/kept.md", "to": "/scratch/x"}},
    ]);
    check_refused(&steps, &site.probe(steps.clone()).await, "");
    site.check_untouched();
}

#[tokio::test]
async fn a_folder_is_mounted_under_its_name_with_the_granted_rights() {
    let site = Site::with("grants: {probe: ['fs notes read-write']}");
    let steps = json!([
        {"raw": {"op": "preopens"}},
        {"files": {"op": "write", "path": "/notes/new.md", "text": "eggs"}},
    ]);
    let outcomes = site.probe(steps).await;
    assert_eq!(outcomes[0]["ok"], json!(["/notes"]));
    check_done(&outcomes);
    assert_eq!(std::fs::read_to_string(site.notes().join("new.md")).unwrap(), "eggs");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_mounted_and_doctor_says_so() {
    let site = Site::new();
    std::fs::rename(site.notes(), site.outside.path().join("unplugged")).unwrap();
    let outcomes = site.probe(json!([{"raw": {"op": "preopens"}}])).await;
    assert!(!outcomes[0].to_string().contains("notes"), "{outcomes:?}");
    let said = String::from_utf8(site.home.run(&["doctor"]).stdout).unwrap();
    assert!(said.contains("folders.notes") && said.contains("not mounted"), "{said}");
    // It is mounted as soon as it is there again.
    std::fs::rename(site.outside.path().join("unplugged"), site.notes()).unwrap();
    let read = site.probe(json!([{"files": {"op": "read", "path": "/notes/plan.md"}}])).await;
    assert_eq!(read[0]["ok"], "ham");
}

// FS-18
#[tokio::test]
async fn the_host_does_not_start_with_a_folder_that_can_never_be_granted() {
    for (path, rule) in
        [("/etc", "belongs to the system"), ("/", "belongs to the system"), ("/proc", "belongs to the system")]
    {
        let home = Home::new().config(&format!("{{folders: {{x: '{path}'}}}}"));
        let said = home.try_start().err().unwrap_or_else(|| panic!("{path} was taken"));
        assert!(said.contains("folders.x") && said.contains(rule), "{path}: {said}");
    }
    let home = Home::new();
    let inside = home.path().join("logs");
    let home = home.config(&format!("{{folders: {{x: {inside:?}}}}}"));
    std::fs::create_dir_all(&inside).unwrap();
    let said = home.try_start().err().unwrap();
    assert!(said.contains("host's own home"), "{said}");
}

// FS-18, AP-35
#[tokio::test]
async fn a_folder_that_was_replaced_by_a_link_is_not_mounted() {
    let site = Site::new();
    let running = site.home.start();
    std::fs::rename(site.notes(), site.outside.path().join("was-notes")).unwrap();
    symlink("/etc", site.notes()).unwrap();
    let outcomes = probe(&running, "r1", json!([{"raw": {"op": "preopens"}}])).await;
    assert!(!outcomes[0].to_string().contains("notes"), "{outcomes:?}");
}

#[tokio::test]
async fn the_hosts_start_removes_what_killed_calls_left_behind() {
    let site = Site::new();
    std::fs::create_dir_all(site.home.path().join("scratch/left/deep")).unwrap();
    std::fs::create_dir_all(site.scratch()).unwrap();
    std::fs::write(site.scratch().join("kept"), "kept").unwrap();
    let outcomes = site.probe(json!([{"files": {"op": "read", "path": "/scratch/kept"}}])).await;
    assert_eq!(outcomes[0]["ok"], "kept");
    assert!(!site.home.path().join("scratch/left").exists());
}
