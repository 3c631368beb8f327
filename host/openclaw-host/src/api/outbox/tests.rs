use std::time::Duration;

use claw_core::id::Timestamp;
use claw_core::inbound::{Chat, Source};
use claw_store::{Attempt, AuditKey, Content, Outgoing};

use super::*;

fn telegram() -> Source {
    Source { channel: "telegram".to_owned(), account: "default".to_owned() }
}

/// A store in which the messages 1 and 2 are dead, 3 is being sent, and the others wait.
async fn filled(count: usize) -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join("store.redb"), AuditKey::new([7; 32])).unwrap();
    let message = |n| Outgoing {
        to: Chat { source: telegram(), id: "-100X".to_owned() },
        content: Content::Text(format!("message {n}\nsays {}", "more ".repeat(40))),
        reply_to: None,
        replaces: None,
        ttl: Duration::from_secs(3600),
    };
    store.post(None, (1..=count).map(message).collect(), Timestamp(10)).await.unwrap();
    for id in [1, 2] {
        store.claim(&telegram(), 1, Timestamp(20)).await.unwrap();
        let failed = Attempt::Failed { why: "the bot was blocked".to_owned(), unsure: id == 2, again: None };
        store.settle(id, failed, Timestamp(30)).await.unwrap();
    }
    store.claim(&telegram(), 1, Timestamp(20)).await.unwrap();
    (home, store)
}

async fn list(store: &Store, state: Option<&str>, limit: usize, after: u64) -> Value {
    let list = OutboxList { state: state.map(str::to_owned), limit, after };
    answer(store, "cli:owner", OutboxCall::List(list)).await.unwrap()
}

fn ids(list: &Value) -> Vec<u64> {
    list["messages"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn messages_are_listed_by_the_page_with_what_became_of_them() {
    let (_home, store) = filled(5).await;
    let first = list(&store, None, 2, 0).await;
    assert_eq!((ids(&first), &first["nextCursor"]), (vec![1, 2], &json!(2)));
    let rest = list(&store, None, 9, 2).await;
    assert_eq!((ids(&rest), &rest["nextCursor"]), (vec![3, 4, 5], &json!(null)));
    assert_eq!(ids(&list(&store, Some("waiting"), 9, 0).await), [4, 5]);
    let row = &first["messages"][1];
    assert_eq!((&row["state"], &row["chat"], &row["attempts"]), (&json!("dead"), &json!("-100X"), &json!(1)));
    assert_eq!((&row["error"], &row["mayHaveCome"]), (&json!("the bot was blocked"), &json!(true)));
    let text = row["text"].as_str().unwrap();
    assert!(text.starts_with("message 2 says more") && text.chars().count() <= 80, "{text}");
    assert_eq!(list(&store, Some("waiting"), 1, 0).await["messages"][0]["nextAttemptAt"], 10);
}

#[tokio::test]
async fn what_could_not_be_done_is_told_with_its_reason() {
    let (_home, store) = filled(5).await;
    let retry = OutboxCall::Retry(OutboxChoice::These(vec![1, 3, 4, 99]));
    let told = answer(&store, "cli:owner", retry).await.unwrap();
    let left = [(3, "it is sending"), (4, "it is waiting"), (99, "it is not there")];
    let left: Vec<_> = left.map(|(id, reason)| json!({"id": id, "reason": reason})).into();
    assert_eq!(told, json!({"done": 1, "left": left}));
    let told = answer(&store, "cli:owner", OutboxCall::Drop(OutboxChoice::These(vec![3, 4]))).await.unwrap();
    assert_eq!(told, json!({"done": 1, "left": [{"id": 3, "reason": "it is sending"}]}));
    assert_eq!(ids(&list(&store, None, 9, 0).await), [1, 2, 3, 5]);
}

#[tokio::test]
async fn all_dead_ones_are_meant_and_only_these() {
    let (_home, store) = filled(5).await;
    let told = answer(&store, "cli:owner", OutboxCall::Drop(OutboxChoice::AllDead)).await.unwrap();
    assert_eq!((told, ids(&list(&store, None, 9, 0).await)), (json!({"done": 2, "left": []}), vec![3, 4, 5]));
    let (_home, store) = filled(5).await;
    let told = answer(&store, "cli:owner", OutboxCall::Retry(OutboxChoice::AllDead)).await.unwrap();
    assert_eq!((told, ids(&list(&store, Some("dead"), 9, 0).await)), (json!({"done": 2, "left": []}), vec![]));
}
