//! Whole files of the agent's workspace, through WASI. Using it needs an `fs` scope.
//!
//! This is `std::fs` on `/workspace` with the errors of tools. For parts of files, several changes at once and searches
//! there is [`crate::workspace`].

use std::io;
use std::path::{Path, PathBuf};

use crate::{Denial, ToolError};

#[cfg(test)]
mod tests;

/// Where a component sees the workspace.
const WORKSPACE: &str = "/workspace";

/// Reads a file. `path` is relative to the workspace.
///
/// # Errors
/// [`ToolError::NotFound`] if there is none, [`ToolError::Denied`] if the host refuses, else [`ToolError::Failed`].
pub fn read(path: &str) -> Result<Vec<u8>, ToolError> {
    std::fs::read(below(path)).map_err(|err| failure("read", path, &err))
}

/// As [`read`], for text.
///
/// # Errors
/// As [`read`]; [`ToolError::InvalidArguments`] if the file is not UTF-8.
pub fn read_text(path: &str) -> Result<String, ToolError> {
    String::from_utf8(read(path)?).map_err(|_| ToolError::invalid(format!("`{path}` is not text in UTF-8")))
}

/// Creates or replaces a file; its directory is there already. `path` is relative to the workspace.
///
/// # Errors
/// As [`read`]. The file may be written in part; [`crate::workspace::commit`] writes all or nothing.
pub fn write(path: &str, bytes: impl AsRef<[u8]>) -> Result<(), ToolError> {
    std::fs::write(below(path), bytes).map_err(|err| failure("write", path, &err))
}

fn below(path: &str) -> PathBuf {
    // Not `join`: an absolute path would replace the workspace.
    PathBuf::from(format!("{WORKSPACE}/{path}"))
}

fn failure(what: &str, path: &str, err: &io::Error) -> ToolError {
    let granted = Path::new(WORKSPACE).exists();
    let denied = |reason| ToolError::Denied(Denial { code: "E_POLICY_DENY".into(), reason });
    match err.kind() {
        _ if !granted => denied("the workspace is not granted to this component".to_owned()),
        io::ErrorKind::NotFound => ToolError::NotFound(format!("there is no file `{path}`")),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            denied(format!("to {what} `{path}` is not permitted"))
        }
        _ => ToolError::failed(format!("cannot {what} `{path}`: {err}")),
    }
}
