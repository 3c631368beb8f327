use claw_core::inbound::Origin;

use super::*;
use crate::fixture::*;
use crate::{RunState, SessionQuery};

fn telegram() -> Source {
    Source { channel: "telegram".to_owned(), account: "default".to_owned() }
}

fn message(id: &str, session: &str, chat: &str) -> Received {
    let inbound = Inbound { source: telegram(), ..inbound_to(id, session) };
    Received { inbound, chat: chat.to_owned(), labels: Labels::default(), own: crate::Preferences::default() }
}

async fn receive(store: &Store, messages: Vec<Received>, cursor: &str) -> Vec<Result<Accepted, StoreError>> {
    store.receive(&telegram(), messages, Vec::new(), cursor.into(), at(5)).await.unwrap().0
}

fn chat(id: &str) -> Chat {
    Chat { source: telegram(), id: id.to_owned() }
}

#[tokio::test]
async fn a_batch_and_its_cursor_are_taken_in_by_one_commit_and_each_message_once() {
    let (home, store) = store();
    assert_eq!(store.cursor(&telegram()).unwrap(), None);
    let batch = || vec![message("a", "x", "X"), message("b", "y", "Y"), message("c", "x", "X"), message("a", "x", "X")];
    let answers: Vec<_> = receive(&store, batch(), "3").await.into_iter().map(Result::unwrap).collect();
    let again = Accepted::Duplicate(RunState::Received);
    assert_eq!(answers, [Accepted::New, Accepted::New, Accepted::New, again.clone()]);
    assert_eq!(store.shared().commits(), 1);
    let store = reopen(&home, store);
    let waiting: Vec<_> = store.unfinished_runs().unwrap().into_iter().map(|row| row.run.to_string()).collect();
    assert_eq!(waiting, ["a", "b", "c"], "in the order of the batch");
    assert_eq!(store.session(&key("x")).unwrap().unwrap().runs, 2);
    assert_eq!(store.cursor(&telegram()).unwrap().unwrap(), b"3");
    // The answer was lost: the same comes again, and changes nothing.
    let answers: Vec<_> = receive(&store, batch(), "3").await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, vec![again; 4]);
    assert_eq!(store.shared().commits(), 0);
    let other = Source { account: "other".to_owned(), ..telegram() };
    assert_eq!(store.cursor(&other).unwrap(), None);
    assert!(store.check().unwrap().faults.is_empty());
}

#[tokio::test]
async fn a_message_that_is_refused_does_not_hold_up_the_others() {
    let (_home, store) = store();
    // Somebody else has used its name, over another channel.
    store.accept(inbound_to("b", "main"), at(1)).await.unwrap();
    let answers =
        receive(&store, vec![message("a", "x", "X"), message("b", "x", "X"), message("c", "x", "X")], "3").await;
    assert!(matches!(&answers[..], [Ok(Accepted::New), Err(StoreError::RunTaken { .. }), Ok(Accepted::New)]));
    assert_eq!(store.cursor(&telegram()).unwrap().unwrap(), b"3");
    assert_eq!(store.session(&key("x")).unwrap().unwrap().runs, 2);
}

#[tokio::test]
async fn a_message_that_comes_again_is_known_even_if_it_would_go_to_another_conversation_today() {
    let (_home, store) = store();
    receive(&store, vec![message("a", "x", "X")], "1").await;
    let answers = receive(&store, vec![message("a", "y", "X")], "1").await;
    assert!(matches!(&answers[..], [Ok(Accepted::Duplicate(RunState::Received))]));
    assert_eq!(store.sessions(&SessionQuery::default()).unwrap().rows.len(), 1);
    assert_eq!(store.route_of(&key("y")).unwrap(), None);
}

#[tokio::test]
async fn a_conversation_belongs_to_the_chat_of_its_newest_message_until_it_is_deleted() {
    let (home, store) = store();
    assert_eq!(store.route_of(&key("x")).unwrap(), None);
    receive(&store, vec![message("a", "x", "AbC"), message("b", "X", "abc")], "2").await;
    // Its key is in small letters, the chat is as the service writes it.
    assert_eq!(store.route_of(&key("x")).unwrap(), Some(chat("abc")));
    receive(&store, vec![message("c", "x", "AbC"), message("d", "x", "D"), message("e", "x", "AbC")], "5").await;
    let store = reopen(&home, store);
    assert_eq!(store.route_of(&key("x")).unwrap(), Some(chat("AbC")));
    // What had come before, and a message from elsewhere, move nothing.
    receive(&store, vec![message("d", "x", "D")], "5").await;
    store.accept(inbound_to("f", "x"), at(6)).await.unwrap();
    assert_eq!(store.route_of(&key("x")).unwrap(), Some(chat("AbC")));
    for id in ["a", "b", "c", "d", "e", "f"] {
        store.record(&run(id), crate::Record { end: done(), ..Default::default() }, at(7)).await.unwrap();
    }
    assert!(store.delete_session(&key("x"), "cli", at(8)).await.unwrap());
    assert_eq!(store.route_of(&key("x")).unwrap(), None);
    assert_eq!(store.cursor(&telegram()).unwrap().unwrap(), b"5");
}

#[tokio::test]
async fn what_a_message_brings_with_it_flows_into_its_conversation() {
    let (_home, store) = store();
    let tainted = Labels { tainted: Some("a stranger".to_owned()), private: None };
    let message = Received { labels: tainted.clone(), ..message("a", "x", "X") };
    let message = Received { inbound: Inbound { origin: Origin::Owner, ..message.inbound }, ..message };
    receive(&store, vec![message], "1").await;
    assert_eq!(store.session(&key("x")).unwrap().unwrap().labels, tainted);
}
