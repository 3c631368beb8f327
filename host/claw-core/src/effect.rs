//! Effects: what a guest asks the host to do to the world.
//!
//! A *request* is the guest's wish in its own words. A *plan* is the canonical form: names resolved, defaults filled
//! in, every guest-chosen number clamped. Policy decides on plans, cards are rendered from plans and plans are what
//! runs, so that what was shown is what happens.

mod exec;
mod http;
mod kv;
mod llm;
mod message;
mod net;
mod secret;
mod sessions;
mod target;

use serde::{Deserialize, Serialize};

pub use self::exec::{
    Background, ExecEnd, ExecExit, ExecPlan, ExecRequest, ProcessProgress, ProcessReply, ProcessRequest,
    ProcessSummary, Terminal,
};
pub use self::http::{HttpHead, HttpPlan, HttpRequest, MAX_REQUEST_BODY_BYTES, RequestBody};
pub use self::kv::{KvOperation, KvReply, KvRequest};
pub use self::llm::{LlmMessage, LlmReply, LlmRequest};
pub use self::message::MessageRequest;
pub use self::net::{ConnectPlan, ConnectRequest, NetMessage, NetReply, NetRequest};
pub use self::secret::{SecretPurpose, SecretReply, SecretRequest, SecretUse, placeholder};
pub use self::sessions::{
    Reach, SessionEntry, SessionPage, SessionSummary, SessionsPlan, SessionsReply, SessionsRequest, SpawnPlan,
    SpawnRequest, StartedTask,
};
pub use self::target::{AddressClass, Target};

/// What a guest asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EffectRequest {
    /// `openclaw:exec/run`.
    Exec(ExecRequest),
    /// `openclaw:exec/process`.
    Process(ProcessRequest),
    /// `wasi:http/outgoing-handler`.
    Http(HttpRequest),
    /// `openclaw:net`.
    Net(NetRequest),
    /// `openclaw:secrets`.
    Secret(SecretRequest),
    /// `wasi:keyvalue`.
    Kv(KvRequest),
    /// `openclaw:llm`.
    Llm(LlmRequest),
    /// `openclaw:message`.
    Message(MessageRequest),
    /// `openclaw:sessions`.
    Sessions(SessionsRequest),
}

/// What the host answers to an effect request: always of the family that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EffectReply {
    /// The program ended.
    Exec(ExecExit),
    /// About a background process.
    Process(ProcessReply),
    /// The server answered; body chunks follow separately.
    Http(HttpHead),
    /// About a connection.
    Net(NetReply),
    /// About a secret.
    Secret(SecretReply),
    /// About a store.
    Kv(KvReply),
    /// The model answered.
    Llm(LlmReply),
    /// The message is on disk.
    Message,
    /// About other conversations.
    Sessions(SessionsReply),
}

/// Why an effect did not happen. Mirrors the error trunk of `openclaw:types`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EffectError {
    /// Policy, a person or a missing grant refused.
    #[error("{code}: {reason}")]
    Denied {
        /// The stable code, e.g. `E_EXEC_DENIED`.
        code: String,
        /// What refused, and what would change that.
        reason: String,
    },
    /// A limit was reached.
    #[error("limit reached: {0}")]
    Limit(String),
    /// The request makes no sense.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// Something outside could not be reached, or the kernel lacks a feature.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The named thing does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// The call was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// Anything else.
    #[error("{0}")]
    Other(String),
    /// It was sent, or may have been, and no answer came: it may have taken effect.
    #[error("no answer: {0}")]
    Unanswered(String),
}

impl EffectError {
    /// A refusal with its stable code.
    pub fn denied(code: &str, reason: impl Into<String>) -> Self {
        EffectError::Denied { code: code.to_owned(), reason: reason.into() }
    }
}
