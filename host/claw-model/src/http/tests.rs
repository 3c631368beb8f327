pub(crate) mod provider;

use std::error::Error;
use std::time::Duration;

use provider::{Answer, FakeProvider, KEY, config, credential};

use super::endpoint;
use crate::prompt::Prompt;
use crate::sample::{call, full_prompt, prompt, sse, user};
use crate::{Model, ModelError, Reply, StopReason, WireFormat};

const OPENAI: &str = include_str!("../wire/openai.txt");
const ANTHROPIC: &str = include_str!("../wire/anthropic.txt");

fn hello() -> String {
    sse(&[
        r#"{"choices":[{"delta":{"content":"hello"}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ])
}

/// The beginning of an answer, with text in it.
fn half() -> String {
    sse(&[r#"{"choices":[{"delta":{"content":"hel"}}]}"#])
}

/// Asks, and also returns the text that was streamed.
async fn ask(model: &Model, prompt: &Prompt) -> (Result<Reply, ModelError>, String) {
    let mut streamed = String::new();
    let result = model.complete(prompt, &mut |text| streamed.push_str(text)).await;
    (result, streamed)
}

async fn ask_hi(provider: &FakeProvider) -> (Result<Reply, ModelError>, String) {
    ask(&provider.model(WireFormat::OpenAiChat), &prompt(vec![user("hi")])).await
}

fn chain(error: &ModelError) -> String {
    let mut shown = format!("{error}\n{error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown.push_str(&format!("\n{cause}\n{cause:?}"));
        source = cause.source();
    }
    shown
}

#[tokio::test]
async fn an_openai_exchange_streams_text_and_returns_the_calls() {
    let mut provider = FakeProvider::start([Answer::stream(OPENAI)]).await;
    let (reply, streamed) = ask(&provider.model(WireFormat::OpenAiChat), &full_prompt()).await;
    let reply = reply.unwrap();
    assert_eq!((streamed.as_str(), reply.text.as_str()), ("Ich prüfe es.", "Ich prüfe es."));
    assert_eq!(reply.calls, [call("call_A", "weather", r#"{"city":"Köln"}"#), call("call_B", "clock", "{}")]);

    let asked = provider.asked.recv().await.unwrap();
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked.headers["content-type"], "application/json");
    assert_eq!((&asked.body["model"], &asked.body["messages"][0]["role"]), (&"m-1".into(), &"system".into()));
}

#[tokio::test]
async fn an_anthropic_exchange_streams_text_and_returns_the_calls() {
    let mut provider = FakeProvider::start([Answer::stream(ANTHROPIC).char_by_char()]).await;
    let (reply, streamed) = ask(&provider.model(WireFormat::AnthropicMessages), &full_prompt()).await;
    let reply = reply.unwrap();
    assert_eq!((streamed.as_str(), reply.stop), ("Ich prüfe es.", StopReason::ToolUse));
    assert_eq!(reply.calls, [call("toolu_01A", "weather", r#"{"city":"Köln"}"#), call("toolu_01B", "clock", "{}")]);

    let asked = provider.asked.recv().await.unwrap();
    assert_eq!(asked.path, "/v1/messages");
    assert_eq!(asked.headers["x-api-key"], KEY);
    assert_eq!(asked.headers["anthropic-version"], "2023-06-01");
    assert_eq!(asked.headers.get("authorization"), None);
    assert_eq!(asked.body["system"][0]["text"], "Be brief.");
}

// ML-08
#[tokio::test]
async fn an_answer_that_breaks_off_is_reported_and_not_repeated() {
    for answer in [Answer::stream(&half()), Answer::stream(&half()).broken()] {
        let mut provider = FakeProvider::start([answer]).await;
        let (result, streamed) = ask_hi(&provider).await;
        assert!(matches!(result, Err(ModelError::Truncated { received_bytes: 1.., .. })), "{result:?}");
        assert_eq!((streamed.as_str(), provider.unseen()), ("hel", 1));
    }
}

#[tokio::test]
async fn a_break_after_the_whole_reply_does_no_harm() {
    let whole = hello().replace("data: [DONE]\n\n", "");
    for answer in [Answer::stream(&whole), Answer::stream(&whole).broken()] {
        let provider = FakeProvider::start([answer]).await;
        assert_eq!(ask_hi(&provider).await.0.unwrap().text, "hello");
    }
    let (answer, _open) = Answer::stream(&whole).endless();
    let provider = FakeProvider::start([answer]).await;
    let mut config = provider.config(WireFormat::OpenAiChat);
    config.idle_timeout = Duration::from_millis(300);
    let (reply, _) = ask(&Model::http(config).unwrap(), &prompt(vec![user("hi")])).await;
    assert_eq!(reply.unwrap().text, "hello");
}

// SE-02
#[tokio::test]
async fn a_refused_key_is_an_auth_error_that_never_shows_the_key() {
    for wire in [WireFormat::OpenAiChat, WireFormat::AnthropicMessages] {
        let body = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}"}}}}"#);
        let mut provider = FakeProvider::start([Answer::error(401, &body)]).await;
        let model = provider.model(wire);
        let error = ask(&model, &prompt(vec![user("hi")])).await.0.unwrap_err();
        assert_eq!((error.kind(), provider.unseen()), ("auth", 1));
        let shown = format!("{}\n{model:?}\n{:?}", chain(&error), provider.config(wire));
        assert!(shown.contains("***") && !shown.contains("sk-"), "{shown}");
    }
}

// ML-10
#[tokio::test]
async fn a_rate_limit_is_waited_out_as_long_as_the_provider_asks() {
    let limited = Answer::error(429, "slow down").header("retry-after", "7");
    let mut provider = FakeProvider::start([limited, Answer::stream(&hello())]).await;
    let model = provider.model(WireFormat::OpenAiChat);
    // While a blocking task runs, tokio does not move a paused clock by itself: waiting for a socket takes no time.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hold = tokio::task::spawn_blocking(move || held.recv());
    tokio::time::pause();
    let call = tokio::spawn(async move { ask(&model, &prompt(vec![user("hi")])).await });
    let first = provider.asked.recv().await.unwrap();
    let second = loop {
        tokio::time::advance(Duration::from_millis(100)).await;
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
        if let Ok(asked) = provider.asked.try_recv() {
            break asked;
        }
    };
    assert!(second.at - first.at >= Duration::from_secs(7), "{:?}", second.at - first.at);
    assert_eq!(call.await.unwrap().0.unwrap().text, "hello");
    drop(release);
    assert!(hold.await.unwrap().is_err());
}

#[tokio::test]
async fn a_rate_limit_that_stays_is_reported_after_the_retries() {
    let limited = || Answer::error(429, "slow down").header("retry-after", "0");
    let mut provider = FakeProvider::start([limited(), limited(), limited()]).await;
    let error = ask_hi(&provider).await.0.unwrap_err();
    assert!(matches!(error, ModelError::RateLimited { retry_after: Some(Duration::ZERO), .. }), "{error:?}");
    assert_eq!((error.kind(), provider.unseen()), ("rate_limit", 3));
}

// ML-11
#[tokio::test]
async fn a_failing_or_overloaded_provider_is_asked_again() {
    for status in [408, 409, 498, 500, 502, 503, 504, 520, 529] {
        let failing = Answer::error(status, "oops").header("retry-after", "0");
        let mut provider = FakeProvider::start([failing, Answer::stream(&hello())]).await;
        assert_eq!(ask_hi(&provider).await.0.unwrap().text, "hello", "{status}");
        assert_eq!(provider.unseen(), 2);
    }
}

// ML-11
#[tokio::test]
async fn a_connection_that_breaks_before_the_first_byte_is_tried_again() {
    let mut provider = FakeProvider::start([Answer::stream("").broken(), Answer::stream(&hello())]).await;
    assert_eq!(ask_hi(&provider).await.0.unwrap().text, "hello");
    assert_eq!(provider.unseen(), 2);
}

#[tokio::test]
async fn an_error_event_is_repeated_only_while_no_text_was_shown() {
    let overloaded = sse(&[r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#]);
    let mut provider = FakeProvider::start([Answer::stream(&overloaded), Answer::stream(&hello())]).await;
    assert_eq!(ask_hi(&provider).await.1, "hello");
    assert_eq!(provider.unseen(), 2);

    let mut provider = FakeProvider::start([Answer::stream(&(half() + &overloaded)), Answer::stream(&hello())]).await;
    let (result, streamed) = ask_hi(&provider).await;
    assert!(matches!(result, Err(ModelError::Overloaded { .. })), "{result:?}");
    assert_eq!((streamed.as_str(), provider.unseen()), ("hel", 1));
}

// ML-24
#[tokio::test]
async fn a_conversation_that_does_not_fit_is_named_as_such() {
    let body = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#;
    let provider = FakeProvider::start([Answer::error(400, body)]).await;
    assert_eq!(ask_hi(&provider).await.0.unwrap_err().kind(), "context_length");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let redirect = Answer::error(307, "").header("location", "/elsewhere");
    let mut provider = FakeProvider::start([redirect, Answer::stream(&hello())]).await;
    let error = ask_hi(&provider).await.0.unwrap_err();
    assert!(matches!(error, ModelError::Rejected { status: 307, .. }), "{error:?}");
    assert_eq!(provider.unseen(), 1);
}

#[tokio::test]
async fn a_page_instead_of_a_stream_is_garbage() {
    let page = Answer::error(200, "<html>log in</html>").header("content-type", "text/html");
    let provider = FakeProvider::start([page]).await;
    let error = ask_hi(&provider).await.0.unwrap_err();
    assert!(matches!(error, ModelError::Garbage { .. }), "{error:?}");
}

#[tokio::test]
async fn silence_ends_in_a_timeout_before_and_within_the_answer() {
    let (silent_stream, _open) = Answer::stream(&half()).endless();
    let provider = FakeProvider::start([silent_stream]).await;
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    for address in [provider.address.clone(), deaf.local_addr().unwrap().to_string()] {
        check_silence(WireFormat::OpenAiChat, &address).await;
    }
    // The other formats, each with the beginning of its own answer.
    let begun = [
        (WireFormat::OpenAiResponses, r#"{"type":"response.output_text.delta","output_index":0,"delta":"hel"}"#),
        (
            WireFormat::AnthropicMessages,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hel"}}"#,
        ),
        (WireFormat::Gemini, r#"{"candidates":[{"content":{"parts":[{"text":"hel"}]}}]}"#),
    ];
    for (wire, event) in begun {
        let (silent_stream, _open) = Answer::stream(&sse(&[event])).endless();
        let provider = FakeProvider::start([silent_stream]).await;
        check_silence(wire, &provider.address).await;
        check_silence(wire, &deaf.local_addr().unwrap().to_string()).await;
    }
}

async fn check_silence(wire: WireFormat, address: &str) {
    let mut config = config(wire, &format!("http://{address}"));
    config.idle_timeout = Duration::from_millis(100);
    let error = ask(&Model::http(config).unwrap(), &prompt(vec![user("hi")])).await.0.unwrap_err();
    assert_eq!(error.kind(), "timeout", "{wire:?}: {error:?}");
    assert!(error.to_string().contains("sent nothing for 0.1 s"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_down_is_named_without_its_url() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut config = config(WireFormat::OpenAiChat, &format!("http://{gone}/v1?token=sk-query"));
    config.retries = 0;
    let error = ask(&Model::http(config).unwrap(), &prompt(vec![user("hi")])).await.0.unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&gone.to_string()), "{error}");
    assert!(!chain(&error).contains("sk-"), "{}", chain(&error));
}

// ML-20
#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let (answer, mut open) = Answer::stream(&half()).endless();
    let provider = FakeProvider::start([answer]).await;
    let model = provider.model(WireFormat::OpenAiChat);
    let (tx, mut streamed) = tokio::sync::mpsc::unbounded_channel();
    let call = tokio::spawn(async move {
        let mut on_text = |text: &str| tx.send(text.to_owned()).unwrap();
        model.complete(&prompt(vec![user("hi")]), &mut on_text).await
    });
    assert_eq!(streamed.recv().await.as_deref(), Some("hel"));
    call.abort();
    let closed = tokio::time::timeout(Duration::from_secs(10), open.recv()).await;
    assert_eq!(closed.expect("the server still sends"), None);
}

#[test]
fn the_endpoint_is_found_from_every_usual_base_url() {
    let openai = |base| endpoint(WireFormat::OpenAiChat, base, "m").map(String::from);
    let anthropic = |base| endpoint(WireFormat::AnthropicMessages, base, "m").map(String::from);
    let url = |text: &str| Ok(text.to_owned());
    assert_eq!(openai("https://api.openai.com/v1"), url("https://api.openai.com/v1/chat/completions"));
    assert_eq!(openai("http://127.0.0.1:11434/v1/"), url("http://127.0.0.1:11434/v1/chat/completions"));
    assert_eq!(openai("https://x.test/v1?api-version=2#a"), url("https://x.test/v1/chat/completions?api-version=2"));
    assert_eq!(anthropic("https://api.anthropic.com"), url("https://api.anthropic.com/v1/messages"));
    assert_eq!(anthropic("https://x.test/claude/v1/"), url("https://x.test/claude/v1/messages"));
}

#[test]
fn settings_that_cannot_work_are_refused_without_showing_secrets() {
    let ok = || config(WireFormat::OpenAiChat, "https://x.test/v1");
    let mut no_url = ok();
    no_url.base_url = "x.test/v1".to_owned();
    let mut no_http = ok();
    no_http.base_url = "file:///etc/passwd".to_owned();
    let mut user_in_url = ok();
    user_in_url.base_url = "https://me:sk-pass@x.test".to_owned();
    // NET-39, also in a spelling that a URL parser repairs.
    let mut metadata = ok();
    metadata.base_url = "http://169.254.169.254/latest".to_owned();
    let mut spelled = ok();
    spelled.base_url = "http://2852039166/v1".to_owned();
    let mut named = ok();
    named.base_url = "http://metadata.google.internal/v1".to_owned();
    let mut line_break = ok();
    line_break.keys = vec![credential("default", "sk-a\nb")];
    let mut empty_key = ok();
    empty_key.keys = vec![credential("default", " \n")];
    let mut no_model = ok();
    no_model.model.clear();
    let mut no_time = ok();
    no_time.idle_timeout = Duration::ZERO;
    for config in [no_url, no_http, user_in_url, metadata, spelled, named, line_break, empty_key, no_model, no_time] {
        let error = Model::http(config).unwrap_err();
        let shown = chain(&error);
        assert!(matches!(error, ModelError::Config { .. }) && shown.contains("models.providers.fake"), "{shown}");
        assert!(!shown.contains("sk-"), "{shown}");
    }
}

#[test]
fn a_key_with_white_space_around_it_is_accepted() {
    let mut config = config(WireFormat::OpenAiChat, "https://x.test/v1");
    config.keys = vec![credential("default", " sk-a\n")];
    assert_eq!(Model::http(config).unwrap().name(), "fake/m-1");
}

#[tokio::test]
async fn the_rehearsal_streams_its_answer_in_pieces() {
    let mut pieces = Vec::new();
    let prompt = prompt(vec![user("say one two three four")]);
    let reply = Model::Rehearsal.complete(&prompt, &mut |text| pieces.push(text.to_owned())).await.unwrap();
    assert!(pieces.len() > 1 && pieces.concat() == reply.text, "{pieces:?}");
    assert_eq!(Model::Rehearsal.name(), "rehearsal");
}
