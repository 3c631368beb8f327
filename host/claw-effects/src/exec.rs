//! Programs: one sandboxed run of one program.
//!
//! ```text
//! host ──spawns──► launcher exec-child ──forks──► the program (Landlock, seccomp, limits)
//!   │                (the supervisor)                 └─► whatever it starts
//!   └──── control socket: order ►, ◄ report ────┘
//! ```
//!
//! The supervisor outlives the host's interest by half a second at most: when the control socket closes, because the
//! call was cancelled, ran out of time or the host itself died, it ends the program and everything that descends from
//! it. See `docs/exec.md`.

mod capture;
mod child;
mod order;
mod plan;
mod run;

pub use child::exec_child_main;
pub use plan::{ExecLimits, plan_exec};
pub use run::{ExecPaths, run_exec};
