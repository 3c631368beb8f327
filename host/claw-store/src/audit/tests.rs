use claw_core::approval::{Answer, ApprovalState};
use claw_core::grant::{GrantRow, Terms};
use claw_core::id::ApprovalId;
use tempfile::TempDir;

use super::*;
use crate::fixture::*;
use crate::{JournalStep, Record, Repeatable};

const DAY: u64 = 24 * 60 * 60 * 1000;

fn all(from: AuditFrom, limit: usize) -> AuditQuery {
    AuditQuery { from, limit, since: None, kind: None, component: None, run: None, session: None }
}

fn plain(subject: &str, ms: u64) -> AuditEntry {
    AuditEntry {
        subject: Some(subject.to_owned()),
        ..AuditEntry::new(AuditKind::DecisionDeny, "component:probe", at(ms))
    }
}

/// A store with entries 1 to 9, one for each day.
async fn nine() -> (TempDir, Store) {
    let (home, store) = store();
    for day in 1..=9 {
        assert_eq!(store.audit(plain(&format!("entry {day}"), day * DAY)).await.unwrap(), day);
    }
    (home, store)
}

/// Changes the closed file behind the store's back.
fn tamper(home: &TempDir, change: impl FnOnce(&mut crate::tables::Tables<'_>)) {
    let database = redb::Database::open(home.path().join("store.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    change(&mut crate::tables::Tables::open(&txn, &key_of_seal()).unwrap());
    txn.commit().unwrap();
}

/// Every entry in short: kind, actor, subject and outcome.
fn lines(store: &Store) -> Vec<String> {
    let rows = store.audit_page(&all(AuditFrom::After(0), 1000)).unwrap().rows;
    let line = |row: AuditRow| {
        let AuditEntry { kind, actor, subject, outcome, .. } = row.entry;
        let words = [kind.as_str().to_owned(), actor, subject.unwrap_or_default(), outcome.unwrap_or_default()];
        words.join(" ").trim_end().to_owned()
    };
    rows.into_iter().map(line).collect()
}

#[tokio::test]
async fn each_entry_follows_from_the_one_before_and_anybody_can_check_it() {
    // AU-01
    let (home, store) = nine().await;
    let store = reopen(&home, store);
    assert_eq!(store.audit(plain("after a restart", 10 * DAY)).await.unwrap(), 10);
    let rows = store.audit_page(&all(AuditFrom::After(0), 1000)).unwrap().rows;
    let mut previous = Digest([0; 32]);
    for row in &rows {
        assert_eq!(row.previous, previous);
        assert_eq!(row.hash, chain::hash(&previous, row.sequence, &row.text));
        previous = row.hash;
    }
    let verified = store.verify_audit().unwrap();
    assert_eq!((verified.entries, verified.first, verified.last, verified.broken), (10, Some(1), 10, None));
    assert_eq!(verified.hash, previous);
    assert_eq!(store.audit_entry(4).unwrap().unwrap().entry, plain("entry 4", 4 * DAY));
    assert!(store.audit_entry(0).unwrap().is_none() && store.audit_entry(11).unwrap().is_none());
}

#[track_caller]
fn check_broken(home: &TempDir, expected: (u64, AuditFault)) {
    let store = Store::open(&home.path().join("store.redb"), key_of_seal()).unwrap();
    let broken = store.verify_audit().unwrap().broken.expect("it is noticed");
    assert_eq!((broken.sequence, broken.fault), expected);
}

fn put(tables: &mut crate::tables::Tables<'_>, sequence: u64, hash: [u8; 32], text: &str) {
    tables.audit.insert(sequence, (hash, text)).unwrap();
}

fn get(tables: &crate::tables::Tables<'_>, sequence: u64) -> ([u8; 32], String) {
    let row = redb::ReadableTable::get(&tables.audit, sequence).unwrap().unwrap();
    (row.value().0, row.value().1.to_owned())
}

#[tokio::test]
async fn whatever_is_changed_removed_moved_or_added_is_noticed_and_located() {
    type Tamper = fn(&mut crate::tables::Tables<'_>);
    let ways: [(Tamper, u64, AuditFault); 8] = [
        // A word of an entry.
        (
            |tables| {
                let (hash, text) = get(tables, 4);
                put(tables, 4, hash, &text.replace("entry 4", "entry 0"));
            },
            4,
            AuditFault::Changed,
        ),
        // An entry with a hash that fits it: the next one shows it.
        (
            |tables| {
                let (previous, (_, text)) = (get(tables, 3).0, get(tables, 4));
                let text = text.replace("entry 4", "entry 0");
                put(tables, 4, chain::hash(&Digest(previous), 4, &text).0, &text);
            },
            5,
            AuditFault::Changed,
        ),
        (|tables| assert!(tables.audit.remove(6).unwrap().is_some()), 6, AuditFault::Missing),
        // Two entries in each other's place.
        (
            |tables| {
                let (one, other) = (get(tables, 2), get(tables, 3));
                put(tables, 2, other.0, &other.1);
                put(tables, 3, one.0, &one.1);
            },
            2,
            AuditFault::Changed,
        ),
        // The front and the end.
        (|tables| tables.audit.retain_in(..3, |_, _| false).unwrap(), 1, AuditFault::Missing),
        (|tables| tables.audit.retain_in(8.., |_, _| false).unwrap(), 8, AuditFault::Missing),
        // One more, with a hash that fits.
        (
            |tables| {
                let ((last, _), text) = (get(tables, 9), plain("never happened", 1).encode());
                put(tables, 10, chain::hash(&Digest(last), 10, &text).0, &text);
            },
            10,
            AuditFault::Added,
        ),
        // All from the sixth on written anew, each fitting the one before.
        (
            |tables| {
                for sequence in 6..=9 {
                    let previous = Digest(get(tables, sequence - 1).0);
                    let text = get(tables, sequence).1.replace("deny", "allow");
                    put(tables, sequence, chain::hash(&previous, sequence, &text).0, &text);
                }
            },
            9,
            AuditFault::Rewritten,
        ),
    ];
    for (way, sequence, fault) in ways {
        let (home, store) = nine().await;
        store.close();
        tamper(&home, way);
        check_broken(&home, (sequence, fault));
    }
}

#[tokio::test]
async fn a_seal_that_does_not_fit_is_noticed_and_stays_so() {
    let (home, store) = nine().await;
    store.close();
    let path = home.path().join("store.redb");
    let other = Store::open(&path, AuditKey::new([8; 32])).unwrap();
    assert_eq!(other.verify_audit().unwrap().broken, Some(AuditBreak { sequence: 9, fault: AuditFault::Seal }));
    // Pruning would sweep it away.
    assert_eq!(other.prune_audit(at(99 * DAY), at(1)).await.unwrap(), 0);
    // What the next host writes is on record, and so is that it could not know what came before.
    assert_eq!(other.audit(plain("by another key", 1)).await.unwrap(), 10);
    assert_eq!(other.audit(plain("and on", 1)).await.unwrap(), 11);
    assert_eq!(other.verify_audit().unwrap().broken, Some(AuditBreak { sequence: 10, fault: AuditFault::Unsealed }));
    other.close();
    // A head that is gone, or that somebody without the key has set back.
    for forged in [true, false] {
        let (home, store) = nine().await;
        store.close();
        tamper(&home, |tables| {
            let head = redb::ReadableTable::get(&tables.audit_head, ()).unwrap().unwrap().value().to_vec();
            tables.audit_head.remove(()).unwrap();
            tables.audit.retain_in(8.., |_, _| false).unwrap();
            if forged {
                // The number of the last entry is the only 9 in it.
                let place = head.iter().position(|byte| *byte == 9).unwrap();
                let forged: Vec<u8> = head[..place].iter().chain(&[7]).chain(&head[place + 1..]).copied().collect();
                tables.audit_head.insert((), forged.as_slice()).unwrap();
            }
        });
        check_broken(&home, (7, AuditFault::Seal));
    }
}

#[tokio::test]
async fn a_cut_off_end_is_not_covered_up_by_what_is_written_later() {
    let (home, store) = nine().await;
    store.close();
    tamper(&home, |tables| tables.audit.retain_in(8.., |_, _| false).unwrap());
    let store = Store::open(&home.path().join("store.redb"), key_of_seal()).unwrap();
    assert_eq!(store.audit(plain("later", 1)).await.unwrap(), 10);
    assert_eq!(store.verify_audit().unwrap().broken, Some(AuditBreak { sequence: 8, fault: AuditFault::Missing }));
}

#[tokio::test]
async fn what_is_too_old_goes_and_the_rest_still_verifies() {
    let (home, store) = nine().await;
    assert_eq!(store.prune_audit(at(4 * DAY), at(10 * DAY)).await.unwrap(), 3);
    assert_eq!(store.prune_audit(at(4 * DAY), at(10 * DAY)).await.unwrap(), 0);
    let store = reopen(&home, store);
    let verified = store.verify_audit().unwrap();
    assert_eq!((verified.entries, verified.first, verified.last, verified.broken), (7, Some(4), 10, None));
    let first = store.audit_page(&all(AuditFrom::After(0), 1)).unwrap().rows.remove(0);
    assert_eq!(first.hash, chain::hash(&first.previous, 4, &first.text), "an export of the rest can be checked");
    assert_eq!(lines(&store).last().unwrap(), "audit.pruned host entries 1 to 3");
    // All of it is old: the last one stays, and numbers are never used again.
    assert_eq!(store.prune_audit(at(99 * DAY), at(99 * DAY)).await.unwrap(), 6);
    assert_eq!(store.audit(plain("new", 99 * DAY)).await.unwrap(), 12);
    assert_eq!(store.verify_audit().unwrap().broken, None);
    store.close();
    tamper(&home, |tables| assert!(tables.audit.remove(10).unwrap().is_some()));
    check_broken(&home, (10, AuditFault::Missing));
}

#[tokio::test]
async fn pruning_keeps_what_is_broken() {
    let (home, store) = nine().await;
    store.close();
    tamper(&home, |tables| {
        let (hash, text) = get(tables, 3);
        put(tables, 3, hash, &text.replace("entry 3", "entry 0"));
    });
    let store = Store::open(&home.path().join("store.redb"), key_of_seal()).unwrap();
    assert_eq!(store.prune_audit(at(9 * DAY), at(9 * DAY)).await.unwrap(), 2);
    assert_eq!(store.verify_audit().unwrap().broken, Some(AuditBreak { sequence: 3, fault: AuditFault::Changed }));
}

#[tokio::test]
async fn pages_are_filtered_and_go_both_ways() {
    let (_home, store) = nine().await;
    let numbers = |page: &AuditPage| page.rows.iter().map(|row| row.sequence).collect::<Vec<_>>();
    let newest = store.audit_page(&all(AuditFrom::End, 4)).unwrap();
    assert_eq!((numbers(&newest), newest.next), (vec![6, 7, 8, 9], Some(AuditFrom::Before(6))));
    let before = store.audit_page(&all(newest.next.unwrap(), 9)).unwrap();
    assert_eq!((numbers(&before), before.next), (vec![1, 2, 3, 4, 5], None));
    let on = store.audit_page(&all(AuditFrom::After(5), 2)).unwrap();
    assert_eq!((numbers(&on), on.next), (vec![6, 7], Some(AuditFrom::After(7))));
    let since = AuditQuery { since: Some(at(8 * DAY)), ..all(AuditFrom::End, 9) };
    assert_eq!(numbers(&store.audit_page(&since).unwrap()), [8, 9]);
    for (kind, found) in [("decision", 9), ("decision.deny", 9), ("decision.allow", 0), ("approval", 0)] {
        let query = AuditQuery { kind: Some(kind.to_owned()), ..all(AuditFrom::End, 99) };
        assert_eq!(store.audit_page(&query).unwrap().rows.len(), found, "{kind}");
    }
}

#[tokio::test]
async fn a_page_of_a_hundred_thousand_entries_is_read_without_the_others() {
    let (_home, store) = store();
    let many = (0..100_000).map(|n| Change::Audit(Box::new(plain("one of many", n)))).collect();
    store.write(move |_| Ok(Decided { answer: (), changes: many })).await.unwrap();
    let none = AuditQuery { component: Some(component()), ..all(AuditFrom::End, 50) };
    let page = store.audit_page(&none).unwrap();
    assert_eq!((page.rows.len(), page.next), (0, Some(AuditFrom::Before(100_001 - LOOKED_AT as u64))));
    let page = store.audit_page(&all(AuditFrom::After(50_000), 50)).unwrap();
    assert_eq!(page.rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), (50_001..=50_050).collect::<Vec<_>>());
    assert_eq!(store.verify_audit().unwrap().entries, 100_000);
}

#[tokio::test]
async fn an_approval_is_on_record_from_the_question_to_its_use() {
    // AP-33
    let (_home, store) = store();
    store.accept(inbound("r"), at(1)).await.unwrap();
    for id in 1..=4 {
        store.park(approval(id << 96, "r")).await.unwrap();
    }
    let id = |id: u128| ApprovalId::from_random(id << 96);
    store.resolve(id(1).as_str(), Answer::Once, "ws:owner", at(5)).await.unwrap();
    store.resolve(id(2).as_str(), Answer::Deny, "http:owner", at(6)).await.unwrap();
    store.expire(&id(3), at(1000)).await.unwrap();
    let step = |approval| JournalStep::EffectStarted { call: call("c"), index: 0, digest: digest(7), approval };
    let started =
        AuditEntry { digest: Some(digest(7)), ..AuditEntry::new(AuditKind::EffectStarted, "component:probe", at(7)) };
    let record = Record { steps: vec![step(Some(id(1)))], audit: vec![started], ..Record::default() };
    store.record(&run("r"), record.clone(), at(7)).await.unwrap();
    // An effect that is refused leaves no entry, and neither does what came with it.
    store.record(&run("r"), record, at(8)).await.unwrap_err();
    store.withdraw(&run("r"), at(9)).await.unwrap();
    let asked = "approval.asked component:probe true".to_owned();
    assert_eq!(
        lines(&store),
        [&asked, &asked, &asked, &asked]
            .map(String::as_str)
            .into_iter()
            .chain([
                "approval.answered ws:owner true approved",
                "approval.answered http:owner true denied",
                "approval.expired host true",
                "approval.used component:probe true",
                "effect.started component:probe",
                "approval.withdrawn host true",
            ])
            .collect::<Vec<_>>()
    );
    for row in store.audit_page(&all(AuditFrom::After(0), 99)).unwrap().rows {
        assert_eq!(row.entry.digest, Some(digest(7)), "exactly the plan: {}", row.text);
        let is_approval = row.entry.kind.is("approval");
        assert_eq!((row.entry.approval.is_some(), row.entry.session), (is_approval, is_approval.then(|| key("main"))));
    }
    let times: Vec<_> =
        store.audit_page(&all(AuditFrom::After(4), 99)).unwrap().rows.iter().map(|row| row.entry.at.0).collect();
    assert_eq!(times, [5, 6, 1000, 7, 7, 9]);
    assert_eq!(store.verify_audit().unwrap().broken, None);
    assert!(matches!(store.approval(&id(4)).unwrap().unwrap().state, ApprovalState::Withdrawn));
}

#[tokio::test]
async fn grants_and_what_is_found_at_a_start_are_recorded_when_they_change() {
    // AU-01
    let (_home, store) = store();
    let row =
        |grant: &str| GrantRow { grant: grant.to_owned(), terms: Terms::default(), by: "cli".to_owned(), at: at(1) };
    let change = async |add: &[&str], remove: &[&str], at| {
        let rows = |texts: &[&str]| texts.iter().map(|text| row(text)).collect::<Vec<_>>();
        store.change_grants(&component(), &digest(1), rows(add), rows(remove), "host", at).await.unwrap();
    };
    change(&["a", "b"], &[], at(1)).await;
    change(&["b", "c"], &["a"], at(2)).await;
    let fact = |kind, name: &str, value: &str| AuditFact { kind, name: name.to_owned(), value: value.to_owned() };
    let first = vec![
        fact(FactKind::Component, "probe", &digest(1).to_string()),
        fact(FactKind::Grant, "probe", "exec git status"),
        fact(FactKind::Refused, "odd file", "not a component"),
        fact(FactKind::Setting, "policy.preset", "\"trusting\""),
        fact(FactKind::Secret, "api", "set at one"),
    ];
    assert_eq!(store.audit_held(first.clone(), at(3)).await.unwrap(), 5);
    assert_eq!(store.audit_held(first, at(4)).await.unwrap(), 0);
    let then = vec![
        fact(FactKind::Component, "probe", &digest(2).to_string()),
        fact(FactKind::Grant, "probe", "exec git log"),
        fact(FactKind::Secret, "api", "set at two"),
    ];
    assert_eq!(store.audit_held(then, at(5)).await.unwrap(), 5);
    assert_eq!(store.audit_held(vec![], at(6)).await.unwrap(), 3);
    assert_eq!(
        lines(&store),
        [
            "grant.given host a",
            "grant.given host b",
            "grant.given host c",
            "grant.removed host a",
            "component.installed host",
            "component.refused host odd file not a component",
            "grant.given host exec git status",
            "config.changed host policy.preset default -> \"trusting\"",
            "secret.changed host api set at one",
            "grant.removed host exec git status",
            "config.changed host policy.preset \"trusting\" -> default",
            "component.installed host",
            "grant.given host exec git log",
            "secret.changed host api set at two",
            "component.removed host",
            "grant.removed host exec git log",
            "secret.changed host api removed",
        ]
    );
}

#[tokio::test]
async fn a_component_that_is_stopped_and_goes_on_is_on_record_once_each_with_who_and_why() {
    // AU-01
    let (_home, store) = store();
    store.accept(inbound("r"), at(1)).await.unwrap();
    for why in ["it is loud", "it is still loud"] {
        store.pause(&component(), "cli", why, at(2)).await.unwrap();
    }
    for _ in 0..2 {
        store.resume(&component(), "ws:owner", at(3)).await.unwrap();
    }
    for (id, answer) in [(1_u128, Answer::Pause), (2, Answer::Deny), (3, Answer::Deny), (4, Answer::Deny)] {
        store.park(approval(id << 96, "r")).await.unwrap();
        store.resolve(ApprovalId::from_random(id << 96).as_str(), answer, "http:owner", at(4)).await.unwrap();
        if id == 1 {
            store.resume(&component(), "cli", at(5)).await.unwrap();
        }
    }
    let about = AuditQuery { kind: Some("component".to_owned()), ..all(AuditFrom::After(0), 99) };
    let rows = store.audit_page(&about).unwrap().rows;
    assert!(rows.iter().all(|row| row.entry.component == Some(component())));
    let found: Vec<_> = lines(&store).into_iter().filter(|line| line.starts_with("component.")).collect();
    assert_eq!(
        found,
        [
            "component.paused cli  it is loud",
            "component.resumed ws:owner",
            "component.paused http:owner  its owner answered an approval with `pause`",
            "component.resumed cli",
            "component.paused http:owner  3 of its calls in a row were denied",
        ]
    );
    assert_eq!(rows.len(), found.len());
}

#[tokio::test]
async fn a_note_goes_in_front_of_the_next_write_and_a_call_that_may_change_files_is_on_record_first() {
    let (home, store) = store();
    store.accept(inbound("r"), at(1)).await.unwrap();
    store.note_audit(plain("noted", 2));
    assert!(lines(&store).is_empty(), "nothing was written yet");
    let started = |id: &str, repeatable| JournalStep::CallStarted {
        call: call(id),
        tool: tool(),
        component: component(),
        repeatable,
    };
    let steps = vec![started("a", Repeatable::No), started("b", Repeatable::Yes)];
    let before = store.shared().commits();
    store.record(&run("r"), Record { steps, ..Record::default() }, at(3)).await.unwrap();
    assert_eq!(store.shared().commits() - before, 1);
    let expected = ["decision.deny component:probe noted", "call.requested component:probe probe"];
    assert_eq!(lines(&store), expected);
    store.note_audit(plain("noted last", 4));
    let store = reopen(&home, store);
    assert_eq!(lines(&store).last().unwrap(), "decision.deny component:probe noted last");
}

#[tokio::test]
async fn a_file_without_a_record_has_an_empty_one_until_something_is_written() {
    let (home, store) = nine().await;
    store.close();
    let database = redb::Database::open(home.path().join("store.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    txn.delete_table(tables::AUDIT).unwrap();
    txn.delete_table(tables::AUDIT_HEAD).unwrap();
    txn.commit().unwrap();
    drop(database);
    let store = Store::open(&home.path().join("store.redb"), key_of_seal()).unwrap();
    assert_eq!((lines(&store).len(), store.verify_audit().unwrap().entries), (0, 0));
    assert_eq!(store.audit(plain("first", 1)).await.unwrap(), 1);
    assert_eq!(store.verify_audit().unwrap().broken, None);
}
