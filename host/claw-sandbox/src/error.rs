//! Why the sandbox cannot do what it is asked.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use claw_core::id::ComponentName;

use crate::admission::Refusal;
use crate::turnstile::WAITING;

/// Why a component cannot be installed or a call not be started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The cache's directory or files cannot be used.
    #[error("cannot use the cache of compiled components at `{}`; check its owner and the free space", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What failed.
        #[source]
        err: io::Error,
    },
    /// The file is no component that this host takes.
    #[error("component `{component}` is refused: {}: {why}", why.code())]
    Refused {
        /// Which.
        component: ComponentName,
        /// Why.
        why: Refusal,
    },
    /// The file that the component came from is needed again, and is not the same or not there.
    #[error(
        "the file of component `{component}` cannot be compiled again; put it back, or restart the host to install what is there"
    )]
    Source {
        /// Which.
        component: ComponentName,
        /// What is wrong with it.
        #[source]
        err: io::Error,
    },
    /// The component's own description is missing or makes no sense.
    #[error("component `{component}` has no usable manifest: {message}")]
    Manifest {
        /// Which.
        component: ComponentName,
        /// What is wrong with it.
        message: String,
    },
    /// The process could not be started.
    #[error("cannot start a worker process")]
    Spawn {
        /// What failed.
        #[source]
        err: io::Error,
    },
    /// The kernel lacks a wall.
    #[error(
        "this kernel lacks {feature}, so components are not run; use a newer kernel, or accept less with \
         `sandbox.walls: \"best-effort\"` in the configuration"
    )]
    Kernel {
        /// What is missing.
        feature: String,
    },
    /// The cached code is not for this program.
    #[error("the cached code does not fit this program: {detail}")]
    Incompatible {
        /// What the engine says.
        detail: String,
    },
    /// The worker could not set itself up.
    #[error("the worker could not start: {message}")]
    Start {
        /// What it says.
        message: String,
    },
    /// Too many calls wait for this component.
    #[error("component `{component}` has {WAITING} calls waiting already; try again later")]
    Busy {
        /// Which.
        component: ComponentName,
    },
    /// Its worker keeps crashing.
    #[error(
        "component `{component}` crashed {crashes} times; it is tried again in {} s. If it goes on, remove it or tell \
         its maker",
        left.as_secs() + 1
    )]
    Quarantined {
        /// Which.
        component: ComponentName,
        /// Crashes since its last good call.
        crashes: u32,
        /// Until it is tried again.
        left: Duration,
    },
    /// The host stops.
    #[error("the host is stopping")]
    Stopping,
}
