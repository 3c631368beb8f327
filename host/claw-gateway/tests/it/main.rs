//! The gateway in process, on a free port, with a small host behind it and real clients in front.

mod calls;
mod handshake;
mod harness;
mod http;
mod lifecycle;
