use std::fs;
use std::path::Path;

use claw_core::approval::{Always, Answer};
use claw_core::grant::{GrantRow, Terms};
use claw_core::inbound::Inbound;
use claw_core::label::Labels;
use claw_core::message::Message;
use tempfile::TempDir;

use crate::fixture::*;
use crate::{
    AuditEntry, AuditKind, Cost, CostOf, JournalStep, PageEnd, Point, Record, Retention, RunState, SessionQuery, Spent,
    Store, StoreError,
};

/// What must not be found in any file.
const CANARY: &str = "zebrafinch";
const KEY: &str = "incognito:a";

fn both() -> (TempDir, Store, Store) {
    let (home, store) = store();
    let incognito = store.incognito();
    (home, store, incognito)
}

/// The files below a folder that hold a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let holds = |path: &Path| fs::read(path).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes());
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| holds(path)).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

/// A turn in which everything that can hold words holds the canary.
async fn speak(store: &Store, session: &str, id: &str) {
    let inbound = Inbound { text: CANARY.to_owned(), images: vec![image(1)], ..inbound_to(id, session) };
    let bytes = vec![(digest(1), CANARY.as_bytes().to_vec())];
    let bytes = if key(session).is_incognito() { bytes } else { Vec::new() };
    store.accept_showing(inbound, crate::Preferences::default(), bytes, at(1)).await.unwrap();
    store.title_session(&key(session), Some(CANARY)).await.unwrap();
    let mut question = approval(1 << 112, id);
    (question.session, question.card.title) = (key(session), CANARY.to_owned());
    question.card.lines = vec![(CANARY.to_owned(), CANARY.to_owned())];
    question.argv = vec![CANARY.to_owned()];
    let (call, digest) = (question.call.clone(), question.digest);
    store.park(question.clone()).await.unwrap();
    store.resolve("0001", Answer::Once, "ws:owner", at(2)).await.unwrap();
    let effect = JournalStep::EffectStarted { call: call.clone(), index: 0, digest, approval: Some(question.id) };
    let ended = JournalStep::EffectEnded { call: call.clone(), index: 0, summary: CANARY.to_owned() };
    let entry = |kind| AuditEntry {
        session: Some(key(session)),
        subject: Some(CANARY.to_owned()),
        outcome: Some(CANARY.to_owned()),
        tainted: Some(CANARY.to_owned()),
        private: Some(CANARY.to_owned()),
        code: Some("E_CODE".to_owned()),
        ..AuditEntry::new(kind, "component:probe", at(3))
    };
    let record = Record {
        entries: vec![said(CANARY)],
        steps: vec![effect, ended],
        audit: vec![entry(AuditKind::EffectStarted), entry(AuditKind::EffectEnded)],
        recordings: vec![(call, CANARY.as_bytes().to_vec())],
        cost: Cost { tokens: 10, micros: 7 },
        labels: Labels::tainted(CANARY),
        end: done(),
        ..Record::default()
    };
    store.audit(entry(AuditKind::DecisionDeny)).await.unwrap();
    store.note_audit(entry(AuditKind::DecisionAllow));
    store.record(&run(id), record, at(3)).await.unwrap();
    store.rewind(&key(session), Point::Turns(1), at(4)).await.unwrap();
}

#[tokio::test]
async fn no_file_holds_a_word_of_what_is_incognito() {
    let (home, store, incognito) = both();
    speak(&incognito, KEY, "a").await;
    assert_eq!(incognito.session(&key(KEY)).unwrap().unwrap().title.as_deref(), Some(CANARY));
    assert_eq!(incognito.branches(&key(KEY)).unwrap().len(), 2);
    assert_eq!(store.session(&key(KEY)).unwrap(), None);
    assert_eq!(store.run(&run("a")).unwrap(), None);
    assert_eq!(store.sessions(&SessionQuery::default()).unwrap().rows, []);
    assert!(store.search(CANARY, None, 10).unwrap().found.is_empty());
    drop(incognito);
    let store = reopen(&home, store);
    assert_eq!(files_with(home.path(), CANARY), Vec::<String>::new());
    assert_eq!(store.incognito().session(&key(KEY)).unwrap(), None, "a restart has forgotten it");
    // The same, kept, is in the file: the search would find it.
    speak(&store, "main", "b").await;
    store.close();
    assert_eq!(files_with(home.path(), CANARY), ["store.redb"]);
}

#[tokio::test]
async fn what_it_did_is_on_record_without_words_and_what_it_cost_counts() {
    let (home, store, incognito) = both();
    speak(&incognito, KEY, "a").await;
    incognito.delete_session(&key(KEY), "ws:owner", at(5)).await.unwrap();
    assert_eq!(store.cost(&CostOf::day(at(3))).unwrap().tokens, 10);
    assert_eq!(incognito.cost(&CostOf::day_of(key(KEY).agent(), at(3))).unwrap().tokens, 10);
    let store = reopen(&home, store);
    assert_eq!(store.cost(&CostOf::day(at(3))).unwrap().micros, 7);
    assert_eq!(store.cost(&CostOf::Session(key(KEY))).unwrap(), Cost::default());
    assert_eq!(store.verify_audit().unwrap().broken, None);
    let rows: Vec<_> = (1..).map_while(|number| store.audit_entry(number).unwrap()).map(|row| row.entry).collect();
    let kinds: Vec<_> = rows.iter().map(|entry| entry.kind.as_str()).collect();
    let expected = [
        "approval.asked",
        "approval.answered",
        "decision.deny",
        "decision.allow",
        "approval.used",
        "effect.started",
        "effect.ended",
        "session.deleted",
    ];
    assert_eq!(kinds, expected);
    let started = &rows[5];
    assert_eq!((started.session.as_ref(), started.code.as_deref()), (Some(&key(KEY)), Some("E_CODE")));
    for text in [&started.subject, &started.outcome, &started.tainted, &started.private] {
        assert_eq!(text.as_deref(), Some("(incognito)"));
    }
}

#[tokio::test]
async fn nothing_gets_from_one_room_into_the_other() {
    let (_home, store, incognito) = both();
    let wrong = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::WrongRoom { .. })));
    wrong(store.accept(inbound_to("a", KEY), at(1)).await.map(drop));
    wrong(incognito.accept(inbound("a"), at(1)).await.map(drop));
    wrong(store.begin_session(&key(KEY), "id".to_owned(), None, at(1)).await.map(drop));
    incognito.accept(inbound_to("a", KEY), at(1)).await.unwrap();
    incognito.record(&run("a"), Record { end: done(), ..entries([said("x")]) }, at(2)).await.unwrap();
    wrong(incognito.fork(&key(KEY), Point::End, &key("copy"), "id".to_owned(), at(3)).await.map(drop));
    let copy = key("incognito:copy");
    incognito.fork(&key(KEY), Point::End, &copy, "id".to_owned(), at(3)).await.unwrap();
    incognito.accept(inbound_to("b", KEY), at(4)).await.unwrap();
    // What it says to a conversation that is kept.
    let announce = Some(inbound_to("c", "main"));
    store.begin_session(&key("main"), "id".to_owned(), None, at(4)).await.unwrap();
    incognito.record(&run("b"), Record { announce, end: done(), ..Record::default() }, at(5)).await.unwrap();
    assert_eq!(store.unfinished_runs().unwrap(), []);
    assert_eq!(incognito.run(&run("c")).unwrap(), None);
}

#[tokio::test]
async fn grants_are_used_up_and_given_in_the_file_together_with_the_step_that_needs_them() {
    let (home, store, incognito) = both();
    let terms = Terms { uses: Some(1), ..Terms::default() };
    let grant = GrantRow { grant: "x".to_owned(), terms: terms.clone(), by: "cli".to_owned(), at: at(1) };
    store.change_grants(&component(), &digest(7), vec![grant], Vec::new(), "cli", at(1)).await.unwrap();
    incognito.accept(inbound_to("a", KEY), at(1)).await.unwrap();
    let spent = Spent { component: component(), build: digest(7), grant: "x".to_owned(), terms };
    let spend = || Record { spends: vec![spent.clone()], ..entries([said("spent")]) };
    incognito.record(&run("a"), spend(), at(2)).await.unwrap();
    let again = incognito.record(&run("a"), spend(), at(3)).await;
    assert!(matches!(again, Err(StoreError::NotGranted { .. })), "{again:?}");
    assert_eq!(incognito.history(&key(KEY), None, newest(9)).unwrap().total, 2, "the refused one left no trace");
    // Three times no, on whichever side, pause a component.
    for id in 1..=3_u128 {
        let mut question = approval(id << 112, "a");
        question.session = key(KEY);
        incognito.park(question).await.unwrap();
        incognito.resolve(&format!("{id:04x}"), Answer::Deny, "ws:owner", at(4)).await.unwrap();
    }
    let mut question = approval(4 << 112, "a");
    question.session = key(KEY);
    let build = question.build;
    incognito.park(question).await.unwrap();
    incognito.resolve("0004", Answer::Always(Always::default()), "ws:owner", at(5)).await.unwrap();
    let store = reopen(&home, store);
    assert!(store.paused(&component()).unwrap().is_some());
    assert_eq!(store.grants(&component(), &build).unwrap().len(), 1, "what is allowed for good stays");
    assert_eq!(store.verify_audit().unwrap().broken, None);
}

#[tokio::test]
async fn words_alone_do_not_touch_the_file() {
    let (_home, store, incognito) = both();
    incognito.accept(inbound_to("a", KEY), at(1)).await.unwrap();
    let commits = store.shared().commits();
    incognito.record(&run("a"), entries([said("only words")]), at(1)).await.unwrap();
    assert_eq!(store.shared().commits(), commits);
    incognito.audit(AuditEntry::new(AuditKind::DecisionDeny, "x", at(2))).await.unwrap();
    assert_eq!(store.shared().commits(), commits + 1);
}

#[tokio::test]
async fn two_go_on_at_once_and_what_they_took_is_given_back() {
    let (_home, store, incognito) = both();
    assert!(store.has_no_incognito());
    for number in 0..300 {
        let (a, b) = (format!("a{number}"), format!("b{number}"));
        for (id, session) in [(&a, KEY), (&b, "incognito:b"), (&format!("m{number}"), "main")] {
            let store = if key(session).is_incognito() { &incognito } else { &store };
            store.accept(inbound_to(id, session), at(number)).await.unwrap();
            store.record(&run(id), Record { end: done(), ..entries([said(id)]) }, at(number)).await.unwrap();
        }
    }
    assert_eq!(incognito.sessions(&SessionQuery::default()).unwrap().rows.len(), 2);
    assert_eq!(incognito.transcript(&key(KEY)).unwrap().len(), 600);
    assert_eq!(store.transcript(&key("main")).unwrap().len(), 600);
    let idle = Retention { age: Some(std::time::Duration::from_millis(50)), count: None };
    assert_eq!(incognito.stale_sessions(idle, at(320)).unwrap(), []);
    assert_eq!(incognito.stale_sessions(idle, at(500)).unwrap().len(), 2);
    assert!(incognito.delete_session(&key(KEY), "host", at(500)).await.unwrap());
    assert!(!store.has_no_incognito());
    assert!(incognito.delete_session(&key("incognito:b"), "host", at(500)).await.unwrap());
    assert!(store.has_no_incognito(), "the last one gives all back");
    incognito.accept(inbound_to("again", KEY), at(600)).await.unwrap();
    assert_eq!(incognito.run(&run("again")).unwrap().unwrap().state, RunState::Received);
}

#[tokio::test]
async fn memory_has_an_end_and_room_again_when_something_goes() {
    let (_home, store, incognito) = both();
    let mut number = 0;
    let full = loop {
        let (id, text) = (format!("r{number}"), "x".repeat(8 << 20));
        let session = format!("incognito:{number}");
        match incognito.accept(Inbound { text, ..inbound_to(&id, &session) }, at(1)).await {
            Ok(_) => number += 1,
            Err(err) => break err,
        }
        incognito.record(&run(&id), Record { end: done(), ..Record::default() }, at(1)).await.unwrap();
    };
    assert!(matches!(full, StoreError::MemoryFull { most: 64 }), "{full}");
    assert!((2..8).contains(&number), "{number}");
    store.accept(inbound("kept"), at(1)).await.unwrap();
    // What was accepted before is still a duplicate, and what goes makes room.
    assert!(incognito.accept(inbound_to("r0", "incognito:0"), at(2)).await.is_ok());
    for gone in 0..number {
        incognito.delete_session(&key(&format!("incognito:{gone}")), "host", at(3)).await.unwrap();
    }
    incognito.accept(inbound_to("after", KEY), at(4)).await.unwrap();
}

#[tokio::test]
async fn images_are_in_memory_go_into_copies_and_go_with_their_conversation() {
    let (_home, store, incognito) = both();
    let show = Inbound { images: vec![image(1)], ..inbound_to("a", KEY) };
    let bytes = vec![(digest(1), vec![1, 2, 3])];
    incognito.accept_showing(show, crate::Preferences::default(), bytes, at(1)).await.unwrap();
    incognito.record(&run("a"), Record { end: done(), ..Record::default() }, at(2)).await.unwrap();
    let copy = key("incognito:copy");
    incognito.fork(&key(KEY), Point::End, &copy, "id".to_owned(), at(3)).await.unwrap();
    incognito.delete_session(&key(KEY), "host", at(4)).await.unwrap();
    assert_eq!(incognito.image_bytes(&key(KEY), &digest(1)).unwrap(), None);
    assert_eq!(incognito.image_bytes(&copy, &digest(1)).unwrap(), Some(vec![1, 2, 3]));
    assert_eq!(store.named_blobs().unwrap().len(), 0, "no file is named");
    let page = crate::Page { end: PageEnd::Newest, limit: 9 };
    let shown = incognito.history(&copy, None, page).unwrap().entries.remove(0);
    assert!(matches!(shown.message, Message::User { images, .. } if images == [image(1)]));
}
