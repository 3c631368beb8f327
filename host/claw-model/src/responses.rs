//! OpenAI Responses. Nothing is kept by the provider: each request holds the whole conversation, and thoughts travel
//! back and forth in a form that only the provider can read.

use claw_core::image::ImageKind;
use claw_core::message::{ToolSpec, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::prompt::{Prompt, StopReason};
use crate::replay::{self, Piece};
use crate::transcript::{self, AnsweredCall, Picture, Turn};
use crate::wire::{Complaint, Fault, Gathered, Progress, Reader, object_schema, other_stop};

/// The provider accepts no smaller limit of a reply.
const MIN_OUTPUT_TOKENS: u32 = 16;

/// The request body for `POST {base}/responses`.
pub(crate) fn request(reader: &Reader<'_>, prompt: &Prompt) -> Value {
    let mut body = json!({
        "model": reader.model,
        "input": input(reader, prompt),
        "max_output_tokens": reader.output_tokens(prompt).max(MIN_OUTPUT_TOKENS),
        "store": false,
        "stream": true,
    });
    if !prompt.system.is_empty() {
        body["instructions"] = json!(prompt.system);
    }
    let tools = reader.tools(prompt);
    if !tools.is_empty() {
        body["tools"] = tools.iter().map(tool).collect();
    }
    if reader.facts.thinking {
        body["include"] = json!(["reasoning.encrypted_content"]);
    }
    if let Some(effort) = reader.thinking(prompt).effort() {
        body["reasoning"] = json!({ "effort": effort });
    }
    body
}

fn tool(tool: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": object_schema(&tool.schema),
        // The strict form demands schemas in which every field is required.
        "strict": false,
    })
}

fn input(reader: &Reader<'_>, prompt: &Prompt) -> Vec<Value> {
    let mut input = Vec::new();
    let mut numbers = 1..;
    for turn in transcript::turns(reader, prompt, &ImageKind::ALL) {
        match turn {
            Turn::User { text, images } => {
                let image = |image: &Picture| json!({ "type": "input_image", "image_url": image.data_url() });
                let text = (!text.trim().is_empty()).then(|| json!({ "type": "input_text", "text": text }));
                let content: Vec<Value> = images.iter().map(image).chain(text).collect();
                input.push(json!({ "role": "user", "content": content }));
            }
            Turn::Assistant { text, calls, kept } => {
                let ids: Vec<_> = calls.iter().zip(&mut numbers).map(|(it, number)| id(it, number)).collect();
                let id_of = |call: &AnsweredCall<'_>| {
                    let at = calls.iter().position(|known| known.call.id == call.call.id);
                    ids[at.expect("responses: a piece is one of the calls")].clone()
                };
                let item = |piece| match piece {
                    Piece::Kept(item) => Value::clone(item),
                    Piece::Text(text) => {
                        json!({ "role": "assistant", "content": [{ "type": "output_text", "text": text }] })
                    }
                    Piece::Call(call) => asked(call, &id_of(call)),
                };
                input.extend(replay::pieces(text, &calls, &kept).into_iter().map(item));
                input.extend(calls.iter().zip(&ids).map(|(call, id)| answered(call, id)));
            }
        }
    }
    input
}

/// The API takes no longer ones, and other providers make some.
const MAX_ID: usize = 64;

fn id(answered: &AnsweredCall<'_>, number: usize) -> String {
    transcript::call_id(answered, number, |id| id.len() <= MAX_ID)
}

fn asked(answered: &AnsweredCall<'_>, id: &str) -> Value {
    let call = answered.call;
    let arguments = Value::Object(transcript::object_arguments(call)).to_string();
    json!({ "type": "function_call", "call_id": id, "name": call.tool, "arguments": arguments })
}

fn answered(answered: &AnsweredCall<'_>, id: &str) -> Value {
    json!({ "type": "function_call_output", "call_id": id, "output": answered.outcome })
}

// === The stream ===

#[derive(Deserialize)]
#[serde(tag = "type")]
enum StreamEvent {
    #[serde(rename = "response.output_text.delta")]
    Text { delta: String },
    #[serde(rename = "response.refusal.delta")]
    Refusal { delta: String },
    #[serde(rename = "response.output_item.added")]
    ItemAdded { output_index: u64, item: Item },
    #[serde(rename = "response.function_call_arguments.delta")]
    Arguments { output_index: u64, delta: String },
    #[serde(rename = "response.output_item.done")]
    ItemDone { output_index: u64, item: Map<String, Value> },
    #[serde(rename = "response.completed")]
    Completed { response: Response },
    #[serde(rename = "response.incomplete")]
    Incomplete { response: Response },
    #[serde(rename = "response.failed")]
    Failed { response: Response },
    #[serde(rename = "error")]
    Error(Value),
    // Parts that begin and end, summaries of thoughts, and kinds to come.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    FunctionCall {
        call_id: Option<String>,
        name: Option<String>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Response {
    usage: Option<UsageCount>,
    incomplete_details: Option<Incomplete>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct UsageCount {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<InputCount>,
    output_tokens_details: Option<OutputCount>,
}

#[derive(Default, Deserialize)]
struct InputCount {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct OutputCount {
    reasoning_tokens: Option<u64>,
}

/// Takes the data of one event into `gathered`.
pub(crate) fn take(
    gathered: &mut Gathered,
    data: &str,
    on_text: &mut (dyn FnMut(&str) + Send),
) -> Result<Progress, Fault> {
    let event: StreamEvent =
        serde_json::from_str(data).map_err(|_| Fault::garbage("an event is not an event of a response"))?;
    let draft = &mut gathered.draft;
    match event {
        StreamEvent::Text { delta } => draft.say(&delta, on_text)?,
        StreamEvent::Refusal { delta } => {
            draft.say(&delta, on_text)?;
            gathered.refused = true;
        }
        StreamEvent::ItemAdded { output_index, item: Item::FunctionCall { call_id, name } } => {
            let id = call_id.as_deref().unwrap_or_default();
            draft.start_call(output_index, id, name.as_deref().unwrap_or_default())?;
        }
        StreamEvent::Arguments { output_index, delta } => draft.extend_call(output_index, "", "", &delta)?,
        StreamEvent::ItemDone { output_index, item } => end_item(gathered, output_index, item)?,
        StreamEvent::Completed { response } => {
            count(&mut draft.usage, response.usage);
            gathered.stop = Some(if gathered.refused { StopReason::Refusal } else { StopReason::EndTurn });
            return Ok(Progress::Ended);
        }
        StreamEvent::Incomplete { response } => {
            count(&mut draft.usage, response.usage);
            let reason = response.incomplete_details.and_then(|details| details.reason);
            gathered.stop = Some(incomplete(reason.as_deref().unwrap_or("incomplete")));
            return Ok(Progress::Ended);
        }
        StreamEvent::Failed { response } => {
            return Err(Fault::Provider(Complaint::from_value(&response.error.unwrap_or_default())));
        }
        StreamEvent::Error(error) => return Err(Fault::Provider(complaint(error))),
        StreamEvent::ItemAdded { item: Item::Other, .. } | StreamEvent::Other => {}
    }
    Ok(Progress::More)
}

/// Thoughts come whole, at their end. So do the arguments of a call where a server does not stream them.
fn end_item(gathered: &mut Gathered, index: u64, item: Map<String, Value>) -> Result<(), Fault> {
    let draft = &mut gathered.draft;
    let text = |field: &str| item.get(field).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "reasoning" if !text("encrypted_content").is_empty() => {
            draft.count(text("encrypted_content"))?;
            let mut thought = Map::new();
            for field in ["type", "id", "summary", "encrypted_content"] {
                thought.extend(item.get(field).map(|value| (field.to_owned(), value.clone())));
            }
            draft.keep(Value::Object(thought));
        }
        "function_call" => {
            if draft.call_id(index).is_none() {
                draft.start_call(index, text("call_id"), text("name"))?;
            }
            if !draft.has_arguments(index) {
                draft.extend_call(index, text("call_id"), text("name"), text("arguments"))?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The error event has its fields beside `type`, which says only that it is one.
fn complaint(mut error: Value) -> Complaint {
    if error.get("error").is_none()
        && let Some(fields) = error.as_object_mut()
    {
        fields.remove("type");
    }
    let complaint = Complaint::from_value(&error);
    match complaint.kind.is_empty() {
        true => Complaint { kind: complaint.code.clone(), ..complaint },
        false => complaint,
    }
}

fn count(usage: &mut Usage, counted: Option<UsageCount>) {
    let Some(counted) = counted else { return };
    let input = counted.input_tokens_details.unwrap_or_default();
    *usage = Usage {
        input_tokens: counted.input_tokens.unwrap_or(0),
        output_tokens: counted.output_tokens.unwrap_or(0),
        cache_read_tokens: input.cached_tokens.unwrap_or(0),
        cache_write_tokens: input.cache_write_tokens.unwrap_or(0),
        reasoning_tokens: counted.output_tokens_details.and_then(|it| it.reasoning_tokens).unwrap_or(0),
        cost_micros: 0,
    };
}

fn incomplete(reason: &str) -> StopReason {
    match reason {
        "max_output_tokens" => StopReason::MaxTokens,
        "content_filter" => StopReason::Refusal,
        other => other_stop(other),
    }
}

#[cfg(test)]
mod tests;
