//! Grants of other conversations.

use std::fmt;

use claw_core::effect::SessionsPlan;

/// What may be done with conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionsGrant {
    /// `own`: look at the run's own conversation and at those that it has started.
    Own,
    /// `read`: look at every conversation.
    Read,
    /// `send`: say something in every conversation.
    Send,
    /// `spawn`: start sub-agents, look at them and say something to them.
    Spawn,
    /// `read-write`: all of it.
    ReadWrite,
}

impl SessionsGrant {
    const ALL: [SessionsGrant; 5] =
        [SessionsGrant::Own, SessionsGrant::Read, SessionsGrant::Send, SessionsGrant::Spawn, SessionsGrant::ReadWrite];

    pub(super) fn parse(text: &str) -> Option<SessionsGrant> {
        SessionsGrant::ALL.into_iter().find(|grant| grant.as_str() == text)
    }

    /// The word behind `sessions`.
    pub fn as_str(self) -> &'static str {
        match self {
            SessionsGrant::Own => "own",
            SessionsGrant::Read => "read",
            SessionsGrant::Send => "send",
            SessionsGrant::Spawn => "spawn",
            SessionsGrant::ReadWrite => "read-write",
        }
    }

    pub(super) fn in_words(self) -> &'static str {
        match self {
            SessionsGrant::Own => "look at the sub-agents that your conversation has started",
            SessionsGrant::Read => "read all of your conversations",
            SessionsGrant::Send => "say something in all of your conversations",
            SessionsGrant::Spawn => "start sub-agents and talk to them",
            SessionsGrant::ReadWrite => "read all of your conversations, say something in them, and start sub-agents",
        }
    }

    pub(super) fn covers(self, plan: &SessionsPlan) -> bool {
        match self {
            SessionsGrant::Own => matches!(plan, SessionsPlan::Read(reach) if reach.own),
            SessionsGrant::Read => matches!(plan, SessionsPlan::Read(_)),
            SessionsGrant::Send => matches!(plan, SessionsPlan::Send { .. }),
            SessionsGrant::Spawn => match plan {
                SessionsPlan::Read(reach) | SessionsPlan::Send { to: reach, .. } => reach.own,
                SessionsPlan::Spawn(_) => true,
            },
            SessionsGrant::ReadWrite => true,
        }
    }

    /// The narrowest that covers a plan.
    pub(super) fn narrowest(plan: &SessionsPlan) -> SessionsGrant {
        let found = SessionsGrant::ALL.into_iter().find(|grant| grant.covers(plan));
        found.expect("grant: the last one covers every plan")
    }
}

impl fmt::Display for SessionsGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
