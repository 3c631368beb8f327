//! What is told with a question, as `key=value`.

use claw_core::id::{AgentId, RunId, SessionKey, Timestamp};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::mode::Mode;
use claw_core::rfc3339;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use super::{WishError, nearest};
use crate::subject::Facts;

/// The facts of a run, and those of one action of it.
///
/// Without a word about it, the owner is there and talks in the agent's main conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    facts: Facts,
    /// What only some actions have, not yet parsed.
    details: Vec<(String, String)>,
}

/// The cause of a label that was only said.
const SAID: &str = "as the question says";

/// What can be said of every run.
const FACTS: [&str; 7] = ["session", "agent", "origin", "person_present", "tainted", "private", "time"];

/// What the host computes from the rest of the question.
const COMPUTED: [(&str, &str); 8] = [
    ("hour", "it follows from `time`"),
    ("weekday", "it follows from `time`"),
    ("approved", "each question is asked without and with an approval"),
    ("granted", "it follows from the component's grants"),
    ("argv", "it is the resource: write the program with its arguments"),
    ("subcommand", "it is the first argument of the program"),
    ("method", "it stands in front of the URL"),
    ("path", "it is part of the URL"),
];

impl Default for Circumstances {
    fn default() -> Self {
        let agent = AgentId::parse("main").expect("given: the literal is an agent");
        let facts = Facts {
            session: SessionKey::parse("main", &agent).expect("given: the literal is a session"),
            run: RunId::parse("question").expect("given: the literal is a run"),
            origin: Origin::Owner,
            person_present: true,
            labels: Labels::default(),
            mode: Mode::Act,
            at: Timestamp(0),
        };
        Circumstances { facts, details: Vec::new() }
    }
}

impl Circumstances {
    /// Parses pairs such as `person_present=false`. What is not named keeps its default; the later pair counts.
    ///
    /// # Errors
    /// [`WishError`] for a text without `=`, a value that makes no sense, and a fact that the host computes.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Circumstances, WishError> {
        let mut given = Circumstances::default();
        let (mut session, mut agent) = ("main".to_owned(), given.facts.session.agent());
        for pair in pairs {
            let wrong = |form: String| WishError::Value { key: pair.to_owned(), text: String::new(), form };
            let (key, value) = pair.split_once('=').ok_or_else(|| wrong("write `key=value`".to_owned()))?;
            let wrong = |form: String| WishError::Value { key: key.to_owned(), text: value.to_owned(), form };
            if let Some((key, rule)) = COMPUTED.into_iter().find(|(known, _)| *known == key) {
                return Err(WishError::Computed { key, rule });
            }
            match key {
                "session" => session = value.to_owned(),
                "agent" => agent = AgentId::parse(value).map_err(|err| wrong(err.to_string()))?,
                "origin" => {
                    let text: StrDeserializer<'_, Error> = value.into_deserializer();
                    given.facts.origin = Origin::deserialize(text).map_err(|err| wrong(err.to_string()))?;
                }
                "tainted" => given.facts.labels.tainted = parse_flag(key, value)?.then(|| SAID.to_owned()),
                "private" => given.facts.labels.private = parse_flag(key, value)?.then(|| SAID.to_owned()),
                "time" => {
                    let form = || wrong("write a moment such as `2026-11-21T17:00:00Z`".to_owned());
                    given.facts.at = rfc3339::parse(value).ok_or_else(form)?;
                }
                "person_present" => given.facts.person_present = parse_flag(key, value)?,
                _ => given.details.push((key.to_owned(), value.to_owned())),
            }
        }
        let parsed = SessionKey::parse(&session, &agent);
        given.facts.session = parsed.map_err(|err| WishError::Value {
            key: "session".to_owned(),
            text: session,
            form: err.to_string(),
        })?;
        Ok(given)
    }

    /// What is known of the run.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// A fact of the action.
    pub(super) fn detail(&self, key: &str) -> Option<&str> {
        self.details.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Refuses facts that `action` does not have.
    pub(super) fn expect_only(&self, action: &str, details: &[&'static str]) -> Result<(), WishError> {
        let Some((key, _)) = self.details.iter().find(|(key, _)| !details.contains(&key.as_str())) else {
            return Ok(());
        };
        let known = [&FACTS, details].concat();
        let nearest = nearest(key, &known);
        Err(WishError::Key { action: action.to_owned(), key: crate::visible::escape(key), nearest, known })
    }
}

/// `true` or `false`.
pub(super) fn parse_flag(key: &str, text: &str) -> Result<bool, WishError> {
    let form = "write `true` or `false`".to_owned();
    text.parse().map_err(|_| WishError::Value { key: key.to_owned(), text: text.to_owned(), form })
}
