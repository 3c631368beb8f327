use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn a_case_is_the_same_whenever_it_is_made_again() {
    let examples = [b"an example".to_vec(), b"another".to_vec(), Vec::new()];
    let inputs = |seed| -> Vec<Vec<u8>> {
        (0..200).map(|case| input::generate(&mut Rng::new(seed ^ Rng::new(case).next()), &examples)).collect()
    };
    assert_eq!(inputs(1), inputs(1));
    assert_ne!(inputs(1), inputs(2));
    assert_ne!(fresh_seed(), fresh_seed());
}

#[test]
fn a_campaign_tries_the_examples_as_they_are_and_changed() {
    static UNCHANGED: AtomicUsize = AtomicUsize::new(0);
    static CHANGED: AtomicUsize = AtomicUsize::new(0);
    let target = |input: &[u8]| {
        let counter = if input == b"an example" { &UNCHANGED } else { &CHANGED };
        counter.fetch_add(1, Ordering::Relaxed);
    };
    Campaign::new("none", target).examples(vec![b"an example".to_vec()]).run();
    assert!(UNCHANGED.load(Ordering::Relaxed) >= 1);
    assert!(CHANGED.load(Ordering::Relaxed) > 100);
}

#[test]
fn a_failure_says_where_its_input_is() {
    let target = |input: &[u8]| assert!(input != b"bad", "a broken promise");
    let campaign = || Campaign::new("self-test", target).examples(vec![b"good".to_vec(), b"bad".to_vec()]).run();
    let panic = catch_unwind(campaign).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("`self-test` failed on example 1"), "{text}");
    let path = text.split('`').nth(3).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"bad");
}
