use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::id::AgentId;

fn session(name: &str) -> SessionKey {
    SessionKey::parse(name, &AgentId::parse("main").unwrap()).unwrap()
}

fn run(name: impl ToString) -> RunId {
    RunId::parse(&name.to_string()).unwrap()
}

fn lanes(running: usize) -> Lanes {
    Lanes::new(LaneLimits { running, waiting_per_session: 3 })
}

#[test]
fn a_session_runs_one_message_at_a_time_and_in_order() {
    let mut lanes = lanes(4);
    assert_eq!(lanes.on(Event::Arrived(session("a"), run(1))), [Action::Start(session("a"), run(1))]);
    assert_eq!(lanes.on(Event::Arrived(session("a"), run(2))), []);
    assert_eq!(lanes.on(Event::Arrived(session("a"), run(3))), []);
    assert_eq!(lanes.on(Event::Finished(session("a"))), [Action::Start(session("a"), run(2))]);
    assert_eq!(lanes.on(Event::Finished(session("a"))), [Action::Start(session("a"), run(3))]);
    assert_eq!(lanes.on(Event::Finished(session("a"))), []);
    assert_eq!(lanes.running(), 0);
}

#[test]
fn a_message_that_runs_or_waits_arrives_only_once() {
    let mut lanes = lanes(1);
    lanes.on(Event::Arrived(session("a"), run(1)));
    lanes.on(Event::Arrived(session("a"), run(2)));
    for again in [1, 2] {
        assert_eq!(lanes.on(Event::Arrived(session("a"), run(again))), []);
    }
    assert_eq!(lanes.on(Event::Finished(session("a"))), [Action::Start(session("a"), run(2))]);
    assert_eq!(lanes.on(Event::Arrived(session("a"), run(1))), [], "one that has ended may come again");
    assert_eq!(lanes.on(Event::Finished(session("a"))), [Action::Start(session("a"), run(1))]);
}

#[test]
fn sessions_run_in_parallel_up_to_the_limit_and_then_in_order_of_arrival() {
    let mut lanes = lanes(2);
    assert_eq!(lanes.on(Event::Arrived(session("a"), run(1))).len(), 1);
    assert_eq!(lanes.on(Event::Arrived(session("b"), run(2))).len(), 1);
    assert_eq!(lanes.on(Event::Arrived(session("c"), run(3))), []);
    assert_eq!(lanes.on(Event::Arrived(session("a"), run(4))), []);
    // `c` has waited longer than the next message of `a`.
    assert_eq!(lanes.on(Event::Finished(session("a"))), [Action::Start(session("c"), run(3))]);
    assert_eq!(lanes.on(Event::Finished(session("b"))), [Action::Start(session("a"), run(4))]);
}

#[test]
fn a_full_queue_refuses_the_newest() {
    let mut lanes = lanes(1);
    for n in 0..4 {
        lanes.on(Event::Arrived(session("a"), run(n)));
    }
    assert_eq!(lanes.on(Event::Arrived(session("a"), run(9))), [Action::Refuse(run(9))]);
}

#[test]
fn stop_cancels_the_running_and_drops_the_waiting() {
    let mut lanes = lanes(1);
    lanes.on(Event::Arrived(session("a"), run(1)));
    lanes.on(Event::Arrived(session("a"), run(2)));
    lanes.on(Event::Arrived(session("b"), run(3)));
    assert_eq!(lanes.on(Event::Stop(session("a"), None)), [Action::Cancel(run(1)), Action::Drop(run(2))]);
    assert_eq!(lanes.on(Event::Stop(session("b"), Some(run(7)))), []);
    assert_eq!(lanes.on(Event::Stop(session("b"), Some(run(3)))), [Action::Drop(run(3))]);
    assert_eq!(lanes.on(Event::Finished(session("a"))), []);
    assert!(lanes.lanes.is_empty() && lanes.ready.is_empty());
}

proptest! {
    /// Against a plain model: every run starts, is dropped or is refused exactly once; per session in order and one
    /// at a time; never more than the limit.
    #[test]
    fn every_message_gets_exactly_one_end(script in proptest::collection::vec((0u8..4, 0u8..3), 1..200)) {
        let mut lanes = lanes(2);
        let mut next = 0u32;
        let mut running: BTreeMap<String, u32> = BTreeMap::new();
        let mut ended = BTreeSet::new();
        let mut last_started: BTreeMap<String, u32> = BTreeMap::new();
        for (what, which) in script {
            let key = session(&format!("s{which}"));
            let event = match what {
                0 | 1 => {
                    next += 1;
                    Event::Arrived(key, run(next))
                }
                2 if running.remove(key.as_str()).is_some() => Event::Finished(key),
                2 => continue,
                _ => Event::Stop(key, None),
            };
            for action in lanes.on(event) {
                match action {
                    Action::Start(session, id) => {
                        let number: u32 = id.as_str().parse().unwrap();
                        prop_assert!(running.insert(session.to_string(), number).is_none());
                        prop_assert!(last_started.insert(session.to_string(), number).is_none_or(|last| last < number));
                        prop_assert!(ended.insert(number));
                    }
                    Action::Drop(id) | Action::Refuse(id) => {
                        prop_assert!(ended.insert(id.as_str().parse().unwrap()));
                    }
                    Action::Cancel(id) => {
                        prop_assert!(running.values().any(|number| number.to_string() == id.as_str()));
                    }
                }
            }
            prop_assert!(running.len() <= 2);
            prop_assert_eq!(running.len(), lanes.running());
        }
        while let Some(key) = running.keys().next().cloned() {
            running.remove(&key);
            for action in lanes.on(Event::Finished(SessionKey::try_from(key).unwrap())) {
                if let Action::Start(session, id) = action {
                    let number: u32 = id.as_str().parse().unwrap();
                    running.insert(session.to_string(), number);
                    prop_assert!(ended.insert(number));
                }
            }
        }
        prop_assert_eq!(ended.len() as u32, next);
    }
}
