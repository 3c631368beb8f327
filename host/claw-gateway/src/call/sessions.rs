//! What is asked about conversations.

use claw_core::id::{AgentId, Seq, SessionKey};

/// A conversation that is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewSession {
    /// That of this key.
    Key(SessionKey),
    /// A fresh one of an agent.
    Of(AgentId),
    /// A fresh one of an agent, of which nothing is kept.
    Incognito(AgentId),
}

/// What is to change about a conversation; at least one field has a value, and `Some(None)` takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionPatch {
    /// What it is called.
    pub label: Option<Option<String>>,
    /// The model that answers in it.
    pub model: Option<Option<String>>,
    /// How much that thinks.
    pub thinking: Option<Option<String>>,
    /// What becomes of messages that arrive while a run works.
    pub queue: Option<Option<String>>,
    /// Whether the assistant acts there, or only suggests; an addition of this host.
    pub mode: Option<Option<String>>,
}

/// What is asked about conversations. Each variant names the shape of its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionCall {
    /// `{ts, count, defaults, nextCursor?, sessions:[{key, kind, …}], …}`
    List(SessionsList),
    /// `{session}`: a row of the list, or `null`.
    Describe {
        /// Which.
        key: SessionKey,
    },
    /// `{ok:true, key, agentId, label?}`, or `{ok:false, candidates:[…]}`.
    Resolve {
        /// Its key or its label.
        name: SessionName,
    },
    /// `{ok:true, key, sessionId, entry, resolved:{modelProvider, model}}`; one that exists is taken as it is.
    Create {
        /// Which.
        new: NewSession,
        /// What is said of it.
        patch: SessionPatch,
    },
    /// `{ok:true, key, entry, resolved:{modelProvider, model}}`; the entry is `null` for one that has not begun.
    Patch {
        /// Which.
        key: SessionKey,
        /// What is to change.
        patch: SessionPatch,
    },
    /// `{results:[{sessionKey, label?, seq, role, timestamp, excerpt}], scanned, nextCursor?}`
    Search {
        /// What to look for.
        text: String,
        /// What the answer before gave.
        cursor: Option<String>,
        /// Results at most; 1 to 1000.
        limit: usize,
    },
    /// `{branches:[{branch, leafEntryId, headline, messageCount, updatedAt, active}]}`
    Branches {
        /// Of which.
        key: SessionKey,
    },
    /// `{ok:true, key, left}`
    Switch {
        /// Which.
        key: SessionKey,
        /// The branch to take up.
        branch: BranchName,
    },
    /// `{ok:true, key, entries, dropped, branch?, editorText?}`
    Rewind {
        /// Which.
        key: SessionKey,
        /// Where to.
        to: Place,
    },
    /// `{ok:true, sessionKey, editorText?, entry}`
    Fork {
        /// Which.
        key: SessionKey,
        /// Up to where.
        to: Place,
        /// The key of the new one; a fresh one if none is given.
        new: Option<SessionKey>,
    },
    /// `{ok:true, key, text, editorText, branch, dropped, files?}`; a method of this host.
    Undo {
        /// The conversation whose last turn is taken back, with the files that it has changed.
        key: SessionKey,
    },
    /// `{ok:true, key, …}`
    Reset {
        /// The conversation that starts anew.
        key: SessionKey,
    },
    /// `{ok:true, key, deleted, archived:[]}`
    Delete {
        /// Which.
        key: SessionKey,
    },
    /// `{deleted, more, sessions:[{key, updatedAt, error?}]}`
    Cleanup {
        /// Whether to delete them, or only to list them.
        enforce: bool,
        /// Those that did not change for so many days, 1 or more; what is configured if neither is given.
        older_days: Option<u64>,
        /// All but the last so many.
        keep: Option<u64>,
    },
}

/// What a conversation is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionName {
    /// Its key.
    Key(SessionKey),
    /// Its label.
    Label(String),
}

/// What a branch is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchName {
    /// Its number.
    Number(u64),
    /// Its last entry, as `RUN:SEQ`.
    Leaf(String),
}

/// A place in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its end.
    End,
    /// After this entry.
    After(Seq),
    /// Before this entry.
    Before(Seq),
    /// Before the last so many messages of people; 1 or more.
    Turns(u32),
}

/// Which conversations to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsList {
    /// Rows at most; 1 to 1000.
    pub limit: usize,
    /// Rows to skip.
    pub offset: usize,
    /// What the answer before gave.
    pub cursor: Option<String>,
    /// Only this agent's.
    pub agent: Option<AgentId>,
    /// Only those with this label.
    pub label: Option<String>,
    /// Only those whose key or label has this text.
    pub search: Option<String>,
    /// The incognito ones, and only these; a field of this host's.
    pub incognito: bool,
}
