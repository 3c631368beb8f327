use claw_core::message::{Message, Replay};
use serde_json::json;

use super::*;
use crate::prompt::{Reply, Thinking};
use crate::provider::WireFormat;
use crate::replay::{Kept, pack};
use crate::sample::{assistant, call, decoded, done, full_prompt, prompt, reader, shown, user};

fn decode(events: &[&str]) -> Result<Option<Reply>, Fault> {
    decoded(WireFormat::OpenAiResponses, events)
}

#[test]
fn a_request_holds_the_whole_conversation_and_lets_nothing_be_kept() {
    let prompt = Prompt { thinking: Thinking::High, ..full_prompt() };
    assert_eq!(
        request(&reader("h", "m"), &prompt),
        json!({
            "model": "m",
            "store": false,
            "stream": true,
            "max_output_tokens": 1024,
            "instructions": "Be brief.",
            "include": ["reasoning.encrypted_content"],
            "reasoning": { "effort": "high" },
            "input": [
                { "role": "user", "content": [{ "type": "input_text", "text": "what time is it?" }] },
                { "role": "assistant", "content": [{ "type": "output_text", "text": "Let me see." }] },
                { "type": "function_call", "call_id": "call_a", "name": "clock", "arguments": "{\"zone\":\"UTC\"}" },
                { "type": "function_call_output", "call_id": "call_a", "output": "12:00" },
                { "role": "user", "content": [{ "type": "input_text", "text": "and now?" }] },
            ],
            "tools": [{
                "type": "function",
                "name": "clock",
                "description": "Tells the time.",
                "strict": false,
                "parameters": {
                    "type": "object", "properties": { "zone": { "type": "string" } }, "required": ["zone"],
                },
            }],
        })
    );
}

#[test]
fn a_thought_goes_back_before_the_call_that_it_led_to() {
    let thought = json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA" });
    let replay = |origin| pack(origin, &[Kept { text_at: 0, calls_at: 0, item: thought.clone() }]);
    let spoken = |replay: Option<Replay>| {
        let calls = vec![call("a", "clock", "{}")];
        let messages = vec![user("go"), Message::Assistant { text: String::new(), calls, replay }, done("a", "12")];
        request(&reader("h", "m"), &prompt(messages))["input"].clone()
    };
    let own = spoken(replay("o"));
    assert_eq!(
        (&own[1], &own[2]["type"], &own[3]["type"]),
        (&thought, &json!("function_call"), &json!("function_call_output"))
    );
    let foreign = spoken(replay("another"));
    assert_eq!(foreign[1]["type"], "function_call", "{foreign}");
}

#[test]
fn a_model_that_does_not_think_is_not_asked_for_thoughts() {
    let facts = crate::ModelFacts { thinking: false, tools: false, ..Default::default() };
    let reader = Reader { facts: &facts, ..reader("h", "m") };
    let body = request(&reader, &Prompt { thinking: Thinking::High, ..full_prompt() });
    assert_eq!([body.get("include"), body.get("reasoning"), body.get("tools")], [None; 3]);
}

#[test]
fn arguments_that_come_only_at_the_end_are_taken_once() {
    let item = r#"{"type":"function_call","call_id":"a","name":"clock","arguments":"{\"zone\":\"UTC\"}"}"#;
    let done = format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#);
    let end = r#"{"type":"response.completed","response":{}}"#;
    let reply = decode(&[&done, end]).unwrap().unwrap();
    assert_eq!((reply.calls, reply.stop), (vec![call("a", "clock", r#"{"zone":"UTC"}"#)], StopReason::ToolUse));
}

#[test]
fn the_ends_of_a_response_are_told_apart() {
    let text = r#"{"type":"response.output_text.delta","delta":"x"}"#;
    let refusal = r#"{"type":"response.refusal.delta","delta":"No."}"#;
    let completed = r#"{"type":"response.completed","response":{"usage":null}}"#;
    let incomplete = |reason| {
        format!(r#"{{"type":"response.incomplete","response":{{"incomplete_details":{{"reason":"{reason}"}}}}}}"#)
    };
    let stop = |events: &[&str]| decode(events).unwrap().unwrap().stop;
    assert_eq!(stop(&[text, completed]), StopReason::EndTurn);
    assert_eq!(stop(&[refusal, completed]), StopReason::Refusal);
    assert_eq!(stop(&[text, &incomplete("max_output_tokens")]), StopReason::MaxTokens);
    assert_eq!(stop(&[text, &incomplete("content_filter")]), StopReason::Refusal);
}

#[test]
fn failures_are_complaints_in_either_shape() {
    for (event, code) in [
        (r#"{"type":"error","code":"server_error","message":"oops","param":null}"#, "server_error"),
        (r#"{"type":"error","error":{"type":"server_error","message":"oops"}}"#, ""),
        (r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"oops"}}}"#, "server_error"),
    ] {
        let fault = decode(&[event]).unwrap_err();
        let Fault::Provider(complaint) = fault else { panic!("{fault:?}") };
        assert_eq!((complaint.code.as_str(), complaint.message.as_str()), (code, "oops"), "{event}");
    }
    assert!(matches!(decode(&[r#"{"choices":[]}"#]), Err(Fault::Garbage(_))));
}

#[test]
fn images_stand_before_the_words_that_go_with_them() {
    let (_, prompt) = shown(ImageKind::Gif, b"gif", "what is it?");
    let body = request(&reader("h", "m"), &prompt);
    let image = json!({"type": "input_image", "image_url": "data:image/gif;base64,Z2lm"});
    let content = json!([image, {"type": "input_text", "text": "what is it?"}]);
    assert_eq!(body["input"], json!([{"role": "user", "content": content}]));
    let (_, alone) = shown(ImageKind::Gif, b"gif", "");
    assert_eq!(request(&reader("h", "m"), &alone)["input"][0]["content"], json!([image]));
}

#[test]
fn an_id_that_is_too_long_for_the_api_is_a_short_one() {
    let long = "call_".repeat(13);
    let calls = vec![call("call_a", "clock", "{}"), call(&long, "clock", "{}")];
    let messages = vec![user("go"), assistant("", calls), done("call_a", "12"), done(&long, "13")];
    let body = request(&reader("h", "m"), &prompt(messages));
    let ids = body["input"].as_array().unwrap().iter().filter_map(|item| item["call_id"].as_str());
    assert_eq!(ids.collect::<Vec<_>>(), ["call_a", "call00002", "call_a", "call00002"]);
}
