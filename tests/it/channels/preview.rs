//! A message that grows while the model speaks, and is its answer in the end.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use super::board::{Board, Sent};
use super::texts;
use crate::host::Home;
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, say};

/// A home in which the provider's model is talked to over the board.
fn home(board: &Board, provider: &Provider) -> Home {
    home_with(board, &provider.config(Wire::OpenAi))
}

fn home_with(board: &Board, provider: &str) -> Home {
    let own = board.config("").replace("owner: ['ada']", "owner: ['ada'], streaming: 'preview'");
    let config = format!("{}, {}", provider.strip_suffix('}').unwrap(), &own[1..]);
    Home::new().component("board").env(KEY_VARIABLE, KEY).config(&config)
}

/// What was sent, once its first line says so.
async fn first(board: &Board, text: &str) -> Vec<Sent> {
    board.once(|sent| sent.first().is_some_and(|first| first.text == text)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_grows_while_the_model_speaks_and_is_the_answer_in_the_end() {
    let board = Board::start().await;
    let pieces = [
        "[[reply_to_current]]Psst: canary-4711, so I was told, wor",
        "ks\nMEDIA:/tmp/a",
        ".png\n<think>no",
        "</think>Well.",
    ];
    let provider = Provider::start([Answer::Steps(say(&pieces))]).await;
    let home = home(&board, &provider);
    let mut set = home.command(&["secret", "set", "word", "--for", "https://a.example", "--component", "board"]);
    let mut set = set.stdin(Stdio::piped()).spawn().unwrap();
    set.stdin.take().unwrap().write_all(b"canary-4711").unwrap();
    assert!(set.wait().unwrap().success());
    let _running = home.start();
    board.say("c1", "well?");
    let begun = board.sent(1).await.remove(0);
    assert!(begun.text.starts_with("Psst: ") && begun.text.ends_with("wor…"), "{begun:?}");
    assert!(!begun.text.contains("4711"), "{begun:?}");
    assert_eq!(begun.reply_to, "1");
    provider.release();
    let grown = board.once(|sent| sent[0].text.ends_with("works…")).await.remove(0);
    provider.release();
    provider.release();
    let sent = board.until("`/tmp/a.png`: this channel takes no files").await;
    let answer = format!("{}\nWell.", grown.text.trim_end_matches('…'));
    assert_eq!(sent.iter().filter(|sent| sent.text == answer).count(), 1, "{sent:?}");
    assert_eq!((sent.len(), &sent[0].text), (2, &answer), "{sent:?}");
    assert!(sent[0].shown[1] - sent[0].shown[0] >= Duration::from_secs(1), "{sent:?}");
    assert!(sent[0].shown.len() <= 4, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_the_message_follows() {
    let board = Board::start().await;
    let words = "word ".repeat(300);
    let provider = Provider::start([Answer::Steps(say(&[&words, &words, "end"]))]).await;
    let home = home(&board, &provider);
    let _running = home.start();
    board.say("c1", "well?");
    board.sent(1).await;
    provider.release();
    let full = board.once(|sent| sent[0].shown.len() == 2).await.remove(0).text;
    assert!(full.ends_with("word…") && (1500..=2000).contains(&full.len()), "{full}");
    provider.release();
    let sent = board.until("end").await;
    let all: String = sent.iter().map(|sent| sent.text.as_str()).collect();
    assert_eq!((sent.len(), all.matches("word").count(), all.contains('…')), (2, 600, false), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_preview_was_deleted_comes_as_a_new_message() {
    let board = Board::start().await;
    let provider = Provider::start([Answer::Held(say(&["Hello wor", "ld."]))]).await;
    let home = home(&board, &provider);
    let running = home.start();
    board.say("c1", "well?");
    first(&board, "Hello wor…").await;
    board.take_away(0);
    provider.release();
    assert_eq!(texts(&board.until("world.").await), [("c1", "Hello wor…"), ("c1", "Hello world.")]);
    running.stop();
    assert_eq!(home.run(&["outbox", "list", "--state", "dead"]).stdout, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_meanwhile_gets_the_answer_all_the_same() {
    let board = Board::start().await;
    let answers = [
        Answer::Steps(say(&["Hello wor", "ld, and", " more", "."])),
        Answer::Held(say(&["Hello onc", "e more."])),
        Answer::Held(say(&["Hello", " at last."])),
    ];
    let provider = Provider::start(answers).await;
    let home = home(&board, &provider);
    let _running = home.start();
    board.say("c1", "well?");
    first(&board, "Hello wor…").await;
    // Too much at once is waited for; anything else ends the preview.
    board.answer(&[429]);
    provider.release();
    first(&board, "Hello world, and…").await;
    board.answer(&[503]);
    provider.release();
    board.answered().await;
    provider.release();
    first(&board, "Hello world, and more.").await;
    // Of the answer nobody knows whether it came: a change is done again without a word.
    board.say("c1", "and?");
    board.until("onc…").await;
    board.answer(&[500, 500]);
    provider.release();
    board.until("Hello once more.").await;
    // Nobody knows what the preview is called, so the answer is one of its own.
    board.answer(&[500]);
    board.say("c1", "and?");
    board.answered().await;
    provider.release();
    let sent = board.until("at last.").await;
    let expected = ["Hello world, and more.", "Hello once more.", "Hello at last."];
    assert_eq!(texts(&sent), expected.map(|text| ("c1", text)));
}

// CH-06
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_meanwhile_begins_another_preview() {
    let board = Board::start().await;
    let held = || Answer::Held(say(&["Hello wor", "ld."]));
    let provider = Provider::start([held(), held()]).await;
    let home = home(&board, &provider);
    let running = home.start();
    board.say("c1", "well?");
    first(&board, "Hello wor…").await;
    running.kill();
    let _running = home.start();
    board.once(|sent| sent.iter().filter(|sent| sent.text == "Hello wor…").count() == 2).await;
    // One for the answer that nobody hears any more.
    provider.release();
    provider.release();
    let sent = board.until("world.").await;
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!(sent[0].text, "Hello wor…", "what was begun stays as it was");
    assert!(sent.iter().any(|sent| sent.text.contains("the answer begins anew")), "{sent:?}");
    assert_eq!(sent.iter().filter(|sent| sent.text == "Hello world.").count(), 1, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_does_not_stay_as_one() {
    let board = Board::start().await;
    let silent = Answer::Held(say(&["[[reply_to_current]]NO_", "REPLY"]));
    let stopped = Answer::Held(say(&["Hello wor", "ld."]));
    let broken = Answer::Broken(say(&["Hello aga", "in."]));
    let provider = Provider::start([silent, stopped, broken]).await;
    let home = home(&board, &provider);
    let _running = home.start();
    board.say("c1", "anything?");
    provider.release();
    board.say("c1", "well?");
    assert_eq!(texts(&first(&board, "Hello wor…").await), [("c1", "Hello wor…")], "nothing to say is not shown");
    board.say("c1", "/stop");
    let said = board.once(|sent| sent[0].text.ends_with("It had said: Hello wor")).await;
    assert!(said[0].text.starts_with("[openclaw-host] The run was stopped"), "{said:?}");
    board.say("c1", "and?");
    // The answer to `/stop` may come before or after it.
    let at = board.until("Hello aga…").await.iter().position(|sent| sent.text == "Hello aga…").unwrap();
    provider.release();
    let sent = board.once(|sent| sent[at].text.starts_with("[openclaw-host] ")).await;
    assert!(!sent.iter().any(|sent| sent.text.contains("Hello aga")), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_messages_cannot_be_changed_that_is_said_and_answers_come_whole() {
    let home =
        Home::new().component("channel").config("{channels: {channel: {owner: ['nobody'], streaming: 'preview'}}}");
    let running = home.start();
    let listed = String::from_utf8(home.run(&["channels"]).stdout).unwrap();
    let lacks = "its service cannot change a message";
    assert!(listed.contains(lacks), "{listed}");
    let status = running.connect().await.call("channels.status", json!({})).await.unwrap();
    assert_eq!(status["channels"]["channel"]["streaming"], "off", "{status}");
    assert_eq!(home.stderr().matches(lacks).count(), 1, "{}", home.stderr());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_lacks_is_said_behind_it() {
    let board = Board::start().await;
    let provider = Provider::start([Answer::Full(say(&["Half an"])), Answer::Declined(say(&[]))]).await;
    let home = home(&board, &provider);
    let _running = home.start();
    board.say("c1", "well?");
    let sent = board.until("`context.replyTokens`.").await;
    assert_eq!((sent.len(), sent[0].text.as_str()), (2, "Half an"), "{sent:?}");
    assert!(sent[1].text.starts_with("[openclaw-host] The answer is cut off"), "{sent:?}");
    board.say("c1", "and?");
    let sent = board.until("`/model`").await;
    assert!(sent.len() == 3 && sent[2].text.starts_with("[openclaw-host] the model or its provider"), "{sent:?}");
}
