//! What a SKILL.md says of itself, in one form for all eras.
//!
//! Keys have stood in two places (`homepage`) and under three names (`metadata.openclaw`, before that `clawdbot` and
//! `clawdis`), and `metadata` has been a map, or JSON in a text. What is of no use is left out with a note; only what
//! makes the skill unusable is a fault.

use serde::Serialize;

use crate::boundary::{self, Parts};
use crate::node::{Fault, Node, Value};
use crate::show::{excerpt, line};
use crate::{plain, yaml};

#[cfg(test)]
mod tests;

/// Bytes of a SKILL.md, and of its frontmatter. The longest of OpenClaw's own have 12 KiB and 2 KiB.
pub const MAX_BYTES: usize = 256 * 1024;
const MAX_FRONTMATTER_BYTES: usize = 32 * 1024;
/// Of a description, in characters: what the format allows.
const MAX_DESCRIPTION: usize = 1024;
/// Of any other text, in characters.
const MAX_TEXT: usize = 256;
/// Elements of a list.
const MAX_LIST: usize = 64;

/// The blocks of `metadata`, today's first.
const ERAS: [&str; 3] = ["openclaw", "clawdbot", "clawdis"];
/// Keys that have a meaning elsewhere and need none here.
const SILENT: [&str; 9] =
    ["license", "version", "author", "tags", "keywords", "compatibility", "allowed-tools", "argument-hint", "try"];

/// The card.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    pub name: Option<String>,
    pub description: String,
    pub homepage: Option<String>,
    pub emoji: Option<String>,
    pub user_invocable: bool,
    pub disable_model_invocation: bool,
    /// The tool that the command calls without a model.
    pub command_tool: Option<String>,
    /// Whether programs, variables and settings are not asked for.
    pub always: bool,
    pub skill_key: Option<String>,
    pub primary_env: Option<String>,
    pub os: Vec<String>,
    pub bins: Vec<String>,
    pub any_bins: Vec<String>,
    pub env: Vec<String>,
    pub config: Vec<String>,
    pub install: Vec<Install>,
    /// Of the instructions.
    pub body_bytes: usize,
    pub notes: Vec<Note>,
}

/// A way to get a program, for people: the host installs nothing.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Install {
    pub kind: String,
    pub label: Option<String>,
    /// The formula, package, module or address.
    pub what: Option<String>,
    pub bins: Vec<String>,
}

/// Something that was left out.
#[derive(Debug, PartialEq, Serialize)]
pub struct Note {
    pub line: usize,
    pub message: String,
}

/// Makes the card of a SKILL.md.
///
/// # Errors
/// What makes the skill unusable.
pub fn read(text: &str) -> Result<Card, Fault> {
    if text.len() > MAX_BYTES {
        return Err(Fault::new(1, format!("it has {} bytes; at most {MAX_BYTES} are read", text.len())));
    }
    let Parts { frontmatter, body } = boundary::split(text)
        .ok_or_else(|| Fault::new(1, "it does not begin with frontmatter between two lines `---`"))?;
    if frontmatter.len() > MAX_FRONTMATTER_BYTES {
        let message =
            format!("its frontmatter has {} bytes; at most {MAX_FRONTMATTER_BYTES} are read", frontmatter.len());
        return Err(Fault::new(2, message));
    }
    let mut notes = Vec::new();
    let top = match yaml::read(frontmatter, 2) {
        Ok(top) => top,
        // What means two things stays a fault; only what is no YAML at all is read the lenient way.
        Err(fault) if fault.message.starts_with("not valid YAML") => {
            let top = plain::read(frontmatter, 2).map_err(|_| fault.clone())?;
            notes.push(Note { line: fault.line, message: line(&format!("{}; read line by line", fault.message)) });
            top
        }
        Err(fault) => return Err(fault),
    };
    let mut reader = Reader { notes };
    let mut card = reader.card(&top)?;
    card.body_bytes = body.len();
    card.notes = reader.notes;
    Ok(card)
}

struct Reader {
    notes: Vec<Note>,
}

impl Reader {
    fn card(&mut self, top: &Node) -> Result<Card, Fault> {
        let Value::Map(members) = &top.value else {
            return Err(Fault::new(top.line, "its frontmatter is no list of `name: value`"));
        };
        let description =
            top.get("description").ok_or_else(|| Fault::new(2, "its frontmatter has no `description`"))?;
        let metadata = self.metadata(top)?;
        let era = ERAS.iter().find_map(|era| metadata.as_ref()?.get(era));
        let within = |name: &str| era.and_then(|era| era.get(name));
        let requires = within("requires");
        let required = |name: &str| requires.and_then(|requires| requires.get(name));
        self.note_unknown(members);
        Ok(Card {
            name: self.text(top.get("name"), "name"),
            description: self.text_of(description, "description", MAX_DESCRIPTION).unwrap_or_default(),
            homepage: self.text(top.get("homepage").or_else(|| within("homepage")), "homepage"),
            emoji: self.text(within("emoji"), "emoji"),
            user_invocable: self.switch(top.get("user-invocable"), "user-invocable", true),
            disable_model_invocation: self.switch(
                top.get("disable-model-invocation"),
                "disable-model-invocation",
                false,
            ),
            command_tool: self.command_tool(top),
            always: self.switch(within("always"), "always", false),
            skill_key: self.text(within("skillKey"), "skillKey"),
            primary_env: self.text(within("primaryEnv"), "primaryEnv"),
            os: self.list(within("os"), "os"),
            bins: self.list(required("bins"), "requires.bins"),
            any_bins: self.list(required("anyBins"), "requires.anyBins"),
            env: self.list(required("env"), "requires.env"),
            config: self.list(required("config"), "requires.config"),
            install: self.installs(within("install")),
            ..Card::default()
        })
    }

    /// `metadata` as a map, also where it is JSON in a text.
    fn metadata(&mut self, top: &Node) -> Result<Option<Node>, Fault> {
        let Some(metadata) = top.get("metadata") else { return Ok(None) };
        let map = match &metadata.value {
            Value::Text(text) => yaml::read(text, metadata.line)?,
            _ => metadata.clone(),
        };
        match map.value {
            Value::Map(_) => Ok(Some(map)),
            _ => Err(Fault::new(metadata.line, "`metadata` is no map")),
        }
    }

    fn command_tool(&mut self, top: &Node) -> Option<String> {
        let dispatch = top.get("command-dispatch")?;
        if !matches!(&dispatch.value, Value::Text(text) if text == "tool") {
            self.note(dispatch.line, "`command-dispatch` can only be `tool`; the command goes to the model");
            return None;
        }
        if let Some(mode) = top.get("command-arg-mode").filter(|mode| mode.value != Value::Text("raw".to_owned())) {
            self.note(mode.line, "`command-arg-mode` can only be `raw`");
        }
        let tool = self.text(top.get("command-tool"), "command-tool");
        if tool.is_none() {
            self.note(dispatch.line, "`command-tool` is missing; the command goes to the model");
        }
        tool
    }

    fn installs(&mut self, node: Option<&Node>) -> Vec<Install> {
        let Some(Node { value: Value::List(items), .. }) = node else { return Vec::new() };
        let install = |item: &Node| {
            let what = ["formula", "package", "module", "url"].iter().find_map(|name| item.get(name));
            Install {
                kind: self.text(item.get("kind"), "kind").unwrap_or_default(),
                label: self.text(item.get("label"), "label"),
                what: self.text(what, "install"),
                bins: self.list(item.get("bins"), "bins"),
            }
        };
        items.iter().take(MAX_LIST).map(install).collect()
    }

    fn text(&mut self, node: Option<&Node>, name: &str) -> Option<String> {
        self.text_of(node?, name, MAX_TEXT)
    }

    /// One line of at most so many characters, nothing in it hidden.
    fn text_of(&mut self, node: &Node, name: &str, most: usize) -> Option<String> {
        let Value::Text(text) = &node.value else {
            self.note(node.line, &format!("`{name}` is no text"));
            return None;
        };
        let text = line(text);
        if text.chars().count() > most {
            self.note(node.line, &format!("`{name}` has more than {most} characters and was cut"));
            return Some(text.chars().take(most).collect());
        }
        (!text.is_empty()).then_some(text)
    }

    fn switch(&mut self, node: Option<&Node>, name: &str, default: bool) -> bool {
        let Some(node) = node else { return default };
        let word = match &node.value {
            Value::Text(text) => text.trim().to_ascii_lowercase(),
            _ => String::new(),
        };
        match word.as_str() {
            "true" | "yes" | "on" | "1" => true,
            "false" | "no" | "off" | "0" => false,
            _ => {
                self.note(node.line, &format!("`{name}` is neither `true` nor `false`"));
                default
            }
        }
    }

    /// A list of texts, or texts with commas between them.
    fn list(&mut self, node: Option<&Node>, name: &str) -> Vec<String> {
        let Some(node) = node else { return Vec::new() };
        let items: Vec<String> = match &node.value {
            Value::List(items) => items.iter().filter_map(|item| self.text_of(item, name, MAX_TEXT)).collect(),
            Value::Text(text) => text.split(',').map(line).filter(|text| !text.is_empty()).collect(),
            Value::Nothing | Value::Map(_) => {
                self.note(node.line, &format!("`{name}` is no list"));
                Vec::new()
            }
        };
        if items.len() > MAX_LIST {
            self.note(node.line, &format!("`{name}` has more than {MAX_LIST} elements; the others are left out"));
        }
        items.into_iter().take(MAX_LIST).collect()
    }

    /// A key that means nothing here may have been meant as a promise, or as an order. SU-22
    fn note_unknown(&mut self, members: &[(String, Node)]) {
        const KNOWN: [&str; 9] = [
            "name",
            "description",
            "homepage",
            "metadata",
            "user-invocable",
            "disable-model-invocation",
            "command-dispatch",
            "command-tool",
            "command-arg-mode",
        ];
        for (name, node) in members {
            if !KNOWN.contains(&name.as_str()) && !SILENT.contains(&name.as_str()) {
                self.note(node.line, &format!("`{}` means nothing here", excerpt(name)));
            }
        }
    }

    fn note(&mut self, line: usize, message: &str) {
        if self.notes.len() < MAX_LIST {
            self.notes.push(Note { line, message: message.to_owned() });
        }
    }
}
