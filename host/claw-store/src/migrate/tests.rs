//! Stores as earlier releases wrote them: `fixtures/store-vN.redb` holds what `tell` tells, written by schema N. Before
//! the schema changes, copy the file of a fresh store that was told it.

use claw_core::approval::Answer;
use claw_core::audit::{AuditFrom, AuditQuery};
use claw_core::effect::{KvOperation, KvRequest};
use claw_core::event::RunEnd;
use claw_core::grant::{GrantRow, Terms};
use claw_core::id::ApprovalId;
use claw_core::label::Labels;

use crate::fixture::*;
use crate::{
    ApprovalFilter, AuditEntry, AuditKind, Description, JournalStep, KvLimits, LabelledPlace, Receipt, Record,
    Repeatable, RunState, SessionQuery, Store,
};

/// The files of schema 1 and on.
const EARLIER: [&[u8]; (crate::tables::SCHEMA - 1) as usize] =
    [include_bytes!("fixtures/store-v1.redb"), include_bytes!("fixtures/store-v2.redb")];

/// Something of everything that a store can hold.
async fn tell(store: &Store) {
    for (id, session, when) in [("r1", "main", 1), ("r2", "main", 2), ("r3", "agent:main:side", 3)] {
        store.accept(inbound_to(id, session), at(when)).await.unwrap();
    }
    let started =
        JournalStep::CallStarted { call: call("c"), tool: tool(), component: component(), repeatable: Repeatable::No };
    let asked = Record { entries: vec![asks(&["c"])], steps: vec![started], ..Record::default() };
    store.record(&run("r1"), asked, at(4)).await.unwrap();
    for id in [1, 2] {
        store.park(approval(id, "r1")).await.unwrap();
    }
    store.resolve(ApprovalId::from_random(1).as_str(), Answer::Once, "cli", at(5)).await.unwrap();
    let answered = Record {
        entries: vec![answers("c"), said("done\nwith it")],
        steps: vec![JournalStep::CallEnded { call: call("c") }],
        recordings: vec![(call("c"), b"recorded \x00\xff".to_vec())],
        labels: Labels::private("a note"),
        end: done(),
        ..Record::default()
    };
    store.record(&run("r1"), answered, at(6)).await.unwrap();
    store.reset_session(&key("main"), "second".to_owned(), at(7)).await.unwrap();
    let failed = Some(RunEnd::Failed { kind: "timeout".to_owned(), message: "too long".to_owned() });
    store.record(&run("r2"), Record { end: failed, ..entries([asks(&["d"])]) }, at(8)).await.unwrap();
    store.record(&run("r3"), entries([said("at work"), notice("mind")]), at(9)).await.unwrap();
    keep(store).await;
}

/// What is not part of a conversation.
async fn keep(store: &Store) {
    let set = KvOperation::Set { key: "k".to_owned(), value: b"v".to_vec() };
    store.kv(&component(), KvRequest { store: "cache".to_owned(), operation: set }, KvLimits::default()).await.unwrap();
    let place = LabelledPlace::Scratch(component());
    store.add_labels(&place, &Labels::private("a file")).await.unwrap();
    let receipt = Receipt {
        version: "1.0.0".to_owned(),
        digest: digest(1),
        key: None,
        source: "file probe.wasm".to_owned(),
        manifest: None,
        described: Description::Digest(digest(2)),
        by: "cli".to_owned(),
        at: at(11),
    };
    store.install(&component(), receipt, Vec::new()).await.unwrap();
    let given = GrantRow { grant: "exec true".to_owned(), terms: Terms::default(), by: "cli".to_owned(), at: at(1) };
    store.change_grants(&component(), &digest(1), vec![given], vec![], "host", at(10)).await.unwrap();
    store.pause(&component(), "cli", "it asks too much", at(12)).await.unwrap();
    store.audit(AuditEntry::new(AuditKind::DecisionDeny, "component:probe", at(13))).await.unwrap();
}

fn state(state: &RunState) -> String {
    match state {
        RunState::Received => "received".to_owned(),
        RunState::Running => "running".to_owned(),
        RunState::Ended(RunEnd::Done { text, usage }) => {
            format!("done {text} {} {}", usage.input_tokens, usage.output_tokens)
        }
        RunState::Ended(RunEnd::Failed { kind, message }) => format!("failed {kind} {message}"),
        RunState::Ended(RunEnd::Aborted { text }) => format!("aborted {text}"),
        RunState::Ended(RunEnd::Joined { run }) => format!("joined {run}"),
    }
}

/// All that a told store says of itself.
fn describe(store: &Store) -> String {
    let mut text = String::new();
    let mut line = |what: &str, value: &dyn std::fmt::Debug| text.push_str(&format!("{what}: {value:?}\n"));
    for row in store.sessions(&SessionQuery::default()).unwrap().rows {
        let times = (row.created.0, row.updated.0);
        line(row.key.as_str(), &(&row.session_id, times, row.entries, row.runs, &row.last_message, &row.labels));
        line("log", &lines(&store.transcript(&row.key).unwrap()));
    }
    for id in ["r1", "r2", "r3"] {
        let row = store.run(&run(id)).unwrap().unwrap();
        let times = (row.received_at.0, row.ended_at.map(|at| at.0));
        line(id, &(row.session.as_str(), row.source.account, row.text, state(&row.state), row.attempts, times));
        line("journal", &store.journal(&run(id)).unwrap());
        line("recordings", &store.recordings(&run(id)).unwrap());
        line("entries", &store.run_entries(&run(id)).unwrap().len());
    }
    let unfinished: Vec<_> = store.unfinished_runs().unwrap().into_iter().map(|row| row.run).collect();
    line("unfinished", &unfinished);
    line("approvals", &store.approvals(ApprovalFilter::All).unwrap());
    line("pending", &store.approvals(ApprovalFilter::Pending).unwrap().len());
    line("grants", &store.grants(&component(), &digest(1)).unwrap());
    line("labels", &store.labels(&LabelledPlace::Scratch(component())).unwrap());
    line("packages", &store.packages().unwrap());
    line("paused", &store.paused(&component()).unwrap());
    let query = AuditQuery {
        from: AuditFrom::After(0),
        limit: 100,
        since: None,
        kind: None,
        component: None,
        run: None,
        session: None,
    };
    line("audit", &store.audit_page(&query).unwrap().rows.len());
    line("broken", &store.verify_audit().unwrap().broken);
    text
}

const STORY: &str = include_str!("fixtures/story.txt");

#[tokio::test]
async fn the_story_of_the_fixtures_is_the_one_that_is_told() {
    let (home, store) = store();
    tell(&store).await;
    assert_eq!(describe(&store), STORY);
    assert_eq!(describe(&reopen(&home, store)), STORY);
}

/// Puts the file of an earlier schema into a home.
fn old(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("store.redb");
    std::fs::write(&path, bytes).unwrap();
    (home, path)
}

#[tokio::test]
async fn each_earlier_schema_opens_with_all_its_content_and_is_kept_beside() {
    for (schema, bytes) in (1..).zip(EARLIER) {
        let (home, path) = old(bytes);
        let store = Store::open(&path, key_of_seal()).unwrap();
        assert_eq!(describe(&store), STORY, "schema {schema}");
        let kept = std::fs::read(home.path().join(format!("store.redb.schema-{schema}"))).unwrap();
        assert!(kept == *bytes, "the copy is not what was there");
        // What was said before a reset has become a branch, and the conversation goes on.
        let before = store.history(&key("main"), Some(1), newest(9)).unwrap();
        assert_eq!((before.session_id.as_str(), before.total), ("r1", 4));
        store.record(&run("r3"), entries([said("and on")]), at(20)).await.unwrap();
        let store = reopen(&home, store);
        assert_eq!(store.transcript(&key("agent:main:side")).unwrap().len(), 4);
    }
}

#[test]
fn a_look_at_an_earlier_schema_changes_nothing() {
    for bytes in EARLIER {
        let (home, path) = old(bytes);
        let store = Store::open_unchanged(&path, key_of_seal()).unwrap();
        assert_eq!(describe(&store), STORY);
        store.close();
        assert!(std::fs::read(&path).unwrap() == *bytes);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
