use claw_core::approval::Answer;
use claw_core::inbound::{Chat, Inbound};
use claw_core::label::Labels;

use super::*;
use crate::fixture::*;
use crate::{ApprovalFilter, Content, JournalStep, Outgoing, Point, Received, Record, Repeatable};

async fn tell(store: &Store, id: &str, session: &str, when: u64) {
    let shown = Inbound { images: vec![image(1)], ..inbound_to(id, session) };
    let source = shown.source.clone();
    let received = Received {
        inbound: shown,
        chat: "X".to_owned(),
        labels: Labels::default(),
        own: crate::Preferences::default(),
    };
    store.receive(&source, vec![received], Vec::new(), Vec::new(), at(when)).await.unwrap();
    let to = Chat { source, id: "X".to_owned() };
    let ttl = Duration::from_millis(50);
    let outbox =
        vec![Outgoing { to, content: Content::Text("canary".to_owned()), reply_to: None, replaces: None, ttl }];
    let step =
        JournalStep::CallStarted { call: call("c"), tool: tool(), component: component(), repeatable: Repeatable::Yes };
    let asked = Record { entries: vec![asks(&["c"])], steps: vec![step], ..Record::default() };
    store.record(&run(id), asked, at(when)).await.unwrap();
    let mut question = approval(when.into(), id);
    question.session = key(session);
    store.park(question).await.unwrap();
    store.resolve(ApprovalId::from_random(when.into()).as_str(), Answer::Once, "cli", at(when)).await.unwrap();
    let recordings = vec![(call("c"), b"canary".to_vec())];
    let end =
        Record { entries: vec![answers("c"), said("canary")], recordings, end: done(), outbox, ..Record::default() };
    store.record(&run(id), end, at(when)).await.unwrap();
}

fn rows(store: &Store) -> Vec<u64> {
    let count = |snapshot: &tables::Snapshot| {
        Ok(vec![
            snapshot.table(tables::SESSIONS)?.len()?,
            snapshot.table(tables::RECENT)?.len()?,
            snapshot.table(tables::TITLES)?.len()?,
            snapshot.table(tables::BRANCHES)?.len()?,
            snapshot.table(tables::ENTRIES)?.len()?,
            snapshot.table(tables::RUNS)?.len()?,
            snapshot.table(tables::UNFINISHED)?.len()?,
            snapshot.table(tables::JOURNAL)?.len()?,
            snapshot.table(tables::RECORDINGS)?.len()?,
            snapshot.table(tables::APPROVALS)?.len()?,
            snapshot.table(tables::PENDING)?.len()?,
            snapshot.table(tables::ASKED)?.len()?,
            snapshot.table(tables::IMAGES)?.len()?,
            snapshot.table(tables::ROUTES)?.len()?,
            snapshot.table(tables::OUTBOX)?.len()?,
            snapshot.table(tables::OUTBOX_CHATS)?.len()?,
            snapshot.table(tables::OUTBOX_DUE)?.len()?,
            snapshot.table(tables::OUTBOX_STATES)?.len()?,
            snapshot.table(tables::OUTBOX_OF)?.len()?,
        ])
    };
    store.read(count).unwrap()
}

#[tokio::test]
async fn nothing_is_left_of_a_session_that_was_deleted_and_others_stay() {
    // ST-20
    let (home, store) = store();
    tell(&store, "stays", "other", 1).await;
    let before = rows(&store);
    for (id, when) in [("a", 2), ("ab", 3), ("c", 4)] {
        tell(&store, id, "main", when).await;
    }
    store.title_session(&key("main"), Some("mine")).await.unwrap();
    store.rewind(&key("main"), Point::Turns(1), at(5)).await.unwrap();
    store.reset_session(&key("main"), "second".to_owned(), at(6)).await.unwrap();
    tell(&store, "d", "main", 7).await;
    assert!(store.delete_session(&key("main"), "cli", at(9)).await.unwrap());
    assert!(!store.delete_session(&key("main"), "cli", at(9)).await.unwrap());
    let store = reopen(&home, store);
    assert_eq!(rows(&store), before);
    assert_eq!(store.approvals(ApprovalFilter::All).unwrap().len(), 1);
    assert_eq!(store.verify_audit().unwrap().broken, None);
    // Its key can be used again, from the beginning.
    tell(&store, "e", "main", 8).await;
    assert_eq!(store.transcript(&key("main")).unwrap()[0].seq.0, 1);
}

#[tokio::test]
async fn a_fork_keeps_its_copies_and_its_origin_keeps_its_runs() {
    let (_home, store) = store();
    tell(&store, "a", "main", 1).await;
    store.fork(&key("main"), Point::End, &key("new"), "n".to_owned(), at(2)).await.unwrap();
    store.delete_session(&key("new"), "cli", at(9)).await.unwrap();
    assert!(store.run(&run("a")).unwrap().is_some());
    assert_eq!(store.transcript(&key("main")).unwrap().len(), 4);
}

#[tokio::test]
async fn what_is_too_old_or_too_many_is_stale_but_for_what_is_at_work() {
    let (_home, store) = store();
    for (n, when) in [(1, 100), (2, 200), (3, 300), (4, 400)] {
        tell(&store, &format!("r{n}"), &format!("s{n}"), when).await;
    }
    store.accept(inbound_to("busy", "s2"), at(200)).await.unwrap();
    let stale = |retention| {
        let stale = store.stale_sessions(retention, at(500)).unwrap();
        stale.into_iter().map(|stale| stale.key.to_string()).collect::<Vec<_>>()
    };
    let names = |names: &[&str]| names.iter().map(|name| key(name).to_string()).collect::<Vec<_>>();
    let age = Some(Duration::from_millis(150));
    assert_eq!(stale(Retention::default()), names(&[]));
    assert_eq!(stale(Retention { age, count: None }), names(&["s1", "s3"]));
    assert_eq!(stale(Retention { age: None, count: Some(3) }), names(&["s1"]));
    assert_eq!(stale(Retention { age: None, count: Some(0) }), names(&["s1", "s3", "s4"]));
    assert_eq!(stale(Retention { age, count: Some(1) }), names(&["s1", "s3"]));
    let exactly = Some(Duration::from_millis(100));
    assert_eq!(stale(Retention { age: exactly, count: None }), names(&["s1", "s3"]));
}
