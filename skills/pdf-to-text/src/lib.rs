//! The skill `pdf-to-text`: what PDF files say. `pages`, `extract` and `lines` are pure.

mod extract;
mod lines;
mod pages;
#[cfg(test)]
mod samples;

use openclaw_sdk::{JsonSchema, Tool, ToolError, files, scope, workspace};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "pdf-to-text",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Reads the text of PDF files.",
    tools: [Text],
    scopes: [scope::workspace(scope::Access::Read)],
}

/// The document is in memory as a whole, and a call has 64 MiB unless the owner gave more.
const MAX_PDF_BYTES: u64 = 32 << 20;

struct Text;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TextArgs {
    /// Path of the PDF in the workspace.
    path: String,
    /// Pages, from 1, e.g. `3`, `2-5`, `1,4-6` or `7-`. Default: all.
    pages: Option<String>,
}

impl Tool for Text {
    type Args = TextArgs;
    const NAME: &'static str = "pdf_text";
    const DESCRIPTION: &'static str = "Reads the text of a PDF, page by page. Long documents come in parts: ask for the \
        next pages. Scanned pages have no text.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: TextArgs) -> Result<String, ToolError> {
        let wanted = args.pages.as_deref().map(pages::parse).transpose()?;
        let bytes = workspace::read_range(&args.path, 0, 0)?.size;
        if bytes > MAX_PDF_BYTES {
            let most = MAX_PDF_BYTES >> 20;
            return Err(ToolError::Limit(format!("`{}` has {} MiB; at most {most} are read", args.path, bytes >> 20)));
        }
        extract::text(files::read(&args.path)?, wanted.as_deref())
    }
}
