//! What the stand-in says, in each wire format.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{Reply, Wire};

/// In the part of a Gemini call, to be sent back with it.
pub(super) const SIGNATURE: &str = "c2lnbmF0dXJl";

pub(super) fn failure(wire: Wire, status: u16, message: &str, retry_after: Option<u32>) -> Response<Body> {
    let kind = match status {
        401 => "authentication_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    let body = match wire {
        Wire::OpenAi | Wire::Responses => {
            json!({"error": {"message": message, "type": kind, "param": null, "code": null}})
        }
        Wire::Gemini => json!({"error": {"code": status, "message": message, "status": kind.to_uppercase()}}),
        Wire::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}),
    };
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(seconds) = retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    response.body(Body::from(body.to_string())).unwrap()
}

/// The events of a whole reply: the opening, the pieces, and last the words that it has ended.
pub(super) fn chunks(wire: Wire, id: &str, reply: &Reply) -> Vec<String> {
    match wire {
        Wire::OpenAi => openai(id, reply),
        Wire::Responses => responses(id, reply),
        Wire::Anthropic => anthropic(id, reply),
        Wire::Gemini => gemini(id, reply),
    }
}

/// Makes an ordinary end one for which there was no more room, or one that was declined.
pub(super) fn end_early(wire: Wire, is_declined: bool, chunks: &mut [String]) {
    let last = chunks.last_mut().unwrap();
    let word = |full: &'static str, declined: &'static str| if is_declined { declined } else { full };
    let ends = |reason: &str| format!("\"{reason}\"");
    *last = match wire {
        Wire::OpenAi => last.replace(&ends("stop"), &ends(word("length", "content_filter"))),
        Wire::Anthropic => last.replace(&ends("end_turn"), &ends(word("max_tokens", "refusal"))),
        Wire::Gemini => last.replace(&ends("STOP"), &ends(word("MAX_TOKENS", "SAFETY"))),
        Wire::Responses => {
            let why =
                format!("\"incomplete_details\":{{\"reason\":\"{}\"}}", word("max_output_tokens", "content_filter"));
            last.replace("response.completed", "response.incomplete")
                .replace("\"output\":[]", &format!("{why},\"output\":[]"))
        }
    };
}

fn halves(text: &str) -> [&str; 2] {
    let (first, second) = text.split_at(text.floor_char_boundary(text.len() / 2));
    [first, second]
}

fn openai(id: &str, reply: &Reply) -> Vec<String> {
    let event = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "m-1",
            "system_fingerprint": null, "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, finish: Value| {
        event(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]), Value::Null)
    };
    let part = |call: Value| delta(json!({"tool_calls": [call]}), Value::Null);
    let mut chunks = vec![delta(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null)];
    let finish = match reply {
        Reply::Say(pieces) => {
            chunks.extend(pieces.iter().map(|piece| delta(json!({"content": piece}), Value::Null)));
            "stop"
        }
        Reply::Call { tool, arguments } => {
            let named = json!({"name": tool, "arguments": ""});
            chunks.push(part(json!({"index": 0, "id": id, "type": "function", "function": named})));
            let halves = halves(arguments);
            chunks.extend(halves.map(|half| part(json!({"index": 0, "function": {"arguments": half}}))));
            "tool_calls"
        }
        Reply::Calls(calls) => {
            chunks.extend((0..).zip(calls).map(|(index, (tool, arguments))| {
                let function = json!({"name": tool, "arguments": arguments});
                part(json!({"index": index, "id": format!("{id}-{index}"), "type": "function", "function": function}))
            }));
            "tool_calls"
        }
    };
    let usage = json!({"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25});
    chunks.push(format!("{}{}data: [DONE]\n\n", delta(json!({}), json!(finish)), event(json!([]), usage)));
    chunks
}

fn anthropic(id: &str, reply: &Reply) -> Vec<String> {
    let event = |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    let start = |block: Value| event(json!({"type": "content_block_start", "index": 0, "content_block": block}));
    let delta = |delta: Value| event(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": [], "stop_reason": null,
        "stop_sequence": null, "usage": {"input_tokens": 21, "output_tokens": 1},
    });
    let opening = event(json!({"type": "message_start", "message": message}));
    let ends = |reason: &str| {
        let stop = json!({"stop_reason": reason, "stop_sequence": null});
        [
            json!({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 4}}),
            json!({"type": "message_stop"}),
        ]
    };
    if let Reply::Calls(calls) = reply {
        let block = |(index, (tool, arguments)): (usize, &(String, String))| {
            let block = json!({"type": "tool_use", "id": format!("{id}-{index}"), "name": tool, "input": {}});
            let delta = json!({"type": "input_json_delta", "partial_json": arguments});
            [
                json!({"type": "content_block_start", "index": index, "content_block": block}),
                json!({"type": "content_block_delta", "index": index, "delta": delta}),
                json!({"type": "content_block_stop", "index": index}),
            ]
        };
        let blocks = calls.iter().enumerate().flat_map(block).chain(ends("tool_use"));
        return std::iter::once(opening).chain(blocks.map(event)).collect();
    }
    let (block, pieces, reason): (Value, Vec<Value>, &str) = match reply {
        Reply::Say(pieces) => {
            let pieces = pieces.iter().map(|piece| json!({"type": "text_delta", "text": piece}));
            (json!({"type": "text", "text": ""}), pieces.collect(), "end_turn")
        }
        Reply::Call { tool, arguments } => {
            let pieces = halves(arguments).map(|half| json!({"type": "input_json_delta", "partial_json": half}));
            (json!({"type": "tool_use", "id": id, "name": tool, "input": {}}), pieces.to_vec(), "tool_use")
        }
        Reply::Calls(_) => unreachable!(),
    };
    let mut chunks = vec![format!("{opening}{}{}", event(json!({"type": "ping"})), start(block))];
    chunks.extend(pieces.into_iter().map(delta));
    let stop = json!({"type": "content_block_stop", "index": 0});
    chunks.push(std::iter::once(stop).chain(ends(reason)).map(event).collect());
    chunks
}

fn responses(id: &str, reply: &Reply) -> Vec<String> {
    let event = |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    let response = |status: &str, usage: Value| json!({"id": "resp_1", "object": "response", "status": status, "model": "m-1", "output": [], "usage": usage});
    let opening = event(json!({"type": "response.created", "response": response("in_progress", Value::Null)}));
    let usage = json!({"input_tokens": 21, "output_tokens": 4, "total_tokens": 25});
    let completed = json!({"type": "response.completed", "response": response("completed", usage)});
    if let Reply::Calls(calls) = reply {
        let item = |(index, (tool, arguments)): (usize, &(String, String))| {
            let item = json!({"id": format!("item_{index}"), "type": "function_call", "call_id": format!("{id}-{index}"),
                "name": tool, "arguments": arguments});
            event(json!({"type": "response.output_item.done", "output_index": index, "item": item}))
        };
        let items = calls.iter().enumerate().map(item);
        return std::iter::once(opening).chain(items).chain([event(completed.clone())]).collect();
    }
    let (item, deltas): (Value, Vec<Value>) = match reply {
        Reply::Say(pieces) => {
            let delta = |piece| {
                json!({"type": "response.output_text.delta", "item_id": "item_1", "output_index": 0,
                    "content_index": 0, "delta": piece})
            };
            let item = json!({"id": "item_1", "type": "message", "role": "assistant", "content": []});
            (item, pieces.iter().map(delta).collect())
        }
        Reply::Call { tool, arguments } => {
            let delta = |piece| {
                json!({"type": "response.function_call_arguments.delta", "item_id": "item_1", "output_index": 0,
                    "delta": piece})
            };
            let item = json!({"id": "item_1", "type": "function_call", "call_id": id, "name": tool, "arguments": ""});
            (item, halves(arguments).map(delta).to_vec())
        }
        Reply::Calls(_) => unreachable!(),
    };
    let added = event(json!({"type": "response.output_item.added", "output_index": 0, "item": item}));
    let mut chunks = vec![format!("{opening}{added}")];
    chunks.extend(deltas.into_iter().map(event));
    let mut done = item;
    if let Reply::Call { arguments, .. } = reply {
        done["arguments"] = json!(arguments);
    }
    let ends = [json!({"type": "response.output_item.done", "output_index": 0, "item": done}), completed];
    chunks.push(ends.map(event).concat());
    chunks
}

fn gemini(id: &str, reply: &Reply) -> Vec<String> {
    let event = |parts: Value, finish: Value| {
        let candidate = json!({"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0});
        let usage = json!({"promptTokenCount": 21, "candidatesTokenCount": 4, "totalTokenCount": 25});
        let chunk = json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m-1"});
        format!("data: {chunk}\n\n")
    };
    let part = |part: Value| event(json!([part]), Value::Null);
    let mut chunks = vec![part(json!({"text": ""}))];
    match reply {
        Reply::Say(pieces) => chunks.extend(pieces.iter().map(|piece| part(json!({"text": piece})))),
        Reply::Call { tool, arguments } => {
            // This format has no half arguments: what is no object cannot be said.
            let args: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            let call = json!({"id": id, "name": tool, "args": args});
            chunks.push(part(json!({"functionCall": call, "thoughtSignature": SIGNATURE})));
        }
        Reply::Calls(calls) => chunks.extend(calls.iter().enumerate().map(|(index, (tool, arguments))| {
            let args: Value = serde_json::from_str(arguments).unwrap();
            part(json!({"functionCall": {"id": format!("{id}-{index}"), "name": tool, "args": args}}))
        })),
    }
    chunks.push(event(json!([{"text": ""}]), json!("STOP")));
    chunks
}
