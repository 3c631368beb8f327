//! The scopes that a component asks for. What it gets is the owner's decision.

use crate::bindings::openclaw::manifest::manifest::{FsScope, HttpScope, SecretScope};

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
    http_paths(pattern, methods, &[])
}

/// As [`http`], for paths that begin with one of these prefixes only, e.g. `/v1/`.
pub fn http_paths(pattern: &str, methods: &[&str], paths: &[&str]) -> Scope {
    let owned = |words: &[&str]| words.iter().map(|&word| word.into()).collect();
    Scope::Http(HttpScope { pattern: pattern.into(), methods: owned(methods), paths: owned(paths) })
}

/// Programs: one pattern per argument, `*` for exactly one of any value, a final `**` for any number.
pub fn exec(argv: &[&str]) -> Scope {
    Scope::Exec(argv.iter().map(|&pattern| pattern.into()).collect())
}

/// Any folder by its name: `workspace`, `scratch`, or one that the owner has named; seen as `/NAME`.
pub fn folder(name: &str, access: Access) -> Scope {
    Scope::Fs(FsScope { folder: name.into(), access })
}

/// WebSocket and TCP servers, `SCHEME://HOST[:PORT]` with `ws`, `wss`, `tcp` or `tls`; `tcp` and `tls` need a port.
pub fn net(pattern: &str) -> Scope {
    Scope::Net(pattern.into())
}

/// A secret of the owner's vault, to be sent in headers or paths and never seen.
pub fn secret(name: &str) -> Scope {
    Scope::Secret(SecretScope { name: name.into(), reveal: false })
}

/// A secret of the owner's vault, to be seen.
pub fn revealed_secret(name: &str) -> Scope {
    Scope::Secret(SecretScope { name: name.into(), reveal: true })
}

/// A key-value store of the component's own.
pub fn store(name: &str) -> Scope {
    Scope::Kv(name.into())
}

/// A model, by alias; `default` is the model of the run.
pub fn model(alias: &str) -> Scope {
    Scope::Llm(alias.into())
}

/// Messages into the run's own conversation.
pub fn messages() -> Scope {
    Scope::Message("session".into())
}

/// Other conversations: `Read` to look at them, `ReadWrite` to talk to them and start sub-agents as well.
pub fn sessions(access: Access) -> Scope {
    Scope::Sessions(access)
}
