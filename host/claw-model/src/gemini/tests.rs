use claw_core::message::Message;
use serde_json::json;

use super::*;
use crate::prompt::{Reply, Thinking};
use crate::provider::WireFormat;
use crate::replay::pack;
use crate::sample::{assistant, call, decoded, denied, done, full_prompt, prompt, reader, shown, user};

fn decode(events: &[&str]) -> Result<Option<Reply>, Fault> {
    decoded(WireFormat::Gemini, events)
}

#[test]
fn a_request_has_instructions_tools_and_alternating_contents() {
    let function_call = json!({ "id": "call_a", "name": "clock", "args": { "zone": "UTC" } });
    let response = json!({ "id": "call_a", "name": "clock", "response": { "output": "12:00" } });
    assert_eq!(
        request(&reader("h", "gemini-3.8-flash"), &full_prompt()),
        json!({
            "systemInstruction": { "parts": [{ "text": "Be brief." }] },
            "contents": [
                { "role": "user", "parts": [{ "text": "what time is it?" }] },
                { "role": "model", "parts": [{ "text": "Let me see." }, { "functionCall": function_call }] },
                { "role": "user", "parts": [{ "functionResponse": response }, { "text": "and now?" }] },
            ],
            "generationConfig": { "maxOutputTokens": 1024 },
            "tools": [{ "functionDeclarations": [{
                "name": "clock",
                "description": "Tells the time.",
                "parametersJsonSchema": {
                    "type": "object", "properties": { "zone": { "type": "string" } }, "required": ["zone"],
                },
            }] }],
        })
    );
}

#[test]
fn each_generation_is_asked_to_think_in_its_own_words() {
    let config = |model: &str, thinking| {
        let prompt = Prompt { thinking, max_output_tokens: 16_384, ..full_prompt() };
        let body = request(&reader("h", model), &prompt);
        body["generationConfig"].clone()
    };
    assert_eq!(config("gemini-3.8-flash", Thinking::Low)["thinkingConfig"], json!({ "thinkingLevel": "low" }));
    let budget = config("gemini-2.5-flash", Thinking::Medium);
    assert_eq!(budget, json!({ "maxOutputTokens": 16_384, "thinkingConfig": { "thinkingBudget": 8192 } }));
    assert_eq!(config("gemini-2.5-flash", Thinking::Off).get("thinkingConfig"), None);
}

#[test]
fn signatures_go_back_to_their_parts_and_foreign_calls_are_marked() {
    let item = json!({ "of": "call", "thoughtSignature": "sig" });
    let replay = |origin| pack(origin, &[Kept { text_at: 0, calls_at: 0, item: item.clone() }]);
    let parts = |model: &str, origin| {
        let calls = vec![call("a", "clock", "{}"), call("b", "clock", "{}")];
        let said = Message::Assistant { text: String::new(), calls, replay: replay(origin) };
        let body = request(&reader("h", model), &prompt(vec![user("go"), said, done("a", "1"), done("b", "2")]));
        let parts = body["contents"][1]["parts"].as_array().unwrap().clone();
        parts.iter().map(|part| part["thoughtSignature"].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(parts("gemini-3.8-flash", "o"), ["sig", "-"]);
    assert_eq!(parts("gemini-3.8-flash", "another"), [FOREIGN_CALL, "-"]);
    assert_eq!(parts("gemini-2.5-flash", "another"), ["-", "-"]);
}

#[test]
fn failures_are_named_and_a_conversation_starts_with_the_user() {
    let calls = vec![call("a", "clock", "{}")];
    let body = request(&reader("h", "gemini-2.5-pro"), &prompt(vec![assistant("hi", calls), denied("a", "no")]));
    let roles: Vec<&str> = body["contents"].as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "model", "user"]);
    let response = &body["contents"][2]["parts"][0]["functionResponse"]["response"];
    assert_eq!(response, &json!({ "error": "E_POLICY_DENY: no" }));
}

#[test]
fn a_safety_stop_is_a_refusal_before_and_within_the_answer() {
    let stopped = decode(&[
        r#"{"candidates":[{"content":{"parts":[{"text":"Well"},{"functionCall":{"name":"exec","args":{}}}]}}]}"#,
        r#"{"candidates":[{"finishReason":"SAFETY"}]}"#,
    ]);
    let reply = stopped.unwrap().unwrap();
    assert_eq!((reply.stop, reply.calls.len()), (StopReason::Refusal, 0));
    let fault = decode(&[r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#]).unwrap_err();
    let Fault::Provider(complaint) = fault else { panic!("{fault:?}") };
    assert_eq!((complaint.code.as_str(), complaint.message.as_str()), ("content_filter", "SAFETY"));
}

#[test]
fn a_signature_of_text_goes_back_behind_it() {
    let reply = decode(&[
        r#"{"candidates":[{"content":{"parts":[{"text":"yes"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"sig"}]},"finishReason":"STOP"}]}"#,
    ]);
    let Reply { text, calls, replay, .. } = reply.unwrap().unwrap();
    let messages = vec![user("go"), Message::Assistant { text, calls, replay }, user("on")];
    let body = request(&reader("h", "gemini-3.8-flash"), &prompt(messages));
    let parts = json!([{ "text": "yes" }, { "text": "", "thoughtSignature": "sig" }]);
    assert_eq!(body["contents"][1]["parts"], parts);
}

#[test]
fn errors_and_other_formats_are_told_apart() {
    let fault = decode(&[r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#]).unwrap_err();
    let Fault::Provider(complaint) = fault else { panic!("{fault:?}") };
    assert_eq!((complaint.code.as_str(), complaint.message.as_str()), ("503", "overloaded"));
    assert!(matches!(decode(&["[DONE]"]), Err(Fault::Garbage(_))));
}

#[test]
fn images_stand_before_the_words_that_go_with_them() {
    let (_, prompt) = shown(ImageKind::Png, b"png", "what is it?");
    let body = request(&reader("h", "gemini-3-pro"), &prompt);
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "cG5n"}});
    assert_eq!(body["contents"], json!([{"role": "user", "parts": [image, {"text": "what is it?"}]}]));
    let (_, alone) = shown(ImageKind::Png, b"png", "");
    assert_eq!(request(&reader("h", "m"), &alone)["contents"], json!([{"role": "user", "parts": [image]}]));
}

#[test]
fn a_gif_is_told_of_because_the_api_takes_none() {
    let (_, prompt) = shown(ImageKind::Gif, b"gif", "what is it?");
    let told = "what is it?\n[image left out: image/gif, 3 bytes; this model's provider does not take this format]";
    assert_eq!(request(&reader("h", "m"), &prompt)["contents"], json!([{"role": "user", "parts": [{"text": told}]}]));
}

#[test]
fn what_is_no_call_is_asked_for_again_while_nothing_was_said() {
    let ends = r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"print(x)"}]}"#;
    let Fault::Provider(complaint) = decode(&[ends]).unwrap_err() else { panic!("it was believed") };
    assert_eq!((complaint.code.as_str(), complaint.message.as_str()), ("internal_error", "print(x)"));
    let said = decode(&[r#"{"candidates":[{"content":{"parts":[{"text":"Well"}]}}]}"#, ends]);
    assert_eq!(said.unwrap().unwrap().stop, StopReason::Other("MALFORMED_FUNCTION_CALL".to_owned()));
}
