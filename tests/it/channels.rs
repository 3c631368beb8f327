//! Channels: what people write over a chat service, and what is sent to them, with a service that fails as it is told to.

pub mod board;
mod commands;
mod files;
mod preview;
mod telegram;

use serde_json::json;

use self::board::{Board, Sent};
use crate::client::Client;
use crate::host::{Home, weakened};
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, say};

/// A home with the board as its channel, and its owner `ada` there.
fn home(board: &Board, more: &str) -> Home {
    Home::new().component("board").config(&board.config(more))
}

fn texts(sent: &[Sent]) -> Vec<(&str, &str)> {
    sent.iter().map(|sent| (sent.chat.as_str(), sent.text.as_str())).collect()
}

// CH-10, CH-11: whoever shows the owner's name has another id.
#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_answered_in_the_chat_and_others_are_told_once_that_they_are_not_known() {
    let board = Board::start().await;
    let home = home(&board, "");
    let running = home.start();
    board.say("c1", "say hello");
    assert_eq!(texts(&board.sent(1).await), [("c1", "hello")]);
    // A stranger, twice; a group, in which the owner writes.
    board.write("c2", "eve", "direct", "say hello");
    board.write("c2", "eve", "direct", "tool exec {\"argv\":[\"id\"]}");
    board.write("c3", "ada", "group", "say hello");
    let sent = board.sent(2).await;
    assert_eq!(sent[1].chat, "c2");
    assert!(
        sent[1].text.contains("Your id here is `eve`") && sent[1].text.contains("channels.board.owner"),
        "{sent:?}"
    );
    board.say("c4", "say once more");
    assert_eq!(texts(&board.sent(3).await)[2], ("c4", "once more"));
    let mut client = running.connect().await;
    let list = client.call("sessions.list", json!({})).await.unwrap();
    let mut keys: Vec<_> =
        list["sessions"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["agent:main:board:direct:c1", "agent:main:board:direct:c4"]);
    let listed = home.run(&["channels"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("board") && listed.contains("works") && listed.contains("ada"), "{listed}");
}

// CH-14
#[tokio::test(flavor = "multi_thread")]
async fn without_an_owner_nobody_is_answered_and_only_exact_ids_count() {
    for owner in ["", "'*'", "'ad'", "'ADA'"] {
        let board = Board::start().await;
        let config = board.config("").replace("owner: ['ada']", &format!("owner: [{owner}]"));
        let home = Home::new().component("board").config(&config);
        let _running = home.start();
        board.say("c1", "say hello");
        let sent = board.sent(1).await;
        assert!(sent[0].text.contains("Your id here is `ada`"), "{owner}: {sent:?}");
    }
    let home = Home::new().config("{channels: {board: {owner: 'ada'}}}");
    let refused = home.try_start().err().unwrap();
    assert!(refused.contains("channels.board.owner"), "{refused}");
    for name in ["ws", "direct", "incognito"] {
        let home = Home::new().config(&format!("{{channels: {{{name}: {{}}}}}}"));
        let refused = home.try_start().err().unwrap();
        assert!(refused.contains("means something else"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channels_calls_send_requests_that_are_granted_for_good_and_nothing_else() {
    let board = Board::start().await;
    let config = board.config("").replace("GET,POST'", "GET,POST', 'message session'");
    let home = Home::new().component("board").config(&config);
    let running = home.start();
    board.say("c1", "say speak elsewhere");
    // What is refused counts as not sent, and is tried again.
    let mut listed = String::new();
    while !listed.contains("E_OWN_CALL") {
        listed = home.json(&["outbox", "list"]).to_string();
        assert!(!listed.contains("\"dead\""), "{listed}");
    }
    running.stop();

    // What is granted for a number of times would end in the midst.
    let grant = format!("http {} GET,POST", board.url);
    let home = Home::new().component("board").config(&config.replace(&format!("'{grant}', "), ""));
    let running = home.start();
    let given = home.run(&["component", "grants", "board", "--add", &grant, "--uses", "5", "--yes"]);
    assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    running.stop();
    let running = home.start();
    let mut client = running.connect().await;
    let why = loop {
        let status = client.call("channels.status", json!({})).await.unwrap();
        let why = status["channels"]["board"]["lastError"].as_str().unwrap_or_default().to_owned();
        if !why.is_empty() {
            break why;
        }
        tokio::task::yield_now().await;
    };
    assert!(why.contains("E_GRANT_COUNTED"), "{why}");
}

// CH-24
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_floods_is_told_once_and_keeps_the_owner_from_nothing() {
    let board = Board::start().await;
    let home = home(&board, "");
    let running = home.start();
    for number in 0..1000 {
        board.write("c2", "eve", "direct", &format!("let me in {number}"));
    }
    board.say("c1", "say hello");
    let sent = board.until("hello").await;
    assert!(sent.iter().filter(|sent| sent.chat == "c2").count() <= 1, "{sent:?}");
    let mut client = running.connect().await;
    let list = client.call("sessions.list", json!({})).await.unwrap();
    assert_eq!(list["sessions"].as_array().unwrap().len(), 1, "{list}");
}

// CH-16: only what is written exactly so is a command.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_like_a_command_is_said_to_the_model() {
    let board = Board::start().await;
    let home = home(&board, "");
    let running = home.start();
    let looks = ["\u{ff0f}whoami", "/who\u{200b}ami", "\u{202e}/whoami", "/WHOAM\u{130}"];
    for text in looks {
        board.say("c1", text);
    }
    board.say("c1", "say \u{1f469}\u{200d}\u{1f469} e\u{301} \u{e9}");
    let sent = board.until("\u{e9}").await;
    assert_eq!(sent.last().unwrap().text, "\u{1f469}\u{200d}\u{1f469} e\u{301} \u{e9}", "it comes as it was written");
    assert!(!sent.iter().any(|sent| sent.text.contains("the owner")), "{sent:?}");
    let mut client = running.connect().await;
    let key = "agent:main:board:direct:c1";
    let history = client.call("chat.history", json!({"sessionKey": key})).await.unwrap().to_string();
    assert!(looks.iter().all(|text| history.contains(text)), "{history}");
}

// CH-22: a component that always fails is left alone for longer and longer, and its owner can see why.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_fails_is_tried_again_and_says_why() {
    let board = Board::start().await;
    board.fail_reading(2);
    let home = home(&board, "");
    let running = home.start();
    board.asked(0).await;
    let mut client = running.connect().await;
    assert_eq!(client.ask("r1", "say others work").await, "others work");
    board.say("c1", "say hello");
    board.sent(1).await;
    assert!(home.stderr().contains("the board answers with 500"), "{}", home.stderr());
    let status = client.call("channels.status", json!({})).await.unwrap();
    assert_eq!(status["channels"]["board"]["connected"], true, "{status}");
}

// CH-06
#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_not_read_again_by_another_start_and_a_message_is_answered_once() {
    let board = Board::start().await;
    let home = home(&board, "");
    let running = home.start();
    board.say("c1", "say one");
    board.say("c1", "say two");
    board.sent(2).await;
    board.asked(2).await;
    running.stop();
    let _running = home.start();
    board.say("c1", "say three");
    assert_eq!(texts(&board.sent(3).await), [("c1", "one"), ("c1", "two"), ("c1", "three")]);
}

// AP-02, AP-03
#[tokio::test(flavor = "multi_thread")]
async fn a_card_comes_into_the_chat_and_is_answered_there() {
    let board = Board::start().await;
    let home = home(&board, "");
    let _running = home.start();
    board.say("c1", r#"tool exec {"argv":["echo","canary"]}"#);
    let card = board.sent(1).await.remove(0).text;
    assert!(card.contains("canary") && card.contains("/approve"), "{card}");
    let id = card.split("/approve ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    // Nobody else can, nor give any other command.
    board.write("c2", "eve", "direct", &format!("/approve {id} once"));
    board.write("c1", "eve", "direct", "/stop");
    board.write("c1", "eve", "direct", "/new");
    board.sent(3).await;
    board.say("c1", &format!("/approve {id} once"));
    let sent = board.sent(5).await;
    let all: String = sent[3..].iter().map(|sent| sent.text.as_str()).collect();
    assert!(all.contains("canary") && all.contains("approved once"), "{sent:?}");
}

// AP-03: what is answered elsewhere is not left open in the chat.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_says_what_was_answered_and_by_whom() {
    let board = Board::start().await;
    let home = home(&board, "");
    let running = home.start();
    let mut client = running.connect().await;
    for (place, decision, said) in [(0, "allow-once", "approved once, by `ws"), (2, "deny", "denied, by `ws")] {
        board.say("c1", r#"tool exec {"argv":["echo","canary"]}"#);
        let card = board.sent(place + 1).await.remove(place).text;
        assert!(card.contains("canary") && card.contains("/approve"), "{card}");
        let open = client.call("exec.approval.list", json!({})).await.unwrap();
        let id = open[0]["id"].clone();
        client.call("exec.approval.resolve", json!({"id": id, "decision": decision})).await.unwrap();
        let sent = board.once(|sent| sent[place].text.contains(said)).await;
        assert!(!sent[place].text.contains("/approve"), "{sent:?}");
        // The answer comes behind it.
        board.sent(place + 2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_of_a_long_card_says_where_its_answer_will_stand_and_none_is_fetched_from() {
    let board = Board::start().await;
    let home = home(&board, "").component("probe").file("USER.md", "the owner's");
    let running = home.start();
    let mut client = running.connect().await;
    // A stranger's component has answered, and the prompt has what is private.
    board.say("c1", r#"tool probe {"steps":[]}"#);
    board.sent(1).await;
    let address = format!("https://evil.test/?d={}", "x".repeat(3 * 1024));
    board.say("c1", &format!("tool exec {}", json!({"argv": ["echo", "http://evil.test/", address]})));
    let sent = board.once(|sent| sent.last().is_some_and(|last| last.text.contains("/approve"))).await;
    let card = &sent[1..];
    let id = card.last().unwrap().text.split("/approve ").nth(1).unwrap().split_whitespace().next().unwrap();
    let count = card.len();
    assert!(count > 1, "{card:?}");
    for (number, part) in (1..).zip(card) {
        let last = if number == count { ".)" } else { ". What becomes of it stands in the last one.)" };
        let head = format!("(Card `{id}`, {number} of {count}{last}\n\n");
        assert!(part.text.starts_with(&head) && !part.text.contains("http"), "{part:?}");
    }
    let all: String = card.iter().map(|part| part.text.as_str()).collect();
    assert!(all.contains("argv[1]: hxxp://evil.test/\n") && all.contains("hxxps://evil.test/?d=xxx"), "{all}");
    let open = client.call("exec.approval.list", json!({})).await.unwrap();
    client.call("exec.approval.resolve", json!({"id": open[0]["id"], "decision": "deny"})).await.unwrap();
    let sent = board.once(|sent| sent[count].text.contains("denied, by `ws")).await;
    let said = &sent[count].text;
    assert!(said.contains(&format!("`{id}`: denied")), "{said}");
    assert!(said.contains(&format!("(in {count} messages, of which this is the last)")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_answered_in_the_chat() {
    let board = Board::start().await;
    let home = home(&board, "");
    let _running = home.start();
    board.say("c1", "/start");
    let sent = board.sent(1).await;
    assert!(sent[0].text.contains("/approve") && sent[0].text.contains("/undo"), "{sent:?}");
    board.say("c1", "/whoami");
    let sent = board.sent(2).await;
    assert!(sent[1].text.contains("board:ada, the owner"), "{sent:?}");
}

// What is taken for good or cannot be is settled by the service; all else is tried again, in order.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_does_not_take_now_is_sent_later_and_in_order() {
    let board = Board::start().await;
    let home = home(&board, "");
    let _running = home.start();
    board.answer(&[503, 429]);
    board.say("c1", "say one");
    board.say("c1", "say two");
    assert_eq!(texts(&board.sent(2).await), [("c1", "one"), ("c1", "two")]);
    // Of this one nobody knows whether it was shown: the board cannot tell it twice.
    board.answer(&[500]);
    board.say("c1", "say three");
    let sent = board.sent(3).await;
    assert!(sent[2].text.starts_with("(Sent once more") && sent[2].text.ends_with("three"), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_refuses_for_good_waits_for_the_owner() {
    let board = Board::start().await;
    let home = home(&board, "");
    let running = home.start();
    board.answer(&[403, 403]);
    board.say("c1", "say refused one");
    board.say("c1", "say refused two");
    board.say("c1", "say taken");
    assert_eq!(texts(&board.sent(1).await), [("c1", "taken")], "a dead one holds back nothing");
    running.stop();
    let _running = home.start();
    let dead = home.json(&["outbox", "list", "--state", "dead"]);
    let dead = dead["messages"].as_array().unwrap();
    assert_eq!(dead.len(), 2, "{dead:?}");
    assert!(dead[0].to_string().contains("the board does not take it"), "{dead:?}");
    let id = |at: usize| dead[at]["id"].to_string();
    assert!(home.run(&["outbox", "drop", &id(0)]).status.success());
    assert!(home.run(&["outbox", "retry", "--all"]).status.success());
    assert_eq!(texts(&board.sent(2).await)[1], ("c1", "refused two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_comes_in_parts_that_the_service_takes() {
    let board = Board::start().await;
    let home = home(&board, "")
        .file("long.md", &format!("{}\n\n```sh\n{}```\n", "word ".repeat(600), "echo line\n".repeat(400)));
    let _running = home.start();
    board.say("c1", "tool read {\"path\":\"long.md\"}");
    let sent = board.sent(4).await;
    assert!(sent.iter().all(|sent| sent.text.encode_utf16().count() <= 2000), "{sent:?}");
    assert!(sent[3].text.starts_with("```sh\n") && sent[2].text.trim_end().ends_with("```"), "{sent:?}");
    board.say("c1", "say NO_REPLY");
    board.say("c1", "say done");
    let sent = board.until("done").await;
    assert!(!sent.iter().any(|sent| sent.text.contains("NO_REPLY")), "{sent:?}");
}

// CH-06, ST-18: each message that was accepted is answered, and nothing is sent twice in silence, whenever the host is killed.
#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_host_is_killed_each_message_is_answered_and_none_twice_in_silence() {
    for point in 1.. {
        assert!(point < 40, "the story never gets past its crash points");
        let board = Board::start().await;
        let home = home(&board, "").program(weakened()).env("OPENCLAW_TEST_CRASH_AT", point);
        board.say("c1", "say one");
        board.say("c1", "say two");
        let mut running = home.start();
        let ended = async {
            while !running.has_ended() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = ended => {}
            _ = board.sent(2) => {}
        }
        let survived = !running.has_ended();
        running.kill();
        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let running = home.start();
        board.say("c1", "say three");
        let sent = board.until("three").await;
        for text in ["one", "two", "three"] {
            let plain = sent.iter().filter(|sent| sent.text == text).count();
            let marked =
                sent.iter().filter(|sent| sent.text.starts_with("(Sent once more") && sent.text.ends_with(text));
            assert!(plain <= 1 && plain + marked.count() >= 1, "point {point}: {text}: {sent:?}");
        }
        running.kill();
        if survived {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paragraphs_are_sent_while_the_model_still_speaks() {
    let board = Board::start().await;
    let paragraph = |word: &str| format!("{word} ").repeat(60).trim_end().to_owned() + "\n\n";
    let begun = format!("[[reply_to_current]]{}{}", paragraph("first"), paragraph("second"));
    let answers = [
        Answer::Held(say(&[&begun, &paragraph("third"), "MEDIA:/tmp/a.png\n"])),
        // Killed in the midst, it is begun anew.
        Answer::Held(say(&[&begun, &paragraph("never")])),
        Answer::Whole(say(&[&begun, "and done"])),
    ];
    let provider = Provider::start(answers).await;
    let own = board.config("").replace("owner: ['ada']", "owner: ['ada'], streaming: 'block'");
    let config = format!("{}, {}", provider.config(Wire::OpenAi).strip_suffix('}').unwrap(), &own[1..]);
    let home = Home::new().component("board").env(KEY_VARIABLE, KEY).config(&config);
    let running = home.start();
    board.say("c1", "well?");
    let sent = board.sent(1).await;
    assert!(sent[0].text.starts_with("first") && sent[0].reply_to == "1", "{sent:?}");
    provider.release();
    let sent = board.until("`/tmp/a.png`: this channel takes no files").await;
    let all: String = sent.iter().map(|sent| sent.text.as_str()).collect();
    for word in ["first", "second", "third"] {
        assert_eq!(all.matches(word).count(), 60, "{word}: {sent:?}");
    }
    board.say("c1", "and?");
    board.sent(sent.len() + 1).await;
    running.kill();
    let _running = home.start();
    let sent = board.until("and done").await;
    assert!(sent.iter().any(|sent| sent.text.contains("the answer begins anew")), "{sent:?}");
}

// AP-25: who cannot be reached is not asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_never_worked_is_no_place_to_ask_in() {
    for fails in [false, true] {
        let board = Board::start().await;
        let home = home(&board, "");
        let running = home.start();
        board.say("c1", "say hello");
        board.sent(1).await;
        running.stop();
        board.fail_reading(if fails { 10_000 } else { 0 });
        let running = home.start();
        let mut client = Client::with_scopes(&running.url, &running.token, &["operator.read", "operator.write"]).await;
        let state = if fails { "fails" } else { "starts" };
        loop {
            let status = client.call("channels.status", json!({})).await.unwrap();
            let now = status["channels"]["board"]["state"].clone();
            if now == state {
                break;
            }
            assert_eq!(now, "starts", "{status}");
        }
        let key = "agent:main:board:direct:c1";
        client.say(key, "r1", r#"tool exec {"argv":["echo","canary"]}"#).await;
        if fails {
            let answer = client.ended("r1").await.unwrap();
            assert!(answer.contains("E_"), "{answer}");
            assert!(!board.sent(1).await.iter().any(|sent| sent.text.contains("/approve")));
        } else {
            assert!(board.sent(2).await[1].text.contains("/approve"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_waits_for_the_grant_and_the_owner_is_told_once() {
    let board = Board::start().await;
    let home = Home::new().component("board").config(&board.config("").replace("GET,POST", "GET"));
    let running = home.start();
    board.say("c1", "say one");
    board.say("c2", "say two");
    let mut client = running.connect().await;
    let why = loop {
        let status = client.call("channels.status", json!({})).await.unwrap();
        if status["channels"]["board"]["state"] == "refused" {
            break status["channels"]["board"]["lastError"].as_str().unwrap().to_owned();
        }
        tokio::task::yield_now().await;
    };
    assert!(why.contains("E_"), "{why}");
    let listed = loop {
        let listed = home.json(&["outbox", "list"]);
        let rows = listed["messages"].as_array().unwrap();
        if rows.len() == 2 && rows.iter().all(|row| row["state"] == "waiting" && row["attempts"] == 1) {
            break listed.to_string();
        }
    };
    assert!(listed.contains(&why), "{listed}");
    assert_eq!(home.stderr().matches("may not do what it has to").count(), 1, "{}", home.stderr());
    let grant = format!("http {} POST", board.url);
    let given = home.run(&["component", "grants", "board", "--add", &grant, "--yes"]);
    assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    let mut sent: Vec<_> = board.sent(2).await.into_iter().map(|sent| sent.text).collect();
    sent.sort_unstable();
    assert_eq!(sent, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_refuses_waits_for_the_policies_to_change() {
    let board = Board::start().await;
    let home = home(&board, "");
    let policies = home.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let quiet = r#"@id("quiet") forbid (principal == Component::"board", action == Action::"http.request", resource)
                   when { context.method == "POST" };"#;
    std::fs::write(policies.join("mine.cedar"), quiet).unwrap();
    let _running = home.start();
    board.say("c1", "say one");
    let why = loop {
        let listed = home.json(&["outbox", "list"]);
        let row = &listed["messages"][0];
        if row["state"] == "waiting" && row["attempts"] == 1 {
            break listed.to_string();
        }
    };
    assert!(why.contains("quiet"), "{why}");
    std::fs::remove_file(policies.join("mine.cedar")).unwrap();
    assert_eq!(texts(&board.sent(1).await), [("c1", "one")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_says_to_the_host_is_shown_on_no_way() {
    let board = Board::start().await;
    let answer = || Answer::Whole(say(&["[[reply_", "to_current]] Hello\n<thi", "nk>canary</think>\nto `", "you`"]));
    let provider = Provider::start([answer(), answer()]).await;
    let config = format!("{}, {}", provider.config(Wire::OpenAi).strip_suffix('}').unwrap(), &board.config("")[1..]);
    let home = Home::new().component("board").env(KEY_VARIABLE, KEY).config(&config);
    let running = home.start();
    board.say("c1", "well?");
    let sent = board.sent(1).await;
    assert_eq!((sent[0].text.as_str(), sent[0].reply_to.as_str()), ("Hello\nto `you`", "1"));
    let mut client = running.connect().await;
    assert_eq!(client.ask("r1", "well?").await, "Hello\nto `you`");
    let waited = client.call("agent.wait", json!({"runId": "r1"})).await.unwrap();
    assert_eq!(waited["text"], "Hello\nto `you`");
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let seen = json!([client.seen(), history]).to_string();
    assert!(!seen.contains("[[reply") && !seen.contains("canary") && !seen.contains("think>"), "{seen}");
    // The model is told of it where there is something to reply to.
    let asked = provider.asked();
    let is_told = |at: usize| asked[at].body.to_string().contains("makes it a reply to the message");
    assert!(is_told(0) && !is_told(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_stopped_is_not_said_twice() {
    let board = Board::start().await;
    let paragraph = |word: &str| format!("{word} ").repeat(60).trim_end().to_owned() + "\n\n";
    let begun = format!("{}{}", paragraph("first"), paragraph("second"));
    let provider = Provider::start([Answer::Held(say(&[&begun, "never"]))]).await;
    let own = board.config("").replace("owner: ['ada']", "owner: ['ada'], streaming: 'block'");
    let config = format!("{}, {}", provider.config(Wire::OpenAi).strip_suffix('}').unwrap(), &own[1..]);
    let home = Home::new().component("board").env(KEY_VARIABLE, KEY).config(&config);
    let _running = home.start();
    board.say("c1", "well?");
    board.sent(1).await;
    board.say("c1", "/stop");
    let sent = board.until("The run was stopped.").await;
    let all: String = sent.iter().map(|sent| sent.text.as_str()).collect();
    for word in ["first", "second"] {
        assert_eq!(all.matches(word).count(), 60, "{word}: {sent:?}");
    }
}
