//! Grants: what a component declares that it wants, and what its owner gave it.
//!
//! Both are lists of the same typed matchers. A declared scope may be open ("any host", "any program"); a grant of
//! the owner counts only if it *names* what it opens, see [`Grants::name`].

mod exec;
mod http;

use std::fmt;
use std::str::FromStr;

pub use self::exec::ExecGrant;
pub use self::http::HttpGrant;
use crate::action::Action;

/// One matcher. Its text form is what owners write and what the store keeps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Grant {
    /// `fs workspace read-write`
    Fs(FsGrant),
    /// `http https://api.example.com GET,POST`
    Http(HttpGrant),
    /// `exec git status **`
    Exec(ExecGrant),
}

/// Access to one folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FsGrant {
    /// Which one.
    pub folder: Folder,
    /// What may be done there.
    pub access: Access,
}

/// The folders that can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folder {
    /// The workspace of the run's agent.
    Workspace,
}

/// What may be done in a folder; the later includes the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Read and list.
    Read,
    /// Also create, change and remove.
    ReadWrite,
}

/// A list of grants, in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

/// Why a text is not a grant. Names the offending text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The first word names no family.
    #[error("`{text}` is not a grant: it must start with `fs`, `http` or `exec`")]
    Family {
        /// What was given.
        text: String,
    },
    /// A file grant is malformed.
    #[error("`{text}` is not a file grant: write `fs workspace read` or `fs workspace read-write`")]
    Fs {
        /// What was given.
        text: String,
    },
    /// An HTTP grant is malformed or too wide.
    #[error("`{text}` cannot be granted for HTTP: {rule}")]
    Http {
        /// The part that breaks the rule.
        text: String,
        /// The rule.
        rule: &'static str,
    },
    /// A program grant is malformed.
    #[error("`{text}` cannot be granted as a program: {rule}")]
    Exec {
        /// The part that breaks the rule.
        text: String,
        /// The rule.
        rule: &'static str,
    },
}

// === impl Grant ===

impl Grant {
    /// Parses the text form.
    ///
    /// # Errors
    /// [`GrantError`] quotes the part that is wrong and says what may stand there.
    pub fn parse(text: &str) -> Result<Grant, GrantError> {
        let text = text.trim();
        let (family, rest) = text.split_once(' ').unwrap_or((text, ""));
        match family {
            "fs" => FsGrant::parse(rest.trim()).map(Grant::Fs),
            "http" => HttpGrant::parse(rest.trim()).map(Grant::Http),
            "exec" => ExecGrant::parse(rest.trim()).map(Grant::Exec),
            _ => Err(GrantError::Family { text: excerpt(text) }),
        }
    }

    /// Whether the action lies within this matcher.
    fn covers(&self, action: &Action) -> bool {
        match (self, action) {
            (Grant::Http(grant), Action::SendRequest(plan)) => grant.covers(plan),
            (Grant::Exec(grant), Action::RunProgram(plan)) => grant.covers(plan),
            (Grant::Fs(_) | Grant::Http(_) | Grant::Exec(_), _) => false,
        }
    }

    /// Whether this matcher covers the action and says by name what it opens.
    fn names(&self, action: &Action) -> bool {
        match (self, action) {
            (Grant::Http(grant), Action::SendRequest(plan)) => grant.names(plan),
            (Grant::Exec(grant), Action::RunProgram(plan)) => grant.names(plan),
            (Grant::Fs(_) | Grant::Http(_) | Grant::Exec(_), _) => false,
        }
    }

    /// The narrowest grant that names `action`; `None` if there is none.
    pub(crate) fn narrowest(action: &Action) -> Option<Grant> {
        let grant = match action {
            Action::CallTool(_) => None,
            Action::RunProgram(plan) => ExecGrant::exactly(plan).map(Grant::Exec),
            Action::SendRequest(plan) => HttpGrant::exactly(plan).map(Grant::Http),
        };
        grant.filter(|grant| grant.names(action))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grant::Fs(grant) => write!(f, "fs {} {}", grant.folder, grant.access),
            Grant::Http(grant) => write!(f, "http {grant}"),
            Grant::Exec(grant) => write!(f, "exec {grant}"),
        }
    }
}

impl FromStr for Grant {
    type Err = GrantError;
    fn from_str(text: &str) -> Result<Self, GrantError> {
        Grant::parse(text)
    }
}

// === impl FsGrant ===

impl FsGrant {
    fn parse(text: &str) -> Result<FsGrant, GrantError> {
        let error = || GrantError::Fs { text: excerpt(text) };
        let (folder, access) = text.split_once(' ').ok_or_else(error)?;
        let folder = Folder::parse(folder).ok_or_else(error)?;
        let access = Access::parse(access.trim_start()).ok_or_else(error)?;
        Ok(FsGrant { folder, access })
    }
}

impl Folder {
    fn parse(text: &str) -> Option<Folder> {
        (text == "workspace").then_some(Folder::Workspace)
    }

    /// The word used in grants, policies and manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Folder::Workspace => "workspace",
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Access {
    fn parse(text: &str) -> Option<Access> {
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

// === impl Grants ===

impl Grants {
    /// No grant at all.
    pub fn none() -> Grants {
        Grants::default()
    }

    /// Parses one grant per item.
    ///
    /// # Errors
    /// The first [`GrantError`].
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Grants, GrantError> {
        texts.into_iter().map(Grant::parse).collect()
    }

    /// Every grant, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Grant> {
        self.0.iter()
    }

    /// Whether any of them covers the action. Calling a tool needs no grant: it is always covered.
    pub fn covers(&self, action: &Action) -> bool {
        matches!(action, Action::CallTool(_)) || self.iter().any(|grant| grant.covers(action))
    }

    /// Whether any of them covers the action *and names it*: the question that is asked of an owner's grants.
    ///
    /// "Any host" and "any program" name nothing. An address inside the owner's network is named only by itself,
    /// never by a wildcard; a cloud metadata service only by its literal address.
    pub fn name(&self, action: &Action) -> bool {
        matches!(action, Action::CallTool(_)) || self.iter().any(|grant| grant.names(action))
    }

    /// The folders and the widest access to each.
    pub fn folders(&self) -> Vec<(Folder, Access)> {
        let mut folders: Vec<(Folder, Access)> = Vec::new();
        for grant in self.iter() {
            let Grant::Fs(FsGrant { folder, access }) = *grant else { continue };
            match folders.iter_mut().find(|(known, _)| *known == folder) {
                Some((_, widest)) => *widest = access.max(*widest),
                None => folders.push((folder, access)),
            }
        }
        folders
    }
}

impl FromIterator<Grant> for Grants {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Grants {
        Grants(grants.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Grants {
    type Item = &'a Grant;
    type IntoIter = std::slice::Iter<'a, Grant>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What an error quotes: long garbage from a manifest would only flood logs.
fn excerpt(text: &str) -> String {
    let cut: String = text.chars().take(120).collect();
    crate::visible::escape(&cut)
}

#[cfg(test)]
mod tests;
