//! Files over Telegram: what an answer names goes out, and what the owner shows comes in.

use std::fs;
use std::os::unix::fs::symlink;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::telegram::{ADA, TOKEN, home_with, texts};
use crate::host::{Home, weakened};
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, say};
use crate::telegram::bot_api::{BotApi, Trouble};

/// Enough of a picture for whoever looks at its first bytes.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn answer(text: &str) -> Answer {
    Answer::Whole(say(&[text]))
}

/// A home whose model looks at images and is talked to over Telegram, with a picture and a report in its workspace.
fn home(api: &BotApi, provider: &Provider, more: &str) -> Home {
    let models = provider.config(Wire::OpenAi).replace("apiKeyEnv:", "models: {'m-1': {images: true}}, apiKeyEnv:");
    let home = home_with(api, "off", &format!("{}{more}", &models[1..models.len() - 1])).env(KEY_VARIABLE, KEY);
    fs::create_dir_all(home.workspace()).unwrap();
    fs::write(home.workspace().join("a.png"), PNG).unwrap();
    home.file("out/report.txt", "all is well\n")
}

/// The name, the way and the type of each file that was sent, in order.
fn files(sent: &[Value]) -> Vec<(&str, &str, &str)> {
    let files = sent.iter().filter_map(|sent| sent.get("file"));
    files.map(|it| ["name", "field", "type"].map(|key| it[key].as_str().unwrap()).into()).collect()
}

fn blobs(home: &Home) -> usize {
    let folders = fs::read_dir(home.path().join("blobs")).into_iter().flatten().flatten();
    folders.map(|folder| fs::read_dir(folder.path()).map_or(0, Iterator::count)).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_that_an_answer_names_come_behind_it_each_once() {
    let api = BotApi::start(TOKEN).await;
    let named = "[[reply_to_current]]Look:\nMEDIA:a.png\nMEDIA: `/workspace/out/report.txt`\nMEDIA:a.png\n\
                 MEDIA:https://a.example/x.png\nMEDIA:none.png\nThat is all.";
    let provider = Provider::start([answer(named), answer("[[reply_to_current]]\nMEDIA:a.png")]).await;
    let home = home(&api, &provider, "");
    let _running = home.start();
    api.say(ADA, "show me");
    let sent = api.sent_at_least(5).await;
    assert_eq!(texts(&sent)[0], "Look:\nThat is all.");
    assert_eq!(files(&sent), [("a.png", "photo", "image/png"), ("report.txt", "document", "text/plain")]);
    assert!(sent[1].get("file").is_some() && sent[2].get("file").is_some(), "{sent:?}");
    assert_eq!((api.file(&sent[1]), api.file(&sent[2])), (PNG.to_vec(), b"all is well\n".to_vec()));
    assert!(texts(&sent)[3].contains("nothing was fetched: https://a.example/x.png"), "{sent:?}");
    assert!(texts(&sent)[4].contains("not sent: <code>none.png</code>"), "{sent:?}");
    // An answer may be a file alone.
    let again = api.say(ADA, "again");
    let sent = api.sent_at_least(6).await;
    assert_eq!(files(&sent[5..]), [("a.png", "photo", "image/png")]);
    assert_eq!(sent[5]["reply_parameters"]["message_id"], again, "{sent:?}");
}

// FS-38: what the assistant cannot read is not sent, and its owner sees why.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_that_lies_outside_the_workspace_or_cannot_be_read() {
    let api = BotApi::start(TOKEN).await;
    let names = [
        "/etc/passwd",
        "file:///etc/passwd",
        "../host.redb",
        "out/../../host.redb",
        "\\\\h\\s",
        "~/.ssh/id",
        "link.png",
        "linked/passwd",
        "pipe",
        "out",
        "large.bin",
        "empty",
        "secret.txt",
        "inside.png",
    ];
    let all: Vec<_> = names.iter().map(|name| format!("MEDIA:{name}")).collect();
    let provider = Provider::start([answer(&all.join("\n"))]).await;
    let home = home(&api, &provider, "");
    let at = |name: &str| home.workspace().join(name);
    fs::create_dir_all(home.path().join("policies")).unwrap();
    let forbids = r#"@id("keep-out") forbid(principal, action == Action::"tool.call", resource == Tool::"read")
                     when { context.arguments like "*secret.txt*" };"#;
    fs::write(home.path().join("policies/own.cedar"), forbids).unwrap();
    fs::write(home.path().join("canary.png"), PNG).unwrap();
    symlink(home.path().join("canary.png"), at("link.png")).unwrap();
    symlink("/etc", at("linked")).unwrap();
    symlink("a.png", at("inside.png")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), 0o600.into()).unwrap();
    fs::File::create(at("large.bin")).unwrap().set_len((8 << 20) + 1).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("secret.txt"), "canary").unwrap();
    let _running = home.start();
    api.say(ADA, "show me all");
    let sent = api.sent_at_least(names.len()).await;
    // The control: a link that stays inside is read.
    assert_eq!(files(&sent), [("inside.png", "photo", "image/png")], "{sent:?}");
    let all = texts(&sent).join("\n");
    let reasons = [
        "E_FS_OUTSIDE",
        "E_FS_LINK",
        "E_FS_SPECIAL",
        "is a directory",
        "has 8388609 bytes",
        "it is empty",
        "the policies",
    ];
    for why in reasons {
        assert!(all.contains(why), "{why}: {all}");
    }
    let leaked = sent.iter().filter_map(|it| it.get("file").map(|_| api.file(it))).any(|file| file != PNG);
    assert!(!leaked && blobs(&home) <= 1, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_the_tool_that_reads_sends_no_files() {
    let api = BotApi::start(TOKEN).await;
    for (tools, is_sent) in [("['exec']", false), ("['read']", true)] {
        let provider = Provider::start([answer("MEDIA:a.png")]).await;
        let other = format!("agents: {{other: {{tools: {tools}}}}}");
        let bound = "bindings: [{agentId: 'other', match: {channel: 'telegram'}}]";
        let home = home(&api, &provider, &format!(", {other}, {bound}"));
        fs::create_dir_all(home.path().join("workspace-other")).unwrap();
        fs::write(home.path().join("workspace-other/a.png"), PNG).unwrap();
        let running = home.start();
        api.say(ADA, "show me");
        let sent = api.sent_at_least(1 + usize::from(is_sent)).await;
        let last = sent.last().unwrap();
        assert_eq!(
            (last.get("file").is_some(), last.to_string().contains("has no tool")),
            (is_sent, !is_sent),
            "{last}"
        );
        running.stop();
    }
}

// CH-06: what is sent is what was there with the answer, once, or with a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_as_it_was_whatever_happens_between() {
    let api = BotApi::start(TOKEN).await;
    let provider = Provider::start([answer("MEDIA:a.png"), answer("MEDIA:out/report.txt")]).await;
    let home = home(&api, &provider, "");
    let running = home.start();
    api.trouble("sendPhoto", [Trouble::Flood(3600)]);
    api.say(ADA, "show me");
    // Until what became of that attempt is noted.
    while home.json(&["outbox", "list"])["messages"][0]["error"].is_null() {
        tokio::task::yield_now().await;
    }
    let listed = String::from_utf8(home.run(&["outbox", "list"]).stdout).unwrap();
    assert!(listed.contains("[file a.png, 1 KiB]"), "{listed}");
    fs::remove_file(home.workspace().join("a.png")).unwrap();
    running.kill();
    let running = home.start();
    let sent = api.sent_at_least(1).await;
    assert_eq!((files(&sent), api.file(&sent[0])), (vec![("a.png", "photo", "image/png")], PNG.to_vec()));
    assert_eq!(sent[0].get("caption"), None, "it was not sent before");
    // Of this one nobody knows whether it came.
    api.trouble("sendDocument", [Trouble::LostAnswer]);
    api.say(ADA, "and the report");
    let sent = api.sent_at_least(3).await;
    assert_eq!(files(&sent[1..]).len(), 2);
    assert!(sent[2]["caption"].as_str().unwrap().starts_with("(Sent once more"), "{sent:?}");
    running.stop();
    let record = String::from_utf8(home.run(&["audit", "list", "--kind", "outbox.sent"]).stdout).unwrap();
    assert_eq!(record.matches("outbox.sent").count(), 2, "{record}");
}

// CH-06: wherever the host is killed, a file comes once, or with a word.
#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_host_is_killed_a_file_comes_once_or_with_a_word() {
    for point in 1.. {
        assert!(point < 40, "the story never gets past its crash points");
        let api = BotApi::start(TOKEN).await;
        let provider = Provider::start((0..4).map(|_| answer("MEDIA:a.png"))).await;
        let home = home(&api, &provider, "").program(weakened()).env("OPENCLAW_TEST_CRASH_AT", point);
        api.say(ADA, "show me");
        let mut running = home.start();
        let ended = async {
            while !running.has_ended() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = ended => {}
            () = async { api.sent_at_least(1).await; api.all_confirmed().await } => {}
        }
        let survived = !running.has_ended();
        running.kill();
        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let running = home.start();
        api.say(ADA, "/whoami");
        let sent =
            api.once(|sent| sent.iter().any(|it| it["text"].as_str().is_some_and(|it| it.contains("the owner")))).await;
        running.stop();
        let (marked, plain): (Vec<_>, Vec<_>) =
            sent.iter().filter(|it| it.get("file").is_some()).partition(|it| it.get("caption").is_some());
        assert!(plain.len() <= 1 && marked.len() + plain.len() >= 1, "point {point}: {sent:?}");
        if survived {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_incognito_conversation_is_read_for_a_chat() {
    let api = BotApi::start(TOKEN).await;
    let provider = Provider::start([answer("MEDIA:a.png"), answer("MEDIA:a.png")]).await;
    let home = home(&api, &provider, "");
    let running = home.start();
    let mut client = running.connect().await;
    let session = json!({"sessionKey": "agent:main:incognito:x", "message": "show", "idempotencyKey": "r1"});
    client.call("chat.send", session).await.unwrap();
    assert_eq!(client.ended("r1").await.unwrap(), "MEDIA:a.png", "as clients show it");
    assert_eq!((api.sent().len(), blobs(&home)), (0, 0));
    // The control: over the chat it is sent.
    api.say(ADA, "show me");
    assert_eq!(files(&api.sent_at_least(1).await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_of_the_owners_reaches_the_model_and_one_of_a_strangers_is_not_fetched() {
    let api = BotApi::start(TOKEN).await;
    let provider = Provider::start([answer("A cat."), answer("A report."), answer("Nothing.")]).await;
    let home = home(&api, &provider, "");
    let _running = home.start();
    // As large as photos are.
    let picture = [PNG, &[7; 1 << 20]].concat();
    api.upload("p1", &picture);
    let photo = |id: &str| json!([{"file_id": "small", "file_size": 1}, {"file_id": id, "file_size": picture.len()}]);
    api.message(7, json!({"photo": photo("p7"), "caption": "look"}));
    api.message(-7, json!({"photo": photo("p8"), "from": {"id": ADA, "is_bot": false, "first_name": "Ada"}}));
    api.message(ADA, json!({"photo": photo("p1"), "caption": "what is it?"}));
    api.shows("A cat.").await;
    let parts = provider.asked()[0].messages()[0]["content"].clone();
    let url = format!("data:image/png;base64,{}", STANDARD.encode(&picture));
    assert!(parts[0] == json!({"type": "image_url", "image_url": {"url": url}}), "the model saw something else");
    assert_eq!(parts[1]["text"], "what is it?");
    assert_eq!(api.fetched(), ["p1"], "of others nothing is fetched");
    // What is no picture is told of, and what cannot be fetched as well.
    let report =
        json!({"file_id": "d1", "file_name": "report.pdf", "mime_type": "application/pdf", "file_size": 122_880});
    api.message(ADA, json!({"document": report, "caption": "read it"}));
    api.shows("A report.").await;
    api.message(ADA, json!({"photo": photo("gone")}));
    api.shows("Nothing.").await;
    let last = |at: usize| provider.asked()[at].messages().last().unwrap()["content"].to_string();
    assert!(last(1).contains("read it\\n[file report.pdf, application/pdf, 120 KiB]"), "{}", last(1));
    assert!(last(2).contains("[file image/jpeg, 1025 KiB, not fetched: "), "{}", last(2));
    assert_eq!(api.fetched(), ["p1", "gone"]);
}
