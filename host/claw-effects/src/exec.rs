//! Programs: one sandboxed run of one program, waited for or in the background.
//!
//! ```text
//! host ──spawns──► launcher exec-child ──forks──► the program (Landlock, seccomp, limits)
//!   │                (the supervisor)                 └─► whatever it starts
//!   └──── control socket: order ►, ◄ reports ───┘
//! ```
//!
//! When the control socket closes, because the call was cancelled, ran out of time or the host itself died, the
//! supervisor ends the program and everything that descends from it, within half a second; within 50 ms when the owner
//! has stopped the run. See `docs/exec.md`.

mod capture;
mod cgroup;
mod child;
mod gate;
mod order;
mod plan;
mod probe;
mod processes;
mod run;
mod terminal;

pub use cgroup::{CgroupState, cgroups, prepare_cgroups};
pub use child::exec_child_main;
pub use gate::{ExecGate, ExecPass};
pub use plan::{ExecLimits, has_program, plan_exec};
pub use probe::containment_probe;
pub use processes::{ProcessOwner, Processes};
pub use run::{ExecPaths, run_exec};
