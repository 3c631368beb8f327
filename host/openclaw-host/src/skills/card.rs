//! What a skill says of itself, as the sandboxed parser tells it, and checked once more: a worker that its guest has
//! taken over may tell anything.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::legible;

/// What a name may be. Letters of other scripts can look like these.
pub const NAME_RULE: &str = "1 to 64 of `A-Z a-z 0-9`, space and `. _ -`, a letter or digit first and last";

/// Characters of any text, and elements of any list.
const MAX_TEXT: usize = 1100;
const MAX_LIST: usize = 64;

/// The card of a skill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Card {
    /// If it gives itself one.
    pub name: Option<String>,
    /// One line.
    pub description: String,
    /// Of its author.
    pub homepage: Option<String>,
    /// For people.
    pub emoji: Option<String>,
    /// Whether its owner can start it by its name.
    pub user_invocable: bool,
    /// Whether only its owner can.
    pub disable_model_invocation: bool,
    /// The tool that its command calls without a model.
    pub command_tool: Option<String>,
    /// Whether only the system is asked for.
    pub always: bool,
    /// Its name in the configuration.
    pub skill_key: Option<String>,
    /// The variable of its key.
    pub primary_env: Option<String>,
    /// Systems that it is for, in Node's words.
    pub os: Vec<String>,
    /// Programs that must all be there.
    pub bins: Vec<String>,
    /// Programs of which one must be there.
    pub any_bins: Vec<String>,
    /// Variables that must all be set.
    pub env: Vec<String>,
    /// Paths in the configuration that must all be on.
    pub config: Vec<String>,
    /// Ways to get its programs, for people.
    pub install: Vec<Install>,
    /// Of its instructions.
    pub body_bytes: u64,
    /// What was read over.
    pub notes: Vec<Fault>,
}

/// A way to get a program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Install {
    /// E.g. `brew`.
    pub kind: String,
    /// For people.
    pub label: Option<String>,
    /// The formula, package, module or address.
    pub what: Option<String>,
    /// The programs that it brings.
    pub bins: Vec<String>,
}

/// What is wrong with a SKILL.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// In which line; 0 for the whole of it.
    pub line: u64,
    /// In words.
    pub message: String,
}

/// What the parser answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Card(Box<Card>),
    Fault(Fault),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&legible::line(&self.message)),
            line => write!(f, "line {line}: {}", legible::line(&self.message)),
        }
    }
}

impl Card {
    /// Reads the parser's answer.
    ///
    /// # Errors
    /// What the parser found wrong, or what is wrong with its answer.
    pub fn read(answer: &str) -> Result<Card, Fault> {
        let odd = |message: &str| Fault { line: 0, message: message.to_owned() };
        match serde_json::from_str(answer) {
            Ok(Answer::Card(card)) if card.is_modest() => Ok(*card),
            Ok(Answer::Card(_)) => Err(odd("its card is longer than cards are, or hides something")),
            Ok(Answer::Fault(fault)) => Err(Fault { message: fault.message.chars().take(MAX_TEXT).collect(), ..fault }),
            Err(_) => Err(odd("its card cannot be read")),
        }
    }

    fn is_modest(&self) -> bool {
        let texts = [&self.name, &self.homepage, &self.emoji, &self.command_tool, &self.skill_key, &self.primary_env];
        let lists = [&self.os, &self.bins, &self.any_bins, &self.env, &self.config];
        let installs = self.install.iter().flat_map(|it| [Some(&it.kind), it.label.as_ref(), it.what.as_ref()]);
        let mut all = texts
            .into_iter()
            .flatten()
            .chain(lists.into_iter().flatten())
            .chain(installs.flatten())
            .chain(self.install.iter().flat_map(|it| &it.bins))
            .chain(self.notes.iter().map(|note| &note.message))
            .chain([&self.description]);
        let few = |length: usize| length <= MAX_LIST;
        lists.iter().all(|list| few(list.len()))
            && few(self.install.len())
            && self.install.iter().all(|it| few(it.bins.len()))
            && few(self.notes.len())
            && all.all(|text| text.chars().count() <= MAX_TEXT && legible::line(text) == *text)
    }
}

/// Whether a text can be the name of a skill: no path, nothing hidden, no letters that only look like others. SU-16
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    matches!(bytes, [first, .., last] if plain(*first) && plain(*last))
        && bytes.len() <= 64
        && bytes.iter().all(|byte| plain(*byte) || matches!(byte, b' ' | b'.' | b'_' | b'-'))
        || matches!(bytes, [only] if plain(*only))
}

#[cfg(test)]
mod tests {
    use super::{Card, is_name};

    #[test]
    fn a_name_is_no_path_and_hides_nothing() {
        for good in ["weather", "Apple Notes", "gh-issues", "a", "v1.2_x"] {
            assert!(is_name(good), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "..", "../x", "a/b", ".a", "a.", "-a", "weаther", "a\u{200b}b", "a\nb", "`a`", &long] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_answer_of_a_parser_that_was_taken_over_is_not_believed() {
        let fault = |answer: &str| Card::read(answer).unwrap_err().to_string();
        assert_eq!(fault("{}"), "its card cannot be read");
        assert_eq!(fault(r#"{"fault":{"line":3,"message":"a\u001b[31m"}}"#), "line 3: a\\u{1b}[31m");
        let odd = "its card is longer than cards are, or hides something";
        assert_eq!(fault(r#"{"card":{"description":"a\nb"}}"#), odd);
        assert_eq!(fault(&format!(r#"{{"card":{{"description":"{}"}}}}"#, "x".repeat(5000))), odd);
        assert_eq!(fault(&format!(r#"{{"card":{{"bins":[{}"a"]}}}}"#, "\"a\",".repeat(64))), odd);
        assert_eq!(Card::read(r#"{"card":{"description":"a"}}"#).unwrap().description, "a");
    }
}
