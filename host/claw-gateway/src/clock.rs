//! The room's only source of wall time and of random names.

use std::time::{SystemTime, UNIX_EPOCH};

use claw_core::id::{RunId, Timestamp};

/// Host time now.
#[expect(
    clippy::disallowed_methods,
    reason = "the gateway is an edge: its one clock is here, rules take time as an argument"
)]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// 128 random bits as 32 hex digits: nonces, connection ids and run ids that nobody can guess.
pub(crate) fn random_name() -> String {
    let mut bits = [0; 16];
    // The kernel's source does not fail once the machine has booted; going on with a known nonce would be worse.
    getrandom::fill(&mut bits).expect("gateway: the kernel gives random bytes");
    format!("{:032x}", u128::from_be_bytes(bits))
}

/// A run id for a turn whose client named none.
pub(crate) fn fresh_run() -> RunId {
    RunId::parse(&random_name()).expect("gateway: 32 hex digits are a run id")
}
