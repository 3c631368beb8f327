//! Files through std.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use openclaw_sdk::JsonSchema;
use openclaw_sdk::serde_json::{Value, json};
use serde::Deserialize;

use crate::outcome::Outcome;

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    Read {
        path: String,
    },
    Write {
        path: String,
        text: String,
    },
    CreateNew {
        path: String,
    },
    Append {
        path: String,
        text: String,
    },
    Truncate {
        path: String,
    },
    SetLen {
        path: String,
        len: u64,
    },
    /// Writes one byte at this offset.
    WriteAt {
        path: String,
        offset: u64,
    },
    List {
        path: String,
    },
    Stat {
        path: String,
    },
    Lstat {
        path: String,
    },
    ReadLink {
        path: String,
    },
    HardLink {
        from: String,
        to: String,
    },
    Rename {
        from: String,
        to: String,
    },
    RemoveFile {
        path: String,
    },
    CreateDir {
        path: String,
    },
    RemoveDir {
        path: String,
    },
    /// Counts the entries of a directory.
    Count {
        path: String,
    },
    /// Writes this many MiB; tells how many bytes went in before an error.
    Fill {
        path: String,
        mib: u64,
    },
    /// Makes empty files `0`, `1`, … in a directory; tells how many before an error.
    MakeMany {
        path: String,
        count: u32,
    },
    /// Reads the file this often; tells each different outcome once.
    ReadOften {
        path: String,
        count: u32,
    },
    /// Opens the file this often and keeps all of them open until the call ends.
    OpenMany {
        path: String,
        count: u32,
    },
}

impl Op {
    pub fn run(self) -> Outcome {
        match self {
            Op::Read { path } => {
                let mut bytes = Vec::new();
                fs::File::open(path)?.take(64 * 1024).read_to_end(&mut bytes)?;
                Ok(json!(String::from_utf8_lossy(&bytes)))
            }
            Op::Write { path, text } => Ok(json!(fs::write(path, text)?)),
            Op::CreateNew { path } => {
                fs::File::create_new(path)?;
                Ok(Value::Null)
            }
            Op::Append { path, text } => {
                Ok(json!(fs::File::options().append(true).create(true).open(path)?.write_all(text.as_bytes())?))
            }
            Op::Truncate { path } => {
                fs::File::options().write(true).truncate(true).open(path)?;
                Ok(Value::Null)
            }
            Op::SetLen { path, len } => Ok(json!(fs::File::options().write(true).open(path)?.set_len(len)?)),
            Op::WriteAt { path, offset } => {
                let mut file = fs::File::options().write(true).create(true).truncate(false).open(path)?;
                file.seek(SeekFrom::Start(offset))?;
                Ok(json!(file.write_all(b"x")?))
            }
            Op::List { path } => list(&path),
            Op::Stat { path } => Ok(metadata(&fs::metadata(path)?)),
            Op::Lstat { path } => Ok(metadata(&fs::symlink_metadata(path)?)),
            Op::ReadLink { path } => Ok(json!(fs::read_link(path)?)),
            Op::HardLink { from, to } => Ok(json!(fs::hard_link(from, to)?)),
            Op::Rename { from, to } => Ok(json!(fs::rename(from, to)?)),
            Op::RemoveFile { path } => Ok(json!(fs::remove_file(path)?)),
            Op::CreateDir { path } => Ok(json!(fs::create_dir(path)?)),
            Op::RemoveDir { path } => Ok(json!(fs::remove_dir(path)?)),
            Op::Count { path } => Ok(json!(fs::read_dir(path)?.count())),
            Op::Fill { path, mib } => fill(&path, mib),
            Op::MakeMany { path, count } => make_many(&path, count),
            Op::ReadOften { path, count } => Ok(read_often(&path, count)),
            Op::OpenMany { path, count } => open_many(&path, count),
        }
    }
}

fn list(path: &str) -> Outcome {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)?.take(1000) {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(json!(names))
}

fn metadata(metadata: &fs::Metadata) -> Value {
    let kind = if metadata.is_symlink() {
        "link"
    } else if metadata.is_dir() {
        "directory"
    } else if metadata.is_file() {
        "file"
    } else {
        "special"
    };
    json!({ "kind": kind, "size": metadata.len() })
}

fn fill(path: &str, mib: u64) -> Outcome {
    let mut file = fs::File::options().append(true).create(true).open(path)?;
    let (piece, mut written) = ([b'x'; 32 << 10], 0);
    while written < mib << 20 {
        match file.write(&piece) {
            Ok(bytes) => written += bytes as u64,
            Err(err) => return Ok(json!({ "written": written, "error": err.to_string() })),
        }
    }
    Ok(json!({ "written": written }))
}

fn make_many(path: &str, count: u32) -> Outcome {
    for number in 0..count {
        if let Err(err) = fs::File::create_new(format!("{path}/{number}")) {
            return Ok(json!({ "made": number, "error": err.to_string() }));
        }
    }
    Ok(json!({ "made": count }))
}

fn read_often(path: &str, count: u32) -> Value {
    let outcome = || fs::read_to_string(path).unwrap_or_else(|err| format!("error: {err}"));
    let outcomes: std::collections::BTreeSet<_> = (0..count).map(|_| outcome()).collect();
    json!(outcomes)
}

fn open_many(path: &str, count: u32) -> Outcome {
    let mut opened = 0;
    for _ in 0..count {
        match fs::File::open(path) {
            Ok(file) => std::mem::forget(file),
            Err(err) => return Ok(json!({ "opened": opened, "error": err.to_string() })),
        }
        opened += 1;
    }
    Ok(json!({ "opened": opened }))
}
