use super::*;

#[track_caller]
fn check_key(text: &str, expected: Result<&str, ()>) {
    let main = AgentId::parse("main").unwrap();
    let parsed = SessionKey::parse(text, &main);
    assert_eq!(parsed.as_ref().map(SessionKey::as_str).map_err(|_| ()), expected, "{text:?}");
}

#[test]
fn a_bare_session_key_is_scoped_to_the_agent() {
    check_key("main", Ok("agent:main:main"));
    check_key("acp-bridge:1234", Ok("agent:main:acp-bridge:1234"));
    check_key("Agent:Work:Main", Ok("agent:work:main"));
}

#[test]
fn a_session_key_without_a_conversation_is_refused() {
    check_key("", Err(()));
    check_key("agent:main", Err(()));
    check_key("agent:main:", Err(()));
    check_key("agent::x", Err(()));
    check_key("agent:Ünder:x", Err(()));
    check_key("two words", Err(()));
    check_key("line\nbreak", Err(()));
    check_key(&"x".repeat(513), Err(()));
}

#[test]
fn a_digest_reads_back_what_it_shows() {
    let digest = Digest([0xab; 32]);
    assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
    assert!(Digest::parse("ab").is_err());
    assert!(Digest::parse(&"zz".repeat(32)).is_err());
}

#[test]
fn an_id_error_escapes_what_it_quotes() {
    let error = ToolName::parse("a\u{202e}b\n").unwrap_err().to_string();
    assert!(error.contains("\\u{202e}") && !error.contains('\n'), "{error}");
}
