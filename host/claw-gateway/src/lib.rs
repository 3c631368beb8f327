//! The OpenClaw gateway protocol (version 4, over WebSocket) and the HTTP API, on one port.
//!
//! **Invariant:** never opens the store. This room parses, authenticates, enqueues a [`Command`] for each call and
//! sends what it is told. The modules stand in the order in which a connection meets them.

mod clock;
mod config;

mod listener;
mod rebinding;
mod slots;

mod attempts;
mod device;
mod handshake;
mod preauth;
mod scope;

mod attachment;
mod call;
mod frame;
mod method;

mod link;
mod turn;

mod fanout;
mod outbox;
mod projection;

mod http;
mod socket;

pub use call::{
    BranchName, Call, Caller, ChatAbort, ChatHistory, ChatSend, Command, HubCall, MAX_MESSAGE_BYTES, NewSession,
    OutboxCall, OutboxChoice, OutboxList, PackageCall, Place, SessionCall, SessionName, SessionPatch, SessionsList,
    TaskCall, TaskList, ToolsInvoke,
};
pub use config::{Auth, GatewayConfig, GatewayLimits, Secret};
pub use fanout::Approvers;
pub use frame::{ErrorCode, RpcError};
pub use listener::{Gateway, GatewayError};
pub use projection::approval_payload;
pub use scope::{Scope, Scopes};
