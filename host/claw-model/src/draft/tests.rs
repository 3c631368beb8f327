use super::*;
use crate::sample::{assistant, call, prompt};

fn draft(calls: &[(&str, &str, &str)]) -> Draft {
    let mut draft = Draft::default();
    for (index, (id, tool, arguments)) in (0..).zip(calls) {
        draft.start_call(index, id, tool).unwrap();
        draft.extend_call(index, "", "", arguments).unwrap();
    }
    draft
}

fn finished(calls: &[(&str, &str, &str)], stop: StopReason) -> Reply {
    draft(calls).finish(stop, &prompt(vec![]), "o")
}

#[test]
fn empty_arguments_become_an_empty_object() {
    let reply = finished(&[("a", "clock", ""), ("b", "clock", " \n")], StopReason::ToolUse);
    assert_eq!(reply.calls, [call("a", "clock", "{}"), call("b", "clock", "{}")]);
}

// ML-02
#[test]
fn malformed_arguments_are_passed_through_for_the_loop_to_report() {
    let reply = finished(&[("a", "clock", "{\"zone\":")], StopReason::ToolUse);
    assert_eq!(reply.calls, [call("a", "clock", "{\"zone\":")]);
}

#[test]
fn missing_repeated_and_unprintable_ids_are_replaced() {
    let calls = [("", "t", "{}"), ("x", "t", "{}"), ("x", "t", "{}"), ("a b", "t", "{}"), ("old", "t", "{}")];
    let earlier = prompt(vec![assistant("", vec![call("old", "t", "{}"), call("call_1", "t", "{}")])]);
    let reply = draft(&calls).finish(StopReason::ToolUse, &earlier, "o");
    let ids: Vec<&str> = reply.calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["call_2", "x", "call_3", "call_4", "call_5"]);
}

#[test]
fn an_impossible_tool_name_becomes_a_possible_one() {
    let long = "x".repeat(100);
    let reply = finished(&[("a", "functions.clock", ""), ("b", " ", ""), ("c", &long, "")], StopReason::ToolUse);
    let names: Vec<&str> = reply.calls.iter().map(|call| call.tool.as_str()).collect();
    assert_eq!(names, ["functions_clock", "unnamed", &long[..64]]);
}

// ML-08
#[test]
fn a_call_cut_off_by_the_token_limit_is_dropped() {
    let whole = ("a", "clock", "{}");
    assert_eq!(finished(&[whole, ("b", "rm", "{\"pa")], StopReason::MaxTokens).calls, [call("a", "clock", "{}")]);
    assert_eq!(finished(&[whole, ("b", "rm", "")], StopReason::MaxTokens).calls, [call("a", "clock", "{}")]);
    assert_eq!(finished(&[whole], StopReason::MaxTokens).calls, [call("a", "clock", "{}")]);
}

#[test]
fn a_refusal_carries_no_calls() {
    let reply = finished(&[("a", "clock", "{}")], StopReason::Refusal);
    assert_eq!((reply.calls, reply.stop), (vec![], StopReason::Refusal));
}

#[test]
fn the_stop_reason_fits_the_calls() {
    assert_eq!(finished(&[("a", "clock", "{}")], StopReason::EndTurn).stop, StopReason::ToolUse);
    assert_eq!(finished(&[], StopReason::ToolUse).stop, StopReason::EndTurn);
}

// ML-05
#[test]
fn calls_beyond_the_limit_are_dropped_with_their_pieces_and_the_others_stay() {
    let calls: Vec<_> = (0..1000).map(|number| (format!("c{number}"), "t", "{}")).collect();
    let calls: Vec<_> = calls.iter().map(|(id, tool, arguments)| (id.as_str(), *tool, *arguments)).collect();
    let mut draft = draft(&calls);
    // A late piece of one that was dropped, and of one that was not.
    draft.extend_call(500, "", "", "}").unwrap();
    draft.extend_call(3, "", "", " ").unwrap();
    let reply = draft.finish(StopReason::ToolUse, &prompt(vec![]), "o");
    assert_eq!(reply.calls.len(), MAX_CALLS);
    assert_eq!(reply.calls[3], call("c3", "t", "{} "));
    assert!(reply.calls.iter().all(|call| call.arguments.starts_with("{}")));
    assert!(draft_of_one().extend_call(7, "", "", "{}").is_err(), "nothing was dropped here");
}

fn draft_of_one() -> Draft {
    draft(&[("a", "t", "{}")])
}

// ML-05
#[test]
fn a_call_with_too_much_in_it_is_no_json_any_more_and_the_others_stay() {
    let ten = format!("{{\"path\":\"a\",\"content\":\"{}\"}}", "x".repeat(10 * MAX_ARGUMENTS_BYTES));
    let mut in_pieces = draft(&[("a", "write", "{\"path\":\"a\",\"content\":\"")]);
    for _ in 0..10 {
        in_pieces.extend_call(0, "", "", &"x".repeat(MAX_ARGUMENTS_BYTES)).unwrap();
    }
    for draft in [draft(&[("a", "write", &ten)]), in_pieces] {
        let mut draft = draft;
        draft.start_call(1, "b", "clock").unwrap();
        let reply = draft.finish(StopReason::ToolUse, &prompt(vec![]), "o");
        let cut = &reply.calls[0].arguments;
        assert!(cut.starts_with("{\"path\":\"a\"") && cut.contains("may have 1048576 bytes"), "{cut}");
        assert!(cut.len() < 1000 && serde_json::from_str::<Value>(cut).is_err(), "{}", cut.len());
        assert_eq!(reply.calls[1], call("b", "clock", "{}"));
    }
    // As much as a call may have is left as it is.
    let whole = format!("\"{}\"", "x".repeat(MAX_ARGUMENTS_BYTES - 2));
    assert_eq!(finished(&[("a", "t", &whole)], StopReason::ToolUse).calls, [call("a", "t", &whole)]);
}

// ML-05
#[test]
fn too_much_text_is_refused_and_too_much_in_all_calls_costs_the_last_ones() {
    let mut draft = Draft::default();
    draft.say(&"x".repeat(MAX_REPLY_BYTES), &mut |_| {}).unwrap();
    draft.start_call(0, "", "").unwrap();
    draft.extend_call(0, "", "", "{}").unwrap();
    assert!(matches!(draft.say("x", &mut |_| {}), Err(Fault::TooLarge { what: "bytes", limit: MAX_REPLY_BYTES })));
    assert!(draft.finish(StopReason::ToolUse, &prompt(vec![]), "o").calls[0].arguments.contains("[cut"));
}
