use claw_core::message::Usage;

use super::*;
use crate::replay::{Kept, pack};
use crate::sample::{call, prompt};
use crate::sse::SseParser;

const OPENAI: &str = include_str!("openai.txt");
const ANTHROPIC: &str = include_str!("anthropic.txt");
const RESPONSES: &str = include_str!("responses.txt");
const GEMINI: &str = include_str!("gemini.txt");

fn decode(wire: WireFormat, pieces: &[&[u8]]) -> (Option<Reply>, String) {
    let mut parser = SseParser::default();
    let mut decoder = Decoder::new(wire);
    let mut text = String::new();
    for data in pieces.iter().flat_map(|piece| parser.push(piece).unwrap()) {
        decoder.take(&data, &mut |delta| text.push_str(delta)).unwrap();
    }
    (decoder.finish(&prompt(vec![]), "o"), text)
}

/// Two calls and a thought to send back, at every split of the stream.
#[track_caller]
fn check_every_split(wire: WireFormat, stream: &str, ids: [&str; 2], usage: Usage, kept: Option<&str>) {
    let calls = vec![call(ids[0], "weather", r#"{"city":"Köln"}"#), call(ids[1], "clock", "{}")];
    // Written and read once more, so that the order of fields does not matter.
    let kept: Option<Vec<Kept>> = kept.map(|data| serde_json::from_str(data).unwrap());
    let replay = kept.and_then(|kept| pack("o", &kept));
    let reply = Reply { text: "Ich prüfe es.".to_owned(), calls, usage, stop: StopReason::ToolUse, replay };
    let expected = (Some(reply), "Ich prüfe es.".to_owned());
    for at in 0..=stream.len() {
        let (left, right) = stream.as_bytes().split_at(at);
        assert_eq!(decode(wire, &[left, right]), expected, "split at {at}");
    }
    let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
    assert_eq!(decode(wire, &bytes), expected, "byte by byte");
}

fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens, ..Usage::default() }
}

#[test]
fn interleaved_parallel_calls_of_openai_are_told_apart_at_every_split() {
    let kept = r#"[{"text_at":0,"calls_at":0,"item":{"reasoning_content":"hm, Köln"}}]"#;
    let usage = Usage { cache_read_tokens: 32, reasoning_tokens: 5, ..usage(82, 17) };
    check_every_split(WireFormat::OpenAiChat, OPENAI, ["call_A", "call_B"], usage, Some(kept));
}

#[test]
fn an_anthropic_stream_gives_the_same_reply_at_every_split() {
    let thought = r#"{"type":"thinking","thinking":"Köln, so","signature":"EqQBCg=="}"#;
    let hidden = r#"{"type":"redacted_thinking","data":"Emwk"}"#;
    let kept =
        format!(r#"[{{"text_at":0,"calls_at":0,"item":{thought}}},{{"text_at":0,"calls_at":0,"item":{hidden}}}]"#);
    let usage = Usage { cache_read_tokens: 200, cache_write_tokens: 100, ..usage(477, 89) };
    check_every_split(WireFormat::AnthropicMessages, ANTHROPIC, ["toolu_01A", "toolu_01B"], usage, Some(&kept));
}

#[test]
fn a_stream_of_responses_gives_the_same_reply_at_every_split() {
    let thought = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAAB=="}"#;
    let kept = format!(r#"[{{"text_at":0,"calls_at":0,"item":{thought}}}]"#);
    let usage = Usage { cache_read_tokens: 64, reasoning_tokens: 20, ..usage(120, 45) };
    check_every_split(WireFormat::OpenAiResponses, RESPONSES, ["call_A", "call_B"], usage, Some(&kept));
}

#[test]
fn a_stream_of_gemini_gives_the_same_reply_at_every_split() {
    let kept = r#"[{"text_at":14,"calls_at":0,"item":{"of":"call","thoughtSignature":"c2lnbmVk"}}]"#;
    let usage = Usage { cache_read_tokens: 30, reasoning_tokens: 12, ..usage(90, 30) };
    check_every_split(WireFormat::Gemini, GEMINI, ["call_A", "call_B"], usage, Some(kept));
}

// ML-08
#[test]
fn a_stream_cut_before_its_end_is_never_a_reply() {
    for (wire, stream, last) in [
        (WireFormat::OpenAiChat, OPENAI, "\"finish_reason\":\"tool_calls\""),
        (WireFormat::AnthropicMessages, ANTHROPIC, "\"stop_reason\":\"tool_use\""),
        (WireFormat::OpenAiResponses, RESPONSES, "\"type\":\"response.completed\""),
        (WireFormat::Gemini, GEMINI, "\"finishReason\":\"STOP\""),
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
        let Complaint { kind, code, message, .. } = Complaint::parse(text);
        [kind, code, message].join("|")
    };
    assert_eq!(read(r#"{"error":{"message":"no","type":"t","code":"c"}}"#), "t|c|no");
    assert_eq!(read(r#"{"type":"error","error":{"type":"t","message":"no"}}"#), "t||no");
    assert_eq!(read(r#"{"error":{"message":"no","code":400,"type":null}}"#), "|400|no");
    assert_eq!(
        read(r#"{"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}"#),
        "RESOURCE_EXHAUSTED|429|no"
    );
    assert_eq!(read(r#"{"error":"no"}"#), "||no");
    assert_eq!(read(r#"[{"error":{"code":503,"message":"no","status":"UNAVAILABLE"}}]"#), "UNAVAILABLE|503|no");
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
