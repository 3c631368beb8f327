//! The tool `read`.

use openclaw_sdk::{JsonSchema, Tool, ToolError, workspace};
use serde::Deserialize;

use crate::store;
use crate::window::{End, MAX_BYTES, MAX_LINES, View, Window};

/// Bytes looked through for the first line of the window. Reading further in so large a file is what `grep` is for.
const MAX_SCAN_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes asked for at once. Most files and windows fit into one such chunk.
const CHUNK_BYTES: u64 = 256 * 1024;

/// Bytes at the start of a file that show whether it is text.
const SNIFF_BYTES: usize = 8 * 1024;

pub struct Read;

#[derive(Deserialize, JsonSchema)]
pub struct ReadArgs {
    /// Path relative to the workspace.
    path: String,
    /// First line to read, counted from 1. Default 1.
    #[schemars(range(min = 1))]
    offset: Option<usize>,
    /// Number of lines to read, at most 2000. Default 2000.
    #[schemars(range(min = 1))]
    limit: Option<usize>,
}

impl Tool for Read {
    type Args = ReadArgs;
    const NAME: &'static str = "read";
    const DESCRIPTION: &'static str = "Reads a text file of the workspace. Shows at most 2000 lines or 50 KiB; where \
        more follow, the answer ends with the offset to go on with. Binary files are named as such and not shown.";

    fn call(args: ReadArgs) -> Result<String, ToolError> {
        let path = store::relative(&args.path);
        let first = args.offset.unwrap_or(1).max(1);
        let mut window = Window::new(first, args.limit.unwrap_or(MAX_LINES));
        let mut offset = 0;
        loop {
            let slice = workspace::read_range(path, offset, CHUNK_BYTES)?;
            let sniffed = &slice.bytes[..slice.bytes.len().min(SNIFF_BYTES)];
            if offset == 0 && sniffed.contains(&0) {
                return Ok(binary(path, slice.size, sniffed));
            }
            window.feed(&slice.bytes);
            offset += slice.bytes.len() as u64;
            if window.is_full() || slice.bytes.is_empty() || offset >= slice.size {
                return shown(path, first, slice.size, window.finish());
            }
            if offset >= MAX_SCAN_BYTES {
                return Err(ToolError::Limit(format!(
                    "line {first} of `{path}` lies past its first {MAX_SCAN_BYTES} bytes; find the place with grep"
                )));
            }
        }
    }
}

fn shown(path: &str, first: usize, size: u64, view: View) -> Result<String, ToolError> {
    let mut text = store::show_text(&view.bytes);
    let last = first.saturating_add(view.lines.saturating_sub(1));
    match view.end {
        End::File { lines: 0 } => return Ok(format!("[`{path}` is empty]")),
        End::File { lines } if view.lines == 0 => {
            return Err(ToolError::invalid(format!("offset {first} is past the end: `{path}` has {lines} lines")));
        }
        End::File { .. } => {}
        End::Lines | End::Bytes => {
            let next = last.saturating_add(1);
            text.push_str(&format!(
                "\n\n[lines {first} to {last} of a file of {size} bytes; go on with offset={next}]"
            ));
        }
        End::LongLine => {
            let next = first.saturating_add(1);
            text.push_str(&format!(
                "\n\n[line {first} is longer than {MAX_BYTES} bytes and was cut; go on after it with offset={next}]"
            ));
        }
    }
    Ok(text)
}

fn binary(path: &str, size: u64, start: &[u8]) -> String {
    let kind = match start {
        [0x89, b'P', b'N', b'G', ..] => "a PNG image",
        [0xff, 0xd8, 0xff, ..] => "a JPEG image",
        [b'G', b'I', b'F', b'8', ..] => "a GIF image",
        [b'%', b'P', b'D', b'F', ..] => "a PDF document",
        [b'P', b'K', 3, 4, ..] => "a ZIP archive",
        [0x1f, 0x8b, ..] => "a gzip archive",
        [0x7f, b'E', b'L', b'F', ..] => "an ELF program",
        [0, b'a', b's', b'm', ..] => "WebAssembly",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16 text",
        _ => "of unknown type",
    };
    format!("[`{path}` is a binary file, {kind}, {size} bytes; not shown]")
}
