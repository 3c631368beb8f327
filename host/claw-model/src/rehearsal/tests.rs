use super::*;
use crate::sample::{assistant, call, denied, done, full_prompt, prompt, user};

/// Plays a message to its end; every call is answered with its own arguments.
fn play_through(text: &str) -> (Vec<String>, String) {
    let mut prompt = prompt(vec![user(text)]);
    let mut calls = Vec::new();
    loop {
        let reply = answer(&prompt);
        prompt.messages.push(assistant(&reply.text, reply.calls.clone()));
        let [call] = reply.calls.as_slice() else { return (calls, reply.text) };
        calls.push(format!("{} {} {}", call.id, call.tool, call.arguments));
        prompt.messages.push(done(call.id.as_str(), &format!("did {}", call.arguments)));
    }
}

#[test]
fn a_say_line_is_answered_with_its_text() {
    assert_eq!(play_through("say  hello there "), (vec![], "hello there".to_owned()));
}

#[test]
fn a_script_calls_one_tool_per_reply_and_then_tells_the_outcomes_in_order() {
    let (calls, text) = play_through("\nsay first\n tool clock {\"a\": 1}\n\ntool files\nsay last\n");
    assert_eq!(calls, ["call_1 clock {\"a\": 1}", "call_3 files {}"]);
    assert_eq!(text, "first\nclock: did {\"a\": 1}\nfiles: did {}\nlast");
}

#[test]
fn malformed_json_is_passed_through() {
    assert_eq!(play_through("tool clock {oops").0, ["call_1 clock {oops"]);
}

#[test]
fn a_refusal_is_told_like_a_result_and_the_script_goes_on() {
    let first = call("call_1", "clock", "{}");
    let mut prompt = prompt(vec![user("tool clock\nsay end"), assistant("", vec![first]), denied("call_1", "no")]);
    assert_eq!(answer(&prompt).text, "clock: E_POLICY_DENY: no\nend");
    prompt.messages.pop();
    assert_eq!(answer(&prompt).text, "clock: no outcome was recorded\nend");
}

#[test]
fn only_the_last_message_of_a_person_counts() {
    let messages =
        vec![user("tool clock"), assistant("", vec![call("x", "clock", "{}")]), done("x", "1"), user("say hi")];
    assert_eq!(answer(&prompt(messages)).text, "hi");
}

#[test]
fn anything_else_is_explained_with_lines_that_can_be_copied() {
    for text in ["hello", "", "say", "tool", "tool no.such.name {}", "say a\nhello"] {
        let reply = answer(&prompt(vec![user(text)]));
        assert!(reply.calls.is_empty() && reply.stop == StopReason::EndTurn, "{text}");
        for part in
            ["\nsay hello\n", "\ntool clock {}\n", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "`models`", "`baseUrl`"]
        {
            assert!(reply.text.contains(part), "{text}: no {part}");
        }
    }
    assert!(answer(&full_prompt()).text.contains("Tools on offer: clock."));
    assert_eq!(answer(&prompt(vec![])).stop, StopReason::EndTurn);
}

#[test]
fn usage_counts_words() {
    let mut prompt = full_prompt();
    prompt.messages.push(user("say one two three"));
    // "Be brief." 2, question 4, "Let me see." 3, call 1 + 1, outcome 1, "and now?" 2, script 4.
    assert_eq!(answer(&prompt).usage, Usage { input_tokens: 18, output_tokens: 3, ..Usage::default() });
}

#[test]
fn the_pieces_join_to_the_text() {
    for text in ["", "a", "äöüß€", "twelve letters and more, to be cut into four"] {
        assert_eq!(pieces(text).collect::<String>(), text);
        assert!(pieces(text).count() <= PIECES);
    }
    assert_eq!(pieces("twelve letters and more").count(), PIECES);
}
