//! Which folders a component may reach.

use std::fmt;

use super::{GrantError, excerpt};

/// Access to one folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FsGrant {
    /// Which one.
    pub folder: Folder,
    /// What may be done there.
    pub access: Access,
}

/// The folders that can be granted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folder {
    /// The workspace of the run's agent.
    Workspace,
    /// The component's own folder, which nobody else sees.
    Scratch,
    /// A folder that the owner has named in the configuration: 1 to 32 of `a-z 0-9 - _`, a letter or digit first.
    Named(String),
}

/// What may be done in a folder; the later includes the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Read and list.
    Read,
    /// Also create, change and remove.
    ReadWrite,
}

impl FsGrant {
    pub(super) fn parse(text: &str) -> Result<FsGrant, GrantError> {
        let error = || GrantError::Fs { text: excerpt(text) };
        let (folder, access) = text.split_once(' ').ok_or_else(error)?;
        let folder = Folder::parse(folder).ok_or_else(error)?;
        let access = Access::parse(access.trim_start()).ok_or_else(error)?;
        Ok(FsGrant { folder, access })
    }
}

impl Folder {
    /// Parses the word used in grants, policies and manifests.
    pub fn parse(text: &str) -> Option<Folder> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        match text {
            "workspace" => Some(Folder::Workspace),
            "scratch" => Some(Folder::Scratch),
            _ if text.is_empty() || text.len() > 32 || text.starts_with(['-', '_']) => None,
            _ => text.bytes().all(allowed).then(|| Folder::Named(text.to_owned())),
        }
    }

    /// The word used in grants, policies and manifests.
    pub fn as_str(&self) -> &str {
        match self {
            Folder::Workspace => "workspace",
            Folder::Scratch => "scratch",
            Folder::Named(name) => name,
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Access {
    pub(super) fn parse(text: &str) -> Option<Access> {
        match text {
            "read" => Some(Access::Read),
            "read-write" => Some(Access::ReadWrite),
            _ => None,
        }
    }

    /// The word used in grants and manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::ReadWrite => "read-write",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
