//! Plain components: those that export functions of their own rather than our world. What they offer is read from their
//! types, without running any of their code.
//!
//! ```text
//!   types of the exports ─► Form ─► JSON Schema, signature          (compiler's process, at install)
//!   arguments as JSON ─► Form ─► values ─► the function ─► JSON     (worker, at each call)
//! ```

mod docs;
mod form;
mod name;
mod reflect;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use claw_core::id::ComponentName;
use claw_policy::Family;
use serde::{Deserialize, Serialize};

pub(crate) use self::docs::Words;
pub(crate) use self::form::Signature;
pub(crate) use self::reflect::{outside, reflect};
use crate::manifest::{Manifest, ToolManifest};

/// What a component offers, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Described {
    /// It said so itself.
    Itself(Manifest),
    /// It was read from its types.
    ByTypes(Plain),
}

/// What is known of a component that does not describe itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plain {
    /// What it imports that can be granted.
    pub families: BTreeSet<Family>,
    /// Exports that are no tools, each with the reason, in one line.
    pub left_out: Vec<String>,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) functions: Vec<Function>,
}

/// A function that is a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Function {
    /// Where it is: `add`, or `docs:calculator/ops@1.0.0#add`.
    pub path: String,
    pub description: String,
    /// JSON Schema, as text.
    pub schema: String,
}

impl Plain {
    /// The manifest that it would have under this name. The tools stand in the order of the functions.
    ///
    /// # Errors
    /// A sentence that names what is wrong with it.
    pub(crate) fn manifest(&self, name: &ComponentName) -> Result<Manifest, String> {
        let paths: Vec<_> = self.functions.iter().map(|function| function.path.as_str()).collect();
        // Whoever reads outside sources may bring in what they say.
        let untrusted_output = [Family::Http, Family::Net, Family::Exec].iter().any(|it| self.families.contains(it));
        let tools = self.functions.iter().zip(name::names(name, &paths)).map(|(function, name)| {
            let (description, schema) = (function.description.clone(), function.schema.clone());
            ToolManifest { name, description, schema, untrusted_output }
        });
        let manifest = Manifest {
            name: name.to_string(),
            version: self.version.clone(),
            summary: self.summary.clone(),
            tools: tools.collect(),
            scopes: Vec::new(),
            channel: None,
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether it is within its limits, but for those of the manifest that is made of it.
    pub(crate) fn is_sound(&self) -> bool {
        let is_short = |line: &String| line.len() <= reflect::LINE_BYTES;
        self.left_out.len() <= reflect::LINES
            && self.left_out.iter().all(is_short)
            && self.functions.iter().all(|function| function.path.len() <= reflect::PATH_BYTES)
    }

    /// Where the function behind a tool is.
    pub(crate) fn path(&self, manifest: &Manifest, tool: &str) -> Option<&str> {
        let at = manifest.tools.iter().position(|it| it.name.as_str() == tool)?;
        self.functions.get(at).map(|function| function.path.as_str())
    }
}
