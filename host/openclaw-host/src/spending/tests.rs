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
    Wanted { session, above: &[], account: None, run, prompt, reply: 8000, facts, stand_ins: &[], at: Timestamp(0) }
}

#[track_caller]
fn refusal(result: Result<Granted, Refused>) -> String {
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
    let granted = spending(NONE, NONE, NONE).reserve(&store, &wanted(&main, Cost::default(), 1 << 40)).unwrap();
    assert_eq!(granted.reply, 8000);
}

#[test]
fn a_reply_gets_shorter_near_a_limit_and_then_the_call_is_refused() {
    let (_home, store) = store();
    let main = session("main");
    let spending = spending(tokens(10_000), NONE, NONE);
    let reserve = |used| spending.reserve(&store, &wanted(&main, Cost { tokens: used, micros: 0 }, 1000));
    assert_eq!(reserve(0).unwrap().reply, 8000);
    assert_eq!(reserve(8000).unwrap().reply, 1000);
    assert_eq!(reserve(8744).unwrap().reply, 256);
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
    assert_eq!(reserve(0, 400_000).unwrap().reply, 8000);
    assert_eq!(reserve(190_000, 400_000).unwrap().reply, 1000);
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
    let first = reserve(&main).unwrap();
    refusal(reserve(&main));
    let _elsewhere = reserve(&other).unwrap();
    store.add_cost(&main, Cost { tokens: 3000, micros: 0 }, Timestamp(0)).await.unwrap();
    drop(first);
    assert_eq!(reserve(&main).unwrap().reply, 6000, "what is settled counts, and what was reserved no longer");
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
    assert_eq!(at(24 * 60 * 60 * 1000).unwrap().reply, 8000);
}

// ML-26
#[test]
fn room_is_reserved_for_the_dearest_stand_in_and_none_is_asked_that_a_limit_does_not_reach_for() {
    let (_home, store) = store();
    let main = session("main");
    let priced = |input, output| {
        let prices = Some(Prices { input, output, cache_read: None, cache_write: None });
        ModelFacts { prices, ..ModelFacts::default() }
    };
    let stand_ins = [("dear".to_owned(), priced(20.0, 100.0)), ("free".to_owned(), ModelFacts::default())];
    let spending = spending(NONE, usd(1), NONE);
    let reserve =
        || spending.reserve(&store, &Wanted { stand_ins: &stand_ins, ..wanted(&main, Cost::default(), 1000) });
    // The model itself would cost $0.082, and the dear one $0.82.
    let first = reserve().unwrap();
    assert_eq!((first.reply, first.left_out.as_slice()), (8000, &[] as &[String]));
    let second = reserve().unwrap();
    assert_eq!((second.reply, second.left_out.as_slice()), (8000, &["dear".to_owned()] as &[String]));
    drop((first, second));
    assert_eq!(reserve().unwrap().left_out.len(), 0);
}
