//! What the wire formats have in common: a request body, a decoder of events, and the provider's complaints.

use std::time::Duration;

use claw_core::message::{ToolSpec, Usage};
use serde_json::{Map, Value, json};

use crate::anthropic;
use crate::draft::Draft;
use crate::facts::ModelFacts;
use crate::gemini;
use crate::openai;
use crate::prompt::{Prompt, Reply, StopReason, Thinking};
use crate::provider::WireFormat;
use crate::responses;
use crate::sse::{MAX_EVENT_BYTES, MAX_STREAM_BYTES, SseError};

/// Why the events of a stream make no reply.
#[derive(Debug)]
pub(crate) enum Fault {
    Garbage(String),
    TooLarge {
        what: &'static str,
        limit: usize,
    },
    /// The provider reports an error inside the stream.
    Provider(Complaint),
}

impl Fault {
    pub(crate) fn garbage(what: &str) -> Self {
        Fault::Garbage(what.to_owned())
    }
}

impl From<SseError> for Fault {
    fn from(error: SseError) -> Self {
        match error {
            SseError::EventTooLong => Fault::TooLarge { what: "bytes in one event", limit: MAX_EVENT_BYTES },
            SseError::StreamTooLong => Fault::TooLarge { what: "bytes of stream", limit: MAX_STREAM_BYTES },
        }
    }
}

/// A provider's error object. The texts are as sent: not cut, not redacted.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Complaint {
    pub(crate) kind: String,
    pub(crate) code: String,
    pub(crate) message: String,
    /// How long it asks to wait, where that is no header.
    pub(crate) retry_after: Option<Duration>,
}

impl Complaint {
    /// Reads the shapes in use: `{"error": {"message", "type", "code"}}`, `{"error": "text"}`, `{"message"}`,
    /// `{"detail"}`; anything else is taken as the message itself.
    pub(crate) fn parse(text: &str) -> Self {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Complaint::from_value(&value),
            Err(_) => Complaint { message: text.to_owned(), ..Complaint::default() },
        }
    }

    pub(crate) fn from_value(value: &Value) -> Self {
        // Gemini sends some as a list of one.
        let value = value.get(0).unwrap_or(value);
        let inner = value.get("error").unwrap_or(value);
        let field = |name: &str| match inner.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let message = match inner {
            Value::String(text) => text.clone(),
            other => [field("message"), field("detail")]
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_else(|| other.to_string()),
        };
        // OpenRouter quotes what the maker of a model says beside words of its own.
        let quoted = inner.pointer("/metadata/raw").and_then(Value::as_str);
        let message = quoted.map_or(message.clone(), |quoted| format!("{message}: {quoted}"));
        // Gemini writes a word where others have a type.
        let kind = [field("type"), field("status")].into_iter().find(|kind| !kind.is_empty()).unwrap_or_default();
        Complaint { kind, code: field("code"), message, retry_after: retry_delay(inner) }
    }
}

/// What Gemini writes where others have a header: `{"details": [{"retryDelay": "34.5s"}]}`.
fn retry_delay(error: &Value) -> Option<Duration> {
    let mut details = error.get("details")?.as_array()?.iter();
    let delay = details.find_map(|detail| detail.get("retryDelay")?.as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

/// Whether more events are to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    Ended,
}

/// What a decoder has gathered.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) draft: Draft,
    /// Set once the provider has said why the reply ended; until then the reply is incomplete.
    pub(crate) stop: Option<StopReason>,
    /// The thought that is being streamed, in the format's own words.
    pub(crate) thought: Map<String, Value>,
    /// A refusal has been streamed, though the end may call itself an ordinary one.
    pub(crate) refused: bool,
}

/// How Anthropic and Z.ai name the end of a reply that has filled the model's window.
pub(crate) const WINDOW_IS_FULL: &str = "model_context_window_exceeded";

impl Gathered {
    /// Why a reply has stopped for which there was no more room.
    ///
    /// # Errors
    /// The provider's complaint, if there was no room for any of it.
    pub(crate) fn window_is_full(&self) -> Result<StopReason, Fault> {
        let code = || Complaint { code: WINDOW_IS_FULL.to_owned(), ..Complaint::default() };
        if self.draft.is_empty() { Err(Fault::Provider(code())) } else { Ok(StopReason::MaxTokens) }
    }
}

/// Turns the events of one stream into a reply.
pub(crate) struct Decoder {
    wire: WireFormat,
    gathered: Gathered,
}

impl Decoder {
    pub(crate) fn new(wire: WireFormat) -> Self {
        Decoder { wire, gathered: Gathered::default() }
    }

    /// Takes the data of one event.
    pub(crate) fn take(&mut self, data: &str, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<Progress, Fault> {
        match self.wire {
            WireFormat::OpenAiChat => openai::take(&mut self.gathered, data, on_text),
            WireFormat::OpenAiResponses => responses::take(&mut self.gathered, data, on_text),
            WireFormat::AnthropicMessages => anthropic::take(&mut self.gathered, data, on_text),
            WireFormat::Gemini => gemini::take(&mut self.gathered, data, on_text),
        }
    }

    /// What the reply has used until now: what its provider says, and the bytes that have come.
    pub(crate) fn used(&self) -> (Usage, usize) {
        (self.gathered.draft.usage, self.gathered.draft.bytes())
    }

    /// Whether the reply is whole; only trailing figures may be missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.gathered.stop.is_some()
    }

    /// The reply; `None` while it is incomplete. `origin` names who will get back what it wants back.
    pub(crate) fn finish(self, prompt: &Prompt, origin: &str) -> Option<Reply> {
        let Gathered { mut draft, stop, thought, refused: _ } = self.gathered;
        if self.wire == WireFormat::OpenAiChat && !thought.is_empty() {
            draft.keep_first(Value::Object(thought));
        }
        stop.map(|stop| draft.finish(stop, prompt, origin))
    }
}

/// Who will read a request.
pub(crate) struct Reader<'a> {
    /// Host and port of the server.
    pub(crate) host: &'a str,
    /// The provider's name of the model.
    pub(crate) model: &'a str,
    pub(crate) facts: &'a ModelFacts,
    /// Names wire format and provider: what they wanted back is sent back to them only.
    pub(crate) origin: &'a str,
}

impl Reader<'_> {
    /// The host without its port.
    pub(crate) fn host_name(&self) -> &str {
        self.host.rsplit_once(':').map_or(self.host, |(name, _port)| name)
    }

    /// Tokens that the reply may have, with its thoughts.
    pub(crate) fn output_tokens(&self, prompt: &Prompt) -> u32 {
        prompt.max_output_tokens.clamp(1, self.facts.max_output_tokens.max(1))
    }

    /// The tools on offer; none to a model that cannot call them.
    pub(crate) fn tools<'p>(&self, prompt: &'p Prompt) -> &'p [ToolSpec] {
        if self.facts.tools { &prompt.tools } else { &[] }
    }

    /// How much it is asked to think; not at all if it cannot.
    pub(crate) fn thinking(&self, prompt: &Prompt) -> Thinking {
        if self.facts.thinking { prompt.thinking } else { Thinking::Off }
    }

    /// Tokens of its reply that thoughts may take, where a format counts them apart. A quarter is left for the answer.
    pub(crate) fn thought_tokens(&self, prompt: &Prompt) -> u32 {
        self.thinking(prompt).tokens().min(self.output_tokens(prompt) / 4 * 3)
    }
}

/// The body of a request for a streamed reply.
pub(crate) fn request(wire: WireFormat, reader: &Reader<'_>, prompt: &Prompt) -> Value {
    match wire {
        WireFormat::OpenAiChat => openai::request(reader, prompt),
        WireFormat::OpenAiResponses => responses::request(reader, prompt),
        WireFormat::AnthropicMessages => anthropic::request(reader, prompt),
        WireFormat::Gemini => gemini::request(reader, prompt),
    }
}

/// A tool's schema with the parts that providers insist on and components may leave out.
pub(crate) fn object_schema(schema: &Value) -> Value {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    schema.insert("type".to_owned(), json!("object"));
    schema.entry("properties").or_insert_with(|| json!({}));
    Value::Object(schema)
}

/// A reason to stop that the host does not know, short enough for logs and cards.
pub(crate) fn other_stop(reason: &str) -> StopReason {
    StopReason::Other(reason.chars().filter(|c| !c.is_control()).take(64).collect())
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod transcripts;
