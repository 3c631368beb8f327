//! Where a request or a connection goes.

use serde::{Deserialize, Serialize};

/// A parsed and normalised URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// `http`, `https`, `ws`, `wss`, `tcp` or `tls`.
    pub scheme: String,
    /// Lower-case A-label or address literal (IPv6 without brackets).
    pub host: String,
    /// Explicit or the scheme's default.
    pub port: u16,
    /// Normalised path and query, starting with `/`; empty for `tcp` and `tls`.
    pub path_and_query: String,
    /// What is known of the address before any name is looked up.
    pub address: AddressClass,
}

impl Target {
    /// The URL as it is dialled and shown; the port stands in it always.
    pub fn url(&self) -> String {
        let Target { scheme, host, port, path_and_query, .. } = self;
        if host.contains(':') {
            format!("{scheme}://[{host}]:{port}{path_and_query}")
        } else {
            format!("{scheme}://{host}:{port}{path_and_query}")
        }
    }
}

/// What kind of address a host names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressClass {
    /// A DNS name: its addresses are checked when it is dialled and must be public.
    Name,
    /// A literal public address.
    Public,
    /// A literal address of this machine (127/8, ::1, `localhost`).
    Loopback,
    /// A literal private, shared or link-local address, or any other special range.
    Private,
    /// A cloud metadata service.
    Metadata,
}

impl AddressClass {
    /// The word used in policies and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            AddressClass::Name => "name",
            AddressClass::Public => "public",
            AddressClass::Loopback => "loopback",
            AddressClass::Private => "private",
            AddressClass::Metadata => "metadata",
        }
    }
}
