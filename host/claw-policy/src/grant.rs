//! Grants: what a component declares that it wants, and what its owner gave it.
//!
//! Both are lists of the same typed matchers. A declared scope may be open ("any host", "any program"); a grant of
//! the owner counts only if it *names* what it opens, see [`Grants::name`].

mod example;
mod exec;
mod folder;
mod http;
mod name;
mod net;
mod server;
mod sessions;
mod words;

use std::fmt;
use std::str::FromStr;

use claw_core::effect::SecretPurpose;

pub use self::exec::ExecGrant;
pub(crate) use self::exec::closing_quote;
pub use self::folder::{Access, Folder, FsGrant};
pub use self::http::HttpGrant;
pub use self::name::Name;
pub use self::net::NetGrant;
pub(crate) use self::server::at_server;
pub use self::sessions::SessionsGrant;
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
    /// `net wss://chat.example.com`
    Net(NetGrant),
    /// `secret github` or, to be seen, `secret github reveal`
    Secret(SecretGrant),
    /// `kv cache`
    Kv(Name),
    /// `llm default`
    Llm(Name),
    /// `message session`
    Message(Name),
    /// `memory read`; nothing is offered for it yet.
    Memory(Access),
    /// `schedule`; nothing is offered for it yet.
    Schedule,
    /// `sessions spawn`
    Sessions(SessionsGrant),
}

/// Use of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretGrant {
    /// Its name in the vault.
    pub name: Name,
    /// Whether it may be seen, rather than only sent where the owner said.
    pub reveal: bool,
}

/// A list of grants, in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

/// Why a text is not a grant. Names the offending text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The first word names no family.
    #[error("`{text}` is not a grant: it must start with one of {FAMILIES}")]
    Family {
        /// What was given.
        text: String,
    },
    /// A file grant is malformed.
    #[error(
        "`{text}` is not a file grant: write `fs FOLDER read` or `fs FOLDER read-write`, with `workspace`, `scratch` or a folder that the configuration names"
    )]
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
    /// A connection grant is malformed or too wide.
    #[error("`{text}` cannot be granted for connections: {rule}")]
    Net {
        /// The part that breaks the rule.
        text: String,
        /// The rule.
        rule: &'static str,
    },
    /// A name is malformed.
    #[error("`{text}` is not a name: write 1 to 64 of `a-z 0-9 - _ . /`, a letter or digit first")]
    Name {
        /// What was given.
        text: String,
    },
    /// Something stands behind a grant that is already complete, or something is missing.
    #[error("`{text}` is not a grant: write {form}")]
    Form {
        /// What was given.
        text: String,
        /// What it should look like.
        form: &'static str,
    },
    /// A term of a grant can never count.
    #[error("`{text}` cannot be granted on these terms: {rule}")]
    Terms {
        /// The grant.
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

/// The first words of grants.
const FAMILIES: &str =
    "`fs`, `http`, `net`, `exec`, `secret`, `kv`, `llm`, `message`, `memory`, `schedule`, `sessions`";

// === impl Grant ===

impl Grant {
    /// Parses the text form.
    ///
    /// # Errors
    /// [`GrantError`] quotes the part that is wrong and says what may stand there.
    pub fn parse(text: &str) -> Result<Grant, GrantError> {
        let text = text.trim();
        let (family, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        let access = |form| Access::parse(rest).ok_or_else(|| GrantError::Form { text: excerpt(text), form });
        match family {
            "fs" => FsGrant::parse(rest).map(Grant::Fs),
            "http" => HttpGrant::parse(rest).map(Grant::Http),
            "exec" => ExecGrant::parse(rest).map(Grant::Exec),
            "net" => NetGrant::new(rest).map(Grant::Net),
            "secret" => SecretGrant::parse(rest).map(Grant::Secret),
            "kv" => Name::parse(rest).map(Grant::Kv),
            "llm" => Name::parse(rest).map(Grant::Llm),
            "message" => Name::parse(rest).map(Grant::Message),
            "memory" => access("`memory read` or `memory read-write`").map(Grant::Memory),
            "schedule" if rest.is_empty() => Ok(Grant::Schedule),
            "schedule" => Err(GrantError::Form { text: excerpt(text), form: "`schedule` alone" }),
            "sessions" => SessionsGrant::parse(rest).map(Grant::Sessions).ok_or_else(|| GrantError::Form {
                text: excerpt(text),
                form: "`sessions own`, `sessions read`, `sessions send`, `sessions spawn` or `sessions read-write`",
            }),
            _ => Err(GrantError::Family { text: excerpt(text) }),
        }
    }

    /// Whether the action lies within this matcher.
    pub(crate) fn covers(&self, action: &Action) -> bool {
        match (self, action) {
            (Grant::Http(grant), Action::SendRequest(plan)) => grant.covers(plan),
            (Grant::Exec(grant), Action::RunProgram(plan)) => grant.covers(plan),
            (Grant::Net(grant), Action::OpenConnection(plan)) => grant.covers(plan),
            (Grant::Secret(grant), Action::UseSecret(wish)) => {
                grant.name.as_str() == wish.name && (grant.reveal || wish.purpose != SecretPurpose::Reveal)
            }
            (Grant::Kv(name), Action::UseStore(store)) => name.as_str() == store,
            (Grant::Llm(name), Action::AskModel(question)) => name.as_str() == question.model,
            (Grant::Message(name), Action::SendMessage(message)) => name.as_str() == message.to,
            (Grant::Sessions(grant), Action::UseSessions(plan)) => grant.covers(plan),
            _ => false,
        }
    }

    /// Whether this matcher covers the action and says by name what it opens.
    pub(crate) fn names(&self, action: &Action) -> bool {
        match (self, action) {
            (Grant::Http(grant), Action::SendRequest(plan)) => grant.names(plan),
            (Grant::Exec(grant), Action::RunProgram(plan)) => grant.names(plan),
            (Grant::Net(grant), Action::OpenConnection(plan)) => grant.names(plan),
            _ => self.covers(action),
        }
    }

    /// The narrowest grant that names `action`; `None` if there is none.
    pub(crate) fn narrowest(action: &Action) -> Option<Grant> {
        let grant = match action {
            Action::CallTool(_) => None,
            Action::RunProgram(plan) => ExecGrant::exactly(plan).map(Grant::Exec),
            Action::SendRequest(plan) => HttpGrant::exactly(plan).map(Grant::Http),
            Action::OpenConnection(plan) => NetGrant::exactly(plan).map(Grant::Net),
            Action::UseSecret(wish) => {
                let reveal = wish.purpose == SecretPurpose::Reveal;
                Name::parse(&wish.name).ok().map(|name| Grant::Secret(SecretGrant { name, reveal }))
            }
            Action::UseStore(store) => Name::parse(store).ok().map(Grant::Kv),
            Action::AskModel(question) => Name::parse(&question.model).ok().map(Grant::Llm),
            Action::SendMessage(message) => Name::parse(&message.to).ok().map(Grant::Message),
            Action::UseSessions(plan) => Some(Grant::Sessions(SessionsGrant::narrowest(plan))),
        };
        grant.filter(|grant| grant.names(action))
    }
}

impl SecretGrant {
    fn parse(text: &str) -> Result<SecretGrant, GrantError> {
        match text.split_once(' ') {
            None => Ok(SecretGrant { name: Name::parse(text)?, reveal: false }),
            Some((name, "reveal")) => Ok(SecretGrant { name: Name::parse(name)?, reveal: true }),
            Some(_) => Err(GrantError::Form { text: excerpt(text), form: "`secret NAME` or `secret NAME reveal`" }),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grant::Fs(grant) => write!(f, "fs {} {}", grant.folder, grant.access),
            Grant::Http(grant) => write!(f, "http {grant}"),
            Grant::Exec(grant) => write!(f, "exec {grant}"),
            Grant::Net(grant) => write!(f, "net {grant}"),
            Grant::Secret(SecretGrant { name, reveal: false }) => write!(f, "secret {name}"),
            Grant::Secret(SecretGrant { name, reveal: true }) => write!(f, "secret {name} reveal"),
            Grant::Kv(name) => write!(f, "kv {name}"),
            Grant::Llm(name) => write!(f, "llm {name}"),
            Grant::Message(name) => write!(f, "message {name}"),
            Grant::Memory(access) => write!(f, "memory {access}"),
            Grant::Schedule => f.write_str("schedule"),
            Grant::Sessions(grant) => write!(f, "sessions {grant}"),
        }
    }
}

impl FromStr for Grant {
    type Err = GrantError;
    fn from_str(text: &str) -> Result<Self, GrantError> {
        Grant::parse(text)
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
    pub fn as_slice(&self) -> &[Grant] {
        &self.0
    }

    /// The same, one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Grant> {
        self.0.iter()
    }

    /// Whether any of them covers the action. Calling a tool needs no grant: it is always covered.
    pub fn covers(&self, action: &Action) -> bool {
        matches!(action, Action::CallTool(_)) || self.iter().any(|grant| grant.covers(action))
    }

    /// The first that covers the action.
    pub(crate) fn covering(&self, action: &Action) -> Option<&Grant> {
        self.iter().find(|grant| grant.covers(action))
    }

    /// The first that opens the folder so far.
    pub(crate) fn opening(&self, folder: &Folder, access: Access) -> Option<&Grant> {
        self.iter().find(|grant| matches!(grant, Grant::Fs(it) if it.folder == *folder && it.access >= access))
    }

    /// The folders and the widest access to each.
    pub fn folders(&self) -> Vec<(Folder, Access)> {
        let mut folders: Vec<(Folder, Access)> = Vec::new();
        for grant in self.iter() {
            let Grant::Fs(FsGrant { folder, access }) = grant else { continue };
            match folders.iter_mut().find(|(known, _)| known == folder) {
                Some((_, widest)) => *widest = (*access).max(*widest),
                None => folders.push((folder.clone(), *access)),
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
