//! OpenAI Chat Completions, as OpenAI documents it and as compatible servers speak it.

use claw_core::image::ImageKind;
use claw_core::message::{ToolSpec, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::prompt::{Prompt, StopReason};
use crate::transcript::{self, Picture, Turn};
use crate::wire::{self, Complaint, Fault, Gathered, Progress, Reader, object_schema, other_stop};

/// The request body for `POST {base}/chat/completions`.
pub(crate) fn request(reader: &Reader<'_>, prompt: &Prompt) -> Value {
    let mut body = json!({
        "model": reader.model,
        "messages": messages(reader, prompt),
        "stream": true,
    });
    let dialect = Dialect::of(reader.host_name());
    if dialect != Dialect::Mistral {
        body["stream_options"] = json!({ "include_usage": true });
    }
    // OpenAI's reasoning models refuse the old name; many other servers know only that.
    let limit = if dialect == Dialect::OpenAi { "max_completion_tokens" } else { "max_tokens" };
    body[limit] = json!(reader.output_tokens(prompt));
    if let Some(effort) = reader.thinking(prompt).effort() {
        match dialect {
            Dialect::OpenRouter => body["reasoning"] = json!({ "effort": effort }),
            Dialect::Switch => body["thinking"] = json!({ "type": "enabled" }),
            Dialect::OpenAi | Dialect::Mistral | Dialect::Other => body["reasoning_effort"] = json!(effort),
        }
    }
    // An empty list is an error for OpenAI.
    let tools = reader.tools(prompt);
    if !tools.is_empty() {
        body["tools"] = tools.iter().map(tool).collect();
    }
    body
}

/// How a server departs from the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dialect {
    /// Counts thoughts in its limit of tokens, under a name of its own.
    OpenAi,
    /// Has its own words for thinking.
    OpenRouter,
    /// Thinking is on or off.
    Switch,
    /// Counts tokens unasked, and refuses fields that it does not know.
    Mistral,
    Other,
}

impl Dialect {
    fn of(host: &str) -> Self {
        match host {
            "api.openai.com" => Dialect::OpenAi,
            "openrouter.ai" => Dialect::OpenRouter,
            "api.deepseek.com" | "api.z.ai" | "api.moonshot.ai" => Dialect::Switch,
            "api.mistral.ai" => Dialect::Mistral,
            host if host.ends_with(".openai.azure.com") || host.starts_with("bedrock-mantle.") => Dialect::OpenAi,
            _ => Dialect::Other,
        }
    }
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

fn messages(reader: &Reader<'_>, prompt: &Prompt) -> Vec<Value> {
    let mut messages = Vec::new();
    if !prompt.system.is_empty() {
        messages.push(json!({ "role": "system", "content": prompt.system }));
    }
    let turns = transcript::merged(transcript::turns(reader, prompt, &ImageKind::ALL));
    let exchange = transcript::exchange_start(&turns);
    let (dialect, is_mistral) = (Dialect::of(reader.host_name()), is_mistral(reader));
    let mut numbers = 1..;
    for (at, turn) in turns.into_iter().enumerate() {
        match turn {
            Turn::User { text, images } => {
                let follows_outcome = messages.last().is_some_and(|last: &Value| last["role"] == "tool");
                if is_mistral && follows_outcome {
                    messages.push(json!({ "role": "assistant", "content": NOTHING_SAID }));
                }
                messages.push(json!({ "role": "user", "content": content(&text, &images) }));
            }
            Turn::Assistant { text, calls, kept } => {
                let content = if text.is_empty() { Value::Null } else { json!(text) };
                let mut message = json!({ "role": "assistant", "content": content });
                // Thoughts are wanted back while their exchange lasts; later they would only cost.
                if at >= exchange {
                    let thoughts = kept.iter().filter_map(|kept| kept.item.as_object()).flatten();
                    thoughts.for_each(|(field, thought)| message[field] = thought.clone());
                }
                let takes = |id: &str| takes(dialect, is_mistral, id);
                let ids = calls.iter().zip(&mut numbers).map(|(it, number)| transcript::call_id(it, number, takes));
                let ids: Vec<_> = ids.collect();
                if !calls.is_empty() {
                    message["tool_calls"] = calls.iter().zip(&ids).map(|(call, id)| asked(call, id)).collect();
                }
                messages.push(message);
                messages.extend(
                    calls.into_iter().zip(ids).map(
                        |(answered, id)| json!({ "role": "tool", "tool_call_id": id, "content": answered.outcome }),
                    ),
                );
            }
        }
    }
    messages
}

/// Stands between an outcome and the words of a person where a reply has to.
const NOTHING_SAID: &str = "(nothing was said)";

/// Mistral's models want a reply between outcomes and the next words of a person, and ids of their own form, wherever
/// they run: servers of others check it with the template that comes with the model.
fn is_mistral(reader: &Reader<'_>) -> bool {
    let model = reader.model.to_lowercase();
    Dialect::of(reader.host_name()) == Dialect::Mistral || ["stral", "mixtral"].iter().any(|part| model.contains(part))
}

/// Whether an id of a call is sent as it is: Mistral takes nine letters and digits, OpenAI no more than forty, and other
/// providers make longer ones.
fn takes(dialect: Dialect, is_mistral: bool, id: &str) -> bool {
    match dialect {
        _ if is_mistral => id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        Dialect::OpenAi | Dialect::OpenRouter => id.len() <= 40,
        Dialect::Switch | Dialect::Mistral | Dialect::Other => true,
    }
}

/// Many servers know only text where there is nothing else.
fn content(text: &str, images: &[Picture]) -> Value {
    if images.is_empty() {
        return json!(text);
    }
    let image = |image: &Picture| json!({ "type": "image_url", "image_url": { "url": image.data_url() } });
    let text = (!text.trim().is_empty()).then(|| json!({ "type": "text", "text": text }));
    images.iter().map(image).chain(text).collect()
}

fn asked(answered: &transcript::AnsweredCall<'_>, id: &str) -> Value {
    let arguments = Value::Object(transcript::object_arguments(answered.call)).to_string();
    json!({
        "id": id,
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
    /// A text by the book. Mistral sends a list of parts where its model thinks, and thoughts are some of them.
    content: Option<Value>,
    refusal: Option<String>,
    /// Thoughts, as DeepSeek, Moonshot and llama.cpp send them.
    reasoning_content: Option<String>,
    /// Thoughts, as OpenRouter passes them on.
    reasoning_details: Option<Vec<Map<String, Value>>>,
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
    prompt_tokens_details: Option<PromptCount>,
    completion_tokens_details: Option<CompletionCount>,
    /// DeepSeek's name for what came from the cache.
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct PromptCount {
    cached_tokens: Option<u64>,
    /// OpenRouter's and OpenAI's name for what went into the cache.
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct CompletionCount {
    reasoning_tokens: Option<u64>,
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
        let prompt = usage.prompt_tokens_details.unwrap_or_default();
        gathered.draft.usage = Usage {
            input_tokens: usage.prompt_tokens.unwrap_or(0),
            output_tokens: usage.completion_tokens.unwrap_or(0),
            cache_read_tokens: prompt.cached_tokens.or(usage.prompt_cache_hit_tokens).unwrap_or(0),
            cache_write_tokens: prompt.cache_write_tokens.unwrap_or(0),
            reasoning_tokens: usage.completion_tokens_details.and_then(|it| it.reasoning_tokens).unwrap_or(0),
            cost_micros: 0,
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
        match &delta.content {
            Some(Value::Array(parts)) => {
                for text in parts.iter().filter_map(|part| part["text"].as_str()) {
                    gathered.draft.say(text, on_text)?;
                }
            }
            Some(text) => gathered.draft.say(text.as_str().unwrap_or_default(), on_text)?,
            None => {}
        }
        if let Some(refusal) = delta.refusal {
            gathered.draft.say(&refusal, on_text)?;
            gathered.stop = Some(StopReason::Refusal);
        }
        if let Some(thought) = delta.reasoning_content {
            gathered.draft.count(&thought)?;
            append(&mut gathered.thought, "reasoning_content", &thought);
        }
        for detail in delta.reasoning_details.into_iter().flatten() {
            take_detail(gathered, detail)?;
        }
        for call in delta.tool_calls.into_iter().flatten() {
            take_call(gathered, call)?;
        }
    }
    match choice.finish_reason {
        // A refusal ends with `stop` too.
        Some(_) if gathered.stop == Some(StopReason::Refusal) => {}
        Some(reason) if BROKE_OFF.contains(&reason.as_str()) => {
            let message = format!("it ended the answer with `{reason}`");
            return Err(Fault::Provider(Complaint {
                code: "server_error".to_owned(),
                message,
                ..Complaint::default()
            }));
        }
        Some(reason) if reason == wire::WINDOW_IS_FULL => gathered.stop = Some(gathered.window_is_full()?),
        Some(reason) if !reason.is_empty() => gathered.stop = Some(stop_reason(&reason)),
        Some(_) | None => {}
    }
    Ok(())
}

/// Joins the pieces of a thought: those with one number belong together, and their texts follow each other.
fn take_detail(gathered: &mut Gathered, piece: Map<String, Value>) -> Result<(), Fault> {
    gathered.draft.count(&Value::Object(piece.clone()).to_string())?;
    let details = gathered.thought.entry("reasoning_details").or_insert_with(|| json!([]));
    let Value::Array(details) = details else { return Ok(()) };
    let known = details.last_mut().and_then(Value::as_object_mut);
    let Some(known) = known.filter(|known| known.get("index") == piece.get("index") && piece.contains_key("index"))
    else {
        details.push(Value::Object(piece));
        return Ok(());
    };
    for (field, value) in piece {
        match (field.as_str(), value) {
            ("text" | "summary" | "data", Value::String(text)) => append(known, &field, &text),
            (_, Value::Null) => {}
            (_, value) => drop(known.insert(field, value)),
        }
    }
    Ok(())
}

fn append(fields: &mut Map<String, Value>, field: &str, piece: &str) {
    match fields.get_mut(field) {
        Some(Value::String(text)) => text.push_str(piece),
        _ => drop(fields.insert(field.to_owned(), json!(piece))),
    }
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

/// How DeepSeek, and Mistral and OpenRouter, say that the server failed in the middle of a reply.
const BROKE_OFF: [&str; 2] = ["insufficient_system_resource", "error"];

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        // Together and Hugging Face name the mark by which the model has ended.
        "stop" | "eos" | "eos_token" | "stop_sequence" => StopReason::EndTurn,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        // The second is Mistral's word for a full window.
        "length" | "model_length" => StopReason::MaxTokens,
        "content_filter" => StopReason::Refusal,
        other => other_stop(other),
    }
}

#[cfg(test)]
mod tests;
