//! Effects on the world, each with its permit: programs and HTTP.
//!
//! The only place that dials or spawns for a guest. A *plan* is made from the guest's words without touching the
//! world beyond looking; policy decides on the plan; what then runs takes a [`claw_policy::Permit`] and nothing else.

pub mod exec;
pub mod http;

pub use exec::{
    CgroupState, ExecGate, ExecLimits, ExecPass, ExecPaths, ProbeOutcome, ProbeResult, ProcessOwner, Processes,
    cgroups, containment_probe, exec_child_main, plan_exec, prepare_cgroups, run_exec,
};
pub use http::{HttpAnswer, HttpBody, HttpBroker, HttpLimits, plan_http};
