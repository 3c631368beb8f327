//! Programs: one sandboxed run of one program, waited for or in the background.
//!
//! ```text
//! host ──spawns──► launcher exec-child ──forks──► the program (Landlock, seccomp, limits)
//!   │                (the supervisor)                 └─► whatever it starts
//!   └──── control socket: order ►, ◄ reports ───┘
//! ```
//!
//! The supervisor outlives the host's interest by half a second at most, and by 50 ms when its owner stops the run: when the control socket closes, because the
//! call was cancelled, ran out of time or the host itself died, it ends the program and everything that descends from
//! it. See `docs/exec.md`.

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
