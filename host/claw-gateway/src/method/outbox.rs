//! Parameters of `outbox.*`.

use serde::Deserialize;
use serde_json::Value;

use super::{Request, host, page, parse};
use crate::call::{Call, OutboxCall, OutboxChoice, OutboxList};

/// The words of the protocol.
const STATES: [&str; 3] = ["waiting", "sending", "dead"];
/// Messages that one request can name.
const MOST: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    state: Option<String>,
    limit: Option<u64>,
    cursor: Option<u64>,
}

pub(super) fn list(params: Value) -> Result<Request, String> {
    let ListParams { state, limit, cursor } = parse(params)?;
    if let Some(unknown) = state.as_ref().filter(|state| !STATES.contains(&state.as_str())) {
        let shown: String = unknown.chars().take(40).flat_map(char::escape_default).collect();
        return Err(format!("`{shown}` is no state; there are {}", STATES.join(", ")));
    }
    let list = OutboxList { state, limit: page(limit), after: cursor.unwrap_or(0) };
    host(Call::Outbox(OutboxCall::List(list)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoiceParams {
    #[serde(default)]
    ids: Vec<u64>,
    #[serde(default)]
    all: bool,
}

fn choice(params: Value) -> Result<OutboxChoice, String> {
    match parse(params)? {
        ChoiceParams { ids, all: true } if ids.is_empty() => Ok(OutboxChoice::AllDead),
        ChoiceParams { ids, all: false } if (1..=MOST).contains(&ids.len()) => Ok(OutboxChoice::These(ids)),
        _ => Err(format!("name 1 to {MOST} messages in `ids`, or all dead ones with `all`")),
    }
}

pub(super) fn retry(params: Value) -> Result<Request, String> {
    host(Call::Outbox(OutboxCall::Retry(choice(params)?)))
}

pub(super) fn drop(params: Value) -> Result<Request, String> {
    host(Call::Outbox(OutboxCall::Drop(choice(params)?)))
}
