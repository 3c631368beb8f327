use claw_core::event::RunEnd;
use claw_core::inbound::{Inbound, Source};

use super::*;
use crate::fixture::*;
use crate::{PageEnd, Record, Retention};

fn sub_agent(parent: &str, depth: u32) -> SubAgent {
    SubAgent { parent: key(parent), chat: key("main"), depth, label: "look".to_owned(), tools: Some(vec![tool()]) }
}

/// Work for `session` that the run `by` of `parent` hands over.
fn work(id: &str, session: &str, parent: &str, by: &str, depth: u32) -> HandOver {
    HandOver {
        inbound: inbound_to(id, session),
        sub_agent: Some(sub_agent(parent, depth)),
        task: Task {
            run: run(id),
            session: key(session),
            parent: key(parent),
            parent_run: run(by),
            root: run("a"),
            title: format!("the work of {id}"),
            seconds: 60,
            created: at(depth.into()),
        },
        labels: Labels::tainted("a page"),
        used: Cost { tokens: 5, micros: 0 },
    }
}

fn all(store: &Store) -> Vec<TaskRow> {
    store.tasks(&TasksOf::All, None, 100).unwrap()
}

fn announcement(id: &str) -> Inbound {
    let source = Source { channel: "sub-agent".to_owned(), account: id.to_owned() };
    Inbound { source, ..inbound(&format!("{id}-end")) }
}

async fn family(store: &Store) {
    store.accept(inbound("a"), at(1)).await.unwrap();
    store.hand_over(work("child", "c", "main", "a", 1), at(2)).await.unwrap();
    store.hand_over(work("grandchild", "g", "c", "child", 2), at(3)).await.unwrap();
}

#[tokio::test]
async fn a_task_stands_where_its_run_stands_and_survives_a_restart() {
    let (home, store) = store();
    family(&store).await;
    let again = store.hand_over(work("child", "c", "main", "a", 1), at(9)).await.unwrap();
    assert_eq!(again, Accepted::Duplicate(RunState::Received));
    let record = Record { end: done(), ..entries([said("found")]) };
    store.record(&run("grandchild"), record, at(4)).await.unwrap();
    let store = reopen(&home, store);
    let rows = all(&store);
    let shown: Vec<_> =
        rows.iter().map(|row| (row.task.run.as_str(), matches!(row.state, RunState::Ended(_)))).collect();
    assert_eq!(shown, [("grandchild", true), ("child", false)]);
    assert_eq!((rows[0].ended, rows[1].ended), (Some(at(4)), None));
    assert_eq!(store.task(&run("child")).unwrap().unwrap().sub_agent, Some(sub_agent("main", 1)));
    assert_eq!(store.task(&run("a")).unwrap(), None);
    assert_eq!(store.open_tasks().unwrap().iter().map(|task| task.run.as_str()).collect::<Vec<_>>(), ["child"]);
    assert_eq!(store.ancestors(&key("g")).unwrap(), [key("c"), key("main")]);
    assert!(store.descends(&key("g"), &key("main")).unwrap() && !store.descends(&key("main"), &key("g")).unwrap());
}

#[tokio::test]
async fn what_flowed_into_who_hands_work_over_flows_on_and_comes_back_with_its_end() {
    let (_home, store) = store();
    family(&store).await;
    let labels = |of: &str| store.session(&key(of)).unwrap().unwrap().labels;
    assert_eq!((labels("c"), labels("main")), (Labels::tainted("a page"), Labels::default()));
    let end = Record {
        end: done(),
        announce: Some(announcement("child")),
        labels: Labels::private("a file"),
        ..entries([said("found")])
    };
    store.record(&run("child"), end.clone(), at(5)).await.unwrap();
    assert_eq!(labels("main"), Labels::private("a file"));
    let page = crate::Page { end: PageEnd::Newest, limit: 10 };
    let waiting = |of| store.history(&key(of), None, page).unwrap().pending;
    assert_eq!(waiting("main").iter().map(|it| it.inbound.run.as_str()).collect::<Vec<_>>(), ["a", "child-end"]);
    // An ended run ends no second time, so nobody hears of it twice.
    store.record(&run("child"), end, at(6)).await.unwrap_err();
    assert_eq!(waiting("main").len(), 2);
}

#[tokio::test]
async fn nobody_is_told_where_the_conversation_is_gone() {
    let (_home, store) = store();
    family(&store).await;
    store.record(&run("a"), Record { end: done(), ..entries([said("later")]) }, at(4)).await.unwrap();
    store.delete_session(&key("main"), "test", at(5)).await.unwrap();
    let aborted = Some(RunEnd::Aborted { text: String::new() });
    let end = Record { end: aborted, announce: Some(announcement("child")), ..Record::default() };
    store.record(&run("child"), end, at(6)).await.unwrap();
    assert_eq!(store.session(&key("main")).unwrap(), None);
}

#[tokio::test]
async fn what_is_spent_is_on_the_account_of_all_above() {
    let (_home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let cost = |tokens| Cost { tokens, micros: 0 };
    let of = |of| store.cost(&of).unwrap().tokens;
    // Before it hands anything over, a run has no account of its own.
    store.record(&run("a"), Record { cost: cost(5), ..entries([said("one")]) }, at(1)).await.unwrap();
    assert_eq!(of(CostOf::Run(run("a"))), 0);
    store.hand_over(work("child", "c", "main", "a", 1), at(2)).await.unwrap();
    store.hand_over(work("grandchild", "g", "c", "child", 2), at(3)).await.unwrap();
    store.record(&run("grandchild"), Record { cost: cost(100), ..entries([said("x")]) }, at(4)).await.unwrap();
    store.record(&run("child"), Record { cost: cost(10), ..entries([said("y")]) }, at(4)).await.unwrap();
    assert_eq!(of(CostOf::Run(run("a"))), 115);
    assert_eq!(["g", "c", "main"].map(|name| of(CostOf::Session(key(name)))), [100, 110, 115]);
    assert_eq!(of(CostOf::day(at(4))), 115, "each token counts once for its day");
}

#[tokio::test]
async fn a_sub_agent_is_forgotten_with_its_conversation() {
    let (_home, store) = store();
    family(&store).await;
    let end = || Record { end: done(), ..entries([said("found")]) };
    store.record(&run("child"), end(), at(4)).await.unwrap();
    let retention = Retention { age: Some(std::time::Duration::from_millis(1)), count: None };
    let stale = store.stale_sessions(retention, at(100)).unwrap();
    assert_eq!(stale.iter().map(|stale| stale.key.as_str()).collect::<Vec<_>>(), ["agent:main:c"]);
    store.delete_session(&key("c"), "test", at(100)).await.unwrap();
    assert_eq!((store.sub_agent(&key("c")).unwrap(), store.task(&run("child")).unwrap()), (None, None));
    assert_eq!(all(&store).len(), 1);
    assert_eq!(store.tasks(&TasksOf::With(key("c")), None, 9).unwrap()[0].task.run, run("grandchild"));
    assert_eq!(store.tasks(&TasksOf::For(key("main")), None, 9).unwrap(), []);
    assert_eq!(store.check().unwrap().faults, [""; 0]);
}

/// As many as a page wants are read, however many there are.
#[tokio::test]
async fn the_ledger_is_read_by_page_in_the_order_of_time() {
    let (_home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let ids: Vec<_> = (0..300).map(|index| format!("t{index:03}")).collect();
    for (index, id) in ids.iter().enumerate() {
        let session = if index % 3 == 0 { "c" } else { "d" };
        let mut work = work(id, session, "main", "a", 1);
        // Two at a time: those of one moment are told apart by their names.
        work.task.created = at(index as u64 / 2);
        store.hand_over(work, at(index as u64)).await.unwrap();
    }
    let pages = |of: TasksOf, limit: usize| {
        let (mut found, mut last) = (Vec::new(), None);
        loop {
            let page = store.tasks(&of, last.as_ref(), limit).unwrap();
            assert!(page.len() <= limit);
            let Some(row) = page.last() else { break found };
            last = Some(row.task.clone());
            found.extend(page.into_iter().map(|row| row.task.run.to_string()));
        }
    };
    let newest_first: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(pages(TasksOf::All, 7), newest_first);
    assert_eq!(pages(TasksOf::For(key("main")), 300), newest_first);
    assert_eq!(pages(TasksOf::With(key("main")), 1), newest_first);
    let of_c: Vec<_> = ids.iter().step_by(3).rev().cloned().collect();
    assert_eq!((pages(TasksOf::By(key("c")), 8), pages(TasksOf::With(key("c")), 8)), (of_c.clone(), of_c));
    assert_eq!(pages(TasksOf::For(key("c")), 8), [""; 0]);
}
