//! What models may use, and what happens when it is used up.

use serde_json::Value;

use crate::host::Home;
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, call, fail, say};

fn home(provider: &Provider, limits: &str) -> Home {
    // Prices are the owner's own here: ten cents for each token of a reply. The provider counts four in each.
    let config = provider.config_with(Wire::OpenAi, limits);
    let model = "models: {'m-1': {price: {input: 0, output: 100000}}}, wire:";
    Home::new()
        .env(KEY_VARIABLE, KEY)
        .config(&config.replacen("wire:", model, 1))
        .file("notes.md", &"milk, eggs and bread for the week\n".repeat(200))
}

fn answer(text: &str) -> Answer {
    Answer::Whole(say(&[text]))
}

fn limit(error: &Value) -> String {
    assert_eq!(error["state"], "error", "{error}");
    error["errorMessage"].as_str().unwrap().to_owned()
}

// ML-26
#[tokio::test]
async fn a_run_that_calls_on_and_on_ends_at_its_budget_and_the_conversation_goes_on() {
    let read = |n: usize| Answer::Whole(call("read", &format!(r#"{{"path":"notes.md","offset":{n}}}"#)));
    let provider = Provider::start((1..20).map(read)).await;
    // Instructions and tools take some 4,000 tokens, and each result 2,000.
    let home = home(&provider, "{tokens: {run: 20000}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "read all").await;
    let why = limit(&client.ended("r1").await.unwrap_err());
    assert!(why.contains("the run may use 20000 tokens") && why.contains("`limits.tokens.run`"), "{why}");
    let asked = provider.asked().len();
    assert!((3..12).contains(&asked), "{asked} calls");
    // Another run has a budget of its own.
    client.say("other", "r2", "and again").await;
    client.ended("r2").await.unwrap_err();
    assert!(provider.asked().len() > asked, "nothing was left for it");
}

#[tokio::test]
async fn a_conversations_money_lasts_over_a_restart_and_others_have_their_own() {
    let provider = Provider::start((0..20).map(|_| answer("Yes."))).await;
    let home = home(&provider, "{usd: {session: 27}}");
    let running = home.start();
    let mut client = running.connect().await;
    let mut runs = (0..20).map(|n| format!("r{n}"));
    let mut answered = 0;
    let why = loop {
        let run = runs.next().expect("the money has no end");
        client.say("main", &run, "well?").await;
        match client.ended(&run).await {
            Ok(_) => answered += 1,
            Err(error) => break limit(&error),
        }
    };
    // Room for the shortest reply that is worth its prompt costs 25.60.
    assert!(answered == 4 && why.contains("may cost $27.0000 and has cost $1.6000"), "{answered}: {why}");
    assert_eq!(provider.asked()[0].body["max_tokens"], 270, "{}", provider.asked()[0].body);
    drop(running);
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "again", "well?").await;
    assert!(limit(&client.ended("again").await.unwrap_err()).contains("`limits.usd.session`"));
    client.say("other", "elsewhere", "well?").await;
    assert_eq!(client.ended("elsewhere").await.unwrap(), "Yes.");
}

#[tokio::test]
async fn a_prompt_that_the_provider_found_too_long_takes_nothing_from_the_budget_of_the_shorter_one() {
    let overflow = fail(400, "This model's maximum context length is 4096 tokens");
    let provider = Provider::start([overflow, answer("one")]).await;
    // Each attempt reserves all that is left: some 3,000 tokens for the prompt, and the rest for the reply.
    let home = home(&provider, "{tokens: {session: 11000}}");
    let running = home.start();
    assert_eq!(running.connect().await.ask("r1", "hello").await, "one");
}

#[tokio::test]
async fn the_chat_tells_what_was_used_and_what_is_left() {
    let provider = Provider::start((0..3).map(|_| answer("Yes."))).await;
    let home = home(&provider, "{tokens: {session: 90000}, usd: {day: 60, run: 50}}");
    let running = home.start();
    let mut client = running.connect().await;
    let nothing = client.ask("c1", "/usage").await;
    assert!(nothing.contains("this conversation: 0 tokens, $0.0000; 90000 of 90000 tokens are left"), "{nothing}");
    client.ask("r1", "well?").await;
    client.ask_in("other", "r2", "well?").await;
    let used = client.ask("c2", "/usage").await;
    // Each reply has four tokens of ten cents.
    assert!(used.contains("this day: ") && used.contains("$0.8000; $59.2000 of $60.0000 are left"), "{used}");
    assert!(used.contains("$0.4000; ") && used.ends_with("one run may use $50.0000"), "{used}");
}

/// What `/usage` says that the conversation has used: tokens.
async fn used(client: &mut crate::client::Client, run: &str) -> u64 {
    let usage = client.ask(run, "/usage").await;
    let (_, rest) = usage.split_once("this conversation: ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

// ML-26
#[tokio::test]
async fn a_call_that_breaks_off_or_is_stopped_counts_and_one_that_nobody_has_begun_to_answer_does_not() {
    let script =
        [fail(400, "odd"), Answer::Cut(say(&["Half a ", "sentence"])), Answer::Hang, fail(400, "odd"), answer("Yes.")];
    let provider = Provider::start(script).await;
    let home = home(&provider, "{tokens: {session: 900000}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "well?").await;
    client.ended("r1").await.unwrap_err();
    assert_eq!(used(&mut client, "u1").await, 0);
    client.say("main", "r2", "well?").await;
    client.ended("r2").await.unwrap_err();
    // Instructions and tools take some 4,000 tokens by our count, as the provider did not get to say it.
    let broken = used(&mut client, "u2").await;
    assert!(broken > 2_000, "{broken}");
    client.say("main", "r3", "well?").await;
    client.event(|event| event["event"] == "chat" && event["payload"]["deltaText"] == "…").await;
    client.ask("s1", "/stop").await;
    client.ended("r3").await.unwrap_err();
    let stopped = used(&mut client, "u3").await;
    assert!(stopped > broken + 2_000, "{broken} {stopped}");
    client.say("main", "r4", "well?").await;
    client.ended("r4").await.unwrap_err();
    assert_eq!(used(&mut client, "u4").await, stopped);
}

// ML-26
#[tokio::test]
async fn a_summary_is_paid_from_the_budget_and_not_made_by_the_model_once_that_is_used_up() {
    let script = ["one", "two", "Minutes.", "three"].map(answer);
    let provider = Provider::start(script).await;
    // The provider counts 25 tokens in each answer, and the reply that a summary may have takes 2,048.
    let home = home(&provider, "{tokens: {session: 17500}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", "tell me of ships, INV-7-2024").await;
    client.ask("c1", "/compact").await;
    let asked = provider.asked().len();
    assert_eq!(asked, 2, "the model was asked for a summary");
    assert_eq!(used(&mut client, "u1").await, 50);
    drop(running);
    let home = home.config(&provider.config_with(Wire::OpenAi, "{tokens: {session: 60}}"));
    let running = home.start();
    let mut client = running.connect().await;
    // What comes before the run's own message is summarised, and there is something again.
    client.say("main", "r2", "tell me of trains, INV-8-2024").await;
    limit(&client.ended("r2").await.unwrap_err());
    let said = client.ask("c2", "/compact").await;
    assert!(said.contains("summarised"), "{said}");
    assert_eq!(provider.asked().len(), asked, "an exhausted budget still pays");
    let history = client.call("chat.history", serde_json::json!({"sessionKey": "main"})).await.unwrap().to_string();
    assert!(history.contains("summarised without the model") && history.contains("limits.tokens.session"), "{history}");
}

// ML-26
#[tokio::test]
async fn a_dearer_stand_in_is_not_asked_once_the_budget_does_not_reach_for_it() {
    let first = Provider::start((0..9).map(|_| fail(402, "pay"))).await;
    let second = Provider::start((0..9).map(|_| answer("Dear."))).await;
    let config = |day: u64| {
        serde_json::json!({
            "models": {"default": "cheap/m", "fallbacks": ["dear/m"], "providers": {
                "cheap": {"baseUrl": format!("{}/v1", first.origin()), "models": {"m": {"price": {"input": 0, "output": 1}}}},
                "dear": {"baseUrl": format!("{}/v1", second.origin()),
                         "models": {"m": {"price": {"input": 0, "output": 100_000}}}},
            }},
            "limits": {"usd": {"day": day}},
        })
        .to_string()
    };
    // Its longest reply would cost $819.20.
    let home = Home::new().config(&config(800));
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "well?").await;
    let error = client.ended("r1").await.unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("`cheap` has no credit"), "{error}");
    assert_eq!(second.asked().len(), 0);
    drop(running);
    let home = home.config(&config(900));
    let running = home.start();
    assert_eq!(running.connect().await.ask("r2", "well?").await, "Dear.");
}

/// A longer reply would cost nobody knows how much: thoughts are a part of what is reserved.
#[tokio::test]
async fn a_reply_has_as_many_tokens_as_its_owner_says_and_those_of_its_thoughts() {
    let most = |limits: &'static str| async move {
        let provider = Provider::start([answer("Yes."), answer("Yes.")]).await;
        let model = "models: {'claude-haiku-4-5': {thinking: true, maxOutputTokens: 64000}}, wire:";
        let config = provider.config_with(Wire::Anthropic, limits).replacen("wire:", model, 1);
        let config = config.replace("local/m-1", "local/claude-haiku-4-5");
        let config = config.replacen('{', "{context: {replyTokens: 3000}, ", 1);
        let home = Home::new().env(KEY_VARIABLE, KEY).config(&config);
        let running = home.start();
        let mut client = running.connect().await;
        let mut asked = Vec::new();
        for (run, text) in [("r1", "well?"), ("r2", "/think medium well?")] {
            client.ask_in(run, run, text).await;
            let body = provider.asked().pop().unwrap().body;
            asked.push((body["max_tokens"].as_u64().unwrap(), body["thinking"]["budget_tokens"].as_u64()));
        }
        asked
    };
    assert_eq!(most("{}").await, [(3000, None), (3000 + 8192, Some(8192))]);
    // Instructions and tools take some 4,000 tokens.
    let short = most("{tokens: {session: 9000}}").await;
    assert_eq!(short[0], (3000, None));
    assert!(short[1].0 < 6000 && short[1].1.is_some_and(|thoughts| thoughts < short[1].0), "{short:?}");
}
