//! The environment: the only file that reads it, and the list of all names.

use std::collections::BTreeMap;
use std::fmt;

/// Where the host keeps its files.
pub const HOST_HOME: &str = "OPENCLAW_HOST_HOME";
/// The port of the gateway.
pub const HOST_PORT: &str = "OPENCLAW_HOST_PORT";
/// The address of the gateway.
pub const HOST_BIND: &str = "OPENCLAW_HOST_BIND";
/// The model, as `provider/model`.
pub const HOST_MODEL: &str = "OPENCLAW_HOST_MODEL";
/// The user's home directory, in which the default home of the host lies.
pub const USER_HOME: &str = "HOME";
/// The file that holds the passphrase of the vault; `/dev/fd/3` reads it from that descriptor.
pub const HOST_VAULT_PASSPHRASE_FILE: &str = "OPENCLAW_HOST_VAULT_PASSPHRASE_FILE";
/// The folder of what builds skills.
pub const TOOLS: &str = "OPENCLAW_TOOLS";
/// Any value turns colours off.
pub const NO_COLOR: &str = "NO_COLOR";

/// Every variable that is read, apart from those of the known providers and those
/// that `models.providers.*` names. Of those that
/// skills need, only whether they are set.
pub const NAMES: [&str; 8] =
    [HOST_HOME, HOST_PORT, HOST_BIND, HOST_MODEL, USER_HOME, HOST_VAULT_PASSPHRASE_FILE, TOOLS, NO_COLOR];

/// Whether a variable is set and not empty; what is in it stays there.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
pub fn is_set(name: &str) -> bool {
    // Such names would end the process.
    let possible = !name.is_empty() && !name.contains(['=', '\0']);
    possible && std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// A copy of the variables that concern us. `Debug` shows their names only.
#[derive(Clone, Default)]
pub struct Env {
    values: BTreeMap<String, String>,
}

impl Env {
    /// Reads the variables of [`NAMES`] and those of the known providers from the process. Empty values, and those that are not UTF-8, count as unset.
    pub fn read() -> Self {
        let keys = claw_model::vendors().iter().flat_map(|vendor| vendor.key_variables).copied();
        let addresses = claw_model::vendors().iter().filter_map(|vendor| vendor.base_url_variable);
        Env::default().and(NAMES).and(keys).and(addresses)
    }

    /// Adds variables that the configuration file names.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    pub fn and<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        for name in names {
            if let Ok(value) = std::env::var(name)
                && !value.is_empty()
            {
                self.values.insert(name.to_owned(), value);
            }
        }
        self
    }

    /// Makes an environment out of pairs instead of the process's own.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Env { values: pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    /// The value of a variable, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be keys.
        f.debug_set().entries(self.values.keys()).finish()
    }
}
