use super::*;
use crate::facts::ModelFacts;
use crate::provider::{KeyHeader, WireFormat};

const KEY: &str = "sk-secret-0123";

fn config() -> ProviderConfig {
    ProviderConfig {
        id: "mine".to_owned(),
        wire: WireFormat::OpenAiChat,
        base_url: "https://x.test".to_owned(),
        key_header: KeyHeader::Bearer,
        keys: Vec::new(),
        key_use: crate::provider::KeyUse::Spread,
        model: "m".to_owned(),
        facts: ModelFacts::default(),
        others: std::collections::BTreeMap::default(),
        idle_timeout: Duration::from_secs(1),
        retries: 0,
        extra_roots: Vec::new(),
    }
}

fn key() -> Credential {
    let source = "the environment variable `MINE_KEY`".to_owned();
    Credential { name: "default".to_owned(), key: Secret::new(KEY), source }
}

fn classified(status: u16, body: &str) -> ModelError {
    classify(&config(), "x.test", Some(&key()), status, Some(Duration::from_secs(3)), Complaint::parse(body))
}

#[track_caller]
fn check(status: u16, body: &str, kind: &str, display: &str) {
    let error = classified(status, body);
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(display), "{error}");
}

/// What servers say of a prompt that does not fit: who, status, body.
const OVERFLOWS: &str = include_str!("overflows.txt");

// ML-24
#[test]
fn a_context_overflow_is_recognised_in_the_words_of_each_provider() {
    let mut who = Vec::new();
    for line in OVERFLOWS.lines().filter(|line| !line.is_empty()) {
        let [name, status, body] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
        check(status.parse().unwrap(), body, "context_length", "start a new session");
        who.push(name);
    }
    for vendor in crate::vendors().iter().filter(|vendor| !SILENT.contains(&vendor.id)) {
        assert!(who.contains(&vendor.id), "{}", vendor.id);
    }
}

/// A provider that does not document what it says.
const SILENT: [&str; 1] = ["perplexity"];

#[test]
fn what_only_speaks_of_length_is_no_overflow() {
    for body in [
        "max_tokens must be at most 8192",
        "tool name is too long",
        "the model's context length is unknown",
        r#"{"error":{"message":"Invalid parameter","code":"1210"}}"#,
    ] {
        check(400, body, "unknown", "status 400");
    }
}

#[test]
fn each_status_becomes_something_the_owner_can_act_on() {
    check(401, "{}", "auth", "check the key in the environment variable `MINE_KEY`");
    check(403, r#"{"error":{"message":"no access"}}"#, "auth", "no access");
    check(404, r#"{"error":"model 'm' not found"}"#, "unknown", "check model `m` and `baseUrl`");
    check(429, r#"{"error":{"message":"slow down: maximum context length"}}"#, "rate_limit", "try again in 3 s");
    check(429, r#"{"error":{"message":"pay","code":"insufficient_quota"}}"#, "rate_limit", "billing");
    check(
        400,
        r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
        "rate_limit",
        "billing",
    );
    check(402, "pay", "rate_limit", "billing");
    check(529, r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#, "rate_limit", "Overloaded");
    check(400, r#"{"error":{"message":"filtered","code":"content_filter"}}"#, "refusal", "declined");
    check(302, "moved", "unknown", "set `baseUrl` to the final address");
    check(422, "bad field", "unknown", "status 422: bad field");
    check(500, "", "rate_limit", "it gives no reason");
}

#[test]
fn only_what_passes_is_repeated() {
    for status in [408, 409, 429, 498, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 525, 529, 599] {
        assert!(classified(status, "").is_passing(), "{status}");
    }
    for status in [302, 400, 401, 402, 403, 404, 413, 422, 501, 505] {
        assert!(!classified(status, "").is_passing(), "{status}");
    }
    assert!(!classified(429, r#"{"error":{"code":"insufficient_quota"}}"#).is_passing());
}

#[test]
fn an_error_inside_the_stream_is_classified_like_one_before_it() {
    check(200, r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#, "rate_limit", "overloaded");
    check(200, r#"{"error":{"code":401,"message":"x"}}"#, "auth", "x");
    check(200, r#"{"error":{"code":"weird","message":"x"}}"#, "unknown", "status 200: x");
}

// SE-02
#[test]
fn an_echoed_key_is_masked_before_the_message_is_cut() {
    let long = format!("{} {KEY}", "x".repeat(MAX_MESSAGE_CHARS - 5));
    for body in [format!("bad key {KEY}!"), long, format!(r#"{{"error":{{"message":"bad {KEY}"}}}}"#)] {
        let error = classified(401, &body);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("sk-"), "{shown}");
    }
}

#[test]
fn messages_are_one_line_and_short() {
    assert_eq!(shown("a\r\n b\u{1b}[31m", None), "a b [31m");
    assert_eq!(shown(&"ä".repeat(600), None).chars().count(), MAX_MESSAGE_CHARS + 1);
}

#[test]
fn a_server_that_wants_a_key_says_where_to_name_it() {
    let error = classify(&config(), "x.test", None, 401, None, Complaint::parse("{}"));
    assert!(error.to_string().ends_with("in `models.providers.mine.apiKey`"), "{error}");
}

#[test]
fn a_wish_to_wait_is_read_where_gemini_writes_it() {
    let body = r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.Help"},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}"#;
    let wish = |after, body| match classify(&config(), "x.test", None, 429, after, Complaint::parse(body)) {
        ModelError::RateLimited { retry_after, .. } => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(wish(None, body), Some(Duration::from_millis(34_500)));
    // A header says it to everybody, and comes first.
    assert_eq!(wish(Some(Duration::from_secs(3)), body), Some(Duration::from_secs(3)));
    assert_eq!(wish(None, &body.replace("34.5s", "soon")), None);
}

#[test]
fn a_call_that_groq_could_not_read_is_asked_for_again() {
    let body =
        r#"{"error":{"message":"Failed to call a function.","type":"invalid_request_error","code":"tool_use_failed"}}"#;
    let error = classified(400, body);
    assert!(matches!(error, ModelError::Overloaded { .. }), "{error:?}");
}
