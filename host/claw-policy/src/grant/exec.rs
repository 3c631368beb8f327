//! Which programs a component may run, argument by argument.

use std::fmt;
use std::path::Path;

use claw_core::effect::ExecPlan;

use super::{GrantError, excerpt};
use crate::visible;

/// One pattern per argument, the program first: `git log * **`.
///
/// A program is named as it is typed, and must also be what the name leads to: `exec git **` covers neither `./git`
/// nor a `git` that is a link to something else. An absolute path names exactly that file.
///
/// `*` is one operand: it does not match an argument that begins with `-`, which the program would take for an option,
/// unless a literal `--` in front of it ends the options. A final `**` matches options too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExecGrant {
    arguments: Vec<Argument>,
    rest: Rest,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Argument {
    Exactly(String),
    /// `*`
    AnyOne,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Rest {
    Nothing,
    /// A final `**`.
    Anything,
}

impl ExecGrant {
    /// Makes a grant from a manifest's list: `*` is exactly one operand, a final `**` any number of arguments.
    ///
    /// # Errors
    /// [`GrantError::Exec`] if the list is empty, if `**` stands before the end, or if an element mixes `*` with
    /// other text: it would look like a pattern and match nothing of the kind.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<ExecGrant, GrantError> {
        let mut grant = ExecGrant { arguments: Vec::new(), rest: Rest::Nothing };
        for pattern in patterns {
            let word = match pattern {
                "*" | "**" => Word::Bare(pattern),
                _ if pattern.contains('*') => return Err(error(pattern, MIXED_STAR)),
                _ => Word::Quoted(pattern.to_owned()),
            };
            grant.push(word)?;
        }
        grant.finish()
    }

    pub(super) fn parse(text: &str) -> Result<ExecGrant, GrantError> {
        let mut grant = ExecGrant { arguments: Vec::new(), rest: Rest::Nothing };
        let mut rest = text;
        while !rest.is_empty() {
            let (word, after) = split_word(rest)?;
            grant.push(word)?;
            rest = after.trim_start_matches(' ');
        }
        grant.finish()
    }

    /// The grant for exactly this command.
    pub(super) fn exactly(plan: &ExecPlan) -> Option<ExecGrant> {
        let arguments = plan.argv.iter().cloned().map(Argument::Exactly).collect();
        ExecGrant { arguments, rest: Rest::Nothing }.finish().ok()
    }

    /// Whether it means any program.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.arguments.first(), Some(Argument::Exactly(_)))
    }

    /// Whether it takes every argument of a program that it names.
    pub(super) fn takes_anything(&self) -> bool {
        self.rest == Rest::Anything && !self.is_open()
    }

    /// A few commands within this grant.
    pub(super) fn examples(&self) -> Vec<Vec<String>> {
        let rest = self.arguments.iter().skip(1).map(|argument| match argument {
            Argument::Exactly(text) => text.clone(),
            Argument::AnyOne => "x".to_owned(),
        });
        let command = |program: &str| std::iter::once(program.to_owned()).chain(rest.clone()).collect();
        match self.arguments.first() {
            Some(Argument::Exactly(name)) => vec![command(name)],
            // Any program is above all a plain one, and then a shell, which may run anything.
            Some(Argument::AnyOne) | None => vec![command("program"), command("sh")],
        }
    }

    /// Whether the command lies within this grant.
    pub(super) fn covers(&self, plan: &ExecPlan) -> bool {
        let counts = match self.rest {
            Rest::Nothing => plan.argv.len() == self.arguments.len(),
            Rest::Anything => plan.argv.len() >= self.arguments.len() && !plan.argv.is_empty(),
        };
        let program = match self.arguments.first() {
            Some(Argument::Exactly(name)) => leads_to(name, &plan.program),
            Some(Argument::AnyOne) | None => true,
        };
        let mut options_ended = false;
        let all_match = self.arguments.iter().zip(&plan.argv).all(|(pattern, given)| match pattern {
            Argument::Exactly(text) => {
                options_ended |= text == "--";
                text == given
            }
            Argument::AnyOne => options_ended || !given.starts_with('-'),
        });
        counts && program && all_match
    }

    /// Whether the command lies within this grant and the grant says its program by name.
    pub(super) fn names(&self, plan: &ExecPlan) -> bool {
        matches!(self.arguments.first(), Some(Argument::Exactly(_))) && self.covers(plan)
    }

    fn push(&mut self, word: Word<'_>) -> Result<(), GrantError> {
        if self.rest == Rest::Anything {
            return Err(error("**", "it can only be the last element"));
        }
        match word {
            Word::Bare("**") => self.rest = Rest::Anything,
            Word::Bare("*") => self.arguments.push(Argument::AnyOne),
            Word::Bare(text) => self.arguments.push(Argument::Exactly(text.to_owned())),
            Word::Quoted(text) => self.arguments.push(Argument::Exactly(text)),
        }
        Ok(())
    }

    fn finish(self) -> Result<ExecGrant, GrantError> {
        match (self.arguments.first(), self.rest) {
            (None, Rest::Nothing) => Err(error("", "name the program and its arguments, e.g. `exec git status **`")),
            (Some(Argument::Exactly(name)), _) if name.is_empty() => Err(error("", "a program has a name")),
            _ => Ok(self),
        }
    }
}

impl fmt::Display for ExecGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, argument) in self.arguments.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            match argument {
                Argument::AnyOne => write!(f, "{space}*")?,
                Argument::Exactly(text) if is_bare(text) => write!(f, "{space}{text}")?,
                Argument::Exactly(text) => write!(f, "{space}{}", visible::quote(text))?,
            }
        }
        match (self.rest, self.arguments.is_empty()) {
            (Rest::Nothing, _) => Ok(()),
            (Rest::Anything, true) => f.write_str("**"),
            (Rest::Anything, false) => f.write_str(" **"),
        }
    }
}

enum Word<'a> {
    Bare(&'a str),
    Quoted(String),
}

const MIXED_STAR: &str = "`*` stands for one whole argument; to mean the character, put the argument in quotes";

/// Whether the program named `name` is the file at `program`, which is canonical.
fn leads_to(name: &str, program: &Path) -> bool {
    if name.contains('/') {
        program == Path::new(name)
    } else {
        program.file_name().is_some_and(|file_name| file_name == name)
    }
}

/// Whether a literal can be written without quotes.
fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'*' | b'"' | b'\\'))
}

/// Splits the first word off a text that does not start with a space.
fn split_word(text: &str) -> Result<(Word<'_>, &str), GrantError> {
    if let Some(quoted) = text.strip_prefix('"') {
        let end = closing_quote(quoted).ok_or_else(|| error(text, "the quote is not closed"))?;
        let word = visible::unquote(&quoted[..end]).ok_or_else(|| {
            error(text, "inside quotes only printable ASCII and the escapes `\\n`, `\\\"`, `\\\\`, `\\u{…}` may stand")
        })?;
        let after = &quoted[end + 1..];
        if !after.is_empty() && !after.starts_with(' ') {
            return Err(error(text, "a space must follow the closing quote"));
        }
        return Ok((Word::Quoted(word), after));
    }
    let (word, after) = text.split_at(text.find(' ').unwrap_or(text.len()));
    if word == "*" || word == "**" || is_bare(word) {
        Ok((Word::Bare(word), after))
    } else if word.contains('*') {
        Err(error(word, MIXED_STAR))
    } else {
        Err(error(word, "put an argument with special characters in quotes"))
    }
}

/// Where the quote that was opened before `text` is closed.
pub(crate) fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    })
}

fn error(text: &str, rule: &'static str) -> GrantError {
    GrantError::Exec { text: excerpt(text), rule }
}
