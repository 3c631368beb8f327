//! Typed names. Text becomes one of these once, at the edge; afterwards they cannot be mixed up.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}: {rule}")]
pub struct IdError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl IdError {
    fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        // Long garbage would only flood logs and cards.
        let text = text.chars().take(80).flat_map(char::escape_default).collect();
        IdError { what, text, rule }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses a name.
            ///
            /// # Errors
            /// [`IdError`] names the rule that the text breaks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok($name(text.to_owned()))
                } else {
                    Err(IdError::new($what, text, $rule))
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                $name::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

fn is_slug(text: &str, max: usize) -> bool {
    let first_is_alphanumeric = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    first_is_alphanumeric && text.len() <= max && text.chars().all(allowed)
}

fn is_printable(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && text.chars().all(|c| c.is_ascii_graphic())
}

text_id!(
    /// Names one agent, e.g. `main`.
    AgentId, "agent id", "1 to 64 of a-z, 0-9, `-`, `_`, starting with a letter or digit", |t| is_slug(t, 64)
);
text_id!(
    /// Names one run, from ingress to egress. It is the client's idempotency key where one was given.
    RunId, "run id", "1 to 128 printable ASCII characters without spaces", |t| is_printable(t, 128)
);
text_id!(
    /// Names one parked approval: 128 random bits as 32 hex digits.
    ApprovalId, "approval id", "32 lower-case hex digits",
    |t| t.len() == 32 && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);
text_id!(
    /// Names one installed component, e.g. `files`.
    ComponentName, "component name", "1 to 64 of a-z, 0-9, `-`, `_`, starting with a letter or digit",
    |t| is_slug(t, 64)
);
text_id!(
    /// Names one tool as the model sees it, e.g. `apply_patch`.
    ToolName, "tool name", "1 to 64 of a-z, A-Z, 0-9, `-`, `_`",
    |t| !t.is_empty() && t.len() <= 64 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
);
text_id!(
    /// Names one tool call within a run, as the provider named it.
    CallId, "tool call id", "1 to 128 printable ASCII characters without spaces", |t| is_printable(t, 128)
);

impl ApprovalId {
    /// Makes an id from random bits; the caller owns the source of randomness.
    pub fn from_random(bits: u128) -> Self {
        ApprovalId(format!("{bits:032x}"))
    }

    /// The first eight digits: what a card shows and `/approve` accepts while it is unique.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

/// Names one conversation, e.g. `agent:main:main` or `agent:main:telegram:group:-100123`.
///
/// Always lower-case and always scoped to an agent. Source: OpenClaw's session key grammar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionKey(String);

/// How the names of incognito conversations begin: `agent:main:incognito:7f3a`.
const INCOGNITO: &str = "incognito:";

impl SessionKey {
    const RULE: &'static str =
        "1 to 512 printable characters without spaces, optionally starting with `agent:<agent id>:`";

    /// Parses a full key, or scopes a bare one (`main`, `acp-bridge:<uuid>`) to `agent`.
    ///
    /// # Errors
    /// [`IdError`] if the text is empty, too long, has spaces or control characters, or names no valid agent.
    pub fn parse(text: &str, agent: &AgentId) -> Result<Self, IdError> {
        let error = || IdError::new("session key", text, Self::RULE);
        let printable = |c: char| !c.is_whitespace() && !c.is_control();
        if text.is_empty() || text.len() > 512 || !text.chars().all(printable) {
            return Err(error());
        }
        let key = text.to_lowercase();
        match key.strip_prefix("agent:") {
            None => Ok(SessionKey(format!("agent:{agent}:{key}"))),
            Some(rest) => {
                let (agent, rest) = rest.split_once(':').ok_or_else(error)?;
                if rest.is_empty() || AgentId::parse(agent).is_err() {
                    return Err(error());
                }
                Ok(SessionKey(key))
            }
        }
    }

    /// The agent that this conversation belongs to.
    pub fn agent(&self) -> AgentId {
        let agent = self.0.split(':').nth(1).expect("session key: parse guarantees an agent");
        AgentId(agent.to_owned())
    }

    /// Whether nothing of what is said in this conversation is ever to be written to a disk: its name begins with
    /// `incognito:`.
    pub fn is_incognito(&self) -> bool {
        let name = self.0.splitn(3, ':').nth(2).expect("session key: parse guarantees a name");
        name.starts_with(INCOGNITO)
    }

    /// A fresh incognito conversation of an agent.
    ///
    /// # Errors
    /// As [`SessionKey::parse`].
    pub fn incognito(agent: &AgentId, name: &str) -> Result<Self, IdError> {
        SessionKey::parse(&format!("{INCOGNITO}{name}"), agent)
    }

    /// The conversation of the same agent with this name, incognito if this one is.
    ///
    /// # Errors
    /// As [`SessionKey::parse`].
    pub fn beside(&self, name: &str) -> Result<Self, IdError> {
        match self.is_incognito() {
            true => SessionKey::incognito(&self.agent(), name),
            false => SessionKey::parse(name, &self.agent()),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SessionKey {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        if !text.starts_with("agent:") {
            return Err(IdError::new("session key", &text, "must start with `agent:`"));
        }
        SessionKey::parse(&text, &AgentId("main".to_owned()))
    }
}

impl From<SessionKey> for String {
    fn from(key: SessionKey) -> String {
        key.0
    }
}

/// Host time: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This moment plus `duration`, saturating.
    pub fn plus(self, duration: std::time::Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The position of an entry in its session's log, starting at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(pub u64);

/// A SHA-256 digest. Shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Parses 64 hex digits.
    ///
    /// # Errors
    /// [`IdError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let error = || IdError::new("digest", text, "64 lower-case hex digits");
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(error());
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| error())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| error())?;
        }
        Ok(Digest(bytes))
    }

    /// The first twelve hex digits: enough to tell digests apart on a card.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Digest::parse(&text).map_err(serde::de::Error::custom)
        } else {
            Ok(Digest(<[u8; 32]>::deserialize(deserializer)?))
        }
    }
}

#[cfg(test)]
mod tests;
