//! A parked call that waits for a person: its card, and its life.
//!
//! ```text
//! Pending ──answer: once, always──► Approved ──use──► Used
//!    ├─────answer: deny, pause────► Denied
//!    ├─────expire, or an answer after its time──► Expired
//!    └─────withdraw───────────────► Withdrawn
//! ```

use serde::{Deserialize, Serialize};

use crate::grant::Terms;
use crate::id::{ApprovalId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp};

/// Everything a person sees before saying yes or no. Rendered from the plan, never from guest text alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The action in the policy's words, e.g. `exec.run`.
    pub action: String,
    /// One line: what is about to happen.
    pub title: String,
    /// Label and value, in the order in which they are shown; values are already escaped and never cut.
    pub lines: Vec<(String, String)>,
}

/// One approval as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its name.
    pub id: ApprovalId,
    /// The conversation whose run asked.
    pub session: SessionKey,
    /// The run that waits.
    pub run: RunId,
    /// The tool call inside that run.
    pub call: CallId,
    /// Who asks.
    pub component: ComponentName,
    /// The digest of its bytes: what is allowed for good is allowed to exactly this build.
    pub build: Digest,
    /// The digest of exactly the plan that will run.
    pub digest: Digest,
    /// What the person sees.
    pub card: Card,
    /// For `exec.run`: one element per argument. Empty otherwise.
    pub argv: Vec<String>,
    /// For `exec.run`: the working directory.
    pub cwd: Option<String>,
    /// What the owner may allow for good instead of once, the narrowest first; empty where nothing is safe enough.
    pub choices: Vec<Choice>,
    /// When it was asked.
    pub created: Timestamp,
    /// From then on it counts as denied.
    pub expires: Timestamp,
    /// Where it stands.
    pub state: ApprovalState,
}

/// The life of an approval. `Pending` moves once; `Approved` is used once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ApprovalState {
    /// Nobody has answered.
    Pending,
    /// The owner said yes.
    Approved {
        /// Who answered, e.g. `ws:owner`.
        by: String,
        /// When.
        at: Timestamp,
        /// The grant that came with it, for the calls after this one.
        always: Option<String>,
    },
    /// The owner said no.
    Denied {
        /// Who answered.
        by: String,
        /// When.
        at: Timestamp,
        /// Whether the component may do nothing more until its owner lets it go on.
        paused: bool,
    },
    /// Nobody answered in time.
    Expired,
    /// The effect that it allowed has been started; it allows nothing more.
    Used {
        /// When.
        at: Timestamp,
    },
    /// Its run ended before anybody answered.
    Withdrawn,
}

/// Something that an owner may allow for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What it would allow, in words.
    pub label: String,
    /// The grant's text form.
    pub grant: String,
    /// On what terms.
    pub terms: Terms,
}

/// What a person answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Exactly this call, once.
    Once,
    /// This call, and what a choice of the card allows.
    Always(Always),
    /// Not this call.
    Deny,
    /// Not this call, and nothing more of this component until its owner lets it go on.
    Pause,
}

/// Which choice of a card, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Always {
    /// Its position on the card, from 0.
    pub choice: u8,
    /// For so many effects.
    pub uses: Option<u32>,
    /// For so many milliseconds from the answer on.
    pub for_ms: Option<u64>,
}

/// What can befall an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A person answers.
    Answer(Answer, &'a str),
    /// Its time is up.
    Expire,
    /// Its run has ended.
    Withdraw,
    /// The effect that it allows starts.
    Use,
}

impl Approval {
    /// Where it stands after a step; `None` if the step does not count.
    ///
    /// An answer after its time expires it: the clock of the host decides, not the order of arrival.
    pub fn after(&self, step: &Step<'_>, at: Timestamp) -> Option<ApprovalState> {
        match (&self.state, step) {
            (ApprovalState::Pending, Step::Answer(..)) if at >= self.expires => Some(ApprovalState::Expired),
            (ApprovalState::Pending, Step::Answer(answer, by)) => self.answered(*answer, (*by).to_owned(), at),
            (ApprovalState::Pending, Step::Expire) => Some(ApprovalState::Expired),
            (ApprovalState::Pending, Step::Withdraw) => Some(ApprovalState::Withdrawn),
            (ApprovalState::Approved { .. }, Step::Use) => Some(ApprovalState::Used { at }),
            _ => None,
        }
    }

    fn answered(&self, answer: Answer, by: String, at: Timestamp) -> Option<ApprovalState> {
        Some(match answer {
            Answer::Once => ApprovalState::Approved { by, at, always: None },
            Answer::Always(always) => {
                let choice = self.choices.get(usize::from(always.choice))?;
                ApprovalState::Approved { by, at, always: Some(choice.grant.clone()) }
            }
            Answer::Deny => ApprovalState::Denied { by, at, paused: false },
            Answer::Pause => ApprovalState::Denied { by, at, paused: true },
        })
    }

    /// The grant that an answer gives.
    pub fn chosen(&self, answer: Answer, at: Timestamp) -> Option<Choice> {
        let Answer::Always(Always { choice, uses, for_ms }) = answer else { return None };
        let mut choice = self.choices.get(usize::from(choice))?.clone();
        choice.terms.uses = uses;
        choice.terms.until = for_ms.map(|for_ms| at.plus(std::time::Duration::from_millis(for_ms)));
        Some(choice)
    }
}

impl ApprovalState {
    /// Whether an answer still counts.
    pub fn is_pending(&self) -> bool {
        matches!(self, ApprovalState::Pending)
    }

    /// The word shown to people and programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            ApprovalState::Pending => "pending",
            ApprovalState::Approved { .. } => "approved",
            ApprovalState::Denied { .. } => "denied",
            ApprovalState::Expired => "expired",
            ApprovalState::Used { .. } => "used",
            ApprovalState::Withdrawn => "withdrawn",
        }
    }
}

#[cfg(test)]
mod tests;
