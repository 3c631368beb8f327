//! Anthropic Messages.

use claw_core::image::ImageKind;
use claw_core::message::{ToolSpec, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::prompt::{Prompt, StopReason};
use crate::replay::{self, Piece};
use crate::transcript::{self, Alternating, AnsweredCall, Picture, Turn};
use crate::wire::{self, Complaint, Fault, Gathered, Progress, Reader, object_schema, other_stop};

/// The version of the API that is spoken here, as the `anthropic-version` header wants it.
pub(crate) const VERSION: &str = "2023-06-01";

/// The fewest tokens that thoughts may have.
const MIN_BUDGET_TOKENS: u32 = 1_024;

/// The request body for `POST {base}/v1/messages`.
///
/// What rarely changes is marked for the provider's cache: tools and instructions, and the conversation as far as it
/// has come, which the next request repeats.
pub(crate) fn request(reader: &Reader<'_>, prompt: &Prompt) -> Value {
    let turns = transcript::turns(reader, prompt, &ImageKind::ALL);
    let mut body = json!({
        "model": reader.model,
        "max_tokens": reader.output_tokens(prompt),
        "stream": true,
    });
    think(&mut body, reader, prompt, &turns);
    body["messages"] = messages(&turns);
    if !prompt.system.is_empty() {
        body["system"] = json!([cached(text_block(&prompt.system))]);
    }
    let mut tools: Vec<Value> = reader.tools(prompt).iter().map(tool).collect();
    if let Some(last) = tools.pop() {
        tools.push(cached(last));
        body["tools"] = Value::Array(tools);
    }
    body
}

/// Marks the end of what the provider is to keep in its cache.
fn cached(mut block: Value) -> Value {
    block["cache_control"] = json!({ "type": "ephemeral" });
    block
}

/// Asks for thoughts. Not in the middle of an exchange that began without: its calls would lack theirs, which is an
/// error.
fn think(body: &mut Value, reader: &Reader<'_>, prompt: &Prompt, turns: &[Turn<'_>]) {
    let Some(effort) = reader.thinking(prompt).effort() else { return };
    let lacks = |turn: &Turn<'_>| matches!(turn, Turn::Assistant { kept, .. } if kept.is_empty());
    if turns[transcript::exchange_start(turns)..].iter().any(lacks) {
        return;
    }
    if chooses_its_budget(reader.model) {
        body["thinking"] = json!({ "type": "adaptive" });
        body["output_config"] = json!({ "effort": effort });
        return;
    }
    let budget = reader.thought_tokens(prompt);
    if budget >= MIN_BUDGET_TOKENS {
        body["thinking"] = json!({ "type": "enabled", "budget_tokens": budget });
    }
}

/// Since version 4.6 Claude decides itself how much it thinks; before, and elsewhere, thoughts have a budget.
fn chooses_its_budget(model: &str) -> bool {
    let is_older = |part: &str| model.contains(part);
    model.starts_with("claude-") && !["claude-3", "-4-0", "-4-1", "-4-2", "-4-5"].into_iter().any(is_older)
}

fn tool(tool: &ToolSpec) -> Value {
    json!({ "name": tool.name, "description": tool.description, "input_schema": object_schema(&tool.schema) })
}

fn messages(turns: &[Turn<'_>]) -> Value {
    let mut messages = Alternating::new(|| text_block(transcript::LEFT_OUT));
    for turn in turns {
        match turn {
            Turn::User { text, images } => {
                let text = (!text.trim().is_empty()).then(|| text_block(text));
                messages.add("user", images.iter().map(image_block).chain(text).collect());
            }
            Turn::Assistant { text, calls, kept } => {
                let block = |piece| match piece {
                    Piece::Kept(thought) => Value::clone(thought),
                    Piece::Text(text) => text_block(text),
                    Piece::Call(call) => tool_use(call),
                };
                messages.add("assistant", replay::pieces(text, calls, kept).into_iter().map(block).collect());
                messages.add("user", calls.iter().map(tool_result).collect());
            }
        }
    }
    let mut messages = messages.finish();
    if let Some(("user", blocks)) = messages.last_mut()
        && let Some(last) = blocks.pop()
    {
        blocks.push(cached(last));
    }
    messages.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect()
}

fn text_block(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn image_block(Picture { mime, base64 }: &Picture) -> Value {
    json!({ "type": "image", "source": { "type": "base64", "media_type": mime, "data": base64 } })
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
    ContentBlockStop,
    MessageDelta {
        delta: MessageDelta,
        usage: Option<UsageCount>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    // `ping`, and kinds to come: the API's versioning policy asks clients to skip them.
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
    Thinking,
    RedactedThinking {
        data: String,
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
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: String },
    #[serde(rename = "signature_delta")]
    Signature { signature: String },
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
        StreamEvent::ContentBlockDelta { delta: Delta::Thinking { thinking }, .. } => {
            extend_thought(gathered, "thinking", &thinking)?;
        }
        StreamEvent::ContentBlockDelta { delta: Delta::Signature { signature }, .. } => {
            extend_thought(gathered, "signature", &signature)?;
        }
        StreamEvent::ContentBlockStop => {
            let thought = std::mem::take(&mut gathered.thought);
            // Without a signature the provider would not believe that the thought is its own.
            if thought.get("signature").is_some_and(|signature| signature != "") {
                gathered.draft.keep(Value::Object(thought));
            }
        }
        StreamEvent::MessageDelta { delta, usage } => {
            count(&mut gathered.draft.usage, usage);
            match delta.stop_reason {
                Some(reason) if reason == wire::WINDOW_IS_FULL => gathered.stop = Some(gathered.window_is_full()?),
                Some(reason) => gathered.stop = Some(stop_reason(&reason)),
                None => {}
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
        Block::Thinking => {
            gathered.thought = Map::from_iter([
                ("type".to_owned(), json!("thinking")),
                ("thinking".to_owned(), json!("")),
                ("signature".to_owned(), json!("")),
            ]);
            Ok(())
        }
        Block::RedactedThinking { data } => {
            gathered.draft.count(&data)?;
            gathered.draft.keep(json!({ "type": "redacted_thinking", "data": data }));
            Ok(())
        }
        Block::Other => Ok(()),
    }
}

fn extend_thought(gathered: &mut Gathered, field: &str, piece: &str) -> Result<(), Fault> {
    gathered.draft.count(piece)?;
    if let Some(Value::String(text)) = gathered.thought.get_mut(field) {
        text.push_str(piece);
    }
    Ok(())
}

/// Figures are cumulative, and later events may leave out what earlier ones said.
fn count(usage: &mut Usage, counted: Option<UsageCount>) {
    let Some(counted) = counted else { return };
    if let Some(fresh) = counted.input_tokens {
        let cached = [counted.cache_creation_input_tokens, counted.cache_read_input_tokens];
        usage.input_tokens = cached.into_iter().flatten().fold(fresh, u64::saturating_add);
    }
    usage.cache_write_tokens = counted.cache_creation_input_tokens.unwrap_or(usage.cache_write_tokens);
    usage.cache_read_tokens = counted.cache_read_input_tokens.unwrap_or(usage.cache_read_tokens);
    usage.output_tokens = counted.output_tokens.unwrap_or(usage.output_tokens);
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "end_turn" | "stop_sequence" => StopReason::EndTurn,
        "tool_use" => StopReason::ToolUse,
        "max_tokens" => StopReason::MaxTokens,
        "refusal" => StopReason::Refusal,
        other => other_stop(other),
    }
}

#[cfg(test)]
mod tests;
