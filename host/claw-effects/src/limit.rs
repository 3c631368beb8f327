//! How much of the network one component may hold at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use claw_core::effect::EffectError;
use claw_core::id::ComponentName;

/// Requests, or connections, of one component at a time.
const PER_COMPONENT: usize = 32;
/// Requests, or connections, of all components at a time.
const TOGETHER: usize = 256;

/// A limit was reached: what the guest is told.
pub(crate) fn reached(text: impl std::fmt::Display) -> EffectError {
    EffectError::Limit(format!("E_NET_LIMIT: {text}"))
}

/// Counts what is open.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    held: Mutex<HashMap<ComponentName, usize>>,
}

/// The right to have one thing open. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    owner: ComponentName,
}

impl Slots {
    /// Takes a slot for `owner`; never waits, so that a flood costs nothing but refusals.
    ///
    /// # Errors
    /// [`EffectError::Limit`] with `E_BUSY`.
    pub(crate) fn take(self: &Arc<Self>, owner: &ComponentName) -> Result<Slot, EffectError> {
        let mut held = self.held();
        if held.values().sum::<usize>() >= TOGETHER {
            return Err(busy(format_args!("all components together have {TOGETHER}")));
        }
        let count = held.entry(owner.clone()).or_default();
        if *count >= PER_COMPONENT {
            return Err(busy(format_args!("`{owner}` has {PER_COMPONENT}")));
        }
        *count += 1;
        Ok(Slot { slots: Arc::clone(self), owner: owner.clone() })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<ComponentName, usize>> {
        self.held.lock().expect("limit: no code panics while it counts")
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.slots.held();
        let count = held.get_mut(&self.owner).expect("limit: a slot was counted when it was taken");
        *count -= 1;
        if *count == 0 {
            held.remove(&self.owner);
        }
    }
}

fn busy(who: std::fmt::Arguments<'_>) -> EffectError {
    EffectError::Limit(format!("E_BUSY: {who} open, which is the most: finish one first"))
}

#[cfg(test)]
mod tests;
