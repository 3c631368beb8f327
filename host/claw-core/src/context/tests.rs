use proptest::prelude::*;

use super::*;
use crate::id::{Digest, RunId, Timestamp, ToolName};
use crate::image::{Image, ImageKind};
use crate::message::ToolCall;

fn entry(seq: u64, message: Message) -> Entry {
    Entry { seq: Seq(seq), at: Timestamp(0), run: RunId::parse("r").unwrap(), message }
}

fn user(text: &str) -> Message {
    Message::user(text)
}

fn said(text: &str) -> Message {
    Message::Assistant { text: text.to_owned(), calls: Vec::new(), replay: None }
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
    Room { window, reserve: 0, taken: 0, images: PROMPT_IMAGES }
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

fn shows(text: &str, images: usize, bytes: u64) -> Message {
    let image = Image { digest: Digest([1; 32]), kind: ImageKind::Png, bytes };
    Message::User { text: text.to_owned(), images: vec![image; images] }
}

/// How many images each message has left, and how many lines tell of one.
fn images_left(messages: &[Message]) -> Vec<(usize, usize)> {
    let told = |message: &Message| match message {
        Message::User { text, .. } => text.matches("[image left out: image/png, ").count(),
        _ => 0,
    };
    messages.iter().map(|message| (message.images().len(), told(message))).collect()
}

#[test]
fn the_newest_images_stay_and_lines_tell_of_the_others() {
    let log = log(vec![shows("a", 8, 10), shows("b", 8, 10), said("fine"), shows("", 8, 10)]);
    assert_eq!(images_left(&sent(&log, &room(1_000_000))), [(4, 4), (8, 0), (0, 0), (8, 0)]);
    // Half of the room is for ten images.
    assert_eq!(images_left(&sent(&log, &room(32_000))), [(0, 8), (2, 6), (0, 0), (8, 0)]);
    let blind = Room { images: 0, ..room(1_000_000) };
    assert_eq!(images_left(&sent(&log, &blind)), [(0, 8), (0, 8), (0, 0), (0, 8)]);
    let Message::User { text, .. } = &sent(&log, &blind)[0] else { panic!() };
    assert!(text.starts_with("a\n[image left out: image/png, 10 bytes; it is not sent to this model]\n["), "{text}");
}

#[test]
fn images_have_a_limit_of_bytes_over_all_messages() {
    let half = MAX_IMAGES_BYTES as u64 / 2;
    let log = log(vec![shows("a", 1, 10), shows("b", 1, half + 1), shows("c", 1, half)]);
    assert_eq!(images_left(&sent(&log, &room(1_000_000))), [(0, 1), (0, 1), (1, 0)]);
}

#[test]
fn old_images_leave_before_old_results_do() {
    let long = "y".repeat(8_000);
    let turn = |id: &str| vec![shows("look", 1, 10), asks(&[id]), answers(id, &long, false)];
    let log = log(["1", "2", "3", "4", "5"].iter().flat_map(|id| turn(id)).collect());
    let state = |window: u64| {
        let sent = sent(&log, &room(window));
        let whole = sent.iter().filter(|it| matches!(it, Message::Tool { .. }) && text_of(it).len() == 8_000);
        (images_left(&sent).iter().map(|(left, _)| left).sum::<usize>(), whole.count())
    };
    assert_eq!(state(100_000), (5, 5));
    assert_eq!(state(28_000), (3, 5));
    assert_eq!(state(20_000), (3, 3));
}

proptest! {
    // ML-24
    #[test]
    fn a_conversation_of_many_images_stays_within_its_room(
        turns in prop::collection::vec((0..=8_usize, 0..4_000_000_u64), 1..60), window in 2_000..200_000_u64,
    ) {
        let log = log(turns.iter().map(|(images, bytes)| shows("x", *images, *bytes)).collect());
        let sent = sent(&log, &room(window));
        let left: Vec<_> = sent.iter().flat_map(Message::images).collect();
        prop_assert!(left.len() <= PROMPT_IMAGES);
        prop_assert!(left.iter().map(|image| image.bytes).sum::<u64>() <= MAX_IMAGES_BYTES as u64);
        prop_assert!(left.len() as u64 * PER_IMAGE <= window / 2);
        for ((images, _), (left, told)) in turns.iter().zip(images_left(&sent)) {
            prop_assert_eq!(left + told, *images);
        }
    }
}
