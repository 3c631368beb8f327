//! Durable sessions, runs, journal, approvals, the outbox, the record of what was decided and done, and the components'
//! own stores on redb; and blobs in files beside it.
//!
//! One file, one writer, many readers. What a method has acknowledged is on the disk; what it refused has left no
//! trace. The log of a session is always one that a model accepts: every tool call in it has exactly one answer
//! before anybody else speaks.
//!
//! **Invariants.** No other crate names redb. Every append names the run that writes, and a run that has ended writes
//! nothing more. An approval is used in the transaction that starts its effect, or not at all.
//!
//! The modules stand in the order in which a request meets them.

mod store;

mod card;
mod channel;
mod command;
mod inbox;
mod outbox;
mod record;
mod run;
mod session;

mod branch;
mod forget;
mod listing;
mod search;

mod approval;
mod audit;
mod checkpoint;
mod cost;
mod grants;
mod image;
mod key_rest;
mod kv;
mod label;
mod package;
mod preference;
mod standing;
mod task;

mod backup;
mod blobs;

mod check;
mod compact;
mod stats;

mod change;
mod log;
mod memory;
mod row;
mod segments;
mod tables;

mod database;
mod error;
mod migrate;
mod open;
mod writer;

pub use approval::ApprovalFilter;
pub use audit::{
    AuditBreak, AuditEntry, AuditFact, AuditFault, AuditKey, AuditKind, AuditPage, AuditRow, AuditVerified, FactKind,
};
pub use blobs::{Batch, BlobError, Blobs, Kept, Swept};
pub use branch::{Branch, Point, Rewound};
pub use channel::Received;
pub use check::Checked;
pub use checkpoint::{Looked, TurnBack, Undoing};
pub use command::{Begun, CommandRow};
pub use compact::{Compacted, compact};
pub use cost::{Cost, CostOf};
pub use error::{Cause, Refusal, ResolveError, StoreError};
pub use forget::{Retention, Stale};
pub use grants::Spent;
pub use inbox::Accepted;
pub use key_rest::KeyRest;
pub use kv::{KvError, KvLimits};
pub use label::LabelledPlace;
pub use listing::{SessionCursor, SessionPage, SessionQuery};
pub use outbox::{Attempt, Claimed, Content, Outgoing, OutgoingFile, OutgoingRow, OutgoingState};
pub use package::{Description, Package, Receipt};
pub use preference::{PreferenceChange, Preferences, PreferencesOf};
pub use record::{JournalStep, Record, Repeatable};
pub use run::{RunRow, RunState};
pub use search::{Found, SearchCursor, SearchPage};
pub use session::{Fork, History, Page, PageEnd, Pending, SessionRow};
pub use standing::Paused;
pub use stats::{Stats, TableStats};
pub use store::Store;
pub use task::{HandOver, SubAgent, Task, TaskRow, TasksOf};

#[cfg(test)]
mod crash;
#[cfg(test)]
mod fixture;
