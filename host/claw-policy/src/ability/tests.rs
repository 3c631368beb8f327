use expect_test::expect;

use crate::fixture::{facts, subject};
use crate::{Grant, Grants, Policy, Preset};

#[test]
fn every_scope_and_every_grant_within_it_has_examples() {
    let scopes = [
        "fs workspace read-write",
        "http * GET",
        "http https://*.example.com POST /v1/",
        "net *",
        "exec **",
        "exec git log * **",
        "secret github reveal",
        "kv cache",
        "llm default",
        "message session",
        "sessions read-write",
        "schedule",
    ];
    let grants = ["fs workspace read", "http https://granted.test GET", "exec git status", "secret github"];
    let policy = Policy::load(Preset::Cautious, &[]).unwrap();
    let abilities = policy.abilities(&subject(&scopes, &grants), &facts());
    let lines: String =
        abilities.iter().map(|it| format!("{} <- {} | {}\n", it.explanation.verdict, it.scope, it.example)).collect();
    expect![[r#"
        allow <- fs workspace read-write | fs.read workspace
        deny E_POLICY_DENY <- fs workspace read-write | fs.write workspace
        ask <- http * GET | http.request GET https://example.org/
        deny E_NET_ADDR <- http * GET | http.request GET https://127.0.0.1:8080/
        allow <- http * GET | http.request GET https://granted.test/
        ask <- http https://*.example.com POST /v1/ | http.request POST https://any.example.com/v1/
        ask <- net * | net.connect wss://example.org
        deny E_NET_ADDR <- net * | net.connect wss://127.0.0.1:8080
        ask <- exec ** | exec.run program
        ask <- exec ** | exec.run sh
        allow <- exec ** | exec.run git status
        ask <- exec git log * ** | exec.run git log x
        allow <- secret github reveal | secret.use github
        deny E_SECRET_SCOPE <- secret github reveal | secret.reveal github
        deny E_POLICY_DENY <- kv cache | kv.use cache
        deny E_POLICY_DENY <- llm default | llm.complete default
        ask <- message session | message.send session
        ask <- sessions read-write | sessions.read agent:main:subagent:1
        ask <- sessions read-write | sessions.read agent:main:other
        ask <- sessions read-write | sessions.send agent:main:subagent:1
        ask <- sessions read-write | sessions.send agent:main:other
        ask <- sessions read-write | sessions.spawn default
    "#]]
    .assert_eq(&lines);
}

#[test]
fn a_grant_that_could_open_nothing_is_told_apart() {
    let scopes = ["http https://*.example.com GET", "exec git status", "fs workspace read", "kv cache"];
    let scopes = Grants::parse(scopes).unwrap();
    for text in ["http https://api.example.com GET", "exec git **", "fs workspace read-write", "kv cache"] {
        assert!(scopes.have_room_for(&Grant::parse(text).unwrap()), "{text}");
    }
    for text in [
        "http https://example.org GET",
        "http https://api.example.com POST",
        "exec ls",
        "fs notes read",
        "kv other",
        "llm default",
        "schedule",
    ] {
        assert!(!scopes.have_room_for(&Grant::parse(text).unwrap()), "{text}");
    }
}
