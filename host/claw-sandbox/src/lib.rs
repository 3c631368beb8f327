//! The sandbox: components run in worker processes of their own, behind two walls.
//!
//! The host's side ([`Sandbox`], [`Running`]) spawns one confined worker per component and answers the effects it
//! asks for. The worker's side ([`worker_main`]) is the only code that instantiates guests; it runs in another
//! process, with Landlock, seccomp and an empty environment. Between them are frames.

mod frame;
mod limits;
mod manifest;

mod cache;
mod handle;
mod running;
mod sandbox;

mod confine;
mod engine;
mod worker;
mod workspace;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;

pub use engine::compile_main;
pub use frame::{LogLevel, Trace};
pub use limits::{CallLimits, WorkerLimits};
pub use manifest::{Manifest, Scope, ToolManifest};
pub use running::{Answerer, BodySink, Pause, Running, Signal};
pub use sandbox::{
    CallFacts, Component, Ground, Mount, Sandbox, SandboxConfig, SandboxError, Walls, Wasm, WorkerState,
};
#[cfg(feature = "bench")]
pub use worker::bare::Bare;
pub use worker::worker_main;
