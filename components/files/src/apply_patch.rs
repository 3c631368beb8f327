//! The tool `apply_patch`.

use openclaw_sdk::workspace::{self, Change};
use openclaw_sdk::{Denial, JsonSchema, Tool, ToolError};
use serde::Deserialize;

use crate::patch::{self, Outcome, PatchError};
use crate::store;

#[cfg(test)]
mod tests;

pub struct ApplyPatch;

#[derive(Deserialize, JsonSchema)]
pub struct ApplyPatchArgs {
    /// The patch, from `*** Begin Patch` to `*** End Patch`.
    input: String,
}

impl Tool for ApplyPatch {
    type Args = ApplyPatchArgs;
    const NAME: &'static str = "apply_patch";
    const DESCRIPTION: &'static str = "Changes several files of the workspace at once: all of the patch is applied or \
        nothing. Format: `*** Begin Patch`, then steps, then `*** End Patch`. Steps: `*** Add File: path` followed by \
        lines that start with `+`; `*** Delete File: path`; `*** Update File: path`, then optionally `*** Move to: \
        path`, then hunks. A hunk starts with `@@` or `@@ a line before it` and has lines that start with a space \
        (kept), `-` (removed) or `+` (added); about three kept lines on each side make it unique; `*** End of File` \
        after it ties it to the end. Paths are relative to the workspace.";

    fn call(args: ApplyPatchArgs) -> Result<String, ToolError> {
        let steps = patch::parse(&args.input)?;
        let outcome = patch::apply(&steps, store::load)?;
        workspace::commit(&changes(&outcome))?;
        Ok(summary(&outcome))
    }
}

fn changes(outcome: &Outcome) -> Vec<Change> {
    let change = |(path, bytes): (&String, &Option<Vec<u8>>)| match bytes {
        Some(bytes) => Change::Put((path.clone(), bytes.clone())),
        None => Change::Remove(path.clone()),
    };
    outcome.files.iter().map(change).collect()
}

fn summary(outcome: &Outcome) -> String {
    let mut text = String::from("applied the patch:\n");
    for (letter, paths) in [("A", &outcome.added), ("M", &outcome.modified), ("D", &outcome.deleted)] {
        for path in paths {
            text.push_str(&format!("{letter} {path}\n"));
        }
    }
    text
}

impl From<PatchError> for ToolError {
    fn from(error: PatchError) -> Self {
        match error {
            // The code that the host gives for such paths.
            PatchError::Outside { .. } => {
                ToolError::Denied(Denial { code: "E_FS_OUTSIDE".into(), reason: error.to_string() })
            }
            PatchError::Missing { .. } => ToolError::NotFound(error.to_string()),
            _ => ToolError::invalid(error.to_string()),
        }
    }
}
