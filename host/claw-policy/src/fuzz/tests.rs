use claw_fuzz::Campaign;

#[test]
fn patterns_of_programs_cover_what_a_naive_matcher_says() {
    // EX-48
    Campaign::new("argv", super::argv).run();
}

#[test]
fn every_grant_survives_its_text_form() {
    let examples = [
        "fs workspace read-write",
        "http https://*.example.com:8443 GET,POST /v1/ /v2/",
        "http http://[::1] GET",
        "exec git log \"a b\" * **",
        "exec \"\\u{202e}\\n\\\"\\\\\" \"*\"",
        "net tls://mail.example.com:993",
        "net wss://127.0.0.1:8080",
        "secret github reveal",
        "kv cache",
        "llm default",
        "message session",
        "memory read",
        "schedule",
        "sessions read-write",
    ];
    Campaign::new("grant", super::grant).examples(examples.map(|text| text.as_bytes().to_vec()).to_vec()).run();
}
