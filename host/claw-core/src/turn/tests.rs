use proptest::prelude::*;

use super::*;
use crate::id::{CallId, ToolName};

const LIMITS: TurnLimits = TurnLimits { iterations: 3, calls_per_reply: 2 };

fn call(id: &str) -> ToolCall {
    ToolCall { id: CallId::parse(id).unwrap(), tool: ToolName::parse("read").unwrap(), arguments: "{}".to_owned() }
}

fn done(text: &str) -> ToolOutcome {
    ToolOutcome::Done { text: text.to_owned() }
}

#[test]
fn calls_run_in_order_and_the_model_is_asked_again_after_the_last() {
    let mut turn = Turn::resume(LIMITS, &[]);
    assert_eq!(turn.next(), Step::Ask);
    turn.take(String::new(), vec![call("1"), call("2")], Usage::default());
    assert_eq!(turn.next(), Step::Call(call("1")));
    turn.observe(done("one"));
    assert_eq!(turn.next(), Step::Call(call("2")));
    turn.observe(done("two"));
    assert_eq!(turn.next(), Step::Ask);
    turn.take("both".to_owned(), vec![], Usage { input_tokens: 1, output_tokens: 2 });
    let usage = Usage { input_tokens: 1, output_tokens: 2 };
    assert_eq!(turn.next(), Step::Done(RunEnd::Done { text: "both".to_owned(), usage }));
}

#[test]
fn calls_beyond_the_limit_are_answered_with_a_refusal() {
    let mut turn = Turn::resume(LIMITS, &[]);
    let recorded = turn.take(String::new(), vec![call("1"), call("2"), call("3")], Usage::default());
    assert!(matches!(&recorded[..], [Message::Assistant { .. }, Message::Tool { call, .. }] if call.as_str() == "3"));
}

#[test]
fn a_model_that_never_stops_calling_is_stopped() {
    let mut turn = Turn::resume(LIMITS, &[]);
    for n in 0..3 {
        assert_eq!(turn.next(), Step::Ask);
        turn.take(String::new(), vec![call(&n.to_string())], Usage::default());
        turn.observe(done(""));
    }
    assert!(matches!(turn.next(), Step::Done(RunEnd::Failed { kind, .. }) if kind == "limit"));
}

proptest! {
    /// Cut at any entry, a resumed turn stands where the original stood.
    #[test]
    fn a_resumed_turn_goes_on_where_it_was_cut(replies in proptest::collection::vec(0usize..3, 1..3)) {
        let mut turn = Turn::resume(LIMITS, &[]);
        let mut written = Vec::new();
        let mut name = 0;
        for calls in replies {
            if turn.next() != Step::Ask { break; }
            let calls = (0..calls).map(|_| { name += 1; call(&name.to_string()) }).collect();
            written.extend(turn.take(format!("reply {name}"), calls, Usage::default()));
            prop_assert_eq!(Turn::resume(LIMITS, &written).next(), turn.next());
            while let Step::Call(call) = turn.next() {
                written.push(turn.observe(done(call.id.as_str())));
                prop_assert_eq!(Turn::resume(LIMITS, &written).next(), turn.next());
            }
        }
    }
}
