//! Real wire formats end to end: what a provider is asked, what comes back, and what happens when it misbehaves.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::{Home, Host};
use crate::provider::{Answer, Asked, KEY, KEY_VARIABLE, Provider, WIRES, Wire, call, calls, fail, say};

fn home(provider: &Provider, wire: Wire) -> Home {
    home_with(&provider.config(wire))
}

fn home_with(config: &str) -> Home {
    let home = Home::new().env(KEY_VARIABLE, KEY).config(config);
    home.file("notes.md", "milk\neggs\n").file("SOUL.md", "You are called Ada-7.\n").file("USER.md", "Lives in Köln.\n")
}

/// Neither logs, nor the store's raw bytes, nor anything else in the home may hold the key.
#[track_caller]
fn check_key_is_nowhere(home: &Home) {
    // The host has written to both, with the level `trace`.
    for name in ["host.redb", "logs/host.jsonl", "stderr.txt"] {
        assert!(std::fs::metadata(home.path().join(name)).unwrap().len() > 0, "{name} is empty");
    }
    check_files_below(home.path());
}

#[track_caller]
fn check_files_below(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_files_below(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let found = bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
            assert!(!found, "`{}` holds the provider's key", path.display());
        }
    }
}

/// Waits for the failure of a run, which must not hold the key, and gives kind and message.
async fn failed(client: &mut Client, run: &str) -> (String, String) {
    let error = client.ended(run).await.unwrap_err();
    assert!(!error.to_string().contains(KEY), "{error}");
    assert_eq!(error["state"], "error", "{error}");
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    (text("errorKind"), text("errorMessage"))
}

fn check_request(asked: &Asked, wire: Wire) {
    let header = |name: &str| asked.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    match wire {
        Wire::OpenAi => {
            assert_eq!(asked.path, "/v1/chat/completions");
            assert_eq!(header("authorization"), Some(format!("Bearer {KEY}")));
        }
        Wire::Responses => {
            assert_eq!(asked.path, "/v1/responses");
            assert_eq!(header("authorization"), Some(format!("Bearer {KEY}")));
            assert_eq!(asked.body["store"], false, "the provider keeps nothing");
        }
        Wire::Gemini => {
            assert_eq!(asked.path, "/v1/models/m-1:streamGenerateContent");
            assert_eq!(header("x-goog-api-key").as_deref(), Some(KEY));
        }
        Wire::Anthropic => {
            assert_eq!(asked.path, "/v1/messages");
            assert_eq!(header("x-api-key").as_deref(), Some(KEY));
            assert_eq!(header("anthropic-version").as_deref(), Some("2023-06-01"));
        }
    }
    let most = match wire {
        Wire::OpenAi | Wire::Anthropic => &asked.body["max_tokens"],
        Wire::Responses => &asked.body["max_output_tokens"],
        Wire::Gemini => &asked.body["generationConfig"]["maxOutputTokens"],
    };
    assert!(most.as_u64().is_some_and(|tokens| tokens > 0), "{}", asked.body);
    if wire != Wire::Gemini {
        assert_eq!((&asked.body["model"], &asked.body["stream"]), (&json!("m-1"), &json!(true)));
    }
    assert!(asked.system().contains("You are called Ada-7.") && asked.system().contains("Lives in Köln."));
    let tools = asked.tools();
    for name in ["read", "write", "edit", "apply_patch", "list", "glob", "grep", "exec", "web_fetch", "clock"] {
        assert!(tools.contains(&name), "{name}: {tools:?}");
    }
}

#[tokio::test]
async fn an_answer_streams_over_the_socket_as_the_provider_gives_it() {
    for wire in WIRES {
        let provider = Provider::start([Answer::Held(say(&["Good ", "morning, ", "Köln"]))]).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        client.say("main", "r1", "hello there").await;
        // The provider holds the rest back, so this is no answer that was cut up afterwards.
        let is_first = |event: &Value| event["event"] == "chat" && event["payload"]["deltaText"] == "Good ";
        client.event(is_first).await;
        provider.release();
        assert_eq!(client.ended("r1").await.unwrap(), "Good morning, Köln", "{wire:?}");
        let asked = provider.asked();
        assert_eq!(asked.len(), 1);
        check_request(&asked[0], wire);
        assert!(asked[0].messages()[0].to_string().contains("hello there"));
        check_key_is_nowhere(&home);
    }
}

#[tokio::test]
async fn a_call_of_the_model_runs_and_its_result_is_sent_back() {
    for wire in WIRES {
        let script = [Answer::Whole(call("read", r#"{"path":"notes.md"}"#)), Answer::Whole(say(&["You need eggs."]))];
        let provider = Provider::start(script).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        assert_eq!(client.ask("r1", "what do I need?").await, "You need eggs.");
        let asked = provider.asked();
        assert_eq!(asked.len(), 2, "{wire:?}");
        check_request(&asked[1], wire);
        assert!(asked[1].result().contains("milk") && asked[1].result().contains("eggs"), "{}", asked[1].body);
        let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
        assert_eq!(history["totalMessages"], 4, "{history}");
    }
}

fn chat(running: &Host, stream: bool, text: &str) -> reqwest::RequestBuilder {
    let body = json!({"model": "openclaw", "stream": stream, "messages": [{"role": "user", "content": text}]});
    reqwest::Client::new().post(running.http("/v1/chat/completions")).bearer_auth(&running.token).json(&body)
}

#[tokio::test]
async fn the_http_api_reaches_the_provider_and_its_tools() {
    for wire in WIRES {
        let turn = || [Answer::Whole(call("read", r#"{"path":"notes.md"}"#)), Answer::Whole(say(&["Buy ", "eggs."]))];
        let provider = Provider::start(turn().into_iter().chain(turn())).await;
        let home = home(&provider, wire);
        let running = home.start();
        let whole: Value = chat(&running, false, "what?").send().await.unwrap().json().await.unwrap();
        assert_eq!(whole["choices"][0]["message"]["content"], "Buy eggs.", "{whole}");
        assert_eq!(whole["choices"][0]["finish_reason"], "stop");
        let streamed = chat(&running, true, "what?").send().await.unwrap().text().await.unwrap();
        let events = streamed.lines().filter_map(|line| line.strip_prefix("data: "));
        let events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
        let text: String =
            events.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect();
        assert!(text == "Buy eggs." && streamed.trim_end().ends_with("data: [DONE]"), "{streamed}");
        let asked = provider.asked();
        assert_eq!(asked.len(), 4);
        assert!(asked[1].result().contains("eggs") && asked[3].result().contains("eggs"));
        // Each request without a user is a conversation of its own.
        assert_eq!(asked[2].messages().len(), 1, "{}", asked[2].body);
    }
}

// ML-14, AP-01
#[tokio::test]
async fn a_program_that_the_model_wants_runs_only_after_the_owner_said_so() {
    for wire in WIRES {
        let wish = || Answer::Whole(call("exec", r#"{"argv":["touch","by-the-model"]}"#));
        let script = [wish(), Answer::Whole(say(&["It runs."])), wish(), Answer::Whole(say(&["Then not."]))];
        let provider = Provider::start(script).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        client.say("main", "r1", "make the file").await;
        let id = client.card("r1").await["id"].as_str().unwrap()[..8].to_owned();
        let file = home.workspace().join("by-the-model");
        assert!(!file.exists() && provider.asked().len() == 1, "it went on before the answer");
        client.ask("r2", &format!("/approve {id} once")).await;
        assert_eq!(client.ended("r1").await.unwrap(), "It runs.");
        assert!(file.exists());
        std::fs::remove_file(&file).unwrap();
        client.say("main", "r3", "again").await;
        let id = client.card("r3").await["id"].as_str().unwrap()[..8].to_owned();
        client.ask("r4", &format!("/approve {id} deny")).await;
        assert_eq!(client.ended("r3").await.unwrap(), "Then not.");
        let refused = provider.asked()[3].result().to_owned();
        assert!(!file.exists() && refused.contains("E_POLICY_DENY"), "{refused}");
        // What the owner types to the host is no part of what the model sees.
        assert!(provider.asked().iter().all(|asked| !asked.body.to_string().contains("/approve")));
    }
}

// SE-02
#[tokio::test]
async fn a_refused_key_is_one_error_that_names_its_variable_and_not_the_key() {
    for wire in WIRES {
        let refusal = || fail(401, &format!("Incorrect API key provided: {KEY}."));
        let provider = Provider::start([refusal(), refusal()]).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        client.say("main", "r1", "hello").await;
        let (_, message) = failed(&mut client, "r1").await;
        assert!(message.contains("refused the key") && message.contains(KEY_VARIABLE), "{message}");
        let answer = chat(&running, false, "hello").send().await.unwrap();
        assert_eq!(answer.status(), 502);
        let text = answer.text().await.unwrap();
        assert!(text.contains(KEY_VARIABLE) && !text.contains(KEY), "{text}");
        assert_eq!(provider.asked().len(), 2, "a refused key is not tried again");
        check_key_is_nowhere(&home);
    }
}

// SE-01
#[tokio::test]
async fn neither_workers_nor_programs_inherit_the_key() {
    let script = [Answer::Whole(call("exec", r#"{"argv":["env"]}"#)), Answer::Whole(say(&["Done."]))];
    let provider = Provider::start(script).await;
    let home = home(&provider, Wire::OpenAi);
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "show me the environment").await;
    let id = client.card("r1").await["id"].as_str().unwrap()[..8].to_owned();
    // The worker of `exec` waits for the answer now.
    let children = children(running.pid());
    assert!(!children.is_empty());
    for child in children {
        for name in ["environ", "cmdline"] {
            let text = std::fs::read(child.join(name)).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&text).contains(KEY), "{}", child.join(name).display());
        }
    }
    client.ask("r2", &format!("/approve {id} once")).await;
    assert_eq!(client.ended("r1").await.unwrap(), "Done.");
    let printed = provider.asked()[1].result().to_owned();
    assert!(printed.contains("PATH=") && !printed.contains(KEY) && !printed.contains(KEY_VARIABLE), "{printed}");
}

/// The folders in `/proc` of the processes that this one has started.
fn children(parent: u32) -> Vec<PathBuf> {
    let is_child = |folder: &PathBuf| {
        let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|id| id.trim() == parent.to_string()))
    };
    std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path()).filter(is_child).collect()
}

// ML-10
#[tokio::test]
async fn a_rate_limit_is_waited_for_as_long_as_the_provider_asks() {
    for wire in WIRES {
        let limit = Answer::Fail { status: 429, message: "Too many requests".to_owned(), retry_after: Some(1) };
        let provider = Provider::start([limit, Answer::Whole(say(&["Here I am."]))]).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        assert_eq!(client.ask("r1", "hello").await, "Here I am.");
        let asked = provider.asked();
        assert_eq!(asked.len(), 2);
        assert!(asked[1].at - asked[0].at >= Duration::from_secs(1), "{wire:?}: it did not wait");
        assert_eq!(asked[0].body, asked[1].body);
    }
}

// ML-11
#[tokio::test]
async fn a_failing_provider_is_tried_again_and_then_named() {
    for wire in WIRES {
        let broken = || fail(500, "internal server error");
        let provider = Provider::start([broken(), broken(), broken(), Answer::Whole(say(&["Better."]))]).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        client.say("main", "r1", "hello").await;
        let (_, message) = failed(&mut client, "r1").await;
        assert!(message.contains("`local` is overloaded or failing: internal server error"), "{message}");
        assert_eq!(provider.asked().len(), 3);
        assert_eq!(client.ask("r2", "and now?").await, "Better.");
        check_key_is_nowhere(&home);
    }
}

// ML-11
#[tokio::test]
async fn an_overloaded_provider_and_a_gateway_in_front_of_it_are_waited_for() {
    for wire in WIRES {
        let script = [fail(529, "Overloaded"), fail(522, "error code: 522"), Answer::Whole(say(&["Here I am."]))];
        let provider = Provider::start(script).await;
        let home = home(&provider, wire);
        let running = home.start();
        assert_eq!(running.connect().await.ask("r1", "hello").await, "Here I am.", "{wire:?}");
        assert_eq!(provider.asked().len(), 3);
    }
}

// ML-24
#[tokio::test]
async fn a_prompt_that_does_not_fit_is_made_shorter_in_each_format() {
    for wire in WIRES {
        let words = match wire {
            Wire::OpenAi => "This model's maximum prompt length is 4096 but the request contains 9000 tokens.",
            Wire::Responses => "Your input exceeds the context window of this model.",
            Wire::Anthropic => "prompt is too long: 9000 tokens > 4096 maximum",
            Wire::Gemini => "The input token count (9000) exceeds the maximum number of tokens allowed (4096).",
        };
        let texts = ["one", "two"].map(|text| Answer::Whole(say(&[text])));
        let after = [fail(400, words)].into_iter().chain(["Minutes.", "three"].map(|text| Answer::Whole(say(&[text]))));
        let provider = Provider::start(texts.into_iter().chain(after)).await;
        let config = provider.config(wire);
        let home = home_with(&format!(
            "{}, context: {{tokens: 40000, keepRecentTokens: 7000, notes: false}}}}",
            config.strip_suffix('}').unwrap()
        ));
        let running = home.start();
        let mut client = running.connect().await;
        let long = "word ".repeat(4800);
        for (run, answer) in [("r1", "one"), ("r2", "two"), ("r3", "three")] {
            assert_eq!(client.ask(run, &long).await, answer, "{wire:?}");
        }
        let asked = provider.asked();
        assert_eq!(asked.len(), 5, "{wire:?}");
        assert!(json!(asked[4].messages()).to_string().contains("Minutes."), "{}", asked[4].body);
    }
}

// ML-05
#[tokio::test]
async fn a_reply_with_far_too_much_in_it_is_answered_call_by_call_and_the_turn_goes_on() {
    let read = || ("read".to_owned(), r#"{"path":"notes.md"}"#.to_owned());
    let huge = format!(r#"{{"path":"huge.txt","content":"{}"}}"#, "x".repeat(10 << 20));
    let many: Vec<_> = std::iter::once(("write".to_owned(), huge)).chain((0..999).map(|_| read())).collect();
    for wire in WIRES {
        let provider = Provider::start([Answer::Whole(calls(&many)), Answer::Whole(say(&["Enough."]))]).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        assert_eq!(client.ask("r1", "go").await, "Enough.", "{wire:?}");
        assert!(!home.workspace().join("huge.txt").exists());
        let asked = provider.asked();
        let sent = json!(asked[1].messages()).to_string();
        // 128 are kept; the first has too much, 31 more run, and the others are refused.
        assert!(sent.len() < 100_000, "{}", sent.len());
        assert_eq!(sent.matches("E_MODEL_ARGS").count(), 1, "{wire:?}");
        assert_eq!(sent.matches("at most 32 calls per reply are run").count(), 96, "{wire:?}");
        assert!(sent.contains("bytes of arguments"), "{wire:?}: the model reads why");
    }
}

// ML-08
#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_the_conversation_goes_on() {
    for wire in WIRES {
        let script = [
            Answer::Cut(say(&["Half a ", "sentence"])),
            // Its arguments are whole, but the provider never said that the call is.
            Answer::Cut(call("write", r#"{"path":"half.txt","content":"x"}"#)),
            Answer::Whole(say(&["Whole again."])),
        ];
        let provider = Provider::start(script).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        for run in ["r1", "r2"] {
            client.say("main", run, &format!("this is {run}")).await;
            let (_, message) = failed(&mut client, run).await;
            assert!(message.contains("`local` broke off") && message.contains("send the message again"), "{message}");
        }
        assert!(!home.workspace().join("half.txt").exists(), "half a call was executed");
        assert_eq!(client.ask("r3", "this is r3").await, "Whole again.");
        let asked = provider.asked();
        assert_eq!(asked.len(), 3, "what was shown cannot be taken back, so it is not tried again");
        let roles: Vec<_> = asked[2].messages().iter().map(|message| message["role"].as_str().unwrap()).collect();
        match wire {
            Wire::Responses => assert_eq!(roles, ["user", "user", "user"]),
            // Roles alternate there, so what stands side by side is one message.
            Wire::OpenAi | Wire::Anthropic | Wire::Gemini => assert_eq!(roles, ["user"]),
        }
        let last = json!(asked[2].messages()).to_string();
        assert!(last.contains("this is r1") && last.contains("this is r3") && !last.contains("Half a"), "{last}");
    }
}

// ML-08
#[tokio::test]
async fn what_an_answer_lacks_that_was_cut_off_or_declined_is_said() {
    for wire in WIRES {
        let script = [
            Answer::Full(say(&["Half a ", "sentence"])),
            Answer::Full(say(&[])),
            Answer::Declined(say(&["Let me "])),
            Answer::Declined(say(&[])),
            Answer::Whole(say(&[])),
            Answer::Full(say(&["Half again."])),
            Answer::Full(say(&["Half typed."])),
        ];
        let provider = Provider::start(script).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        assert_eq!(client.ask("r1", "one").await, "Half a sentence");
        client.say("main", "r2", "two").await;
        let (kind, message) = failed(&mut client, "r2").await;
        assert!(kind == "unknown" && message.contains("the most tokens of one reply"), "{wire:?}: {message}");
        assert_eq!(client.ask("r3", "three").await, "Let me ");
        client.say("main", "r4", "four").await;
        let (kind, message) = failed(&mut client, "r4").await;
        assert!(kind == "refusal" && message.contains("rephrase"), "{wire:?}: {message}");
        assert_eq!(client.ask("r5", "five").await, "");
        // Whoever waits for one answer alone hears of it as well.
        let mut command = home.command(&["agent", "--session", "other", "-m", "six"]);
        let told = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), "Half again.", "{wire:?}");
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.contains("[openclaw-host] The answer is cut off"), "{wire:?}: {told}");
        let mut chat = home.command(&["chat", "--session", "third"]);
        chat.stdin(Stdio::piped()).stdout(Stdio::piped());
        let typed = tokio::task::spawn_blocking(move || {
            let mut chat = chat.spawn().unwrap();
            chat.stdin.take().unwrap().write_all(b"seven\n").unwrap();
            chat.wait_with_output().unwrap().stdout
        });
        let typed = String::from_utf8(typed.await.unwrap()).unwrap();
        assert!(typed.starts_with("Half typed.\n[openclaw-host] The answer is cut off"), "{wire:?}: {typed}");
        let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
        let messages = history["messages"].as_array().unwrap().iter();
        let notices = messages.filter(|message| message["__openclaw"]["kind"] == "notice");
        let notices: Vec<_> = notices.map(|notice| notice["content"][0]["text"].as_str().unwrap()).collect();
        let expected =
            ["is cut off", "the most tokens", "declined to say more", "declined to answer", "without an answer"];
        assert_eq!(notices.len(), expected.len(), "{wire:?}: {notices:?}");
        assert!(notices.iter().zip(expected).all(|(notice, part)| notice.contains(part)), "{wire:?}: {notices:?}");
    }
}

// ML-02, ML-03
#[tokio::test]
async fn the_model_is_told_about_arguments_that_make_no_sense_and_goes_on() {
    for wire in WIRES {
        let script = [
            Answer::Whole(call("write", r#"{"path":"never.txt","content":"#)),
            Answer::Whole(call("write", r#"{"path":["never.txt"],"content":"x"}"#)),
            Answer::Whole(call("no_such_tool", "{}")),
            Answer::Whole(call("read", r#"{"path":"notes.md"}"#)),
            Answer::Whole(say(&["Now it works."])),
        ];
        let provider = Provider::start(script).await;
        let home = home(&provider, wire);
        let running = home.start();
        let mut client = running.connect().await;
        assert_eq!(client.ask("r1", "go").await, "Now it works.");
        let asked = provider.asked();
        assert!(asked[1].result().starts_with("E_MODEL_ARGS: "), "{}", asked[1].result());
        assert!(asked[2].result().starts_with("E_MODEL_ARGS: ") && asked[2].result().contains("path"));
        let unknown = asked[3].result();
        assert!(unknown.starts_with("E_TOOL_UNKNOWN: ") && unknown.contains("apply_patch"), "{unknown}");
        assert!(asked[4].result().contains("eggs"), "{}", asked[4].body);
        assert!(!home.workspace().join("never.txt").exists());
        let last = asked[1].messages().last().unwrap();
        match wire {
            Wire::Anthropic => assert_eq!(last["content"][0]["is_error"], true, "{last}"),
            Wire::Gemini => assert!(last["parts"][0]["functionResponse"]["response"]["error"].is_string(), "{last}"),
            Wire::OpenAi | Wire::Responses => {}
        }
    }
}

// ML-20
#[tokio::test]
async fn a_provider_that_hangs_is_ended_by_a_stop_and_by_the_limit_of_the_run() {
    for wire in WIRES {
        let provider = Provider::start([Answer::Hang, Answer::Hang, Answer::Whole(say(&["There."]))]).await;
        let home = home_with(&provider.config_with(wire, "{runSeconds: 2}"));
        let running = home.start();
        let mut client = running.connect().await;
        client.say("main", "r1", "hello").await;
        client.event(|event| event["event"] == "chat" && event["payload"]["deltaText"] == "…").await;
        client.ask("r2", "/stop").await;
        let end = client.ended("r1").await.unwrap_err();
        assert_eq!(end["state"], "aborted", "{end}");
        client.say("main", "r3", "hello").await;
        let (kind, message) = failed(&mut client, "r3").await;
        assert!(kind == "timeout" && message.contains("limits.runSeconds"), "{kind}: {message}");
        assert_eq!(client.ask("r4", "hello?").await, "There.", "{wire:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_named_with_its_address() {
    // Bound, so that nobody else gets the port, but nobody listens.
    let silent = tokio::net::TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = silent.local_addr().unwrap();
    let config = format!(
        "{{models: {{default: 'gone/m-1', providers: {{gone: {{wire: 'openai-chat', baseUrl: 'http://{address}/v1'}}}}}}}}"
    );
    let home = home_with(&config);
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "hello").await;
    let (_, message) = failed(&mut client, "r1").await;
    assert!(message.contains("`gone`") && message.contains(&address.to_string()), "{message}");
}

#[test]
fn a_key_that_is_not_set_is_named_before_the_start() {
    let config = "{models: {default: 'far/m-1', providers: {far: {wire: 'openai-chat', baseUrl: 'https://far.test/v1', \
                  apiKeyEnv: 'FAR_KEY'}}}}";
    let home = Home::new().config(config);
    let failed = home.run(&["run", "--port", "0"]);
    let text = String::from_utf8_lossy(&failed.stderr);
    assert_eq!(failed.status.code(), Some(64), "{text}");
    assert!(text.contains("`FAR_KEY`") && text.contains("`far`"), "{text}");
}
