//! What came of trying a wall out.

use serde::{Deserialize, Serialize};

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// The attack's number in the list of cases, e.g. `EX-27`.
    pub id: String,
    /// What was attempted, e.g. `ptrace`.
    pub what: String,
    /// Whether the wall held.
    pub result: ProbeOutcome,
    /// What the kernel said, e.g. `EPERM`.
    pub detail: String,
}

/// Whether a wall held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeOutcome {
    /// It did.
    Pass,
    /// It did not.
    Fail,
    /// This kernel has no such wall, and no other stands in for it.
    Unsupported,
}
