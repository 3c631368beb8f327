//! What models may use: by run, by conversation, by agent and by day. Room is reserved before a call and settled after it, so that
//! runs at the same time cannot go beyond a limit together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claw_core::id::{RunId, SessionKey, Timestamp};
use claw_model::ModelFacts;
use claw_store::{Cost, CostOf, Store, StoreError};

use crate::settings::{SpendingLimit, SpendingSettings};

mod meter;

pub use meter::Meter;

/// A reply that could only be shorter is not worth its prompt.
const SHORTEST_REPLY: u64 = 256;

/// The limits, and what the calls under way have reserved.
#[derive(Debug)]
pub struct Spending {
    limits: SpendingSettings,
    reserved: Mutex<HashMap<CostOf, Cost>>,
}

/// A call that wants to be made.
pub struct Wanted<'a> {
    /// Its conversation.
    pub session: &'a SessionKey,
    /// The conversations above, for which it counts too.
    pub above: &'a [SessionKey],
    /// The run on whose account it is, where it is on one's.
    pub account: Option<&'a RunId>,
    /// What its run has used before; a record counts it already.
    pub run: Cost,
    /// Tokens of its prompt.
    pub prompt: u64,
    /// Most tokens of its reply.
    pub reply: u64,
    /// What the model costs.
    pub facts: ModelFacts,
    /// Who may be asked instead when it fails.
    pub stand_ins: &'a [(String, ModelFacts)],
    /// Host time.
    pub at: Timestamp,
}

/// A call that may be made.
#[derive(Debug)]
pub struct Granted {
    /// The most tokens that its reply may have: fewer than wanted where a limit is near.
    pub reply: u64,
    /// Stand-ins that would cost more than a limit leaves.
    pub left_out: Vec<String>,
    /// Room for it, with the dearest of those that may be asked.
    pub room: Reservation,
}

/// Room for one call, given back when it is dropped: after what the call cost is counted.
#[derive(Debug)]
pub struct Reservation {
    spending: Arc<Spending>,
    places: Vec<CostOf>,
    cost: Cost,
}

/// Why a call is not made.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A limit is reached.
    #[error("{0}")]
    Limit(String),
    /// What was used before cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody has used, and what a limit leaves of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Who, in words.
    pub of: &'static str,
    /// What was counted.
    pub cost: Cost,
    /// What may be used.
    pub limit: SpendingLimit,
    /// What may still be reserved: without what calls at work have reserved already.
    pub left: SpendingLimit,
}

/// One limit and what counts against it.
struct Budget {
    name: &'static str,
    setting: &'static str,
    limit: SpendingLimit,
    used: Cost,
}

impl Spending {
    /// Nothing is reserved yet.
    pub fn new(limits: SpendingSettings) -> Self {
        Spending { limits, reserved: Mutex::default() }
    }

    /// Reserves room for a call.
    ///
    /// # Errors
    /// [`Refused::Limit`] says which limit is reached and what it is.
    pub fn reserve(self: &Arc<Self>, store: &Store, wanted: &Wanted<'_>) -> Result<Granted, Refused> {
        if self.limits == SpendingSettings::default() {
            let room = Reservation { spending: Arc::clone(self), places: Vec::new(), cost: Cost::default() };
            return Ok(Granted { reply: wanted.reply, left_out: Vec::new(), room });
        }
        let of_agent = CostOf::day_of(wanted.session.agent(), wanted.at);
        let mut places = vec![CostOf::day(wanted.at), of_agent, CostOf::Session(wanted.session.clone())];
        places.extend(wanted.above.iter().cloned().map(CostOf::Session));
        let sessions = 2..places.len();
        places.extend(wanted.account.cloned().map(CostOf::Run));
        let mut reserved = self.lock();
        let used = |place: &CostOf| -> Result<Cost, StoreError> {
            Ok(store.cost(place)?.and(reserved.get(place).copied().unwrap_or_default()))
        };
        let limits = &self.limits;
        // Once a run has handed something over, its account says what all of them have used.
        let used_by_run = match wanted.account.map(|run| CostOf::Run(run.clone())) {
            Some(account) => {
                let all = store.cost(&account)?;
                let counted = if all == Cost::default() { wanted.run } else { all };
                counted.and(reserved.get(&account).copied().unwrap_or_default())
            }
            None => wanted.run,
        };
        let mut budgets = vec![Budget { name: "run", setting: "run", limit: limits.run, used: used_by_run }];
        for session in &places[sessions] {
            budgets.push(Budget {
                name: "conversation",
                setting: "session",
                limit: limits.session,
                used: used(session)?,
            });
        }
        let of_agent = used(&places[1])?;
        budgets.push(Budget { name: "agent's day", setting: "agent", limit: limits.agent, used: of_agent });
        budgets.push(Budget { name: "day", setting: "day", limit: limits.day, used: used(&places[0])? });
        let mut reply = wanted.reply;
        for budget in &budgets {
            reply = reply.min(budget.room(wanted)?);
        }
        let left =
            budgets.iter().filter_map(|budget| Some(budget.limit.micros?.saturating_sub(budget.used.micros))).min();
        let mut cost = Cost { tokens: wanted.prompt + reply, micros: micros(&wanted.facts, wanted.prompt, reply) };
        let mut left_out = Vec::new();
        for (name, facts) in wanted.stand_ins {
            let needed = micros(facts, wanted.prompt, reply);
            if left.is_some_and(|left| needed > left) {
                left_out.push(name.clone());
            } else {
                cost.micros = cost.micros.max(needed);
            }
        }
        for place in &places {
            let sum = reserved.entry(place.clone()).or_default();
            *sum = sum.and(cost);
        }
        drop(reserved);
        Ok(Granted { reply, left_out, room: Reservation { spending: Arc::clone(self), places, cost } })
    }

    /// The limits.
    pub fn limits(&self) -> &SpendingSettings {
        &self.limits
    }

    /// What a conversation, its agent on the day of this moment, and that day have used.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn used(&self, store: &Store, session: &SessionKey, at: Timestamp) -> Result<[Used; 3], StoreError> {
        let used = |of: &'static str, limit: SpendingLimit, place: CostOf| {
            let cost = store.cost(&place)?;
            let all = cost.and(self.lock().get(&place).copied().unwrap_or_default());
            let left = SpendingLimit {
                tokens: limit.tokens.map(|limit| limit.saturating_sub(all.tokens)),
                micros: limit.micros.map(|limit| limit.saturating_sub(all.micros)),
            };
            Ok(Used { of, cost, limit, left })
        };
        Ok([
            used("this conversation", self.limits.session, CostOf::Session(session.clone()))?,
            used("this agent's day", self.limits.agent, CostOf::day_of(session.agent(), at))?,
            used("this day", self.limits.day, CostOf::day(at))?,
        ])
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CostOf, Cost>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budget {
    /// Tokens that the reply may have.
    fn room(&self, wanted: &Wanted<'_>) -> Result<u64, Refused> {
        let least = SHORTEST_REPLY.min(wanted.reply);
        let Budget { name, setting, limit, used } = self;
        let mut room = u64::MAX;
        if let Some(limit) = limit.tokens {
            room = limit.saturating_sub(used.tokens).saturating_sub(wanted.prompt);
            if room < least {
                let needed = wanted.prompt + least;
                return Err(Refused::Limit(format!(
                    "the {name} may use {limit} tokens and has used {}; the model's next call needs about {needed}. \
                     `limits.tokens.{setting}` allows more",
                    used.tokens
                )));
            }
        }
        if let Some(limit) = limit.micros {
            let left = limit.saturating_sub(used.micros);
            let needed = micros(&wanted.facts, wanted.prompt, least);
            if needed > left {
                return Err(Refused::Limit(format!(
                    "the {name} may cost {} and has cost {}; the model's next call would cost about {}. \
                     `limits.usd.{setting}` allows more",
                    dollars(limit),
                    dollars(used.micros),
                    dollars(needed)
                )));
            }
            let price = wanted.facts.prices.map_or(0.0, |prices| prices.output);
            // A cast saturates, so a reply that costs nothing has no limit here.
            room = room.min(((left - micros(&wanted.facts, wanted.prompt, 0)) as f64 / price) as u64);
        }
        Ok(room)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut reserved = self.spending.lock();
        for place in &self.places {
            if let Some(sum) = reserved.get_mut(place) {
                sum.tokens = sum.tokens.saturating_sub(self.cost.tokens);
                sum.micros = sum.micros.saturating_sub(self.cost.micros);
                if *sum == Cost::default() {
                    reserved.remove(place);
                }
            }
        }
    }
}

/// What a call costs with a reply of so many tokens; a model whose prices nobody knows costs nothing.
fn micros(facts: &ModelFacts, prompt: u64, reply: u64) -> u64 {
    facts.prices.map_or(0, |prices| (prompt as f64 * prices.input + reply as f64 * prices.output).ceil() as u64)
}

/// Millionths of a dollar for people.
pub fn dollars(micros: u64) -> String {
    format!("${:.4}", micros as f64 / 1e6)
}

#[cfg(test)]
mod tests;
