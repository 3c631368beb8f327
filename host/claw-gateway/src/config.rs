//! What the owner sets: where the gateway listens, who may enter, and the limits on everything a peer can choose.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use claw_core::route::Routes;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// How one gateway runs.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Address and port; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Who may enter.
    pub auth: Auth,
    /// The host's version, as clients see it.
    pub version: String,
    /// Time between two `tick` events; clients count a connection as dead after two missed ones. Usually 30 s.
    pub tick: Duration,
    /// Bounds on what peers can make the gateway hold.
    pub limits: GatewayLimits,
    /// Whose conversations are meant where a client names no agent.
    pub routes: Routes,
}

/// Who may enter.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Everybody who reaches the port. Only possible on loopback.
    None,
    /// Whoever knows the secret: as `auth.token` or `auth.password` of `connect`, or as HTTP bearer.
    Token(Secret),
}

/// A shared secret. Shows as `***`; compared in constant time.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text of a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// Whether there is anything to guess at all.
    pub(crate) fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Whether `offered` is this secret. Digests are compared, so that neither content nor length shows in the time.
    pub(crate) fn matches(&self, offered: &str) -> bool {
        Sha256::digest(&self.0).ct_eq(&Sha256::digest(offered)).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Bounds on what peers can make the gateway hold. The defaults are those of the OpenClaw gateway where it has one.
#[derive(Clone, Debug)]
pub struct GatewayLimits {
    /// Connections at a time, over all peers; more are closed at once.
    pub connections: usize,
    /// Connections at a time from one address that is not loopback.
    pub connections_per_address: usize,
    /// From the first byte of a connection to its complete HTTP head, and from the upgrade to `connect`.
    pub handshake: Duration,
    /// A peer that has sent nothing for this long is pinged; when it stays silent as long again, it is closed.
    pub pong_window: Duration,
    /// Bytes of one frame before `connect` is accepted.
    pub preauth_frame_bytes: usize,
    /// Bytes of one frame afterwards.
    pub frame_bytes: usize,
    /// Bytes that wait for one slow client before it is closed.
    pub buffered_bytes: usize,
    /// Calls of one connection that wait for the host's answer; more are refused.
    pub pending_calls: usize,
    /// Bytes of an HTTP request body.
    pub body_bytes: usize,
    /// Silence after which a streamed HTTP answer gets a comment, so that proxies keep it open.
    pub keep_alive: Duration,
    /// How long a stopping gateway waits for its connections.
    pub drain: Duration,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        GatewayLimits {
            connections: 512,
            connections_per_address: 64,
            handshake: Duration::from_secs(15),
            pong_window: Duration::from_secs(25),
            preauth_frame_bytes: 64 * 1024,
            frame_bytes: 25 * 1024 * 1024,
            buffered_bytes: 50 * 1024 * 1024,
            pending_calls: 256,
            body_bytes: 20 * 1024 * 1024,
            keep_alive: Duration::from_secs(10),
            drain: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests;
