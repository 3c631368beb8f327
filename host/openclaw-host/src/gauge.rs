//! How far a model's own count of tokens is from ours.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The provider's count over ours, by model. A restart forgets it.
#[derive(Debug, Default)]
pub struct Gauge {
    ratios: Mutex<HashMap<String, f64>>,
}

/// Shorter prompts say little: what a provider adds around them weighs more than they do.
const TELLING: u64 = 500;
/// What is believed. Our own count errs to the high side, so less than that leaves something out: what the provider had in
/// its cache, or all, as some servers do. Beyond the upper bound, provider and host do not count the same thing.
const BOUNDS: std::ops::RangeInclusive<f64> = 1.0..=3.0;
/// How much of the last count is taken over.
const NEWS: f64 = 0.5;

impl Gauge {
    /// By what to multiply our count for this model; 1 until its provider has counted something.
    pub fn ratio(&self, model: &str) -> f64 {
        self.ratios.lock().unwrap_or_else(PoisonError::into_inner).get(model).copied().unwrap_or(1.0)
    }

    /// Learns from a provider's count of a prompt beside ours; 0 says nothing.
    pub fn counted(&self, model: &str, ours: u64, input_tokens: u64) {
        if ours < TELLING || input_tokens == 0 {
            return;
        }
        let ratio = (input_tokens as f64 / ours as f64).clamp(*BOUNDS.start(), *BOUNDS.end());
        let mut ratios = self.ratios.lock().unwrap_or_else(PoisonError::into_inner);
        let known = ratios.entry(model.to_owned()).or_insert(ratio);
        *known += (ratio - *known) * NEWS;
    }
}
