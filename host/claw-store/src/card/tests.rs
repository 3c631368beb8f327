use claw_core::inbound::{Chat, Source};

use super::*;
use crate::fixture::*;
use crate::{Attempt, Content, Record};

fn source() -> Source {
    Source { channel: "telegram".to_owned(), account: "default".to_owned() }
}

fn message(text: &str) -> Outgoing {
    let to = Chat { source: source(), id: "x".to_owned() };
    Outgoing {
        to,
        content: Content::Text(text.to_owned()),
        reply_to: None,
        replaces: None,
        ttl: std::time::Duration::from_secs(9),
    }
}

async fn shown(home: &str, store: &Store) -> u64 {
    store.accept(inbound_to("r1", home), at(1)).await.unwrap();
    store.record(&run("r1"), Record { end: done(), ..Record::default() }, at(1)).await.unwrap();
    let questions = vec![ApprovalId::from_random(1), ApprovalId::from_random(2)];
    let card = ("card".to_owned(), questions);
    store.post_card(&key(home), card, vec![message("a"), message("b")], at(1)).await.unwrap();
    let first = store.claim(&source(), 9, at(2)).await.unwrap().to_send.remove(0).id;
    store.settle(first, Attempt::Sent { message: "m1".to_owned() }, at(2)).await.unwrap();
    store.claim(&source(), 9, at(2)).await.unwrap().to_send.remove(0).id
}

/// What changes which message.
fn waiting(store: &Store) -> Vec<(Option<String>, String)> {
    store
        .outbox(Some("waiting"), 0, 9)
        .unwrap()
        .into_iter()
        .map(|row| (row.replaces, row.content.words().to_owned()))
        .collect()
}

#[tokio::test]
async fn a_card_changes_once_all_is_answered_and_it_was_sent() {
    let expected = [(Some("m2".to_owned()), "card\nyes\nno".to_owned())];
    let sent = || Attempt::Sent { message: "m2".to_owned() };
    for early in [false, true] {
        let (_home, store) = store();
        let last = shown("main", &store).await;
        if !early {
            store.settle(last, sent(), at(3)).await.unwrap();
        }
        assert!(!store.answer_card(&ApprovalId::from_random(1), "yes".to_owned(), at(4)).await.unwrap());
        assert_eq!(waiting(&store), [], "one question is open");
        let now = store.answer_card(&ApprovalId::from_random(2), "no".to_owned(), at(4)).await.unwrap();
        assert_eq!(now, !early);
        if early {
            assert_eq!(waiting(&store), []);
            store.settle(last, sent(), at(5)).await.unwrap();
        }
        assert_eq!(waiting(&store), expected);
        // And it is known no more.
        assert!(!store.answer_card(&ApprovalId::from_random(2), "no".to_owned(), at(6)).await.unwrap());
        assert!(store.check().unwrap().faults.is_empty());
    }
}

#[tokio::test]
async fn a_card_that_is_never_sent_is_forgotten_with_its_message() {
    let (_home, store) = store();
    let last = shown("main", &store).await;
    let cards = |store: &Store| store.stats().unwrap().tables.into_iter().find(|it| it.name == "cards").unwrap().rows;
    let failed = Attempt::Failed { why: "no such chat".to_owned(), unsure: false, again: None };
    store.settle(last, failed, at(3)).await.unwrap();
    for question in [1, 2] {
        store.answer_card(&ApprovalId::from_random(question), "yes".to_owned(), at(4)).await.unwrap();
    }
    assert_eq!(cards(&store), 1, "its owner may let it be tried again");
    store.drop_outgoing(vec![last], "cli", at(5)).await.unwrap();
    assert_eq!(cards(&store), 0);
}
