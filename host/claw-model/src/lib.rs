//! Model providers behind one reply type.
//!
//! A [`Prompt`] goes in, text deltas and one [`Reply`] come out; quirks of providers end in this crate. The modules
//! stand in the order of one call: what is asked, of whom, over HTTP, in which format, and what came of it.
//!
//! Invariant: never reads the environment or a file, and no error, log line or `Debug` output carries a key.

mod prompt;

mod catalogue;
mod facts;
mod provider;

mod listing;
mod model;
mod rehearsal;

mod chain;
mod http;
mod keyring;

mod transcript;

mod anthropic;
mod gemini;
mod openai;
mod responses;
mod wire;

mod sse;

mod draft;
mod replay;

mod error;

#[cfg(test)]
mod sample;

pub use catalogue::{KnownModel, Vendor, facts, vendor, vendors};
pub use chain::{Chain, Chosen};
pub use error::ModelError;
pub use facts::{ModelFacts, Prices};
pub use keyring::{KeyRest, KeyState, KeyStatus};
pub use listing::{Listed, list_models};
pub use model::{Heard, Model};
pub use prompt::{Images, Prompt, Reply, StopReason, Thinking};
pub use provider::{Credential, KeyHeader, KeyUse, ProviderConfig, Secret, WireFormat};
