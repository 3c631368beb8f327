//! What one conversation has its own way of: its model, how much it thinks, and how its messages wait.

use serde_json::{Value, json};

use crate::client::{Client, text_of};
use crate::host::Home;
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, call, say};

/// What keeps a run at work until its card is answered.
const SLOW: &str = r#"tool exec {"argv":["echo","slow"]}"#;

fn config(provider: &Provider) -> String {
    let models = "models: {'m-1': {thinking: true}, 'm-2': {thinking: true}}, wire:";
    provider.config(Wire::OpenAi).replacen("wire:", models, 1)
}

fn home(provider: &Provider) -> Home {
    Home::new().env(KEY_VARIABLE, KEY).config(&config(provider))
}

async fn provider() -> Provider {
    Provider::start((0..20).map(|_| Answer::Whole(say(&["Yes."])))).await
}

/// The model that was asked last, and how much it was to think.
fn asked(provider: &Provider) -> (String, Value) {
    let body = provider.asked().pop().unwrap().body;
    (body["model"].as_str().unwrap().to_owned(), body["reasoning_effort"].clone())
}

async fn row(client: &mut Client, key: &str) -> Value {
    let list = client.call("sessions.list", json!({})).await.unwrap();
    let rows = list["sessions"].as_array().unwrap();
    rows.iter().find(|row| row["key"] == format!("agent:main:{key}")).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn model_thinking_and_queue_of_a_conversation_outlast_restarts_and_resets_and_are_no_other_s() {
    let provider = provider().await;
    let home = home(&provider);
    let running = home.start();
    let mut client = running.connect().await;
    // Before anything was said, too.
    assert_eq!(client.ask("c1", "/model local/m-2").await, "this conversation asks local/m-2 from the next message on");
    assert_eq!(client.ask("c2", "/think high").await, "thinking here: high");
    assert!(
        client
            .ask("c3", "/queue collect cap:5")
            .await
            .ends_with(": collect after 500 ms of quiet, at most 5 wait, then summarize")
    );
    client.ask("r1", "well?").await;
    assert_eq!(asked(&provider), ("m-2".to_owned(), json!("high")));
    client.ask_in("other", "r2", "well?").await;
    assert_eq!(asked(&provider), ("m-1".to_owned(), Value::Null), "another conversation is as usual");
    drop(running);
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("c4", "/new").await;
    client.ask("r3", "well?").await;
    assert_eq!(asked(&provider), ("m-2".to_owned(), json!("high")));
    let status = client.ask("c5", "/status").await;
    for part in [
        "model: local/m-2 (chosen here)",
        "thinking: high (chosen here)",
        "at most 5 wait, then summarize (chosen here)",
    ] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let listed = row(&mut client, "main").await;
    let fields = ["model", "modelProvider", "modelOverride", "thinkingLevel", "queueMode"];
    assert_eq!(fields.map(|field| listed[field].clone()), ["m-2", "local", "local/m-2", "high", "collect cap:5"]);
    let listed = row(&mut client, "other").await;
    assert_eq!((&listed["model"], &listed["thinkingLevel"]), (&json!("m-1"), &Value::Null), "{listed}");
    let shown = home.run(&["sessions", "show", "main"]).stdout;
    assert!(
        String::from_utf8_lossy(&shown).starts_with("here, model: local/m-2, thinking: high, queue: collect cap:5\n")
    );
    for name in ["model", "think", "queue"] {
        client.ask(name, &format!("/{name} default")).await;
    }
    client.ask("r4", "well?").await;
    assert_eq!(asked(&provider), ("m-1".to_owned(), Value::Null));
    assert!(!client.ask("c6", "/status").await.contains("chosen here"));
}

#[tokio::test]
async fn a_client_changes_what_is_preferred_and_hears_of_names_that_mean_nothing() {
    let provider = provider().await;
    let home = home(&provider);
    let running = home.start();
    let mut client = running.connect().await;
    let patch = json!({"key": "main", "model": "local/m-2", "thinkingLevel": "low", "queueMode": "interrupt"});
    let patched = client.call("sessions.patch", patch).await.unwrap();
    assert_eq!(patched["resolved"], json!({"modelProvider": "local", "model": "m-2"}), "{patched}");
    client.ask("r1", "well?").await;
    assert_eq!(asked(&provider), ("m-2".to_owned(), json!("low")));
    // A field that is not there stays as it is; `null` takes it away.
    let patched = client.call("sessions.patch", json!({"key": "main", "model": null})).await.unwrap();
    assert_eq!(
        (&patched["entry"]["modelOverride"], &patched["entry"]["queueMode"]),
        (&Value::Null, &json!("interrupt"))
    );
    for (field, value, why) in [
        ("model", "nobody/m", "provider `nobody` is not in use"),
        ("thinkingLevel", "hard", "there are off, low, medium, high"),
        ("queueMode", "loud", "there are steer, followup, collect, interrupt"),
        ("verboseLevel", "on", "unknown field"),
    ] {
        let refused = client.call("sessions.patch", json!({"key": "main", field: value})).await.unwrap_err();
        assert!(refused["message"].as_str().unwrap().contains(why), "{refused}");
    }
    let nothing = client.call("sessions.patch", json!({"key": "main"})).await.unwrap_err();
    assert!(nothing["message"].as_str().unwrap().contains("give `label`"), "{nothing}");
    // Models cost money: who may only write chooses none, and may choose the rest.
    let mut writer = Client::with_scopes(&running.url, &running.token, &["operator.write"]).await;
    let refused = writer.call("sessions.patch", json!({"key": "main", "model": "local/m-2"})).await.unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("operator.admin"), "{refused}");
    assert_eq!(row(&mut client, "main").await["modelOverride"], Value::Null);
    writer.call("sessions.patch", json!({"key": "main", "thinkingLevel": "high"})).await.unwrap();
    assert_eq!(writer.ask("c1", "/think").await, "thinking here: high");
}

#[tokio::test]
async fn a_model_that_is_not_in_use_any_more_is_named_and_the_usual_one_answers() {
    let provider = provider().await;
    let home = home(&provider);
    let running = home.start();
    running.connect().await.ask("c1", "/model local/m-2").await;
    drop(running);
    let home = home.config(&config(&provider).replace("local", "near"));
    let running = home.start();
    let mut client = running.connect().await;
    assert_eq!(client.ask("r1", "well?").await, "Yes.");
    assert_eq!(asked(&provider).0, "m-1");
    assert!(client.ask("c2", "/status").await.contains("chosen here and not in use any more: local/m-2"));
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let notice = "`local/m-2` is not in use any more; near/m-1 answers.";
    assert!(history["messages"].as_array().unwrap().iter().any(|message| text_of(message) == notice), "{history}");
}

#[tokio::test]
async fn messages_wait_as_their_conversation_prefers() {
    let home = Home::new().config("{approvals: {unattended: 'wait'}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("c1", "/queue interrupt").await;
    client.say("main", "r1", SLOW).await;
    client.say("other", "r2", SLOW).await;
    client.card("r1").await;
    let card = client.card("r2").await;
    client.say("main", "r3", "say three").await;
    assert_eq!(client.ended("r1").await.unwrap_err()["state"], "aborted");
    assert_eq!(client.ended("r3").await.unwrap(), "three");
    // The other one steers, as usual.
    client.say("other", "r4", "say four").await;
    let resolve = json!({"id": card["id"], "decision": "allow-once"});
    client.call("exec.approval.resolve", resolve).await.unwrap();
    assert_eq!(client.ended("r2").await.unwrap(), "four");
}

#[tokio::test]
async fn a_message_says_itself_how_it_waits() {
    let home = Home::new().config("{approvals: {unattended: 'wait'}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", SLOW).await;
    client.card("r1").await;
    client.say("main", "r2", "/queue interrupt say two").await;
    assert_eq!(client.ended("r1").await.unwrap_err()["state"], "aborted");
    assert_eq!(client.ended("r2").await.unwrap(), "two");
    // It was said for this one message.
    assert!(client.ask("c1", "/queue").await.contains("steer"));
}

#[tokio::test]
async fn fewer_messages_wait_where_their_conversation_wants_it_so() {
    let home = Home::new().config("{approvals: {unattended: 'wait'}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("c1", "/queue followup cap:1 drop:new").await;
    client.say("main", "r1", SLOW).await;
    let card = client.card("r1").await;
    client.say("main", "r2", "say two").await;
    client.say("main", "r3", "say three").await;
    assert_eq!(client.ended("r3").await.unwrap_err()["state"], "error", "one waits already");
    let resolve = json!({"id": card["id"], "decision": "allow-once"});
    client.call("exec.approval.resolve", resolve).await.unwrap();
    assert_eq!(client.ended("r2").await.unwrap(), "two");
}

#[tokio::test]
async fn a_client_says_how_one_message_waits_and_how_much_is_thought_about_it() {
    let provider = provider().await;
    let home = home(&provider);
    let running = home.start();
    let mut client = running.connect().await;
    let send = |run: &str, more: Value| {
        let mut params = json!({"sessionKey": "main", "message": "well?", "idempotencyKey": run});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    client.call("chat.send", send("r1", json!({"thinking": "high"}))).await.unwrap();
    client.ended("r1").await.unwrap();
    assert_eq!(asked(&provider).1, "high");
    client.ask("r2", "well?").await;
    assert_eq!(asked(&provider).1, Value::Null, "it was for one message");
    for (index, more) in [json!({"thinking": "hard"}), json!({"queueMode": "loudly"})].into_iter().enumerate() {
        let error = client.call("chat.send", send(&format!("bad{index}"), more)).await.unwrap_err();
        assert_eq!(error["code"], "INVALID_REQUEST", "{error}");
    }

    let home = Home::new().config("{approvals: {unattended: 'wait'}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", SLOW).await;
    client.card("r1").await;
    client.call("chat.send", send("r2", json!({"queueMode": "interrupt"}))).await.unwrap();
    assert_eq!(client.ended("r1").await.unwrap_err()["state"], "aborted");
    client.ended("r2").await.unwrap();
}

#[tokio::test]
async fn directives_in_front_of_a_message_hold_for_its_answer_alone_and_the_model_does_not_see_them() {
    let provider = provider().await;
    let home = home(&provider);
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("c1", "/think low").await;
    client.ask("r1", "/think high /model local/m-2 what is\nit?").await;
    assert_eq!(asked(&provider), ("m-2".to_owned(), json!("high")));
    let said = provider.asked().pop().unwrap().messages().last().unwrap()["content"].clone();
    assert_eq!(said, "what is\nit?");
    client.ask("r2", "and now?").await;
    assert_eq!(asked(&provider), ("m-1".to_owned(), json!("low")), "the next one is as the conversation");
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    assert_eq!(text_of(&history["messages"][0]), "what is\nit?");
    // What is none stays, and is no command either.
    client.ask("r3", "/think hard about it").await;
    let said = provider.asked().pop().unwrap().messages().last().unwrap()["content"].clone();
    assert_eq!(said, "/think hard about it");
}

#[tokio::test]
async fn a_model_that_a_sender_cannot_have_answers_no_message() {
    let provider = provider().await;
    let home = home(&provider);
    let running = home.start();
    let mut client = running.connect().await;
    assert!(client.ask("r1", "/model nobody/m well?").await.contains("provider `nobody` is not in use"));
    let mut writer = Client::with_scopes(&running.url, &running.token, &["operator.write"]).await;
    assert_eq!(provider.asked().len(), 0);
    assert_eq!(client.call("sessions.list", json!({})).await.unwrap()["count"], 0);
    // Who may not choose one has said a text like any other.
    writer.ask("r2", "/model local/m-2 well?").await;
    assert_eq!(asked(&provider).0, "m-1");
    let said = provider.asked().pop().unwrap().messages().last().unwrap()["content"].clone();
    assert_eq!(said, "/model local/m-2 well?");
    writer.ask("r3", "/think high well?").await;
    assert_eq!(asked(&provider), ("m-1".to_owned(), json!("high")));
}

#[tokio::test]
async fn what_a_message_prefers_outlasts_a_crash_before_its_answer() {
    let provider = Provider::start([Answer::Hang, Answer::Whole(say(&["Yes."]))]).await;
    let home = home(&provider);
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "/model local/m-2 well?").await;
    client.event(|event| event["event"] == "chat" && event["payload"]["deltaText"] == "…").await;
    running.kill();
    let running = home.start();
    let mut client = running.connect().await;
    let waited = client.call("agent.wait", json!({"runId": "r1", "timeoutMs": 60_000})).await.unwrap();
    assert_eq!(waited["text"], "Yes.", "{waited}");
    assert_eq!(asked(&provider).0, "m-2");
}

#[tokio::test]
async fn sub_agents_and_summaries_of_a_conversation_ask_the_model_that_was_chosen_in_it() {
    let spawn = Answer::Whole(call("sessions_spawn", r#"{"task": "look"}"#));
    let answers = (0..20).map(|_| Answer::Whole(say(&["Yes."])));
    let provider = Provider::start(std::iter::once(spawn).chain(answers)).await;
    let config = config(&provider).replacen('{', "{context: {notes: false},", 1);
    let home = Home::new().env(KEY_VARIABLE, KEY).config(&config);
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("c1", "/model local/m-2").await;
    // What the sub-agent finds does not become part of the first run, however soon it does.
    client.ask("c2", "/queue followup").await;
    client.say("main", "r1", "hand it over").await;
    let card = client.card("r1").await;
    assert!(card.to_string().contains("local/m-2"), "{card:#}");
    client.call("exec.approval.resolve", json!({"id": card["id"], "decision": "allow-once"})).await.unwrap();
    client.ended("r1").await.unwrap();
    // What the sub-agent has found is heard here, as a run of its own.
    let heard = client.event(|event| event["payload"]["runId"].as_str().is_some_and(|run| run.ends_with("-end"))).await;
    client.ended(heard["payload"]["runId"].as_str().unwrap()).await.unwrap();
    client.ask("c3", "/compact").await;
    let models: Vec<_> = provider.asked().into_iter().map(|asked| asked.body["model"].clone()).collect();
    assert_eq!(models, vec![json!("m-2"); 5], "call and answer, sub-agent, its result, summary");
}
