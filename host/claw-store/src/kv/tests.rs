use claw_core::effect::{KvOperation, KvReply, KvRequest};
use claw_core::id::ComponentName;

use super::{KvError, KvLimits};
use crate::fixture::key_of_seal;
use crate::store::Store;

struct Fixture {
    store: Store,
    folder: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    Fixture { store: Store::open(&folder.path().join("host.redb"), key_of_seal()).unwrap(), folder }
}

impl Fixture {
    async fn of(&self, component: &str, operation: KvOperation) -> Result<KvReply, KvError> {
        self.within(component, operation, KvLimits::default()).await
    }

    async fn within(&self, component: &str, operation: KvOperation, limits: KvLimits) -> Result<KvReply, KvError> {
        let component = ComponentName::parse(component).unwrap();
        self.store.kv(&component, KvRequest { store: "cache".to_owned(), operation }, limits).await
    }
}

fn get(key: &str) -> KvOperation {
    KvOperation::Get { key: key.to_owned() }
}

fn set(key: &str, value: &[u8]) -> KvOperation {
    KvOperation::Set { key: key.to_owned(), value: value.to_vec() }
}

fn increment(key: &str, delta: u64) -> KvOperation {
    KvOperation::Increment { key: key.to_owned(), delta }
}

#[tokio::test]
async fn a_value_is_there_after_the_store_was_opened_again() {
    let Fixture { store, folder } = fixture();
    let component = ComponentName::parse("a").unwrap();
    let request = |operation| KvRequest { store: "cache".to_owned(), operation };
    store.kv(&component, request(set("k", b"v")), KvLimits::default()).await.unwrap();
    store.close();
    let store = Store::open(&folder.path().join("host.redb"), key_of_seal()).unwrap();
    let value = store.kv(&component, request(get("k")), KvLimits::default()).await.unwrap();
    assert_eq!(value, KvReply::Value(Some(b"v".to_vec())));
}

#[tokio::test]
async fn a_component_sees_only_its_own_keys() {
    let fixture = fixture();
    fixture.of("a", set("k", b"secret")).await.unwrap();
    assert_eq!(fixture.of("b", get("k")).await.unwrap(), KvReply::Value(None));
    assert_eq!(fixture.of("b", KvOperation::Exists { key: "k".to_owned() }).await.unwrap(), KvReply::Found(false));
    let KvReply::Keys { keys, .. } = fixture.of("b", KvOperation::Keys { cursor: None }).await.unwrap() else {
        panic!()
    };
    assert!(keys.is_empty(), "{keys:?}");
    // A name that begins with another's must not reach into it either.
    assert_eq!(fixture.of("aa", get("k")).await.unwrap(), KvReply::Value(None));
}

#[tokio::test]
async fn the_quota_counts_what_is_there_and_frees_what_is_removed() {
    let fixture = fixture();
    let limits = KvLimits { bytes: 100, keys: 2, ..KvLimits::default() };
    let set_within = |key: &'static str, bytes: usize| fixture.within("a", set(key, &vec![0; bytes]), limits);
    set_within("a", 50).await.unwrap();
    assert!(matches!(set_within("b", 50).await, Err(KvError::Limit(_))));
    set_within("b", 20).await.unwrap();
    assert!(matches!(set_within("c", 0).await, Err(KvError::Limit(_))));
    fixture.of("a", KvOperation::Delete { key: "a".to_owned() }).await.unwrap();
    set_within("c", 60).await.unwrap();
    // Another component has a quota of its own.
    fixture.within("b", set("a", &[0; 80]), limits).await.unwrap();
}

#[tokio::test]
async fn sizes_are_checked_before_anything_is_written() {
    let fixture = fixture();
    assert!(matches!(fixture.of("a", set("", b"v")).await, Err(KvError::Invalid(_))));
    assert!(matches!(fixture.of("a", set(&"k".repeat(513), b"v")).await, Err(KvError::Invalid(_))));
    assert!(matches!(fixture.of("a", set("k", &vec![0; (1 << 20) + 1])).await, Err(KvError::Limit(_))));
}

#[tokio::test]
async fn a_number_grows_by_what_is_added_and_nothing_else_does() {
    let fixture = fixture();
    assert_eq!(fixture.of("a", increment("n", 2)).await.unwrap(), KvReply::Number(2));
    assert_eq!(fixture.of("a", increment("n", 3)).await.unwrap(), KvReply::Number(5));
    assert!(matches!(fixture.of("a", increment("n", u64::MAX)).await, Err(KvError::Invalid(_))));
    fixture.of("a", set("t", b"text")).await.unwrap();
    assert!(matches!(fixture.of("a", increment("t", 1)).await, Err(KvError::Invalid(_))));
    assert_eq!(fixture.of("a", get("n")).await.unwrap(), KvReply::Value(Some(b"5".to_vec())));
}

#[tokio::test]
async fn many_keys_come_in_pages_without_loss_or_repetition() {
    let fixture = fixture();
    let names: Vec<String> = (0..2_500).map(|n| format!("{n:05}")).collect();
    let writes = names.iter().map(|name| fixture.of("a", set(name, b"")));
    for written in futures_all(writes).await {
        written.unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let KvReply::Keys { keys, cursor: next } = fixture.of("a", KvOperation::Keys { cursor }).await.unwrap() else {
            panic!("no keys")
        };
        seen.extend(keys);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, names);
}

/// Drives them together, so that the writer takes many in one commit.
async fn futures_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.map(Box::pin).map(Some).collect();
    let mut done: Vec<Option<F::Output>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in pending.iter_mut().zip(&mut done) {
            if let Some(waiting) = future
                && let std::task::Poll::Ready(ready) = waiting.as_mut().poll(context)
            {
                *output = Some(ready);
                *future = None;
            }
        }
        if pending.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
