//! Parameters of `sessions.*`.

use claw_core::id::{AgentId, Seq, SessionKey};
use claw_core::route;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Request, here, host, page, parse, saturating, session};
use crate::call::{BranchName, Call, NewSession, Place, SessionCall, SessionName, SessionPatch, SessionsList};

/// Bytes of what is searched for.
const SEARCH_BYTES: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    limit: Option<u64>,
    offset: Option<u64>,
    cursor: Option<String>,
    agent_id: Option<AgentId>,
    label: Option<String>,
    search: Option<String>,
    #[serde(default)]
    incognito: bool,
}

pub(super) fn list(params: Value) -> Result<Request, String> {
    let params: ListParams = parse(params)?;
    if params.cursor.is_some() && params.offset.is_some_and(|offset| offset > 0) {
        return Err("`cursor` and `offset` exclude each other".to_owned());
    }
    asked(SessionCall::List(SessionsList {
        limit: page(params.limit),
        offset: saturating(params.offset),
        cursor: params.cursor,
        agent: params.agent_id,
        label: params.label.filter(|text| !text.is_empty()),
        search: params.search.filter(|text| !text.is_empty()),
        incognito: params.incognito,
    }))
}

/// Most methods call it `key`, those for branches `sessionKey`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyParams {
    #[serde(alias = "sessionKey")]
    key: String,
    agent_id: Option<AgentId>,
}

impl KeyParams {
    fn read(params: &Value) -> Result<SessionKey, String> {
        let KeyParams { key, agent_id } = parse(params.clone())?;
        session(Some(&key), agent_id)
    }
}

pub(super) fn describe(params: Value) -> Result<Request, String> {
    asked(SessionCall::Describe { key: KeyParams::read(&params)? })
}

pub(super) fn reset(params: Value) -> Result<Request, String> {
    asked(SessionCall::Reset { key: KeyParams::read(&params)? })
}

pub(super) fn delete(params: Value) -> Result<Request, String> {
    asked(SessionCall::Delete { key: KeyParams::read(&params)? })
}

pub(super) fn branches(params: Value) -> Result<Request, String> {
    asked(SessionCall::Branches { key: KeyParams::read(&params)? })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResolveParams {
    key: Option<String>,
    label: Option<String>,
    agent_id: Option<AgentId>,
}

pub(super) fn resolve(params: Value) -> Result<Request, String> {
    let ResolveParams { key, label, agent_id } = parse(params)?;
    let name = match (key, label) {
        (Some(key), None) => SessionName::Key(session(Some(&key), agent_id)?),
        (None, Some(label)) => SessionName::Label(label),
        _ => return Err("give `key` or `label`".to_owned()),
    };
    asked(SessionCall::Resolve { name })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchParams {
    query: String,
    cursor: Option<String>,
    limit: Option<u64>,
}

pub(super) fn search(params: Value) -> Result<Request, String> {
    let SearchParams { query: text, cursor, limit } = parse(params)?;
    match text.len() {
        0 => return Err("`query` is empty".to_owned()),
        1..=SEARCH_BYTES => {}
        _ => return Err(format!("`query` has more than {SEARCH_BYTES} bytes")),
    }
    asked(SessionCall::Search { text, cursor, limit: page(limit) })
}

/// Other fields of upstream's are refused: ignored, they would look as though they had counted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PatchParams {
    key: String,
    agent_id: Option<AgentId>,
    #[serde(default, deserialize_with = "given")]
    label: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    model: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    thinking_level: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    queue_mode: Option<Option<String>>,
    /// Of this host: `act` or `suggest`.
    #[serde(default, deserialize_with = "given")]
    mode: Option<Option<String>>,
}

/// Others of upstream's are refused here, too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateParams {
    key: Option<String>,
    agent_id: Option<AgentId>,
    label: Option<String>,
    model: Option<String>,
    thinking_level: Option<String>,
    #[serde(default)]
    incognito: bool,
}

pub(super) fn create(params: Value) -> Result<Request, String> {
    let CreateParams { key, agent_id, label, model, thinking_level, incognito } = parse(params)?;
    let new = match key {
        None if incognito => NewSession::Incognito(agent_id.unwrap_or_else(route::main)),
        None => NewSession::Of(agent_id.unwrap_or_else(route::main)),
        Some(key) => {
            let key = session(Some(&key), agent_id)?;
            if incognito && !key.is_incognito() {
                return Err("the key of an incognito conversation has a name that begins with `incognito:`; leave `key` out for a fresh one".to_owned());
            }
            NewSession::Key(key)
        }
    };
    let patch = SessionPatch {
        label: label.map(Some),
        model: model.map(Some),
        thinking: thinking_level.map(Some),
        queue: None,
        mode: None,
    };
    asked(SessionCall::Create { new, patch })
}

/// Tells a `null`, which takes a value away, from a field that is not there.
fn given<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(field).map(Some)
}

pub(super) fn patch(params: Value) -> Result<Request, String> {
    let PatchParams { key, agent_id, label, model, thinking_level: thinking, queue_mode: queue, mode } = parse(params)?;
    let patch = SessionPatch { label, model, thinking, queue, mode };
    if patch == SessionPatch::default() {
        return Err("give `label`, `model`, `thinkingLevel`, `queueMode` or `mode`".to_owned());
    }
    asked(SessionCall::Patch { key: session(Some(&key), agent_id)?, patch })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SwitchParams {
    branch: Option<u64>,
    leaf_entry_id: Option<String>,
}

pub(super) fn switch(params: Value) -> Result<Request, String> {
    let key = KeyParams::read(&params)?;
    let branch = match parse(params)? {
        SwitchParams { branch: Some(number), leaf_entry_id: None } => BranchName::Number(number),
        SwitchParams { branch: None, leaf_entry_id: Some(leaf) } => BranchName::Leaf(leaf),
        _ => return Err("give `leafEntryId` or `branch`".to_owned()),
    };
    asked(SessionCall::Switch { key, branch })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlaceParams {
    /// Upstream's: the entry of a message, which is taken back for editing.
    entry_id: Option<String>,
    /// The last entry that stays; 0 keeps none.
    after: Option<Seq>,
    /// Messages of people that are taken back.
    turns: Option<u32>,
}

impl PlaceParams {
    fn read(params: &Value) -> Result<Option<Place>, String> {
        match parse(params.clone())? {
            PlaceParams { entry_id: None, after: None, turns: None } => Ok(None),
            PlaceParams { entry_id: Some(id), after: None, turns: None } => {
                let seq = id.rsplit_once(':').and_then(|(_, seq)| seq.parse().ok());
                seq.map(|seq| Some(Place::Before(Seq(seq)))).ok_or_else(|| "`entryId` is none of an entry".to_owned())
            }
            PlaceParams { entry_id: None, after: Some(seq), turns: None } => Ok(Some(Place::After(seq))),
            PlaceParams { entry_id: None, after: None, turns: Some(0) } => Err("`turns` begin at 1".to_owned()),
            PlaceParams { entry_id: None, after: None, turns: Some(turns) } => Ok(Some(Place::Turns(turns))),
            _ => Err("`entryId`, `after` and `turns` exclude each other".to_owned()),
        }
    }
}

pub(super) fn rewind(params: Value) -> Result<Request, String> {
    let to = PlaceParams::read(&params)?.ok_or("give `entryId`, `after` or `turns`")?;
    asked(SessionCall::Rewind { key: KeyParams::read(&params)?, to })
}

pub(super) fn undo(params: Value) -> Result<Request, String> {
    asked(SessionCall::Undo { key: KeyParams::read(&params)? })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ForkParams {
    new_key: Option<String>,
}

pub(super) fn fork(params: Value) -> Result<Request, String> {
    let key = KeyParams::read(&params)?;
    let to = PlaceParams::read(&params)?.unwrap_or(Place::End);
    let ForkParams { new_key } = parse(params)?;
    let new = new_key.map(|new| session(Some(&new), Some(key.agent()))).transpose()?;
    asked(SessionCall::Fork { key, to, new })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CleanupParams {
    #[serde(default)]
    enforce: bool,
    older_days: Option<u64>,
    keep: Option<u64>,
}

pub(super) fn cleanup(params: Value) -> Result<Request, String> {
    let CleanupParams { enforce, older_days, keep } = parse(params)?;
    if older_days == Some(0) {
        return Err("`olderDays` begin at 1".to_owned());
    }
    asked(SessionCall::Cleanup { enforce, older_days, keep })
}

/// Every connection with the scope sees all events; a subscription only has to be acknowledged.
pub(super) fn messages_subscription(params: Value, subscribed: bool) -> Result<Request, String> {
    here(json!({"subscribed": subscribed, "key": KeyParams::read(&params)?}))
}

fn asked(call: SessionCall) -> Result<Request, String> {
    host(Call::Sessions(call))
}
