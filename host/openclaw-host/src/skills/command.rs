//! Skills that their owner starts: `/NAME words`, `/skill NAME words`.
//!
//! Such a run begins with a call that the host makes in the model's place, and that is decided on, run and recorded like
//! any other: of the tool `skill`, so that the model goes on with the instructions before it; or of the tool that the
//! skill names, whose answer is then the run's, without any model.

use claw_core::id::{CallId, ToolName};
use claw_core::message::ToolCall;
use claw_core::outcome::ToolOutcome;
use serde_json::json;

use super::{Shelf, Skill, TOOL};
use crate::api::COMMANDS;
use crate::host::random_bits;

/// Words that clients obey themselves, or that begin a skill; those of the host come on top.
const TAKEN: [&str; 5] = ["skill", "skills", "quit", "exit", "abort"];
/// Source: OpenClaw, "Slash commands".
const MAX_NAME: usize = 32;

/// A skill that its owner started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The skill.
    pub skill: String,
    tool: ToolName,
    arguments: String,
    /// Whether the tool's answer ends the run.
    is_direct: bool,
}

/// What the host says in the model's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scripted {
    /// A call.
    Call(ToolCall),
    /// The answer.
    Answer(String),
}

/// Gives each skill that its owner may start a word of its own.
pub(super) fn name(skills: &mut [Skill]) {
    let own = COMMANDS.iter().flat_map(|command| command.names());
    let mut taken: Vec<String> = TAKEN.into_iter().chain(own).map(str::to_owned).collect();
    for skill in skills.iter_mut().filter(|skill| skill.card.user_invocable && skill.is_eligible()) {
        let base = plain(&skill.name);
        let numbered = (2..).map(|number| format!("{base}_{number}"));
        let word = std::iter::once(base.clone()).chain(numbered).find(|word| !taken.contains(word));
        skill.command.clone_from(&word);
        taken.extend(word);
    }
}

/// A name as it is typed: lower case, and `_` for whatever is no letter or digit.
fn plain(name: &str) -> String {
    let plain = |ch: char| if ch.is_ascii_alphanumeric() { ch.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(plain).take(MAX_NAME).collect();
    let name = name.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
    if name.is_empty() { TOOL.to_owned() } else { name }
}

/// `/WORD` or `/skill NAME`, and the rest. A space in front makes it a text.
fn typed(text: &str) -> Option<(Option<&str>, &str, &str)> {
    let text = text.strip_prefix('/')?.trim_end();
    let cut = |text: &'_ str| text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(cut(text));
    let is_word = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '_' | '-');
    if !word.chars().all(is_word) {
        return None;
    }
    if word != TOOL {
        return Some((Some(word), "", rest.trim_start()));
    }
    let rest = rest.trim_start();
    let (name, rest) = rest.split_at(cut(rest));
    Some((None, name, rest.trim_start()))
}

impl Shelf {
    /// The skill that a message starts, if it does.
    pub fn command(&self, text: &str) -> Option<Command> {
        let (word, name, words) = typed(text)?;
        let startable = self.skills.iter().filter(|skill| skill.command.is_some());
        let skill = match word {
            Some(word) => {
                let word = plain(word);
                startable.into_iter().find(|skill| skill.command.as_ref() == Some(&word))?
            }
            None => startable.into_iter().find(|skill| is_called(skill, name))?,
        };
        let direct = skill.card.command_tool.as_deref().and_then(|tool| ToolName::parse(tool).ok());
        let (tool, arguments, is_direct) = match direct {
            Some(tool) => {
                (tool, json!({ "command": words, "commandName": skill.command, "skillName": skill.name }), true)
            }
            None => (ToolName::parse(TOOL).ok()?, json!({ "name": skill.name }), false),
        };
        Some(Command { skill: skill.name.clone(), tool, arguments: arguments.to_string(), is_direct })
    }

    /// What to tell somebody who typed `/skill` and no skill that can be started.
    pub fn no_such_command(&self, text: &str) -> Option<String> {
        let (None, name, _) = typed(text)? else { return None };
        if self.command(text).is_some() {
            return None;
        }
        let words: Vec<_> = self.skills.iter().filter_map(|skill| skill.command.as_deref()).collect();
        let there_are =
            if words.is_empty() { "there is none".to_owned() } else { format!("there are: {}", words.join(", ")) };
        let why = match self.find(name) {
            Some(skill) if !skill.is_eligible() => format!("; `openclaw-host skills why {}` tells why not", skill.name),
            _ => String::new(),
        };
        Some(format!("write `/skill NAME words` with a skill that can be started; {there_are}{why}"))
    }
}

fn is_called(skill: &Skill, name: &str) -> bool {
    skill.name.eq_ignore_ascii_case(name) || skill.command.as_ref() == Some(&plain(name))
}

impl Command {
    /// What the host says next in the model's place; `None` once it is the model's turn. `outcome` is that of the run's
    /// first call, once there is one.
    pub fn next(&self, outcome: Option<&ToolOutcome>) -> Option<Scripted> {
        match outcome {
            None => Some(Scripted::Call(ToolCall {
                // Providers want ids that no other call of the conversation has.
                id: CallId::parse(&format!("skill_{:032x}", random_bits())).ok()?,
                tool: self.tool.clone(),
                arguments: self.arguments.clone(),
            })),
            Some(outcome) if self.is_direct => Some(Scripted::Answer(match outcome {
                ToolOutcome::Done { text } => text.clone(),
                failed @ ToolOutcome::Failed(_) => failed.text(),
            })),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
