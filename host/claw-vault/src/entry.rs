//! One secret: as it is kept, as it is handed out, and what may be shown of it.

use std::fmt;

use claw_core::id::{ComponentName, Timestamp};
use zeroize::Zeroizing;

use crate::audience::Audience;

/// Values with fewer characters show no ending: four of them would say too much.
const MIN_CHARS_TO_SHOW_ENDING: usize = 12;

/// A secret that was taken out of the vault. `Debug` shows nothing of its value; there is no `Display`, no
/// `Serialize` and no `Clone`, and its memory is zeroed when it is dropped.
pub struct Secret {
    value: Zeroizing<String>,
    audience: Vec<Audience>,
    components: Vec<ComponentName>,
}

/// What may be shown of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its name.
    pub name: String,
    /// Where it may be sent; nowhere if this is empty.
    pub audience: Vec<Audience>,
    /// Who may use it; everyone with a grant if this is empty.
    pub components: Vec<ComponentName>,
    /// When it was first set.
    pub created: Timestamp,
    /// When its value was last set.
    pub rotated: Timestamp,
    /// Its last four characters, if it has at least twelve.
    pub last4: Option<String>,
}

/// A secret as it is kept in memory.
pub(crate) struct Entry {
    pub(crate) value: Zeroizing<String>,
    pub(crate) audience: Vec<Audience>,
    pub(crate) components: Vec<ComponentName>,
    pub(crate) created: Timestamp,
    pub(crate) rotated: Timestamp,
}

// === impl Secret ===

impl Secret {
    /// The value itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Whether it may be sent to `origin`, `scheme://host[:port]`.
    pub fn allows(&self, origin: &str) -> bool {
        self.audience.iter().any(|audience| audience.covers(origin))
    }

    /// Whether this component may use it at all; that it was granted to it is another question.
    pub fn serves(&self, component: &ComponentName) -> bool {
        self.components.is_empty() || self.components.contains(component)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("value", &"***")
            .field("audience", &self.audience)
            .field("components", &self.components)
            .finish()
    }
}

// === impl Entry ===

impl Entry {
    pub(crate) fn secret(&self) -> Secret {
        Secret { value: self.value.clone(), audience: self.audience.clone(), components: self.components.clone() }
    }

    pub(crate) fn info(&self, name: &str) -> Info {
        let chars = self.value.chars().count();
        let ending = || self.value.chars().skip(chars - 4).collect();
        Info {
            name: name.to_owned(),
            audience: self.audience.clone(),
            components: self.components.clone(),
            created: self.created,
            rotated: self.rotated,
            last4: (chars >= MIN_CHARS_TO_SHOW_ENDING).then(ending),
        }
    }
}
