//! The capability families: one file each, all of them behind the same door.

mod config;
mod exec;
pub(super) mod files;
pub(super) mod http;
mod keyvalue;
mod llm;
pub(super) mod logging;
mod message;
mod net;
mod secrets;
mod session;
mod sessions;
pub(super) mod time;
mod workspace;

pub use exec::Process;
pub use keyvalue::Bucket;
pub use net::{Connection, WebSocket};
pub use secrets::Secret;

use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use wasmtime_wasi::ResourceTableError;

use super::bindings;
use super::bindings::openclaw::types::types::{self, Denial, Error};
use super::guest::Guest;

impl types::Host for Guest {}

impl bindings::openclaw::manifest::manifest::Host for Guest {}

impl Guest {
    /// Asks the host for an effect and waits for its answer.
    fn ask(&self, request: EffectRequest) -> Result<EffectReply, Error> {
        Ok(self.call.ask_blocking(&self.door, request)?)
    }
}

impl From<EffectError> for Error {
    fn from(err: EffectError) -> Self {
        match err {
            EffectError::Denied { code, reason } => Error::Denied(Denial { code, reason }),
            EffectError::Limit(text) => Error::Limit(text),
            EffectError::Invalid(text) => Error::Invalid(text),
            EffectError::Unavailable(text) => Error::Unavailable(text),
            EffectError::NotFound(text) => Error::NotFound(text),
            EffectError::Cancelled => Error::Cancelled,
            EffectError::Other(text) | EffectError::Unanswered(text) => Error::Other(text),
        }
    }
}

/// The host and its worker are one program, so this is a fault of ours and none of the guest's.
fn other_family() -> Error {
    Error::Other("the host answered another question".to_owned())
}

fn table_full(_: ResourceTableError) -> Error {
    Error::Limit("too many handles are open".to_owned())
}
