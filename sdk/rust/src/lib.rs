//! Writes tools for openclaw-host in Rust.
//!
//! A tool is a type with the [`Tool`] trait; a component is a list of tools given to [`export_component!`]. Arguments
//! are a struct: its fields and doc comments become the JSON Schema that the model sees. Build it as a `cdylib` for
//! `wasm32-wasip2`, with `serde` (and its feature `derive`) and `schemars` 1 as dependencies beside this crate: their
//! derives name them.
//!
//! ```
//! use openclaw_sdk::{JsonSchema, Tool, ToolError, scope, workspace};
//! use serde::Deserialize;
//!
//! /// Counts the bytes of a file.
//! struct Size;
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct SizeArgs {
//!     /// Path relative to the workspace.
//!     path: String,
//! }
//!
//! impl Tool for Size {
//!     type Args = SizeArgs;
//!     const NAME: &'static str = "size";
//!     const DESCRIPTION: &'static str = "Tells how many bytes a file of the workspace has.";
//!
//!     fn call(args: SizeArgs) -> Result<String, ToolError> {
//!         let slice = workspace::read_range(&args.path, 0, 0)?;
//!         Ok(format!("{} bytes", slice.size))
//!     }
//! }
//!
//! openclaw_sdk::export_component! {
//!     name: "size",
//!     version: "0.1.0",
//!     summary: "Tells the size of files.",
//!     tools: [Size],
//!     scopes: [scope::workspace(scope::Access::Read)],
//! }
//! # fn main() {}
//! ```
//!
//! What a component does not use it does not import, and what it does not import cannot be granted to it. So each
//! scope in the macro goes with a use of the matching module, e.g. [`workspace`], [`exec`] or `http`.
//!
//! A component can offer a chat service as well: see [`Channel`].

/// The generated bindings of the world `openclaw:tool/tool`. The modules of this crate are their readable face; use
/// them directly only for what the macro cannot say.
#[expect(missing_docs, reason = "the generator repeats the docs of the WIT files, but not on everything it adds")]
pub mod bindings {
    wit_bindgen::generate!({
        path: [
            "../../wit/types",
            "../../wit/manifest",
            "../../wit/session",
            "../../wit/exec",
            "../../wit/workspace",
            "../../wit/net",
            "../../wit/secrets",
            "../../wit/llm",
            "../../wit/message",
            "../../wit/sessions",
            "../../wit/deps/keyvalue",
            "../../wit/deps/config",
            "../../wit/deps/logging",
            "../../wit/tool",
        ],
        world: "openclaw:tool/tool",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "openclaw_sdk::bindings",
    });
}

/// The generated bindings of the interface `openclaw:channel/guest`; [`channel`] is their readable face.
#[doc(hidden)]
pub mod channel_bindings {
    wit_bindgen::generate!({
        path: [
            "../../wit/types",
            "../../wit/manifest",
            "../../wit/session",
            "../../wit/exec",
            "../../wit/workspace",
            "../../wit/net",
            "../../wit/secrets",
            "../../wit/llm",
            "../../wit/message",
            "../../wit/sessions",
            "../../wit/deps/keyvalue",
            "../../wit/deps/config",
            "../../wit/deps/logging",
            "../../wit/tool",
            "../../wit/channel",
        ],
        // Beside the world of tools, whose bindings every component has.
        inline: "
            package openclaw:sdk;
            world channel-alone { export openclaw:channel/guest@0.1.0; }
        ",
        world: "openclaw:sdk/channel-alone",
        pub_export_macro: true,
        default_bindings_module: "openclaw_sdk::channel_bindings",
    });
}

pub mod channel;
mod component;
mod error;
pub mod files;
#[cfg(feature = "http")]
pub mod http;
pub mod scope;
mod tool;

pub use schemars::{self, JsonSchema};
pub use serde_json;

pub use bindings::exports::openclaw::tool::guest::{Failure, ToolError};
pub use bindings::openclaw::types::types::{Denial, Error as HostError};
pub use channel::Channel;
pub use tool::{NoArgs, Tool, json};

/// Programs of the host's machine. Using it needs an `exec` scope.
pub mod exec {
    pub use crate::bindings::openclaw::exec::exec::{
        Background, Command, End, Exit, Process, Progress, Summary, Terminal, run,
    };
}

/// WebSocket and TCP connections that the host holds. Using it needs a `net` scope.
pub mod net {
    pub use crate::bindings::openclaw::net::net::{Chunk, Close, Connection, Incoming, Message, Websocket};
}

/// Secrets of the owner's vault. Using it needs a `secret` scope.
pub mod secrets {
    pub use crate::bindings::openclaw::secrets::secrets::{Secret, get, reveal};
}

/// Questions to a language model. Using it needs an `llm` scope.
pub mod llm {
    pub use crate::bindings::openclaw::llm::llm::{Completion, Message, Request, Role, complete};
}

/// Messages to people. Using it needs a `message` scope.
pub mod message {
    pub use crate::bindings::openclaw::message::message::send;
}

/// Other conversations, and sub-agents. Using it needs a `sessions` scope.
pub mod sessions {
    pub use crate::bindings::openclaw::sessions::sessions::{
        Agent, Entry, Page, Started, Summary, all, children, history, send, spawn,
    };
}

/// Key-value stores of the component's own. Using it needs a `kv` scope.
pub mod keyvalue {
    pub use crate::bindings::wasi::keyvalue::atomics::increment;
    pub use crate::bindings::wasi::keyvalue::store::{Bucket, Error, KeyResponse, open};
}

/// What the owner wrote down for this component. Needs no scope.
pub mod config {
    pub use crate::bindings::wasi::config::store::{Error, get, get_all};
}

/// Lines for the host's log. Needs no scope.
pub mod log {
    pub use crate::bindings::wasi::logging::logging::{Level, log};
}

/// Files of the agent's workspace. Using it needs an `fs` scope.
pub mod workspace {
    pub use crate::bindings::openclaw::workspace::files::{
        Change, Entry, Hit, Hits, Kind, Listing, Slice, commit, glob, grep, list_directory, read_range,
    };
}

/// The run that the current call serves. Needs no scope.
pub mod session {
    pub use crate::bindings::openclaw::session::run::{Budget, Info, get_budget, get_info, is_cancelled, progress};
}

/// What [`export_component!`] expands to. Not for direct use.
#[doc(hidden)]
pub mod private {
    pub use crate::bindings::exports::openclaw::tool::guest::{Call, Guest};
    pub use crate::bindings::openclaw::manifest::manifest::Manifest;
    pub use crate::channel::get_abilities;
    pub use crate::channel_bindings::exports::openclaw::channel::guest::{Abilities, Guest as ChannelGuest};
    pub use crate::component::{describe, invoke, unknown_tool};
}
