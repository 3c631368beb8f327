//! What the models have cost, by conversation, by agent and by day. It is counted in the transaction that records what they said.

use claw_core::id::{AgentId, RunId, SessionKey, Timestamp};
use claw_core::message::Usage;
use claw_core::rfc3339;
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::memory::Room;
use crate::store::Store;
use crate::tables::{self, Snapshot, Tables};
use crate::task;

/// What calls of models have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Tokens of prompts and replies.
    pub tokens: u64,
    /// Millionths of a US dollar, as far as prices are known.
    pub micros: u64,
}

/// Whose cost is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CostOf {
    /// All of one conversation, over its resets.
    Session(SessionKey),
    /// All conversations on one day, in UTC: `2026-11-22`.
    Day(String),
    /// The conversations of one agent on one day.
    Agent(AgentId, String),
    /// A run and all that was handed over on its account, from the first time that something was.
    Run(RunId),
}

impl Cost {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Cost) -> Cost {
        Cost { tokens: self.tokens.saturating_add(other.tokens), micros: self.micros.saturating_add(other.micros) }
    }
}

impl From<Usage> for Cost {
    fn from(usage: Usage) -> Self {
        Cost { tokens: usage.input_tokens.saturating_add(usage.output_tokens), micros: usage.cost_micros }
    }
}

impl CostOf {
    /// The day of this moment.
    pub fn day(at: Timestamp) -> Self {
        CostOf::Day(date(at))
    }

    /// The day of this moment, of one agent.
    pub fn day_of(agent: AgentId, at: Timestamp) -> Self {
        CostOf::Agent(agent, date(at))
    }

    pub(crate) fn place(&self) -> String {
        match self {
            CostOf::Session(session) => format!("session/{session}"),
            CostOf::Day(day) => format!("day/{day}"),
            CostOf::Agent(agent, day) => format!("agent/{agent}/{day}"),
            CostOf::Run(run) => format!("run/{run}"),
        }
    }
}

fn date(at: Timestamp) -> String {
    rfc3339::format(at)[..10].to_owned()
}

impl Store {
    /// What somebody has cost so far.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn cost(&self, of: &CostOf) -> Result<Cost, StoreError> {
        let place = of.place();
        let look = |snapshot: &Snapshot| {
            let Some(table) = snapshot.table_if_there(tables::COSTS)? else { return Ok(Cost::default()) };
            let row = table.get(place.as_str())?.map(|row| row.value());
            Ok(row.map_or(Cost::default(), |(tokens, micros)| Cost { tokens, micros }))
        };
        if is_of_owner(&place) { self.read_file(look) } else { self.read(look) }
    }

    /// Counts a call that nothing else is recorded of.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn add_cost(&self, session: &SessionKey, cost: Cost, at: Timestamp) -> Result<(), StoreError> {
        let session = session.clone();
        self.write(move |tables| Ok(Decided { answer: (), changes: of(tables, &session, None, cost, at)? })).await
    }
}

/// What counts a cost; nothing if there is none.
pub(crate) fn of(
    tables: &Tables<'_>,
    session: &SessionKey,
    run: Option<&RunId>,
    cost: Cost,
    at: Timestamp,
) -> Result<Vec<Change>, Failure> {
    if cost == Cost::default() {
        return Ok(Vec::new());
    }
    let mut places = vec![CostOf::Session(session.clone()), CostOf::day(at), CostOf::day_of(session.agent(), at)];
    places.extend(task::accounts(tables, session, run)?);
    Ok(places.iter().map(|of| Change::Cost { place: of.place(), cost }).collect())
}

/// Adds to what stands at a place.
pub(crate) fn add(tables: &mut Tables<'_>, place: &str, cost: Cost) -> Result<(), Failure> {
    let mut in_file;
    let costs = if tables.room == Room::Memory && is_of_owner(place) {
        in_file = tables.costs_in_file()?;
        &mut in_file
    } else {
        &mut tables.costs
    };
    let (tokens, micros) = costs.get(place)?.map_or((0, 0), |row| row.value());
    let sum = Cost { tokens, micros }.and(cost);
    costs.insert(place, (sum.tokens, sum.micros))?;
    Ok(())
}

/// Whether it is counted over all conversations: those that are incognito count, too.
pub(crate) fn is_of_owner(place: &str) -> bool {
    place.starts_with("day/") || place.starts_with("agent/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;
    use crate::fixture::*;

    #[tokio::test]
    async fn what_a_reply_cost_counts_for_its_conversation_and_its_day() {
        let (home, store) = store();
        let cost = Cost { tokens: 10, micros: 7 };
        store.accept(inbound("a"), at(1)).await.unwrap();
        store.record(&run("a"), Record { cost, ..entries([said("one")]) }, at(1)).await.unwrap();
        store.add_cost(&key("main"), cost, at(2)).await.unwrap();
        let tomorrow = at(1).plus(std::time::Duration::from_secs(24 * 60 * 60));
        store.record(&run("a"), Record { cost, end: done(), ..Record::default() }, tomorrow).await.unwrap();
        // A refused record costs nothing.
        store.record(&run("a"), Record { cost, ..entries([said("late")]) }, tomorrow).await.unwrap_err();
        let store = reopen(&home, store);
        let of = |of| store.cost(&of).unwrap().tokens;
        assert_eq!(of(CostOf::Session(key("main"))), 30);
        assert_eq!((of(CostOf::day(at(5))), of(CostOf::day(tomorrow))), (20, 10));
        assert_eq!(of(CostOf::Session(key("other"))), 0);
        store.delete_session(&key("main"), "test", tomorrow).await.unwrap();
        assert_eq!(store.cost(&CostOf::Session(key("main"))).unwrap(), Cost::default());
        assert_eq!(store.cost(&CostOf::day(tomorrow)).unwrap().tokens, 10, "a day keeps what it has cost");
    }
}
