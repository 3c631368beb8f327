use proptest::prelude::*;

use super::*;
use crate::id::{RunId, Timestamp, ToolName};
use crate::message::ToolCall;

fn entry(seq: u64, message: Message) -> Entry {
    Entry { seq: Seq(seq), at: Timestamp(0), run: RunId::parse("r").unwrap(), message }
}

fn user(text: &str) -> Message {
    Message::User { text: text.to_owned() }
}

fn call(id: &str) -> ToolCall {
    ToolCall { id: CallId::parse(id).unwrap(), tool: ToolName::parse("read").unwrap(), arguments: "{}".to_owned() }
}

fn asks(ids: &[&str]) -> Message {
    Message::Assistant { text: String::new(), calls: ids.iter().map(|id| call(id)).collect(), replay: None }
}

fn answers(id: &str, text: &str, outside: bool) -> Message {
    let ToolCall { id, tool, .. } = call(id);
    Message::Tool { call: id, tool, outcome: ToolOutcome::Done { text: text.to_owned() }, outside }
}

fn log(messages: Vec<Message>) -> Vec<Entry> {
    messages.into_iter().zip(1..).map(|(message, seq)| entry(seq, message)).collect()
}

fn room(window: u64) -> Room {
    Room { window, reserve: 0, taken: 0 }
}

fn sent(log: &[Entry], room: &Room) -> Vec<Message> {
    messages(&seen(log), room, |call| format!("mark-{call}"))
}

fn text_of(message: &Message) -> String {
    match message {
        Message::Tool { outcome, .. } => outcome.text(),
        other => panic!("{other:?} is no outcome"),
    }
}

#[test]
fn a_summary_stands_in_front_of_what_it_kept() {
    let summary = Message::Summary { text: "they met".to_owned(), kept_from: Seq(3) };
    let log = log(vec![user("hello"), user("how are you"), user("what now"), summary.clone(), user("go on")]);
    assert_eq!(sent(&log, &room(1000)), [summary, user("what now"), user("go on")]);
}

// ML-24
#[test]
fn a_result_larger_than_the_window_is_cut_with_a_note_and_its_ends_stay() {
    let long = format!("head{}tail", "x".repeat(1_000_000));
    let log = log(vec![user("read it"), asks(&["1"]), answers("1", &long, false)]);
    let sent = sent(&log, &room(10_000));
    let text = text_of(&sent[2]);
    assert!(
        text.starts_with("headx") && text.ends_with("xtail") && text.contains("988008 characters left out"),
        "{text}"
    );
    assert!(sent.iter().map(of_message).sum::<u64>() < 10_000);
}

#[test]
fn old_results_are_cut_once_the_room_is_short_and_not_before() {
    let long = "y".repeat(20_000);
    let turn = |id: &str| vec![user("read it"), asks(&[id]), answers(id, &long, false)];
    let log = log(["1", "2", "3", "4", "5"].iter().flat_map(|id| turn(id)).collect());
    let lengths = |room: &Room| {
        let sent = sent(&log, room);
        sent.iter().filter(|it| matches!(it, Message::Tool { .. })).map(|it| text_of(it).len()).collect::<Vec<_>>()
    };
    assert_eq!(lengths(&room(100_000)), [20_000; 5]);
    let tight = lengths(&room(40_000));
    assert!(tight[..2].iter().all(|length| *length < 1_700), "{tight:?}");
    assert_eq!(tight[2..], [20_000; 3]);
}

#[test]
fn only_what_comes_from_outside_is_fenced() {
    let log = log(vec![user("look"), asks(&["1", "2"]), answers("1", "web", true), answers("2", "own", false)]);
    let sent = sent(&log, &room(10_000));
    assert!(text_of(&sent[2]).contains("[/outside mark-1]") && text_of(&sent[3]) == "own", "{sent:?}");
}

fn any_log() -> impl Strategy<Value = Vec<Entry>> {
    let turn = (1usize..60, proptest::collection::vec((0usize..3, 1usize..400), 0..4));
    proptest::collection::vec(turn, 1..12).prop_map(|turns| {
        let mut messages = Vec::new();
        let mut next = 0;
        for (words, replies) in turns {
            messages.push(user(&"w ".repeat(words)));
            for (calls, length) in replies {
                let ids: Vec<_> = (0..calls)
                    .map(|_| {
                        next += 1;
                        next.to_string()
                    })
                    .collect();
                messages.push(asks(&ids.iter().map(String::as_str).collect::<Vec<_>>()));
                messages.extend(ids.iter().map(|id| answers(id, &"r".repeat(length), next % 2 == 0)));
            }
        }
        log(messages)
    })
}

/// Each call is followed by exactly its outcomes, and there are no others.
fn check_pairs(messages: &[Message]) -> Result<(), TestCaseError> {
    let mut open: Vec<CallId> = Vec::new();
    for message in messages {
        match message {
            Message::Tool { call, .. } => {
                let at = open.iter().position(|id| id == call);
                prop_assert!(at.is_some(), "an outcome of {} without its call", call);
                open.remove(at.unwrap());
            }
            Message::Assistant { calls, .. } => {
                prop_assert!(open.is_empty());
                open = calls.iter().map(|call| call.id.clone()).collect();
            }
            _ => prop_assert!(open.is_empty()),
        }
    }
    prop_assert!(open.is_empty());
    Ok(())
}

proptest! {
    #[test]
    fn no_cut_parts_a_call_from_its_outcome(mut log in any_log(), keep in 0u64..400, window in 100u64..2000) {
        let before = seen(&log).len();
        // As often as it can be: each cut leaves out more.
        let mut last = Seq(0);
        while let Some(kept_from) = cut_before(&seen(&log), keep) {
            prop_assert!(kept_from > last);
            last = kept_from;
            let seq = log.last().unwrap().seq.0 + 1;
            log.push(entry(seq, Message::Summary { text: "s".to_owned(), kept_from }));
            let seen = seen(&log);
            prop_assert!(seen.len() <= before);
            check_pairs(&messages(&seen, &room(window), |_| "m".to_owned()))?;
        }
    }

    #[test]
    fn a_cut_keeps_about_as_much_as_it_is_told(log in any_log(), keep in 50u64..2000) {
        let entries = seen(&log);
        if let Some(kept_from) = cut_before(&entries, keep) {
            let tokens = |entries: &[&Entry]| entries.iter().map(|entry| of_message(&entry.message)).sum::<u64>();
            let at = entries.iter().position(|entry| entry.seq == kept_from).unwrap();
            // More than asked for only if the last exchange alone is more.
            let next = entries[at + 1..].iter().any(|entry| !matches!(entry.message, Message::Tool { .. }));
            prop_assert!(tokens(&entries[at..]) <= keep || !next);
        }
    }
}
