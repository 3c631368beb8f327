//! The skill `notes`: short notes, one Markdown file for each day in the workspace's folder `notes`.

mod day;

use openclaw_sdk::{JsonSchema, Tool, ToolError, scope, workspace};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "notes",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Keeps short notes in the workspace and finds them again.",
    tools: [Add, Find],
    scopes: [scope::workspace(scope::Access::ReadWrite)],
}

/// A note that is longer belongs into a file of its own.
const MAX_NOTE_BYTES: usize = 16 << 10;
/// A day's file; a fuller one is left alone.
const MAX_DAY_BYTES: u64 = 1 << 20;
/// Lines that a search gives.
const MAX_HITS: u32 = 50;

struct Add;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddArgs {
    /// The note, in Markdown.
    text: String,
    /// Words to find it by, without `#`.
    #[serde(default)]
    tags: Vec<String>,
}

impl Tool for Add {
    type Args = AddArgs;
    const NAME: &'static str = "note_add";
    const DESCRIPTION: &'static str =
        "Writes a note down, under today's date. Use it when something is to be remembered.";

    fn call(args: AddArgs) -> Result<String, ToolError> {
        if args.text.trim().is_empty() || args.text.len() > MAX_NOTE_BYTES {
            return Err(ToolError::invalid(format!("a note has 1 to {MAX_NOTE_BYTES} bytes")));
        }
        #[expect(clippy::disallowed_methods, reason = "a note is written down now")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let (date, time) = day::date_and_time(now);
        let path = format!("notes/{date}.md");
        let before = match workspace::read_range(&path, 0, MAX_DAY_BYTES) {
            Ok(slice) if slice.size >= MAX_DAY_BYTES => {
                return Err(ToolError::Limit(format!("`{path}` is full; move older notes elsewhere")));
            }
            Ok(slice) => slice.bytes,
            Err(openclaw_sdk::HostError::NotFound(_)) => format!("# {date}\n").into_bytes(),
            Err(err) => return Err(err.into()),
        };
        let note = day::note(&time, args.text.trim(), &args.tags)?;
        let content = [before, note.into_bytes()].concat();
        workspace::commit(&[workspace::Change::Put((path.clone(), content))])?;
        Ok(format!("noted in `{path}`"))
    }
}

struct Find;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FindArgs {
    /// Words that a line has to have, in this order; a tag as `#tag`.
    words: String,
}

impl Tool for Find {
    type Args = FindArgs;
    const NAME: &'static str = "note_find";
    const DESCRIPTION: &'static str = "Finds lines of earlier notes by words or tags, with the date of each.";

    fn call(args: FindArgs) -> Result<String, ToolError> {
        if args.words.trim().is_empty() {
            return Err(ToolError::invalid("`words` must say something"));
        }
        let found = workspace::grep(&day::pattern(&args.words), Some("notes/*.md"), MAX_HITS)?;
        if found.hits.is_empty() {
            return Ok(format!("no note says `{}`", args.words.trim()));
        }
        let mut text = String::new();
        for hit in &found.hits {
            text.push_str(&format!("{}:{}: {}\n", hit.path, hit.line, hit.text.trim()));
        }
        if found.more {
            text.push_str("there are more; use more words\n");
        }
        Ok(text)
    }
}
