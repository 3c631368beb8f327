//! From a provider's status and complaint to the failure that the owner can act on.

use std::time::Duration;

use super::retry::MAX_WISH;
use crate::error::ModelError;
use crate::provider::{Credential, ProviderConfig, Secret};
use crate::wire::Complaint;

/// What is shown of a provider's message.
const MAX_MESSAGE_CHARS: usize = 500;

/// Codes by which providers say that the prompt does not fit, in small letters.
const CONTEXT_CODES: [&str; 6] = [
    "context_length_exceeded",       // OpenAI, Azure, Cerebras, Groq
    "string_above_max_length",       // OpenAI, of one message
    "exceed_context_size_error",     // llama.cpp
    "model_context_window_exceeded", // Z.ai, Anthropic
    "tokens_limit_reached",          // Azure
    "1261",                          // Z.ai
];

/// The same in words, in small letters.
const CONTEXT_PHRASES: [&str; 27] = [
    "prompt is too long",                     // Anthropic, Fireworks
    "exceed context limit",                   // Anthropic
    "maximum context length",                 // OpenAI, OpenRouter, DeepSeek, Mistral, Together, vLLM
    "exceeds the context window",             // OpenAI
    "context_length_exceeded",                // gateways that quote a code
    "context length exceeded",                // gateways
    "maximum prompt length is",               // xAI
    "exceeded model token limit",             // Moonshot
    "context window exceeds limit",           // MiniMax
    "model_context_window_exceeded",          // Z.ai
    "prompt exceeds max length",              // Z.ai
    "range of input length should be",        // Qwen
    "input is too long for requested model",  // Bedrock
    "too many input tokens",                  // Bedrock
    "reduce the length of the messages",      // Groq, Cerebras
    "exceeds the maximum number of tokens",   // Gemini
    "but model only supports up to",          // Gemini
    "tokens + `max_new_tokens` must be",      // Hugging Face, Together
    "`inputs` must have less than",           // Hugging Face
    "longer than the maximum model length",   // vLLM, NVIDIA
    "longer than the model's context length", // SGLang
    "available context size",                 // llama.cpp
    "context size has been exceeded",         // llama.cpp
    "prompt too long; exceeded",              // Ollama
    "exceeds the context length",             // Ollama
    "greater than the context length",        // LM Studio
    "loaded with context length",             // LM Studio
];

const QUOTA_CODES: [&str; 3] = ["insufficient_quota", "billing_error", "billing_hard_limit_reached"];
const REFUSAL_CODES: [&str; 3] = ["content_filter", "content_policy_violation", "invalid_prompt"];

/// Names a failure. A `status` of 200 means that the complaint came inside the stream.
pub(super) fn classify(
    config: &ProviderConfig,
    host: &str,
    key: Option<&Credential>,
    status: u16,
    retry_after: Option<Duration>,
    complaint: Complaint,
) -> ModelError {
    let provider = config.id.clone();
    let model = config.model.clone();
    let message = shown(&complaint.message, key.map(|key| &key.key));
    let has_code = |codes: &[&str]| codes.iter().any(|code| complaint.code == *code || complaint.kind == *code);
    let lower = complaint.message.to_lowercase();
    let speaks_of_context = CONTEXT_PHRASES.iter().any(|phrase| lower.contains(phrase));
    let retry_after = retry_after.or(complaint.retry_after.map(|wish| wish.min(MAX_WISH)));
    let effective = if status == 200 { status_in_stream(&complaint) } else { status };
    match effective {
        402 => ModelError::Quota { provider, message },
        _ if has_code(&QUOTA_CODES) || lower.contains("credit balance is too low") => {
            ModelError::Quota { provider, message }
        }
        413 => ModelError::ContextTooLong { model, message },
        // A rate limit may speak of long prompts too, but waiting helps against it.
        _ if effective != 429 && (has_code(&CONTEXT_CODES) || speaks_of_context) => {
            ModelError::ContextTooLong { model, message }
        }
        _ if has_code(&REFUSAL_CODES) => ModelError::Refused { provider, message },
        300..=399 => {
            let message = "the server redirects, and keys are not sent along; set `baseUrl` to the final address";
            ModelError::Rejected { provider, status: effective, message: message.to_owned() }
        }
        // Gemini calls a wrong key a bad request.
        400 if lower.starts_with("api key not valid") => {
            ModelError::Auth { provider, key_source: key.map(|key| key.source.clone()), message }
        }
        // Groq refuses what its model has written as a call; asked again, it mostly does better.
        400 if complaint.code == "tool_use_failed" => ModelError::Overloaded { provider, retry_after, message },
        401 | 403 => ModelError::Auth { provider, key_source: key.map(|key| key.source.clone()), message },
        404 => ModelError::NotFound { provider, host: host.to_owned(), model, message },
        429 => ModelError::RateLimited { provider, retry_after, message },
        // What a server cannot do at all, it cannot do a moment later either.
        501 | 505 => ModelError::Rejected { provider, status: effective, message },
        // OpenAI and its SDKs ask again after 409; 498 is Groq's word for a tier without room.
        408 | 409 | 498 | 500..=599 => ModelError::Overloaded { provider, retry_after, message },
        status => ModelError::Rejected { provider, status, message },
    }
}

/// The status that the complaint would have had, had it come before the stream.
fn status_in_stream(complaint: &Complaint) -> u16 {
    if let Ok(status @ 400..=599) = complaint.code.parse() {
        return status;
    }
    let kind = if complaint.kind.is_empty() { &complaint.code } else { &complaint.kind };
    match kind.as_str() {
        "authentication_error" | "permission_error" => 401,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" => 429,
        "api_error" | "server_error" | "internal_error" | "timeout_error" => 500,
        "overloaded_error" => 529,
        _ => 200,
    }
}

/// A provider's words for people: on one line, cut, and without the key, which some providers echo.
fn shown(message: &str, key: Option<&Secret>) -> String {
    let message = match key {
        Some(key) if !key.expose().is_empty() => message.replace(key.expose(), "***"),
        Some(_) | None => message.to_owned(),
    };
    let words = message.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "it gives no reason".to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests;
