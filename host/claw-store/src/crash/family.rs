//! A conversation that is forked, rewound and cleared, and whose work others do: step by step, so that a cut between any
//! two of them shows.

use std::cell::RefCell;

use claw_core::audit::{AuditFrom, AuditQuery};
use claw_core::inbound::{Inbound, Source};
use claw_core::label::Labels;

use super::world::World;
use crate::fixture::*;
use crate::{
    AuditKind, Cost, HandOver, Point, PreferenceChange, PreferencesOf, Record, RunState, Store, StoreError, SubAgent,
    Task,
};

/// How the names of its conversations and runs begin.
pub const FAMILY: &str = "family";
const MAIN: &str = "family";
const FORK: &str = "family-fork";
const CHILD: &str = "family-child";

/// The steps in their order; each leaves a mark in the store that no later one takes away.
const STEPS: [Step; 10] = [
    Step::Ask,
    Step::Answer,
    Step::Fork,
    Step::Rewind,
    Step::Prefer,
    Step::HandOver,
    Step::Announce,
    Step::End,
    Step::Delete,
    Step::Clear,
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask,
    Answer,
    Fork,
    Rewind,
    Prefer,
    HandOver,
    Announce,
    End,
    Delete,
    Clear,
}

/// Goes on where it was cut off.
pub async fn live(store: &Store, world: &RefCell<World>) -> Result<(), StoreError> {
    for (number, step) in STEPS.iter().enumerate().skip(steps_done(store)?) {
        world.borrow_mut().note(&format!("begins {number}"));
        step.take(store).await?;
        world.borrow_mut().note(&format!("done {}", number + 1));
    }
    Ok(())
}

/// How many steps have been taken; all before the last of them are.
pub fn steps_done(store: &Store) -> Result<usize, StoreError> {
    let marks: Vec<bool> = STEPS.iter().map(|step| step.is_taken(store)).collect::<Result<_, _>>()?;
    let done = marks.iter().take_while(|mark| **mark).count();
    assert!(!marks[done..].contains(&true), "a step was taken before the one in front of it: {marks:?}");
    Ok(done)
}

/// That all steps are taken, and nothing is left open.
#[track_caller]
pub fn check_end(store: &Store) {
    assert_eq!(steps_done(store).unwrap(), STEPS.len());
    assert!(store.open_tasks().unwrap().is_empty());
    assert!(store.transcript(&key(MAIN)).unwrap().is_empty(), "it was cleared");
    assert_eq!(store.transcript(&key(CHILD)).unwrap().len(), 2);
}

fn deletions() -> AuditQuery {
    let kind = Some(AuditKind::SessionDeleted.as_str().to_owned());
    AuditQuery { from: AuditFrom::End, limit: 10, since: None, kind, component: None, run: None, session: None }
}

fn ended(id: &str, store: &Store) -> Result<bool, StoreError> {
    Ok(store.run(&run(id))?.is_some_and(|row| matches!(row.state, RunState::Ended(_))))
}

fn work() -> HandOver {
    let parent = key(MAIN);
    let sub_agent =
        SubAgent { parent: parent.clone(), chat: parent.clone(), depth: 1, label: "look".to_owned(), tools: None };
    let task = Task {
        run: run("family-work"),
        session: key(CHILD),
        parent,
        parent_run: run("family-first"),
        root: run("family-first"),
        title: "to be looked at".to_owned(),
        seconds: 60,
        created: at(2),
    };
    HandOver {
        inbound: inbound_to("family-work", CHILD),
        sub_agent: Some(sub_agent),
        task,
        labels: Labels::tainted("a page"),
        used: Cost::default(),
    }
}

impl Step {
    async fn take(self, store: &Store) -> Result<(), StoreError> {
        match self {
            Step::Ask => store.accept(inbound_to("family-first", MAIN), at(1)).await.map(drop),
            Step::Answer => {
                let record = Record { end: done(), ..entries([said("one"), said("two"), said("three")]) };
                store.record(&run("family-first"), record, at(2)).await.map(drop)
            }
            Step::Fork => store.fork(&key(MAIN), Point::End, &key(FORK), "fork".to_owned(), at(2)).await.map(drop),
            Step::Rewind => store.rewind(&key(MAIN), Point::Turns(1), at(2)).await.map(drop),
            Step::Prefer => {
                let model = PreferenceChange { model: Some(Some("acme/large".to_owned())), ..Default::default() };
                store.prefer(&key(MAIN), model).await.map(drop)
            }
            Step::HandOver => store.hand_over(work(), at(2)).await.map(drop),
            // The end of the work and what its parent is told of it are one.
            Step::Announce => {
                let source = Source { channel: "sub-agent".to_owned(), account: "family-work".to_owned() };
                let told = Inbound { source, ..inbound_to("family-told", MAIN) };
                let record = Record { announce: Some(told), end: done(), ..entries([said("found")]) };
                store.record(&run("family-work"), record, at(3)).await.map(drop)
            }
            Step::End => {
                let record = Record { end: done(), ..entries([said("thanks")]) };
                store.record(&run("family-told"), record, at(3)).await.map(drop)
            }
            Step::Delete => store.delete_session(&key(FORK), "cli", at(3)).await.map(drop),
            Step::Clear => store.reset_session(&key(MAIN), "cleared".to_owned(), at(3)).await.map(drop),
        }
    }

    fn is_taken(self, store: &Store) -> Result<bool, StoreError> {
        Ok(match self {
            Step::Ask => store.run(&run("family-first"))?.is_some(),
            Step::Answer => ended("family-first", store)?,
            Step::Fork => store.session(&key(FORK))?.is_some() || Step::Delete.is_taken(store)?,
            Step::Rewind => store.branches(&key(MAIN))?.len() > 1,
            Step::Prefer => {
                let own = store.preferences(&PreferencesOf::Session(key(MAIN)))?;
                own.model.as_deref() == Some("acme/large")
            }
            Step::HandOver => {
                let task = store.task(&run("family-work"))?.is_some();
                let made = [store.sub_agent(&key(CHILD))?.is_some(), store.run(&run("family-work"))?.is_some()];
                assert_eq!(made, [task; 2], "a task, its conversation and its message are one");
                task
            }
            Step::Announce => {
                let told = store.run(&run("family-told"))?.is_some();
                assert_eq!(told, ended("family-work", store)?, "the end of the work and what is told of it are one");
                told
            }
            Step::End => ended("family-told", store)?,
            Step::Delete => {
                let deleted = store.audit_page(&deletions())?.rows;
                let gone = deleted.iter().any(|row| row.entry.session.as_ref() == Some(&key(FORK)));
                assert!(!gone || store.session(&key(FORK))?.is_none(), "it is deleted on record and there");
                gone
            }
            Step::Clear => store.session(&key(MAIN))?.is_some_and(|row| row.session_id == "cleared"),
        })
    }
}
