use proptest::prelude::*;

use super::*;
use crate::fixture::*;
use crate::{Page, PageEnd, Record};

async fn turn(store: &Store, id: &str, entries: Vec<Message>) {
    store.accept(inbound(id), at(1)).await.unwrap();
    store.record(&run(id), Record { entries, end: done(), ..Record::default() }, at(2)).await.unwrap();
}

/// Two turns, the first with a tool call: `user, asks, answer, done, user, done`.
async fn two_turns() -> (tempfile::TempDir, Store) {
    let (home, store) = store();
    turn(&store, "a", vec![asks(&["1"]), answers("1"), said("done")]).await;
    turn(&store, "b", vec![said("too")]).await;
    (home, store)
}

fn branch(store: &Store, number: u64) -> Vec<String> {
    lines(&store.history(&key("main"), Some(number), newest(100)).unwrap().entries)
}

#[tokio::test]
async fn a_rewind_leaves_a_branch_behind_and_the_conversation_goes_on_from_there() {
    let (home, store) = two_turns().await;
    let rewound = store.rewind(&key("main"), Point::Turns(1), at(3)).await.unwrap();
    let expected = Rewound { entries: 4, dropped: 2, branch: Some(1), text: Some("hello from b".to_owned()) };
    assert_eq!(rewound, expected);
    assert_eq!(store.session(&key("main")).unwrap().unwrap().last_message, "done");
    turn(&store, "c", vec![said("other")]).await;
    let store = reopen(&home, store);
    check_log(&store, &["1 a user", "2 a asks 1", "3 a 1 ok", "4 a done", "7 c user", "8 c other"]);
    assert_eq!(branch(&store, 1)[4..], ["5 b user", "6 b too"]);
    // Pages go over the gap.
    let page = Page { end: PageEnd::Before(Seq(8)), limit: 2 };
    let history = store.history(&key("main"), None, page).unwrap();
    assert_eq!((lines(&history.entries), history.more, history.total), (lines_of(&["4 a done", "7 c user"]), true, 6));
    let numbers: Vec<_> = store.branches(&key("main")).unwrap().iter().map(|it| (it.number, it.entries)).collect();
    assert_eq!(numbers, [(None, 6), (Some(1), 6)]);
}

fn lines_of(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[tokio::test]
async fn a_conversation_ends_at_no_place_where_a_model_would_refuse_it() {
    let (_home, store) = two_turns().await;
    for cut in [2, 3] {
        let refused = match cut {
            2 => store.rewind(&key("main"), Point::After(Seq(2)), at(3)).await.map(|_| ()),
            _ => store.fork(&key("main"), Point::Before(Seq(3)), &key("new"), "n".to_owned(), at(3)).await.map(|_| ()),
        };
        let err = refused.unwrap_err();
        let nearest =
            matches!(&err, StoreError::NotAPoint { seq: Seq(2), before: Some(Seq(1)), after: Some(Seq(3)), .. });
        assert!(nearest, "{err:?}");
        assert!(err.to_string().ends_with("it can end after 1 or after 3"), "{err}");
    }
    let unknown = store.rewind(&key("main"), Point::After(Seq(7)), at(3)).await;
    assert!(matches!(unknown, Err(StoreError::UnknownEntry { seq: Seq(7), .. })), "{unknown:?}");
    let nobody = store.rewind(&key("nobody"), Point::End, at(3)).await;
    assert!(matches!(nobody, Err(StoreError::UnknownSession { .. })), "{nobody:?}");
    assert_eq!(store.rewind(&key("main"), Point::End, at(3)).await.unwrap().branch, None);
    assert_eq!(store.rewind(&key("main"), Point::Turns(9), at(3)).await.unwrap().entries, 0);
}

#[tokio::test]
async fn nothing_is_changed_under_a_run_that_is_at_work_or_waits() {
    let (_home, store) = two_turns().await;
    store.accept(inbound("c"), at(3)).await.unwrap();
    let busy = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::Busy { .. })), "{result:?}");
    busy(store.rewind(&key("main"), Point::Turns(1), at(3)).await.map(|_| ()));
    busy(store.switch_branch(&key("main"), 1, at(3)).await.map(|_| ()));
    busy(store.fork(&key("main"), Point::End, &key("new"), "n".to_owned(), at(3)).await.map(|_| ()));
    busy(store.delete_session(&key("main"), "cli", at(9)).await.map(|_| ()));
    store.accept(inbound_to("d", "other"), at(3)).await.unwrap();
    store.record(&run("c"), Record { end: done(), ..Record::default() }, at(4)).await.unwrap();
    store.rewind(&key("main"), Point::Turns(1), at(3)).await.unwrap();
}

#[tokio::test]
async fn a_branch_is_taken_up_again_even_across_a_reset() {
    let (_home, store) = two_turns().await;
    store.rewind(&key("main"), Point::Turns(1), at(3)).await.unwrap();
    store.reset_session(&key("main"), "second".to_owned(), at(4)).await.unwrap();
    turn(&store, "c", vec![said("new")]).await;
    assert_eq!(store.switch_branch(&key("main"), 1, at(5)).await.unwrap(), 3);
    assert_eq!(store.transcript(&key("main")).unwrap().len(), 6);
    assert_eq!(store.session(&key("main")).unwrap().unwrap().session_id, "a");
    turn(&store, "d", vec![said("on")]).await;
    assert_eq!(lines(&store.transcript(&key("main")).unwrap())[6..], ["7 d user", "8 d on"]);
    let gone = store.switch_branch(&key("main"), 1, at(5)).await;
    assert!(matches!(gone, Err(StoreError::UnknownBranch { branch: 1, .. })), "{gone:?}");
    assert_eq!(branch(&store, 3), ["1 c user", "2 c new"]);
    // The next reset does not take up an epoch that was there.
    store.reset_session(&key("main"), "third".to_owned(), at(6)).await.unwrap();
    check_log(&store, &[]);
}

#[tokio::test]
async fn a_fork_is_a_conversation_of_its_own_that_says_where_it_came_from() {
    let (home, store) = two_turns().await;
    let labels = Labels::private("a note");
    store.accept(inbound("c"), at(3)).await.unwrap();
    store.record(&run("c"), Record { labels: labels.clone(), end: done(), ..Record::default() }, at(3)).await.unwrap();
    store.rewind(&key("main"), Point::Turns(1), at(3)).await.unwrap();
    let row = store.fork(&key("main"), Point::After(Seq(4)), &key("new"), "n".to_owned(), at(4)).await.unwrap();
    let fork = crate::Fork { session: key("main"), session_id: "a".to_owned(), seq: Seq(4) };
    assert_eq!((row.fork, row.entries, row.labels, row.last_message.as_str()), (Some(fork), 4, labels, "done"));
    let taken = store.fork(&key("main"), Point::End, &key("new"), "n".to_owned(), at(4)).await;
    assert!(matches!(taken, Err(StoreError::SessionTaken { .. })), "{taken:?}");
    store.accept(inbound_to("d", "new"), at(5)).await.unwrap();
    store.record(&run("d"), Record { end: done(), ..entries([said("apart")]) }, at(5)).await.unwrap();
    store.delete_session(&key("main"), "cli", at(9)).await.unwrap();
    let store = reopen(&home, store);
    let log = lines(&store.transcript(&key("new")).unwrap());
    assert_eq!(log, ["1 a user", "2 a asks 1", "3 a 1 ok", "4 a done", "5 d user", "6 d apart"]);
}

#[tokio::test]
async fn a_summary_counts_on_its_branch_and_means_the_same_in_a_fork() {
    let (_home, store) = two_turns().await;
    store.rewind(&key("main"), Point::Turns(1), at(3)).await.unwrap();
    let summary = Message::Summary { text: "before".to_owned(), kept_from: Seq(7) };
    turn(&store, "c", vec![said("kept"), summary, said("new")]).await;
    let seen = |name: &str| lines(&store.context(&key(name)).unwrap());
    assert_eq!(seen("main"), ["7 c user", "8 c kept", "9 c summary before, kept from 7", "10 c new"]);
    store.fork(&key("main"), Point::End, &key("new"), "n".to_owned(), at(4)).await.unwrap();
    assert_eq!(seen("new"), ["5 c user", "6 c kept", "7 c summary before, kept from 5", "8 c new"]);
    store.rewind(&key("main"), Point::After(Seq(8)), at(5)).await.unwrap();
    assert_eq!(seen("main").len(), 6, "without the summary all is seen again");
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Speak(bool),
    Rewind(u64),
    Reset,
    Switch(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => any::<bool>().prop_map(Op::Speak),
        3 => (0..30u64).prop_map(Op::Rewind),
        1 => Just(Op::Reset),
        2 => (1..8u64).prop_map(Op::Switch),
    ]
}

/// The branches as plain lists, with none of how they are stored.
#[derive(Default)]
struct Model {
    log: Vec<String>,
    left: Vec<(u64, Vec<String>)>,
    last_left: u64,
    /// The highest position of each epoch, and the epoch that is spoken in.
    highest: Vec<u64>,
    epoch: usize,
    epochs: Vec<(u64, usize)>,
}

impl Model {
    fn leave(&mut self) {
        self.last_left += 1;
        self.left.push((self.last_left, self.log.clone()));
        self.epochs.push((self.last_left, self.epoch));
    }

    fn say(&mut self, id: &str, what: &str) {
        self.highest[self.epoch] += 1;
        self.log.push(format!("{} {id} {what}", self.highest[self.epoch]));
    }
}

async fn step(store: &Store, model: &mut Model, number: usize, op: Op) {
    let main = key("main");
    match op {
        Op::Speak(calls) => {
            let id = format!("r{number}");
            let asked = if calls { vec![asks(&["1"]), answers("1"), said("x")] } else { vec![said("x")] };
            turn(store, &id, asked).await;
            let words: &[&str] = if calls { &["user", "asks 1", "1 ok", "x"] } else { &["user", "x"] };
            words.iter().for_each(|what| model.say(&id, what));
        }
        Op::Rewind(keep) => {
            let keep = (keep as usize).min(model.log.len());
            let seq = keep.checked_sub(1).map_or(0, |last| model.log[last].split(' ').next().unwrap().parse().unwrap());
            let open = model.log[..keep].last().is_some_and(|line| line.ends_with("asks 1"));
            match store.rewind(&main, Point::After(Seq(seq)), at(3)).await {
                Ok(_) => {
                    assert!(!open);
                    if keep < model.log.len() {
                        model.leave();
                        model.log.truncate(keep);
                    }
                }
                Err(err) => assert!(open && matches!(err, StoreError::NotAPoint { .. }), "{err:?}"),
            }
        }
        Op::Reset => {
            store.reset_session(&main, format!("s{number}"), at(3)).await.unwrap();
            model.leave();
            model.log.clear();
            model.highest.push(0);
            model.epoch = model.highest.len() - 1;
        }
        Op::Switch(branch) => {
            let known = model.left.iter().position(|(left, _)| *left == branch);
            let switched = store.switch_branch(&main, branch, at(3)).await;
            assert_eq!(switched.is_ok(), known.is_some(), "{switched:?}");
            if let Some(place) = known {
                let (_, log) = model.left.remove(place);
                let (_, epoch) = model.epochs.remove(place);
                model.leave();
                (model.log, model.epoch) = (log, epoch);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn branches_are_what_a_model_of_plain_lists_says(ops in proptest::collection::vec(op(), 0..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (home, store) = store();
            let mut model = Model { highest: vec![0], ..Model::default() };
            turn(&store, "first", vec![said("x")]).await;
            model.say("first", "user");
            model.say("first", "x");
            for (number, op) in ops.into_iter().enumerate() {
                step(&store, &mut model, number, op).await;
            }
            let store = reopen(&home, store);
            assert_eq!(lines(&store.transcript(&key("main")).unwrap()), model.log);
            for (number, log) in &model.left {
                assert_eq!(&branch(&store, *number), log);
            }
            assert_eq!(store.branches(&key("main")).unwrap().len(), model.left.len() + 1);
        });
    }
}
