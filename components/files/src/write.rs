//! The tool `write`.

use openclaw_sdk::workspace::{self, Change};
use openclaw_sdk::{JsonSchema, Tool, ToolError};
use serde::Deserialize;

use crate::store;

pub struct Write;

#[derive(Deserialize, JsonSchema)]
pub struct WriteArgs {
    /// Path relative to the workspace.
    path: String,
    /// The whole new content.
    content: String,
}

impl Tool for Write {
    type Args = WriteArgs;
    const NAME: &'static str = "write";
    const DESCRIPTION: &'static str = "Writes a file of the workspace. Creates it and missing directories, or replaces \
        all of it. To change a part of a file, use edit or apply_patch.";

    fn call(args: WriteArgs) -> Result<String, ToolError> {
        let path = store::relative(&args.path);
        let bytes = args.content.into_bytes();
        let size = bytes.len();
        workspace::commit(&[Change::Put((path.to_owned(), bytes))])?;
        Ok(format!("wrote {size} bytes to `{path}`"))
    }
}
