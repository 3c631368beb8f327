//! What a guest may call a file in raw WASI. Text becomes a [`GuestPath`] once.

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::refusal::{Failed, outside};
use crate::workspace::path::{MAX_NAME_BYTES, MAX_PATH_BYTES};

/// A path relative to an open directory: names joined by `/`, none of them empty, `.` or `..`.
///
/// `a/../b` is `b`, as the text says and whatever `a` is: nothing is resolved that the rules have not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GuestPath {
    /// Empty for the directory itself.
    text: String,
    pub(super) form: Form,
}

/// Whether the text ended in a way that only a directory's name may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Directory,
}

impl GuestPath {
    /// # Errors
    /// A refusal (`E_FS_OUTSIDE`) for what leads out; plain error codes for what no file can be called.
    pub(super) fn parse(text: &str) -> Result<GuestPath, Failed> {
        if text.is_empty() {
            return Err(Failed::Code(ErrorCode::NoEntry));
        }
        if text.len() > MAX_PATH_BYTES {
            return Err(Failed::Code(ErrorCode::NameTooLong));
        }
        if text.contains(char::is_control) {
            return Err(Failed::Code(ErrorCode::IllegalByteSequence));
        }
        if text.starts_with('/') {
            return Err(outside(text));
        }
        let mut names: Vec<&str> = Vec::new();
        for name in text.split('/') {
            match name {
                "" | "." => {}
                ".." if names.pop().is_some() => {}
                ".." => return Err(outside(text)),
                name if name.len() > MAX_NAME_BYTES => return Err(Failed::Code(ErrorCode::NameTooLong)),
                name => names.push(name),
            }
        }
        let ends_as_directory = matches!(text.rsplit('/').next(), Some("" | "." | ".."));
        let form = if ends_as_directory { Form::Directory } else { Form::Plain };
        Ok(GuestPath { text: names.join("/"), form })
    }

    /// For the kernel: the directory itself is `.`.
    pub(super) fn as_str(&self) -> &str {
        if self.text.is_empty() { "." } else { &self.text }
    }

    /// The directory (`.` for the one that it starts in) and the name in it; `None` for that directory itself.
    pub(super) fn split(&self) -> Option<(&str, &str)> {
        match self.text.rsplit_once('/') {
            Some(split) => Some(split),
            None if self.text.is_empty() => None,
            None => Some((".", &self.text)),
        }
    }

    /// This path as seen from above: `base` is where it starts, empty for the top.
    pub(super) fn below(&self, base: &str) -> String {
        match (base, self.text.as_str()) {
            ("", text) => text.to_owned(),
            (base, "") => base.to_owned(),
            (base, text) => format!("{base}/{text}"),
        }
    }
}
