//! Several keys and models: who steps in when one fails, what its owner sees of it, and the commands about them.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::host::Home;
use crate::provider::{Answer, Provider, Wire, call, fail, say};

/// A home in which `first` is asked with two keys, and `second` stands in for it.
fn home(first: &Provider, second: &Provider) -> Home {
    let config = json!({ "models": {
        "default": "first/m-1",
        "fallbacks": ["second/m-2"],
        "providers": {
            "first": {
                "baseUrl": format!("{}/v1", first.origin()),
                "keys": { "home": { "source": "env", "id": "HOME_KEY" }, "work": { "source": "env", "id": "WORK_KEY" } },
                "keyOrder": ["work"],
            },
            "second": { "wire": "anthropic-messages", "baseUrl": second.origin() },
        },
    } });
    Home::new().env("HOME_KEY", "sk-home").env("WORK_KEY", "sk-work").config(&config.to_string())
}

fn keys(provider: &Provider) -> Vec<String> {
    let key = |headers: &axum::http::HeaderMap| headers["authorization"].to_str().unwrap().to_owned();
    provider.asked().iter().map(|asked| key(&asked.headers)).collect()
}

/// Runs a command with this on its standard input.
fn run_with(home: &Home, args: &[&str], input: &str) -> Output {
    let mut command = home.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that refuses its arguments ends before it reads.
    match child.stdin.take().unwrap().write_all(input.as_bytes()) {
        Err(err) if err.kind() != std::io::ErrorKind::BrokenPipe => panic!("{err}"),
        _ => {}
    }
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

// ML-10, ML-11
#[tokio::test]
async fn another_key_and_another_model_step_in_and_no_tool_runs_twice() {
    let append = r#"{"path":"log.txt","content":"once\n"}"#;
    let first = Provider::start([Answer::Whole(call("write", append)), fail(429, "slow"), fail(500, "broken")]).await;
    let second = Provider::start([Answer::Whole(say(&["It is ", "written."]))]).await;
    let home = home(&first, &second);
    let running = home.start();
    let mut client = running.connect().await;
    assert_eq!(client.ask("r1", "write it").await, "It is written.");
    assert_eq!(keys(&first), ["Bearer sk-work", "Bearer sk-work", "Bearer sk-home"]);
    assert_eq!(second.asked()[0].wire, Wire::Anthropic);
    // The outcome of the call reached the stand-in, and the call was not made again.
    assert_eq!(second.asked().len(), 1);
    assert!(second.asked()[0].body.to_string().contains("tool_result"), "{}", second.asked()[0].body);
    let limits = "Provider `first` limits the rate; asking `first/m-1` with the key `home` instead.";
    let fails = "Provider `first` is overloaded or failing; asking `second/m-2` instead.";
    let seen = client.seen().iter().map(Value::to_string).collect::<String>();
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap().to_string();
    for notice in [limits, fails] {
        assert!(seen.contains(notice), "{seen}");
        assert!(history.contains(notice), "{history}");
    }
    assert_eq!(history.matches("wrote 5 bytes").count(), 1, "{history}");
    // What rests is seen from outside.
    let status = home.json(&["models", "status"]);
    let state = |index: usize| status[index]["state"].as_str().unwrap().to_owned();
    assert!(state(0).starts_with("resting for") && state(1).starts_with("resting for"), "{status}");
    assert_eq!((status[0]["key"].as_str(), state(2).as_str()), (Some("work"), "ready"), "{status}");
}

// The commands block their thread while the provider answers on another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_added_ordered_tried_and_used_by_commands() {
    let provider =
        Provider::start([Answer::Whole(say(&["ok"])), fail(401, "no"), Answer::Whole(say(&["Hello."]))]).await;
    let config = format!(
        "// mine\n{{\n  models: {{\n    // the one at home\n    providers: {{ lab: {{ baseUrl: '{}/v1' }} }},\n  }},\n}}\n",
        provider.origin()
    );
    let home = Home::new().config(&config);
    let unknown = run_with(&home, &["models", "auth", "add", "lap"], "sk-x");
    assert!(unknown.status.code() == Some(2) && text(&unknown).contains("no provider `lap`"), "{}", text(&unknown));
    let words = run_with(&home, &["models", "auth", "add", "lab", "sk-on-the-line"], "");
    assert!(words.status.code() == Some(2) && !text(&words).contains("sk-on"), "{}", text(&words));
    for (args, key) in [
        (&["models", "auth", "add", "lab"][..], "sk-one\n"),
        (&["models", "auth", "add", "lab", "--name", "two"], "sk-two\n"),
    ] {
        let added = run_with(&home, args, key);
        assert!(added.status.success() && !text(&added).contains("sk-"), "{}", text(&added));
    }
    assert!(home.run(&["models", "auth", "order", "lab", "two", "default"]).status.success());
    let missing = home.run(&["models", "auth", "order", "lab", "three"]);
    assert!(text(&missing).contains("it has `two`, `default`"), "{}", text(&missing));
    assert!(home.run(&["models", "set", "lab/m-1"]).status.success());
    let written = std::fs::read_to_string(home.path().join("config.json5")).unwrap();
    assert!(written.starts_with("// mine\n") && written.contains("// the one at home"), "{written}");

    let probed = home.run(&["--json", "models", "status", "--probe"]);
    let lines: Value = serde_json::from_slice(&probed.stdout).unwrap();
    assert_eq!(probed.status.code(), Some(1), "one key was refused: {lines}");
    assert!(lines[0]["state"].as_str().unwrap().starts_with("answers, in"), "{lines}");
    assert!(lines[1]["state"].as_str().unwrap().contains("refused the key"), "{lines}");
    let list = home.json(&["models", "list"]);
    assert!(list.as_array().unwrap().iter().any(|it| it["model"] == "lab/m-1" && it["role"] == "default"), "{list}");

    let running = home.start();
    let mut client = running.connect().await;
    assert_eq!(client.ask("r1", "hi").await, "Hello.");
    assert_eq!(keys(&provider), ["Bearer sk-two", "Bearer sk-one", "Bearer sk-two"]);
}

#[tokio::test]
async fn a_provider_whose_key_is_there_is_chosen_by_name_at_run_time() {
    let usual = Provider::start([Answer::Whole(say(&["Usual."]))]).await;
    let other = Provider::start([Answer::Whole(say(&["Other."]))]).await;
    let config = json!({ "models": { "default": "usual/m-1", "providers": {
        "usual": { "baseUrl": format!("{}/v1", usual.origin()) },
        "other": { "wire": "anthropic-messages", "baseUrl": other.origin(), "apiKeyEnv": "OTHER_KEY" },
        "unset": { "baseUrl": "https://unset.test/v1", "apiKeyEnv": "UNSET_KEY" },
        "asks": {
            "baseUrl": "https://asks.test/v1",
            "apiKey": { "source": "command", "argv": ["/bin/touch", "it-ran"] },
        },
    } } });
    let home = Home::new().env("OTHER_KEY", "sk-other").env("GROQ_API_KEY", "sk-groq").config(&config.to_string());
    let running = home.start();
    let mut client = running.connect().await;
    let listed = client.ask("c1", "/models").await;
    for line in ["- usual/m-1: 128000 tokens", "- groq/openai/gpt-oss-120b: ", "- other/…", "- ollama/…"] {
        assert!(listed.contains(line), "{listed}");
    }
    for absent in ["- anthropic", "- unset", "- asks"] {
        assert!(!listed.contains(absent), "{listed}");
    }
    let models = client.call("models.list", json!({})).await.unwrap()["models"].clone();
    let listed: Vec<_> =
        models.as_array().unwrap().iter().map(|it| (it["provider"].clone(), it["tags"][0].clone())).collect();
    assert_eq!(listed[0], (json!("usual"), json!("default")));
    assert!(listed[1..].iter().all(|it| *it == (json!("groq"), Value::Null)) && listed.len() > 1, "{listed:?}");
    assert!(client.ask("c2", "/model other/m-9").await.contains("asks other/m-9"));
    assert_eq!(client.ask("r1", "hi").await, "Other.");
    assert_eq!((other.asked()[0].body["model"].as_str(), usual.asked().len()), (Some("m-9"), 0));
    assert_eq!(other.asked()[0].headers["x-api-key"], "sk-other");
    assert!(client.ask("c3", "/model groq/openai/gpt-oss-120b").await.contains("asks groq/openai/gpt-oss-120b"));
    let refused = client.ask("c4", "/model anthropic/claude").await;
    assert!(refused.contains("is not in use") && refused.contains("models auth add anthropic"), "{refused}");
    client.ask("c5", "/model default").await;
    assert_eq!(client.ask("r2", "hi").await, "Usual.");
}

#[tokio::test]
async fn a_key_in_the_vault_goes_to_the_server_it_was_added_for_alone() {
    let provider = Provider::start([]).await;
    let other = Provider::start([]).await;
    let config =
        |at: &Provider| format!("{{ models: {{ providers: {{ lab: {{ baseUrl: '{}/v1' }} }} }} }}", at.origin());
    let home = Home::new().config(&config(&provider));
    assert!(run_with(&home, &["models", "auth", "add", "lab"], "sk-one").status.success());
    assert!(home.run(&["models", "set", "lab/m-1"]).status.success());
    let file = home.path().join("config.json5");
    let moved = std::fs::read_to_string(&file).unwrap().replace(provider.origin(), other.origin());
    std::fs::write(&file, moved).unwrap();
    let failed = home.run(&["models", "status", "--probe"]);
    assert!(!failed.status.success() && text(&failed).contains("may not be sent to"), "{}", text(&failed));
    assert!(other.asked().is_empty());
}

#[test]
fn models_are_listed_with_what_is_known_of_them() {
    let home = Home::new().env("GROQ_API_KEY", "sk-x");
    let names = |args: &[&str]| -> Vec<String> {
        let list = home.json(args);
        list.as_array().unwrap().iter().map(|it| it["provider"].as_str().unwrap().to_owned()).collect()
    };
    let mut usable = names(&["models", "list"]);
    usable.dedup();
    assert_eq!(usable, ["groq"]);
    let mut all = names(&["models", "list", "--all"]);
    all.dedup();
    assert!(all.len() >= 24, "{all:?}");
    let shown = text(&home.run(&["models", "list", "--all"]));
    assert!(shown.contains("openrouter/<model>") && shown.contains("unknown") && shown.contains("missing"), "{shown}");
}

#[tokio::test]
async fn a_server_that_is_named_is_found_by_a_scan_and_says_how_much_its_models_take() {
    let list = async || r#"{"object":"list","data":[{"id":"qwen3:8b","owned_by":"library"}]}"#;
    let shown = r#"{"parameters":"num_ctx                        16384","model_info":{"qwen3.context_length":40960}}"#;
    let router = axum::Router::new()
        .route("/v1/models", axum::routing::get(list))
        .route("/api/show", axum::routing::post(async move || shown));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let home = Home::new();
    let found = tokio::task::spawn_blocking({
        let url = url.clone();
        move || home.json(&["models", "scan", &url])
    });
    let found = found.await.unwrap();
    let own = found.as_array().unwrap().iter().find(|it| it["baseUrl"] == json!(url)).expect("it was found").clone();
    assert_eq!((&own["models"], &own["contextTokens"]), (&json!(["qwen3:8b"]), &json!({"qwen3:8b": 16384})));
    let file = format!("{{ {} }}", own["use"].as_str().unwrap());
    let home = Home::new().config(&file);
    // The host asks it itself, as nothing else is said of the model.
    let running = home.start();
    let context = running.connect().await.ask("c1", "/context").await;
    assert!(context.starts_with("local/qwen3:8b: 16384 tokens of context"), "{context}");
    drop(running);
    let checked = home.run(&["config", "check"]);
    assert!(checked.status.success() && text(&checked).contains("local/qwen3:8b"), "{}", text(&checked));
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_without_credit_is_not_asked_again_after_a_restart_until_its_owner_says_so_or_replaces_it() {
    let answers = ["One.", "Two.", "Three.", "Four.", "Five."].map(|text| Answer::Whole(say(&[text])));
    let first = Provider::start(std::iter::once(fail(402, "pay")).chain(answers)).await;
    let second = Provider::start([]).await;
    let home = home(&first, &second);
    let last = || keys(&first).pop().unwrap();
    let state = |home: &Home| home.json(&["models", "status"])[0]["state"].as_str().unwrap().to_owned();
    let running = home.start();
    assert_eq!(running.connect().await.ask("r1", "hi").await, "One.");
    assert_eq!(keys(&first), ["Bearer sk-work", "Bearer sk-home"]);
    running.stop();
    let raw = std::fs::read(home.path().join("host.redb")).unwrap();
    assert!(!raw.windows(7).any(|bytes| bytes == b"sk-work"), "the store holds a key");

    let running = home.start();
    assert!(state(&home).starts_with("disabled for 1"), "{}", state(&home));
    assert_eq!(running.connect().await.ask("r2", "hi").await, "Two.");
    assert_eq!(last(), "Bearer sk-home");
    // Its owner has paid, and says so to the running host.
    assert!(home.run(&["models", "auth", "order", "first", "work", "home"]).status.success());
    assert_eq!(state(&home), "ready");
    assert_eq!(running.connect().await.ask("r3", "hi").await, "Three.");
    assert_eq!(last(), "Bearer sk-work");
    running.stop();
    let running = home.start();
    assert_eq!((state(&home).as_str(), running.connect().await.ask("r4", "hi").await.as_str()), ("ready", "Four."));
    running.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_a_key_does_not_count_for_another_one_and_is_forgotten_while_no_host_runs() {
    let script = [fail(402, "pay"), Answer::Whole(say(&["One."])), Answer::Whole(say(&["Two."])), fail(402, "pay")];
    let script = script.into_iter().chain(["Three.", "Four."].map(|text| Answer::Whole(say(&[text]))));
    let (first, second) = (Provider::start(script).await, Provider::start([]).await);
    let home = home(&first, &second);
    let last = || keys(&first).pop().unwrap();
    let running = home.start();
    assert_eq!(running.connect().await.ask("r1", "hi").await, "One.");
    running.stop();
    let home = home.env("WORK_KEY", "sk-new");
    let running = home.start();
    assert_eq!((running.connect().await.ask("r2", "hi").await.as_str(), last().as_str()), ("Two.", "Bearer sk-new"));
    assert_eq!(running.connect().await.ask("r3", "hi").await, "Three.");
    assert_eq!(last(), "Bearer sk-home");
    running.stop();
    let ordered = home.run(&["models", "auth", "order", "first", "work", "home"]);
    assert!(text(&ordered).contains("from the next start on"), "{}", text(&ordered));
    let running = home.start();
    assert_eq!((running.connect().await.ask("r4", "hi").await.as_str(), last().as_str()), ("Four.", "Bearer sk-new"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_models_that_commands_change_are_used_without_a_restart() {
    let answers = ["One.", "Two.", "Three."].map(|text| Answer::Whole(say(&[text])));
    let provider = Provider::start(answers).await;
    let config = format!("{{ models: {{ providers: {{ lab: {{ baseUrl: '{}/v1' }} }} }} }}", provider.origin());
    let home = Home::new().config(&config);
    let running = home.start();
    let mut client = running.connect().await;
    assert!(!client.ask("c1", "/models").await.contains("lab/"));
    let run = |args: &[&str], input: &str, says: &str| {
        let output = run_with(&home, args, input);
        assert!(output.status.success() && text(&output).contains(says), "{}", text(&output));
    };
    run(&["models", "auth", "add", "lab"], "sk-one", "is used from now on");
    run(&["models", "set", "lab/m-1"], "", "`lab/m-1` answers from now on");
    assert_eq!(client.ask("r1", "hi").await, "One.");
    assert!(client.ask("c2", "/models").await.contains("this conversation asks lab/m-1"));
    // A provider that nobody has named yet can be chosen as soon as its key is there.
    assert!(client.ask("c3", "/model groq/openai/gpt-oss-120b").await.contains("models auth add groq"));
    run(&["models", "auth", "add", "groq"], "sk-groq", "is used from now on");
    assert!(client.ask("c4", "/models").await.contains("- groq/openai/gpt-oss-120b: "));
    let listed = client.call("models.list", json!({})).await.unwrap().to_string();
    assert!(listed.contains(r#""provider":"groq""#), "{listed}");
    run(&["secret", "rotate", "models/lab"], "sk-two", "rotated `models/lab`");
    assert_eq!(client.ask("r2", "hi").await, "Two.");
    // What cannot be used changes nothing, and says so.
    let file = home.path().join("config.json5");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("lab/m-1", "nobody/m-1")).unwrap();
    run(
        &["secret", "rotate", "models/lab"],
        "sk-three",
        "the running host goes on with the models and keys that it has",
    );
    assert_eq!(client.ask("r3", "hi").await, "Three.");
    assert_eq!(keys(&provider), ["Bearer sk-one", "Bearer sk-two", "Bearer sk-two"]);
}
