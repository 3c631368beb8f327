use claw_core::approval::{Always, Answer};
use claw_core::audit::AuditFrom;
use claw_core::route;

use super::*;

fn read(method: &str, params: Value) -> Result<Call, String> {
    match Method::find(method).unwrap().read(params, &route::main()).map_err(|err| err.message)? {
        Request::Host(call) => Ok(call),
        Request::Here(value) => panic!("{method} was answered by the gateway: {value}"),
    }
}

#[track_caller]
fn check_refused(method: &str, params: Value, part: &str) {
    let message = read(method, params).unwrap_err();
    assert!(message.starts_with(&format!("invalid {method} params: ")), "{message}");
    assert!(message.contains(part), "{message}");
}

#[test]
fn a_bare_session_key_belongs_to_the_named_agent_or_main() {
    let key = |params| match read("chat.history", params).unwrap() {
        Call::ChatHistory(history) => history.session.to_string(),
        call => panic!("{call:?}"),
    };
    assert_eq!(key(json!({"sessionKey": "main"})), "agent:main:main");
    assert_eq!(key(json!({"sessionKey": "acp-bridge:1", "agentId": "work"})), "agent:work:acp-bridge:1");
    assert_eq!(key(json!({"sessionKey": "agent:work:main"})), "agent:work:main");
}

#[test]
fn a_client_of_another_agent_means_a_conversation_of_that_agent_in_every_method() {
    let work = AgentId::parse("work").unwrap();
    let given = json!({
        "message": "hi", "idempotencyKey": "r", "label": "x", "turns": 1, "branch": 1, "name": "exec", "args": {},
    });
    let mut methods = 0;
    for method in METHODS {
        let fields: &[_] = if method.name.starts_with("sessions.") { &["sessionKey", "key"] } else { &["sessionKey"] };
        for field in fields.iter().copied() {
            let read = |key: &str| {
                let mut params = given.clone();
                params[field] = json!(key);
                method.read(params, &work).ok().map(|request| format!("{request:?}"))
            };
            // Whoever takes a key takes a short one for the agent's.
            assert_eq!(read("Main"), read("agent:work:main"), "{}", method.name);
            methods += usize::from(read("main").is_some_and(|request| request.contains("agent:work:main")));
            let mains = read("agent:main:main");
            assert!(!mains.is_some_and(|request| request.contains("work")), "{}", method.name);
        }
    }
    assert!(methods > 15, "{methods}");
    let audit = Method::find("audit.list").unwrap().read(json!({"sessionKey": "main"}), &work).unwrap();
    assert!(format!("{audit:?}").contains("agent:work:main"), "{audit:?}");
    // A publisher's key is no conversation's.
    let prepare = json!({"source": "https://example.com/x", "key": "RWQabc"});
    let prepare = Method::find("packages.prepare").unwrap().read(prepare, &work).unwrap();
    assert!(format!("{prepare:?}").contains("RWQabc"), "{prepare:?}");
}

#[test]
fn numbers_are_clamped_where_they_enter() {
    let Call::ChatHistory(history) = read("chat.history", json!({"sessionKey": "main", "limit": 1e15 as u64})).unwrap()
    else {
        panic!()
    };
    assert_eq!((history.limit, history.offset), (1000, 0));
    let wait = read("agent.wait", json!({"runId": "r", "timeoutMs": u64::MAX})).unwrap();
    assert!(matches!(wait, Call::AgentWait { timeout_ms: 600_000, .. }), "{wait:?}");
    let send = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "r", "timeoutMs": u64::MAX});
    let Call::ChatSend(send) = read("chat.send", send).unwrap() else { panic!() };
    assert_eq!(send.timeout, Some(Duration::from_secs(24 * 60 * 60)));
}

#[test]
fn what_a_method_needs_is_required() {
    check_refused("chat.send", json!({"sessionKey": "main", "message": "hi"}), "idempotencyKey");
    check_refused("agent", json!({"message": "hi"}), "idempotencyKey");
    check_refused("agent", json!({"message": "  ", "idempotencyKey": "r"}), "empty");
    check_refused("agent", json!({"message": "hi", "idempotencyKey": "two words"}), "not a valid run id");
    check_refused("agent.wait", json!({}), "runId");
    check_refused("chat.history", json!({"sessionKey": 7}), "invalid type");
    check_refused("chat.history", json!({"sessionKey": "main", "limit": -1}), "invalid value");
    check_refused("chat.history", json!([]), "expected an object");
    check_refused("sessions.reset", json!({"key": "agent:a:main", "agentId": "b"}), "belongs to `a`");
    check_refused("tools.invoke", json!({"name": "x", "args": []}), "`args` must be an object");
    check_refused("components.inspect", json!({"name": "../x"}), "not a valid component name");
}

#[test]
fn a_message_that_cannot_be_kept_whole_is_refused() {
    let send = |message: &str, attachments: Value| json!({"sessionKey": "main", "message": message, "idempotencyKey": "r", "attachments": attachments});
    check_refused("chat.send", send(&"x".repeat(MAX_MESSAGE_BYTES + 1), json!([])), "at most 1048576");
    check_refused("chat.send", send("see file", json!([{"content": "AA=="}])), "attachment 1 is no PNG");
    check_refused("agent", send("see file", json!([{"content": "AA=="}])), "attachment 1 is no PNG");
    check_refused("agent", send("see file", json!([{"mimeType": "image/png"}])), "missing field `content`");
    let Call::ChatSend(shown) = read("chat.send", send("", json!([{"content": "R0lGODlh"}]))).unwrap() else {
        panic!()
    };
    assert_eq!((shown.text.as_str(), shown.images[0].content()), ("", &b"GIF89a"[..]));
}

#[test]
fn an_approval_takes_the_four_answers_and_no_other() {
    let id = "0".repeat(32);
    let resolve = |decision: &str| json!({"id": id, "decision": decision});
    let answer = |params| match read("exec.approval.resolve", params).unwrap() {
        Call::ApprovalResolve { answer, .. } => answer,
        other => panic!("{other:?}"),
    };
    assert_eq!(answer(resolve("allow-once")), Answer::Once);
    assert_eq!(answer(resolve("deny")), Answer::Deny);
    assert_eq!(answer(resolve("pause")), Answer::Pause);
    assert_eq!(answer(resolve("allow-always")), Answer::Always(Always::default()));
    let long = json!({"id": id, "decision": "always", "choice": 2, "uses": 5, "forSeconds": 60});
    assert_eq!(answer(long), Answer::Always(Always { choice: 1, uses: Some(5), for_ms: Some(60_000) }));
    let with = |decision: &str, key: &str, value: u64| json!({"id": id, "decision": decision, key: value});
    check_refused("exec.approval.resolve", with("always", "choice", 0), "from 1");
    check_refused("exec.approval.resolve", with("always", "uses", 0), "begin at 1");
    check_refused("exec.approval.resolve", with("allow-once", "uses", 3), "belong to");
    check_refused("exec.approval.resolve", resolve("yes"), "must be");
    check_refused("approval.resolve", json!({"id": id, "decision": "deny", "kind": "plugin"}), "`kind`");
    check_refused("exec.approval.get", json!({"id": "1"}), "not a valid approval id");
}

#[test]
fn the_record_is_read_from_either_end_and_an_unknown_filter_is_an_error() {
    let from = |params| match read("audit.list", params).unwrap() {
        Call::AuditList(list) => (list.from, list.limit),
        call => panic!("{call:?}"),
    };
    assert_eq!(from(json!({})), (AuditFrom::End, 200));
    assert_eq!(from(json!({"before": 7, "limit": 9999})), (AuditFrom::Before(7), 1000));
    assert_eq!(from(json!({"after": 0, "limit": 0})), (AuditFrom::After(0), 1));
    check_refused("audit.list", json!({"after": 1, "before": 2}), "exclude each other");
    // A filter that is not known would show more than was asked for.
    check_refused("audit.list", json!({"componet": "files"}), "unknown field");
    check_refused("audit.list", json!({"runId": "two words"}), "not a valid run id");
    check_refused("audit.show", json!({"sequence": -1}), "invalid value");
}

#[test]
fn an_unknown_method_is_escaped_in_the_answer() {
    let error = Method::find("x\u{202e}\n").err().unwrap();
    assert_eq!(error.message, r"unknown method: x\u{202e}\n");
}

#[test]
fn every_method_stands_in_the_registry_once() {
    let mut names = names();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

// AP-29
#[test]
fn a_call_does_not_bring_its_own_approval() {
    for (key, value) in
        [("approved", json!(true)), ("decision", json!("allow")), ("ask", json!("off")), ("security", json!("full"))]
    {
        check_refused("tools.invoke", json!({"name": "exec", "args": {}, key: value}), "cannot be given with a call");
    }
}
