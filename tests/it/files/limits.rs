//! Quotas, handles, many entries and odd times.

use super::*;

fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    entries.map(|metadata| metadata.len()).sum()
}

// FS-28
#[tokio::test]
async fn a_components_own_folder_holds_its_quota_and_not_more() {
    let site = Site::with(&format!("{GRANTS}, components: {{probe: {{limits: {{scratchMiB: 2}}}}}}"));
    let running = site.home.start();
    let steps = json!([
        {"files": {"op": "fill", "path": "/scratch/big", "mib": 200}},
        {"files": {"op": "set_len", "path": "/scratch/big", "len": 1_u64 << 40}},
        {"files": {"op": "write_at", "path": "/scratch/sparse", "offset": 10_u64 << 30}},
        {"files": {"op": "write", "path": "/scratch/small", "text": "x"}},
    ]);
    let outcomes = probe(&running, "r1", steps).await;
    assert_eq!(outcomes[0]["ok"]["written"], 2 << 20, "{outcomes:?}");
    assert_eq!(outcomes[1]["error"]["code"], "QuotaExceeded", "{outcomes:?}");
    // The C library of guests calls every failed write of a stream an input/output error.
    assert!(outcomes[2..].iter().all(|outcome| outcome["error"].is_object()), "{outcomes:?}");
    assert!(size_of(&site.scratch()) <= 2 << 20);
    // What is removed makes room, and what is kept is there for the next call.
    let steps = json!([
        {"files": {"op": "remove_file", "path": "/scratch/big"}},
        {"files": {"op": "write", "path": "/scratch/small", "text": "kept"}},
    ]);
    check_done(&probe(&running, "r2", steps).await);
    drop(running);
    let read = json!([{"files": {"op": "read", "path": "/scratch/small"}}, {"files": {"op": "fill", "path": "/scratch/more", "mib": 3}}]);
    let outcomes = site.probe(read).await;
    assert_eq!(outcomes[0]["ok"], "kept");
    assert!(outcomes[1]["ok"]["written"].as_u64().unwrap() < 2 << 20, "what lay there counts: {outcomes:?}");
}

// FS-28: the other folders have no quota of ours, and the words reach the model.
#[tokio::test]
async fn the_model_reads_that_the_folder_is_full() {
    let site = Site::with(&format!("{GRANTS}, components: {{probe: {{limits: {{scratchMiB: 1}}}}}}"));
    let running = site.home.start();
    let mut client = running.connect().await;
    let steps = json!([{"files": {"op": "fill", "path": "/scratch/big", "mib": 2}}, {"world": {"op": "fail"}}]);
    let answer = client.ask("r1", &format!("tool probe {}", json!({ "steps": steps }))).await;
    assert!(answer.contains("E_FS_QUOTA") && answer.contains("scratchMiB"), "{answer}");
}

#[tokio::test]
async fn a_components_own_folder_holds_so_many_files_and_not_more() {
    let site = Site::new();
    let steps = json!([{"files": {"op": "make_many", "path": "/scratch", "count": 10_001}}]);
    let outcomes = site.probe(steps).await;
    assert_eq!(outcomes[0]["ok"]["made"], 10_000, "{outcomes:?}");
}

// FS-30
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_opens_without_end_meets_its_limit_and_others_open_on() {
    let site = Site::new();
    let running = site.home.start();
    let mut client = running.connect().await;
    let hoard = json!({"steps": [{"files": {"op": "open_many", "path": "/workspace/kept.md", "count": 1_000_000}}]});
    for run in ["r1", "r2", "r3", "r4", "r5", "r6"] {
        let answer = client.ask(run, &format!("tool probe {hoard}")).await;
        assert!(answer.contains("E_LIMIT_HANDLES"), "{answer}");
    }
    // Six hoards would be more than the worker has: each gave its files back.
    let read = probe(&running, "r7", json!([{"files": {"op": "read", "path": "/workspace/kept.md"}}])).await;
    assert_eq!(read[0]["ok"], "milk");
}

// FS-34
#[tokio::test]
async fn a_directory_with_many_entries_is_read_as_a_stream() {
    let site = Site::new();
    let many = site.notes().join("many");
    std::fs::create_dir(&many).unwrap();
    for number in 0..20_000 {
        std::fs::File::create(many.join(format!("{number:0100}"))).unwrap();
    }
    let outcomes = site.probe(json!([{"files": {"op": "count", "path": "/notes/many"}}])).await;
    assert_eq!(outcomes[0]["ok"], 20_000);
}

// FS-40
#[tokio::test]
async fn odd_times_are_errors_or_clamped_and_break_nothing() {
    let site = Site::new();
    let set = |seconds: u64, nanoseconds: u32| json!({"raw": {"op": "set_times", "path": "kept.md", "seconds": seconds, "nanoseconds": nanoseconds}});
    let stat = json!({"raw": {"op": "stat", "path": "kept.md"}});
    let steps = json!([
        set(253_370_764_800, 0),
        stat,
        set(u64::MAX, 0),
        stat,
        set(u64::MAX, u32::MAX),
        set(1 << 63, 0),
        stat,
        set((1 << 63) - 1, 999_999_999),
        stat,
        set(1000, 1_999_999_999),
        stat,
        set(0, 0),
        stat,
    ]);
    let outcomes = site.probe(steps).await;
    assert_eq!(outcomes.len(), 13);
    assert_eq!(outcomes[12]["ok"]["size"], 4, "{outcomes:?}");
    site.check_untouched();
}
