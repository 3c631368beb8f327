//! What one request writes. Requests decide first and write afterwards, so a refused one leaves no trace in the
//! transaction that it shares with others.

use claw_core::approval::Approval;
use claw_core::grant::GrantRow;
use claw_core::id::{CallId, ComponentName, Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::{Chat, Source};
use claw_core::label::Labels;
use claw_core::message::Entry;

use crate::audit::{self, AuditEntry, FactKind};
use crate::card::StoredCard;
use crate::checkpoint::{self, Looked, TurnBack};
use crate::command::CommandRow;
use crate::cost::{self, Cost};
use crate::error::Failure;
use crate::forget::Forgotten;
use crate::grants;
use crate::image;
use crate::key_rest::KeyRest;
use crate::kv::{KvKey, Used};
use crate::outbox;
use crate::package::{self, Package};
use crate::preference::Preferences;
use crate::record::JournalStep;
use crate::row::{
    StoredApproval, StoredBranch, StoredEntry, StoredGrants, StoredImages, StoredLabels, StoredOutgoing, StoredPackage,
    StoredRoute, StoredRun, StoredSession, StoredStanding, StoredSubAgent, encode, sealed,
};
use crate::standing;
use crate::tables::Tables;
use crate::task::{self, SubAgent, Task};

/// One write. The rows around it (indexes) follow by themselves.
#[derive(Debug)]
pub(crate) enum Change {
    /// Creates or replaces a run.
    Run(StoredRun),
    /// Puts a new run among those that have not ended.
    Arrival { arrival: u64, run: RunId },
    /// Creates or replaces a session; `was` is its row before, if it had one.
    Session { key: SessionKey, was: Option<StoredSession>, row: StoredSession },
    /// Creates or replaces a branch that is no longer spoken on or, without a row, forgets it.
    Branch { key: SessionKey, number: u64, row: Option<StoredBranch> },
    /// Forgets a conversation and all that belongs to it.
    Forget(Box<Forgotten>),
    /// Sets how far the messages of an account were taken in.
    Cursor { source: Source, cursor: Vec<u8> },
    /// Sets the chat that the messages of a conversation come from.
    Route { key: SessionKey, chat: Chat },
    /// Puts a message behind those of the outbox that go to its chat.
    Post(Box<StoredOutgoing>),
    /// Sets a message of the outbox or, without a row, removes it.
    Outgoing { id: u64, row: Option<Box<StoredOutgoing>> },
    /// Sets or, without a row, removes what is known of a card.
    Card { number: u64, row: Option<Box<StoredCard>> },
    /// Creates or replaces a command.
    Command(Box<CommandRow>),
    /// Forgets a command.
    ForgetCommand { run: RunId },
    /// Appends to a log.
    Entry { key: SessionKey, epoch: u64, entry: Entry },
    /// Appends to a journal.
    Step { run: RunId, index: u32, step: JournalStep },
    /// Creates or replaces an approval, and records what has become of it.
    Approval { row: Approval, at: Timestamp },
    /// Creates or replaces the grants of one build of a component, and records what has changed.
    Grants { component: ComponentName, build: Digest, rows: Vec<GrantRow>, by: String, at: Timestamp },
    /// Sets or, without a value, removes a key of a component's store; `used` is what its stores then hold.
    Kv { key: KvKey, value: Option<Vec<u8>>, used: Used },
    /// Keeps what a replay of a call needs.
    Recording { run: RunId, call: CallId, bytes: Vec<u8> },
    /// Makes a conversation a sub-agent.
    SubAgent { key: SessionKey, row: SubAgent },
    /// Puts a task into the ledger.
    Task(Box<Task>),
    /// Adds to what a conversation or a day has cost.
    Cost { place: String, cost: Cost },
    /// Sets what is preferred at a place or, without a row, forgets it.
    Preferences { place: String, row: Option<Preferences> },
    /// Sets until when a key of a provider rests or, without a row, forgets it.
    KeyRest { place: String, row: Option<KeyRest> },
    /// Sets the labels of a place.
    Labels { place: String, labels: Labels },
    /// Sets what the owner thinks of a component, and records whether it is paused by that or let go on.
    Standing { component: ComponentName, standing: StoredStanding, by: String, at: Timestamp },
    /// Creates or replaces a package, or removes it.
    Package { name: ComponentName, row: Option<Package> },
    /// Forgets all that a component has kept.
    ForgetComponent { component: ComponentName },
    /// Keeps the images of a message.
    Images { key: SessionKey, run: RunId, row: StoredImages },
    /// Keeps their bytes where they must not get on a disk.
    ImageBytes { key: SessionKey, bytes: Vec<(Digest, Vec<u8>)> },
    /// Keeps what a look at a folder has found.
    Looked(Box<Looked>),
    /// Forgets what runs have changed.
    ForgetCheckpoints { runs: Vec<RunId> },
    /// Forgets what was seen in other folders.
    WatchOnly { folders: Vec<String> },
    /// Notes a turn that is being taken back or, without a row, that it is done.
    Undo { key: SessionKey, row: Option<TurnBack> },
    /// Appends to the record.
    Audit(Box<AuditEntry>),
    /// Removes the oldest entries of the record.
    AuditPrune(audit::Prune),
    /// Remembers or, without a value, forgets something that was there at the start.
    AuditFact { kind: FactKind, name: String, value: Option<String> },
}

/// What a request answers once its changes are durable.
#[derive(Debug)]
pub(crate) struct Decided<T> {
    pub answer: T,
    pub changes: Vec<Change>,
}

impl<T> Decided<T> {
    /// An answer that writes nothing.
    pub fn unchanged(answer: T) -> Self {
        Decided { answer, changes: Vec::new() }
    }
}

impl Change {
    /// The conversation whose row it writes, if it is one's.
    pub fn session(&self) -> Option<&SessionKey> {
        match self {
            Change::Run(row) => Some(&row.session),
            Change::Session { key, .. }
            | Change::Branch { key, .. }
            | Change::Entry { key, .. }
            | Change::SubAgent { key, .. }
            | Change::Images { key, .. }
            | Change::ImageBytes { key, .. }
            | Change::Route { key, .. }
            | Change::Undo { key, .. } => Some(key),
            Change::Post(row) => row.session.as_ref(),
            Change::Outgoing { row, .. } => row.as_ref().and_then(|row| row.session.as_ref()),
            Change::Forget(forgotten) => Some(forgotten.key()),
            Change::Task(task) => Some(&task.session),
            Change::Command(row) => Some(&row.session),
            Change::Card { row, .. } => row.as_ref().map(|row| &row.session),
            Change::Approval { row, .. } => Some(&row.session),
            Change::Looked(looked) => looked.checkpoints.first().map(|checkpoint| &checkpoint.session),
            // Those of a run follow its own row.
            Change::ForgetCommand { .. } | Change::Arrival { .. } | Change::Step { .. } | Change::Recording { .. } => {
                None
            }
            // Numbers and names, and no words.
            Change::Cost { .. } | Change::Preferences { .. } => None,
            Change::Grants { .. }
            | Change::Cursor { .. }
            | Change::Kv { .. }
            | Change::KeyRest { .. }
            | Change::Labels { .. }
            | Change::Standing { .. }
            | Change::Package { .. }
            | Change::ForgetComponent { .. }
            | Change::ForgetCheckpoints { .. }
            | Change::WatchOnly { .. }
            | Change::Audit(_)
            | Change::AuditPrune(_)
            | Change::AuditFact { .. } => None,
        }
    }

    /// Whether it writes rows of a conversation alone, and nothing of the owner's.
    pub fn is_of_conversation(&self) -> bool {
        match self {
            Change::Run(_)
            | Change::Arrival { .. }
            | Change::Session { .. }
            | Change::Branch { .. }
            | Change::Entry { .. }
            | Change::Step { .. }
            | Change::Recording { .. }
            | Change::SubAgent { .. }
            | Change::Task(_)
            | Change::Preferences { .. }
            | Change::Images { .. }
            | Change::ImageBytes { .. }
            | Change::Undo { .. }
            | Change::Looked(_)
            | Change::ForgetCheckpoints { .. }
            | Change::WatchOnly { .. }
            | Change::Route { .. }
            | Change::Post(_)
            | Change::Outgoing { .. }
            | Change::Card { .. }
            | Change::Command(_)
            | Change::ForgetCommand { .. }
            | Change::Forget(_) => true,
            Change::Cost { place, .. } => !cost::is_of_owner(place),
            // With its entry in the record.
            Change::Approval { .. } => false,
            Change::Grants { .. }
            | Change::Cursor { .. }
            | Change::Kv { .. }
            | Change::KeyRest { .. }
            | Change::Labels { .. }
            | Change::Standing { .. }
            | Change::Package { .. }
            | Change::ForgetComponent { .. }
            | Change::Audit(_)
            | Change::AuditPrune(_)
            | Change::AuditFact { .. } => false,
        }
    }

    /// Writes it. Fails only if the engine fails.
    pub fn apply(self, tables: &mut Tables<'_>) -> Result<(), Failure> {
        match self {
            Change::Run(row) => apply_run(tables, &row)?,
            Change::Arrival { arrival, run } => drop(tables.unfinished.insert(arrival, run.as_str())?),
            Change::Session { key, was, row } => apply_session(tables, &key, was.as_ref(), &row)?,
            Change::Branch { key, number, row: Some(row) } => {
                tables.branches()?.insert((key.as_str(), number), encode(&row).as_slice())?;
            }
            Change::Branch { key, number, row: None } => drop(tables.branches()?.remove((key.as_str(), number))?),
            Change::Forget(forgotten) => forgotten.apply(tables)?,
            Change::SubAgent { key, row } => {
                tables.sub_agents()?.insert(key.as_str(), encode(&StoredSubAgent::from(row)).as_slice())?;
            }
            Change::Task(task) => task::insert(tables, *task)?,
            Change::Cost { place, cost } => cost::add(tables, &place, cost)?,
            Change::Cursor { source: Source { channel, account }, cursor } => {
                tables.cursors()?.insert((channel.as_str(), account.as_str()), sealed(cursor).as_slice())?;
            }
            Change::Route { key, chat } => {
                tables.routes()?.insert(key.as_str(), encode(&StoredRoute::from(chat)).as_slice())?;
            }
            Change::Post(row) => outbox::append(tables, *row)?,
            Change::Card { number, row: Some(row) } => {
                tables.cards()?.insert(number, encode(&*row).as_slice())?;
            }
            Change::Card { number, row: None } => {
                tables.cards()?.remove(number)?;
            }
            Change::Command(row) => {
                tables.commands()?.insert(row.run.as_str(), encode(&*row).as_slice())?;
            }
            Change::ForgetCommand { run } => {
                tables.commands()?.remove(run.as_str())?;
            }
            Change::Outgoing { id, row } => outbox::put(tables, id, row.as_deref())?,
            Change::Entry { key, epoch, entry } => {
                let bytes = encode(&StoredEntry::from(&entry));
                tables.entries.insert((key.as_str(), epoch, entry.seq.0), bytes.as_slice())?;
            }
            Change::Step { run, index, step } => {
                tables.journal.insert((run.as_str(), index), encode(&step).as_slice())?;
            }
            Change::Approval { row, at } => {
                let entry = audit::of_approval(&row, at);
                apply_approval(tables, row)?;
                audit::append(tables, entry)?;
            }
            Change::Grants { component, build, rows, by, at } => {
                let before = grants::find(&tables.grants()?, &component, &build)?;
                let row: StoredGrants = rows.iter().cloned().collect();
                tables.grants()?.insert((component.as_str(), build.0), encode(&row).as_slice())?;
                for entry in audit::of_grants(&component, &build, &before, &rows, &by, at) {
                    audit::append(tables, entry)?;
                }
            }
            Change::Kv { key, value, used } => {
                let place = (key.component.as_str(), key.store.as_str(), key.key.as_str());
                let mut kv = tables.kv()?;
                match value {
                    Some(value) => kv.insert(place, sealed(value).as_slice())?,
                    None => kv.remove(place)?,
                };
                tables.kv_used()?.insert(key.component.as_str(), (used.bytes, used.keys))?;
            }
            Change::Recording { run, call, bytes } => {
                tables.recordings()?.insert((run.as_str(), call.as_str()), sealed(bytes).as_slice())?;
            }
            Change::Standing { component, standing, by, at } => {
                let was = standing::find(&tables.standing()?, &component)?;
                tables.standing()?.insert(component.as_str(), encode(&standing).as_slice())?;
                if let Some(entry) = audit::of_standing(&component, &was, &standing, &by, at) {
                    audit::append(tables, entry)?;
                }
            }
            Change::Package { name, row: Some(package) } => {
                tables.packages()?.insert(name.as_str(), encode(&StoredPackage::from(package)).as_slice())?;
            }
            Change::Package { name, row: None } => drop(tables.packages()?.remove(name.as_str())?),
            Change::Preferences { place, row: Some(row) } => {
                tables.preferences()?.insert(place.as_str(), encode(&row).as_slice())?;
            }
            Change::Preferences { place, row: None } => drop(tables.preferences()?.remove(place.as_str())?),
            Change::KeyRest { place, row: Some(row) } => {
                tables.key_rests()?.insert(place.as_str(), encode(&row).as_slice())?;
            }
            Change::KeyRest { place, row: None } => drop(tables.key_rests()?.remove(place.as_str())?),
            Change::ForgetComponent { component } => package::forget(tables, &component)?,
            Change::Labels { place, labels } => {
                tables.labels()?.insert(place.as_str(), encode(&StoredLabels::from(labels)).as_slice())?;
            }
            Change::Images { key, run, row } => {
                tables.images()?.insert((key.as_str(), run.as_str()), encode(&row).as_slice())?;
            }
            Change::ImageBytes { key, bytes } => image::keep_bytes(tables, &key, &bytes)?,
            Change::Looked(looked) => looked.apply(tables)?,
            Change::ForgetCheckpoints { runs } => {
                runs.iter().try_for_each(|run| checkpoint::forget(tables, run.as_str()))?;
            }
            Change::WatchOnly { folders } => checkpoint::watch_only(tables, &folders)?,
            Change::Undo { key, row: Some(row) } => {
                tables.undos()?.insert(key.as_str(), encode(&row).as_slice())?;
            }
            Change::Undo { key, row: None } => drop(tables.undos()?.remove(key.as_str())?),
            Change::Audit(entry) => drop(audit::append(tables, *entry)?),
            Change::AuditPrune(prune) => audit::prune(tables, &prune)?,
            Change::AuditFact { kind, name, value } => audit::apply_fact(tables, kind, &name, value)?,
        }
        Ok(())
    }
}

fn apply_session(
    tables: &mut Tables<'_>,
    key: &SessionKey,
    was: Option<&StoredSession>,
    row: &StoredSession,
) -> Result<(), Failure> {
    let key = key.as_str();
    if was.is_none_or(|was| was.updated != row.updated) {
        if let Some(was) = was {
            tables.recent.remove((was.updated.0, key))?;
        }
        tables.recent.insert((row.updated.0, key), ())?;
    }
    let old = was.and_then(|was| was.title.as_deref());
    if old != row.title.as_deref() {
        if let Some(title) = old {
            tables.titles()?.remove((title, key))?;
        }
        if let Some(title) = &row.title {
            tables.titles()?.insert((title.as_str(), key), ())?;
        }
    }
    tables.sessions.insert(key, encode(row).as_slice())?;
    Ok(())
}

fn apply_run(tables: &mut Tables<'_>, row: &StoredRun) -> Result<(), Failure> {
    if row.end.is_some() {
        tables.unfinished.remove(row.arrival)?;
    }
    tables.runs.insert(row.run.as_str(), encode(row).as_slice())?;
    Ok(())
}

fn apply_approval(tables: &mut Tables<'_>, approval: Approval) -> Result<(), Failure> {
    if approval.state.is_pending() {
        tables.pending()?.insert(approval.id.as_str(), ())?;
    } else {
        tables.pending()?.remove(approval.id.as_str())?;
    }
    tables.asked()?.insert((approval.run.as_str(), approval.id.as_str()), ())?;
    let id = approval.id.clone();
    tables.approvals()?.insert(id.as_str(), encode(&StoredApproval::from(approval)).as_slice())?;
    Ok(())
}
