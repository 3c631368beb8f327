use std::cell::RefCell;

use super::*;

#[test]
fn a_share_is_rounded_up_and_never_empty() {
    assert_eq!([share_of(1000, 400), share_of(10_000, 25), share_of(1, 25), share_of(0, 25)], [400, 250, 1, 1]);
}

#[test]
fn each_point_has_numbers_of_its_own() {
    let seen = RefCell::new(Vec::new());
    let points = crash_points("self-test", 5, |rng| seen.borrow_mut().push(rng.below(usize::MAX)));
    let mut seen = seen.into_inner();
    assert_eq!(seen.len() as u64, points);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len() as u64, points);
}

#[test]
fn a_point_that_fails_ends_the_test() {
    let tried = RefCell::new(0);
    let failing = || {
        crash_points("self-test", 5, |_| {
            *tried.borrow_mut() += 1;
            panic!("a broken promise");
        })
    };
    let panic = catch_unwind(AssertUnwindSafe(failing)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"a broken promise"));
    assert_eq!(tried.into_inner(), 1);
}
