//! The offline model: deterministic, without key and network. It is what answers before a provider is set up, and what
//! the host is tried out and tested with.
//!
//! A message whose non-empty lines are all `tool NAME JSON` or `say TEXT` is a script. Its calls are made one per
//! reply, in order, each after the outcome of the one before; the last reply holds the outcomes and the said texts in
//! the order of the lines. Any other message is answered with an explanation.
//!
//! What the host instructs it to do beside the conversation is answered with `NO_REPLY`.
//!
//! Usage is a rough count for trying out budgets: one token per word, i.e. per run of characters without white space.

use claw_core::context::unfenced;
use claw_core::id::{CallId, ToolName};
use claw_core::message::{Message, ToolCall, Usage};

use crate::draft::CallIds;
use crate::facts::ModelFacts;
use crate::prompt::{Prompt, Reply, StopReason};

/// It reads whatever it is given.
pub(crate) const FACTS: ModelFacts = ModelFacts {
    context_tokens: 10_000_000,
    is_assumed: false,
    max_output_tokens: 1_000_000,
    prices: None,
    tools: true,
    images: false,
    thinking: false,
};

/// Answers in as many pieces at most, so that streaming can be seen.
const PIECES: usize = 4;

/// The reply to a prompt; depends on nothing else.
pub(crate) fn answer(prompt: &Prompt) -> Reply {
    let asked = |message: &Message| matches!(message, Message::User { .. } | Message::Instruction { .. });
    let last_user = prompt.messages.iter().rposition(asked);
    let (text, since) = match last_user.map(|at| prompt.messages.split_at(at)) {
        Some((_, [Message::User { text, .. }, since @ ..])) => (text.as_str(), since),
        Some(_) | None => ("", &[][..]),
    };
    let (text, calls) = match script(text) {
        // Only the host instructs, and its instructions are no scripts.
        _ if matches!(last_user.map(|at| &prompt.messages[at]), Some(Message::Instruction { .. })) => {
            ("NO_REPLY".to_owned(), Vec::new())
        }
        Some(lines) => play(&lines, since, prompt),
        None => (explanation(prompt), Vec::new()),
    };
    let usage = Usage {
        input_tokens: prompt_words(prompt),
        output_tokens: words(&text) + calls.iter().map(call_words).sum::<u64>(),
        ..Usage::default()
    };
    let stop = if calls.is_empty() { StopReason::EndTurn } else { StopReason::ToolUse };
    Reply { text, calls, usage, stop, replay: None }
}

/// The text in a few pieces that join to it again.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let size = text.len().div_ceil(PIECES).max(1);
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = (size..rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (piece, later) = rest.split_at(end);
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}

/// One line of a script.
#[derive(Debug, PartialEq)]
enum Line<'a> {
    Say(&'a str),
    Tool { name: ToolName, arguments: &'a str },
}

/// The message as a script; `None` if a line is something else, or there is none.
fn script(text: &str) -> Option<Vec<Line<'_>>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<Line<'_>> = lines.map(line).collect::<Option<_>>()?;
    (!lines.is_empty()).then_some(lines)
}

fn line(text: &str) -> Option<Line<'_>> {
    let (verb, rest) = text.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    match verb {
        "say" => Some(Line::Say(rest)),
        "tool" => {
            let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, "{}"));
            Some(Line::Tool { name: ToolName::parse(name).ok()?, arguments: arguments.trim_start() })
        }
        _ => None,
    }
}

/// The next call of the script, or its final text. `since` is what followed the script.
fn play(lines: &[Line<'_>], since: &[Message], prompt: &Prompt) -> (String, Vec<ToolCall>) {
    let made = since.iter().flat_map(|message| match message {
        Message::Assistant { calls, .. } => calls.as_slice(),
        _ => &[],
    });
    let mut made = made.map(|call| &call.id);
    let mut said = Vec::new();
    for line in lines {
        match line {
            Line::Say(text) => said.push((*text).to_owned()),
            Line::Tool { name, arguments } => match made.next() {
                Some(id) => said.push(format!("{name}: {}", outcome(id, since))),
                None => {
                    let id = CallIds::of(prompt).claim("");
                    let call = ToolCall { id, tool: name.clone(), arguments: (*arguments).to_owned() };
                    return (String::new(), vec![call]);
                }
            },
        }
    }
    (said.join("\n"), Vec::new())
}

fn outcome(id: &CallId, since: &[Message]) -> String {
    let outcome = since.iter().find_map(|message| match message {
        Message::Tool { call, outcome, .. } if call == id => Some(unfenced(&outcome.text())),
        _ => None,
    });
    outcome.unwrap_or_else(|| "no outcome was recorded".to_owned())
}

fn explanation(prompt: &Prompt) -> String {
    let names: Vec<&str> = prompt.tools.iter().map(|tool| tool.name.as_str()).collect();
    let example = names.first().unwrap_or(&"clock");
    let offered = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
    format!(
        "I am the rehearsal model: no model provider is set up, so I only obey lines of these two forms:\n\
         say hello\n\
         tool {example} {{}}\n\
         Tools on offer: {offered}.\n\
         For a real model set OPENAI_API_KEY or ANTHROPIC_API_KEY and start the host again, or name a provider in the \
         `models` section of config.json5, with its `baseUrl` (e.g. http://127.0.0.1:11434/v1 for Ollama)."
    )
}

fn prompt_words(prompt: &Prompt) -> u64 {
    let messages = prompt.messages.iter().map(|message| match message {
        Message::User { text, .. } => words(text),
        Message::Assistant { text, calls, .. } => words(text) + calls.iter().map(call_words).sum::<u64>(),
        Message::Tool { outcome, .. } => words(&outcome.text()),
        Message::Summary { text, .. } | Message::Instruction { text } => words(text),
        Message::Notice { .. } => 0,
    });
    words(&prompt.system) + messages.sum::<u64>()
}

fn call_words(call: &ToolCall) -> u64 {
    1 + words(&call.arguments)
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[cfg(test)]
mod tests;
