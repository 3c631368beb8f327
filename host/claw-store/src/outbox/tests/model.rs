//! The outbox against a list: whatever is done with it, both say the same.

use proptest::prelude::*;

use super::*;

/// One message of the list.
#[derive(Clone, Debug)]
struct Item {
    id: u64,
    place: u64,
    chat: usize,
    session: usize,
    state: OutgoingState,
    expires: u64,
    attempts: u32,
    unsure: bool,
}

const TTL: u64 = 1000;

#[derive(Clone, Debug)]
enum Step {
    Post { chat: usize, session: usize, count: u64 },
    Claim { limit: usize },
    Settle { which: usize, how: How },
    Resume,
    Retry { which: Vec<usize> },
    Drop { which: Vec<usize> },
    Forget { session: usize },
    Wait { ms: u64 },
}

#[derive(Clone, Copy, Debug)]
enum How {
    Sent,
    Again { after: u64, unsure: bool },
    Dead,
}

fn steps() -> impl Strategy<Value = Step> {
    let how = prop_oneof![
        3 => Just(How::Sent),
        2 => (0..400_u64, any::<bool>()).prop_map(|(after, unsure)| How::Again { after, unsure }),
        1 => Just(How::Dead),
    ];
    let some = || prop::collection::vec(0..12_usize, 1..4);
    prop_oneof![
        4 => (0..3_usize, 0..2_usize, 1..4_u64).prop_map(|(chat, session, count)| Step::Post { chat, session, count }),
        6 => (0..4_usize).prop_map(|limit| Step::Claim { limit }),
        6 => (0..4_usize, how).prop_map(|(which, how)| Step::Settle { which, how }),
        1 => Just(Step::Resume),
        1 => some().prop_map(|which| Step::Retry { which }),
        1 => some().prop_map(|which| Step::Drop { which }),
        1 => (0..2_usize).prop_map(|session| Step::Forget { session }),
        3 => (0..600_u64).prop_map(|ms| Step::Wait { ms }),
    ]
}

#[derive(Default)]
struct Model {
    items: Vec<Item>,
    last: u64,
    now: u64,
}

impl Model {
    /// The first message of each chat, if it waits: when, its place, and where it is in the list.
    fn due(&self) -> Vec<(u64, u64, usize)> {
        let mut due = Vec::new();
        for chat in 0..3 {
            let queue = self.items.iter().enumerate();
            let queue = queue.filter(|(_, item)| item.chat == chat && item.state != OutgoingState::Dead);
            if let Some((index, item)) = queue.min_by_key(|(_, item)| item.place)
                && let OutgoingState::Waiting { next } = item.state
            {
                due.push((next.0, item.place, index));
            }
        }
        due.sort_unstable();
        due
    }

    fn ids(&self, which: &[usize]) -> Vec<u64> {
        which.iter().map(|at| self.items.get(*at).map_or(999_999, |item| item.id)).collect()
    }

    fn claim(&mut self, limit: usize) -> (Vec<u64>, Vec<u64>) {
        let (mut to_send, mut expired) = (Vec::new(), Vec::new());
        for (_, _, index) in self.due().into_iter().filter(|due| due.0 <= self.now).take(limit) {
            let item = &mut self.items[index];
            if item.expires <= self.now {
                item.state = OutgoingState::Dead;
                expired.push(item.id);
            } else {
                item.state = OutgoingState::Sending;
                item.attempts += 1;
                to_send.push(item.id);
            }
        }
        (to_send, expired)
    }

    fn settle(&mut self, index: usize, how: How) {
        match how {
            How::Sent => drop(self.items.remove(index)),
            How::Dead => self.items[index].state = OutgoingState::Dead,
            How::Again { after, unsure } => {
                self.items[index].state = OutgoingState::Waiting { next: at(self.now + after) };
                self.items[index].unsure |= unsure;
            }
        }
    }

    fn retry(&mut self, id: u64) -> bool {
        let found = self.items.iter_mut().find(|item| item.id == id && item.state == OutgoingState::Dead);
        found
            .map(|item| {
                self.last += 1;
                (item.place, item.attempts, item.expires) = (self.last, 0, self.now + TTL);
                item.state = OutgoingState::Waiting { next: at(self.now) };
            })
            .is_some()
    }

    fn drop(&mut self, id: u64) -> bool {
        let before = self.items.len();
        self.items.retain(|item| item.id != id || item.state == OutgoingState::Sending);
        self.items.len() < before
    }
}

async fn perform(store: &Store, model: &mut Model, step: Step) {
    let now = at(model.now);
    match step {
        Step::Wait { ms } => model.now += ms,
        Step::Post { chat, session, count } => {
            let name = format!("s{session}");
            if store.session(&key(&name)).unwrap().is_none() {
                answer(store, &format!("r{}-{session}", model.last), &name, &[]).await;
            }
            let messages = (0..count).map(|n| to(&format!("chat{chat}"), &format!("text {n}"))).collect();
            store.post(Some(&key(&name)), messages, now).await.unwrap();
            for _ in 0..count {
                model.last += 1;
                let (state, expires) = (OutgoingState::Waiting { next: now }, model.now + TTL);
                let (id, place) = (model.last, model.last);
                model.items.push(Item { id, place, chat, session, state, expires, attempts: 0, unsure: false });
            }
        }
        Step::Claim { limit } => {
            let claimed = store.claim(&telegram(), limit, now).await.unwrap();
            let ids = |rows: &[OutgoingRow]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
            assert_eq!((ids(&claimed.to_send), ids(&claimed.expired)), model.claim(limit));
        }
        Step::Settle { which, how } => {
            let sending = model.items.iter().enumerate().filter(|(_, item)| item.state == OutgoingState::Sending);
            let found = sending.map(|(index, item)| (index, item.id)).nth(which);
            let attempt = match how {
                How::Sent => sent(),
                How::Dead => failed("no", None),
                How::Again { after, unsure } => {
                    Attempt::Failed { why: "later".to_owned(), unsure, again: Some(at(model.now + after)) }
                }
            };
            let id = found.map_or(999_999, |(_, id)| id);
            assert_eq!(store.settle(id, attempt, now).await.unwrap(), found.is_some());
            if let Some((index, _)) = found {
                model.settle(index, how);
            }
        }
        Step::Resume => {
            let mut count = 0;
            for item in model.items.iter_mut().filter(|item| item.state == OutgoingState::Sending) {
                (item.state, item.unsure) = (OutgoingState::Waiting { next: now }, true);
                count += 1;
            }
            assert_eq!(store.resume_outbox(now).await.unwrap(), count);
        }
        Step::Retry { which } => {
            let ids = model.ids(&which);
            let done: Vec<_> = ids.iter().copied().filter(|id| model.retry(*id)).collect();
            assert_eq!(store.retry_outgoing(ids, "cli", now).await.unwrap(), done);
        }
        Step::Drop { which } => {
            let ids = model.ids(&which);
            let done: Vec<_> = ids.iter().copied().filter(|id| model.drop(*id)).collect();
            assert_eq!(store.drop_outgoing(ids, "cli", now).await.unwrap(), done);
        }
        Step::Forget { session } => {
            store.delete_session(&key(&format!("s{session}")), "cli", now).await.unwrap();
            model.items.retain(|item| item.session != session);
        }
    }
}

fn compare(store: &Store, model: &Model) {
    let rows = store.outbox(None, 0, 1000).unwrap();
    let stored = rows.iter().map(|row| (row.id, row.state, row.expires.0, row.attempts, row.unsure));
    let mut items = model.items.clone();
    items.sort_by_key(|item| item.id);
    let expected = items.iter().map(|item| (item.id, item.state, item.expires, item.attempts, item.unsure));
    assert_eq!(stored.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for state in OutgoingState::NAMES {
        let listed: Vec<_> = store.outbox(Some(state), 0, 1000).unwrap().into_iter().map(|row| row.id).collect();
        let expected = items.iter().filter(|item| item.state.as_str() == state).map(|item| item.id);
        assert_eq!(listed, expected.collect::<Vec<_>>());
    }
    assert_eq!(store.next_due(&telegram()).unwrap(), model.due().first().map(|due| Timestamp(due.0)));
    let faults = store.check().unwrap().faults;
    assert!(faults.is_empty(), "{faults:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_outbox_and_a_list_say_the_same(steps in prop::collection::vec(steps(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_home, store) = store();
        let mut model = Model::default();
        for step in steps {
            runtime.block_on(perform(&store, &mut model, step));
            compare(&store, &model);
        }
    }
}
