use openclaw_sdk::serde_json;

use super::*;

fn replacements(args: &str) -> Result<Vec<Replacement>, ToolError> {
    serde_json::from_str::<EditArgs>(args).unwrap().replacements()
}

#[track_caller]
fn check_single(args: &str) {
    assert_eq!(replacements(args).unwrap(), [Replacement { old: "a".into(), new: "b".into() }]);
}

#[test]
fn a_single_edit_may_be_spelled_in_several_ways() {
    check_single(r#"{"path":"f","edits":[{"oldText":"a","newText":"b"}]}"#);
    check_single(r#"{"path":"f","edits":[{"old_string":"a","new_string":"b"}]}"#);
    check_single(r#"{"path":"f","oldText":"a","newText":"b"}"#);
    check_single(r#"{"path":"f","old_text":"a","new_text":"b"}"#);
    check_single(r#"{"path":"f","old_string":"a","new_string":"b"}"#);
}

#[test]
fn edits_that_say_too_little_or_too_much_are_refused() {
    for args in [
        r#"{"path":"f"}"#,
        r#"{"path":"f","edits":[]}"#,
        r#"{"path":"f","oldText":"a"}"#,
        r#"{"path":"f","edits":[{"newText":"a"}]}"#,
        r#"{"path":"f","edits":[{"oldText":"a","newText":"b"}],"oldText":"c","newText":"d"}"#,
    ] {
        assert!(matches!(replacements(args), Err(ToolError::InvalidArguments(_))), "{args}");
    }
}
