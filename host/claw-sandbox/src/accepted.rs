//! What a component said of itself when its owner accepted it, as text.
//!
//! The text is kept with what was accepted, compared with what the component says at each start, and shown from then on.
//! It has to be read by every later release, so it has a form of its own, in which what has its default is left out: a
//! new part must have one, and nothing that is there may change its name.

use claw_core::channel::Abilities;
use claw_core::id::{Digest, ToolName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

use crate::manifest::{Manifest, Scope, ToolManifest};
use crate::plain::{Function, Plain};
use crate::sandbox::Component;

/// Counted up when a text could be misread without it.
const FORM: u32 = 1;

/// Why a component is not what was accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptedError {
    /// It says something else now.
    #[error("it says something else of itself")]
    Changed,
    /// The text cannot be read.
    #[error("what was accepted of it cannot be read: {0}")]
    Unreadable(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Told {
    form: u32,
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    summary: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToldTool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<ToldScope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<ToldChannel>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ToldTool {
    name: ToolName,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    /// As text, since the component gave it as text.
    schema: String,
    #[serde(default, skip_serializing_if = "is_false")]
    untrusted_output: bool,
    /// Which function it is, of a component that does not describe itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    function: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum ToldScope {
    Fs {
        folder: String,
        #[serde(default, skip_serializing_if = "is_false")]
        write: bool,
    },
    Http {
        pattern: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        methods: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        paths: Vec<String>,
    },
    Exec(Vec<String>),
    Other(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ToldChannel {
    text_limit: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    idempotent: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    edits: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    file_limit: u32,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Component {
    /// What it says of itself, or what its types say, as text to be kept.
    pub fn told(&self) -> String {
        let Manifest { name, version, summary, tools, scopes, channel } = self.manifest.clone();
        let tools = tools.into_iter().map(|ToolManifest { name, description, schema, untrusted_output }| {
            let path = self.plain.as_ref().and_then(|plain| plain.path(&self.manifest, name.as_str()));
            ToldTool { function: path.map(str::to_owned), name, description, schema, untrusted_output }
        });
        let tools = tools.collect();
        let scopes = scopes.into_iter().map(ToldScope::from).collect();
        let channel = channel.map(|Abilities { text_limit, idempotent, edits, file_limit }| ToldChannel {
            text_limit,
            idempotent,
            edits,
            file_limit,
        });
        let told = Told { form: FORM, name, version, summary, tools, scopes, channel };
        serde_json::to_string(&told).expect("accepted: plain words always serialize")
    }

    /// The component as it was accepted with this text, which is what it shows from now on.
    ///
    /// One that does not describe itself keeps the tools and texts that were made of its types then: it has no say in
    /// them, and its types are those of the same bytes.
    ///
    /// # Errors
    /// [`AcceptedError`] if it describes itself otherwise now, or if the text makes no sense.
    pub fn as_told(self, text: &str) -> Result<Component, AcceptedError> {
        let told = Told::parse(text)?;
        let functions: Option<Vec<_>> = told.tools.iter().map(ToldTool::function).collect();
        let mut manifest = Manifest::try_from(told)?;
        let Some(plain) = &self.plain else {
            return if manifest == self.manifest { Ok(self) } else { Err(AcceptedError::Changed) };
        };
        let functions = functions.ok_or_else(|| AcceptedError::Unreadable("a tool has no function".to_owned()))?;
        // Labels may become stricter, and never laxer.
        let outside = self.manifest.tools.iter().any(|tool| tool.untrusted_output);
        manifest.tools.iter_mut().for_each(|tool| tool.untrusted_output |= outside);
        let plain = Plain { functions, ..Plain::clone(plain) };
        Ok(Component { manifest, plain: Some(Arc::new(plain)), ..self })
    }

    /// Whether this is what an earlier release has accepted, of which it kept only the SHA-256.
    ///
    /// What does not describe itself always is: its bytes are the same.
    pub fn had_digest(&self, digest: &Digest) -> bool {
        let is_it = |with_channel| Digest(Sha256::digest(hashed(&self.manifest, with_channel)).into()) == *digest;
        // Releases that knew of no channels hashed none.
        self.plain.is_some() || is_it(true) || self.manifest.channel.is_none() && is_it(false)
    }
}

impl Manifest {
    /// What a component said of itself, from the text that was kept of it.
    ///
    /// # Errors
    /// [`AcceptedError::Unreadable`].
    pub fn from_told(text: &str) -> Result<Manifest, AcceptedError> {
        Told::parse(text)?.try_into()
    }
}

impl Told {
    fn parse(text: &str) -> Result<Told, AcceptedError> {
        let told: Told = serde_json::from_str(text).map_err(|err| AcceptedError::Unreadable(err.to_string()))?;
        match told.form {
            FORM => Ok(told),
            form => Err(AcceptedError::Unreadable(format!("it has the form {form}, and this host reads {FORM}"))),
        }
    }
}

impl ToldTool {
    fn function(&self) -> Option<Function> {
        let ToldTool { description, schema, function, .. } = self;
        Some(Function { path: function.clone()?, description: description.clone(), schema: schema.clone() })
    }
}

impl TryFrom<Told> for Manifest {
    type Error = AcceptedError;
    fn try_from(told: Told) -> Result<Manifest, AcceptedError> {
        let Told { form: _, name, version, summary, tools, scopes, channel } = told;
        let tool = |ToldTool { name, description, schema, untrusted_output, function: _ }| ToolManifest {
            name,
            description,
            schema,
            untrusted_output,
        };
        let manifest = Manifest {
            name,
            version,
            summary,
            tools: tools.into_iter().map(tool).collect(),
            scopes: scopes.into_iter().map(Scope::from).collect(),
            channel: channel.map(|ToldChannel { text_limit, idempotent, edits, file_limit }| Abilities {
                text_limit,
                idempotent,
                edits,
                file_limit,
            }),
        };
        manifest.check().map_err(AcceptedError::Unreadable)?;
        Ok(manifest)
    }
}

impl From<Scope> for ToldScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Fs { folder, write } => ToldScope::Fs { folder, write },
            Scope::Http { pattern, methods, paths } => ToldScope::Http { pattern, methods, paths },
            Scope::Exec(argv) => ToldScope::Exec(argv),
            Scope::Other(text) => ToldScope::Other(text),
        }
    }
}

impl From<ToldScope> for Scope {
    fn from(scope: ToldScope) -> Self {
        match scope {
            ToldScope::Fs { folder, write } => Scope::Fs { folder, write },
            ToldScope::Http { pattern, methods, paths } => Scope::Http { pattern, methods, paths },
            ToldScope::Exec(argv) => Scope::Exec(argv),
            ToldScope::Other(text) => Scope::Other(text),
        }
    }
}

/// What earlier releases hashed: their struct as JSON, with the names that its parts had in the program.
fn hashed(manifest: &Manifest, with_channel: bool) -> String {
    let Manifest { name, version, summary, tools, scopes, channel } = manifest;
    let tools: Vec<_> = tools
        .iter()
        .map(|ToolManifest { name, description, schema, untrusted_output }| {
            json!({"name": name, "description": description, "schema": schema, "untrusted_output": untrusted_output})
        })
        .collect();
    let scopes: Vec<_> = scopes
        .iter()
        .map(|scope| match scope {
            Scope::Fs { folder, write } => json!({"Fs": {"folder": folder, "write": write}}),
            Scope::Http { pattern, methods, paths } => {
                json!({"Http": {"pattern": pattern, "methods": methods, "paths": paths}})
            }
            Scope::Exec(argv) => json!({ "Exec": argv }),
            Scope::Other(text) => json!({ "Other": text }),
        })
        .collect();
    let mut all = json!({"name": name, "version": version, "summary": summary, "tools": tools, "scopes": scopes});
    if with_channel {
        all["channel"] = channel.map_or(Value::Null, |Abilities { text_limit, idempotent, edits, .. }| {
            json!({"text-limit": text_limit, "idempotent": idempotent, "edits": edits})
        });
    }
    all.to_string()
}

#[cfg(test)]
mod tests;
