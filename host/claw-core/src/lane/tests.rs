use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::id::AgentId;

const DEBOUNCE: Duration = Duration::from_millis(500);

fn session(name: &str) -> SessionKey {
    SessionKey::parse(name, &AgentId::parse("main").unwrap()).unwrap()
}

fn run(name: impl ToString) -> RunId {
    RunId::parse(&name.to_string()).unwrap()
}

fn queueing(mode: QueueMode, drop: DropPolicy) -> Queueing {
    Queueing { mode, debounce: DEBOUNCE, cap: 3, drop }
}

fn arrived(name: &str, id: u32, mode: QueueMode) -> Event {
    Event::Arrived(session(name), run(id), queueing(mode, DropPolicy::Summarize))
}

fn start(name: &str, id: u32) -> Action {
    Action::Start(session(name), run(id), Vec::new())
}

/// Lanes whose clock stands still.
struct Still(Lanes);

impl Still {
    fn on(&mut self, event: Event) -> Vec<Action> {
        self.0.on(Duration::ZERO, event)
    }
}

fn lanes(parallel: usize) -> Still {
    Still(Lanes::new(parallel))
}

#[test]
fn a_session_runs_one_message_at_a_time_and_in_order() {
    for mode in [QueueMode::Followup, QueueMode::Steer] {
        let mut lanes = lanes(4);
        assert_eq!(lanes.on(arrived("a", 1, mode)), [start("a", 1)]);
        assert_eq!(lanes.on(arrived("a", 2, mode)), []);
        assert_eq!(lanes.on(arrived("a", 3, mode)), []);
        assert_eq!(lanes.on(Event::Finished(session("a"))), [start("a", 2)]);
        assert_eq!(lanes.on(Event::Finished(session("a"))), [start("a", 3)]);
        assert_eq!(lanes.on(Event::Finished(session("a"))), []);
        assert_eq!(lanes.0.running(), 0);
    }
}

#[test]
fn a_message_that_runs_or_waits_arrives_only_once() {
    let mut lanes = lanes(1);
    let arrives = |lanes: &mut Still, id| lanes.on(arrived("a", id, QueueMode::Followup));
    arrives(&mut lanes, 1);
    arrives(&mut lanes, 2);
    for again in [1, 2] {
        assert_eq!(arrives(&mut lanes, again), []);
    }
    assert_eq!(lanes.on(Event::Finished(session("a"))), [start("a", 2)]);
    assert_eq!(arrives(&mut lanes, 1), [], "one that has ended may come again");
    assert_eq!(lanes.on(Event::Finished(session("a"))), [start("a", 1)]);
}

#[test]
fn sessions_run_in_parallel_up_to_the_limit_and_then_in_order_of_arrival() {
    let mut lanes = lanes(2);
    assert_eq!(lanes.on(arrived("a", 1, QueueMode::Followup)).len(), 1);
    assert_eq!(lanes.on(arrived("b", 2, QueueMode::Followup)).len(), 1);
    assert_eq!(lanes.on(arrived("c", 3, QueueMode::Followup)), []);
    assert_eq!(lanes.on(arrived("a", 4, QueueMode::Followup)), []);
    // `c` has waited longer than the next message of `a`.
    assert_eq!(lanes.on(Event::Finished(session("a"))), [start("c", 3)]);
    assert_eq!(lanes.on(Event::Finished(session("b"))), [start("a", 4)]);
}

#[test]
fn a_steering_message_joins_between_two_steps_and_not_past_one_that_waits_for_its_turn() {
    let mut lanes = lanes(2);
    lanes.on(arrived("a", 1, QueueMode::Steer));
    assert_eq!(lanes.on(Event::Boundary(session("a"))), []);
    lanes.on(arrived("a", 2, QueueMode::Steer));
    lanes.on(arrived("a", 3, QueueMode::Followup));
    lanes.on(arrived("a", 4, QueueMode::Steer));
    assert_eq!(lanes.on(Event::Boundary(session("a"))), [Action::Join(run(1), vec![run(2)])]);
    assert_eq!(lanes.on(Event::Boundary(session("a"))), []);
    assert_eq!(lanes.on(Event::Finished(session("a"))), [start("a", 3)]);
    assert_eq!(lanes.on(Event::Boundary(session("a"))), [Action::Join(run(3), vec![run(4)])]);
}

#[test]
fn collected_messages_run_together_once_it_has_been_quiet() {
    let mut lanes = Lanes::new(2);
    let at = Duration::from_millis;
    assert_eq!(lanes.on(at(0), arrived("a", 1, QueueMode::Collect)), [start("a", 1)]);
    assert_eq!(lanes.on(at(100), arrived("a", 2, QueueMode::Collect)), []);
    assert_eq!(lanes.on(at(300), arrived("a", 3, QueueMode::Collect)), []);
    assert_eq!(lanes.wake_at(), None);
    assert_eq!(lanes.on(at(400), Event::Finished(session("a"))), []);
    assert_eq!(lanes.wake_at(), Some(at(800)));
    assert_eq!(lanes.on(at(700), arrived("a", 4, QueueMode::Collect)), []);
    assert_eq!(lanes.on(at(800), Event::Tick), []);
    // Another session does not wait for it.
    assert_eq!(lanes.on(at(900), arrived("b", 5, QueueMode::Collect)), [start("b", 5)]);
    assert_eq!(lanes.on(at(1200), Event::Tick), [Action::Start(session("a"), run(2), vec![run(3), run(4)])]);
    assert_eq!(lanes.wake_at(), None);
}

#[test]
fn an_interrupting_message_ends_the_run_and_replaces_what_waits() {
    let mut lanes = lanes(2);
    lanes.on(arrived("a", 1, QueueMode::Interrupt));
    let interrupted = || Action::Interrupt(session("a"), run(1));
    assert_eq!(lanes.on(arrived("a", 2, QueueMode::Interrupt)), [interrupted()]);
    let replaced = [interrupted(), Action::Drop(run(2), Dropped::Replaced)];
    assert_eq!(lanes.on(arrived("a", 3, QueueMode::Interrupt)), replaced);
    assert_eq!(lanes.on(Event::Finished(session("a"))), [start("a", 3)]);
}

#[test]
fn a_full_queue_drops_what_its_policy_says() {
    let expected = [
        (DropPolicy::New, Action::Drop(run(9), Dropped::TooMany)),
        (DropPolicy::Old, Action::Drop(run(1), Dropped::TooMany)),
        (DropPolicy::Summarize, Action::Drop(run(1), Dropped::Summarized)),
    ];
    for (drop, expected) in expected {
        let mut lanes = lanes(1);
        for n in 0..4 {
            let queueing = queueing(QueueMode::Followup, drop);
            assert_eq!(lanes.on(Event::Arrived(session("a"), run(n), queueing)).len(), usize::from(n == 0));
        }
        let newest = Event::Arrived(session("a"), run(9), queueing(QueueMode::Followup, drop));
        assert_eq!(lanes.on(newest), [expected]);
    }
}

#[test]
fn a_full_queue_behind_the_limit_of_all_still_runs_once() {
    let mut lanes = Still(Lanes::new(1));
    let only = Queueing { cap: 1, ..queueing(QueueMode::Followup, DropPolicy::Old) };
    lanes.on(arrived("b", 1, QueueMode::Followup));
    assert_eq!(lanes.on(Event::Arrived(session("a"), run(2), only)), []);
    assert_eq!(lanes.on(Event::Arrived(session("a"), run(3), only)), [Action::Drop(run(2), Dropped::TooMany)]);
    assert_eq!(lanes.on(Event::Finished(session("b"))), [start("a", 3)]);
    assert_eq!(lanes.on(Event::Finished(session("a"))), []);
    assert!(lanes.0.lanes.is_empty() && lanes.0.ready.is_empty());
}

#[test]
fn stop_cancels_the_running_and_drops_the_waiting() {
    let mut lanes = lanes(1);
    lanes.on(arrived("a", 1, QueueMode::Steer));
    lanes.on(arrived("a", 2, QueueMode::Steer));
    lanes.on(arrived("b", 3, QueueMode::Steer));
    let stopped = [Action::Cancel(run(1)), Action::Drop(run(2), Dropped::Stopped)];
    assert_eq!(lanes.on(Event::Stop(session("a"), None)), stopped);
    assert_eq!(lanes.on(Event::Stop(session("b"), Some(run(7)))), []);
    assert_eq!(lanes.on(Event::Stop(session("b"), Some(run(3)))), [Action::Drop(run(3), Dropped::Stopped)]);
    assert_eq!(lanes.on(Event::Finished(session("a"))), []);
    assert!(lanes.0.lanes.is_empty() && lanes.0.ready.is_empty());
}

/// What is known of the messages without knowing how they wait.
#[derive(Default)]
struct Model {
    running: BTreeMap<String, u32>,
    ended: BTreeSet<u32>,
    newest: BTreeMap<String, u32>,
}

impl Model {
    /// Each message starts, joins or is dropped exactly once; those that are answered, in order.
    fn perform(&mut self, session: &str, action: Action) {
        let number = |id: &RunId| id.as_str().parse::<u32>().unwrap();
        let mut answered = |newest: &mut BTreeMap<String, u32>, session: &str, id: &RunId| {
            let number = number(id);
            assert!(newest.insert(session.to_owned(), number).is_none_or(|last| last < number), "out of order");
            assert!(self.ended.insert(number), "twice");
        };
        match action {
            Action::Start(session, id, others) => {
                let session = session.to_string();
                assert!(self.running.insert(session.clone(), number(&id)).is_none(), "two at once");
                std::iter::once(&id).chain(&others).for_each(|id| answered(&mut self.newest, &session, id));
            }
            Action::Join(id, others) => {
                assert_eq!(self.running.get(session), Some(&number(&id)));
                others.iter().for_each(|id| answered(&mut self.newest, session, id));
            }
            Action::Drop(id, _) => assert!(self.ended.insert(number(&id)), "twice"),
            Action::Cancel(id) | Action::Interrupt(_, id) => assert_eq!(self.running.get(session), Some(&number(&id))),
        }
    }
}

proptest! {
    #[test]
    fn every_message_gets_exactly_one_end(
        script in proptest::collection::vec((0u8..6, 0u8..3, 0usize..4, 0usize..3, 0u64..900), 1..200),
    ) {
        let (mut lanes, mut model) = (Lanes::new(2), Model::default());
        let (mut next, mut now) = (0u32, Duration::ZERO);
        for (what, which, mode, drop, passed) in script {
            now += Duration::from_millis(passed);
            let name = format!("s{which}");
            let key = session(&name);
            let event = match what {
                0..=2 => {
                    next += 1;
                    Event::Arrived(key.clone(), run(next), queueing(QueueMode::ALL[mode], DropPolicy::ALL[drop]))
                }
                3 if model.running.remove(key.as_str()).is_some() => Event::Finished(key.clone()),
                3 => Event::Tick,
                4 => Event::Boundary(key.clone()),
                _ => Event::Stop(key.clone(), None),
            };
            let arrives = matches!(event, Event::Arrived(..));
            let is_free = lanes.is_free(&key);
            let actions = lanes.on(now, event);
            if arrives && is_free {
                prop_assert_eq!(&actions, &[Action::Start(key.clone(), run(next), Vec::new())]);
            }
            for action in actions {
                model.perform(key.as_str(), action);
            }
            prop_assert!(model.running.len() <= 2);
            prop_assert_eq!(model.running.len(), lanes.running());
        }
        // Whatever still waits gets its turn, if only time passes and runs end.
        loop {
            let (at, event) = match (model.running.pop_first(), lanes.wake_at()) {
                (Some((key, _)), _) => (now, Event::Finished(SessionKey::try_from(key).unwrap())),
                (None, Some(at)) => (at, Event::Tick),
                (None, None) => break,
            };
            now = now.max(at);
            for action in lanes.on(now, event) {
                model.perform("", action);
            }
        }
        prop_assert_eq!(model.ended.len() as u32, next);
        prop_assert!(lanes.lanes.is_empty() && lanes.ready.is_empty());
    }
}
