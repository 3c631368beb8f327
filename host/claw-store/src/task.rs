//! Sub-agents, and the ledger of tasks: work that one conversation has handed to another. Where a task stands is where
//! its run stands; it has no state of its own that could say otherwise.

use std::collections::BTreeSet;
use std::sync::Arc;

use claw_core::id::{RunId, SessionKey, Timestamp, ToolName};
use claw_core::inbound::Inbound;
use claw_core::label::Labels;
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::cost::{Cost, CostOf};
use crate::error::{Failure, StoreError};
use crate::inbox::{self, Accepted};
use crate::row::{StoredSubAgent, StoredTask, decode, encode};
use crate::run::{self, RunState};
use crate::store::Store;
use crate::tables::{self, Bytes, Snapshot, Tables};

/// Longer chains are not followed; no host allows so deep ones.
const DEEPEST: usize = 16;

/// What makes a conversation a sub-agent: another one has started it, and it may do at most what that one may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAgent {
    /// The conversation that has started it.
    pub parent: SessionKey,
    /// The first one of the chain, in which people are: questions are asked there.
    pub chat: SessionKey,
    /// How far it is from there, at least 1.
    pub depth: u32,
    /// What it is called.
    pub label: String,
    /// The tools that it may use; `None` for all.
    pub tools: Option<Vec<ToolName>>,
}

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The run that does it; also its name.
    pub run: RunId,
    /// The conversation that does it.
    pub session: SessionKey,
    /// The one that wants it done, and hears what became of it.
    pub parent: SessionKey,
    /// The run that has handed it over.
    pub parent_run: RunId,
    /// The run at the beginning of the chain, on whose account it is.
    pub root: RunId,
    /// The beginning of what is to be done, on one line.
    pub title: String,
    /// How long it may take, without the time it waits for people.
    pub seconds: u64,
    /// When it was handed over.
    pub created: Timestamp,
}

/// Which tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TasksOf {
    /// All.
    All,
    /// Those that a conversation wants done.
    For(SessionKey),
    /// Those that a conversation does.
    By(SessionKey),
    /// Those of the last two kinds.
    With(SessionKey),
}

impl TasksOf {
    fn lists(&self) -> Vec<String> {
        match self {
            TasksOf::All => vec![String::new()],
            TasksOf::For(session) => vec![list_for(session)],
            TasksOf::By(session) => vec![list_by(session)],
            TasksOf::With(session) => vec![list_for(session), list_by(session)],
        }
    }
}

fn list_for(session: &SessionKey) -> String {
    format!("for/{session}")
}

fn list_by(session: &SessionKey) -> String {
    format!("by/{session}")
}

impl Task {
    /// The lists that it is on.
    pub(crate) fn lists(&self) -> [String; 3] {
        [String::new(), list_for(&self.parent), list_by(&self.session)]
    }
}

/// A task and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    /// The task.
    pub task: Task,
    /// Where its run stands.
    pub state: RunState,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The sub-agent that does it, if it is one's.
    pub sub_agent: Option<SubAgent>,
}

/// Work to be handed over.
#[derive(Clone, Debug)]
pub struct HandOver {
    /// The message that says what is to be done.
    pub inbound: Inbound,
    /// For a new conversation: what it may be.
    pub sub_agent: Option<SubAgent>,
    /// For the ledger.
    pub task: Task,
    /// What has flowed into whoever hands it over, and with it into who gets it.
    pub labels: Labels,
    /// What the run at the beginning of the chain has used so far.
    pub used: Cost,
}

impl Store {
    /// Takes work in like a message, with its task and, if it begins a conversation, what that may be; all at once.
    ///
    /// # Errors
    /// As [`Store::accept`].
    pub async fn hand_over(&self, work: HandOver, at: Timestamp) -> Result<Accepted, StoreError> {
        let shared = Arc::clone(self.shared());
        self.write(move |tables| {
            let decided = hand_over(tables, work, at)?;
            if decided.answer == Accepted::New {
                shared.check_room(tables)?;
            }
            Ok(decided)
        })
        .await
    }

    /// What a conversation is as a sub-agent; `None` if it is none.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn sub_agent(&self, session: &SessionKey) -> Result<Option<SubAgent>, StoreError> {
        self.read(|snapshot| match snapshot.table_if_there(tables::SUB_AGENTS)? {
            Some(table) => find_sub_agent(&table, session),
            None => Ok(None),
        })
    }

    /// One task, by its run.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn task(&self, run: &RunId) -> Result<Option<TaskRow>, StoreError> {
        self.read(|snapshot| {
            let Some(tasks) = snapshot.table_if_there(tables::TASKS)? else { return Ok(None) };
            find_task(&tasks, run)?.map_or(Ok(None), |task| shown(snapshot, task))
        })
    }

    /// Tasks of a list, the newest first; only those behind `after` if that is given. Costs as much as it finds.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn tasks(&self, of: &TasksOf, after: Option<&Task>, limit: usize) -> Result<Vec<TaskRow>, StoreError> {
        self.read(|snapshot| {
            let Some(lists) = snapshot.table_if_there(tables::TASK_LISTS)? else { return Ok(Vec::new()) };
            let end = after.map_or((u64::MAX, ""), |task| (task.created.0, task.run.as_str()));
            let mut places = BTreeSet::new();
            for list in of.lists() {
                for item in lists.range((list.as_str(), 0, "")..(list.as_str(), end.0, end.1))?.rev().take(limit) {
                    let place = item?.0;
                    let (_, created, run) = place.value();
                    places.insert((created, run.to_owned()));
                }
            }
            let tasks = snapshot.table(tables::TASKS)?;
            let mut rows = Vec::new();
            for (_, run) in places.iter().rev().take(limit) {
                let Some(row) = tasks.get(run.as_str())? else { continue };
                rows.extend(shown(snapshot, decode::<StoredTask>(run, row.value())?.into())?);
            }
            Ok(rows)
        })
    }

    /// The tasks that have not ended, in order of arrival. Costs as much as there are unfinished runs.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn open_tasks(&self) -> Result<Vec<Task>, StoreError> {
        self.read(|snapshot| {
            let Some(tasks) = snapshot.table_if_there(tables::TASKS)? else { return Ok(Vec::new()) };
            let mut open = Vec::new();
            for run in run::unfinished(&snapshot.table(tables::UNFINISHED)?, &snapshot.table(tables::RUNS)?)? {
                open.extend(find_task(&tasks, &run.run)?);
            }
            Ok(open)
        })
    }

    /// Whether a conversation was started by another one, directly or through others.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn descends(&self, session: &SessionKey, from: &SessionKey) -> Result<bool, StoreError> {
        Ok(self.ancestors(session)?.contains(from))
    }

    /// The conversations above a sub-agent, its parent first; none for one that is no sub-agent.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn ancestors(&self, session: &SessionKey) -> Result<Vec<SessionKey>, StoreError> {
        self.read(|snapshot| match snapshot.table_if_there(tables::SUB_AGENTS)? {
            Some(table) => ancestors(&table, session),
            None => Ok(Vec::new()),
        })
    }
}

/// Puts a task into the ledger and on its lists.
pub(crate) fn insert(tables: &Tables<'_>, task: Task) -> Result<(), Failure> {
    let mut listed = tables.task_lists()?;
    for list in task.lists() {
        listed.insert((list.as_str(), task.created.0, task.run.as_str()), ())?;
    }
    let run = task.run.clone();
    tables.tasks()?.insert(run.as_str(), encode(&StoredTask::from(task)).as_slice())?;
    Ok(())
}

/// Takes the task of a run, if it does one, out of the ledger and off its lists.
pub(crate) fn remove(tables: &Tables<'_>, run: &RunId) -> Result<(), Failure> {
    let mut tasks = tables.tasks()?;
    let Some(task) = find_task(&tasks, run)? else { return Ok(()) };
    tasks.remove(run.as_str())?;
    let mut listed = tables.task_lists()?;
    for list in task.lists() {
        listed.remove((list.as_str(), task.created.0, run.as_str()))?;
    }
    Ok(())
}

fn hand_over(tables: &Tables<'_>, work: HandOver, at: Timestamp) -> Result<Decided<Accepted>, Failure> {
    let HandOver { inbound, sub_agent, task, labels, used } = work;
    let session = inbound.session.clone();
    let mut decided = inbox::accept(tables, inbound, &labels, at)?;
    if decided.answer != Accepted::New {
        return Ok(decided);
    }
    decided.changes.extend(sub_agent.map(|row| Change::SubAgent { key: session, row }));
    let account = CostOf::Run(task.root.clone()).place();
    if tables.costs.get(account.as_str())?.is_none() {
        // From now on its row says what the whole chain has used.
        decided.changes.push(Change::Cost { place: account, cost: used });
    }
    decided.changes.push(Change::Task(Box::new(task)));
    Ok(decided)
}

fn shown(snapshot: &Snapshot, task: Task) -> Result<Option<TaskRow>, Failure> {
    let Some(run) = run::find(&snapshot.table(tables::RUNS)?, &task.run)? else { return Ok(None) };
    let sub_agent = match snapshot.table_if_there(tables::SUB_AGENTS)? {
        Some(table) => find_sub_agent(&table, &task.session)?,
        None => None,
    };
    Ok(Some(TaskRow { state: run.state(), ended: run.ended_at, task, sub_agent }))
}

fn find_sub_agent(
    table: &impl ReadableTable<&'static str, Bytes>,
    session: &SessionKey,
) -> Result<Option<SubAgent>, Failure> {
    let row = table.get(session.as_str())?;
    let row = row.map(|row| decode::<StoredSubAgent>(session.as_str(), row.value())).transpose()?;
    Ok(row.map(SubAgent::from))
}

fn find_task(table: &impl ReadableTable<&'static str, Bytes>, run: &RunId) -> Result<Option<Task>, Failure> {
    let row = table.get(run.as_str())?;
    Ok(row.map(|row| decode::<StoredTask>(run.as_str(), row.value())).transpose()?.map(Task::from))
}

fn ancestors(
    table: &impl ReadableTable<&'static str, Bytes>,
    session: &SessionKey,
) -> Result<Vec<SessionKey>, Failure> {
    let mut above: Vec<SessionKey> = Vec::new();
    while above.len() < DEEPEST
        && let Some(row) = find_sub_agent(table, above.last().unwrap_or(session))?
    {
        above.push(row.parent);
    }
    Ok(above)
}

/// Whose account a cost is on beside that of its conversation: all conversations above it, and the run at the beginning
/// of the chain once that has handed something over.
pub(crate) fn accounts(tables: &Tables<'_>, session: &SessionKey, run: Option<&RunId>) -> Result<Vec<CostOf>, Failure> {
    let mut accounts = Vec::new();
    for above in ancestors(&tables.sub_agents()?, session)? {
        // Of one that was deleted nothing is counted any more.
        if tables.sessions.get(above.as_str())?.is_some() {
            accounts.push(CostOf::Session(above));
        }
    }
    if let Some(run) = run {
        let root = find_task(&tables.tasks()?, run)?.map_or_else(|| run.clone(), |task| task.root);
        let account = CostOf::Run(root);
        if tables.costs.get(account.place().as_str())?.is_some() {
            accounts.push(account);
        }
    }
    Ok(accounts)
}

#[cfg(test)]
mod tests;
