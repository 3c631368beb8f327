//! What is to be sent over channels, for clients.

use claw_gateway::{OutboxCall, OutboxChoice, OutboxList, RpcError};
use claw_store::{Content, OutgoingRow, OutgoingState, Store};
use serde_json::{Value, json};

use super::stored;
use crate::host::now;

/// Messages that are changed in one transaction.
const AT_ONCE: usize = 1000;
/// Characters of a message that a list shows.
const SHOWN_CHARS: usize = 80;

/// What is done with messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Retry,
    Drop,
}

pub(super) async fn answer(store: &Store, by: &str, call: OutboxCall) -> Result<Value, RpcError> {
    match call {
        OutboxCall::List(list) => messages(store, &list),
        OutboxCall::Retry(choice) => change(store, by, Deed::Retry, choice).await,
        OutboxCall::Drop(choice) => change(store, by, Deed::Drop, choice).await,
    }
}

fn messages(store: &Store, list: &OutboxList) -> Result<Value, RpcError> {
    let mut rows = store.outbox(list.state.as_deref(), list.after, list.limit).map_err(stored)?;
    let next = rows.last().filter(|_| rows.len() == list.limit).map(|row| row.id);
    let messages: Vec<_> = rows.drain(..).map(message).collect();
    Ok(json!({"messages": messages, "nextCursor": next}))
}

async fn change(store: &Store, by: &str, deed: Deed, choice: OutboxChoice) -> Result<Value, RpcError> {
    let perform = async |ids: Vec<u64>| match deed {
        Deed::Retry => store.retry_outgoing(ids, by, now()).await.map_err(stored),
        Deed::Drop => store.drop_outgoing(ids, by, now()).await.map_err(stored),
    };
    let ids = match choice {
        OutboxChoice::These(ids) => ids,
        OutboxChoice::AllDead => {
            // Once through the list: what dies again meanwhile is left for the next time.
            let (mut done, mut after) = (0, 0);
            loop {
                let rows = store.outbox(Some(OutgoingState::Dead.as_str()), after, AT_ONCE).map_err(stored)?;
                let Some(last) = rows.last() else { return Ok(json!({"done": done, "left": []})) };
                after = last.id;
                done += perform(rows.iter().map(|row| row.id).collect()).await?.len();
            }
        }
    };
    let done = perform(ids.clone()).await?;
    let mut left = Vec::new();
    for id in ids.into_iter().filter(|id| !done.contains(id)) {
        let reason = match store.outgoing(id).map_err(stored)? {
            None => "it is not there".to_owned(),
            Some(row) => format!("it is {}", row.state.as_str()),
        };
        left.push(json!({"id": id, "reason": reason}));
    }
    Ok(json!({"done": done.len(), "left": left}))
}

fn message(row: OutgoingRow) -> Value {
    let OutgoingRow { id, to, content, session, run, created, expires, state, since, attempts, why, unsure, .. } = row;
    let next = match state {
        OutgoingState::Waiting { next } => Some(next.0),
        OutgoingState::Sending | OutgoingState::Dead => None,
    };
    let words = content.words().split_whitespace().flat_map(|word| word.chars().chain([' ']));
    let file = match &content {
        Content::Text(_) => Value::Null,
        Content::File(file) => json!({"name": file.name, "mediaType": file.media_type, "bytes": file.bytes}),
    };
    json!({
        "id": id,
        "state": state.as_str(),
        "channel": to.source.channel,
        "account": to.source.account,
        "chat": to.id,
        "sessionKey": session,
        "runId": run,
        "createdAt": created.0,
        "expiresAt": expires.0,
        "since": since.0,
        "nextAttemptAt": next,
        "attempts": attempts,
        "error": why,
        "mayHaveCome": unsure,
        "text": words.take(SHOWN_CHARS).collect::<String>().trim_end(),
        "file": file,
    })
}

#[cfg(test)]
mod tests;
