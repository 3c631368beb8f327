//! Which servers a component may open connections to.

use std::fmt;

use claw_core::effect::ConnectPlan;

use super::server::{Scheme, Servers};
use super::{GrantError, excerpt};

/// Servers by what is spoken: `wss://chat.example.com`, `tls://mail.example.com:993`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetGrant {
    servers: Servers,
}

const SCHEMES: [Scheme; 4] = [Scheme::Ws, Scheme::Wss, Scheme::Tcp, Scheme::Tls];

impl NetGrant {
    /// Makes a grant from `SCHEME://HOST[:PORT]` or `*`.
    ///
    /// # Errors
    /// [`GrantError::Net`] for a pattern that is malformed or wider than can be granted.
    pub fn new(pattern: &str) -> Result<NetGrant, GrantError> {
        let servers =
            Servers::parse(pattern, &SCHEMES, "write `SCHEME://host[:port]` with `ws`, `wss`, `tcp` or `tls`");
        let servers = servers.map_err(|(text, rule)| GrantError::Net { text: excerpt(text), rule })?;
        Ok(NetGrant { servers })
    }

    /// The grant for one connection's server.
    pub(super) fn exactly(plan: &ConnectPlan) -> Option<NetGrant> {
        NetGrant::new(&Servers::exactly(&plan.target)).ok()
    }

    /// URLs of a few connections within this grant.
    pub(super) fn examples(&self) -> Vec<String> {
        self.servers.examples("wss")
    }

    /// Whether it means any server.
    pub(super) fn is_open(&self) -> bool {
        self.servers == Servers::Any
    }

    /// Whether the connection lies within this grant.
    pub(super) fn covers(&self, plan: &ConnectPlan) -> bool {
        self.servers.cover(&plan.target)
    }

    /// Whether the connection lies within this grant and the grant says so by name.
    pub(super) fn names(&self, plan: &ConnectPlan) -> bool {
        self.covers(plan) && self.servers.name(plan.target.address)
    }
}

impl fmt::Display for NetGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.servers.fmt(f)
    }
}
