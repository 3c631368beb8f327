//! The tool `edit`.

use openclaw_sdk::workspace::{self, Change};
use openclaw_sdk::{JsonSchema, Tool, ToolError};
use serde::Deserialize;

use crate::replace::{Replacement, replace};
use crate::store;

#[cfg(test)]
mod tests;

pub struct Edit;

#[derive(Deserialize, JsonSchema)]
pub struct EditArgs {
    /// Path relative to the workspace.
    path: String,
    /// The replacements, made all at once. Give either this, or oldText and newText for a single one.
    edits: Option<Vec<TextEdit>>,
    /// For a single replacement: the text to replace.
    #[serde(rename = "oldText", alias = "old_text", alias = "oldString", alias = "old_string")]
    old_text: Option<String>,
    /// For a single replacement: the new text.
    #[serde(rename = "newText", alias = "new_text", alias = "newString", alias = "new_string")]
    new_text: Option<String>,
}

// The schema does not require the two texts, or the host would refuse the spellings that are accepted besides.
#[derive(Deserialize, JsonSchema)]
pub struct TextEdit {
    /// The text to replace, copied exactly. It must occur exactly once in the file.
    #[serde(rename = "oldText", alias = "old_text", alias = "oldString", alias = "old_string")]
    old_text: Option<String>,
    /// The text that takes its place; empty to remove it.
    #[serde(rename = "newText", alias = "new_text", alias = "newString", alias = "new_string")]
    new_text: Option<String>,
}

impl Tool for Edit {
    type Args = EditArgs;
    const NAME: &'static str = "edit";
    const DESCRIPTION: &'static str = "Replaces text in a file of the workspace. Each edit's oldText must occur exactly \
        once in the file as it is, and edits must not overlap. Either all edits are made or none. Line endings and a \
        byte order mark are kept.";

    fn call(args: EditArgs) -> Result<String, ToolError> {
        let path = store::relative(&args.path).to_owned();
        let edits = args.replacements()?;
        let before = store::load_text(&path)?;
        let after = replace(&before, &edits).map_err(|err| ToolError::invalid(format!("`{path}`: {err}")))?;
        workspace::commit(&[Change::Put((path.clone(), after.into_bytes()))])?;
        Ok(match edits.len() {
            1 => format!("edited `{path}`"),
            count => format!("edited `{path}` in {count} places"),
        })
    }
}

impl EditArgs {
    fn replacements(self) -> Result<Vec<Replacement>, ToolError> {
        let single = TextEdit { old_text: self.old_text, new_text: self.new_text };
        let edits = match self.edits {
            Some(_) if single.is_given() => {
                return Err(ToolError::invalid("give either `edits` or `oldText` and `newText`, not both"));
            }
            Some(edits) => edits,
            None => vec![single],
        };
        if edits.is_empty() {
            return Err(ToolError::invalid("`edits` is empty"));
        }
        edits.into_iter().enumerate().map(|(index, edit)| edit.replacement(index)).collect()
    }
}

impl TextEdit {
    fn is_given(&self) -> bool {
        self.old_text.is_some() || self.new_text.is_some()
    }

    fn replacement(self, index: usize) -> Result<Replacement, ToolError> {
        match (self.old_text, self.new_text) {
            (Some(old), Some(new)) => Ok(Replacement { old, new }),
            _ => Err(ToolError::invalid(format!("edits[{index}]: needs `oldText` and `newText`"))),
        }
    }
}
