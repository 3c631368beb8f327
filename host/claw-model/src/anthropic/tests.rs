use serde_json::json;

use super::*;
use claw_core::message::Message;

use crate::prompt::{Reply, Thinking};
use crate::provider::WireFormat;
use crate::replay::{Kept, pack};
use crate::sample::{assistant, call, decoded, denied, done, full_prompt, prompt, reader, shown, user};

fn decode(events: &[&str]) -> Result<Option<Reply>, Fault> {
    decoded(WireFormat::AnthropicMessages, events)
}

#[test]
fn a_request_has_instructions_tools_and_merged_messages() {
    assert_eq!(
        request(&reader("h", "m"), &full_prompt()),
        json!({
            "model": "m",
            "max_tokens": 1024,
            "stream": true,
            "system": [{ "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral" } }],
            "messages": [
                { "role": "user", "content": [{ "type": "text", "text": "what time is it?" }] },
                { "role": "assistant", "content": [
                    { "type": "text", "text": "Let me see." },
                    { "type": "tool_use", "id": "call_a", "name": "clock", "input": { "zone": "UTC" } },
                ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "call_a", "content": "12:00" },
                    { "type": "text", "text": "and now?", "cache_control": { "type": "ephemeral" } },
                ] },
            ],
            "tools": [{
                "name": "clock",
                "description": "Tells the time.",
                "input_schema": {
                    "type": "object", "properties": { "zone": { "type": "string" } }, "required": ["zone"],
                },
                "cache_control": { "type": "ephemeral" },
            }],
        })
    );
}

#[test]
fn a_conversation_that_starts_with_the_assistant_gets_a_user_in_front() {
    let body = request(&reader("h", "m"), &prompt(vec![assistant("hello", vec![]), assistant("again", vec![])]));
    let roles: Vec<&str> = body["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant"]);
    assert_eq!(body["messages"][1]["content"].as_array().unwrap().len(), 2);
}

#[test]
fn failures_are_marked_and_empty_results_have_no_content() {
    let calls = vec![call("a", "clock", "{}"), call("b", "clock", "{}")];
    let body =
        request(&reader("h", "m"), &prompt(vec![user("go"), assistant("", calls), denied("a", "no"), done("b", "")]));
    assert_eq!(
        body["messages"][2]["content"],
        json!([
            { "type": "tool_result", "tool_use_id": "a", "content": "E_POLICY_DENY: no", "is_error": true },
            { "type": "tool_result", "tool_use_id": "b", "cache_control": { "type": "ephemeral" } },
        ])
    );
}

#[test]
fn ids_of_other_providers_are_put_into_accepted_characters() {
    let body = request(&reader("h", "m"), &prompt(vec![assistant("", vec![call("functions.clock:0", "clock", "{}")])]));
    assert_eq!(body["messages"][1]["content"][0]["id"], "functions_clock_0");
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "functions_clock_0");
}

#[test]
fn thinking_server_tools_and_unknown_events_are_skipped() {
    let reply = decode(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"from_the_future","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":"yes"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
    ]);
    let reply = reply.unwrap().unwrap();
    assert_eq!((reply.text.as_str(), reply.calls, reply.stop), ("yes", vec![], StopReason::EndTurn));
}

#[test]
fn an_input_that_comes_whole_is_taken() {
    let reply = decode(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"clock","input":{"zone":"UTC"}}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    assert_eq!(reply.unwrap().unwrap().calls, [call("a", "clock", r#"{"zone":"UTC"}"#)]);
}

#[test]
fn stop_reasons_are_translated() {
    for (reason, expected) in [
        ("end_turn", StopReason::EndTurn),
        ("stop_sequence", StopReason::EndTurn),
        ("max_tokens", StopReason::MaxTokens),
        ("refusal", StopReason::Refusal),
        ("pause_turn", StopReason::Other("pause_turn".to_owned())),
    ] {
        let event = format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
        assert_eq!(decode(&[&event]).unwrap().unwrap().stop, expected);
    }
}

#[test]
fn an_error_event_is_a_complaint() {
    let fault =
        decode(&[r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#]).unwrap_err();
    let Fault::Provider(complaint) = fault else { panic!("{fault:?}") };
    assert_eq!((complaint.kind.as_str(), complaint.message.as_str()), ("overloaded_error", "Overloaded"));
}

#[test]
fn an_event_of_another_format_is_garbage() {
    assert!(matches!(decode(&["[DONE]"]), Err(Fault::Garbage(_))));
    assert!(matches!(decode(&[r#"{"choices":[]}"#]), Err(Fault::Garbage(_))));
}

#[test]
fn thoughts_are_asked_for_in_the_words_of_each_generation() {
    let body = |model: &str, thinking| {
        let prompt = Prompt { thinking, max_output_tokens: 10_240, ..full_prompt() };
        let body = request(&reader("h", model), &prompt);
        [body["thinking"].clone(), body["output_config"].clone(), body["max_tokens"].clone()]
    };
    let adaptive = json!({ "type": "adaptive" });
    assert_eq!(body("claude-opus-5-5", Thinking::High), [adaptive, json!({ "effort": "high" }), json!(10_240)]);
    let budget = json!({ "type": "enabled", "budget_tokens": 2048 });
    assert_eq!(body("claude-haiku-4-5", Thinking::Low), [budget, Value::Null, json!(10_240)]);
    // The answer has its part, too, and nothing is thought where there is no room for it.
    let budget = json!({ "type": "enabled", "budget_tokens": 7680 });
    assert_eq!(body("claude-haiku-4-5", Thinking::High), [budget, Value::Null, json!(10_240)]);
    let body_of_few = request(&reader("h", "claude-haiku-4-5"), &Prompt { thinking: Thinking::High, ..full_prompt() });
    assert_eq!((body_of_few.get("thinking"), &body_of_few["max_tokens"]), (None, &json!(1024)));
    assert_eq!(body("claude-opus-5-5", Thinking::Off), [Value::Null, Value::Null, json!(10_240)]);
}

#[test]
fn thoughts_go_back_in_their_places_and_an_exchange_without_them_stays_without() {
    let thought = json!({ "type": "thinking", "thinking": "hm", "signature": "sig" });
    let replay = |origin| pack(origin, &[Kept { text_at: 0, calls_at: 0, item: thought.clone() }]);
    let body = |origin| {
        let calls = vec![call("a", "clock", "{}")];
        let said = Message::Assistant { text: "Wait.".to_owned(), calls, replay: replay(origin) };
        let prompt = Prompt { thinking: Thinking::Low, ..prompt(vec![user("go"), said, done("a", "12")]) };
        request(&reader("h", "claude-sonnet-5-5"), &prompt)
    };
    let own = body("o");
    let content = own["messages"][1]["content"].as_array().unwrap();
    assert_eq!((&content[0], content.len()), (&thought, 3), "{own}");
    assert!(own.get("thinking").is_some());
    let foreign = body("another");
    assert_eq!(foreign["messages"][1]["content"].as_array().unwrap().len(), 2, "{foreign}");
    assert_eq!(foreign.get("thinking"), None);
}

#[test]
fn images_stand_before_the_words_that_go_with_them() {
    let (_, prompt) = shown(ImageKind::Jpeg, b"jpg", "what is it?");
    let body = request(&reader("h", "m"), &prompt);
    let source = json!({"type": "base64", "media_type": "image/jpeg", "data": "anBn"});
    let image = json!({"type": "image", "source": source});
    let text = json!({"type": "text", "text": "what is it?", "cache_control": {"type": "ephemeral"}});
    assert_eq!(body["messages"], json!([{"role": "user", "content": [image, text]}]));
    let (_, alone) = shown(ImageKind::Jpeg, b"jpg", "");
    let image = json!({"type": "image", "source": source, "cache_control": {"type": "ephemeral"}});
    assert_eq!(request(&reader("h", "m"), &alone)["messages"], json!([{"role": "user", "content": [image]}]));
}
