//! The marks around what comes from outside, which the prompts of all runs share.

use std::hash::{BuildHasher, RandomState};

use claw_core::id::{CallId, SessionKey};

/// The marks between which content from outside stands. Whoever writes it cannot know them, and for a call they stay the
/// same, so that providers find the beginning of a prompt in their caches.
#[derive(Debug, Default)]
pub struct Fences(RandomState);

impl Fences {
    /// The mark for what a call brought.
    pub fn mark(&self, session: &SessionKey, call: &CallId) -> String {
        format!("{:012x}", self.0.hash_one((session.as_str(), call.as_str())) >> 16)
    }
}
