//! Conversations, for clients.

use claw_core::event::HostEvent;
use claw_core::id::{RunId, SessionKey};
use claw_gateway::{
    BranchName, Caller, ChatHistory, NewSession, Place, RpcError, SessionCall, SessionName, SessionPatch, SessionsList,
};
use claw_store::{Page, PageEnd, Point, Retention, SessionQuery, StoreError, TasksOf};
use serde_json::{Value, json};

use super::obey::ENDING;
use super::{Api, by, session_view as view, stored};
use crate::checkpoints::{self, Undone};
use crate::host::{now, random_bits};
use crate::incognito;
use crate::masking::mask_line;
use crate::retention;

/// Conversations of one label that are named when it means several.
const CANDIDATES: usize = 20;
/// Tasks of a conversation among which those of a turn are looked for.
const TASKS: usize = 1000;
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

impl Api {
    pub(super) async fn session_call(&self, caller: &Caller, call: SessionCall) -> Result<Value, RpcError> {
        match call {
            SessionCall::List(list) => self.sessions(&list),
            SessionCall::Describe { key } => {
                let row = self.host.store_of(&key).session(&key).map_err(stored)?;
                Ok(json!({"session": row.as_ref().map(|row| view::session(&self.host, row))}))
            }
            SessionCall::Resolve { name } => self.resolve_session(name),
            SessionCall::Create { new, patch } => self.create(caller, new, patch).await,
            SessionCall::Patch { key, patch } => self.patch(caller, key, patch).await,
            SessionCall::Search { text, cursor, limit } => self.search(text, cursor, limit).await,
            SessionCall::Branches { key } => {
                Ok(view::branches(&self.host.store_of(&key).branches(&key).map_err(stored)?))
            }
            SessionCall::Switch { key, branch } => {
                let number = match branch {
                    BranchName::Number(number) => number,
                    BranchName::Leaf(leaf) => self.branch_of(&key, &leaf)?,
                };
                let left = self.host.store_of(&key).switch_branch(&key, number, now()).await.map_err(refused)?;
                self.changed(&key, "switch");
                Ok(json!({"ok": true, "key": key, "left": left}))
            }
            SessionCall::Rewind { key, to } => {
                let rewound = self.host.store_of(&key).rewind(&key, point(to), now()).await.map_err(refused)?;
                self.changed(&key, "rewind");
                Ok(view::rewound(&key, &rewound))
            }
            SessionCall::Undo { key } => {
                let (undone, sub_agents) = self.undo(caller, &key).await?;
                Ok(checkpoints::payload(&key, &undone, &sub_agents))
            }
            SessionCall::Fork { key, to, new } => self.fork(&key, to, new).await,
            SessionCall::Reset { key } => self.reset(key, &by(caller)).await,
            SessionCall::Delete { key } => {
                let deleted = self.delete(&key, &by(caller)).await.map_err(refused)?;
                Ok(json!({"ok": true, "key": key, "deleted": deleted, "archived": []}))
            }
            SessionCall::Cleanup { enforce, older_days, keep } => {
                let asked = Retention {
                    age: older_days.map(|days| DAY * u32::try_from(days).unwrap_or(u32::MAX)),
                    count: keep,
                };
                self.clean_up(caller, enforce, asked).await
            }
        }
    }

    pub(super) fn history(&self, page: &ChatHistory) -> Result<Value, RpcError> {
        // What was said with an agent that is gone is still there.
        if let Err(unknown) = self.agent(&page.session.agent())
            && self.host.store_of(&page.session).session(&page.session).map_err(stored)?.is_none()
        {
            return Err(unknown);
        }
        let end = match (page.before, page.offset) {
            (Some(before), _) => PageEnd::Before(before),
            (None, 0) => PageEnd::Newest,
            (None, offset) => PageEnd::Skip(offset as u64),
        };
        let history =
            self.host.store_of(&page.session).history(&page.session, page.branch, Page { end, limit: page.limit });
        let (own, ways) = self.ways(&page.session)?;
        Ok(view::history(&self.host, page, &history.map_err(refused)?, (&own, &ways)))
    }

    fn sessions(&self, list: &SessionsList) -> Result<Value, RpcError> {
        let cursor = list.cursor.as_ref().map(|cursor| cursor.parse()).transpose();
        let query = SessionQuery {
            limit: list.limit.saturating_add(list.offset),
            after: cursor.map_err(|why| RpcError::invalid(format!("invalid sessions.list params: {why}")))?,
            updated_since: None,
            agent: list.agent.clone(),
            title: list.label.clone(),
            text: list.search.clone(),
        };
        let store = if list.incognito { &self.host.incognito } else { &self.host.store };
        let page = store.sessions(&query).map_err(stored)?;
        Ok(view::sessions(&self.host, list, &page))
    }

    /// Begins a conversation in which nothing was said yet; one that is there is taken as it is.
    async fn create(&self, caller: &Caller, new: NewSession, patch: SessionPatch) -> Result<Value, RpcError> {
        let id = format!("{:032x}", random_bits());
        let name = format!("chat-{id}");
        let key = match new {
            NewSession::Key(key) => key,
            NewSession::Of(agent) => SessionKey::parse(&name, &agent).expect("api: hex makes a key"),
            NewSession::Incognito(agent) => SessionKey::incognito(&agent, &name).expect("api: hex makes a key"),
        };
        let SessionPatch { label, .. } = &patch;
        let label = label.clone().flatten();
        let change = self.change(caller, "sessions.create", &key, &patch).await?;
        let begun = self.host.store_of(&key).begin_session(&key, id, label.as_deref(), now());
        let session_id = begun.await.map_err(refused)?;
        self.changed(&key, "create");
        let mut created = self.preferring(&key, change).await?;
        created["sessionId"] = json!(session_id);
        Ok(created)
    }

    fn resolve_session(&self, name: SessionName) -> Result<Value, RpcError> {
        let rows = match name {
            SessionName::Key(key) => self.host.store_of(&key).session(&key).map_err(stored)?.into_iter().collect(),
            SessionName::Label(label) => {
                let query = SessionQuery { limit: CANDIDATES, title: Some(label), ..SessionQuery::default() };
                self.host.store.sessions(&query).map_err(stored)?.rows
            }
        };
        Ok(match rows.as_slice() {
            [row] => json!({"ok": true, "key": row.key, "agentId": row.key.agent(), "label": row.title}),
            rows => {
                let candidates = rows.iter().map(|row| view::session(&self.host, row));
                json!({"ok": false, "candidates": candidates.collect::<Vec<_>>()})
            }
        })
    }

    async fn search(&self, text: String, cursor: Option<String>, limit: usize) -> Result<Value, RpcError> {
        let cursor = cursor.map(|cursor| cursor.parse()).transpose();
        let cursor = cursor.map_err(|why| RpcError::invalid(format!("invalid sessions.search params: {why}")))?;
        let store = self.host.store.clone();
        let searched = tokio::task::spawn_blocking(move || store.search(&text, cursor.as_ref(), limit)).await;
        let page = searched.map_err(|err| RpcError::unavailable(err.to_string()))?.map_err(stored)?;
        Ok(view::found(&page))
    }

    fn branch_of(&self, key: &SessionKey, leaf: &str) -> Result<u64, RpcError> {
        let branches = self.host.store_of(key).branches(key).map_err(stored)?;
        let is_meant = |entry: &claw_core::message::Entry| view::entry_id(entry) == leaf;
        let meant = branches.into_iter().find(|branch| branch.last.as_ref().is_some_and(is_meant));
        meant.and_then(|branch| branch.number).ok_or_else(|| {
            RpcError::invalid(format!("no branch of `{key}` but that which is spoken on ends with the entry `{leaf}`"))
        })
    }

    async fn fork(&self, key: &SessionKey, to: Place, new: Option<SessionKey>) -> Result<Value, RpcError> {
        let id = random_bits();
        let fresh = || key.beside(&format!("fork-{id:032x}")).expect("api: hex makes a key");
        let new = new.unwrap_or_else(fresh);
        self.agent(&new.agent())?;
        let fork = self.host.store_of(key).fork(key, point(to), &new, format!("{id:032x}"), now());
        let row = fork.await.map_err(refused)?;
        self.changed(&new, "fork");
        Ok(json!({"ok": true, "sessionKey": new, "entry": view::session(&self.host, &row)}))
    }

    /// Takes the last turn back, with its files; also gives the sub-agents that have changed something for it.
    pub(super) async fn undo(&self, caller: &Caller, key: &SessionKey) -> Result<(Undone, Vec<SessionKey>), RpcError> {
        let host = &self.host;
        let undone =
            host.checkpoints.undo(key, &by(caller), |text| mask_line(&host.vault, text)).await.map_err(refused)?;
        self.changed(key, "rewind");
        let sub_agents = self.writers_below(key, undone.turn.runs.clone()).map_err(stored)?;
        Ok((undone, sub_agents))
    }

    /// The conversations that have changed files for these runs of a conversation.
    fn writers_below(&self, key: &SessionKey, runs: Vec<RunId>) -> Result<Vec<SessionKey>, StoreError> {
        let store = self.host.store_of(key);
        let (mut writers, mut above) = (Vec::new(), vec![(key.clone(), runs)]);
        while let Some((parent, runs)) = above.pop() {
            let tasks = store.tasks(&TasksOf::For(parent), None, TASKS)?;
            for row in tasks.into_iter().filter(|row| runs.contains(&row.task.parent_run)) {
                if store.checkpoint(&row.task.run)?.is_some() {
                    writers.push(row.task.session.clone());
                }
                above.push((row.task.session, vec![row.task.run]));
            }
        }
        Ok(writers)
    }

    async fn delete(&self, key: &SessionKey, by: &str) -> Result<bool, StoreError> {
        if key.is_incognito() {
            return incognito::end(&self.host, key, by).await;
        }
        let deleted = self.host.store.delete_session(key, by, now()).await?;
        self.host.checkpoints.forgotten();
        self.changed(key, "delete");
        Ok(deleted)
    }

    pub(super) async fn reset(&self, key: SessionKey, by: &str) -> Result<Value, RpcError> {
        self.agent(&key.agent())?;
        let stopped = self.stop(key.clone(), None).await?;
        let id = format!("{:032x}", random_bits());
        if key.is_incognito() {
            // What was said before is no branch of it: nothing is left.
            for run in stopped {
                self.wait(run, ENDING).await?;
            }
            let existed = incognito::end(&self.host, &key, by).await.map_err(refused)?;
            self.host.incognito.begin_session(&key, id.clone(), None, now()).await.map_err(refused)?;
            self.changed(&key, "reset");
            return Ok(json!({"ok": true, "key": key, "sessionId": id, "existed": existed}));
        }
        let known = self.host.store.reset_session(&key, id.clone(), now()).await.map_err(stored)?;
        self.changed(&key, "reset");
        Ok(json!({"ok": true, "key": key, "sessionId": id, "existed": known}))
    }

    async fn clean_up(&self, caller: &Caller, enforce: bool, asked: Retention) -> Result<Value, RpcError> {
        let retention = if asked == Retention::default() { self.host.retention } else { asked };
        if enforce {
            let deleted = retention::delete(&self.host, retention, &by(caller)).await.map_err(stored)?;
            let more = !self.host.store.stale_sessions(retention, now()).map_err(stored)?.is_empty();
            return Ok(view::cleaned(&deleted, more));
        }
        let stale = self.host.store.stale_sessions(retention, now()).map_err(stored)?;
        Ok(view::stale(&stale))
    }

    pub(super) fn changed(&self, key: &SessionKey, reason: &'static str) {
        self.host.tell(HostEvent::SessionChanged { session: key.clone(), reason, at: now() });
    }
}

fn point(place: Place) -> Point {
    match place {
        Place::End => Point::End,
        Place::After(seq) => Point::After(seq),
        Place::Before(seq) => Point::Before(seq),
        Place::Turns(turns) => Point::Turns(turns),
    }
}

pub(super) fn unknown(key: &SessionKey) -> RpcError {
    refused(StoreError::UnknownSession { session: key.clone() })
}

/// What the caller can do something about is their fault, not the store's.
pub(super) fn refused(err: StoreError) -> RpcError {
    match err {
        StoreError::UnknownSession { .. }
        | StoreError::UnknownBranch { .. }
        | StoreError::UnknownEntry { .. }
        | StoreError::SessionTaken { .. }
        | StoreError::Busy { .. }
        | StoreError::WrongRoom { .. }
        | StoreError::MemoryFull { .. }
        | StoreError::Title { .. } => RpcError::invalid(err.to_string()),
        StoreError::NotAPoint { before, after, .. } => {
            RpcError::invalid(err.to_string()).with_details(json!({"before": before, "after": after}))
        }
        err => stored(err),
    }
}
