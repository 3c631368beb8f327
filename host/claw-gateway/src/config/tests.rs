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
