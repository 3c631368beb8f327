//! How often a conversation may ask its owner: who is asked too often stops reading.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use claw_core::id::{SessionKey, Timestamp};

const HOUR_MS: u64 = 60 * 60 * 1000;

/// The questions of the last hour, by conversation. A restart forgets them.
#[derive(Debug)]
pub struct Budget {
    per_hour: usize,
    asked: Mutex<HashMap<SessionKey, VecDeque<Timestamp>>>,
}

/// A conversation has asked as often as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// When it may ask again.
    pub until: Timestamp,
    /// How often it may ask in an hour.
    pub per_hour: usize,
}

impl Budget {
    /// So many questions in any hour.
    pub fn new(per_hour: usize) -> Self {
        Budget { per_hour, asked: Mutex::default() }
    }

    /// Counts one question.
    ///
    /// # Errors
    /// [`Exhausted`]; it is not counted then.
    pub fn take(&self, session: &SessionKey, at: Timestamp) -> Result<(), Exhausted> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // Conversations that have not asked for an hour take no room.
        asked.retain(|_, times| times.back().is_some_and(|last| at.0.saturating_sub(last.0) < HOUR_MS));
        let times = asked.entry(session.clone()).or_default();
        while times.front().is_some_and(|first| at.0.saturating_sub(first.0) >= HOUR_MS) {
            times.pop_front();
        }
        match times.front() {
            Some(first) if times.len() >= self.per_hour => {
                Err(Exhausted { until: Timestamp(first.0 + HOUR_MS), per_hour: self.per_hour })
            }
            _ => {
                times.push_back(at);
                Ok(())
            }
        }
    }

    /// Lets a conversation ask as often again.
    pub fn refill(&self, session: &SessionKey) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
    }
}

#[cfg(test)]
mod tests {
    use claw_core::id::AgentId;

    use super::*;

    fn session(name: &str) -> SessionKey {
        SessionKey::parse(name, &AgentId::parse("main").unwrap()).unwrap()
    }

    #[test]
    fn a_conversation_asks_so_often_in_any_hour() {
        let budget = Budget::new(2);
        let take = |name: &str, at| budget.take(&session(name), Timestamp(at));
        assert_eq!((take("a", 1000), take("a", 2000)), (Ok(()), Ok(())));
        assert_eq!(take("a", 3000), Err(Exhausted { until: Timestamp(1000 + HOUR_MS), per_hour: 2 }));
        assert_eq!(take("b", 3000), Ok(()), "others have their own");
        assert_eq!(take("a", 1000 + HOUR_MS), Ok(()));
        assert!(take("a", 1001 + HOUR_MS).is_err());
        // A clock that steps back opens nothing.
        assert!(take("a", 5).is_err());
        budget.refill(&session("a"));
        assert_eq!(take("a", 6), Ok(()));
    }

    #[test]
    fn quiet_conversations_take_no_room() {
        let budget = Budget::new(1);
        for number in 0..1000 {
            budget.take(&session(&format!("s{number}")), Timestamp(number)).unwrap();
        }
        budget.take(&session("late"), Timestamp(2 * HOUR_MS)).unwrap();
        assert_eq!(budget.asked.lock().unwrap().len(), 1);
    }
}
