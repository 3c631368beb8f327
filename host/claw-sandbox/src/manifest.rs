//! What a component says about itself, checked.

use std::fmt;

use claw_core::channel::{Abilities, CALLED};
use claw_core::id::ToolName;
use serde::de::{DeserializeOwned, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A component's description of itself, as read at install.
///
/// It comes from a worker, so reading one checks it: a worker that its guest has taken over checks nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Claimed")]
pub struct Manifest {
    /// As the component calls itself.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One sentence for people.
    pub summary: String,
    /// What it offers.
    pub tools: Vec<ToolManifest>,
    /// What it wants.
    pub scopes: Vec<Scope>,
    /// What its channel can do, if it offers one.
    pub channel: Option<Abilities>,
}

/// One tool of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolManifest {
    /// Unique over all installed components.
    pub name: ToolName,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments, as text.
    pub schema: String,
    /// Whether its results carry text from outside the owner.
    pub untrusted_output: bool,
}

/// One wanted scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// A folder, and whether it is to be changed.
    Fs {
        /// `workspace`, `scratch` or a name of the owner's.
        folder: String,
        /// Whether files are to be changed.
        write: bool,
    },
    /// Servers.
    Http {
        /// `scheme://host[:port]` or `*`.
        pattern: String,
        /// Upper-case methods.
        methods: Vec<String>,
        /// Prefixes of the path; none for any path.
        paths: Vec<String>,
    },
    /// Programs: one pattern per argument.
    Exec(Vec<String>),
    /// Any other family, in the text form of its grant, e.g. `kv cache`.
    Other(String),
}

/// Tools, and scopes, of a component.
pub(crate) const TOOLS: usize = 64;
pub(crate) const SUMMARY_BYTES: usize = 1024;
pub(crate) const DESCRIPTION_BYTES: usize = 4096;
pub(crate) const SCHEMA_BYTES: usize = 64 << 10;

/// A manifest that nobody has checked.
#[derive(Deserialize)]
struct Claimed {
    name: String,
    version: String,
    summary: String,
    #[serde(deserialize_with = "few")]
    tools: Vec<ToolManifest>,
    #[serde(deserialize_with = "few")]
    scopes: Vec<Scope>,
    channel: Option<Abilities>,
}

impl TryFrom<Claimed> for Manifest {
    type Error = String;
    fn try_from(claimed: Claimed) -> Result<Manifest, String> {
        let Claimed { name, version, summary, tools, scopes, channel } = claimed;
        let manifest = Manifest { name, version, summary, tools, scopes, channel };
        manifest.check()?;
        Ok(manifest)
    }
}

/// A list that is not read beyond what is allowed: its elements are far larger in memory than on the wire.
fn few<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Few<T>(std::marker::PhantomData<T>);
    impl<'de, T: DeserializeOwned> Visitor<'de> for Few<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {TOOLS} elements")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut few = Vec::new();
            while let Some(element) = list.next_element()? {
                if few.len() == TOOLS {
                    return Err(A::Error::invalid_length(few.len() + 1, &self));
                }
                few.push(element);
            }
            Ok(few)
        }
    }
    deserializer.deserialize_seq(Few(std::marker::PhantomData))
}

impl Manifest {
    /// Checks what a component said.
    ///
    /// # Errors
    /// A sentence that names the offending part.
    pub(crate) fn check(&self) -> Result<(), String> {
        claw_core::id::ComponentName::parse(&self.name).map_err(|err| format!("E_PKG_NAME: {err}"))?;
        if self.version.is_empty() || self.version.len() > 64 || self.summary.len() > SUMMARY_BYTES {
            return Err("its version or summary is missing or too long".to_owned());
        }
        let offers_nothing = self.tools.is_empty() && self.channel.is_none();
        if offers_nothing || self.tools.len() > TOOLS || self.scopes.len() > TOOLS {
            return Err(format!("it needs 1 to {TOOLS} tools, or a channel, and at most {TOOLS} scopes"));
        }
        if let Some(channel) = &self.channel {
            channel.check()?;
            if let Some(tool) = self.tools.iter().find(|tool| CALLED.contains(&tool.name.as_str())) {
                return Err(format!(
                    "a channel cannot offer a tool `{}`, which is the host's name for its own",
                    tool.name
                ));
            }
        }
        for tool in &self.tools {
            let name = &tool.name;
            if tool.description.len() > DESCRIPTION_BYTES || tool.schema.len() > SCHEMA_BYTES {
                return Err(format!("the description or schema of tool `{name}` is too long"));
            }
            let schema: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&tool.schema);
            if schema.is_err() {
                return Err(format!("the schema of tool `{name}` is not a JSON object"));
            }
            if self.tools.iter().filter(|other| other.name == *name).count() > 1 {
                return Err(format!("tool `{name}` is listed twice"));
            }
        }
        Ok(())
    }
}
