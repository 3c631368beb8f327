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

#[test]
fn a_conversation_is_incognito_by_its_key_and_so_is_what_lies_beside_it() {
    let main = AgentId::parse("main").unwrap();
    let key = |text: &str| SessionKey::parse(text, &main).unwrap();
    for text in ["incognito:x", "INCOGNITO:X", "agent:work:incognito:x:y", "Agent:Main:Incognito:"] {
        assert!(key(text).is_incognito(), "{text}");
    }
    for text in ["main", "incognito", "x:incognito:y", "agent:incognito:main", "agent:main:incognito", "incognito-x"] {
        assert!(!key(text).is_incognito(), "{text}");
    }
    assert_eq!(SessionKey::incognito(&main, "7f").unwrap().as_str(), "agent:main:incognito:7f");
    assert_eq!(key("agent:work:incognito:x").beside("subagent:1").unwrap().as_str(), "agent:work:incognito:subagent:1");
    assert_eq!(key("agent:work:x").beside("subagent:1").unwrap().as_str(), "agent:work:subagent:1");
}
