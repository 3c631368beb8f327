//! Google Gemini, `streamGenerateContent`.

use claw_core::image::ImageKind;
use claw_core::message::{ToolSpec, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::prompt::{Prompt, StopReason};
use crate::replay::{self, Kept, Piece};
use crate::transcript::{self, Alternating, AnsweredCall, Picture, Turn};
use crate::wire::{Complaint, Fault, Gathered, Progress, Reader, object_schema, other_stop};

/// What the API accepts in place of a signature, for calls that another model made.
const FOREIGN_CALL: &str = "skip_thought_signature_validator";

/// The images that the API takes; it knows no GIF.
const KINDS: [ImageKind; 3] = [ImageKind::Png, ImageKind::Jpeg, ImageKind::Webp];

/// The request body for `POST {base}/models/{model}:streamGenerateContent?alt=sse`.
pub(crate) fn request(reader: &Reader<'_>, prompt: &Prompt) -> Value {
    let mut config = json!({ "maxOutputTokens": reader.output_tokens(prompt) });
    if let Some(level) = reader.thinking(prompt).effort() {
        config["thinkingConfig"] = match has_budget(reader.model) {
            true => json!({ "thinkingBudget": reader.thought_tokens(prompt) }),
            false => json!({ "thinkingLevel": level }),
        };
    }
    let mut body = json!({ "contents": contents(reader, prompt), "generationConfig": config });
    if !prompt.system.is_empty() {
        body["systemInstruction"] = json!({ "parts": [text_part(&prompt.system)] });
    }
    let tools = reader.tools(prompt);
    if !tools.is_empty() {
        let declarations: Vec<Value> = tools.iter().map(tool).collect();
        body["tools"] = json!([{ "functionDeclarations": declarations }]);
    }
    body
}

/// Version 2.5 counts tokens of thoughts; the ones after it have levels.
fn has_budget(model: &str) -> bool {
    model.starts_with("gemini-2")
}

fn tool(tool: &ToolSpec) -> Value {
    json!({
        "name": tool.name,
        "description": tool.description,
        "parametersJsonSchema": object_schema(&tool.schema),
    })
}

fn contents(reader: &Reader<'_>, prompt: &Prompt) -> Value {
    let turns = transcript::turns(reader, prompt, &KINDS);
    let exchange = transcript::exchange_start(&turns);
    let mut contents = Alternating::new(|| text_part(transcript::LEFT_OUT));
    for (at, turn) in turns.iter().enumerate() {
        match turn {
            Turn::User { text, images } => {
                let text = (!text.trim().is_empty()).then(|| text_part(text));
                contents.add("user", images.iter().map(image_part).chain(text).collect());
            }
            Turn::Assistant { text, calls, kept } => {
                let must_sign = at >= exchange && !has_budget(reader.model);
                contents.add("model", model_parts(text, calls, kept, must_sign));
                contents.add("user", calls.iter().map(function_response).collect());
            }
        }
    }
    contents.finish().into_iter().map(|(role, parts)| json!({ "role": role, "parts": parts })).collect()
}

/// A signature stands in the part that it was made for. In the current exchange the first call of each reply must have
/// one.
fn model_parts(text: &str, calls: &[AnsweredCall<'_>], kept: &[Kept], must_sign: bool) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut signature = None;
    let mut is_first_call = true;
    for piece in replay::pieces(text, calls, kept) {
        match piece {
            Piece::Kept(item) if item["of"] == "call" => signature = item.get("thoughtSignature").cloned(),
            Piece::Kept(item) => parts.push(json!({ "text": "", "thoughtSignature": item["thoughtSignature"] })),
            Piece::Text(text) => parts.push(text_part(text)),
            Piece::Call(call) => {
                let mut part = function_call(call);
                let foreign = || (must_sign && is_first_call).then(|| json!(FOREIGN_CALL));
                if let Some(signature) = signature.take().or_else(foreign) {
                    part["thoughtSignature"] = signature;
                }
                is_first_call = false;
                parts.push(part);
            }
        }
    }
    parts
}

fn text_part(text: &str) -> Value {
    json!({ "text": text })
}

fn image_part(Picture { mime, base64 }: &Picture) -> Value {
    json!({ "inlineData": { "mimeType": mime, "data": base64 } })
}

fn function_call(answered: &AnsweredCall<'_>) -> Value {
    let call = answered.call;
    let args = transcript::object_arguments(call);
    json!({ "functionCall": { "id": call.id, "name": call.tool, "args": args } })
}

fn function_response(answered: &AnsweredCall<'_>) -> Value {
    let call = answered.call;
    let field = if answered.failed { "error" } else { "output" };
    json!({ "functionResponse": { "id": call.id, "name": call.tool, "response": { field: answered.outcome } } })
}

// === The stream ===

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<UsageCount>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    text: Option<String>,
    /// A summary of what it thinks.
    #[serde(default)]
    thought: bool,
    thought_signature: Option<String>,
    function_call: Option<FunctionCall>,
}

#[derive(Deserialize)]
struct FunctionCall {
    id: Option<String>,
    name: Option<String>,
    args: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
    block_reason_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageCount {
    prompt_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
}

/// Takes the data of one event into `gathered`.
pub(crate) fn take(
    gathered: &mut Gathered,
    data: &str,
    on_text: &mut (dyn FnMut(&str) + Send),
) -> Result<Progress, Fault> {
    let chunk: Chunk =
        serde_json::from_str(data).map_err(|_| Fault::garbage("an event is not a piece of generated content"))?;
    if let Some(error) = &chunk.error {
        return Err(Fault::Provider(Complaint::from_value(error)));
    }
    if let Some(PromptFeedback { block_reason: Some(reason), block_reason_message }) = chunk.prompt_feedback {
        let message = block_reason_message.unwrap_or(reason);
        return Err(Fault::Provider(Complaint { code: "content_filter".to_owned(), message, ..Complaint::default() }));
    }
    if let Some(usage) = chunk.usage_metadata {
        count(&mut gathered.draft.usage, &usage);
    }
    // One candidate is asked for.
    if let Some(candidate) = chunk.candidates.into_iter().flatten().next() {
        for part in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
            take_part(gathered, part, on_text)?;
        }
        if let Some(reason) = candidate.finish_reason {
            // The model wrote what is no call; asked again, it mostly does better.
            if NO_CALL.contains(&reason.as_str()) && gathered.draft.is_empty() {
                let message = candidate.finish_message.unwrap_or(reason);
                return Err(Fault::Provider(Complaint {
                    code: "internal_error".to_owned(),
                    message,
                    ..Complaint::default()
                }));
            }
            let reason = stop_reason(&reason);
            if reason == StopReason::Refusal {
                gathered.draft.say(candidate.finish_message.as_deref().unwrap_or_default(), on_text)?;
            }
            gathered.stop = Some(reason);
        }
    }
    Ok(Progress::More)
}

fn take_part(gathered: &mut Gathered, part: Part, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Fault> {
    let draft = &mut gathered.draft;
    if let Some(signature) = &part.thought_signature {
        draft.count(signature)?;
        let of = if part.function_call.is_some() { "call" } else { "text" };
        draft.keep(json!({ "of": of, "thoughtSignature": signature }));
    }
    if let Some(text) = part.text.filter(|_| !part.thought) {
        draft.say(&text, on_text)?;
    }
    if let Some(call) = part.function_call {
        // Calls come whole and without numbers.
        let index = draft.last_index().map_or(0, |last| last.saturating_add(1));
        draft.start_call(index, call.id.as_deref().unwrap_or_default(), call.name.as_deref().unwrap_or_default())?;
        draft.extend_call(index, "", "", &Value::Object(call.args.unwrap_or_default()).to_string())?;
    }
    Ok(())
}

/// Figures are cumulative; thoughts are counted beside the rest of the reply.
fn count(usage: &mut Usage, counted: &UsageCount) {
    if let Some(prompt) = counted.prompt_token_count {
        usage.input_tokens = prompt.saturating_add(counted.tool_use_prompt_token_count.unwrap_or(0));
    }
    usage.cache_read_tokens = counted.cached_content_token_count.unwrap_or(usage.cache_read_tokens);
    usage.reasoning_tokens = counted.thoughts_token_count.unwrap_or(usage.reasoning_tokens);
    if counted.candidates_token_count.is_some() || counted.thoughts_token_count.is_some() {
        usage.output_tokens = counted.candidates_token_count.unwrap_or(0).saturating_add(usage.reasoning_tokens);
    }
}

/// How the API names a call that it could not read, or that nobody offered.
const NO_CALL: [&str; 2] = ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"];

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "STOP" => StopReason::EndTurn,
        "MAX_TOKENS" => StopReason::MaxTokens,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" => StopReason::Refusal,
        other => other_stop(other),
    }
}

#[cfg(test)]
mod tests;
