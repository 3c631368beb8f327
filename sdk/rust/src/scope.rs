//! The scopes that a component asks for. What it gets is the owner's decision.

use crate::bindings::openclaw::manifest::manifest::{FsScope, HttpScope};

pub use crate::bindings::openclaw::manifest::manifest::{Access, Scope};

#[cfg(test)]
mod tests;

/// The agent's workspace, seen as [`crate::workspace`] and as the directory `/workspace`.
pub fn workspace(access: Access) -> Scope {
    Scope::Fs(FsScope { folder: "workspace".into(), access })
}

/// Servers and methods. `pattern` is `scheme://host[:port]`, where the host may start with `*.` (exactly one label),
/// or `*` alone for any host: the owner is then asked for each request. Methods are written in upper case.
pub fn http(pattern: &str, methods: &[&str]) -> Scope {
    Scope::Http(HttpScope { pattern: pattern.into(), methods: methods.iter().map(|&method| method.into()).collect() })
}

/// Programs: one pattern per argument, `*` for exactly one of any value, a final `**` for any number.
pub fn exec(argv: &[&str]) -> Scope {
    Scope::Exec(argv.iter().map(|&pattern| pattern.into()).collect())
}
