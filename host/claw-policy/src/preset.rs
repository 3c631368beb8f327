//! The policies that ship with the host.

use std::fmt;
use std::str::FromStr;

/// A shipped base on which the owner's own files are laid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Nothing is allowed, whatever the owner's files say.
    DenyAll,
    /// What was granted is allowed; programs and requests beyond that are asked about.
    #[default]
    Cautious,
    /// As cautious; plain programs and reads from public servers are not asked about.
    Trusting,
}

/// The text is not the name of a preset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a policy preset: use `deny-all`, `cautious` or `trusting`")]
pub struct PresetError {
    text: String,
}

/// The Cedar schema that all policies are checked against, in Cedar's own notation.
pub const SCHEMA: &str = include_str!("../../../policies/schema.cedarschema");

const DENY_ALL: (&str, &str) = ("deny-all.cedar", include_str!("../../../policies/deny-all.cedar"));
const CAUTIOUS: (&str, &str) = ("cautious.cedar", include_str!("../../../policies/cautious.cedar"));
const TRUSTING: (&str, &str) = ("trusting.cedar", include_str!("../../../policies/trusting.cedar"));

const DENY_ALL_TABLE: &str = include_str!("../../../policies/tests/deny-all.table");
const CAUTIOUS_TABLE: &str = include_str!("../../../policies/tests/cautious.table");
const TRUSTING_TABLE: &str = include_str!("../../../policies/tests/trusting.table");

impl Preset {
    /// All of them, the strictest first.
    pub const ALL: [Preset; 3] = [Preset::DenyAll, Preset::Cautious, Preset::Trusting];

    /// The word used in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Preset::DenyAll => "deny-all",
            Preset::Cautious => "cautious",
            Preset::Trusting => "trusting",
        }
    }

    /// Name and text of its files. `trusting` only adds to `cautious`, so that the two cannot drift apart.
    pub fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Preset::DenyAll => &[DENY_ALL],
            Preset::Cautious => &[CAUTIOUS],
            Preset::Trusting => &[CAUTIOUS, TRUSTING],
        }
    }

    /// The table of its answers, see [`crate::Table`].
    pub fn table(self) -> &'static str {
        match self {
            Preset::DenyAll => DENY_ALL_TABLE,
            Preset::Cautious => CAUTIOUS_TABLE,
            Preset::Trusting => TRUSTING_TABLE,
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Preset {
    type Err = PresetError;
    fn from_str(text: &str) -> Result<Self, PresetError> {
        let found = Preset::ALL.into_iter().find(|preset| preset.as_str() == text);
        found.ok_or_else(|| PresetError { text: text.chars().take(80).flat_map(char::escape_default).collect() })
    }
}

#[cfg(test)]
mod tests;
