use super::*;

fn headers(session: &str) -> HeaderMap {
    HeaderMap::from_iter([("x-openclaw-session-key".parse().unwrap(), session.parse().unwrap())])
}

fn key(headers: &HeaderMap, user: Option<&str>, agent: Option<&str>) -> Result<String, String> {
    let agent = agent.map(|agent| AgentId::parse(agent).unwrap());
    place(headers, user, agent, &claw_core::route::main())
        .map(|place| place.session.to_string())
        .map_err(|problem| problem.message)
}

#[test]
fn the_header_names_the_conversation_before_the_user_does() {
    assert_eq!(key(&headers("desk"), Some("bob"), None).unwrap(), "agent:main:desk");
    assert_eq!(key(&headers("agent:work:desk"), None, None).unwrap(), "agent:work:desk");
    assert!(key(&headers("agent:work:desk"), None, Some("play")).unwrap_err().contains("belongs to `work`"));
}

#[test]
fn reserved_conversations_are_refused_in_every_spelling() {
    for session in ["subagent:x", "CRON:x", "acp:1", "agent:main:cron:x", "Agent:Main:SubAgent:x"] {
        assert!(key(&headers(session), None, None).unwrap_err().contains("must not start"), "{session}");
    }
    assert!(key(&headers("cronology"), None, None).is_ok());
}

#[test]
fn different_users_never_share_a_conversation() {
    let of = |user: &str| key(&HeaderMap::new(), Some(user), Some("work")).unwrap();
    assert_eq!(of("bob"), "agent:work:openai-user:bob");
    assert_ne!(of("Bob"), of("bob"));
    assert_ne!(of("b ob"), of("b  ob"));
    assert!(of(&"x".repeat(10_000)).len() < 200);
}

#[test]
fn without_a_name_every_call_is_a_conversation_of_its_own() {
    let fresh = || key(&HeaderMap::new(), None, None).unwrap();
    assert!(fresh().starts_with("agent:main:openai:"));
    assert_ne!(fresh(), fresh());
}

#[test]
fn conversations_of_the_host_itself_are_reserved_incognito_or_not() {
    let is_reserved = |key: &str| is_reserved(&SessionKey::parse(key, &claw_core::route::main()).unwrap());
    assert!(is_reserved("subagent:1") && is_reserved("agent:work:incognito:subagent:1"));
    assert!(!is_reserved("incognito:1") && !is_reserved("main"));
}
