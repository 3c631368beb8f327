//! The installed components as the policies know them.

use std::path::Path;

use anyhow::Context;
use claw_core::id::{ComponentName, Digest, ToolName};
use claw_policy::{Declared, Given, Grants, Subject, Trust};
use serde_json::{Value, json};

use super::super::{Exit, Failure};
use crate::app;
use crate::client::{Client, ClientError};

/// A component and its tools.
pub(super) type Known = (Subject, Vec<ToolName>);

/// All of them: those of the running host, or those that its next start would find.
pub(super) async fn all(home: &Path) -> Result<Vec<Known>, Failure> {
    let mut client = match Client::connect(home).await {
        Ok(client) => client,
        Err(ClientError::NotRunning { .. } | ClientError::Gone { .. }) => return app::installed(home).await,
        Err(err) => return Err(err.into()),
    };
    let list = client.call("components.list", json!({})).await?;
    let known = list["components"].as_array().into_iter().flatten().map(parse).collect::<anyhow::Result<_>>();
    known.map_err(|err| Failure::new(Exit::Failed, err.context("the host describes its components in an unknown way")))
}

/// One of them.
pub(super) async fn one(home: &Path, name: &ComponentName) -> Result<Known, Failure> {
    let known = all(home).await?;
    let names: Vec<_> = known.iter().map(|(subject, _)| subject.component.to_string()).collect();
    known.into_iter().find(|(subject, _)| subject.component == *name).ok_or_else(|| missing(name, &names))
}

/// There is no such component.
pub(super) fn missing(name: &ComponentName, installed: &[String]) -> Failure {
    let message = format!("no component `{name}` is installed");
    Failure::message(Exit::Failed, message).hint(format!("installed are: {}", installed.join(", ")))
}

fn given(row: &Value) -> anyhow::Result<Given> {
    let terms = serde_json::from_value(row["terms"].clone()).context("`terms` are unknown")?;
    Ok(Given::parse(row["grant"].as_str().context("`grant` is missing")?, terms)?)
}

fn parse(component: &Value) -> anyhow::Result<Known> {
    let text = |key: &str| component[key].as_str().with_context(|| format!("`{key}` is missing"));
    let texts = |key: &str| component[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let declared = match component["families"].is_null() {
        true => Declared::Scopes(Grants::parse(texts("scopes"))?),
        false => Declared::Imports(serde_json::from_value(component["families"].clone())?),
    };
    let subject = Subject {
        component: ComponentName::parse(text("name")?)?,
        publisher: text("publisher")?.to_owned(),
        digest: Digest::parse(text("digest")?)?,
        trust: if text("trust")? == Trust::Shipped.as_str() { Trust::Shipped } else { Trust::Untrusted },
        declared,
        grants: component["given"].as_array().into_iter().flatten().map(given).collect::<anyhow::Result<_>>()?,
    };
    let tools = texts("tools").map(ToolName::parse).collect::<Result<_, _>>()?;
    Ok((subject, tools))
}
