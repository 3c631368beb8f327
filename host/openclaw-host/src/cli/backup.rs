//! `backup`: a copy of the home, by the host that runs there or, without one, by this program.

use std::path::Path;
use std::time::Duration;

use claw_store::Blobs;
use serde_json::{Value, json};

use super::output::word;
use super::{Exit, Failure, Output};
use crate::client::{Client, ClientError};
use crate::home::BLOBS;
use crate::settings::{self, Flags};
use crate::{app, backup};

/// How long the host may take: a workspace can have hundreds of gigabytes.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) async fn backup(to: &Path, home: &Path, output: &Output) -> Result<Exit, Failure> {
    let to = std::path::absolute(to)?;
    let made = match Client::connect(home).await {
        Ok(mut client) => client.call_within(PATIENCE, "backup.create", json!({"path": to.to_string_lossy()})).await?,
        Err(ClientError::NotRunning { .. } | ClientError::Gone { .. }) if app::store_path(home).exists() => {
            alone(home, &to).await?
        }
        Err(err) => return Err(err.into()),
    };
    output.data(&made, |made| {
        let left: Vec<_> = made["skipped"].as_array().into_iter().flatten().map(skipped).collect();
        format!(
            "{} is a home of its own, with {} files of {} bytes beside the store; the key to the secrets is not in it{}",
            to.display(),
            made["files"],
            made["bytes"],
            left.concat(),
        )
    })?;
    Ok(Exit::Ok)
}

/// Nobody else changes the home meanwhile.
async fn alone(home: &Path, to: &Path) -> Result<Value, Failure> {
    let settings = settings::read(home, &Flags::default())?.settings;
    let agents = std::iter::once(&settings.agent).chain(settings.agents.values());
    let workspaces = agents.map(|agent| agent.workspace.clone()).collect();
    let store = app::look_into_store(home)?;
    let made = backup::create(home, workspaces, &store, &Blobs::new(home.join(BLOBS)), to).await;
    store.close();
    Ok(made.map_err(|err| Failure::new(Exit::Failed, err))?.view(to))
}

fn skipped(left: &Value) -> String {
    format!("\nnot in it: {}: {}", word(&left["path"]), word(&left["why"]))
}
