//! What the world outside of the store knows: what it was promised, and which effects have happened.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;

use claw_core::event::RunEnd;
use claw_core::message::{Entry, Message};
use claw_core::outcome::{FailureKind, ToolOutcome};

use super::family::{self, FAMILY};
use super::story::{ON_CHANNELS, PARTS, account};
use crate::fixture::*;
use crate::{ApprovalFilter, JournalStep, OutgoingState, RunState, Store};

/// The other side of the account. It takes events as lines, so that it can be told by a process that was killed.
#[derive(Debug, Default)]
pub struct World {
    runs: BTreeMap<String, Known>,
    /// The last entry of the record that was acknowledged.
    audited: u64,
    /// The steps of the family that are durable, and whether the next one may be.
    family: (usize, bool),
    /// What was shown for the first time, in order: run and part.
    shown: Vec<(String, usize)>,
    /// Where each event is kept at once.
    ledger: Option<File>,
}

/// What is known of one message and its run.
#[derive(Debug, Default)]
struct Known {
    accepted: bool,
    /// Entries that are durable, then those that may be.
    said: Vec<String>,
    trying: Vec<String>,
    ending: bool,
    ended: bool,
    effects: usize,
    parts: [Part; PARTS],
}

/// What is known of one message that a run sends at its end.
#[derive(Debug, Default)]
struct Part {
    /// How often the service has shown it.
    shown: usize,
    settling: bool,
    settled: bool,
}

impl World {
    /// Also keeps each event in a file.
    pub fn with_ledger(file: File) -> World {
        World { ledger: Some(file), ..World::default() }
    }

    /// Learns what a ledger says.
    pub fn read(&mut self, ledger: &str) {
        ledger.lines().for_each(|line| self.take(line));
    }

    /// One event.
    pub fn note(&mut self, event: &str) {
        if let Some(file) = &mut self.ledger {
            file.write_all(format!("{event}\n").as_bytes()).unwrap();
        }
        self.take(event);
    }

    fn take(&mut self, event: &str) {
        let words: Vec<&str> = event.split(' ').collect();
        let [what, name, rest @ ..] = &words[..] else { panic!("`{event}` is no event") };
        if *what == "audited" {
            self.audited = self.audited.max(name.parse().unwrap());
            return;
        }
        if matches!(*what, "begins" | "done") {
            self.family = (name.parse().unwrap(), *what == "begins");
            return;
        }
        let run = self.runs.entry((*name).to_owned()).or_default();
        match *what {
            "sends" => {}
            "accepted" => run.accepted = true,
            "tries" => run.trying = rest.iter().map(|tag| (*tag).to_owned()).collect(),
            "said" => run.said.append(&mut run.trying),
            "ends" => run.ending = true,
            "ended" => run.ended = true,
            "effect" => run.effects += 1,
            "shown" | "shown-again" | "settles" | "settled" => {
                let number = rest[0].parse().unwrap();
                let part: &mut Part = &mut run.parts[number];
                match *what {
                    "settles" => part.settling = true,
                    "settled" => part.settled = true,
                    shown => {
                        assert!(part.shown == 0 || shown == "shown-again", "{name} is shown again without a word");
                        if part.shown == 0 {
                            self.shown.push(((*name).to_owned(), number));
                        }
                        part.shown += 1;
                    }
                }
            }
            _ => panic!("`{event}` is no event"),
        }
    }

    /// Compares the account with the store, and learns what became of what was open.
    ///
    /// Every acknowledged message is there, and ended or waiting; each acknowledged entry is there once and in order,
    /// and what was not acknowledged is there as a whole or not at all; no effect happened twice, or without the store
    /// knowing of it; indexes, logs and record hold.
    #[track_caller]
    pub fn check(&mut self, store: &Store) {
        let taken = family::steps_done(store).unwrap();
        let (known, is_open) = self.family;
        assert!(taken == known || is_open && taken == known + 1, "step {known} was acknowledged, {taken} are taken");
        self.family = (taken, false);
        let waiting = store.unfinished_runs().unwrap().into_iter().map(|row| row.run);
        let waiting: Vec<_> = waiting.filter(|id| !id.as_str().starts_with(FAMILY)).collect();
        let mut there = 0;
        for (name, known) in &mut self.runs {
            let id = run(name);
            let Some(row) = store.run(&id).unwrap() else {
                assert!(!known.accepted, "the acknowledged message of {name} is lost");
                continue;
            };
            there += 1;
            known.accepted = true;
            known.check_entries(name, &store.run_entries(&id).unwrap());
            let over = matches!(row.state, RunState::Ended(_));
            assert!(over || !known.ended, "{name} has ended and is at work again");
            assert!(!over || known.ending, "{name} has ended by itself");
            known.ended = over;
            assert_eq!(waiting.contains(&id), !over, "{name} is neither over nor waiting");
            known.check_effects(name, store);
        }
        assert!(waiting.len() <= there, "runs that nobody sent: {waiting:?}");
        self.check_channels(store);
        let last = store.verify_audit().unwrap().last;
        assert!(last >= self.audited, "the record ends at {last}, but {} was acknowledged", self.audited);
        self.audited = last;
        let checked = store.check().unwrap();
        assert!(checked.faults.is_empty(), "{:#?}", checked.faults);
    }

    /// An account was read as far as its messages are there; what a run sends is there exactly once from its end until the
    /// service has it; what may have been shown says so; and each chat was shown all in order.
    #[track_caller]
    fn check_channels(&mut self, store: &Store) {
        let mut rows = BTreeMap::new();
        for row in store.outbox(None, 0, 1000).unwrap() {
            let place =
                (row.run.clone().unwrap().to_string(), row.content.words().split(' ').next().unwrap().parse().unwrap());
            assert!(rows.insert(place.clone(), row).is_none(), "{place:?} is to be sent twice");
        }
        for (name, known) in &mut self.runs {
            let (session, number) = name.rsplit_once('-').unwrap();
            if !ON_CHANNELS.contains(&session) {
                continue;
            }
            let cursor = store.cursor(&account(session)).unwrap();
            let cursor: Option<u32> = cursor.map(|cursor| String::from_utf8(cursor).unwrap().parse().unwrap());
            let is_read = cursor.is_some_and(|cursor| cursor >= number.parse().unwrap());
            assert_eq!(is_read, known.accepted, "{name}: the account was read up to {cursor:?}");
            for (number, part) in known.parts.iter_mut().enumerate() {
                let row = rows.remove(&(name.clone(), number));
                let is_lost = row.is_none() && known.ended && !part.settling;
                assert!(!is_lost, "{name}: message {number} is lost");
                let Some(row) = row else {
                    part.settled = known.ended;
                    continue;
                };
                assert!(known.ended && !part.settled, "{name}: message {number} is to be sent, and may not be");
                part.settling = false;
                let says_so = row.unsure || row.state == OutgoingState::Sending;
                assert!(
                    part.shown == 0 || says_so,
                    "{name}: message {number} was shown, and is to be sent as a new one"
                );
            }
        }
        assert!(rows.is_empty(), "messages of runs that nobody sent: {:?}", rows.keys());
        for session in ON_CHANNELS {
            let shown: Vec<_> = self.shown.iter().filter(|(name, _)| name.starts_with(session)).collect();
            assert!(shown.is_sorted(), "{session} was shown {shown:?}");
        }
    }

    /// That all is done: every message is answered or failed with a notice, and every log is in pairs.
    #[track_caller]
    pub fn check_end(&mut self, store: &Store) {
        self.check(store);
        for (name, known) in &self.runs {
            assert!(known.ended, "{name} was not brought to its end");
            let on_channel = ON_CHANNELS.iter().any(|session| name.starts_with(session));
            let is_sent = known.parts.iter().all(|part| part.settled && part.shown > 0);
            assert_eq!(is_sent, on_channel, "{name} was not sent");
            let id = run(name);
            let Some(RunState::Ended(end)) = store.run(&id).unwrap().map(|row| row.state) else {
                panic!("{name} is not there");
            };
            let told =
                store.run_entries(&id).unwrap().iter().any(|entry| matches!(entry.message, Message::Notice { .. }));
            assert!(matches!(end, RunEnd::Done { .. }) || told, "{name} failed without a notice");
        }
        for session in super::story::SESSIONS {
            in_pairs(&store.transcript(&key(session)).unwrap());
        }
        assert!(store.approvals(ApprovalFilter::Pending).unwrap().is_empty());
        family::check_end(store);
    }
}

impl Known {
    #[track_caller]
    fn check_entries(&mut self, name: &str, entries: &[Entry]) {
        let stored: Vec<String> = entries.iter().filter_map(tag).collect();
        let mut all = self.said.clone();
        all.append(&mut self.trying);
        assert!(
            stored == self.said || stored == all,
            "{name}: {:?} were acknowledged, {:?} were tried, {stored:?} are there",
            self.said,
            &all[self.said.len()..],
        );
        let heard = entries.iter().filter(|entry| matches!(entry.message, Message::User { .. })).count();
        assert!(heard <= 1, "{name} was heard {heard} times");
        if self.effects > 0 {
            // Its outcome may be unknown; that it did not happen may not be said.
            let denied = |entry: &Entry| match &entry.message {
                Message::Tool { outcome: ToolOutcome::Failed(failure), .. } => {
                    failure.kind != FailureKind::OutcomeUnknown
                }
                _ => false,
            };
            assert!(!entries.iter().any(denied), "{name}: its effect has happened and is denied");
        }
        self.said = stored;
    }

    #[track_caller]
    fn check_effects(&self, name: &str, store: &Store) {
        assert!(self.effects <= 1, "the effect of {name} happened {} times", self.effects);
        let journal = store.journal(&run(name)).unwrap();
        let started = journal.iter().filter(|step| matches!(step, JournalStep::EffectStarted { .. })).count();
        assert!(self.effects <= started && started <= 1, "{name}: {} effects, {started} noted", self.effects);
        let all = store.approvals(ApprovalFilter::All).unwrap();
        let used = all.iter().filter(|approval| approval.run.as_str() == name && approval.state.as_str() == "used");
        assert_eq!(used.count(), started, "{name}: an effect uses its approval, in one step");
    }
}

/// What the world calls an entry; the store's own (the message, the answers that it adds at the end) have no name.
fn tag(entry: &Entry) -> Option<String> {
    match &entry.message {
        Message::Assistant { text, calls, .. } if calls.is_empty() => text.split(' ').next().map(str::to_owned),
        Message::Assistant { .. } => Some("asks".to_owned()),
        Message::Tool { outcome: ToolOutcome::Done { .. }, .. } => Some("answer".to_owned()),
        Message::Notice { .. } => Some("notice".to_owned()),
        _ => None,
    }
}

/// Each call is answered once, and before anybody else speaks: what the strictest provider demands.
#[track_caller]
fn in_pairs(log: &[Entry]) {
    let mut open: Vec<&str> = Vec::new();
    for entry in log {
        match &entry.message {
            Message::Tool { call, .. } => {
                let place = open.iter().position(|open| *open == call.as_str());
                open.remove(place.unwrap_or_else(|| panic!("entry {} answers what nobody asked", entry.seq.0)));
            }
            Message::Notice { .. } => {}
            Message::Assistant { calls, .. } => {
                assert!(open.is_empty(), "entry {} speaks before {open:?} are answered", entry.seq.0);
                open.extend(calls.iter().map(|call| call.id.as_str()));
            }
            _ => assert!(open.is_empty(), "entry {} speaks before {open:?} are answered", entry.seq.0),
        }
    }
    assert!(open.is_empty(), "{open:?} are never answered");
}
