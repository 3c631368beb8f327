//! Whole files, through the host.

use openclaw_sdk::{HostError, ToolError, workspace};

use crate::text::BOM;

/// The largest file that is changed. The host takes 16 MiB in one commit; text that people edit is far smaller.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes asked for at once; the host's own cap.
pub const CHUNK_BYTES: u64 = 4 * 1024 * 1024;

/// The path as the host wants it. Models like to start with `./`.
pub fn relative(path: &str) -> &str {
    let path = path.trim_start_matches("./");
    if path == "." { "" } else { path }
}

/// Reads a whole file; none if it does not exist.
///
/// # Errors
/// [`ToolError::Limit`] if it is too large to change, else the host's error.
pub fn load(path: &str) -> Result<Option<Vec<u8>>, ToolError> {
    let mut bytes = Vec::new();
    loop {
        let slice = match workspace::read_range(path, bytes.len() as u64, CHUNK_BYTES) {
            Ok(slice) => slice,
            Err(HostError::NotFound(_)) => return Ok(None),
            Err(err) => return Err(err.into()),
        };
        if slice.size > MAX_FILE_BYTES {
            let size = slice.size;
            return Err(ToolError::Limit(format!(
                "`{path}` has {size} bytes; at most {MAX_FILE_BYTES} can be changed"
            )));
        }
        bytes.extend_from_slice(&slice.bytes);
        if slice.bytes.is_empty() || bytes.len() as u64 >= slice.size {
            return Ok(Some(bytes));
        }
    }
}

/// Reads a whole file that must exist and be text.
///
/// # Errors
/// As [`load`]; [`ToolError::NotFound`], or [`ToolError::InvalidArguments`] if it is not UTF-8.
pub fn load_text(path: &str) -> Result<String, ToolError> {
    let bytes = load(path)?.ok_or_else(|| ToolError::NotFound(format!("`{path}` does not exist")))?;
    String::from_utf8(bytes).map_err(|err| {
        ToolError::invalid(format!("`{path}` is not UTF-8 text (byte {})", err.utf8_error().valid_up_to()))
    })
}

/// Text for the model: without byte order mark, with a replacement character for each malformed byte.
pub fn show_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.strip_prefix(BOM).unwrap_or(&text).to_owned()
}
