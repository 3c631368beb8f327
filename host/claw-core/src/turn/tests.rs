use proptest::prelude::*;

use super::*;
use crate::id::{CallId, Seq, ToolName};

const LIMITS: TurnLimits = TurnLimits { iterations: 3, calls_per_reply: 2, same_outcomes: 100 };

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
    turn.take(String::new(), vec![call("1"), call("2")], None, Usage::default());
    assert_eq!(turn.next(), Step::Call(call("1")));
    turn.observe(done("one"), false);
    assert_eq!(turn.next(), Step::Call(call("2")));
    turn.observe(done("two"), false);
    assert_eq!(turn.next(), Step::Ask);
    turn.take("both".to_owned(), vec![], None, Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() });
    let usage = Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() };
    assert_eq!(turn.next(), Step::Done(RunEnd::Done { text: "both".to_owned(), usage }));
}

#[test]
fn calls_beyond_the_limit_are_answered_with_a_refusal() {
    let mut turn = Turn::resume(LIMITS, &[]);
    let recorded = turn.take(String::new(), vec![call("1"), call("2"), call("3")], None, Usage::default());
    assert!(matches!(&recorded[..], [Message::Assistant { .. }, Message::Tool { call, .. }] if call.as_str() == "3"));
}

#[test]
fn a_model_that_never_stops_calling_is_stopped() {
    let mut turn = Turn::resume(LIMITS, &[]);
    for n in 0..3 {
        assert_eq!(turn.next(), Step::Ask);
        turn.take(String::new(), vec![call(&n.to_string())], None, Usage::default());
        turn.observe(done(""), false);
    }
    assert!(matches!(turn.next(), Step::Done(RunEnd::Failed { kind, .. }) if kind == "limit"));
}

fn asks(id: &str, arguments: &str) -> Vec<ToolCall> {
    vec![ToolCall { arguments: arguments.to_owned(), ..call(id) }]
}

const LOOPING: TurnLimits = TurnLimits { iterations: 100, calls_per_reply: 2, same_outcomes: 3 };

// ML-06
#[test]
fn a_call_that_gives_the_same_outcome_again_and_again_is_refused_and_then_ends_the_turn() {
    let mut turn = Turn::resume(LOOPING, &[]);
    let mut written = Vec::new();
    let mut run = 0;
    // The order of fields and white space make no other call, and calls between make no difference.
    for (n, arguments) in [r#"{"a":1,"b":2}"#, r#"{"b":2, "a":1}"#].iter().cycle().enumerate() {
        if turn.next() != Step::Ask {
            break;
        }
        written.extend(turn.take(String::new(), asks(&format!("a{n}"), arguments), None, Usage::default()));
        while let Step::Call(_) = turn.next() {
            run += 1;
            written.push(turn.observe(done("same"), false));
        }
        assert_eq!(Turn::resume(LOOPING, &written).next(), turn.next());
        written.extend(turn.take(
            String::new(),
            asks(&format!("b{n}"), &format!("{{\"n\":{n}}}")),
            None,
            Usage::default(),
        ));
        if let Step::Call(_) = turn.next() {
            written.push(turn.observe(done("same"), false));
        }
    }
    assert_eq!(run, 3);
    assert!(matches!(turn.next(), Step::Done(RunEnd::Failed { kind, .. }) if kind == "loop"));
    let refused = written.iter().find_map(|message| match message {
        Message::Tool { outcome: ToolOutcome::Failed(failure), .. } => Some(failure),
        _ => None,
    });
    assert_eq!(refused.unwrap().kind, FailureKind::Loop);
}

#[test]
fn a_call_whose_outcome_changes_is_no_loop() {
    let mut turn = Turn::resume(LOOPING, &[]);
    for n in 0..20 {
        turn.take(String::new(), asks(&n.to_string(), "{}"), None, Usage::default());
        assert!(matches!(turn.next(), Step::Call(_)), "{n}");
        // Twice the same, then another.
        turn.observe(done(&(n / 2).to_string()), false);
    }
}

#[test]
fn what_the_model_says_to_the_host_is_not_its_answer() {
    let said = |text: &str| Message::Assistant { text: text.to_owned(), calls: Vec::new(), replay: None };
    let instruction = Message::Instruction { text: "note what matters".to_owned() };
    let mut written = vec![instruction, said("noted")];
    assert_eq!(Turn::resume(LIMITS, &written).next(), Step::Ask);
    written.push(Message::Summary { text: "…".to_owned(), kept_from: Seq(1) });
    assert_eq!(Turn::resume(LIMITS, &written).next(), Step::Ask);
    written.push(said("the answer"));
    assert!(
        matches!(Turn::resume(LIMITS, &written).next(), Step::Done(RunEnd::Done { text, .. }) if text == "the answer")
    );
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
            written.extend(turn.take(format!("reply {name}"), calls, None, Usage::default()));
            prop_assert_eq!(Turn::resume(LIMITS, &written).next(), turn.next());
            while let Step::Call(call) = turn.next() {
                written.push(turn.observe(done(call.id.as_str()), false));
                prop_assert_eq!(Turn::resume(LIMITS, &written).next(), turn.next());
            }
        }
    }
}
