use super::*;

#[track_caller]
fn check_bad(text: &str, id: &str, part: &str) {
    let bad = Request::parse(text).unwrap_err();
    assert_eq!(bad.id, id, "{text}");
    assert!(bad.error.message.starts_with("invalid request frame: "), "{}", bad.error);
    assert!(bad.error.message.contains(part), "{}", bad.error);
}

// GW-15
#[test]
fn a_malformed_frame_names_its_fault_and_its_id_when_it_has_one() {
    check_bad("", "invalid", "EOF");
    check_bad("{", "invalid", "EOF");
    check_bad("[]", "invalid", "expected an object");
    check_bad("\"x\"", "invalid", "expected an object");
    check_bad(r#"{"type":"res","id":"1","method":"health"}"#, "1", "`type`");
    check_bad(r#"{"type":"req","method":"health"}"#, "invalid", "missing field `id`");
    check_bad(r#"{"type":"req","id":1,"method":"health"}"#, "invalid", "invalid type");
    check_bad(r#"{"type":"req","id":"","method":"health"}"#, "invalid", "1 to 512 bytes");
    check_bad(r#"{"type":"req","id":"1"}"#, "1", "missing field `method`");
    check_bad(r#"{"type":"req","id":"1","method":7}"#, "1", "invalid type");
    check_bad(r#"{"type":"req","id":"1","method":""}"#, "1", "empty");
    check_bad(r#"{"type":"req","id":"1","method":"x","params":1e999}"#, "invalid", "number out of range");
    check_bad(&"[".repeat(100_000), "invalid", "recursion limit");
}

#[test]
fn unknown_keys_of_newer_clients_are_ignored() {
    let request = Request::parse(r#"{"type":"req","id":"1","method":"health","traceparent":"x","new":{}}"#).unwrap();
    assert_eq!((request.id.as_str(), request.method.as_str()), ("1", "health"));
    assert!(request.params.is_null());
}

#[test]
fn an_error_leaves_out_what_it_does_not_have() {
    let plain = RpcError::invalid("no").to_wire();
    assert_eq!(plain, json!({"code": "INVALID_REQUEST", "message": "no"}));
    let mut busy = RpcError::unavailable("busy");
    busy.retry_after = Some(Duration::from_millis(1500));
    assert_eq!(
        busy.to_wire(),
        json!({"code": "UNAVAILABLE", "message": "busy", "retryable": true, "retryAfterMs": 1500})
    );
}

#[test]
fn an_event_is_the_same_for_everybody_but_its_number() {
    let frame = EventFrame::new("tick", &json!({"ts": 1}), None, Audience::Everybody, Urgency::Droppable);
    assert_eq!(frame.numbered(7), r#"{"type":"event","event":"tick","payload":{"ts":1},"seq":7}"#);
    assert_eq!(frame.unnumbered(), r#"{"type":"event","event":"tick","payload":{"ts":1}}"#);
}
