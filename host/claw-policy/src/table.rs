//! Tables of expected answers, so that an owner sees at once when a change of the policies changes more than it should.
//!
//! ```text
//! policies cautious                  # optional: without it, the home's own
//! component exec                     # who asks; an installed one, unless scopes or grants follow
//! scope exec **
//! grant exec git status
//! allow by granted-programs: exec.run git status
//! ask: exec.run git push
//! given person_present=false         # until the next `given`
//! deny E_EXEC_DENIED: exec.run git push
//! ```

use claw_core::id::{ComponentName, Digest};

use crate::given::GivenGrants;
use crate::grant::{Grant, Grants};
use crate::policy::{Explanation, Policy, Verdict};
use crate::preset::Preset;
use crate::subject::{Subject, Trust};
use crate::visible::escape;
use crate::wish::{Asked, Circumstances, Wish, nearest};

/// A table of expected answers.
#[derive(Clone, Debug)]
pub struct Table {
    /// The policies that it is about; `None` leaves that to whoever runs it.
    pub preset: Option<Preset>,
    /// Its questions, in order.
    pub rows: Vec<Row>,
}

/// One question and the answer that is expected.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it stands, counted from 1.
    pub line: usize,
    /// As it is written.
    pub text: String,
    /// Who asks.
    pub who: Who,
    /// Under which circumstances.
    pub given: Circumstances,
    /// What about.
    pub asked: Asked,
    expected: Expected,
}

/// The component of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// One that is installed, with what it declares and was granted.
    Installed(ComponentName),
    /// One that the table makes up.
    Invented(Box<Subject>),
}

/// A line that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub struct TableError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what could stand there.
    pub cause: String,
}

#[derive(Clone, Debug)]
struct Expected {
    word: String,
    code: Option<String>,
    by: Option<Vec<String>>,
}

/// The first words of lines.
const WORDS: [&str; 8] = ["policies", "component", "scope", "grant", "given", "allow", "ask", "deny"];

impl Table {
    /// Parses the text of a table.
    ///
    /// # Errors
    /// [`TableError`] for the first line that makes no sense.
    pub fn parse(text: &str) -> Result<Table, TableError> {
        let mut reader = Reader { preset: None, rows: Vec::new(), who: None, given: Circumstances::default() };
        for (index, line) in text.lines().enumerate() {
            let content = without_comment(line).trim();
            if !content.is_empty() {
                let number = index + 1;
                reader.read(number, content).map_err(|cause| TableError { line: number, cause })?;
            }
        }
        Ok(Table { preset: reader.preset, rows: reader.rows })
    }
}

impl Row {
    /// Asks the policies; gives the answer and, if it is not the expected one, what was expected.
    pub fn check(&self, policy: &Policy, subject: &Subject) -> (Explanation, Option<String>) {
        let explanation = policy.explain(subject, self.given.facts(), &self.asked);
        let failure = (!self.expected.fits(&explanation)).then(|| self.expected.to_string());
        (explanation, failure)
    }
}

impl Expected {
    /// Parses what stands in front of the colon.
    fn parse(text: &str) -> Result<Expected, String> {
        let (head, by) = match text.split_once(" by ") {
            Some((head, "nothing")) => (head, Some(Vec::new())),
            Some((head, by)) => (head, Some(by.split(',').map(|id| id.trim().to_owned()).collect())),
            None => (text, None),
        };
        let by = by.map(|mut by: Vec<String>| {
            by.sort_unstable();
            by
        });
        match head.split_whitespace().collect::<Vec<_>>().as_slice() {
            [word] => Ok(Expected { word: (*word).to_owned(), code: None, by }),
            ["deny", code] => Ok(Expected { word: "deny".to_owned(), code: Some((*code).to_owned()), by }),
            _ => {
                Err("write `allow`, `ask`, `deny` or `deny CODE`, then perhaps `by POLICY, POLICY`, then `: `"
                    .to_owned())
            }
        }
    }

    fn fits(&self, explanation: &Explanation) -> bool {
        let code = match &explanation.verdict {
            Verdict::Denied { code } => Some(code),
            Verdict::Allowed | Verdict::Asks => None,
        };
        let by = || {
            let mut by: Vec<_> = explanation.decided_by.iter().map(|policy| policy.id.clone()).collect();
            by.sort_unstable();
            by
        };
        self.word == explanation.verdict.word()
            && self.code.as_ref().is_none_or(|expected| Some(expected) == code)
            && self.by.as_ref().is_none_or(|expected| *expected == by())
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.word)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        match self.by.as_deref() {
            None => Ok(()),
            Some([]) => f.write_str(" by nothing"),
            Some(by) => write!(f, " by {}", by.join(", ")),
        }
    }
}

/// What the lines so far have said.
struct Reader {
    preset: Option<Preset>,
    rows: Vec<Row>,
    who: Option<Who>,
    given: Circumstances,
}

impl Reader {
    fn read(&mut self, line: usize, content: &str) -> Result<(), String> {
        let (word, rest) = content.split_once([' ', ':']).unwrap_or((content, ""));
        let rest = rest.trim();
        match word {
            "policies" if self.rows.is_empty() && self.preset.is_none() => {
                self.preset = Some(rest.parse().map_err(|err| format!("{err}"))?);
            }
            "policies" => return Err("`policies` stands once, in front of all rows".to_owned()),
            "component" => {
                let name = ComponentName::parse(rest).map_err(|err| err.to_string())?;
                self.who = Some(Who::Installed(name));
            }
            "scope" => {
                let scope = Grant::parse(rest).map_err(|err| err.to_string())?;
                let declared = &mut self.invented()?.declared;
                let scopes: Grants = declared.scopes().iter().cloned().chain([scope]).collect();
                *declared = scopes.into();
            }
            "grant" => {
                let grant = Grant::parse(rest).map_err(|err| err.to_string())?;
                let grants = &mut self.invented()?.grants;
                *grants = grants.iter().cloned().chain([grant.into()]).collect();
            }
            "given" => self.given = Circumstances::parse(rest.split_whitespace()).map_err(|err| err.to_string())?,
            "allow" | "ask" | "deny" => {
                let row = self.row(line, content)?;
                self.rows.push(row);
            }
            _ => {
                let meant = nearest(word, &WORDS).map(|known| format!(" (did you mean `{known}`?)"));
                let (word, meant) = (escape(word), meant.unwrap_or_default());
                return Err(format!("`{word}` begins no line{meant}; lines begin with {}", WORDS.join(", ")));
            }
        }
        Ok(())
    }

    fn row(&self, line: usize, content: &str) -> Result<Row, String> {
        let (expected, question) = content.split_once(": ").ok_or("write `: ` between the answer and the question")?;
        let (action, resource) = question.trim().split_once(' ').unwrap_or((question.trim(), ""));
        let wish = Wish::parse(action, resource, &self.given).map_err(|err| err.to_string())?;
        Ok(Row {
            line,
            text: content.to_owned(),
            who: self.who.clone().ok_or("say first who asks: `component NAME`")?,
            given: self.given.clone(),
            asked: wish.assumed().map_err(|err| err.to_string())?,
            expected: Expected::parse(expected)?,
        })
    }

    /// The component so far, made up from now on.
    fn invented(&mut self) -> Result<&mut Subject, String> {
        if let Some(Who::Installed(name)) = &self.who {
            self.who = Some(Who::Invented(Box::new(Subject {
                component: name.clone(),
                publisher: "table".to_owned(),
                digest: Digest([0; 32]),
                trust: Trust::Untrusted,
                declared: Grants::none().into(),
                grants: GivenGrants::none(),
            })));
        }
        match &mut self.who {
            Some(Who::Invented(subject)) => Ok(subject),
            Some(Who::Installed(_)) | None => Err("say first whose it is: `component NAME`".to_owned()),
        }
    }
}

/// A `#` begins a comment at the start of a line and after a space: in the middle of a word it is part of it.
fn without_comment(line: &str) -> &str {
    let at = line.match_indices('#').map(|(at, _)| at).find(|at| line[..*at].ends_with(' ') || *at == 0);
    at.map_or(line, |at| &line[..at])
}

#[cfg(test)]
mod tests;
