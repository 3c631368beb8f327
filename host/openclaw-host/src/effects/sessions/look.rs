//! Looking at conversations: the list of them, and what was said.

use std::collections::HashMap;

use claw_core::effect::{EffectError, Reach, SessionEntry, SessionPage, SessionSummary, SessionsPlan};
use claw_core::id::{Seq, SessionKey};
use claw_core::label::Labels;
use claw_core::message::{Entry, Message};
use claw_policy::Action;
use claw_store::{Page, PageEnd, SessionQuery, SessionRow};

use super::{Effects, outside_of_its_own, unreadable};
use crate::tasks;

/// Conversations of a list, and messages of a page.
const MOST: u32 = 100;
/// Characters of one message.
const ENTRY_CHARS: usize = 4000;
/// Bytes of a page.
const PAGE_BYTES: usize = 64 << 10;
/// The list of all conversations, among keys.
const ALL: &str = "*";

impl Effects {
    pub(super) async fn own_sessions(&self, limit: u32) -> Result<Vec<SessionSummary>, EffectError> {
        let own = &self.context.facts.session;
        let index = self.admit_look(Reach { key: own.to_string(), own: true }).await?;
        let store = &self.context.host.store;
        let mut found = Vec::new();
        let known = self.latest_tasks()?;
        for session in known.keys() {
            if store.descends(session, own).map_err(unreadable)? {
                found.extend(store.session(session).map_err(unreadable)?);
            }
        }
        found.sort_by(|a, b| (b.updated, &b.key).cmp(&(a.updated, &a.key)));
        found.truncate(limit.clamp(1, MOST) as usize);
        self.ended(index, format!("{} conversations", found.len())).await?;
        Ok(found.into_iter().map(|row| self.summary(row, &known)).collect())
    }

    pub(super) async fn all_sessions(&self, limit: u32) -> Result<Vec<SessionSummary>, EffectError> {
        if self.context.lineage.sub_agent.is_some() {
            return Err(outside_of_its_own());
        }
        let index = self.admit_look(Reach { key: ALL.to_owned(), own: false }).await?;
        let agent = Some(self.context.facts.session.agent());
        let query = SessionQuery { limit: limit.clamp(1, MOST) as usize, agent, ..SessionQuery::default() };
        let rows = self.context.host.store.sessions(&query).map_err(unreadable)?.rows;
        self.label(Labels::private("the list of conversations")).await?;
        self.ended(index, format!("{} conversations", rows.len())).await?;
        let known = self.latest_tasks()?;
        Ok(rows.into_iter().map(|row| self.summary(row, &known)).collect())
    }

    pub(super) async fn session_history(
        &self,
        key: &str,
        limit: u32,
        before: Option<u64>,
    ) -> Result<SessionPage, EffectError> {
        let (session, reach) = self.reach(key)?;
        let is_own = reach.own;
        let index = self.admit_look(reach).await?;
        let store = &self.context.host.store;
        let row = store.session(&session).map_err(unreadable)?.ok_or_else(|| not_there(&session))?;
        // What has flowed into that conversation flows on into the one that reads it.
        self.label(row.labels.clone()).await?;
        if !is_own {
            self.label(Labels::private(&format!("the conversation `{session}`"))).await?;
        }
        if row.labels.tainted.is_some() {
            let _ = self.brought.set(format!("the conversation `{session}`, into which content from outside has come"));
        }
        let end = before.map_or(PageEnd::Newest, |before| PageEnd::Before(Seq(before)));
        let page = Page { end, limit: limit.clamp(1, MOST) as usize };
        let history = store.history(&session, None, page).map_err(unreadable)?;
        let (mut bytes, mut entries, mut first) = (0, Vec::new(), None);
        let mut has_more = history.more;
        for entry in history.entries.iter().rev() {
            let Some(shown) = self.entry(entry) else { continue };
            bytes += shown.text.len();
            if bytes > PAGE_BYTES && !entries.is_empty() {
                has_more = true;
                break;
            }
            first = Some(entry.seq.0);
            entries.push(shown);
        }
        entries.reverse();
        self.ended(index, format!("{} messages of `{session}`", entries.len())).await?;
        Ok(SessionPage { entries, before: first.filter(|_| has_more) })
    }

    async fn admit_look(&self, reach: Reach) -> Result<u32, EffectError> {
        let (_, index) = self.admit(Action::UseSessions(SessionsPlan::Read(reach))).await?;
        Ok(index)
    }

    /// For each conversation that does or did a task: its name and where the latest one stands.
    fn latest_tasks(&self) -> Result<HashMap<SessionKey, (String, &'static str)>, EffectError> {
        let mut latest = HashMap::new();
        for row in self.context.host.store.tasks().map_err(unreadable)? {
            let label = row.sub_agent.map(|agent| agent.label).unwrap_or_default();
            latest.entry(row.task.session).or_insert((label, tasks::state(&row.state)));
        }
        Ok(latest)
    }

    fn summary(&self, row: SessionRow, known: &HashMap<SessionKey, (String, &'static str)>) -> SessionSummary {
        let (label, state) = known.get(&row.key).cloned().unwrap_or_default();
        let title = self.spoken(&row.title.unwrap_or(label));
        SessionSummary { key: row.key.to_string(), title, updated_ms: row.updated.0, state: state.to_owned() }
    }

    fn entry(&self, entry: &Entry) -> Option<SessionEntry> {
        let (role, text) = match &entry.message {
            Message::User { text } => ("user", text.clone()),
            Message::Assistant { text, calls, .. } => {
                let calls = calls.iter().map(|call| format!("[calls {}]", call.tool));
                let parts = std::iter::once(text.clone()).chain(calls).filter(|part| !part.is_empty());
                ("assistant", parts.collect::<Vec<_>>().join("\n"))
            }
            Message::Tool { tool, outcome, .. } => ("tool", format!("{tool}: {}", outcome.text())),
            Message::Notice { text } => ("host", text.clone()),
            // Only the model was told these, and of what stands here anyway.
            Message::Summary { .. } | Message::Instruction { .. } => return None,
        };
        let mut kept: String = text.chars().take(ENTRY_CHARS).collect();
        if kept.len() < text.len() {
            kept.push_str(" [cut]");
        }
        Some(SessionEntry { role: role.to_owned(), text: self.spoken(&kept) })
    }
}

pub(super) fn not_there(session: &SessionKey) -> EffectError {
    EffectError::NotFound(format!("there is no conversation `{session}`; `sessions_list` shows those that there are"))
}
