//! The whole way over Telegram: a host, the component that ships, and a Bot API server.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::host::Home;
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, say};
use crate::telegram::bot_api::{BotApi, Trouble};

pub const TOKEN: &str = "123456:AAcanary-5d41402abc_4b2a76";
/// The owner.
pub const ADA: i64 = 42;

pub fn home(api: &BotApi) -> Home {
    home_with(api, "off", "logging: {level: 'trace'}")
}

/// The same with more in the configuration.
pub fn home_with(api: &BotApi, streaming: &str, more: &str) -> Home {
    let url = &api.url;
    let home = Home::new().config(&format!(
        "{{grants: {{telegram: ['secret telegram-token', 'http {url} POST /bot{{{{secret:telegram-token}}}}/',
                                'http {url} GET /file/bot{{{{secret:telegram-token}}}}/']}},
           components: {{telegram: {{config: {{api: '{url}'}}}}}},
           channels: {{telegram: {{owner: ['{ADA}'], streaming: '{streaming}'}}}}, {more}}}"
    ));
    let mut set = home.command(&["secret", "set", "telegram-token", "--for", url, "--component", "telegram"]);
    let mut set = set.stdin(Stdio::piped()).spawn().unwrap();
    set.stdin.take().unwrap().write_all(TOKEN.as_bytes()).unwrap();
    assert!(set.wait().unwrap().success());
    home
}

pub fn texts(sent: &[Value]) -> Vec<&str> {
    sent.iter().map(|sent| sent["text"].as_str().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_talks_with_the_assistant_over_telegram_and_approves_there() {
    let api = BotApi::start(TOKEN).await;
    let home = home(&api);
    let running = home.start();
    let first = api.say(ADA, "say [[reply_to_current]]**hello** & <you>");
    let sent = api.sent_at_least(1).await;
    assert_eq!(sent[0]["text"], "<b>hello</b> &amp; &lt;you&gt;");
    assert_eq!(sent[0]["reply_parameters"]["message_id"], first, "{sent:?}");
    api.say(ADA, r#"tool exec {"argv":["echo","canary"]}"#);
    let sent = api.sent_at_least(2).await;
    let card = sent[1]["text"].as_str().unwrap();
    assert!(card.contains("argv[1]: canary"), "{card}");
    let id = card.split("/approve ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    // Somebody else has an id of his own.
    api.say(7, &format!("/approve {id} once"));
    assert!(texts(&api.sent_at_least(3).await)[2].contains("Your id here is <code>7</code>"));
    api.say(ADA, &format!("/approve {id} once"));
    let sent = api.sent_at_least(5).await;
    assert!(texts(&sent)[3..].iter().any(|text| text.contains("exit code 0")), "{sent:?}");
    // The answer to a message gets lost on its way: nobody knows whether it came.
    api.trouble("sendMessage", [Trouble::LostAnswer]);
    api.say(ADA, "say once");
    let sent = api.sent_at_least(7).await;
    assert_eq!(texts(&sent)[5], "once");
    assert!(texts(&sent)[6].starts_with("(Sent once more") && texts(&sent)[6].ends_with("once"), "{sent:?}");
    api.all_confirmed().await;
    running.stop();
    let _running = home.start();
    api.say(ADA, "say again");
    assert_eq!(texts(&api.sent_at_least(8).await)[7], "again", "nothing is read or sent once more");
    // SE: the token is nowhere but in the vault.
    let found = |word: &str| {
        let list = std::process::Command::new("grep").args(["-rl", word]).arg(home.path()).output().unwrap();
        String::from_utf8(list.stdout).unwrap()
    };
    assert_eq!(found("AAcanary"), "");
    // What was sent is on record, but for the token.
    let record = home.run(&["audit", "list", "--component", "telegram"]);
    let record = String::from_utf8_lossy(&record.stdout).into_owned();
    assert!(record.contains("/bot{{secret:telegram-token}}/getUpdates"), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_grows_over_telegram_and_is_the_answer_in_the_end() {
    let api = BotApi::start(TOKEN).await;
    let answers = [Answer::Steps(say(&["**Hel", "lo** wor", "ld."])), Answer::Held(say(&["Once", " more."]))];
    let provider = Provider::start(answers).await;
    let more = provider.config(Wire::OpenAi);
    let home = home_with(&api, "preview", &more[1..more.len() - 1]).env(KEY_VARIABLE, KEY);
    let _running = home.start();
    api.say(ADA, "well?");
    api.shows("**Hel…").await;
    provider.release();
    api.shows("<b>Hello</b> wor…").await;
    provider.release();
    let sent = api.shows("<b>Hello</b> world.").await;
    assert_eq!((sent.len(), api.edits()), (1, 2), "{sent:?}");
    // It is deleted by hand before the answer is there.
    api.say(ADA, "and?");
    let begun = api.shows("Once…").await.remove(1);
    api.delete(begun["message_id"].as_i64().unwrap());
    provider.release();
    let sent = api.shows("Once more.").await;
    assert_eq!(texts(&sent), ["<b>Hello</b> world.", "Once…", "Once more."]);
}
