use openclaw_sdk::serde_json;

use super::*;

fn command(args: &str) -> Result<Command, ToolError> {
    serde_json::from_str::<ExecArgs>(args).unwrap().command()
}

#[test]
fn arguments_and_lines_become_one_command() {
    assert_eq!(command(r#"{"argv":["a","b|c"]}"#).unwrap().argv, ["a", "b|c"]);
    assert_eq!(command(r#"{"command":"a 'b c'"}"#).unwrap().argv, ["a", "b c"]);
    assert_eq!(command(r#"{"command":"a|b"}"#).unwrap().argv, ["sh", "-c", "a|b"]);
}

#[test]
fn exactly_one_of_both_must_be_given() {
    for args in [r#"{}"#, r#"{"argv":["a"],"command":"a"}"#, r#"{"argv":[]}"#, r#"{"command":" "}"#] {
        assert!(matches!(command(args), Err(ToolError::InvalidArguments(_))), "{args}");
    }
}

#[test]
fn everything_else_reaches_the_host() {
    let command = command(r#"{"argv":["a"],"cwd":"src","env":{"A":"1"},"timeout":5,"stdin":"in"}"#).unwrap();
    assert_eq!(command.cwd.as_deref(), Some("src"));
    assert_eq!(command.env, [("A".to_owned(), "1".to_owned())]);
    assert_eq!(command.timeout_ms, 5_000);
    assert_eq!(command.stdin.as_deref(), Some(b"in".as_slice()));
    assert_eq!(command.max_output_bytes, MAX_OUTPUT_BYTES);
}

#[test]
fn the_timeout_is_clamped() {
    let timeout = |args: &str| command(args).unwrap().timeout_ms;
    assert_eq!(timeout(r#"{"argv":["a"]}"#), 1_800_000);
    assert_eq!(timeout(r#"{"argv":["a"],"timeout":0}"#), 1_000);
    assert_eq!(timeout(r#"{"argv":["a"],"timeout":18446744073709551615}"#), 1_800_000);
}

#[test]
fn misspelled_fields_are_refused_but_the_schema_stays_open_for_aliases() {
    assert!(serde_json::from_str::<ExecArgs>(r#"{"argv":["a"],"timeoutMs":5}"#).is_err());
    let schema = openclaw_sdk::schemars::schema_for!(ExecArgs);
    assert_eq!(schema.get("additionalProperties"), None);
}
