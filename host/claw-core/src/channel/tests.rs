use serde_json::json;

use super::*;

fn done(value: serde_json::Value) -> ToolOutcome {
    ToolOutcome::Done { text: value.to_string() }
}

fn failed(kind: FailureKind, message: &str) -> ToolOutcome {
    ToolOutcome::failed(kind, message)
}

fn message(id: &str) -> serde_json::Value {
    let sender = json!({"id": "7", "name": "Ada"});
    json!({"id": id, "chat": "-100", "direct": false, "sender": sender, "text": "hello", "attachments": [],
        "sent-ms": 1_700_000_000_000_u64})
}

fn batch(messages: Vec<serde_json::Value>) -> serde_json::Value {
    json!({"messages": messages, "cursor": "42", "wait-ms": 0})
}

#[track_caller]
fn senseless(value: serde_json::Value, why: &str) {
    match received(done(value)) {
        Err(Failure::Unavailable(text)) if text.contains(why) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_is_read_as_it_was_written() {
    let read = received(done(batch(vec![message("1")]))).unwrap();
    assert_eq!(read.cursor, "42");
    assert_eq!(read.messages[0].sent_ms, 1_700_000_000_000);
    assert_eq!(serde_json::to_value(&read).unwrap(), batch(vec![message("1")]));
}

#[test]
fn arguments_have_the_names_of_the_interface() {
    assert_eq!(receive_arguments(None), r#"{"cursor":null}"#);
    assert_eq!(receive_arguments(Some("a\"b")), r#"{"cursor":"a\"b"}"#);
    let outgoing =
        Outgoing { key: "k".into(), chat: "c".into(), text: "t".into(), reply_to: None, replaces: Some("m".into()) };
    assert_eq!(outgoing.arguments(), r#"{"message":{"key":"k","chat":"c","text":"t","reply-to":null,"replaces":"m"}}"#);
}

#[test]
fn what_names_nothing_is_refused() {
    for id in [String::new(), "x".repeat(MAX_ID_BYTES + 1), "a\nb".to_owned()] {
        senseless(batch(vec![message("1"), message(&id)]), "the id of message 2");
        for place in ["/chat", "/sender/id"] {
            let mut bad = message("1");
            *bad.pointer_mut(place).unwrap() = json!(id);
            senseless(batch(vec![bad]), "is not 1 to 256 bytes");
        }
    }
    assert!(received(done(batch(vec![message(&"x".repeat(MAX_ID_BYTES))]))).is_ok());
}

#[test]
fn a_batch_has_its_limits() {
    senseless(batch(vec![message("1"); MAX_MESSAGES + 1]), "101 messages");
    assert!(received(done(batch(vec![message("1"); MAX_MESSAGES]))).is_ok());
    senseless(json!({"messages": [], "cursor": "x".repeat(MAX_CURSOR_BYTES + 1), "wait-ms": 0}), "a cursor of 16385");
    let read = received(done(json!({"messages": [], "cursor": "", "wait-ms": u32::MAX}))).unwrap();
    assert_eq!(read.wait_ms, 60_000);
    senseless(json!("sure"), "expected struct Batch");
}

#[test]
fn long_texts_are_cut_and_names_stay_on_their_line() {
    let mut long = message("1");
    long["text"] = json!("ä".repeat(MAX_TEXT_BYTES));
    long["sender"]["name"] = json!(format!("Ada\n> {}", "b".repeat(MAX_ID_BYTES)));
    let read = received(done(batch(vec![long]))).unwrap().messages.remove(0);
    assert!(read.text.len() <= MAX_TEXT_BYTES && read.text.ends_with("ä…"));
    assert!(read.sender.name.len() <= MAX_ID_BYTES && read.sender.name.starts_with("Ada > b"));
}

#[test]
fn what_is_attached_has_its_limits() {
    let attached = |id: &str, count| {
        let mut message = message("1");
        let name = format!("a\nb{}", "c".repeat(MAX_ID_BYTES));
        let attachment = json!({"id": id, "name": name, "media-type": "image/png\n", "size": 7});
        message["attachments"] = json!(vec![attachment; count]);
        message
    };
    let read = received(done(batch(vec![attached("a1", MAX_ATTACHMENTS)]))).unwrap().messages.remove(0);
    let first = &read.attachments[0];
    assert!(first.name.starts_with("a bc") && first.name.len() <= MAX_ID_BYTES, "{first:?}");
    assert_eq!((first.media_type.as_str(), first.size), ("image/png ", 7));
    senseless(batch(vec![attached("a1", MAX_ATTACHMENTS + 1)]), "message 1 has 17 attachments");
    senseless(batch(vec![attached("", 1)]), "the id of an attachment of message 1");
    senseless(batch(vec![attached("a\nb", 1)]), "the id of an attachment of message 1");
}

#[test]
fn a_file_is_no_larger_than_the_host_takes() {
    let can = |file_limit| Abilities { text_limit: 1, idempotent: false, edits: false, file_limit }.largest_file();
    assert_eq!([0, 7, u32::MAX].map(can), [0, 7, MAX_FILE_BYTES]);
}

#[test]
fn a_component_says_itself_why_it_failed() {
    let said = |json: &str| (received(failed(FailureKind::Tool, json)), sent(failed(FailureKind::Tool, json)));
    for (json, failure) in [
        (r#"{"rejected":"no\nsuch chat"}"#, Failure::Rejected("no such chat".into())),
        (r#"{"limited":4294967295}"#, Failure::Limited(86_400_000)),
        (r#"{"limited":1500}"#, Failure::Limited(1500)),
        (r#"{"unavailable":"down"}"#, Failure::Unavailable("down".into())),
        (r#"{"unknown":"timed out"}"#, Failure::Unknown("timed out".into())),
    ] {
        assert_eq!(said(json), (Err(failure.clone()), Err(failure)), "{json}");
    }
}

#[test]
fn a_call_that_did_not_end_well_may_have_sent_something_unless_it_never_ran() {
    let check = |kind, expected: fn(&Failure) -> bool| {
        let failure = sent(failed(kind, "why")).unwrap_err();
        assert!(expected(&failure), "{kind:?}: {failure:?}");
        assert!(failure.to_string().contains("why"));
        // Nothing is lost by asking again.
        assert!(matches!(received(failed(kind, "why")), Err(Failure::Unavailable(_))), "{kind:?}");
    };
    for kind in [FailureKind::Crash, FailureKind::Deadline, FailureKind::Cancelled, FailureKind::Tool] {
        check(kind, |failure| matches!(failure, Failure::Unknown(_)));
    }
    check(FailureKind::Denied, |failure| matches!(failure, Failure::Unavailable(_)));
    check(FailureKind::InvalidArguments, |failure| matches!(failure, Failure::Rejected(_)));
    assert_eq!(sent(ToolOutcome::Done { text: "17".into() }), Ok("17".into()));
    assert!(matches!(sent(ToolOutcome::Done { text: String::new() }), Err(Failure::Unknown(_))));
}
