//! Random stories against a model of a few lines: same answers, same log, before and after a restart.

use std::collections::BTreeMap;

use claw_core::approval::{Answer, ApprovalState};
use claw_core::id::ApprovalId;
use claw_core::message::Message;
use proptest::prelude::*;

use crate::fixture::*;
use crate::{ApprovalFilter, JournalStep, Record, ResolveError, Store, StoreError};

const RUNS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Op {
    Record(usize, Vec<Said>, bool),
    Resolve(u128, bool, u64),
    Expire(u128),
    Use(usize, u128),
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Text,
    Ask(u8),
    Answer(u8),
    Notice,
}

fn op() -> impl Strategy<Value = Op> {
    let said = prop_oneof![
        2 => Just(Said::Text),
        2 => (1..3u8).prop_map(Said::Ask),
        5 => (0..2u8).prop_map(Said::Answer),
        1 => Just(Said::Notice),
    ];
    let record = (0..3usize, proptest::collection::vec(said, 0..4), prop::bool::weighted(0.1));
    prop_oneof![
        6 => record.prop_map(|(of, said, end)| Op::Record(of, said, end)),
        2 => (0..3u128, any::<bool>(), prop_oneof![Just(500u64), Just(1000)]).prop_map(|(n, yes, at)| Op::Resolve(n, yes, at)),
        1 => (0..3u128).prop_map(Op::Expire),
        2 => (0..3usize, 0..3u128).prop_map(|(of, n)| Op::Use(of, n)),
    ]
}

/// What the store promises, with none of how it does it. Entries are lines as `fixture::lines` shows them.
#[derive(Clone, Default)]
struct Model {
    log: Vec<String>,
    heard: Vec<usize>,
    ended: Vec<usize>,
    deferred: Vec<usize>,
    open: Option<(usize, Vec<u8>)>,
    approvals: BTreeMap<u128, &'static str>,
}

impl Model {
    fn line(&mut self, of: usize, what: &str) {
        self.log.push(format!("{} {} {what}", self.log.len() + 1, RUNS[of]));
    }

    fn blocked(&self) -> bool {
        self.open.as_ref().is_some_and(|(_, calls)| !calls.is_empty())
    }

    fn hear(&mut self, of: usize) -> bool {
        if self.heard.contains(&of) {
            return true;
        }
        if self.blocked() {
            return false;
        }
        self.hear_deferred();
        self.line(of, "user");
        self.heard.push(of);
        true
    }

    fn hear_deferred(&mut self) {
        if !self.blocked() {
            for of in std::mem::take(&mut self.deferred) {
                self.line(of, "user");
                self.heard.push(of);
            }
        }
    }

    fn close_calls(&mut self, of: usize) {
        if let Some((owner, calls)) = self.open.take_if(|(owner, _)| *owner == of) {
            for call in calls {
                // Effects of the model are started by the call `c`, which nobody asks for: none of these is harmful.
                self.line(owner, &format!("{call} E_CANCELLED"));
            }
        }
    }

    fn say(&mut self, of: usize, said: Said, end: bool) -> bool {
        let speaks = matches!(said, Said::Text | Said::Ask(_));
        if speaks && end {
            self.close_calls(of);
        }
        if speaks && self.blocked() {
            return false;
        }
        match said {
            Said::Text => self.line(of, "text"),
            Said::Notice => self.line(of, "notice n"),
            Said::Ask(calls) => {
                self.line(of, &format!("asks {calls}"));
                self.open = Some((of, (0..calls).collect()));
            }
            Said::Answer(call) => {
                let open = self.open.as_mut().filter(|(owner, calls)| *owner == of && calls.contains(&call));
                let Some((_, calls)) = open else {
                    return false;
                };
                calls.retain(|other| *other != call);
                self.line(of, &format!("{call} ok"));
            }
        }
        true
    }

    /// Whether the record is taken; the model is as before if not.
    fn record(&mut self, of: usize, said: &[Said], end: bool) -> bool {
        if self.ended.contains(&of) {
            return false;
        }
        let before = self.clone();
        let silent = said.iter().all(|said| matches!(said, Said::Notice));
        let deferred = !self.heard.contains(&of) && self.blocked() && silent && end;
        if deferred {
            self.deferred.push(of);
        } else if !self.hear(of) {
            return false;
        }
        if !said.iter().all(|said| self.say(of, *said, end)) {
            *self = before;
            return false;
        }
        if end {
            self.close_calls(of);
            self.hear_deferred();
            self.ended.push(of);
        }
        true
    }
}

fn message(said: Said) -> Message {
    match said {
        Said::Text => self::said("text"),
        Said::Notice => notice("n"),
        Said::Answer(call) => answers(&call.to_string()),
        Said::Ask(calls) => asks(&["0", "1"][..calls as usize]),
    }
}

async fn step(store: &Store, model: &mut Model, op: Op) {
    match op {
        Op::Record(of, said, end) => {
            let entries = said.iter().copied().map(message).collect();
            let record = Record { entries, end: end.then(|| done().unwrap()), ..Record::default() };
            let taken = store.record(&run(RUNS[of]), record, at(2)).await;
            assert_eq!(taken.is_ok(), model.record(of, &said, end), "{taken:?}");
            let named = |err| matches!(err, StoreError::Superseded { .. } | StoreError::Orphan { .. });
            assert!(taken.err().is_none_or(named));
        }
        Op::Resolve(n, yes, when) => {
            let answer = if yes { Answer::Once } else { Answer::Deny };
            let resolved = store.resolve(ApprovalId::from_random(n).as_str(), answer, "cli", at(when)).await;
            let state = model.approvals.get_mut(&n).unwrap();
            match (*state, when) {
                ("pending", 1000) => {
                    *state = "expired";
                    assert!(matches!(resolved, Err(ResolveError::Expired(_))));
                }
                ("pending", _) => {
                    *state = if yes { "approved" } else { "denied" };
                    assert_eq!(resolved.unwrap().state.as_str(), *state);
                }
                ("expired", _) => assert!(matches!(resolved, Err(ResolveError::Expired(_)))),
                (state, _) => assert!(matches!(resolved, Err(ResolveError::Already(a)) if a.state.as_str() == state)),
            }
        }
        Op::Expire(n) => {
            let state = model.approvals.get_mut(&n).unwrap();
            if *state == "pending" {
                *state = "expired";
            }
            let expired = store.expire(&ApprovalId::from_random(n), at(3)).await.unwrap();
            assert_eq!(expired.state.as_str(), *state);
        }
        Op::Use(of, n) => {
            let step = JournalStep::EffectStarted {
                call: call("c"),
                index: 0,
                digest: digest(7),
                approval: Some(ApprovalId::from_random(n)),
            };
            let used = store.record(&run(RUNS[of]), Record { steps: vec![step], ..Record::default() }, at(4)).await;
            // Approval n belongs to the run n.
            let fits = n == of as u128 && model.approvals[&n] == "approved" && !model.ended.contains(&of);
            let taken = fits && model.hear(of);
            assert_eq!(used.is_ok(), taken, "{used:?}");
            if taken {
                model.approvals.insert(n, "used");
            }
        }
    }
}

fn check(store: &Store, model: &Model) {
    assert_eq!(lines(&store.transcript(&key("main")).unwrap()), model.log);
    assert_eq!(store.unfinished_runs().unwrap().len(), RUNS.len() - model.ended.len());
    let state = |approval: &claw_core::approval::Approval| approval.state.as_str();
    let all = store.approvals(ApprovalFilter::All).unwrap();
    assert_eq!(all.iter().map(state).collect::<Vec<_>>(), model.approvals.values().copied().collect::<Vec<_>>());
    let pending = store.approvals(ApprovalFilter::Pending).unwrap();
    assert!(pending.iter().all(|approval| approval.state == ApprovalState::Pending));
    assert_eq!(pending.len(), all.iter().filter(|approval| approval.state.is_pending()).count());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_its_model_does(ops in proptest::collection::vec(op(), 0..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (home, store) = store();
            let mut model = Model::default();
            for (n, id) in (0..).zip(RUNS) {
                store.accept(inbound(id), at(1)).await.unwrap();
                store.park(approval(n, id)).await.unwrap();
                model.approvals.insert(n, "pending");
            }
            for op in ops {
                step(&store, &mut model, op).await;
                check(&store, &model);
            }
            check(&reopen(&home, store), &model);
        });
    }
}
