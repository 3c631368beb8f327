use expect_test::{Expect, expect};
use serde_json::Value;

use super::*;
use crate::cli::output::Shade;
use crate::cli::sessions::parse_key;
use crate::client::fake::{FakeGateway, Reply};

const ID: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// The model has said `text` until now.
fn said(run: &Value, text: &str) -> Reply {
    let data = json!({ "text": text, "delta": "not to be relied on" });
    Reply::Event("agent", json!({ "runId": run, "sessionKey": "agent:main:main", "stream": "assistant", "data": data }))
}

fn tool(run: &Value, data: Value) -> Reply {
    Reply::Event("agent", json!({ "runId": run, "sessionKey": "agent:main:main", "stream": "tool", "data": data }))
}

fn ended(run: &Value, state: &str, rest: Value) -> Reply {
    let mut payload = json!({ "runId": run, "sessionKey": "agent:main:main", "state": state });
    payload.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    Reply::Event("chat", payload)
}

fn finished(run: &Value, text: &str) -> Reply {
    ended(run, "final", json!({ "message": { "role": "assistant", "content": [{ "type": "text", "text": text }] } }))
}

fn asked() -> Reply {
    let card = json!({ "title": "`exec` wants to run a program", "lines": [["argv[0]", "git"]] });
    let request = json!({ "sessionKey": "agent:main:main", "card": card });
    Reply::Event(
        "exec.approval.requested",
        json!({ "id": ID, "request": request, "createdAtMs": 0, "expiresAtMs": 600_000 }),
    )
}

/// What a piped chat prints for these lines, and how many of its runs failed.
async fn converse(
    format: Format,
    lines: &[&str],
    script: impl FnMut(&str, &Value) -> Vec<Reply> + Send + 'static,
) -> (String, usize) {
    let gateway = FakeGateway::start(script).await;
    let client = Client::connect(gateway.home.path()).await.unwrap();
    let view = View::new(Vec::new(), Shade::Plain, Prompt::None);
    let mut chat = Chat { client, conversation: Conversation::new(parse_key("main").unwrap(), view, format) };
    let (tx, mut rx) = mpsc::channel(16);
    for line in lines {
        tx.send(Ok((*line).to_owned())).await.unwrap();
    }
    drop(tx);
    let run = chat.run(&mut rx, Pace::Piped);
    tokio::time::timeout(std::time::Duration::from_secs(20), run).await.unwrap().unwrap();
    let failed = chat.conversation.failed_runs();
    (String::from_utf8(chat.conversation.into_view().into_inner()).unwrap(), failed)
}

async fn check(
    lines: &[&str],
    script: impl FnMut(&str, &Value) -> Vec<Reply> + Send + 'static,
    expect: Expect,
) -> usize {
    let (text, failed) = converse(Format::Text, lines, script).await;
    expect.assert_eq(&text);
    failed
}

#[tokio::test]
async fn each_line_waits_for_the_run_of_the_line_before() {
    // Events come even ahead of the answer to the request that started the run.
    let echo = |_: &str, params: &Value| {
        let (run, text) = (&params["idempotencyKey"], params["message"].as_str().unwrap());
        vec![
            said(run, "you said "),
            Reply::Ok(json!({ "status": "started" })),
            said(run, &format!("you said {text}")),
            finished(run, &format!("you said {text}")),
        ]
    };
    check(
        &["one", "", "two"],
        echo,
        expect![[r#"
        you said one
        you said two
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_card_is_shown_whole_and_answered_while_its_run_waits() {
    let mut waiting = Value::Null;
    let script = move |method: &str, params: &Value| match method {
        "chat.send" => {
            waiting = params["idempotencyKey"].clone();
            let start = json!({ "phase": "start", "name": "exec", "args": { "argv": ["git"] } });
            // The card also comes as text of the chat; it must not stand there twice.
            let delta = ended(&waiting, "delta", json!({ "deltaText": "the card again" }));
            vec![Reply::Ok(json!({})), tool(&waiting, start), asked(), delta]
        }
        "exec.approval.list" => vec![Reply::Ok(json!([{ "id": ID, "request": {} }]))],
        "exec.approval.resolve" => {
            assert_eq!(*params, json!({ "id": ID, "decision": "allow-once" }));
            let result = json!({ "phase": "result", "name": "exec", "isError": false });
            let resolved = Reply::Event("exec.approval.resolved", json!({ "id": ID, "decision": "allow-once" }));
            vec![Reply::Ok(json!({})), resolved, tool(&waiting, result), finished(&waiting, "done")]
        }
        other => panic!("{other}"),
    };
    let lines = ["run git", "/approve", "/approve 0a1b2c3d once"];
    check(
        &lines,
        script,
        expect![[r#"
            · exec {"argv":["git"]}
            [openclaw-host] approval needed: `exec` wants to run a program
              argv[0]  git
              Expires  1970-01-01T00:10:00.000Z
              Id       0a1b2c3d4e5f60718293a4b5c6d7e8f9
              answer: `/approve 0a1b2c3d once`, `/approve 0a1b2c3d deny` or `/approve 0a1b2c3d pause`
            write `/approve ID once`, `/approve ID always`, `/approve ID deny` or `/approve ID pause`; the card shows the id. Several ids can have one answer, but not `always`, behind which can stand the number of a choice, `uses N` and `for 7d`
            · exec done
            done
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_the_host_says_stands_on_lines_of_its_own() {
    let script = |_: &str, params: &Value| {
        let run = &params["idempotencyKey"];
        let notice = |text: &str| {
            let data = json!({ "text": text });
            let payload = json!({ "runId": run, "sessionKey": "agent:main:main", "stream": "notice", "data": data });
            Reply::Event("agent", payload)
        };
        let parts =
            [notice("[openclaw-host] b answers"), said(run, "Half an"), notice("[openclaw-host] cut\u{1b}[2J\noff")];
        let mut replies = vec![Reply::Ok(json!({}))];
        replies.extend(parts);
        replies.push(finished(run, "Half an"));
        replies
    };
    let failed = check(
        &["well?"],
        script,
        expect![[r#"
            [openclaw-host] b answers
            Half an
            [openclaw-host] cut\u{1b}[2J
            off
        "#]],
    )
    .await;
    assert_eq!(failed, 0);
}

#[tokio::test]
async fn runs_that_fail_or_are_stopped_are_told_and_counted() {
    let script = |_: &str, params: &Value| {
        let run = &params["idempotencyKey"];
        let end = match params["message"].as_str().unwrap() {
            "refused" => return vec![Reply::Failure { code: "UNAVAILABLE", details: Value::Null }],
            "stopped" => ended(run, "aborted", json!({})),
            _ => ended(run, "error", json!({ "errorMessage": "no credit\u{1b}[2J" })),
        };
        vec![Reply::Ok(json!({})), said(run, "hm"), end]
    };
    let failed = check(
        &["refused", "stopped", "failing"],
        script,
        expect![[r#"
        error: `chat.send` failed: no (UNAVAILABLE)
        hint: try again in a moment
        hm
        · stopped
        hm
        error: no credit\u{1b}[2J
    "#]],
    )
    .await;
    assert_eq!(failed, 3);
}

#[tokio::test]
async fn other_conversations_are_not_shown() {
    let script = |_: &str, params: &Value| {
        let run = &params["idempotencyKey"];
        let elsewhere = json!({ "runId": "x", "sessionKey": "agent:main:other", "stream": "assistant", "data": { "text": "psst" } });
        vec![
            Reply::Ok(json!({})),
            Reply::Event("agent", elsewhere),
            Reply::Event("tick", json!({})),
            finished(run, "hello"),
        ]
    };
    check(
        &["hi"],
        script,
        expect![[r#"
        hello
    "#]],
    )
    .await;
}

#[tokio::test]
async fn for_programs_a_chat_is_its_events_one_a_line() {
    let script = |_: &str, params: &Value| {
        let run = &params["idempotencyKey"];
        vec![Reply::Ok(json!({})), said(run, "a\nb"), asked(), finished(run, "a\nb")]
    };
    let (text, _) = converse(Format::Json, &["hi"], script).await;
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["agent", "exec.approval.requested", "chat"]);
}

#[tokio::test]
async fn quitting_leaves_what_runs_alone() {
    let script = |method: &str, _: &Value| match method {
        "chat.send" => vec![Reply::Ok(json!({})), asked()],
        other => panic!("{other}"),
    };
    let (text, failed) = converse(Format::Text, &["long work", "/quit"], script).await;
    assert!(text.contains("approval needed"));
    assert_eq!(failed, 0);
}

#[test]
fn what_looks_like_a_command_is_never_sent_by_accident() {
    assert_eq!(Line::parse("  "), Line::Empty);
    assert_eq!(Line::parse("/quit "), Line::Quit);
    assert_eq!([Line::parse("/Stop"), Line::parse("/stop it")], [Line::Abort, Line::Other("/stop it".to_owned())]);
    assert_eq!(Line::parse("hello /quit"), Line::Say("hello /quit".to_owned()));
    assert_eq!(Line::parse(" /stop"), Line::Say(" /stop".to_owned()));
    assert!(matches!(Line::parse("/aprove 0a1b once"), Line::Other(_)));
    let both = vec!["0a1b".to_owned(), "2c3d".to_owned()];
    assert_eq!(Line::parse("/approve 0a1b 2c3d deny"), Line::Approve { ids: both, answer: Answer::Deny });
    for line in ["/approve once", "/approve 0a1b", "/approve 0a1b yes", "/approve 0a1b once please"] {
        assert!(matches!(Line::parse(line), Line::Unclear(_)), "{line}");
    }
}

#[test]
fn an_image_is_named_as_it_is_typed() {
    let show = |file: &str, text: &str| Line::Show { file: file.into(), text: text.to_owned() };
    assert_eq!(Line::parse("/image a.png"), show("a.png", ""));
    assert_eq!(Line::parse("/image  a.png  what is this? "), show("a.png", "what is this?"));
    assert_eq!(Line::parse(r#"/image "my cat.png" who"#), show("my cat.png", "who"));
    let at_home = std::env::home_dir().unwrap().join("a b.png");
    assert_eq!(Line::parse(r#"/image "~/a b.png""#), show(at_home.to_str().unwrap(), ""));
    for line in ["/image", "/image  ", r#"/image "a.png"#, r#"/image """#] {
        assert!(matches!(Line::parse(line), Line::Unclear(_)), "{line}");
    }
    assert!(matches!(Line::parse("/images"), Line::Other(_)));
}

#[tokio::test]
async fn an_image_is_shown_with_words_and_one_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my cat.png");
    std::fs::write(&file, b"bytes").unwrap();
    let script = |_: &str, params: &Value| {
        let image = json!([{ "type": "image", "fileName": "my cat.png", "content": "Ynl0ZXM=" }]);
        assert_eq!((&params["message"], &params["attachments"]), (&json!("who is this?"), &image));
        vec![Reply::Ok(json!({})), finished(&params["idempotencyKey"], "a cat")]
    };
    let lines = ["/image none.png".to_owned(), format!("/image \"{}\" who is this?", file.display())];
    check(
        &lines.each_ref().map(String::as_str),
        script,
        expect![[r#"
            error: cannot read the image `none.png`
              because: No such file or directory (os error 2)
            a cat
        "#]],
    )
    .await;
}

#[tokio::test]
async fn an_answer_that_was_given_elsewhere_is_told() {
    for (decision, told) in [("allow-once", "allowed once"), ("allow-always", "allowed for good"), ("deny", "denied")] {
        let script = move |_: &str, params: &Value| {
            let resolved = Reply::Event("exec.approval.resolved", json!({ "id": ID, "decision": decision }));
            vec![Reply::Ok(json!({})), asked(), resolved, finished(&params["idempotencyKey"], "done")]
        };
        let (text, _) = converse(Format::Text, &["run git"], script).await;
        assert!(text.contains(&format!("· {told}: 0a1b2c3d")), "{text}");
    }
}

#[test]
fn on_a_terminal_the_prompt_gives_way_to_text_and_comes_back() {
    let mut view = View::new(Vec::new(), Shade::Dim, Prompt::Shown);
    view.prompt().unwrap();
    view.prompt().unwrap();
    view.text("late").unwrap();
    view.aside("· exec done").unwrap();
    view.prompt().unwrap();
    view.typed();
    view.line("help").unwrap();
    let text = String::from_utf8(view.into_inner()).unwrap();
    assert_eq!(text, "> \nlate\n\u{1b}[2m· exec done\u{1b}[0m\n> help\n");
}
