use claw_core::id::{Seq, Timestamp};

use super::*;
use crate::fixture::*;

fn log(messages: &[(&str, Message)]) -> OpenCalls {
    let entry = |(index, (of, message)): (usize, &(&str, Message))| {
        Ok(Entry { seq: Seq(index as u64 + 1), at: Timestamp(0), run: run(of), message: message.clone() })
    };
    OpenCalls::of(messages.iter().enumerate().rev().map(entry)).unwrap()
}

#[test]
fn reading_a_log_finds_the_calls_that_taking_its_messages_leaves_open() {
    let story = [
        ("a", Message::user("hi")),
        ("a", asks(&["1", "2"])),
        ("a", notice("card")),
        ("a", answers("2")),
        ("b", notice("queued")),
        ("a", answers("1")),
        ("a", said("done")),
    ];
    let mut taken = OpenCalls::default();
    for (index, (of, message)) in story.iter().enumerate() {
        taken.take(&run(of), message).unwrap();
        let read = log(&story[..=index]);
        assert_eq!(read.calls, taken.calls, "after {index}");
    }
    assert!(taken.is_empty());
}

#[test]
fn nobody_speaks_while_a_call_is_open() {
    for message in [said("x"), Message::user("x"), asks(&["2"])] {
        let mut calls = log(&[("a", asks(&["1"]))]);
        assert!(calls.take(&run("a"), &message).unwrap_err().contains("`1` has no answer yet"));
        assert!(calls.take(&run("a"), &notice("fine")).is_ok());
    }
}

#[test]
fn only_an_open_call_is_answered_once_and_by_its_own_run() {
    let mut calls = log(&[("a", asks(&["1"]))]);
    assert!(calls.take(&run("a"), &answers("2")).is_err());
    assert!(calls.take(&run("b"), &answers("1")).is_err());
    assert!(calls.take(&run("a"), &answers("1")).is_ok());
    assert!(calls.take(&run("a"), &answers("1")).is_err());
}

#[test]
fn two_calls_of_one_name_are_refused() {
    assert!(OpenCalls::default().take(&run("a"), &asks(&["1", "1"])).is_err());
}
