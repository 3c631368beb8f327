use claw_core::approval::Card;
use claw_core::id::{AgentId, ApprovalId, ComponentName, Digest};
use claw_core::outcome::FailureKind;
use expect_test::{Expect, expect};

use super::*;

fn run_id() -> RunId {
    RunId::parse("r").unwrap()
}

fn session() -> SessionKey {
    SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap()
}

fn started() -> HostEvent {
    HostEvent::RunStarted { run: run_id(), session: session(), at: Timestamp(1000) }
}

fn said(delta: &str) -> HostEvent {
    HostEvent::TextDelta { run: run_id(), session: session(), delta: delta.into() }
}

fn ended(end: RunEnd) -> HostEvent {
    HostEvent::RunEnded { run: run_id(), session: session(), end: Arc::new(end), at: Timestamp(3000) }
}

fn done(text: &str) -> HostEvent {
    ended(RunEnd::Done {
        text: text.to_owned(),
        usage: Usage { input_tokens: 5, output_tokens: 2, ..Usage::default() },
    })
}

fn approval(state: ApprovalState) -> Approval {
    Approval {
        id: ApprovalId::from_random(7),
        session: session(),
        run: run_id(),
        call: CallId::parse("c1").unwrap(),
        component: ComponentName::parse("shell").unwrap(),
        build: Digest([8; 32]),
        digest: Digest([1; 32]),
        card: Card { action: "exec.run".to_owned(), title: "Run a program".to_owned(), lines: Vec::new() },
        argv: vec!["rm".to_owned(), "a b".to_owned(), "x\u{202e}\n".to_owned()],
        cwd: Some("/w".to_owned()),
        choices: Vec::new(),
        created: Timestamp(1),
        expires: Timestamp(2),
        state,
    }
}

/// One line per frame: event, scope, audience, urgency, and what the payload has beyond run, session and agent.
fn lines(frames: &[Arc<EventFrame>]) -> String {
    let line = |frame: &Arc<EventFrame>| {
        let mut wire: Value = serde_json::from_str(&frame.unnumbered()).unwrap();
        let payload = wire["payload"].as_object_mut().unwrap();
        ["runId", "sessionKey", "agentId"].into_iter().for_each(|key| drop(payload.remove(key)));
        let scope = frame.scope.map_or("anybody", Scope::as_str);
        let event = wire["event"].as_str().unwrap();
        format!("{event} {scope} {:?} {:?} {}\n", frame.audience, frame.urgency, wire["payload"])
    };
    frames.iter().map(line).collect()
}

#[track_caller]
fn check(events: &[HostEvent], expected: Expect) {
    let (mut projection, mut now) = (Projection::default(), Instant::now());
    let mut frames = Vec::new();
    for event in events {
        frames.extend(projection.on(event, now, Timestamp(2000)));
        now += DELTA_GAP;
    }
    expected.assert_eq(&lines(&frames));
}

#[test]
fn a_run_is_told_as_chat_and_as_agent_events() {
    check(
        &[started(), said("Hel"), said("lo"), done("Hello")],
        expect![[r#"
            chat operator.read Everybody Kept {"state":"status","phase":"starting_model","seq":1}
            agent operator.read Everybody Kept {"data":{"phase":"start","startedAt":1000},"ts":1000,"stream":"lifecycle","seq":1}
            chat operator.read Everybody Droppable {"state":"delta","deltaText":"Hel","message":{"role":"assistant","content":[{"type":"text","text":"Hel"}],"timestamp":2000},"seq":2}
            agent operator.read Everybody Droppable {"data":{"text":"Hel","delta":"Hel"},"ts":2000,"stream":"assistant","seq":2}
            chat operator.read Everybody Droppable {"state":"delta","deltaText":"lo","message":{"role":"assistant","content":[{"type":"text","text":"Hello"}],"timestamp":2000},"seq":3}
            agent operator.read Everybody Droppable {"data":{"text":"Hello","delta":"lo"},"ts":2000,"stream":"assistant","seq":3}
            chat operator.read Everybody Kept {"state":"final","stopReason":"stop","message":{"role":"assistant","content":[{"type":"text","text":"Hello"}],"timestamp":3000},"usage":{"input":5,"output":2,"total":7},"seq":4}
            agent operator.read Everybody Kept {"data":{"phase":"end","startedAt":1000,"endedAt":3000},"ts":3000,"stream":"lifecycle","seq":4}
        "#]],
    );
}

#[test]
fn bad_ends_are_told_as_what_they_are() {
    let failed = RunEnd::Failed { kind: "auth".to_owned(), message: "no key".to_owned() };
    let aborted = RunEnd::Aborted { text: String::new() };
    check(
        &[ended(failed), ended(aborted)],
        expect![[r#"
            chat operator.read Everybody Kept {"state":"error","errorMessage":"no key","errorKind":"unknown","seq":1}
            agent operator.read Everybody Kept {"data":{"phase":"error","startedAt":3000,"endedAt":3000,"error":"no key"},"ts":3000,"stream":"lifecycle","seq":1}
            chat operator.read Everybody Kept {"state":"aborted","seq":1}
            agent operator.read Everybody Kept {"data":{"phase":"end","startedAt":3000,"endedAt":3000,"aborted":true},"ts":3000,"stream":"lifecycle","seq":1}
        "#]],
    );
}

#[test]
fn tools_show_to_all_and_their_arguments_only_to_who_asked() {
    let (call, tool) = (CallId::parse("c1").unwrap(), ToolName::parse("read").unwrap());
    let outcome = ToolOutcome::failed(FailureKind::Denied, "not yours");
    let (run, session) = (run_id(), session());
    let start = HostEvent::ToolStarted {
        run: run.clone(),
        session: session.clone(),
        call: call.clone(),
        tool: tool.clone(),
        arguments: r#"{"path":"a"}"#.into(),
    };
    let end = HostEvent::ToolEnded { run, session, call, tool, outcome: Arc::new(outcome) };
    check(
        &[start, end],
        expect![[r#"
            agent operator.read Everybody Kept {"data":{"phase":"start","kind":"tool","itemId":"c1","toolCallId":"c1","name":"read","title":"read","status":"running"},"ts":2000,"stream":"item","seq":1}
            agent operator.read ToolEvents Kept {"data":{"phase":"start","name":"read","toolCallId":"c1","args":{"path":"a"}},"ts":2000,"stream":"tool","seq":2}
            agent operator.read Everybody Kept {"data":{"phase":"end","kind":"tool","itemId":"c1","toolCallId":"c1","name":"read","title":"read","status":"failed"},"ts":2000,"stream":"item","seq":3}
            agent operator.read ToolEvents Kept {"data":{"phase":"result","name":"read","toolCallId":"c1","isError":true,"result":{"content":[{"type":"text","text":"E_POLICY_DENY: not yours"}]}},"ts":2000,"stream":"tool","seq":4}
        "#]],
    );
}

#[test]
fn a_card_shows_in_the_chat_and_its_approval_only_to_who_may_answer() {
    let requested =
        HostEvent::ApprovalRequested { approvals: [approval(ApprovalState::Pending)].into(), card: "May I?".into() };
    let (mut projection, now) = (Projection::default(), Instant::now());
    projection.on(&said("First."), now, Timestamp(1));
    let frames = projection.on(&requested, now, Timestamp(2));
    let shown = lines(&frames[..1]);
    assert!(shown.contains(r#""deltaText":"\n\nMay I?\n\n""#) && shown.contains(r"First.\n\nMay I?\n\n"), "{shown}");
    assert_eq!(frames.last().unwrap().scope, Some(Scope::Approvals));
    assert!(lines(&frames[1..]).contains("exec.approval.requested"));
    // What the model says next must not carry the card as its own words.
    let next = projection.on(&said(" Second."), now + DELTA_GAP, Timestamp(3));
    assert!(lines(&next[1..]).contains(r#""text":"First. Second.""#), "{}", lines(&next));
}

#[test]
fn an_approval_shows_exact_arguments_and_a_line_that_cannot_fake_another() {
    let payload = approval_payload(&approval(ApprovalState::Pending));
    assert_eq!(payload["request"]["command"], r#"rm "a b" "x\u{202e}\n""#);
    assert_eq!(payload["request"]["commandArgv"], json!(["rm", "a b", "x\u{202e}\n"]));
    assert_eq!((&payload["approvalKind"], &payload["state"]), (&json!("exec"), &json!("pending")));
    assert_eq!(payload["request"]["cwd"], "/w");
}

#[test]
fn every_answer_to_an_approval_has_its_word() {
    let word = |state: ApprovalState| {
        let frame = resolved(&approval(state), Timestamp(9))?;
        let wire: Value = serde_json::from_str(&frame.unnumbered()).unwrap();
        Some((wire["payload"]["decision"].as_str().unwrap().to_owned(), wire["payload"]["resolvedBy"].clone()))
    };
    let (by, at) = ("ws:owner".to_owned(), Timestamp(9));
    assert_eq!(word(ApprovalState::Pending), None);
    let approved = ApprovalState::Approved { by: by.clone(), at, always: None };
    assert_eq!(word(approved), Some(("allow-once".to_owned(), json!("ws:owner"))));
    assert_eq!(word(ApprovalState::Denied { by, at, paused: false }), Some(("deny".to_owned(), json!("ws:owner"))));
    assert_eq!(word(ApprovalState::Expired), Some(("expired".to_owned(), Value::Null)));
}

#[test]
fn fast_deltas_are_joined_and_none_is_lost() {
    let (mut projection, now) = (Projection::default(), Instant::now());
    assert_eq!(projection.on(&said("a"), now, Timestamp(1)).len(), 2);
    assert!(projection.on(&said("b"), now, Timestamp(1)).is_empty());
    assert!(projection.on(&said("c"), now, Timestamp(1)).is_empty());
    assert_eq!(projection.due(), Some(now + DELTA_GAP));
    assert!(projection.flush(now, Timestamp(1)).is_empty());
    let joined = lines(&projection.flush(now + DELTA_GAP, Timestamp(1)));
    assert!(joined.contains(r#""deltaText":"bc""#) && joined.contains(r#""text":"abc""#), "{joined}");
    assert_eq!(projection.due(), None);
    projection.on(&said("d"), now + DELTA_GAP, Timestamp(1));
    let last = lines(&projection.on(&done("abcd"), now + DELTA_GAP, Timestamp(1)));
    assert!(last.contains(r#""deltaText":"d""#), "held-back text comes before the end: {last}");
}

#[test]
fn runs_that_never_end_do_not_fill_the_memory() {
    let (mut projection, now) = (Projection::default(), Instant::now());
    for number in 0..REMEMBERED + 10 {
        let run = RunId::parse(&format!("r{number}")).unwrap();
        projection.on(&HostEvent::RunStarted { run, session: session(), at: Timestamp(1) }, now, Timestamp(1));
    }
    assert_eq!(projection.runs.len(), REMEMBERED);
    assert!(projection.runs.contains_key(&RunId::parse(&format!("r{}", REMEMBERED + 9)).unwrap()));
    projection.on(&started(), now, Timestamp(1));
    projection.on(&done("x"), now, Timestamp(1));
    assert_eq!(projection.runs.len(), REMEMBERED - 1);
}

#[test]
fn a_long_result_is_cut_at_a_character() {
    let text = shortened("ü".repeat(SHOWN_RESULT_BYTES));
    assert!(text.len() < SHOWN_RESULT_BYTES + 100);
    assert!(text.ends_with("[65536 more bytes are in the session's history]"), "{}", &text[text.len() - 60..]);
}
