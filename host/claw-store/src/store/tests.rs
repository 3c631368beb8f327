use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::*;
use crate::change::Change;
use crate::fixture::*;
use crate::writer::job;
use crate::{AuditEntry, AuditKind, Record};

mod killed;
mod model;

/// Keeps the writer busy until the returned sender is dropped.
async fn busy(store: &Store) -> std::sync::mpsc::Sender<()> {
    busy_with(store, Vec::new()).await
}

/// The same, with something to write.
async fn busy_with(store: &Store, changes: Vec<Change>) -> std::sync::mpsc::Sender<()> {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let (started, running) = tokio::sync::oneshot::channel();
    let (job, _) = job(crate::memory::Room::File, move |_| {
        let _ = started.send(());
        let _ = wait.recv();
        Ok(Decided { answer: (), changes })
    });
    store.sender().unwrap().send(job).await.map_err(drop).unwrap();
    running.await.unwrap();
    release
}

#[tokio::test]
async fn requests_that_wait_together_share_one_commit() {
    let (_home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let before = store.shared().commits();
    let release = busy(&store).await;
    let append = |n: usize| {
        let store = store.clone();
        tokio::spawn(async move { store.record(&run("a"), entries([said(&format!("{n}"))]), at(2)).await })
    };
    let appends: Vec<_> = (0..64).map(append).collect();
    // All of them are in the queue once each task has had its turn.
    while store.sender().unwrap().capacity() > 256 - 64 {
        tokio::task::yield_now().await;
    }
    drop(release);
    for append in appends {
        append.await.unwrap().unwrap();
    }
    assert_eq!(store.shared().commits() - before, 1);
    let log = store.transcript(&key("main")).unwrap();
    assert_eq!(log.len(), 65);
    assert!(log.iter().zip(1..).all(|(entry, seq)| entry.seq.0 == seq));
}

#[tokio::test]
async fn what_comes_while_a_group_is_written_joins_it_with_what_was_noted_before() {
    let (_home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let before = store.shared().commits();
    let entry = |text: &str| AuditEntry::new(AuditKind::DecisionDeny, text, at(2));
    let release = busy_with(&store, vec![Change::Audit(Box::new(entry("busy")))]).await;
    store.note_audit(entry("noted"));
    let run = run("a");
    let (first, number, ()) = tokio::join!(
        biased;
        store.record(&run, entries([said("x")]), at(2)),
        store.audit(entry("asked")),
        async { drop(release) }
    );
    first.unwrap();
    assert_eq!(number.unwrap(), 3, "what was noted comes first");
    assert_eq!(store.shared().commits() - before, 1);
}

#[tokio::test]
async fn a_refused_request_leaves_the_others_of_its_commit_alone() {
    let (_home, store) = store();
    for id in ["a", "b"] {
        store.accept(inbound(id), at(1)).await.unwrap();
    }
    let before = store.shared().commits();
    let release = busy(&store).await;
    let (a, b) = (run("a"), run("b"));
    let first = store.record(&a, entries([asks(&["1"])]), at(2));
    let refused = store.record(&b, entries([said("no")]), at(2));
    let last = store.record(&a, entries([answers("1")]), at(2));
    // Polled in this order, so all are in the queue before the writer goes on.
    let (first, refused, last, ()) = tokio::join!(biased; first, refused, last, async { drop(release) });
    first.unwrap();
    assert!(matches!(refused, Err(StoreError::Orphan { .. })));
    last.unwrap();
    assert_eq!(store.shared().commits() - before, 1);
    check_log(&store, &["1 a user", "2 a asks 1", "3 a 1 ok"]);
}

#[tokio::test]
async fn a_request_whose_caller_went_away_is_still_written() {
    let (home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let release = busy(&store).await;
    let task = tokio::spawn({
        let store = store.clone();
        async move { store.record(&run("a"), entries([said("x")]), at(2)).await }
    });
    while store.sender().unwrap().capacity() == 256 {
        tokio::task::yield_now().await;
    }
    task.abort();
    drop(release);
    check_log(&reopen(&home, store), &["1 a user", "2 a x"]);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let (_home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    store.clone().close();
    assert!(matches!(store.accept(inbound("b"), at(1)).await, Err(StoreError::Closed)));
    assert!(matches!(store.run(&run("a")), Err(StoreError::Closed)));
}

/// A disk that can be filled.
#[derive(Clone, Debug)]
struct Disk {
    bytes: Arc<InMemoryBackend>,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn room(&self) -> std::io::Result<()> {
        if self.full.load(Ordering::SeqCst) { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.bytes.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.bytes.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.room().and_then(|()| self.bytes.set_len(len))
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.room()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.room().and_then(|()| self.bytes.write(offset, data))
    }
}

/// A store on a disk, and the switch that fills it.
fn on_disk() -> (Store, Arc<AtomicBool>) {
    let full = Arc::new(AtomicBool::new(false));
    let disk = Disk { bytes: Arc::new(InMemoryBackend::new()), full: Arc::clone(&full) };
    let path = Path::new("/nowhere/store.redb");
    let engine = Box::new(move || {
        let corrupt = |err| StoreError::Corrupt { path: path.to_owned(), err: Arc::new(err) };
        redb::Builder::new().create_with_backend(disk.clone()).map_err(corrupt)
    });
    (Store::with_engine(path, engine, key_of_seal()).unwrap(), full)
}

#[tokio::test]
async fn a_full_disk_is_named_and_the_store_goes_on_once_there_is_room() {
    // ST-04
    let (store, full) = on_disk();
    store.accept(inbound("a"), at(1)).await.unwrap();
    full.store(true, Ordering::SeqCst);
    let refused = store.record(&run("a"), entries([said("lost")]), at(2)).await;
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    full.store(false, Ordering::SeqCst);
    store.record(&run("a"), Record { end: done(), ..entries([said("kept")]) }, at(3)).await.unwrap();
    check_log(&store, &["1 a user", "2 a kept"]);
}

#[tokio::test]
async fn what_cannot_be_put_on_record_is_refused_and_nothing_of_the_record_is_lost() {
    // P17
    let (store, full) = on_disk();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let entry = |kind| AuditEntry::new(kind, "component:probe", at(2));
    full.store(true, Ordering::SeqCst);
    store.note_audit(entry(AuditKind::DecisionAllow));
    let started = Record { audit: vec![entry(AuditKind::EffectStarted)], ..Record::default() };
    let refused = store.record(&run("a"), started.clone(), at(2)).await;
    assert!(matches!(refused, Err(StoreError::Full { .. })), "the effect must not begin: {refused:?}");
    store.audit(entry(AuditKind::DecisionDeny)).await.unwrap_err();
    full.store(false, Ordering::SeqCst);
    store.record(&run("a"), started, at(3)).await.unwrap();
    let kinds = [1, 2].map(|sequence| store.audit_entry(sequence).unwrap().unwrap().entry.kind);
    assert_eq!(kinds, [AuditKind::DecisionAllow, AuditKind::EffectStarted]);
    assert!(store.audit_entry(3).unwrap().is_none());
    assert_eq!(store.verify_audit().unwrap().broken, None);
}

#[tokio::test]
async fn a_commit_is_made_in_two_phases() {
    // ST-24. The tenth byte of redb's file, as its design document lays it out: bit 2 says how the last commit was made.
    let (home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let bytes = std::fs::read(home.path().join("store.redb")).unwrap();
    assert_eq!(bytes[9] & 0b100, 0b100);
}

#[tokio::test]
async fn a_hundred_writes_at_once_to_each_of_a_thousand_conversations_are_all_there_and_in_order() {
    // ST-12
    let (home, store) = store();
    let conversation = |number: usize| {
        let (store, name) = (store.clone(), format!("s{number}"));
        tokio::spawn(async move {
            store.accept(inbound_to(&name, &name), at(1)).await.unwrap();
            let writes: Vec<_> = (0..100)
                .map(|write| {
                    let (store, id) = (store.clone(), run(&name));
                    tokio::spawn(async move { store.record(&id, entries([notice(&format!("{write}"))]), at(2)).await })
                })
                .collect();
            for write in writes {
                write.await.unwrap().unwrap();
            }
        })
    };
    let conversations: Vec<_> = (0..1000).map(conversation).collect();
    for conversation in conversations {
        conversation.await.unwrap();
    }
    let store = reopen(&home, store);
    for number in 0..1000 {
        let name = format!("s{number}");
        let log = lines(&store.transcript(&key(&name)).unwrap());
        let written = (0..100).map(|write| format!("{} {name} notice {write}", write + 2));
        assert_eq!(log, std::iter::once(format!("1 {name} user")).chain(written).collect::<Vec<_>>());
    }
}
