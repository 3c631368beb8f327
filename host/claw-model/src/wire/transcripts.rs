//! Whatever stands in a session's log, each format gets a conversation that its provider accepts.

use std::collections::HashSet;

use claw_core::message::Message;
use proptest::prelude::*;
use serde_json::Value;

use super::request;
use crate::provider::WireFormat;
use crate::replay::{Kept, pack};
use crate::sample::{assistant, call, denied, done, prompt, reader, user};

/// A message with few ids and texts, so that they meet.
fn message() -> impl Strategy<Value = Message> {
    let id = prop::sample::select(vec!["a", "b", "c"]);
    let text = prop::sample::select(vec!["", " ", "hello"]);
    let calls = prop::collection::hash_set(prop::sample::select(vec!["a", "b", "c"]), 0..3);
    prop_oneof![
        text.clone().prop_map(user),
        (text, calls, any::<bool>()).prop_map(|(text, calls, thought)| {
            let calls = calls.into_iter().map(|id| call(id, "clock", "{")).collect();
            let kept = Kept { text_at: 2, calls_at: 0, item: serde_json::json!({ "type": "reasoning", "of": "call" }) };
            match assistant(text, calls) {
                Message::Assistant { text, calls, .. } => {
                    let replay = thought.then(|| pack("o", &[kept]).unwrap());
                    Message::Assistant { text, calls, replay }
                }
                other => other,
            }
        }),
        id.clone().prop_map(|id| done(id, "12:00")),
        id.prop_map(|id| denied(id, "no")),
        Just(Message::Notice { text: "for people".to_owned() }),
    ]
}

/// Calls (`+`), results (`-`) and everything else (` `) in the order of a request.
fn events(wire: WireFormat, body: &Value) -> Vec<(char, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match wire {
        WireFormat::OpenAiChat => {
            let of = |message: Value| match message["role"].as_str().unwrap() {
                "tool" => vec![('-', text(&message["tool_call_id"]))],
                _ => {
                    let calls = list(&message["tool_calls"]);
                    let calls = calls.iter().map(|call| ('+', text(&call["id"])));
                    std::iter::once((' ', String::new())).chain(calls).collect()
                }
            };
            list(&body["messages"]).into_iter().flat_map(of).collect()
        }
        WireFormat::OpenAiResponses => {
            let of = |item: Value| match item["type"].as_str() {
                Some("function_call") => ('+', text(&item["call_id"])),
                Some("function_call_output") => ('-', text(&item["call_id"])),
                _ => (' ', String::new()),
            };
            list(&body["input"]).into_iter().map(of).collect()
        }
        WireFormat::AnthropicMessages => {
            let of = |block: Value| match block["type"].as_str() {
                Some("tool_use") => ('+', text(&block["id"])),
                Some("tool_result") => ('-', text(&block["tool_use_id"])),
                _ => (' ', String::new()),
            };
            let messages = list(&body["messages"]).into_iter();
            messages.flat_map(|message| list(&message["content"])).map(of).collect()
        }
        WireFormat::Gemini => {
            let of = |part: Value| match (part.get("functionCall"), part.get("functionResponse")) {
                (Some(call), _) => ('+', text(&call["id"])),
                (_, Some(response)) => ('-', text(&response["id"])),
                _ => (' ', String::new()),
            };
            let contents = list(&body["contents"]).into_iter();
            contents.flat_map(|content| list(&content["parts"])).map(of).collect()
        }
    }
}

/// Each call has one result, directly behind the calls of its message, and there are no others.
fn check_pairs(events: &[(char, String)]) -> Result<(), TestCaseError> {
    let mut open = HashSet::new();
    let mut answering = false;
    for (kind, id) in events {
        match kind {
            '+' => {
                prop_assert!(!answering || open.is_empty(), "a call amid results: {:?}", events);
                answering = false;
                prop_assert!(open.insert(id), "a call twice: {:?}", events);
            }
            '-' => {
                answering = true;
                prop_assert!(open.remove(id), "a result without its call: {:?}", events);
            }
            _ => prop_assert!(!answering || open.is_empty(), "words amid results: {:?}", events),
        }
    }
    prop_assert!(open.is_empty(), "a call without its result: {:?}", events);
    Ok(())
}

proptest! {
    #[test]
    fn every_format_gets_calls_with_their_results_and_nothing_in_between(
        messages in prop::collection::vec(message(), 0..12)
    ) {
        let prompt = prompt(messages);
        for wire in [
            WireFormat::OpenAiChat,
            WireFormat::OpenAiResponses,
            WireFormat::AnthropicMessages,
            WireFormat::Gemini,
        ] {
            let body = request(wire, &reader("h", "m"), &prompt);
            check_pairs(&events(wire, &body))?;
            let roles = match wire {
                WireFormat::AnthropicMessages => &body["messages"],
                WireFormat::Gemini => &body["contents"],
                WireFormat::OpenAiChat | WireFormat::OpenAiResponses => continue,
            };
            for (at, message) in roles.as_array().unwrap().iter().enumerate() {
                prop_assert_eq!(message["role"] == "user", at % 2 == 0, "{}", body);
            }
        }
    }
}
