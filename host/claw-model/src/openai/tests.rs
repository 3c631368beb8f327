use serde_json::json;

use super::*;
use claw_core::message::Message;

use crate::prompt::{Reply, Thinking};
use crate::provider::WireFormat;
use crate::sample::{assistant, call, decoded, done, full_prompt, prompt, reader, shown, user};

fn decode(events: &[&str]) -> Result<Option<Reply>, Fault> {
    decoded(WireFormat::OpenAiChat, events)
}

/// Streams of which only `tool_calls` matters.
#[track_caller]
fn check_calls(deltas: &[&str], expected: &[claw_core::message::ToolCall]) {
    let mut events: Vec<String> =
        deltas.iter().map(|calls| format!(r#"{{"choices":[{{"delta":{{"tool_calls":{calls}}}}}]}}"#)).collect();
    events.push("[DONE]".to_owned());
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    assert_eq!(decode(&events).unwrap().unwrap().calls, expected);
}

#[test]
fn a_request_has_instructions_tools_and_the_exchange_in_order() {
    assert_eq!(
        request(&reader("127.0.0.1:11434", "m"), &full_prompt()),
        json!({
            "model": "m",
            "max_tokens": 1024,
            "stream": true,
            "stream_options": { "include_usage": true },
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "what time is it?" },
                { "role": "assistant", "content": "Let me see.", "tool_calls": [{
                    "id": "call_a", "type": "function",
                    "function": { "name": "clock", "arguments": "{\"zone\":\"UTC\"}" },
                }] },
                { "role": "tool", "tool_call_id": "call_a", "content": "12:00" },
                { "role": "user", "content": "and now?" },
            ],
            "tools": [{ "type": "function", "function": {
                "name": "clock",
                "description": "Tells the time.",
                "parameters": {
                    "type": "object", "properties": { "zone": { "type": "string" } }, "required": ["zone"],
                },
            } }],
        })
    );
}

#[test]
fn openai_itself_gets_the_new_name_of_the_token_limit() {
    let body = request(&reader("api.openai.com", "m"), &prompt(vec![]));
    assert_eq!((&body["max_completion_tokens"], &body["max_tokens"]), (&json!(100), &Value::Null));
    assert_eq!(body.get("tools"), None);
}

#[test]
fn a_zero_token_limit_is_sent_as_one() {
    let mut prompt = prompt(vec![]);
    prompt.max_output_tokens = 0;
    assert_eq!(request(&reader("h", "m"), &prompt)["max_tokens"], json!(1));
}

#[test]
fn whole_calls_that_share_the_number_zero_are_told_apart_by_id() {
    check_calls(
        &[
            r#"[{"index":0,"id":"a","function":{"name":"clock","arguments":"{}"}}]"#,
            r#"[{"index":0,"id":"b","function":{"name":"weather","arguments":"{}"}}]"#,
        ],
        &[call("a", "clock", "{}"), call("b", "weather", "{}")],
    );
}

#[test]
fn an_id_that_is_repeated_in_each_piece_is_one_call() {
    check_calls(
        &[
            r#"[{"index":0,"id":"a","function":{"name":"clock","arguments":"{"}}]"#,
            r#"[{"index":0,"id":"a","function":{"name":"clock","arguments":"}"}}]"#,
        ],
        &[call("a", "clock", "{}")],
    );
}

#[test]
fn calls_without_numbers_and_ids_are_told_apart_by_their_names() {
    check_calls(
        &[
            r#"[{"function":{"name":"clock","arguments":"{"}}]"#,
            r#"[{"function":{"arguments":"}"}}]"#,
            r#"[{"function":{"name":"weather","arguments":{"city":"Köln"}}}]"#,
        ],
        &[call("call_0", "clock", "{}"), call("call_1", "weather", r#"{"city":"Köln"}"#)],
    );
}

#[test]
fn a_huge_call_number_takes_no_memory() {
    check_calls(
        &[r#"[{"index":18446744073709551615,"id":"a","function":{"name":"clock"}}]"#, r#"[{"function":{"name":"b"}}]"#],
        &[call("a", "clock", "{}")],
    );
}

#[test]
fn a_refusal_is_text_with_its_own_stop_reason() {
    let reply = decode(&[
        r#"{"choices":[{"delta":{"refusal":"I cannot help with that."}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    ]);
    let reply = reply.unwrap().unwrap();
    assert_eq!((reply.text.as_str(), reply.stop), ("I cannot help with that.", StopReason::Refusal));
}

#[test]
fn stop_reasons_are_translated() {
    for (reason, expected) in [
        ("stop", StopReason::EndTurn),
        ("eos", StopReason::EndTurn),
        ("length", StopReason::MaxTokens),
        ("model_length", StopReason::MaxTokens),
        ("content_filter", StopReason::Refusal),
        ("bored", StopReason::Other("bored".to_owned())),
    ] {
        let event = format!(r#"{{"choices":[{{"delta":{{"content":"x"}},"finish_reason":"{reason}"}}]}}"#);
        assert_eq!(decode(&[&event]).unwrap().unwrap().stop, expected);
    }
}

#[test]
fn an_error_inside_the_stream_is_a_complaint() {
    let fault = decode(&[r#"{"error":{"message":"overloaded","code":502}}"#]).unwrap_err();
    let Fault::Provider(complaint) = fault else { panic!("{fault:?}") };
    assert_eq!((complaint.code.as_str(), complaint.message.as_str()), ("502", "overloaded"));
}

#[test]
fn an_event_that_is_no_chunk_is_garbage() {
    assert!(matches!(decode(&["<html>"]), Err(Fault::Garbage(_))));
    assert!(matches!(decode(&["[]x"]), Err(Fault::Garbage(_))));
}

#[test]
fn each_server_is_asked_to_think_in_its_own_words() {
    let body = |host: &str| request(&reader(host, "m"), &Prompt { thinking: Thinking::Low, ..prompt(vec![]) });
    assert_eq!(body("api.groq.com")["reasoning_effort"], "low");
    assert_eq!(body("openrouter.ai")["reasoning"], json!({ "effort": "low" }));
    assert_eq!(body("api.deepseek.com")["thinking"], json!({ "type": "enabled" }));
    assert_eq!(body("api.mistral.ai").get("stream_options"), None);
    assert_eq!(body("mine.openai.azure.com").get("max_tokens"), None);
}

#[test]
fn thoughts_are_no_answer_and_go_back_within_their_exchange_only() {
    let reply = decode(&[
        r#"{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"so ","signature":null}]}}]}"#,
        r#"{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"far","signature":"s"}]}}]}"#,
        r#"{"choices":[{"delta":{"reasoning":"so far","tool_calls":[{"index":0,"id":"a","function":{"name":"clock","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
    ]);
    let Reply { text, calls, replay, .. } = reply.unwrap().unwrap();
    assert_eq!((text.as_str(), calls.len()), ("", 1));
    let details = json!([{ "type": "reasoning.text", "index": 0, "text": "so far", "signature": "s" }]);
    let mut messages = vec![user("go"), Message::Assistant { text, calls, replay }, done("a", "12")];
    let sent = |messages: &[Message]| {
        let body = request(&reader("openrouter.ai", "m"), &prompt(messages.to_vec()));
        body["messages"][1].get("reasoning_details").cloned()
    };
    assert_eq!(sent(&messages), Some(details));
    messages.push(user("thanks"));
    assert_eq!(sent(&messages), None);
}

#[test]
fn images_stand_before_the_words_that_go_with_them() {
    let (_, prompt) = shown(ImageKind::Png, b"png", "what is it?");
    let body = request(&reader("h", "m"), &prompt);
    let url = "data:image/png;base64,cG5n";
    let content = json!([{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "what is it?"}]);
    assert_eq!(body["messages"], json!([{"role": "user", "content": content}]));
    let (_, alone) = shown(ImageKind::Webp, b"w", "");
    let url = "data:image/webp;base64,dw==";
    let content = json!([{"type": "image_url", "image_url": {"url": url}}]);
    assert_eq!(request(&reader("h", "m"), &alone)["messages"], json!([{"role": "user", "content": content}]));
}

#[test]
fn a_server_that_fails_in_the_middle_of_a_reply_is_believed() {
    for reason in ["insufficient_system_resource", "error"] {
        let event = format!(r#"{{"choices":[{{"delta":{{"content":"x"}},"finish_reason":"{reason}"}}]}}"#);
        let Fault::Provider(complaint) = decode(&[&event]).unwrap_err() else { panic!("{reason}") };
        assert!(complaint.code == "server_error" && complaint.message.contains(reason), "{complaint:?}");
    }
}

#[test]
fn a_text_in_parts_is_read_without_the_thoughts_among_them() {
    let reply = decode(&[
        r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}}]}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"text","text":"It is "},{"type":"text","text":"noon"}]}}]}"#,
        r#"{"choices":[{"delta":{"content":"."},"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!(reply.unwrap().unwrap().text, "It is noon.");
}

#[test]
fn words_of_people_that_follow_each_other_are_one_message() {
    let messages = vec![user("one"), user("two"), assistant("three", vec![]), user("four")];
    let body = request(&reader("api.perplexity.ai", "sonar"), &prompt(messages));
    let expected = json!([
        { "role": "user", "content": "one\n\ntwo" },
        { "role": "assistant", "content": "three" },
        { "role": "user", "content": "four" },
    ]);
    assert_eq!(body["messages"], expected);
}

#[test]
fn mistral_gets_a_reply_behind_outcomes_and_ids_of_its_own_form() {
    let calls = vec![call("toolu_01A", "clock", "{}"), call("D681PevKs", "clock", "{}")];
    let messages = vec![user("go"), assistant("", calls), done("toolu_01A", "12"), done("D681PevKs", "13"), user("on")];
    let sent = |host: &str, model: &str| {
        let body = request(&reader(host, model), &prompt(messages.clone()));
        let messages = body["messages"].as_array().unwrap();
        let id = |message: &Value| message.get("tool_call_id").and_then(Value::as_str).map(str::to_owned);
        let asked = messages[1]["tool_calls"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap());
        assert!(asked.eq(messages.iter().filter_map(id)), "{body}");
        let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap().to_owned()).collect();
        (messages.iter().filter_map(id).collect::<Vec<_>>().join(" "), roles.join(" "))
    };
    let strict = ("call00001 D681PevKs".to_owned(), "user assistant tool tool assistant user".to_owned());
    assert_eq!(sent("api.mistral.ai", "m"), strict);
    // A server of its owner's checks it, too.
    assert_eq!(sent("127.0.0.1:8000", "mistralai/Devstral-Small-2"), strict);
    let loose = ("toolu_01A D681PevKs".to_owned(), "user assistant tool tool user".to_owned());
    assert_eq!(sent("api.openai.com", "m"), loose);
}

#[test]
fn an_id_that_openai_finds_too_long_is_a_short_one() {
    let long = "call_".repeat(9);
    let messages = vec![user("go"), assistant("", vec![call(&long, "clock", "{}")]), done(&long, "12")];
    let sent = |host: &str| {
        let body = request(&reader(host, "m"), &prompt(messages.clone()));
        assert_eq!(body["messages"][1]["tool_calls"][0]["id"], body["messages"][2]["tool_call_id"]);
        body["messages"][2]["tool_call_id"].as_str().unwrap().to_owned()
    };
    assert_eq!([sent("api.openai.com"), sent("openrouter.ai")], ["call00001", "call00001"]);
    // It may mean something to others.
    assert_eq!(sent("127.0.0.1:4000"), long);
}
