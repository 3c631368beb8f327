//! Looking at conversations: the list of them, and what was said.

use std::collections::HashSet;

use claw_core::effect::{EffectError, Reach, SessionEntry, SessionPage, SessionSummary, SessionsPlan};
use claw_core::id::{Seq, SessionKey};
use claw_core::image;
use claw_core::label::Labels;
use claw_core::message::{Entry, Message};
use claw_policy::Action;
use claw_store::{Page, PageEnd, SessionQuery, SessionRow, TasksOf};

use super::{Effects, outside_of_its_own, unreadable};
use crate::tasks;

/// Conversations of a list, and messages of a page.
const MOST: u32 = 100;
/// Characters of one message.
const ENTRY_CHARS: usize = 4000;
/// Bytes of a page.
const PAGE_BYTES: usize = 64 << 10;
/// Conversations below its own that a run may look through.
const DESCENDANTS: usize = 1000;
/// The list of all conversations, among keys.
const ALL: &str = "*";

impl Effects {
    pub(super) async fn own_sessions(&self, limit: u32) -> Result<Vec<SessionSummary>, EffectError> {
        let own = &self.context.facts.session;
        let index = self.admit_look(Reach { key: own.to_string(), own: true }).await?;
        let store = self.context.store();
        let mut found = Vec::new();
        for session in self.descendants(own)? {
            found.extend(store.session(&session).map_err(unreadable)?);
        }
        found.sort_by(|a, b| (b.updated, &b.key).cmp(&(a.updated, &a.key)));
        found.truncate(limit.clamp(1, MOST) as usize);
        self.ended(index, format!("{} conversations", found.len())).await?;
        found.into_iter().map(|row| self.summary(row)).collect()
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
        rows.into_iter().map(|row| self.summary(row)).collect()
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
        let store = self.context.host.store_of(&session);
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

    /// The conversations that `own` has started, directly or through others; those of the newest work if there are many.
    fn descendants(&self, own: &SessionKey) -> Result<Vec<SessionKey>, EffectError> {
        let store = self.context.store();
        let (mut found, mut looked_at) = (vec![own.clone()], 0);
        let mut known = HashSet::from([own.clone()]);
        while let Some(parent) = found.get(looked_at).cloned() {
            looked_at += 1;
            let left = DESCENDANTS.saturating_sub(found.len());
            for row in store.tasks(&TasksOf::For(parent.clone()), None, left).map_err(unreadable)? {
                let is_child = row.sub_agent.is_some_and(|agent| agent.parent == parent);
                if is_child && known.insert(row.task.session.clone()) {
                    found.push(row.task.session);
                }
            }
        }
        Ok(found.split_off(1))
    }

    fn summary(&self, row: SessionRow) -> Result<SessionSummary, EffectError> {
        let of = TasksOf::By(row.key.clone());
        let latest = self.context.host.store_of(&row.key).tasks(&of, None, 1).map_err(unreadable)?.pop();
        let state = latest.as_ref().map_or("", |task| tasks::state(&task.state)).to_owned();
        let label = latest.and_then(|task| task.sub_agent).map(|agent| agent.label);
        let title = self.spoken(&row.title.or(label).unwrap_or_default());
        Ok(SessionSummary { key: row.key.to_string(), title, updated_ms: row.updated.0, state })
    }

    fn entry(&self, entry: &Entry) -> Option<SessionEntry> {
        let (role, text) = match &entry.message {
            Message::User { text, images } => ("user", image::told(text, images)),
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
