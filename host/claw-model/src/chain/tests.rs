use claw_core::message::Message;
use serde_json::{Value, json};

use super::*;
use crate::http::tests::provider::{Answer, FakeProvider, credential};
use crate::replay::{Kept, pack};
use crate::sample::{call, done, prompt, sse, user};
use crate::{KeyUse, Model, WireFormat};

fn says(text: &str) -> Answer {
    let text = format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    Answer::stream(&sse(&[&text, r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, "[DONE]"]))
}

fn limited() -> Answer {
    Answer::error(429, "slow down")
}

/// A provider with this name and these keys at a fake's address.
fn config(fake: &FakeProvider, id: &str, keys: &[&str]) -> ProviderConfig {
    let keys = keys.iter().map(|name| credential(name, &format!("sk-{name}"))).collect();
    ProviderConfig { id: id.to_owned(), keys, ..fake.config(WireFormat::OpenAiChat) }
}

/// The text of the answer and all notices.
async fn ask(model: &Model, session: &str) -> (Result<String, ModelError>, Vec<String>) {
    ask_chosen(model, session, &model.usual()).await
}

async fn ask_chosen(model: &Model, session: &str, chosen: &Chosen) -> (Result<String, ModelError>, Vec<String>) {
    let mut notices = Vec::new();
    let mut hear = |heard: Heard<'_>| {
        if let Heard::Notice(text) = heard {
            notices.push(text.to_owned());
        }
    };
    let reply = model.ask(Some(session), chosen, &prompt(vec![user("hi")]), &mut hear).await;
    (reply.map(|reply| reply.text), notices)
}

/// The keys of all requests since the last look.
fn keys_used(fake: &mut FakeProvider) -> Vec<String> {
    let asked = std::iter::from_fn(|| fake.asked.try_recv().ok());
    let key = |headers: &axum::http::HeaderMap| headers["authorization"].to_str().unwrap().replace("Bearer sk-", "");
    asked.map(|asked| key(&asked.headers)).collect()
}

// ML-10
#[tokio::test]
async fn the_next_key_steps_in_at_a_limit_and_its_session_stays_with_it() {
    let mut fake = FakeProvider::start([limited(), says("one"), says("two"), says("three")]).await;
    let model = Model::http(config(&fake, "p", &["a", "b"])).unwrap();
    let (reply, notices) = ask(&model, "s").await;
    assert_eq!(reply.unwrap(), "one");
    assert_eq!(notices, ["Provider `p` limits the rate; asking `p/m-1` with the key `b` instead."]);
    assert_eq!(keys_used(&mut fake), ["a", "b"]);
    assert_eq!(ask(&model, "s").await.1, Vec::<String>::new());
    // A resting key is passed over by other sessions, too.
    ask(&model, "other").await.0.unwrap();
    assert_eq!(keys_used(&mut fake), ["b", "b"]);
    assert!(matches!(model.keys()[0].state, crate::KeyState::Resting { .. }), "{:?}", model.keys());
}

// ML-11
#[tokio::test]
async fn another_model_steps_in_when_all_keys_fail_and_each_is_tried_once() {
    let failing = [Answer::error(500, "oops"), Answer::error(402, "pay")];
    let mut first = FakeProvider::start(failing).await;
    let mut second = FakeProvider::start([says("here"), says("still here")]).await;
    let (p, q) = (config(&first, "p", &["a", "b"]), config(&second, "q", &["c"]));
    let model = Model::with_fallbacks(p, vec![q]).unwrap();
    let (reply, notices) = ask(&model, "s").await;
    assert_eq!(reply.unwrap(), "here");
    assert_eq!(
        notices,
        [
            "Provider `p` is overloaded or failing; asking `p/m-1` with the key `b` instead.",
            "The account at provider `p` has no credit or quota left; asking `q/m-1` instead.",
        ]
    );
    assert_eq!(
        (keys_used(&mut first), keys_used(&mut second)),
        (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()])
    );
    // Who comes later is told who answers.
    let (reply, notices) = ask(&model, "later").await;
    assert_eq!(
        (reply.unwrap().as_str(), notices),
        ("still here", vec!["`q/m-1` answers in place of `p/m-1`.".to_owned()])
    );
    assert_eq!(keys_used(&mut first), Vec::<String>::new());
}

#[tokio::test]
async fn a_refused_key_and_a_server_that_is_down_are_passed_over_and_the_bodies_are_the_same() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut fake = FakeProvider::start([Answer::error(401, "no"), says("yes")]).await;
    let down = ProviderConfig { base_url: format!("http://{gone}/v1"), ..config(&fake, "down", &["x", "y"]) };
    let model = Model::with_fallbacks(down, vec![config(&fake, "q", &["a", "b"])]).unwrap();
    let (reply, notices) = ask(&model, "s").await;
    assert_eq!(reply.unwrap(), "yes");
    // The other key of a server that is down is of no use.
    assert_eq!(notices.len(), 2, "{notices:?}");
    let (one, two) = (fake.asked.recv().await.unwrap(), fake.asked.recv().await.unwrap());
    assert_eq!(one.body, two.body);
}

#[tokio::test]
async fn nobody_steps_in_once_text_was_shown_or_for_what_others_would_do_no_better() {
    let half = sse(&[r#"{"choices":[{"delta":{"content":"hel"}}]}"#]);
    let long = r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#;
    let refused = r#"{"error":{"message":"no","code":"content_filter"}}"#;
    for answer in [Answer::stream(&half), Answer::error(400, long), Answer::error(400, refused)] {
        let first = FakeProvider::start([answer]).await;
        let mut second = FakeProvider::start([says("never")]).await;
        let model = Model::with_fallbacks(config(&first, "p", &["a"]), vec![config(&second, "q", &["b"])]).unwrap();
        let (reply, notices) = ask(&model, "s").await;
        assert!(reply.is_err() && notices.is_empty(), "{reply:?} {notices:?}");
        assert_eq!(second.unseen(), 0);
    }
}

#[tokio::test]
async fn another_model_steps_in_for_one_that_takes_no_such_request_or_answers_in_riddles() {
    let no_tools = r#"{"error":{"message":"m-1 does not support tools"}}"#;
    for (answer, brief) in [
        (Answer::error(400, no_tools), "Provider `p` rejected the request with status 400"),
        (Answer::stream("data: {\n\n"), "The answer of provider `p` makes no sense"),
    ] {
        let first = FakeProvider::start([answer]).await;
        let second = FakeProvider::start([says("here")]).await;
        let model =
            Model::with_fallbacks(config(&first, "p", &["a", "b"]), vec![config(&second, "q", &["c"])]).unwrap();
        let (reply, notices) = ask(&model, "s").await;
        assert_eq!((reply.unwrap().as_str(), notices), ("here", vec![format!("{brief}; asking `q/m-1` instead.")]));
    }
}

#[tokio::test]
async fn a_round_in_which_all_failed_for_the_moment_is_repeated_and_then_reported() {
    let limit = || limited().header("retry-after", "0");
    let mut first = FakeProvider::start([limit(), limit(), limit()]).await;
    let mut second = FakeProvider::start([limit(), limit(), limit()]).await;
    let model = Model::with_fallbacks(config(&first, "p", &["a"]), vec![config(&second, "q", &["b"])]).unwrap();
    let error = ask(&model, "s").await.0.unwrap_err();
    assert_eq!((error.kind(), first.unseen(), second.unseen()), ("rate_limit", 3, 3));
}

#[tokio::test]
async fn a_session_chooses_its_model_and_key_and_goes_back() {
    let answers = || [says("1"), says("2"), says("3")];
    let mut first = FakeProvider::start(answers()).await;
    let mut second = FakeProvider::start(answers()).await;
    let model = Model::with_fallbacks(config(&first, "p", &["a", "b"]), vec![config(&second, "q", &["c"])]).unwrap();
    let other = model.choose("p/other@b").unwrap();
    assert_eq!((other.name.as_str(), other.shown().as_str()), ("p/other", "p/other@b"));
    let (reply, notices) = ask_chosen(&model, "s", &other).await;
    assert!(reply.is_ok() && notices.is_empty(), "{notices:?}");
    let asked = first.asked.recv().await.unwrap();
    assert!(asked.body["model"] == "other" && asked.headers["authorization"] == "Bearer sk-b");
    // Others keep the default, and a model's own `@` is no key.
    let at = model.choose("q/m@2").unwrap();
    assert_eq!((at.name.as_str(), at.shown().as_str()), ("q/m@2", "q/m@2"));
    assert_eq!(model.choose("p/m-1@20260101").unwrap().name, "p/m-1@20260101");
    ask_chosen(&model, "t", &at).await.0.unwrap();
    assert_eq!(second.unseen(), 1);
    assert_eq!(model.usual().name, "p/m-1");
    // It is no news to its owner that the usual one answers again.
    let (reply, notices) = ask(&model, "s").await;
    assert!(reply.is_ok() && notices.is_empty(), "{notices:?}");
    assert_eq!(first.asked.recv().await.unwrap().body["model"], "m-1");
    for (wish, message) in [
        ("m", "not of the form"),
        ("r/m", "only `p`, `q`; describe it"),
        ("groq/m", "models auth add groq"),
        ("p/m-1@c", "no key `c`; it has `a`, `b`"),
    ] {
        let error = model.choose(wish).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn what_a_call_cost_is_counted() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#;
    let end = r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}"#;
    let fake = FakeProvider::start([Answer::stream(&sse(&[end, usage, "[DONE]"]))]).await;
    let mut config = config(&fake, "p", &["a"]);
    config.facts.prices = Some(crate::Prices { input: 3.0, output: 15.0, cache_read: None, cache_write: None });
    let reply = Model::http(config).unwrap().complete(&prompt(vec![user("hi")]), &mut |_| {}).await.unwrap();
    assert_eq!(reply.usage.cost_micros, 4500);
}

#[tokio::test]
async fn sessions_are_spread_over_the_keys_and_each_stays_with_its_own() {
    let answers = || (0..6).map(|_| says("x"));
    let mut fake = FakeProvider::start(answers()).await;
    let config = config(&fake, "p", &["a", "b"]);
    let model = Model::http(config.clone()).unwrap();
    for session in ["one", "two", "three", "one", "two", "three"] {
        ask(&model, session).await.0.unwrap();
    }
    assert_eq!(keys_used(&mut fake), ["a", "b", "a", "a", "b", "a"]);
    // Where their owner has put them in order, all begin with the first.
    let mut fake = FakeProvider::start(answers()).await;
    let ordered =
        ProviderConfig { key_use: KeyUse::InOrder, base_url: fake.config(WireFormat::OpenAiChat).base_url, ..config };
    let model = Model::http(ordered).unwrap();
    for session in ["one", "two"] {
        ask(&model, session).await.0.unwrap();
    }
    assert_eq!(keys_used(&mut fake), ["a", "a"]);
}

#[tokio::test]
async fn what_a_failed_call_has_used_is_heard_of_each_attempt_that_was_begun() {
    let usage = r#"{"choices":[{"delta":{"content":"hel"}}],"usage":{"prompt_tokens":90,"completion_tokens":1}}"#;
    let script = [limited(), Answer::stream(&sse(&[usage]))];
    let fake = FakeProvider::start(script).await;
    let mut config = config(&fake, "p", &["a", "b"]);
    let prices = crate::Prices { input: 3.0, output: 15.0, cache_read: None, cache_write: None };
    config.facts.prices = Some(prices);
    let model = Model::http(config).unwrap();
    let mut heard = Vec::new();
    let mut hear = |it: Heard<'_>| match it {
        Heard::Begun(of) => heard.push(format!("begun {}", of == Some(prices))),
        Heard::Used { usage, bytes } => heard.push(format!("{} {} {bytes}", usage.input_tokens, usage.output_tokens)),
        Heard::Text(_) | Heard::Notice(_) => {}
    };
    model.ask(None, &model.usual(), &prompt(vec![user("hi")]), &mut hear).await.unwrap_err();
    // The one that was refused has cost nothing.
    assert_eq!(heard, ["begun true", "90 1 3"]);
}

#[tokio::test]
async fn a_stand_in_that_was_left_out_is_not_asked() {
    let first = FakeProvider::start([Answer::error(402, "pay"), Answer::error(402, "pay")]).await;
    let mut second = FakeProvider::start([says("here"), says("never")]).await;
    let (p, q) = (config(&first, "p", &["a"]), config(&second, "q", &["b"]));
    let model = Model::with_fallbacks(p, vec![q]).unwrap();
    let names: Vec<_> = model.stand_ins(&model.usual()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["q/m-1"]);
    assert_eq!(ask(&model, "s").await.0.unwrap(), "here");
    let (reply, notices) = ask_chosen(&model, "s", &model.usual().without(names)).await;
    assert!(matches!(reply, Err(ModelError::Quota { .. })), "{reply:?}");
    let why =
        "The account at provider `p` has no credit or quota left; `q/m-1` would cost more than the budget leaves.";
    assert_eq!(notices, [why]);
    assert_eq!(second.unseen(), 1);
}

#[tokio::test]
async fn a_wait_of_a_second_is_told_and_a_shorter_one_is_not() {
    for (wait, told) in [("1", vec!["Provider `p` limits the rate; trying again in 1 s."]), ("0", vec![])] {
        let fake = FakeProvider::start([limited().header("retry-after", wait), says("x")]).await;
        let model = Model::http(config(&fake, "p", &["a"])).unwrap();
        assert_eq!(ask(&model, "s").await.1, told);
    }
}

#[test]
fn what_can_be_chosen_are_the_known_models_of_all_providers() {
    let of = |id: &str, model: &str| {
        let mut config = crate::http::tests::provider::config(WireFormat::OpenAiChat, "http://127.0.0.1:9/v1");
        (config.id, config.model) = (id.to_owned(), model.to_owned());
        config
    };
    let mut own = of("mine", "x");
    own.others.insert("y".to_owned(), ModelFacts { context_tokens: 7, ..ModelFacts::default() });
    let model = Model::with_fallbacks(own, vec![of("groq", "openai/gpt-oss-120b")]).unwrap();
    let model = model.and_others(vec![of("ollama", "any")]).unwrap();
    let choices = model.choices();
    assert_eq!(choices[0], ("mine/y".to_owned(), Some(model.choose("mine/y").unwrap().facts)));
    assert!(choices.iter().any(|(name, facts)| name == "groq/openai/gpt-oss-120b" && facts.is_some()), "{choices:?}");
    assert_eq!(choices.last(), Some(&("ollama".to_owned(), None)));
    assert_eq!(model.choose("ollama/qwen3").unwrap().name, "ollama/qwen3");
}

#[tokio::test]
async fn a_provider_that_cannot_read_its_thoughts_any_more_is_asked_without_them() {
    let words = [
        "The encrypted content gAAA could not be verified. Reason: organization_id did not match.",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "Thought signature is not valid",
    ];
    for words in words {
        let mut fake = FakeProvider::start([Answer::error(400, words), says("one"), Answer::error(400, words)]).await;
        let model = Model::http(config(&fake, "p", &["a"])).unwrap();
        let kept = Kept { text_at: 0, calls_at: 0, item: json!({ "reasoning_content": "hm" }) };
        let calls = vec![call("c", "clock", "{}")];
        let said = Message::Assistant { text: String::new(), calls, replay: pack("openai-chat p", &[kept]) };
        let messages = vec![user("go"), said, done("c", "12")];
        let reply = model.complete(&prompt(messages), &mut |_| {}).await;
        assert_eq!(reply.unwrap().text, "one", "{words}");
        let mut asked = || fake.asked.try_recv().unwrap().body["messages"][1]["reasoning_content"].clone();
        assert_eq!([asked(), asked()], [json!("hm"), Value::Null]);
        // Without thoughts in the prompt it is refused for something else.
        assert!(ask(&model, "s").await.0.is_err());
        assert_eq!(fake.unseen(), 1, "{words}");
    }
}
