//! What people read before they install a package: README, LICENSE and CHANGELOG beside its component.

use std::path::Path;

use crate::error::PackageError;
use crate::fetch::read;

/// How their names begin.
const NAMES: [&str; 3] = ["README", "LICENSE", "CHANGELOG"];
/// Bytes of one of them.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 128 << 10;
/// How many of them there are at most.
const MAX_DOCUMENTS: usize = 16;

/// A file for people. Nobody has signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name, e.g. `README.md`.
    pub name: String,
    /// What it says.
    pub bytes: Vec<u8>,
}

impl Document {
    /// Whether a file of this name is one.
    pub fn is_named(name: &str) -> bool {
        NAMES.iter().any(|start| name.starts_with(start))
    }

    /// Those that lie in a folder, sorted by name.
    ///
    /// # Errors
    /// If one cannot be read, or has more than 128 KiB, or if there are more than 16.
    pub fn in_folder(folder: &Path) -> Result<Vec<Document>, PackageError> {
        let unreadable = |err| PackageError::Read { path: folder.to_owned(), err };
        let entries = std::fs::read_dir(folder).map_err(unreadable)?.flatten();
        let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let mut names: Vec<_> = files.filter_map(|file| file.file_name().into_string().ok()).collect();
        names.retain(|name| Document::is_named(name));
        names.sort();
        if names.len() > MAX_DOCUMENTS {
            return Err(PackageError::Documents { path: folder.to_owned(), most: MAX_DOCUMENTS });
        }
        let document = |name: String| Ok(Document { bytes: read(&folder.join(&name), MAX_DOCUMENT_BYTES)?, name });
        names.into_iter().map(document).collect()
    }
}

/// The README among these names.
pub(crate) fn is_readme(name: &str) -> bool {
    name.starts_with(NAMES[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_people_is_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["README.md", "LICENSE-MIT", "CHANGELOG", "notes.md", "README.wasm.tmp"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::fs::create_dir(folder.path().join("READMES")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("README.link")).unwrap();
        let found = Document::in_folder(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["CHANGELOG", "LICENSE-MIT", "README.md", "README.wasm.tmp"]);
        std::fs::write(folder.path().join("README.md"), vec![0; MAX_DOCUMENT_BYTES + 1]).unwrap();
        assert!(matches!(Document::in_folder(folder.path()), Err(PackageError::TooLong { .. })));
    }
}
