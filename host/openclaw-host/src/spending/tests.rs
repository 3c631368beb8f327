use claw_core::id::AgentId;
use claw_model::Prices;
use claw_store::AuditKey;

use super::*;

fn session(name: &str) -> SessionKey {
    SessionKey::parse(name, &AgentId::parse("main").unwrap()).unwrap()
}

fn store() -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join("host.redb"), AuditKey::new([7; 32])).unwrap();
    (home, store)
}

fn spending(run: SpendingLimit, session: SpendingLimit, day: SpendingLimit) -> Arc<Spending> {
    Arc::new(Spending::new(SpendingSettings { run, session, day, ..SpendingSettings::default() }))
}

fn tokens(tokens: u64) -> SpendingLimit {
    SpendingLimit { tokens: Some(tokens), micros: None }
}

fn usd(usd: u64) -> SpendingLimit {
    SpendingLimit { tokens: None, micros: Some(usd * 1_000_000) }
}

fn wanted(session: &SessionKey, run: Cost, prompt: u64) -> Wanted<'_> {
    let prices = Prices { input: 2.0, output: 10.0, cache_read: None, cache_write: None };
    let facts = ModelFacts { prices: Some(prices), ..ModelFacts::default() };
    Wanted {
        session,
        above: &[],
        account: None,
        run,
        unsettled: Cost::default(),
        prompt,
        reply: 8000,
        facts,
        at: Timestamp(0),
    }
}

#[track_caller]
fn refusal(result: Result<(u64, Reservation), Refused>) -> String {
    match result {
        Err(Refused::Limit(text)) => text,
        other => panic!("{other:?}"),
    }
}

const NONE: SpendingLimit = SpendingLimit { tokens: None, micros: None };

#[test]
fn without_limits_every_call_is_made_as_it_is() {
    let (_home, store) = store();
    let main = session("main");
    let (reply, _room) = spending(NONE, NONE, NONE).reserve(&store, &wanted(&main, Cost::default(), 1 << 40)).unwrap();
    assert_eq!(reply, 8000);
}

#[test]
fn a_reply_gets_shorter_near_a_limit_and_then_the_call_is_refused() {
    let (_home, store) = store();
    let main = session("main");
    let spending = spending(tokens(10_000), NONE, NONE);
    let reserve = |used| spending.reserve(&store, &wanted(&main, Cost { tokens: used, micros: 0 }, 1000));
    assert_eq!(reserve(0).unwrap().0, 8000);
    assert_eq!(reserve(8000).unwrap().0, 1000);
    assert_eq!(reserve(8744).unwrap().0, 256);
    let text = refusal(reserve(8745));
    assert!(text.contains("may use 10000 tokens and has used 8745") && text.contains("limits.tokens.run"), "{text}");
}

#[test]
fn money_is_counted_with_the_prices_of_the_model() {
    let (_home, store) = store();
    let main = session("main");
    let spending = spending(usd(1), NONE, NONE);
    let reserve = |micros, prompt| spending.reserve(&store, &wanted(&main, Cost { tokens: 0, micros }, prompt));
    // A dollar buys 400,000 tokens of prompt at two dollars a million, and 20,000 of a reply for what is left.
    assert_eq!(reserve(0, 400_000).unwrap().0, 8000);
    assert_eq!(reserve(190_000, 400_000).unwrap().0, 1000);
    let text = refusal(reserve(0, 500_000));
    assert!(text.contains("may cost $1.0000") && text.contains("about $1.0026"), "{text}");
}

// ML-26
#[tokio::test]
async fn calls_at_the_same_time_cannot_go_beyond_a_limit_together_and_others_are_not_concerned() {
    let (_home, store) = store();
    let (main, other) = (session("main"), session("other"));
    let spending = spending(NONE, tokens(10_000), NONE);
    let reserve = |session| spending.reserve(&store, &wanted(session, Cost::default(), 1000));
    let (_, first) = reserve(&main).unwrap();
    refusal(reserve(&main));
    let (_, _elsewhere) = reserve(&other).unwrap();
    store.add_cost(&main, Cost { tokens: 3000, micros: 0 }, Timestamp(0)).await.unwrap();
    drop(first);
    assert_eq!(reserve(&main).unwrap().0, 6000, "what is settled counts, and what was reserved no longer");
    store.add_cost(&main, Cost { tokens: 7000, micros: 0 }, Timestamp(0)).await.unwrap();
    assert!(refusal(reserve(&main)).contains("the conversation"));
}

#[tokio::test]
async fn a_new_day_begins_with_nothing_spent() {
    let (_home, store) = store();
    let main = session("main");
    let spending = spending(NONE, NONE, tokens(10_000));
    store.add_cost(&session("other"), Cost { tokens: 9_900, micros: 0 }, Timestamp(0)).await.unwrap();
    let at = |at| spending.reserve(&store, &Wanted { at: Timestamp(at), ..wanted(&main, Cost::default(), 1000) });
    assert!(refusal(at(0)).contains("the day"));
    assert_eq!(at(24 * 60 * 60 * 1000).unwrap().0, 8000);
}
