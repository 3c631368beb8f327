//! What has flowed into a run, kept up to date while it works: a decision sees what has come in before it.

use std::sync::{Mutex, PoisonError};

use claw_core::label::Labels;

/// The labels of one run.
#[derive(Debug)]
pub struct RunLabels(Mutex<Labels>);

impl RunLabels {
    /// Begins with those of the conversation.
    pub fn new(labels: Labels) -> Self {
        RunLabels(Mutex::new(labels))
    }

    /// Those of now.
    pub fn now(&self) -> Labels {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds labels; says whether any is new.
    pub fn join(&self, other: &Labels) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).join(other)
    }
}
