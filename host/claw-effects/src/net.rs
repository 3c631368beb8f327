//! Connections: WebSockets, and TCP with or without TLS, to one checked address.
//!
//! Nothing is read from a connection before its guest asks for it, so a server that sends faster than the guest reads
//! fills the kernel's buffer and then waits. A connection ends with the value that stands for it.

mod broker;
mod connection;
mod plan;
mod socket;

pub use broker::NetBroker;
pub use connection::Connection;
pub use plan::{NetLimits, plan_connect};
