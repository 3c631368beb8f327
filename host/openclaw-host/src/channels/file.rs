//! Files that an answer names in lines `MEDIA:`, on their way into the outbox.
//!
//! Only what the assistant could read by itself is sent: in its workspace, by the rules of its own tool, as its policies
//! are now. The bytes are read once and become blobs, so that what is sent is what was there with the answer.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use claw_core::event::HOST_MARK;
use claw_core::file;
use claw_core::id::{CallId, ToolName};
use claw_policy::{Action, Decision, Facts, ToolInvocation};
use claw_sandbox::{Mode, Place, Workspace};
use claw_store::{Batch, BlobError, Kept, OutgoingFile};
use serde_json::json;

use crate::catalog::Installed;
use crate::causes;
use crate::host::Host;
use crate::lineage::Lineage;
use crate::tool_call;

/// Files of one answer.
const MAX_FILES: usize = 10;
/// The tool by which the assistant reads.
const READ: &str = "read";

/// Reads as the assistant of a run could.
#[derive(Clone)]
pub struct Reader {
    host: Arc<Host>,
    facts: Facts,
    installed: Arc<Installed>,
    workspace: PathBuf,
}

/// Files by what an answer calls them, or why they are not sent.
type Found = BTreeMap<String, Result<OutgoingFile, String>>;

/// The files that an answer names.
pub struct Files {
    found: Found,
    /// Keeps them until a message names them.
    pub kept: Option<Kept>,
}

impl Reader {
    /// For a run that stands so.
    ///
    /// # Errors
    /// Why its assistant reads no files.
    pub fn of(host: &Arc<Host>, facts: Facts, lineage: &Lineage) -> Result<Reader, &'static str> {
        let read = ToolName::parse(READ).expect("file: the literal is a tool's name");
        let catalog = host.catalog();
        let tool = catalog.tool(&read).filter(|_| lineage.allows(&read));
        let installed = Arc::clone(catalog.owner(tool.ok_or("the assistant has no tool `read`")?));
        let is_stopped = !matches!(host.store.paused(&installed.component.name), Ok(None));
        let mounts = tool_call::mounts(host, &installed, &facts, false).into_iter();
        let is_workspace = |place| matches!(place, Place::Workspace | Place::Guarded | Place::Lent);
        match mounts.into_iter().find(|mount| is_workspace(mount.place)) {
            Some(mount) if !is_stopped => {
                Ok(Reader { host: Arc::clone(host), facts, installed, workspace: mount.host })
            }
            _ => Err("the assistant may not read its workspace"),
        }
    }

    /// Whether the policies let the assistant read this file without a question.
    fn may_read(&self, path: &str) -> bool {
        let invocation = ToolInvocation {
            call: CallId::parse(READ).expect("file: the literal is a call id"),
            tool: ToolName::parse(READ).expect("file: the literal is a tool's name"),
            arguments: json!({ "path": path }).to_string(),
        };
        let policy = self.host.policy(&self.facts.session);
        matches!(
            policy.decide(&self.installed.subject(), &self.facts, Action::CallTool(invocation)),
            Decision::Allow(_)
        )
    }
}

impl Files {
    /// Reads the files of these names, each of at most `largest` bytes, and puts them on the disk.
    pub async fn read(host: &Host, largest: usize, names: Vec<String>, reader: Result<Reader, &'static str>) -> Files {
        if names.is_empty() {
            return Files { found: Found::new(), kept: None };
        }
        let batch = host.blobs.batch().await;
        let all = names.clone();
        let read = tokio::task::spawn_blocking(move || read(largest, names, reader, batch)).await;
        read.unwrap_or_else(|err| std::panic::resume_unwind(err.into_panic())).unwrap_or_else(|err| {
            let why = causes::chain(&err);
            tracing::error!(error = why, "files of an answer cannot be kept");
            let found = all.into_iter().map(|name| (name, Err(why.clone()))).collect();
            Files { found, kept: None }
        })
    }

    /// The file of this name, which is one of those.
    ///
    /// # Errors
    /// What people are told instead.
    pub fn get(&self, name: &str) -> Result<OutgoingFile, String> {
        let file = self.found.get(name).expect("file: what an answer names was looked for").clone();
        // The text of an answer leads nowhere where it has to; so does what is said of its files.
        let shown = name.replace('`', "'");
        file.map_err(|why| match is_address(name) {
            true if leads(name) => format!("{HOST_MARK} {why}: {name}"),
            true => format!("{HOST_MARK} {why}: `{shown}`"),
            false => format!("{HOST_MARK} not sent: `{shown}`: {why}"),
        })
    }
}

fn read(
    largest: usize,
    names: Vec<String>,
    reader: Result<Reader, &'static str>,
    mut batch: Batch,
) -> Result<Files, BlobError> {
    let ground = reader.map_err(str::to_owned).and_then(|reader| {
        let root = File::open(&reader.workspace).map_err(|err| format!("the workspace cannot be opened: {err}"))?;
        let workspace = Workspace::new(root.into(), Mode::ReadOnly).map_err(|err| err.to_string())?;
        Ok((reader, workspace))
    });
    let (mut found, mut count) = (Found::new(), 0);
    for name in names {
        if found.contains_key(&name) {
            continue;
        }
        let content = match &ground {
            _ if is_address(&name) => Err("an address, from which nothing was fetched".to_owned()),
            // It would end the code that it is shown in.
            _ if name.contains('`') => Err("it has a backtick in its name; give the file another one".to_owned()),
            _ if largest == 0 => Err("this channel takes no files".to_owned()),
            _ if count == MAX_FILES => Err(format!("an answer brings at most {MAX_FILES} files")),
            Err(why) => Err(why.clone()),
            Ok((reader, _)) if !reader.may_read(&name) => {
                Err("the policies do not let the assistant read it without a question".to_owned())
            }
            Ok((_, workspace)) => workspace.read_whole(&name, largest).map_err(|err| err.to_string()),
        };
        let file = match content {
            Ok(content) if content.is_empty() => Err("it is empty".to_owned()),
            Ok(content) => {
                count += 1;
                Ok(OutgoingFile {
                    name: name.rsplit('/').next().unwrap_or(&name).to_owned(),
                    media_type: file::media_type(&content).to_owned(),
                    digest: batch.put(&content)?,
                    bytes: content.len() as u64,
                })
            }
            Err(why) => Err(why),
        };
        found.insert(name, file);
    }
    Ok(Files { found, kept: Some(batch.keep()?) })
}

fn is_address(name: &str) -> bool {
    name.contains("://") || name.starts_with("data:")
}

/// Whether an address is one that the answer may show: others were made to begin otherwise.
fn leads(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://")
}
