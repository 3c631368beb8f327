//! Images in messages: from a client over the log to a model that can look at them, and what becomes of all others.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, PATIENCE};
use crate::host::{Home, Host, weakened};
use crate::provider::{Answer, Asked, KEY, KEY_VARIABLE, Provider, WIRES, Wire, fail, say};
use crate::vitals::memory_kib;

/// A picture of one point, and another one, both as their makers write them.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const GIF: &str = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

/// A home whose model can look at images.
fn home(provider: &Provider, wire: Wire) -> Home {
    Home::new().env(KEY_VARIABLE, KEY).config(&seeing(&provider.config(wire)))
}

fn seeing(config: &str) -> String {
    config.replace("apiKeyEnv:", "models: {'m-1': {images: true}}, apiKeyEnv:")
}

fn answer(text: &str) -> Answer {
    Answer::Whole(say(&[text]))
}

async fn show(client: &mut Client, run: &str, text: &str, images: &[&str]) -> Result<Value, Value> {
    let attachments: Vec<_> = images.iter().map(|content| json!({"type": "image", "content": content})).collect();
    let params = json!({
        "sessionKey": "main", "message": text, "idempotencyKey": run, "attachments": attachments,
    });
    client.call("chat.send", params).await
}

/// Shows images and waits for the answer.
async fn ask(client: &mut Client, run: &str, text: &str, images: &[&str]) -> String {
    show(client, run, text, images).await.unwrap();
    client.ended(run).await.unwrap()
}

/// The image as the format has it.
fn part(wire: Wire, mime: &str, base64: &str) -> Value {
    let url = format!("data:{mime};base64,{base64}");
    match wire {
        Wire::OpenAi => json!({"type": "image_url", "image_url": {"url": url}}),
        Wire::Responses => json!({"type": "input_image", "image_url": url}),
        Wire::Anthropic => {
            json!({"type": "image", "source": {"type": "base64", "media_type": mime, "data": base64}})
        }
        Wire::Gemini => json!({"inlineData": {"mimeType": mime, "data": base64}}),
    }
}

fn parts(asked: &Asked, message: usize) -> Vec<Value> {
    let message = &asked.messages()[message];
    let parts = if asked.wire == Wire::Gemini { &message["parts"] } else { &message["content"] };
    parts.as_array().unwrap_or_else(|| panic!("no parts in {message}")).clone()
}

fn images(asked: &Asked) -> usize {
    asked.body.to_string().matches(&PNG[..40]).count()
}

fn blobs(home: &Home) -> usize {
    let folders = fs::read_dir(home.path().join("blobs")).into_iter().flatten().flatten();
    folders.map(|folder| fs::read_dir(folder.path()).map_or(0, Iterator::count)).sum()
}

async fn history(client: &mut Client) -> Value {
    client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap()
}

fn told(home: &Home, args: &[&str]) -> String {
    let output = home.run(args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_reaches_the_model_in_each_wire_format_now_and_later() {
    for wire in WIRES {
        let provider = Provider::start([answer("A red point."), answer("Red."), answer("Still red.")]).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        assert_eq!(ask(&mut client, "r1", "what is it?", &[PNG]).await, "A red point.", "{wire:?}");
        assert_eq!(client.ask("r2", "which colour?").await, "Red.");
        drop(client);
        running.kill();
        let running = home.start();
        assert_eq!(running.connect().await.ask("r3", "sure?").await, "Still red.");
        for asked in provider.asked() {
            let parts = parts(&asked, 0);
            assert_eq!(parts[0], part(wire, "image/png", PNG), "{wire:?}");
            assert_eq!(parts[1]["text"], "what is it?", "{wire:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_an_image_and_holds_none_of_it() {
    let provider = Provider::start([answer("A point.")]).await;
    let home = home(&provider, Wire::OpenAi);
    let running = home.start();
    let mut client = running.connect().await;
    ask(&mut client, "r1", "findme", &[PNG, PNG]).await;
    let bytes = STANDARD.decode(PNG).unwrap();
    let history = history(&mut client).await;
    let shown = &history["messages"][0]["content"];
    assert_eq!(shown[0], json!({"type": "text", "text": "findme"}));
    let digest = shown[1]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(shown[1], json!({"type": "image", "mimeType": "image/png", "sizeBytes": bytes.len(), "sha256": digest}));
    assert_eq!(shown[1], shown[2]);
    assert_eq!(fs::read(home.path().join("blobs").join(&digest[..2]).join(&digest[2..])).unwrap(), bytes);
    assert_eq!(blobs(&home), 1, "the same bytes are kept once");
    let line = format!("[image: image/png, {} bytes, sha256 {digest}]", bytes.len());
    for form in ["md", "html"] {
        let export = told(&home, &["sessions", "export", "main", "--format", form]);
        assert_eq!(export.matches(&line).count(), 2, "{export}");
    }
    assert!(told(&home, &["sessions", "export", "main", "--format", "jsonl"]).contains(&digest));
    assert!(told(&home, &["sessions", "search", "findme"]).contains("findme"));
    drop(running);
    let store = fs::read(home.path().join("host.redb")).unwrap();
    assert!(!store.windows(bytes.len()).any(|window| window == bytes), "the store holds the image itself");
    assert!(told(&home, &["db", "check"]).starts_with("sound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_look_is_told_and_so_is_the_owner_once() {
    let provider = Provider::start([answer("I cannot see it."), answer("Still not.")]).await;
    let home = Home::new().env(KEY_VARIABLE, KEY).config(&provider.config(Wire::OpenAi));
    let running = home.start();
    let mut client = running.connect().await;
    ask(&mut client, "r1", "what is it?", &[PNG]).await;
    assert_eq!(client.ask("r2", "and now?").await, "Still not.");
    for asked in provider.asked() {
        assert_eq!(images(&asked), 0);
        let said = asked.messages()[0]["content"].as_str().unwrap();
        assert!(said.starts_with("what is it?\n[image left out: image/png, 70 bytes; "), "{said}");
    }
    let rows = history(&mut client).await.to_string();
    assert_eq!(rows.matches("local/m-1 cannot look at images").count(), 1, "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_can_look_after_all_sees_what_was_shown_before() {
    let provider = Provider::start([answer("I cannot see it."), answer("A point.")]).await;
    let home = Home::new().env(KEY_VARIABLE, KEY).config(&provider.config(Wire::Anthropic));
    let running = home.start();
    ask(&mut running.connect().await, "r1", "what is it?", &[PNG]).await;
    drop(running);
    let home = home.config(&seeing(&provider.config(Wire::Anthropic)));
    let running = home.start();
    running.connect().await.ask("r2", "and now?").await;
    let counts: Vec<_> = provider.asked().iter().map(images).collect();
    assert_eq!(counts, [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_gone_from_the_disk_does_not_end_the_conversation() {
    let provider = Provider::start([answer("A point."), answer("It is gone.")]).await;
    let home = home(&provider, Wire::OpenAi);
    let running = home.start();
    let mut client = running.connect().await;
    ask(&mut client, "r1", "what is it?", &[PNG]).await;
    fs::remove_dir_all(home.path().join("blobs")).unwrap();
    assert_eq!(client.ask("r2", "and now?").await, "It is gone.");
    let said = provider.asked()[1].messages()[0].to_string();
    assert!(said.contains("image/png, 70 bytes; its file is not there any more"), "{said}");
}

// A provider that cannot read one image would refuse every later prompt of the conversation, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_the_provider_refuses_does_not_end_the_conversation() {
    for wire in WIRES {
        let refusal = || fail(400, "Could not process image");
        let provider = Provider::start([refusal(), answer("Without it."), refusal(), answer("Again.")]).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        assert_eq!(ask(&mut client, "r1", "what is it?", &[PNG]).await, "Without it.", "{wire:?}");
        assert_eq!(client.ask("r2", "and now?").await, "Again.");
        let counts: Vec<_> = provider.asked().iter().map(images).collect();
        assert_eq!(counts, [1, 0, 1, 0], "{wire:?}");
        let rows = history(&mut client).await.to_string();
        assert!(rows.contains("The images were refused") && rows.contains("Could not process image"), "{rows}");
        // Where there are none, a refusal stays one.
        client.call("sessions.reset", json!({"key": "main"})).await.unwrap();
    }
    let provider = Provider::start([fail(400, "Bad request"), answer("never")]).await;
    let home = home(&provider, Wire::OpenAi);
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "hello").await;
    assert!(client.ended("r1").await.unwrap_err().to_string().contains("Bad request"));
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_image_or_too_much_is_refused_and_nothing_is_kept_of_it() {
    let provider = Provider::start([answer("Fine.")]).await;
    let home = home(&provider, Wire::OpenAi);
    let running = home.start();
    let mut client = running.connect().await;
    let pdf = STANDARD.encode("%PDF-1.7");
    let mut large = STANDARD.decode(PNG).unwrap();
    large.resize(4 << 20, 0);
    let large = STANDARD.encode(large);
    let refusals: [(&[&str], &str); 5] = [
        (&[PNG, &pdf], "attachment 2 is no PNG, JPEG, GIF or WebP"),
        (&["!!!"], "attachment 1 is not in base64"),
        (&[&large], "has more than 3932160 bytes"),
        (&[PNG; 9], "attachment 9 is one too many"),
        (&["https://example.com/cat.png"], "is not in base64"),
    ];
    for (images, why) in refusals {
        let refused = show(&mut client, "r1", "look", images).await.unwrap_err();
        assert_eq!(refused["code"], "INVALID_REQUEST", "{refused}");
        assert!(refused["message"].as_str().unwrap().contains(why), "{refused}");
    }
    let named = json!([{"mimeType": "image/jpeg", "fileName": "cat.jpg", "content": PNG}]);
    let params = json!({"message": "look", "idempotencyKey": "r1", "attachments": named});
    let refused = client.call("agent", params).await.unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("`cat.jpg` is called `image/jpeg`"), "{refused}");
    let refused = show(&mut client, "r1", "/status", &[PNG]).await.unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("cannot go with a command"), "{refused}");
    // CH-10: who may not say anything leaves nothing either.
    let mut reader = Client::with_scopes(&running.url, &running.token, &["operator.read"]).await;
    assert_eq!(show(&mut reader, "r1", "look", &[PNG]).await.unwrap_err()["code"], "FORBIDDEN");
    assert_eq!(blobs(&home), 0);
    // The same id is still free.
    assert_eq!(ask(&mut client, "r1", "", &[PNG]).await, "Fine.");
}

fn chat(running: &Host, content: &Value) -> reqwest::RequestBuilder {
    let body = json!({"model": "openclaw", "user": "ada", "messages": [{"role": "user", "content": content}]});
    reqwest::Client::new().post(running.http("/v1/chat/completions")).bearer_auth(&running.token).json(&body)
}

// NET-39
#[tokio::test(flavor = "multi_thread")]
async fn the_http_api_takes_images_and_fetches_none() {
    let provider = Provider::start([answer("A point.")]).await;
    let home = home(&provider, Wire::OpenAi);
    let running = home.start();
    let shown =
        |url: &str| json!([{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": url}}]);
    let elsewhere = format!("{}/cat.png", provider.origin());
    let refused = chat(&running, &shown(&elsewhere)).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("the host fetches nothing for a client"));
    assert_eq!(provider.asked().len(), 0);
    let answered = chat(&running, &shown(&format!("data:image/gif;base64,{GIF}"))).send().await.unwrap();
    let answered: Value = answered.json().await.unwrap();
    assert_eq!(answered["choices"][0]["message"]["content"], "A point.", "{answered}");
    assert_eq!(parts(&provider.asked()[0], 0)[0], part(Wire::OpenAi, "image/gif", GIF));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_message_comes_through_both_doors() {
    let provider = Provider::start([answer("One."), answer("Two.")]).await;
    let home = home(&provider, Wire::OpenAi);
    let running = home.start();
    let mut client = running.connect().await;
    let image = |seed: u8, bytes: usize| {
        let mut image = STANDARD.decode(PNG).unwrap();
        image.resize(bytes, seed);
        STANDARD.encode(image)
    };
    // Together 12 MiB.
    let images = [image(1, 3_932_160), image(2, 3_932_160), image(3, 3_932_160), image(4, 786_432)];
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let text = "x".repeat(1 << 20);
    assert_eq!(ask(&mut client, "r1", &text, &images).await, "One.");
    let part =
        |image: &&str| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}});
    let content: Vec<Value> = images.iter().map(part).collect();
    let answered = chat(&running, &Value::Array(content)).send().await.unwrap();
    assert!(answered.text().await.unwrap().contains("Two."));
    assert_eq!(provider.asked().iter().map(images_of_a_text).collect::<Vec<_>>(), [4, 4]);
    assert_eq!(blobs(&home), 4);
}

fn images_of_a_text(asked: &Asked) -> usize {
    asked.body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|message| message["content"].as_array())
        .flatten()
        .filter(|part| part["type"] == "image_url")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_acceptance_and_run_loses_no_image() {
    for point in ["accepted", "started"] {
        // It may have been asked before, as the message was on its way to the disk.
        let provider = Provider::start([answer("A point."), answer("A point.")]).await;
        let home = home(&provider, Wire::Gemini).program(weakened()).env("OPENCLAW_TEST_CRASH_AT", point);
        let running = home.start();
        let mut client = running.connect().await;
        let params = json!({
            "sessionKey": "main", "message": "look", "idempotencyKey": "r1", "attachments": [{"content": PNG}],
        });
        client.send("chat.send", params.clone()).await;
        while client.frame().await.is_some() {}
        drop(running);
        let before = provider.asked().len();
        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let running = home.start();
        let mut client = running.connect().await;
        if point == "started" {
            // Nobody was told that it was accepted: a run begins before.
            client.call("chat.send", params).await.unwrap();
        }
        let waited = client.call("agent.wait", json!({"runId": "r1", "timeoutMs": 60_000})).await.unwrap();
        assert_eq!(waited["text"], "A point.", "{point}: {waited}");
        assert_eq!(provider.asked().len(), before + 1, "{point}");
        assert_eq!(parts(&provider.asked()[before], 0)[0], part(Wire::Gemini, "image/png", PNG), "{point}");
        assert_eq!(blobs(&home), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_deletes_a_conversation_frees_its_images_and_a_copy_keeps_them() {
    let provider = Provider::start([answer("A point."), answer("In the copy, too.")]).await;
    let home = home(&provider, Wire::OpenAi);
    let running = home.start();
    let mut client = running.connect().await;
    ask(&mut client, "r1", "look", &[PNG, GIF]).await;
    told(&home, &["sessions", "fork", "main", "copy"]);
    told(&home, &["sessions", "delete", "main"]);
    assert_eq!(client.ask_in("copy", "r2", "still there?").await, "In the copy, too.");
    assert_eq!(images(&provider.asked()[1]), 1);
    assert_eq!(blobs(&home), 2);
    told(&home, &["sessions", "delete", "copy"]);
    let freed = async {
        while blobs(&home) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.expect("the images are never swept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_of_images_stays_within_the_window() {
    const TURNS: usize = 16;
    let provider = Provider::start((0..2 * TURNS).map(|_| answer("Seen."))).await;
    let config = seeing(&provider.config(Wire::OpenAi));
    let config = format!("{}, context: {{tokens: 40000, notes: false}}}}", config.strip_suffix('}').unwrap());
    let home = Home::new().env(KEY_VARIABLE, KEY).config(&config);
    let running = home.start();
    let mut client = running.connect().await;
    for turn in 0..TURNS {
        ask(&mut client, &format!("r{turn}"), &format!("look at {turn}"), &[PNG; 4]).await;
    }
    let asked = provider.asked();
    let (summaries, prompts): (Vec<_>, Vec<_>) = asked.iter().partition(|asked| asked.body.get("tools").is_none());
    assert_eq!(prompts.len(), TURNS);
    for (turn, asked) in prompts.iter().enumerate() {
        let last = asked.messages().last().unwrap();
        assert_eq!(last["content"].as_array().unwrap().len(), 5, "the newest message has all of its images");
        // Half of the room is for images, each of which counts as 1,600 tokens.
        let count = images(asked);
        assert!((4..=12).contains(&count), "turn {turn}: {count}");
        assert!(turn < 4 || asked.body.to_string().contains("[image left out: image/png, 70 bytes; "));
    }
    for summary in &summaries {
        assert_eq!(images(summary), 0);
        assert!(summary.body.to_string().contains("image/png, 70 bytes"));
    }
    assert_eq!(blobs(&home), 1);
}
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_images() {
    let provider = Provider::start([answer("Two points.")]).await;
    let home = home(&provider, Wire::OpenAi);
    let running = home.start();
    let file = |name: &str, base64: &str| {
        let path = home.path().join(name);
        fs::write(&path, STANDARD.decode(base64).unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (png, gif) = (file("a.png", PNG), file("b.gif", GIF));
    let said = told(&home, &["agent", "-m", "what are they?", "--image", &png, "--image", &gif]);
    assert_eq!(said.trim(), "Two points.");
    let parts = parts(&provider.asked()[0], 0);
    assert_eq!(parts[..2], [part(Wire::OpenAi, "image/png", PNG), part(Wire::OpenAi, "image/gif", GIF)]);
    let refused = |path: &str| {
        let output = home.run(&["agent", "-m", "look", "--image", path]);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = home.path().join("notes.txt");
    fs::write(&text, "no image").unwrap();
    assert!(refused(text.to_str().unwrap()).contains("`notes.txt` is no PNG, JPEG, GIF or WebP"));
    assert!(refused("/nowhere/cat.png").contains("cannot read the image `/nowhere/cat.png`"));
    assert!(refused("/dev/zero").contains("the image `/dev/zero` has more than 3932160 bytes"));
    drop(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_in_the_terminal_shows_files() {
    let provider = Provider::start([answer("A point.")]).await;
    let home = home(&provider, Wire::OpenAi);
    let _running = home.start();
    let path = home.path().join("my cat.png");
    fs::write(&path, STANDARD.decode(PNG).unwrap()).unwrap();
    let mut chat = home.command(&["chat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(chat.stdin.take().unwrap(), "/image \"{}\" what is it?", path.display()).unwrap();
    let output = chat.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "A point.");
    let parts = parts(&provider.asked()[0], 0);
    assert_eq!(parts[0], part(Wire::OpenAi, "image/png", PNG));
    assert!(parts[1].to_string().contains("what is it?"), "{parts:?}");
}

#[tokio::test]
async fn large_messages_leave_no_memory_behind() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("warm", "say hi").await;
    let before = memory_kib(running.pid(), "VmRSS:").unwrap();
    let large = STANDARD.encode([STANDARD.decode(PNG).unwrap(), vec![7; 3 << 20]].concat());
    for round in 0..3 {
        ask(&mut client, &format!("r{round}"), "say hi", &[large.as_str(); 3]).await;
    }
    let until = Instant::now() + PATIENCE;
    loop {
        // What the connection has held goes with it.
        client = running.connect().await;
        client.call("health", json!({})).await.unwrap();
        let after = memory_kib(running.pid(), "VmRSS:").unwrap();
        if after < before + (14 << 10) {
            return;
        }
        assert!(Instant::now() < until, "{before} KiB before, {after} KiB after");
    }
}
