//! What a guest may call a file. Text becomes a [`RelPath`] once; nothing else in the room sees guest paths as text.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::FileError;
use super::protected::Ground;

/// The kernel's `PATH_MAX` without the final NUL.
pub(crate) const MAX_PATH_BYTES: usize = 4095;
/// The longest name that common file systems store.
pub(crate) const MAX_NAME_BYTES: usize = 255;
/// Most levels that are written to or walked into: deeper than any tree that people made, shallow enough that one open
/// directory per level is no burden.
pub const MAX_DEPTH: usize = 64;
/// Start of the names of files that a commit has not finished with.
pub const TEMP_PREFIX: &str = ".claw-tmp-";

/// How guests call the tree; models write it out of habit although paths are relative.
const MOUNT: &str = "/workspace";

/// A path relative to the workspace: components joined by `/`, none of them empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RelPath {
    /// Empty for the workspace itself.
    text: String,
    form: Form,
}

/// Whether the text ended with `/`, which only a directory's name may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Directory,
}

impl RelPath {
    /// Takes `a/b`, `./a/b` and `/workspace/a/b`.
    ///
    /// # Errors
    /// `E_FS_OUTSIDE` for what points elsewhere or is a way of writing that other programs expand to elsewhere;
    /// `E_FS_NAME` for what no file can be called here.
    pub(super) fn parse(text: &str) -> Result<RelPath, FileError> {
        if text.len() > MAX_PATH_BYTES {
            let length = text.len();
            return Err(FileError::bad_name(format!("the path has {length} bytes; at most {MAX_PATH_BYTES} work")));
        }
        if text.contains(char::is_control) {
            return Err(FileError::bad_name(format!("{} contains NUL or a control character", quoted(text))));
        }
        if points_elsewhere(text) {
            return Err(outside(text));
        }
        if text.contains('\\') {
            let hint = "separate names with `/`; names that a listing shows with `\\` cannot be opened here";
            return Err(FileError::bad_name(format!("{} contains `\\`; {hint}", quoted(text))));
        }
        let inner = below_mount(text);
        let mut components = Vec::new();
        for component in inner.split('/').filter(|component| !matches!(*component, "" | ".")) {
            if component.len() > MAX_NAME_BYTES {
                let length = component.len();
                return Err(FileError::bad_name(format!(
                    "{} has {length} bytes; a name has at most {MAX_NAME_BYTES}",
                    quoted(component)
                )));
            }
            components.push(component);
        }
        let form = if inner.ends_with('/') || inner.ends_with("/.") { Form::Directory } else { Form::Plain };
        Ok(RelPath { text: components.join("/"), form })
    }

    /// For the kernel: the workspace itself is `.`.
    pub(super) fn as_str(&self) -> &str {
        if self.text.is_empty() { "." } else { &self.text }
    }

    /// For people and models, in back-quotes and never long.
    pub(super) fn quoted(&self) -> String {
        if self.text.is_empty() { "the workspace".to_owned() } else { quoted(&self.text) }
    }

    /// The path of an entry of this directory.
    pub(super) fn child(&self, name: &str) -> String {
        if self.text.is_empty() { name.to_owned() } else { format!("{}/{name}", self.text) }
    }

    /// The directory (empty for the workspace) and the name in it; `None` for the workspace itself.
    pub(super) fn split(&self) -> Option<(&str, &str)> {
        match self.text.rsplit_once('/') {
            Some(split) => Some(split),
            None if self.text.is_empty() => None,
            None => Some(("", &self.text)),
        }
    }

    /// Whether `other` lies in the tree below this path.
    pub(super) fn contains(&self, other: &RelPath) -> bool {
        other.text.strip_prefix(&self.text).is_some_and(|rest| rest.starts_with('/'))
    }

    pub(super) fn components(&self) -> impl Iterator<Item = &str> {
        self.text.split('/').filter(|component| !component.is_empty())
    }

    /// # Errors
    /// [`FileError::Invalid`] if the text ended with `/`.
    pub(super) fn expect_file_form(&self) -> Result<(), FileError> {
        match self.form {
            Form::Plain => Ok(()),
            Form::Directory => Err(FileError::Invalid(format!(
                "{} was written with `/` at the end, which names a directory; a file is needed",
                self.quoted()
            ))),
        }
    }

    /// # Errors
    /// `E_FS_PROTECTED` where [`Ground::protects`] the path.
    pub(super) fn expect_unprotected(&self, ground: Ground) -> Result<(), FileError> {
        if !ground.protects(self.components()) {
            return Ok(());
        }
        Err(FileError::denied(
            "E_FS_PROTECTED",
            format!(
                "{} is protected, also in a workspace that can be written; ask the owner to change it",
                self.quoted()
            ),
        ))
    }
}

/// A name as text: the name itself where it is plain text, else with `\xNN` for other bytes and `\\` for `\`.
///
/// No two names look alike, and no escaped one parses as a path.
pub(super) fn shown(name: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(name)
        && !text.contains(|ch: char| ch.is_control() || ch == '\\')
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(name.len() * 2);
    let escape = |shown: &mut String, bytes: &[u8]| {
        for byte in bytes {
            write!(shown, "\\x{byte:02x}").expect("workspace: writing to a string does not fail");
        }
    };
    for chunk in name.utf8_chunks() {
        for ch in chunk.valid().chars() {
            match ch {
                '\\' => shown.push_str("\\\\"),
                ch if ch.is_control() => escape(&mut shown, ch.encode_utf8(&mut [0; 4]).as_bytes()),
                ch => shown.push(ch),
            }
        }
        escape(&mut shown, chunk.invalid());
    }
    Cow::Owned(shown)
}

/// Guest text in an error: control characters escaped, and cut, since it may be long.
pub(crate) fn quoted(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    let clean: String = text.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    let rest = if text.chars().nth(MAX_CHARS).is_some() { "…" } else { "" };
    format!("`{clean}{rest}`")
}

/// `/workspace/a` and `a` mean the same.
pub(super) fn below_mount(text: &str) -> &str {
    match text.strip_prefix(MOUNT) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => text,
    }
}

/// Whether the text is, or would be expanded by some program to, a place outside.
///
/// Forms such as `~root/x` are legal names of files, but a guest that writes them means the other thing. `./~root/x`
/// names the file.
pub(super) fn points_elsewhere(text: &str) -> bool {
    let first = text.split('/').next().unwrap_or_default();
    let absolute = text.starts_with('/') && below_mount(text).len() == text.len();
    let expands = text == "~"
        || (first.starts_with('~') && first.len() < text.len())
        || (first == "@" && text.len() > 1)
        || matches!(first, "$HOME" | "${HOME}")
        || text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"));
    let drive = matches!(text.as_bytes(), [letter, b':', rest @ ..]
        if letter.is_ascii_alphabetic() && matches!(rest.first(), None | Some(b'/' | b'\\')));
    absolute || expands || drive || text.starts_with('\\') || climbs(text)
}

/// Whether a component is `..`, also if `\` separates or the dots are percent-encoded.
fn climbs(text: &str) -> bool {
    let decoded = text.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    decoded.split(['/', '\\']).any(|component| component == "..")
}

pub(super) fn outside(text: &str) -> FileError {
    FileError::denied(
        "E_FS_OUTSIDE",
        format!("{} leads outside; write the path relative to the workspace, without `..`", quoted(text)),
    )
}
