//! Conversations for the tests, in few words.

use claw_core::id::{CallId, Digest, ToolName};
use claw_core::image::{Image, ImageKind};
use claw_core::message::{Message, ToolCall, ToolSpec};
use claw_core::outcome::{FailureKind, ToolOutcome};
use serde_json::json;

use crate::facts::ModelFacts;
use crate::prompt::{Images, Prompt, Reply, Thinking};
use crate::provider::WireFormat;
use crate::wire::{Decoder, Fault, Reader};

pub(crate) fn prompt(messages: Vec<Message>) -> Prompt {
    Prompt {
        system: String::new(),
        messages,
        images: Images::new(),
        tools: Vec::new(),
        max_output_tokens: 100,
        thinking: Thinking::Off,
    }
}

/// A prompt with everything in it: instructions, a tool, and a call with its outcome.
pub(crate) fn full_prompt() -> Prompt {
    let schema = json!({ "type": "object", "properties": { "zone": { "type": "string" } }, "required": ["zone"] });
    let clock = ToolSpec { name: tool("clock"), description: "Tells the time.".to_owned(), schema };
    let messages = vec![
        user("what time is it?"),
        assistant("Let me see.", vec![call("call_a", "clock", r#"{"zone":"UTC"}"#)]),
        done("call_a", "12:00"),
        Message::Notice { text: "for people only".to_owned() },
        user("and now?"),
    ];
    Prompt {
        system: "Be brief.".to_owned(),
        messages,
        images: Images::new(),
        tools: vec![clock],
        max_output_tokens: 1024,
        thinking: Thinking::Off,
    }
}

/// An image of these bytes, and a prompt that shows it with these words.
pub(crate) fn shown(kind: ImageKind, content: &[u8], text: &str) -> (Image, Prompt) {
    let image = Image { digest: Digest([content.len() as u8; 32]), kind, bytes: content.len() as u64 };
    let mut prompt = prompt(vec![Message::User { text: text.to_owned(), images: vec![image.clone()] }]);
    prompt.images.insert(image.digest, content.to_vec());
    (image, prompt)
}

/// A model that can do everything.
pub(crate) const ABLE: ModelFacts = ModelFacts {
    context_tokens: 200_000,
    is_assumed: false,
    max_output_tokens: 64_000,
    prices: None,
    tools: true,
    images: true,
    thinking: true,
};

/// The reader of a request at `host`, known as `o`.
pub(crate) fn reader<'a>(host: &'a str, model: &'a str) -> Reader<'a> {
    Reader { host, model, facts: &ABLE, origin: "o" }
}

pub(crate) fn tool(name: &str) -> ToolName {
    ToolName::parse(name).unwrap()
}

pub(crate) fn user(text: &str) -> Message {
    Message::user(text)
}

pub(crate) fn assistant(text: &str, calls: Vec<ToolCall>) -> Message {
    Message::Assistant { text: text.to_owned(), calls, replay: None }
}

pub(crate) fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: CallId::parse(id).unwrap(), tool: tool(name), arguments: arguments.to_owned() }
}

pub(crate) fn done(id: &str, text: &str) -> Message {
    outcome(id, ToolOutcome::Done { text: text.to_owned() })
}

pub(crate) fn denied(id: &str, text: &str) -> Message {
    outcome(id, ToolOutcome::failed(FailureKind::Denied, text))
}

fn outcome(id: &str, outcome: ToolOutcome) -> Message {
    Message::Tool { call: CallId::parse(id).unwrap(), tool: tool("clock"), outcome, outside: false }
}

/// A stream of events as a provider sends it.
pub(crate) fn sse(events: &[&str]) -> String {
    events.iter().map(|data| format!("data: {data}\n\n")).collect()
}

/// What a stream of these events says; `None` if it does not end.
pub(crate) fn decoded(wire: WireFormat, events: &[&str]) -> Result<Option<Reply>, Fault> {
    let mut decoder = Decoder::new(wire);
    for data in events {
        decoder.take(data, &mut |_| {})?;
    }
    Ok(decoder.finish(&prompt(vec![]), "o"))
}
