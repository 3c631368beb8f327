//! One entry of the record: what was decided, answered, done or changed, in bounded printable text.

use std::fmt::Write;

use claw_core::id::{ApprovalId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp};
use serde::{Deserialize, Serialize, Serializer};

/// Bytes of a subject. A command or URL that a person reads is shorter; the digest stands for the rest.
const SUBJECT_BYTES: usize = 512;
/// Bytes of an outcome: the longest sentences of refusals fit.
const OUTCOME_BYTES: usize = 1024;
/// Bytes of a name.
const NAME_BYTES: usize = 256;
/// Bytes of a session key: the longest ones fit.
const SESSION_BYTES: usize = 512;
/// In the place of texts of incognito conversations.
const WITHHELD: &str = "(incognito)";
/// Policies that one entry names.
const POLICIES: usize = 32;

/// One entry of the record.
///
/// Also its form on disk and in the export, as JSON: new fields are optional, and none changes its name. What guests,
/// models and peers have chosen in it is made harmless when it is recorded; secrets must be masked before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub kind: AuditKind,
    /// Who did it, e.g. `component:exec`, `ws:owner` or `host`.
    pub actor: String,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "harmless_session")]
    pub session: Option<SessionKey>,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The tool call inside that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The position of the effect in that call; its start and its end share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<u32>,
    /// The component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentName>,
    /// The action in the policy's words, e.g. `exec.run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What the action is about, or what has changed, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The digest of exactly the call, the component or the policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Why the run counted as having read content from outside, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tainted: Option<String>,
    /// Why the run counted as having read the owner's data, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<String>,
    /// The policies that decided, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided_by: Vec<String>,
    /// The approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
    /// The stable code of a refusal, e.g. `E_EXEC_DENIED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What came of it, where the kind does not say that already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What an entry is about: a group and what happened in it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum AuditKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl AuditKind {
            /// Every kind there is.
            pub const ALL: &[AuditKind] = &[$(AuditKind::$variant),+];

            /// Its name, e.g. `decision.deny`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(AuditKind::$variant => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// The host started.
    HostStarted = "host.started",
    /// A setting is not what it was at the last start.
    ConfigChanged = "config.changed",
    /// Policies are in force.
    PoliciesLoaded = "policies.loaded",
    /// The owner's newest policies are not valid; the last ones stay.
    PoliciesRejected = "policies.rejected",
    /// A secret is new, was changed or is gone.
    SecretChanged = "secret.changed",
    /// A client wanted what its scopes do not allow.
    RequestRefused = "request.refused",
    /// A component, or another build of it, is there for the first time.
    ComponentInstalled = "component.installed",
    /// A component is not there any more.
    ComponentRemoved = "component.removed",
    /// A component stays off, or was turned off.
    ComponentRefused = "component.refused",
    /// A skill of ClawHub was installed, or another version of it.
    SkillInstalled = "skill.installed",
    /// A skill of ClawHub was removed.
    SkillRemoved = "skill.removed",
    /// Something was revoked: it must not run.
    RevocationAdded = "revocation.added",
    /// A revocation was taken back.
    RevocationRemoved = "revocation.removed",
    /// A signed list of revocations is in force.
    RevocationList = "revocation.list",
    /// A component was given a grant.
    GrantGiven = "grant.given",
    /// A component lost a grant.
    GrantRemoved = "grant.removed",
    /// A component may do nothing until its owner lets it go on.
    ComponentPaused = "component.paused",
    /// A paused component was let go on.
    ComponentResumed = "component.resumed",
    /// A call that can change files by itself is about to be decided and run.
    CallRequested = "call.requested",
    /// An action was allowed.
    DecisionAllow = "decision.allow",
    /// A person was to be asked.
    DecisionAsk = "decision.ask",
    /// An action was refused.
    DecisionDeny = "decision.deny",
    /// A question was put to a person.
    ApprovalAsked = "approval.asked",
    /// A person answered it.
    ApprovalAnswered = "approval.answered",
    /// Nobody answered it in time.
    ApprovalExpired = "approval.expired",
    /// Its run ended before anybody answered it.
    ApprovalWithdrawn = "approval.withdrawn",
    /// A yes was used up by the effect that it allowed.
    ApprovalUsed = "approval.used",
    /// A conversation was deleted, with its runs and approvals.
    SessionDeleted = "session.deleted",
    /// The last turn of a conversation was taken back, with the files that it had changed.
    SessionUndone = "session.undone",
    /// A channel has taken a message of the outbox.
    OutboxSent = "outbox.sent",
    /// A message of the outbox is not tried again.
    OutboxDead = "outbox.dead",
    /// The owner lets a dead message of the outbox be tried again.
    OutboxRetried = "outbox.retried",
    /// The owner has dropped a message of the outbox.
    OutboxDropped = "outbox.dropped",
    /// An effect began.
    EffectStarted = "effect.started",
    /// An effect is over.
    EffectEnded = "effect.ended",
    /// A copy of the home was made.
    BackupMade = "backup.made",
    /// Entries older than the owner wants to keep were removed.
    AuditPruned = "audit.pruned",
}

impl AuditKind {
    /// Whether `wanted` names this kind or its group, e.g. `decision`.
    pub fn is(self, wanted: &str) -> bool {
        self.as_str() == wanted || self.as_str().split_once('.').is_some_and(|(group, _)| group == wanted)
    }

    /// Whether `text` names any kind or group.
    pub fn is_known(text: &str) -> bool {
        AuditKind::ALL.iter().any(|kind| kind.is(text))
    }
}

impl AuditEntry {
    /// An entry that says only what happened, when, and who did it.
    pub fn new(kind: AuditKind, actor: impl Into<String>, at: Timestamp) -> Self {
        AuditEntry {
            at,
            kind,
            actor: actor.into(),
            session: None,
            run: None,
            call: None,
            effect: None,
            component: None,
            action: None,
            subject: None,
            digest: None,
            tainted: None,
            private: None,
            decided_by: Vec::new(),
            approval: None,
            code: None,
            outcome: None,
        }
    }

    /// Whether it is of this conversation.
    pub(super) fn is_of(&self, session: &SessionKey) -> bool {
        let shown = line(session.as_str(), SESSION_BYTES);
        self.session.as_ref().is_some_and(|own| own.as_str() == shown)
    }

    /// The entry as it is recorded: of an incognito conversation that something happened, and no text that could hold
    /// what was said in it.
    pub(super) fn withheld(self) -> Self {
        if !self.session.as_ref().is_some_and(SessionKey::is_incognito) {
            return self;
        }
        let withhold = |text: Option<String>| text.map(|_| WITHHELD.to_owned());
        AuditEntry {
            subject: withhold(self.subject),
            tainted: withhold(self.tainted),
            private: withhold(self.private),
            outcome: withhold(self.outcome),
            ..self
        }
    }

    /// The text that is kept and hashed: one line of printable ASCII.
    pub(super) fn encode(mut self) -> String {
        self.actor = line(&self.actor, NAME_BYTES);
        for (text, bytes) in [
            (&mut self.action, NAME_BYTES),
            (&mut self.subject, SUBJECT_BYTES),
            (&mut self.tainted, SUBJECT_BYTES),
            (&mut self.private, SUBJECT_BYTES),
            (&mut self.code, NAME_BYTES),
            (&mut self.outcome, OUTCOME_BYTES),
        ] {
            *text = text.take().map(|text| line(&text, bytes));
        }
        self.decided_by.truncate(POLICIES);
        self.decided_by.iter_mut().for_each(|policy| *policy = line(policy, NAME_BYTES));
        serde_json::to_string(&self).expect("audit: our entries always serialize")
    }
}

/// A text as the record shows it: printable ASCII in one line, and not longer than `bytes` and a note of the rest.
///
/// Escaping again changes nothing, so that the lines of a card, which come escaped, stay as they are.
pub(super) fn line(text: &str, bytes: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(bytes));
    for (place, c) in text.char_indices() {
        if shown.len() >= bytes {
            write!(shown, "... ({} bytes more)", text.len() - place).expect("audit: a string takes every write");
            break;
        }
        match c {
            ' '..='~' => shown.push(c),
            c => shown.extend(c.escape_default()),
        }
    }
    shown
}

fn harmless_session<S: Serializer>(session: &Option<SessionKey>, serializer: S) -> Result<S::Ok, S::Error> {
    session.as_ref().map(|session| line(session.as_str(), SESSION_BYTES)).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_printable_and_bounded_and_stays_as_it_is_the_second_time() {
        // AU-03
        assert_eq!(line("a\u{1b}[31m\nb\u{202e}ü\\n", 99), "a\\u{1b}[31m\\nb\\u{202e}\\u{fc}\\n");
        assert_eq!(line(&"x".repeat(15_000), 20), format!("{}... (14980 bytes more)", "x".repeat(20)));
        let once = line("tab\tand \u{0} and é", 99);
        assert_eq!(line(&once, 99), once);
    }

    #[test]
    fn a_kind_is_found_by_its_name_and_by_its_group() {
        assert!(AuditKind::DecisionDeny.is("decision") && AuditKind::DecisionDeny.is("decision.deny"));
        assert!(!AuditKind::DecisionDeny.is("decision.") && !AuditKind::DecisionDeny.is("deny"));
        assert!(AuditKind::is_known("effect") && !AuditKind::is_known(""));
        for kind in AuditKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn an_entry_is_one_line_of_ascii_whatever_stands_in_it() {
        // AU-03: 15 KB, line breaks and colours, in every field that somebody else can choose.
        let nasty = "\u{1b}[31m\r\nevil\u{202e}\0é".repeat(1000);
        let session = SessionKey::parse("agent:main:\u{202e}x", &claw_core::id::AgentId::parse("main").unwrap());
        let entry = AuditEntry {
            session: Some(session.unwrap()),
            action: Some(nasty.clone()),
            subject: Some(nasty.clone()),
            tainted: Some(nasty.clone()),
            private: Some(nasty.clone()),
            code: Some(nasty.clone()),
            outcome: Some(nasty.clone()),
            decided_by: vec![nasty.clone(); 99],
            ..AuditEntry::new(AuditKind::DecisionDeny, nasty, Timestamp(1))
        };
        let text = entry.encode();
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
        assert!(text.len() < 16 << 10, "{}", text.len());
        let read: AuditEntry = serde_json::from_str(&text).unwrap();
        assert!(read.subject.unwrap().ends_with("bytes more)"));
    }
}
