//! `openclaw:workspace`: files of the agent's workspace.

use crate::worker::bindings::openclaw::types::types;
use crate::worker::bindings::openclaw::workspace::files;
use crate::worker::guest::Guest;
use crate::workspace::{Change, FileError, Kind, Listing, Workspace};

impl Guest {
    fn workspace(&self) -> Result<&Workspace, types::Error> {
        self.workspace.as_deref().ok_or_else(|| {
            types::Error::Denied(types::Denial {
                code: "E_POLICY_DENY".to_owned(),
                reason: "no folder is granted to this component; the owner can grant `fs workspace read`".to_owned(),
            })
        })
    }
}

impl files::Host for Guest {
    fn read_range(&mut self, path: String, offset: u64, max_bytes: u64) -> Result<files::Slice, types::Error> {
        let slice = self.workspace()?.read_range(&path, offset, max_bytes)?;
        Ok(files::Slice { bytes: slice.bytes, size: slice.size })
    }

    fn commit(&mut self, changes: Vec<files::Change>) -> Result<(), types::Error> {
        let changes = changes.into_iter().map(|change| match change {
            files::Change::Put((path, bytes)) => Change::Put(path, bytes),
            files::Change::Remove(path) => Change::Remove(path),
        });
        Ok(self.workspace()?.commit(changes.collect())?)
    }

    fn list_directory(&mut self, path: String, limit: u32) -> Result<files::Listing, types::Error> {
        Ok(self.workspace()?.list_directory(&path, limit)?.into())
    }

    fn glob(&mut self, pattern: String, limit: u32) -> Result<files::Listing, types::Error> {
        let stop = || self.call.is_cancelled();
        Ok(self.workspace()?.glob(&pattern, limit, &stop)?.into())
    }

    fn grep(&mut self, pattern: String, glob: Option<String>, limit: u32) -> Result<files::Hits, types::Error> {
        let stop = || self.call.is_cancelled();
        let found = self.workspace()?.grep(&pattern, glob.as_deref(), limit, &stop)?;
        let hits = found.hits.into_iter().map(|hit| files::Hit { path: hit.path, line: hit.line, text: hit.text });
        Ok(files::Hits { hits: hits.collect(), more: found.more })
    }
}

impl From<Listing> for files::Listing {
    fn from(listing: Listing) -> Self {
        let entries = listing.entries.into_iter().map(|entry| files::Entry {
            path: entry.path,
            kind: match entry.kind {
                Kind::File => files::Kind::File,
                Kind::Directory => files::Kind::Directory,
                Kind::Link => files::Kind::Link,
                Kind::Special => files::Kind::Special,
            },
            size: entry.size,
        });
        files::Listing { entries: entries.collect(), more: listing.more }
    }
}

impl From<FileError> for types::Error {
    fn from(err: FileError) -> Self {
        match err {
            FileError::Denied { code, reason } => types::Error::Denied(types::Denial { code: code.to_owned(), reason }),
            FileError::NotFound(text) => types::Error::NotFound(text),
            FileError::Invalid(text) => types::Error::Invalid(text),
            FileError::Limit(text) => types::Error::Limit(text),
            FileError::Cancelled => types::Error::Cancelled,
            FileError::Io(text) => types::Error::Other(text),
        }
    }
}
