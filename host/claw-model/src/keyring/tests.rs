use super::*;
use crate::http::tests::provider::credential;

fn ring(names: &[&str]) -> Keyring {
    let keys: Vec<_> = names.iter().map(|name| credential(name, "sk")).collect();
    Keyring::new("p", &keys, KeyUse::InOrder)
}

fn limited(retry_after: Option<u64>) -> ModelError {
    let retry_after = retry_after.map(Duration::from_secs);
    ModelError::RateLimited { provider: "p".to_owned(), retry_after, message: "slow".to_owned() }
}

fn broke() -> ModelError {
    ModelError::Quota { provider: "p".to_owned(), message: "pay".to_owned() }
}

fn at(now: Instant, seconds: u64) -> Instant {
    now + Duration::from_secs(seconds)
}

#[test]
fn a_limited_key_rests_as_long_as_the_provider_asks() {
    let (ring, now) = (ring(&["a", "b"]), Instant::now());
    ring.failed(0, &limited(Some(7)), now);
    assert_eq!(ring.ready(None, at(now, 6)), [1]);
    assert_eq!(ring.ready(None, at(now, 7)), [0, 1]);
    // Nobody is told to come back in a week.
    ring.failed(0, &limited(Some(7 * 24 * 3600)), now);
    assert_eq!(ring.ready(None, at(now, 3600)), [0, 1]);
}

#[test]
fn rests_double_up_to_five_minutes_until_the_key_works() {
    let (ring, now) = (ring(&["a"]), Instant::now());
    let rest = |ring: &Keyring| {
        ring.failed(0, &limited(None), now);
        ring.soonest().0.unwrap().duration_since(now).as_secs()
    };
    assert_eq!([rest(&ring), rest(&ring), rest(&ring)], [15, 30, 60]);
    for _ in 0..40 {
        assert!(rest(&ring) <= 300);
    }
    assert_eq!(rest(&ring), 300);
    ring.worked(0);
    assert_eq!(rest(&ring), 15);
}

#[test]
fn a_key_without_credit_is_disabled_for_hours_with_its_reason() {
    let (ring, now) = (ring(&["a", "b"]), Instant::now());
    ring.failed(1, &broke(), now);
    assert_eq!(ring.ready(Some(1), at(now, 3600)), [0]);
    let status = ring.status(at(now, 3600));
    assert_eq!(status[0].state, KeyState::Ready);
    let KeyState::Disabled { left, reason } = &status[1].state else { panic!("{status:?}") };
    assert_eq!(
        (left.as_secs(), reason.as_str()),
        (4 * 3600, "The account at provider `p` has no credit or quota left")
    );
    assert_eq!(ring.ready(Some(1), at(now, 5 * 3600)), [1, 0]);
}

#[test]
fn what_is_no_fault_of_the_key_leaves_it_alone() {
    let (ring, now) = (ring(&["a"]), Instant::now());
    ring.failed(0, &ModelError::Refused { provider: "p".to_owned(), message: "no".to_owned() }, now);
    ring.failed(0, &ModelError::ContextTooLong { model: "m".to_owned(), message: "long".to_owned() }, now);
    assert_eq!(ring.ready(None, now), [0]);
}

#[test]
fn a_provider_without_keys_has_one_place_for_none() {
    let (ring, now) = (ring(&[]), Instant::now());
    assert!(ring.key(0).is_none() && ring.ready(Some(5), now) == [0] && ring.named("a").is_none());
    ring.failed(0, &limited(Some(1)), now);
    assert!(ring.ready(None, now).is_empty());
}

#[test]
fn the_key_that_was_not_used_for_the_longest_time_is_next_unless_their_owner_said_otherwise() {
    let now = Instant::now();
    let keys: Vec<_> = ["a", "b", "c"].iter().map(|name| credential(name, "sk")).collect();
    let spread = Keyring::new("p", &keys, KeyUse::Spread);
    spread.asked(0);
    assert_eq!(spread.ready(None, now), [1, 2, 0]);
    spread.asked(1);
    spread.worked(1);
    assert_eq!(spread.ready(None, now), [2, 0, 1]);
    assert_eq!(spread.ready(Some(1), now), [1, 2, 0], "who has one stays with it");
    spread.failed(2, &limited(Some(9)), now);
    assert_eq!(spread.ready(None, now), [0, 1]);
    let in_order = Keyring::new("p", &keys, KeyUse::InOrder);
    in_order.asked(0);
    assert_eq!(in_order.ready(None, now), [0, 1, 2]);
}

#[test]
fn what_rests_is_taken_up_for_the_same_key_alone_and_never_for_longer_than_it_would() {
    let (now, keys) = (Instant::now(), ["a", "b"].map(|name| credential(name, "sk-secret")));
    let of = |keys: &[Credential]| Keyring::new("p", keys, KeyUse::InOrder);
    let before = of(&keys);
    assert!(before.failed(0, &broke(), now) && !before.worked(1));
    let rests = before.rests(at(now, 3600));
    assert_eq!((rests.len(), rests[0].left.as_secs(), rests[0].is_disabled), (1, 4 * 3600, true));
    assert!(!format!("{rests:?}").contains("sk-secret"));
    let later = of(&keys);
    later.take_up(&rests[0], now);
    assert_eq!((later.ready(None, at(now, 14_399)), later.ready(None, at(now, 14_400))), (vec![1], vec![0, 1]));
    assert_eq!(later.status(now)[0].state, before.status(at(now, 3600))[0].state);
    for others in [[credential("a", "sk-new"), keys[1].clone()], [credential("c", "sk-secret"), keys[1].clone()]] {
        let replaced = of(&others);
        replaced.take_up(&rests[0], now);
        assert_eq!(replaced.ready(None, now), [0, 1]);
    }
    let elsewhere = Keyring::new("q", &keys, KeyUse::InOrder);
    elsewhere.take_up(&rests[0], now);
    assert_eq!(elsewhere.ready(None, now), [0, 1]);
    later.take_up(&KeyRest { left: Duration::MAX, ..rests[0].clone() }, now);
    assert_eq!(later.soonest().0, None);
    assert_eq!(later.ready(Some(0), at(now, 5 * 3600)), [0, 1], "a wrong clock is no prison");
}
