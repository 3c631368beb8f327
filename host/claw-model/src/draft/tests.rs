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
fn too_many_calls_and_too_much_text_are_refused() {
    let mut draft = Draft::default();
    let refused = (0..1000).find(|index| draft.start_call(*index, "", "t").is_err());
    assert_eq!(refused, Some(MAX_CALLS as u64));

    let mut draft = Draft::default();
    draft.start_call(0, "", "").unwrap();
    let half = "x".repeat(MAX_REPLY_BYTES / 2);
    draft.say(&half, &mut |_| {}).unwrap();
    draft.extend_call(0, "", "", &half).unwrap();
    assert!(matches!(draft.say("x", &mut |_| {}), Err(Fault::TooLarge { what: "bytes", limit: MAX_REPLY_BYTES })));
}
