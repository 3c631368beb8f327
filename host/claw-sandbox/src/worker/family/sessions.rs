//! `openclaw:sessions`: other conversations, and sub-agents.

use claw_core::effect::{EffectReply, EffectRequest, SessionSummary, SessionsReply, SessionsRequest, SpawnRequest};

use super::other_family;
use crate::worker::bindings::openclaw::sessions::sessions;
use crate::worker::bindings::openclaw::types::types::Error;
use crate::worker::guest::Guest;

impl Guest {
    fn ask_sessions(&self, request: SessionsRequest) -> Result<SessionsReply, Error> {
        match self.ask(EffectRequest::Sessions(request))? {
            EffectReply::Sessions(reply) => Ok(reply),
            _ => Err(other_family()),
        }
    }

    fn list(&self, request: SessionsRequest) -> Result<Vec<sessions::Summary>, Error> {
        let summary =
            |SessionSummary { key, title, updated_ms, state }| sessions::Summary { key, title, updated_ms, state };
        match self.ask_sessions(request)? {
            SessionsReply::List(list) => Ok(list.into_iter().map(summary).collect()),
            _ => Err(other_family()),
        }
    }

    fn start(&self, request: SessionsRequest) -> Result<sessions::Started, Error> {
        match self.ask_sessions(request)? {
            SessionsReply::Started(started) => Ok(sessions::Started { key: started.key, task: started.run }),
            _ => Err(other_family()),
        }
    }
}

impl sessions::Host for Guest {
    fn children(&mut self, limit: u32) -> Result<Vec<sessions::Summary>, Error> {
        self.list(SessionsRequest::Own { limit })
    }

    fn all(&mut self, limit: u32) -> Result<Vec<sessions::Summary>, Error> {
        self.list(SessionsRequest::All { limit })
    }

    fn history(&mut self, key: String, limit: u32, before: Option<u64>) -> Result<sessions::Page, Error> {
        match self.ask_sessions(SessionsRequest::History { key, limit, before })? {
            SessionsReply::History(page) => {
                let entries = page.entries.into_iter();
                let entries = entries.map(|entry| sessions::Entry { role: entry.role, text: entry.text }).collect();
                Ok(sessions::Page { entries, before: page.before })
            }
            _ => Err(other_family()),
        }
    }

    fn send(&mut self, key: String, text: String) -> Result<sessions::Started, Error> {
        self.start(SessionsRequest::Send { key, text })
    }

    fn spawn(&mut self, agent: sessions::Agent) -> Result<sessions::Started, Error> {
        let sessions::Agent { task, label, tools, seconds } = agent;
        self.start(SessionsRequest::Spawn(SpawnRequest { task, label, tools, seconds }))
    }
}
