//! Model providers behind one reply type.
//!
//! A [`Prompt`] goes in, text deltas and one [`Reply`] come out; quirks of providers end in this crate. The modules
//! stand in the order of one call: what is asked, of whom, over HTTP, in which format, and what came of it.
//!
//! Invariant: never reads the environment or a file, and no error, log line or `Debug` output carries a key.

mod prompt;

mod provider;

mod model;
mod rehearsal;

mod http;

mod transcript;

mod anthropic;
mod openai;
mod wire;

mod sse;

mod draft;

mod error;

#[cfg(test)]
mod sample;

pub use error::ModelError;
pub use http::HttpModel;
pub use model::Model;
pub use prompt::{Prompt, Reply, StopReason};
pub use provider::{ProviderConfig, Secret, WireFormat};
