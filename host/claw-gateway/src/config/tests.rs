use super::*;

#[test]
fn a_secret_matches_only_itself() {
    let secret = Secret::new("hunter2hunter2");
    assert!(secret.matches("hunter2hunter2"));
    for wrong in ["", "hunter2", "hunter2hunter2 ", "HUNTER2HUNTER2"] {
        assert!(!secret.matches(wrong), "{wrong:?}");
    }
}

#[test]
fn a_secret_never_shows() {
    let auth = Auth::Token(Secret::new("hunter2"));
    assert_eq!(format!("{auth:?}"), "Token(***)");
}

// SE-20: a comparison that ends at the first difference would tell how much of a guess was right.
#[test]
fn a_secret_can_only_be_compared_in_constant_time() {
    /// Is there twice for a type that can be compared with `==`, so that naming it then is ambiguous.
    trait NotComparable<Reason> {
        fn holds() {}
    }
    struct Comparable;
    impl<T> NotComparable<()> for T {}
    impl<T: PartialEq> NotComparable<Comparable> for T {}
    <Secret as NotComparable<_>>::holds();
}
