//! Anthropic Messages.

use claw_core::message::{ToolSpec, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::prompt::{Prompt, StopReason};
use crate::transcript::{self, AnsweredCall, Turn};
use crate::wire::{Complaint, Fault, Gathered, Progress, object_schema, other_stop};

/// The version of the API that is spoken here, as the `anthropic-version` header wants it.
pub(crate) const VERSION: &str = "2023-06-01";

/// The request body for `POST {base}/v1/messages`.
pub(crate) fn request(model: &str, prompt: &Prompt) -> Value {
    let mut body = json!({
        "model": model,
        "max_tokens": prompt.max_output_tokens.max(1),
        "messages": messages(prompt),
        "stream": true,
    });
    if !prompt.system.is_empty() {
        body["system"] = json!(prompt.system);
    }
    if !prompt.tools.is_empty() {
        body["tools"] = prompt.tools.iter().map(tool).collect();
    }
    body
}

fn tool(tool: &ToolSpec) -> Value {
    json!({ "name": tool.name, "description": tool.description, "input_schema": object_schema(&tool.schema) })
}

/// Roles alternate and the user begins: what stands side by side is merged into the blocks of one message.
fn messages(prompt: &Prompt) -> Vec<Value> {
    let mut messages: Vec<(&str, Vec<Value>)> = Vec::new();
    let mut add = |role: &'static str, blocks: Vec<Value>| match messages.last_mut() {
        Some((last, merged)) if *last == role => merged.extend(blocks),
        None if role == "assistant" => {
            messages.push(("user", vec![text_block("(The earlier conversation is left out.)")]));
            messages.push((role, blocks));
        }
        Some(_) | None => messages.push((role, blocks)),
    };
    for turn in transcript::turns(&prompt.messages) {
        match turn {
            Turn::User(text) => add("user", vec![text_block(text)]),
            Turn::Assistant { text, calls } => {
                let said = (!text.is_empty()).then(|| text_block(text));
                add("assistant", said.into_iter().chain(calls.iter().map(tool_use)).collect());
                if !calls.is_empty() {
                    add("user", calls.iter().map(tool_result).collect());
                }
            }
        }
    }
    messages.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect()
}

fn text_block(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn tool_use(answered: &AnsweredCall<'_>) -> Value {
    let call = answered.call;
    let input = transcript::object_arguments(call);
    json!({ "type": "tool_use", "id": block_id(answered), "name": call.tool, "input": input })
}

fn tool_result(answered: &AnsweredCall<'_>) -> Value {
    let mut block = json!({ "type": "tool_result", "tool_use_id": block_id(answered) });
    // Empty text is an error in a block, but a result may have no content at all.
    if !answered.outcome.trim().is_empty() {
        block["content"] = json!(answered.outcome);
    }
    if answered.failed {
        block["is_error"] = json!(true);
    }
    block
}

/// The id in the characters that this API accepts; another provider may have made it.
fn block_id(answered: &AnsweredCall<'_>) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    answered.call.id.as_str().chars().map(allowed).collect()
}

// === The stream ===

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum StreamEvent {
    MessageStart {
        message: MessageStart,
    },
    ContentBlockStart {
        index: u64,
        content_block: Block,
    },
    ContentBlockDelta {
        index: u64,
        delta: Delta,
    },
    MessageDelta {
        delta: MessageDelta,
        usage: Option<UsageCount>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    // `ping`, `content_block_stop`, and kinds to come: the API's versioning policy asks clients to skip them.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct MessageStart {
    usage: Option<UsageCount>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: Option<String>,
    },
    ToolUse {
        id: Option<String>,
        name: Option<String>,
        input: Option<Map<String, Value>>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct MessageDelta {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct UsageCount {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

/// Takes the data of one event into `gathered`.
pub(crate) fn take(
    gathered: &mut Gathered,
    data: &str,
    on_text: &mut (dyn FnMut(&str) + Send),
) -> Result<Progress, Fault> {
    let event: StreamEvent =
        serde_json::from_str(data).map_err(|_| Fault::garbage("an event is not a message stream event"))?;
    match event {
        StreamEvent::MessageStart { message } => count(&mut gathered.draft.usage, message.usage),
        StreamEvent::ContentBlockStart { index, content_block } => {
            start_block(gathered, index, content_block, on_text)?
        }
        StreamEvent::ContentBlockDelta { delta: Delta::Text { text }, .. } => gathered.draft.say(&text, on_text)?,
        StreamEvent::ContentBlockDelta { index, delta: Delta::InputJson { partial_json } } => {
            // Tools that run on the server have input too, in blocks that are not ours.
            if gathered.draft.call_id(index).is_some() {
                gathered.draft.extend_call(index, "", "", &partial_json)?;
            }
        }
        StreamEvent::MessageDelta { delta, usage } => {
            count(&mut gathered.draft.usage, usage);
            if let Some(reason) = delta.stop_reason {
                gathered.stop = Some(stop_reason(&reason));
            }
        }
        StreamEvent::MessageStop => {
            gathered.stop.get_or_insert(StopReason::EndTurn);
            return Ok(Progress::Ended);
        }
        StreamEvent::Error { error } => return Err(Fault::Provider(Complaint::from_value(&error))),
        StreamEvent::ContentBlockDelta { delta: Delta::Other, .. } | StreamEvent::Other => {}
    }
    Ok(Progress::More)
}

fn start_block(
    gathered: &mut Gathered,
    index: u64,
    block: Block,
    on_text: &mut (dyn FnMut(&str) + Send),
) -> Result<(), Fault> {
    match block {
        Block::Text { text } => gathered.draft.say(text.as_deref().unwrap_or_default(), on_text),
        Block::ToolUse { id, name, input } => {
            let draft = &mut gathered.draft;
            draft.start_call(index, id.as_deref().unwrap_or_default(), name.as_deref().unwrap_or_default())?;
            match input {
                // Compatible servers may send the input whole; the API itself always starts with an empty one.
                Some(input) if !input.is_empty() => draft.extend_call(index, "", "", &Value::Object(input).to_string()),
                Some(_) | None => Ok(()),
            }
        }
        Block::Other => Ok(()),
    }
}

/// Figures are cumulative, and later events may leave out what earlier ones said.
fn count(usage: &mut Usage, counted: Option<UsageCount>) {
    let Some(counted) = counted else { return };
    if let Some(fresh) = counted.input_tokens {
        let cached = [counted.cache_creation_input_tokens, counted.cache_read_input_tokens];
        usage.input_tokens = cached.into_iter().flatten().fold(fresh, u64::saturating_add);
    }
    usage.output_tokens = counted.output_tokens.unwrap_or(usage.output_tokens);
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "end_turn" | "stop_sequence" => StopReason::EndTurn,
        "tool_use" => StopReason::ToolUse,
        "max_tokens" | "model_context_window_exceeded" => StopReason::MaxTokens,
        "refusal" => StopReason::Refusal,
        other => other_stop(other),
    }
}

#[cfg(test)]
mod tests;
