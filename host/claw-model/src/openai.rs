//! OpenAI Chat Completions, as OpenAI documents it and as compatible servers speak it.

use claw_core::message::{ToolSpec, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::prompt::{Prompt, StopReason};
use crate::transcript::{self, Turn};
use crate::wire::{Complaint, Fault, Gathered, Progress, object_schema, other_stop};

/// The request body for `POST {base}/chat/completions`.
pub(crate) fn request(host: &str, model: &str, prompt: &Prompt) -> Value {
    let mut body = json!({
        "model": model,
        "messages": messages(prompt),
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    // OpenAI's reasoning models refuse the old name; many other servers know only that.
    let limit = match host.rsplit_once(':').map_or(host, |(name, _port)| name) {
        "api.openai.com" => "max_completion_tokens",
        _ => "max_tokens",
    };
    body[limit] = json!(prompt.max_output_tokens.max(1));
    // An empty list is an error for OpenAI.
    if !prompt.tools.is_empty() {
        body["tools"] = prompt.tools.iter().map(tool).collect();
    }
    body
}

fn tool(tool: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": object_schema(&tool.schema),
        },
    })
}

fn messages(prompt: &Prompt) -> Vec<Value> {
    let mut messages = Vec::new();
    if !prompt.system.is_empty() {
        messages.push(json!({ "role": "system", "content": prompt.system }));
    }
    for turn in transcript::turns(&prompt.messages) {
        match turn {
            Turn::User(text) => messages.push(json!({ "role": "user", "content": text })),
            Turn::Assistant { text, calls } if calls.is_empty() => {
                messages.push(json!({ "role": "assistant", "content": text }));
            }
            Turn::Assistant { text, calls } => {
                let content = if text.is_empty() { Value::Null } else { json!(text) };
                let asked: Vec<Value> = calls.iter().map(asked).collect();
                messages.push(json!({ "role": "assistant", "content": content, "tool_calls": asked }));
                messages.extend(calls.into_iter().map(
                    |answered| json!({ "role": "tool", "tool_call_id": answered.call.id, "content": answered.outcome }),
                ));
            }
        }
    }
    messages
}

fn asked(answered: &transcript::AnsweredCall<'_>) -> Value {
    let arguments = Value::Object(transcript::object_arguments(answered.call)).to_string();
    json!({
        "id": answered.call.id,
        "type": "function",
        "function": { "name": answered.call.tool, "arguments": arguments },
    })
}

// === The stream ===

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<UsageCount>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    index: Option<u64>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Default, Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    /// A text by the book; some servers send the object itself.
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct UsageCount {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// Takes the data of one event into `gathered`.
pub(crate) fn take(
    gathered: &mut Gathered,
    data: &str,
    on_text: &mut (dyn FnMut(&str) + Send),
) -> Result<Progress, Fault> {
    if data == "[DONE]" {
        // A few servers never name a reason; their mark of the end is as good.
        gathered.stop.get_or_insert(StopReason::EndTurn);
        return Ok(Progress::Ended);
    }
    let chunk: Chunk =
        serde_json::from_str(data).map_err(|_| Fault::garbage("an event is not a chat completion chunk"))?;
    if let Some(error) = &chunk.error {
        return Err(Fault::Provider(Complaint::from_value(error)));
    }
    if let Some(usage) = chunk.usage {
        gathered.draft.usage = Usage {
            input_tokens: usage.prompt_tokens.unwrap_or(0),
            output_tokens: usage.completion_tokens.unwrap_or(0),
        };
    }
    // One choice is asked for.
    if let Some(choice) = chunk.choices.into_iter().flatten().next() {
        take_choice(gathered, choice, on_text)?;
    }
    Ok(Progress::More)
}

fn take_choice(gathered: &mut Gathered, choice: Choice, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Fault> {
    if let Some(delta) = choice.delta {
        gathered.draft.say(delta.content.as_deref().unwrap_or_default(), on_text)?;
        if let Some(refusal) = delta.refusal {
            gathered.draft.say(&refusal, on_text)?;
            gathered.stop = Some(StopReason::Refusal);
        }
        for call in delta.tool_calls.into_iter().flatten() {
            take_call(gathered, call)?;
        }
    }
    match choice.finish_reason {
        // A refusal ends with `stop` too.
        Some(_) if gathered.stop == Some(StopReason::Refusal) => {}
        Some(reason) if !reason.is_empty() => gathered.stop = Some(stop_reason(&reason)),
        Some(_) | None => {}
    }
    Ok(())
}

fn take_call(gathered: &mut Gathered, call: CallDelta) -> Result<(), Fault> {
    let draft = &mut gathered.draft;
    let id = call.id.unwrap_or_default();
    let function = call.function.unwrap_or_default();
    let name = function.name.unwrap_or_default();
    let arguments = match function.arguments {
        Some(Value::String(text)) => text,
        Some(Value::Null) | None => String::new(),
        Some(value) => value.to_string(),
    };
    // Without a number, a piece with a name starts the next call, and one without belongs to the last.
    let index = call.index.unwrap_or_else(|| match (draft.last_index(), name.is_empty()) {
        (None, _) => 0,
        (Some(last), true) => last,
        (Some(last), false) => last.saturating_add(1),
    });
    // Some servers give all calls the number 0; a new id tells them apart.
    let known = draft.call_id(index).is_some_and(|known| id.is_empty() || known.is_empty() || known == id);
    if !known {
        draft.start_call(index, &id, &name)?;
    }
    draft.extend_call(index, &id, &name, &arguments)
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "stop" => StopReason::EndTurn,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        "length" => StopReason::MaxTokens,
        "content_filter" => StopReason::Refusal,
        other => other_stop(other),
    }
}

#[cfg(test)]
mod tests;
