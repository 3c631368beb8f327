//! The outbox: what is to be sent over channels, from the transaction that ended its run until the service has it.
//!
//! ```text
//!            ┌──────────────── failed, again at … ◄──────────────┐
//!            ▼                                                   │
//! post ──► Waiting ──its turn, and due: marked before it goes──► Sending ──sent──► (its row is gone)
//!            ▲   └──────────── its time is over ──────────┐      │
//!            │                                            ▼      │
//!            └───────────── the owner: retry ─────────── Dead ◄── failed for good
//! ```
//! One row is one message of the service. Those of a chat go in the order of their places, one at a time: one that waits
//! or is being sent holds back those behind it, a dead one does not. Chats do not wait for each other. Whoever finds a row
//! being sent when the host starts cannot know whether it came: it waits again, and says so.
//!
//! Each step from one state to the next is on record (`outbox.*`), except that an attempt is made or fails.

use claw_core::id::{Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::{Chat, Source};
use redb::ReadableTable;
use sha2::{Digest as _, Sha256};

use crate::audit::{AuditEntry, AuditKind};
use crate::card;
use crate::change::{Change, Decided};
use crate::error::StoreError;
use crate::row::{StoredOutgoing, StoredSending};
use crate::session;
use crate::store::Store;
use crate::tables;

mod owner;
mod queue;

use owner::shown;
pub(crate) use queue::{append, counts, files, holds_back, is_there, last_number, of_session, put};

/// Messages that one sweep changes of each kind: one transaction holds them all.
const SWEPT: usize = 1000;
/// Characters that are kept of why an attempt failed: a service chooses them.
const WHY_CHARS: usize = 500;

/// One message that is to be sent, cut to what the service takes in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub to: Chat,
    /// What is sent.
    pub content: Content,
    /// The service's id of the message that it answers.
    pub reply_to: Option<String>,
    /// The service's id of a message of ours that says this from now on, instead of another message; no file does.
    pub replaces: Option<String>,
    /// How long it is worth sending.
    pub ttl: std::time::Duration,
}

/// What a message consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Words, in Markdown.
    Text(String),
    /// A file, whose bytes are a blob.
    File(OutgoingFile),
}

/// A file that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingFile {
    /// Its name, without folders.
    pub name: String,
    /// What its first bytes say that it is.
    pub media_type: String,
    /// SHA-256 of its bytes: the blob. The row keeps it from being swept.
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
}

impl Content {
    /// What it says; of a file, its name.
    pub fn words(&self) -> &str {
        match self {
            Content::Text(text) => text,
            Content::File(file) => &file.name,
        }
    }

    /// SHA-256 of what is sent.
    fn digest(&self) -> Digest {
        match self {
            Content::Text(text) => Digest(Sha256::digest(text).into()),
            Content::File(file) => file.digest,
        }
    }
}

/// A message of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRow {
    /// Its number; never given twice.
    pub id: u64,
    /// Where to.
    pub to: Chat,
    /// What is sent.
    pub content: Content,
    /// The service's id of the message that it answers.
    pub reply_to: Option<String>,
    /// The service's id of a message of ours that says this from now on, instead of another message.
    pub replaces: Option<String>,
    /// The conversation that it belongs to.
    pub session: Option<SessionKey>,
    /// The run that it belongs to.
    pub run: Option<RunId>,
    /// When it was put there.
    pub created: Timestamp,
    /// When it is not worth sending any more.
    pub expires: Timestamp,
    /// Where it stands.
    pub state: OutgoingState,
    /// Since when.
    pub since: Timestamp,
    /// How often it was about to be sent since it was put there or retried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub why: Option<String>,
    /// Nobody knows whether an earlier attempt has shown it.
    pub unsure: bool,
}

/// Where a message of the outbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutgoingState {
    /// It is sent when it is its turn, and not before `next`.
    Waiting {
        /// When.
        next: Timestamp,
    },
    /// It is being sent.
    Sending,
    /// It is not tried again unless the owner wants that.
    Dead,
}

impl OutgoingState {
    /// Every name of a state.
    pub const NAMES: [&str; 3] = ["waiting", "sending", "dead"];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            OutgoingState::Waiting { .. } => "waiting",
            OutgoingState::Sending => "sending",
            OutgoingState::Dead => "dead",
        }
    }
}

impl OutgoingRow {
    /// What a service may know it by: the same at each attempt, and another one for each message, even if the store was
    /// put back to an earlier day.
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        let content = match &self.content {
            Content::Text(text) => text.as_bytes(),
            Content::File(file) => &file.digest.0,
        };
        let to = [&self.to.source.channel, &self.to.source.account, &self.to.id].map(|part| part.as_bytes());
        for part in to.into_iter().chain([content]) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(self.id.to_le_bytes());
        hash.update(self.created.0.to_le_bytes());
        Digest(hash.finalize().into()).to_string()[..32].to_owned()
    }
}

/// What [`Store::claim`] has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// To be sent now; each is marked.
    pub to_send: Vec<OutgoingRow>,
    /// Their time was over; they are dead.
    pub expired: Vec<OutgoingRow>,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The service has it.
    Sent {
        /// The service's id of it.
        message: String,
    },
    /// The service has not taken it, or nobody knows.
    Failed {
        /// What went wrong, in a sentence.
        why: String,
        /// Nobody knows whether it was shown.
        unsure: bool,
        /// When to try again; `None` for never.
        again: Option<Timestamp>,
    },
}

impl Store {
    /// Puts messages into the outbox that belong to no run, in order; those of a run go there with
    /// [`Record::outbox`](crate::Record::outbox). What belongs to a conversation goes with it when that is deleted.
    ///
    /// # Errors
    /// [`StoreError::UnknownSession`] if the conversation is not there.
    pub async fn post(
        &self,
        session: Option<&SessionKey>,
        messages: Vec<Outgoing>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let session = session.cloned();
        self.write(move |tables| {
            if let Some(session) = &session
                && session::find(&tables.sessions, session)?.is_none()
            {
                return Err(StoreError::UnknownSession { session: session.clone() }.into());
            }
            let post = |message| Change::Post(Box::new(first(message, session.as_ref(), None, at)));
            Ok(Decided { answer: (), changes: messages.into_iter().map(post).collect() })
        })
        .await
    }

    /// When the next message of an account is to be sent; `None` if none waits for its time. It may be in the past.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn next_due(&self, of: &Source) -> Result<Option<Timestamp>, StoreError> {
        self.read(|snapshot| {
            let due = snapshot.table(tables::OUTBOX_DUE)?;
            let (channel, account) = (of.channel.as_str(), of.account.as_str());
            let first = due.range((channel, account, 0, 0)..=(channel, account, u64::MAX, u64::MAX))?.next();
            Ok(first.transpose()?.map(|(place, _)| Timestamp(place.value().2)))
        })
    }

    /// Marks messages of an account as being sent, at most `limit`, of each chat at most one: those that have been due the
    /// longest. It is durable when they are returned. One whose time is over becomes dead, and counts too. Costs as much as
    /// it finds.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn claim(&self, of: &Source, limit: usize, at: Timestamp) -> Result<Claimed, StoreError> {
        let Source { channel, account } = of.clone();
        self.write(move |tables| {
            let (due, outbox) = (tables.outbox_due()?, tables.outbox()?);
            let (mut answer, mut changes) = (Claimed::default(), Vec::new());
            let (channel, account) = (channel.as_str(), account.as_str());
            for item in due.range((channel, account, 0, 0)..=(channel, account, at.0, u64::MAX))?.take(limit) {
                let id = item?.1.value();
                let mut row = queue::get(&outbox, id)?;
                row.since = at;
                if row.expires <= at {
                    changes.push(expire(id, &mut row, at));
                    answer.expired.push(shown(id, row.clone()));
                } else {
                    row.attempts = row.attempts.saturating_add(1);
                    row.state = StoredSending::Sending;
                    answer.to_send.push(shown(id, row.clone()));
                }
                changes.push(Change::Outgoing { id, row: Some(Box::new(row)) });
            }
            Ok(Decided { answer, changes })
        })
        .await
    }

    /// Notes what became of an attempt. Returns whether the message is still one that is being sent; otherwise its
    /// conversation was deleted meanwhile, and nothing is noted.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn settle(&self, id: u64, attempt: Attempt, at: Timestamp) -> Result<bool, StoreError> {
        self.write(move |tables| {
            let found = queue::find(&tables.outbox()?, id)?;
            let Some(mut row) = found.filter(|row| row.state == StoredSending::Sending) else {
                return Ok(Decided::unchanged(false));
            };
            let mut changes = Vec::new();
            let row = match attempt {
                Attempt::Sent { message } => {
                    let outcome = Some(format!("message {message}"));
                    changes.push(noted(AuditKind::OutboxSent, "host", id, &row, outcome, at));
                    changes.extend(card::sent(tables, id, &message, at)?);
                    None
                }
                Attempt::Failed { why, unsure, again } => {
                    row.since = at;
                    row.unsure |= unsure;
                    row.why = Some(why.chars().take(WHY_CHARS).collect());
                    row.state = again.map_or(StoredSending::Dead, |next| StoredSending::Waiting { next });
                    if again.is_none() {
                        changes.push(noted(AuditKind::OutboxDead, "host", id, &row, row.why.clone(), at));
                    }
                    Some(Box::new(row))
                }
            };
            changes.push(Change::Outgoing { id, row });
            Ok(Decided { answer: true, changes })
        })
        .await
    }

    /// For the start of the host, before anything is claimed: what was being sent when the last one stopped waits again,
    /// and nobody knows whether it came. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn resume_outbox(&self, at: Timestamp) -> Result<usize, StoreError> {
        self.write(move |tables| {
            let outbox = tables.outbox()?;
            let mut changes = Vec::new();
            for id in queue::in_state(&tables.outbox_states()?, StoredSending::Sending.name(), 0)? {
                let id = id?;
                let row = StoredOutgoing {
                    state: StoredSending::Waiting { next: at },
                    since: at,
                    why: Some("the host stopped while it was being sent".to_owned()),
                    unsure: true,
                    ..queue::get(&outbox, id)?
                };
                changes.push(Change::Outgoing { id, row: Some(Box::new(row)) });
            }
            Ok(Decided { answer: changes.len(), changes })
        })
        .await
    }

    /// Lets what waits for an account be tried now, whenever that was to be.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn hurry_outbox(&self, of: &Source, at: Timestamp) -> Result<(), StoreError> {
        let Source { channel, account } = of.clone();
        self.write(move |tables| {
            let (due, outbox, mut changes) = (tables.outbox_due()?, tables.outbox()?, Vec::new());
            let (channel, account) = (channel.as_str(), account.as_str());
            for item in due.range((channel, account, at.0, u64::MAX)..=(channel, account, u64::MAX, u64::MAX))? {
                let id = item?.1.value();
                let row = StoredOutgoing { state: StoredSending::Waiting { next: at }, ..queue::get(&outbox, id)? };
                changes.push(Change::Outgoing { id, row: Some(Box::new(row)) });
            }
            Ok(Decided { answer: (), changes })
        })
        .await
    }

    /// Lets what waits and whose time is over die, also where no channel asks for it any more; and takes dead messages
    /// away that are dead for longer than `age`, and the oldest beyond `count`. Returns how many died, and how many went.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn sweep_outbox(
        &self,
        age: std::time::Duration,
        count: usize,
        at: Timestamp,
    ) -> Result<(usize, usize), StoreError> {
        // Not in the writer's time: reading 100,000 rows takes a quarter of a second.
        let store = self.clone();
        let found = tokio::task::spawn_blocking(move || store.over(age, count, at));
        let (late, old) = found.await.map_err(|_| StoreError::Closed)??;
        if late.is_empty() && old.is_empty() {
            return Ok((0, 0));
        }
        self.write(move |tables| {
            let (outbox, mut changes) = (tables.outbox()?, Vec::new());
            let (mut died, mut gone) = (0, 0);
            // Each is looked at again: it may have been sent or retried meanwhile.
            for id in late {
                let found = queue::find(&outbox, id)?;
                let is_late =
                    |row: &StoredOutgoing| matches!(row.state, StoredSending::Waiting { .. }) && row.expires <= at;
                let Some(mut row) = found.filter(is_late) else { continue };
                let change = expire(id, &mut row, at);
                changes.extend([change, Change::Outgoing { id, row: Some(Box::new(row)) }]);
                died += 1;
            }
            for (id, since) in old {
                let found = queue::find(&outbox, id)?;
                let is_same = |row: &StoredOutgoing| row.state == StoredSending::Dead && row.since == since;
                let Some(row) = found.filter(is_same) else { continue };
                let why = Some("it was dead for too long, or there were too many".to_owned());
                changes.push(noted(AuditKind::OutboxDropped, "host", id, &row, why, at));
                changes.push(Change::Outgoing { id, row: None });
                gone += 1;
            }
            Ok(Decided { answer: (died, gone), changes })
        })
        .await
    }

    /// The first that wait and whose time is over, and of the dead those that go, since when they are it.
    fn over(&self, age: std::time::Duration, count: usize, at: Timestamp) -> Result<Over, StoreError> {
        self.read(|snapshot| {
            let (outbox, states) = (snapshot.table(tables::OUTBOX)?, snapshot.table(tables::OUTBOX_STATES)?);
            let (mut late, mut old) = (Vec::new(), Vec::new());
            for id in queue::in_state(&states, StoredSending::Waiting { next: at }.name(), 0)? {
                let id = id?;
                if late.len() == SWEPT {
                    break;
                }
                if queue::get(&outbox, id)?.expires <= at {
                    late.push(id);
                }
            }
            let dead: Vec<_> = queue::in_state(&states, StoredSending::Dead.name(), 0)?.collect::<Result<_, _>>()?;
            let over = dead.len().saturating_sub(count);
            for (place, id) in dead.into_iter().enumerate() {
                if old.len() == SWEPT {
                    break;
                }
                let since = queue::get(&outbox, id)?.since;
                if place < over || since.plus(age) <= at {
                    old.push((id, since));
                }
            }
            Ok((late, old))
        })
    }
}

/// What a sweep has found.
type Over = (Vec<u64>, Vec<(u64, Timestamp)>);

/// A message as it comes into the outbox; its place it gets there.
pub(crate) fn first(
    message: Outgoing,
    session: Option<&SessionKey>,
    run: Option<&RunId>,
    at: Timestamp,
) -> StoredOutgoing {
    let Outgoing { to, content, reply_to, replaces, ttl } = message;
    let (text, file) = content.into();
    StoredOutgoing {
        to: to.into(),
        text,
        reply_to,
        session: session.cloned(),
        run: run.cloned(),
        created: at,
        ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
        expires: at.plus(ttl),
        place: 0,
        attempts: 0,
        state: StoredSending::Waiting { next: at },
        since: at,
        why: None,
        unsure: false,
        replaces,
        file,
    }
}

/// Lets a message die whose time is over.
fn expire(id: u64, row: &mut StoredOutgoing, at: Timestamp) -> Change {
    let why = row.why.take().map_or(String::new(), |why| format!("; the last attempt: {why}"));
    row.why = Some(format!("it could not be sent in time{why}"));
    row.state = StoredSending::Dead;
    row.since = at;
    noted(AuditKind::OutboxDead, "host", id, row, row.why.clone(), at)
}

/// What goes on record: which message, where to, and what it says by its digest.
fn noted(
    kind: AuditKind,
    actor: &str,
    id: u64,
    row: &StoredOutgoing,
    outcome: Option<String>,
    at: Timestamp,
) -> Change {
    let (channel, account, chat) = row.chat();
    Change::Audit(Box::new(AuditEntry {
        session: row.session.clone(),
        run: row.run.clone(),
        subject: Some(format!("{id}: {channel} {account} {chat}")),
        digest: Some(row.content().digest()),
        outcome,
        ..AuditEntry::new(kind, actor, at)
    }))
}

#[cfg(test)]
mod tests;
