//! `sessions export`: a conversation as one file.

use std::io::{self, BufWriter};
use std::path::Path;

use claw_core::id::SessionKey;
use serde_json::{Value, json};

use super::super::{Exit, Failure};
use super::present;
use crate::client::Client;
use crate::export::{self, Form};

/// Messages that are asked for at a time.
const PAGE: u64 = 500;

pub(super) async fn export(
    client: &mut Client,
    key: &SessionKey,
    branch: Option<u64>,
    form: Form,
    file: Option<&Path>,
) -> Result<Exit, Failure> {
    let session = client.call("sessions.describe", json!({ "key": key })).await?["session"].clone();
    if session.is_null() {
        return Err(Failure::message(Exit::Failed, format!("there is no conversation `{key}`")));
    }
    let messages = messages(client, key, branch).await?;
    match file {
        Some(path) => {
            let file = export::create(path).map_err(|err| {
                let context = format!("cannot create `{}`", path.display());
                Failure::new(Exit::Failed, anyhow::Error::new(err).context(context))
            })?;
            let mut file = BufWriter::new(file);
            export::write(&mut file, form, &session, &messages)?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        }
        None => export::write(&mut io::stdout().lock(), form, &session, &messages)?,
    }
    Ok(Exit::Ok)
}

/// All messages, the oldest first; the pages come from the other end.
async fn messages(client: &mut Client, key: &SessionKey, branch: Option<u64>) -> Result<Vec<Value>, Failure> {
    let (mut messages, mut before) = (Vec::new(), Value::Null);
    loop {
        let params = json!({"sessionKey": key, "branch": branch, "before": before, "limit": PAGE});
        let page = client.call("chat.history", present(params)).await?;
        before = page["messages"][0]["__openclaw"]["seq"].clone();
        messages.extend(page["messages"].as_array().into_iter().flatten().rev().cloned());
        if page["hasMore"] != json!(true) || before.is_null() {
            messages.reverse();
            return Ok(messages);
        }
    }
}
