//! The sandbox: components run in worker processes of their own, behind two walls.
//!
//! The host's side ([`Sandbox`], [`Running`]) spawns one confined worker per component and answers the effects it
//! asks for. The worker's side ([`worker_main`]) is the only code that instantiates guests; it runs in another
//! process, with Landlock, seccomp and an empty environment. Between them are frames.

mod frame;
mod limits;
mod manifest;

mod channel;
mod error;
mod plain;
mod sandbox;
mod wasm;

mod accepted;
mod cache;
mod compile;
mod install;

mod handle;
mod quarantine;
mod running;
mod turnstile;

mod admission;
mod confine;
mod engine;
mod selftest;
mod worker;
mod workspace;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;

pub use accepted::AcceptedError;
pub use admission::Refusal;
pub use engine::compile_main;
pub use error::SandboxError;
pub use frame::{LogLevel, Quota, Trace};
pub use limits::{CallLimits, HostLimits, Limit, WorkerLimits};
pub use manifest::{Manifest, Scope, ToolManifest};
pub use plain::Plain;
pub use running::{Answerer, BodySink, BodySource, Pause, Running, Signal};
pub use sandbox::{CallFacts, Component, Ground, Mount, Place, Sandbox, SandboxConfig, Walls, WorkerState};
pub use selftest::containment_probe;
pub use wasm::Wasm;
#[cfg(feature = "bench")]
pub use worker::bare::Bare;
pub use worker::worker_main;
pub use workspace::beneath;
pub use workspace::path::{MAX_DEPTH, TEMP_PREFIX};
pub use workspace::{FileError, Kind, Mode, Workspace};
