//! Effects on the world, each with its permit: programs, HTTP and connections.
//!
//! The only place that dials or spawns for a guest. A *plan* is made from the guest's words without touching the
//! world beyond looking; policy decides on the plan; what then runs takes a [`claw_policy::Permit`] and nothing else.

pub mod exec;

// From a guest's words to a plan.
mod header;
mod target;

// From a plan to the wire.
pub mod dial;
pub mod http;
mod limit;
pub mod mask;
pub mod net;
pub mod secret;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;

pub use dial::{Dialer, TrustError, TrustRoots};
pub use exec::{
    CgroupState, ExecGate, ExecLimits, ExecPass, ExecPaths, ProcessOwner, Processes, cgroups, containment_probe,
    exec_child_main, has_program, plan_exec, prepare_cgroups, run_exec,
};
pub use http::{Answer, Answers, HttpAnswer, HttpBody, HttpBroker, HttpLimits, RequestParts, plan_http};
pub use mask::{Mask, MaskStream};
pub use net::{Connection, NetBroker, NetLimits, plan_connect};
pub use secret::{Secrets, secrets_in};
