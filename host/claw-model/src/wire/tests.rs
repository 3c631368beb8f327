use claw_core::message::Usage;

use super::*;
use crate::sample::{call, prompt};
use crate::sse::SseParser;

const OPENAI: &str = include_str!("openai.txt");
const ANTHROPIC: &str = include_str!("anthropic.txt");

fn decode(wire: WireFormat, pieces: &[&[u8]]) -> (Option<Reply>, String) {
    let mut parser = SseParser::default();
    let mut decoder = Decoder::new(wire);
    let mut text = String::new();
    for data in pieces.iter().flat_map(|piece| parser.push(piece).unwrap()) {
        decoder.take(&data, &mut |delta| text.push_str(delta)).unwrap();
    }
    (decoder.finish(&prompt(vec![])), text)
}

fn expected(calls: Vec<claw_core::message::ToolCall>, input_tokens: u64, output_tokens: u64) -> Option<Reply> {
    let usage = Usage { input_tokens, output_tokens };
    Some(Reply { text: "Ich prüfe es.".to_owned(), calls, usage, stop: StopReason::ToolUse })
}

#[track_caller]
fn check_every_split(wire: WireFormat, stream: &str, expected: &Option<Reply>) {
    let expected = (expected.clone(), "Ich prüfe es.".to_owned());
    for at in 0..=stream.len() {
        let (left, right) = stream.as_bytes().split_at(at);
        assert_eq!(decode(wire, &[left, right]), expected, "split at {at}");
    }
    let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
    assert_eq!(decode(wire, &bytes), expected, "byte by byte");
}

#[test]
fn interleaved_parallel_calls_of_openai_are_told_apart_at_every_split() {
    let calls = vec![call("call_A", "weather", r#"{"city":"Köln"}"#), call("call_B", "clock", "{}")];
    check_every_split(WireFormat::OpenAiChat, OPENAI, &expected(calls, 82, 17));
}

#[test]
fn an_anthropic_stream_gives_the_same_reply_at_every_split() {
    let calls = vec![call("toolu_01A", "weather", r#"{"city":"Köln"}"#), call("toolu_01B", "clock", "{}")];
    check_every_split(WireFormat::AnthropicMessages, ANTHROPIC, &expected(calls, 477, 89));
}

// ML-08
#[test]
fn a_stream_cut_before_its_end_is_never_a_reply() {
    for (wire, stream, last) in [
        (WireFormat::OpenAiChat, OPENAI, "\"finish_reason\":\"tool_calls\""),
        (WireFormat::AnthropicMessages, ANTHROPIC, "\"stop_reason\":\"tool_use\""),
    ] {
        let end = stream.find(last).unwrap();
        for cut in 0..=end {
            assert_eq!(decode(wire, &[&stream.as_bytes()[..cut]]).0, None, "cut at {cut}");
        }
    }
}

#[test]
fn complaints_are_read_in_all_shapes_in_use() {
    let read = |text| {
        let Complaint { kind, code, message } = Complaint::parse(text);
        [kind, code, message].join("|")
    };
    assert_eq!(read(r#"{"error":{"message":"no","type":"t","code":"c"}}"#), "t|c|no");
    assert_eq!(read(r#"{"type":"error","error":{"type":"t","message":"no"}}"#), "t||no");
    assert_eq!(read(r#"{"error":{"message":"no","code":400,"type":null}}"#), "|400|no");
    assert_eq!(read(r#"{"error":"no"}"#), "||no");
    assert_eq!(read(r#"{"detail":"no"}"#), "||no");
    assert_eq!(read("no"), "||no");
    assert_eq!(read(""), "||");
}

#[test]
fn a_schema_is_made_an_object_schema() {
    assert_eq!(object_schema(&Value::Null), json!({ "type": "object", "properties": {} }));
    let full = json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": false });
    assert_eq!(object_schema(&full), full);
}

#[test]
fn an_unknown_stop_reason_is_kept_short_and_printable() {
    assert_eq!(other_stop(&format!("\u{1b}{}", "x".repeat(100))), StopReason::Other("x".repeat(64)));
}
