//! Reading a directory entry by entry, in constant memory (FS-34).

use std::any::Any;
use std::os::fd::AsFd;
use std::sync::{Arc, Weak};

use rustix::fs::{Dir, FileType};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types;

use super::Named;
use super::refusal::{Failed, kernel};
use crate::workspace::beneath::{self, Links};
use crate::workspace::path::TEMP_PREFIX;

/// An open directory and how far it was read.
pub(super) struct Entries {
    entries: Dir,
    /// Lives as long as the entries do, which count among the call's open files.
    held: Arc<dyn Any + Send + Sync>,
}

impl Entries {
    /// Opens the directory itself anew: the handle that it is named by may be read by others at the same time.
    pub(super) fn open(named: &Named) -> Result<Entries, Failed> {
        let failed = |errno| kernel(errno, &named.place.path);
        let directory = beneath::open(named.directory.as_fd(), ".", beneath::DIRECTORY, Links::Refuse);
        let entries = Dir::new(directory.map_err(failed)?).map_err(failed)?;
        Ok(Entries { entries, held: Arc::new(()) })
    }

    pub(super) fn held(&self) -> Weak<dyn Any + Send + Sync> {
        Arc::downgrade(&self.held)
    }

    /// The next entry but `.`, `..` and unfinished commits.
    ///
    /// # Errors
    /// `illegal-byte-sequence` for a name that is not UTF-8 (FS-23); the entries after it can be read.
    pub(super) fn next(&mut self) -> Result<Option<types::DirectoryEntry>, Failed> {
        for entry in self.entries.by_ref() {
            let entry = entry.map_err(|errno| kernel(errno, "the directory"))?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") || name.starts_with(TEMP_PREFIX.as_bytes()) {
                continue;
            }
            let name = str::from_utf8(name).map_err(|_| Failed::Code(ErrorCode::IllegalByteSequence))?;
            return Ok(Some(types::DirectoryEntry { type_: type_of(entry.file_type()), name: name.to_owned() }));
        }
        Ok(None)
    }
}

fn type_of(file_type: FileType) -> types::DescriptorType {
    match file_type {
        FileType::RegularFile => types::DescriptorType::RegularFile,
        FileType::Directory => types::DescriptorType::Directory,
        FileType::Symlink => types::DescriptorType::SymbolicLink,
        FileType::Fifo => types::DescriptorType::Fifo,
        FileType::Socket => types::DescriptorType::Socket,
        FileType::CharacterDevice => types::DescriptorType::CharacterDevice,
        FileType::BlockDevice => types::DescriptorType::BlockDevice,
        // Some file systems do not say; the guest looks.
        FileType::Unknown => types::DescriptorType::Unknown,
    }
}
