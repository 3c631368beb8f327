//! The tool `skill`: the instructions of a skill, and the files beside them.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Component, Path};

use openclaw_sdk::{JsonSchema, Tool, ToolError, config};
use serde::Deserialize;

use crate::boundary;
use crate::card::MAX_BYTES;
use crate::show::block;

/// Where the host mounts the folder of the skill that a call names.
const FOLDER: &str = "/skill";
const INSTRUCTIONS: &str = "SKILL.md";
/// Bytes of a file that one call shows; some 12,000 tokens.
const MAX_SHOWN: u64 = 50 * 1024;
/// Files that are listed, and how deep they lie.
const MAX_LISTED: usize = 100;
const MAX_DEPTH: usize = 4;

pub struct Open;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenArgs {
    /// Name of the skill, as listed.
    #[expect(dead_code, reason = "the host reads it, and mounts that skill's folder")]
    name: String,
    /// A file of the skill, relative to its folder. Default: its instructions.
    file: Option<String>,
    /// First byte of the file to show. Default 0.
    offset: Option<u64>,
}

impl Tool for Open {
    type Args = OpenArgs;
    const NAME: &'static str = "skill";
    const DESCRIPTION: &'static str = "Reads the instructions of a skill, or a file beside them. Read the instructions \
        before you do what the skill is for. Its scripts are run with `exec`, by their whole path.";

    fn call(args: OpenArgs) -> Result<String, ToolError> {
        match args.file.as_deref() {
            None | Some("" | INSTRUCTIONS) if args.offset.unwrap_or(0) == 0 => instructions(),
            None => file(INSTRUCTIONS, args.offset.unwrap_or(0)),
            Some(name) => file(name, args.offset.unwrap_or(0)),
        }
    }
}

fn instructions() -> Result<String, ToolError> {
    let bytes = read(INSTRUCTIONS, 0, MAX_BYTES as u64)?;
    let text = String::from_utf8_lossy(&bytes);
    let body = boundary::split(&text).map_or(&*text, |parts| parts.body);
    let base = base_dir()?;
    let mut shown = format!("[skill folder: {base}]\n\n{}", block(&body.replace("{baseDir}", &base)).trim_end());
    let mut files = Vec::new();
    list(Path::new(FOLDER), "", 0, &mut files);
    if !files.is_empty() {
        shown.push_str("\n\n[files of the skill, for `file`:]\n");
        shown.push_str(&files.join("\n"));
    }
    Ok(shown)
}

fn file(name: &str, offset: u64) -> Result<String, ToolError> {
    let path = Path::new(name);
    if name.contains('\0') || !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(ToolError::invalid("`file` is a path below the skill's folder, without `..`"));
    }
    let bytes = read(name, offset, MAX_SHOWN + 1)?;
    let more = bytes.len() as u64 > MAX_SHOWN;
    let bytes = &bytes[..bytes.len().min(MAX_SHOWN as usize)];
    if bytes.contains(&0) {
        return Ok(format!("[`{name}` is no text and is not shown]"));
    }
    let text = String::from_utf8_lossy(bytes);
    let mut shown = block(&text.replace("{baseDir}", &base_dir()?)).into_owned();
    if more {
        let next = offset.saturating_add(MAX_SHOWN);
        shown.push_str(&format!("\n[more follows: go on with offset={next}]"));
    }
    Ok(shown)
}

fn read(name: &str, offset: u64, most: u64) -> Result<Vec<u8>, ToolError> {
    let failed = |err: std::io::Error| match err.kind() {
        ErrorKind::NotFound => ToolError::NotFound(format!("the skill has no file `{name}`")),
        _ => ToolError::failed(format!("`{name}` cannot be read: {err}")),
    };
    let mut file = File::open(Path::new(FOLDER).join(name)).map_err(failed)?;
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn base_dir() -> Result<String, ToolError> {
    match config::get("baseDir") {
        Ok(Some(path)) => Ok(path),
        _ => Err(ToolError::failed("the host named no folder")),
    }
}

/// The files of a folder and below it, in the order of their names; hidden ones and what cannot be read are left out.
fn list(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        let path = format!("{prefix}{name}");
        if name.starts_with('.') || path == INSTRUCTIONS || files.len() == MAX_LISTED {
            continue;
        }
        if kind.is_dir() && depth < MAX_DEPTH {
            list(&entry.path(), &format!("{path}/"), depth + 1, files);
        } else if kind.is_file() {
            files.push(block(&path).into_owned());
        }
    }
}
