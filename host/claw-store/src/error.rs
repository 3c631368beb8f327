//! What can go wrong with the store, by who has to do something about it.

use std::path::PathBuf;
use std::sync::Arc;

use claw_core::approval::{Approval, ApprovalState};
use claw_core::id::{ApprovalId, RunId, Seq, SessionKey};

/// A cause that every request of a failed batch gets to see.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Turns a sentence into a cause.
pub(crate) fn cause(sentence: &str) -> Cause {
    Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(sentence))
}

/// Why the store could not be opened, or did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is locked.
    #[error("store `{path}` is in use: another host{} runs on this home; stop it first, or choose another home", process(*.pid))]
    AlreadyOpen {
        /// The store's file.
        path: PathBuf,
        /// The process that has it open, if that is known.
        pid: Option<u32>,
    },
    /// The file is not a sound store. It has been left as it was.
    #[error("store `{path}` is damaged; restore it from a backup, or move it away to start with an empty one")]
    Corrupt {
        /// The store's file.
        path: PathBuf,
        /// What does not hold.
        #[source]
        err: Cause,
    },
    /// The file was written by a later release. It has been left as it was.
    #[error(
        "store `{path}` has schema {found}, but this release knows only {supported}; update openclaw-host, \
         or restore a backup made before the update"
    )]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The schema of the file.
        found: u64,
        /// The newest schema that this release reads.
        supported: u64,
    },
    /// The file could not be created, opened or locked.
    #[error("cannot open store `{path}`; check that its folder exists and belongs to this user")]
    Open {
        /// The store's file.
        path: PathBuf,
        /// The refusal of the operating system.
        #[source]
        err: Cause,
    },
    /// The disk is full. Nothing was written; the store goes on by itself once there is room again.
    #[error("the disk that holds store `{path}` is full; free some space and send the message again")]
    Full {
        /// The store's file.
        path: PathBuf,
    },
    /// Reading or writing failed. Nothing was written; only if the disk failed at the very last, all of it may have been.
    #[error("store `{path}` cannot be read or written; check the disk")]
    Io {
        /// The store's file.
        path: PathBuf,
        /// What the storage engine reports.
        #[source]
        err: Cause,
    },
    /// One row cannot be read.
    #[error("the {kind} row of `{key}` in the store is not readable; restore the store from a backup")]
    Row {
        /// Which kind of row.
        kind: &'static str,
        /// What it belongs to.
        key: String,
        /// What is wrong with it.
        #[source]
        err: Cause,
    },
    /// The store has been closed, or its writer is gone.
    #[error("the store is closed; start the host again")]
    Closed,
    /// The run id belongs to a message from elsewhere.
    #[error("run id `{run}` is already used by another source or conversation; send the message with a fresh id")]
    RunTaken {
        /// The id.
        run: RunId,
    },
    /// No such run.
    #[error("run `{run}` is not known to the store; it must be accepted first")]
    UnknownRun {
        /// The id.
        run: RunId,
    },
    /// The run has ended; nothing more can be written in its name.
    #[error("run `{run}` has already ended; nothing was written")]
    Superseded {
        /// The run that wanted to write.
        run: RunId,
    },
    /// The entry would leave a tool call without its answer, or answer one that was not asked.
    #[error("run `{run}` cannot append to `{session}`: {reason}; nothing was written")]
    Orphan {
        /// The conversation.
        session: SessionKey,
        /// The run that wanted to write.
        run: RunId,
        /// Which rule it breaks.
        reason: String,
    },
    /// The effect names an approval that does not allow it.
    #[error("approval `{approval}` does not allow this effect: {refusal}; nothing was written")]
    NotApproved {
        /// The approval that was named.
        approval: ApprovalId,
        /// Why it does not help.
        refusal: Refusal,
    },
    /// The grant that the effect needs has been used up or taken back.
    #[error("the grant `{grant}` has been used up or taken back (E_APPR_USED); nothing was written")]
    NotGranted {
        /// The grant's text form.
        grant: String,
    },
    /// No such conversation.
    #[error("there is no conversation `{session}`; `openclaw-host sessions list` shows those that there are")]
    UnknownSession {
        /// The key that was asked for.
        session: SessionKey,
    },
    /// What is incognito would get where it is kept, or the other way round.
    #[error(
        "what is said in an incognito conversation does not get into one that is kept, nor the other way round; nothing was written to `{session}`"
    )]
    WrongRoom {
        /// The conversation that it would have got into.
        session: SessionKey,
    },
    /// The incognito conversations take all the memory that they may.
    #[error(
        "the incognito conversations take {most} MiB of memory, and may not take more; end one with `openclaw-host sessions delete`, or begin it anew with `/new`"
    )]
    MemoryFull {
        /// MiB.
        most: u64,
    },
    /// A run of the conversation is at work or waits.
    #[error("run `{run}` is at work in `{session}`; stop it or wait for its end, then try again")]
    Busy {
        /// The conversation.
        session: SessionKey,
        /// One of its runs.
        run: RunId,
    },
    /// The conversation exists.
    #[error("there is a conversation `{session}` already; choose another key")]
    SessionTaken {
        /// Its key.
        session: SessionKey,
    },
    /// No such branch.
    #[error("`{session}` has no branch {branch}; `openclaw-host sessions branches` shows those that it has")]
    UnknownBranch {
        /// The conversation.
        session: SessionKey,
        /// The number that was asked for.
        branch: u64,
    },
    /// No such entry on the branch that is spoken on.
    #[error("`{session}` has no entry {}; `openclaw-host sessions show` has their numbers", .seq.0)]
    UnknownEntry {
        /// The conversation.
        session: SessionKey,
        /// The number that was asked for.
        seq: Seq,
    },
    /// A conversation may not end there: a tool call would be without its answer.
    #[error("`{session}` cannot end after entry {}, between a tool call and its answer; {}", .seq.0, nearest(*.before, *.after))]
    NotAPoint {
        /// The conversation.
        session: SessionKey,
        /// The entry that would have been the last.
        seq: Seq,
        /// The last entry before it that may be; none means: the beginning.
        before: Option<Seq>,
        /// The first entry after it that may be.
        after: Option<Seq>,
    },
    /// A title that is too long.
    #[error("a label has at most {most} characters; choose a shorter one")]
    Title {
        /// Characters.
        most: usize,
    },
    /// No such approval.
    #[error("approval `{approval}` is not known to the store")]
    UnknownApproval {
        /// The id.
        approval: ApprovalId,
    },
    /// An approval with this id exists, or the new one is not pending.
    #[error("approval `{approval}` cannot be parked: {reason}")]
    NotParkable {
        /// The id.
        approval: ApprovalId,
        /// What speaks against it.
        reason: &'static str,
    },
}

/// Why an approval does not allow an effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none of that name.
    #[error("it does not exist")]
    Missing,
    /// It allows another plan.
    #[error("it was given for a different action (E_APPR_MISMATCH)")]
    OtherDigest,
    /// It was given to another run or call.
    #[error("it was given to another call (E_APPR_MISMATCH)")]
    OtherCall,
    /// It has been used up.
    #[error("it has already been used (E_APPR_USED)")]
    AlreadyUsed,
    /// Nobody said yes.
    #[error("it is {}", .0.as_str())]
    NotGiven(ApprovalState),
}

/// Why an answer to an approval did not count.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Nothing of that name, or the text is no id.
    #[error("no approval starts with `{text}`; list the pending ones to see their ids")]
    NotFound {
        /// What was asked for, shortened.
        text: String,
    },
    /// More than one pending approval starts like this.
    #[error("`{text}` means more than one pending approval ({}); give more digits", ids(.candidates))]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// All that it could mean.
        candidates: Vec<Approval>,
    },
    /// Somebody answered before, or its run is over.
    #[error("approval `{}` is already {}", .0.id.short(), .0.state.as_str())]
    Already(Box<Approval>),
    /// The card does not offer what was chosen.
    #[error("approval `{}` offers {} to be allowed for good; answer `once`, or choose one of them", .0.id.short(), offers(.0))]
    NoChoice(Box<Approval>),
    /// The time to answer is over.
    #[error("approval `{}` has expired; let the assistant ask again", .0.id.short())]
    Expired(Box<Approval>),
    /// The store failed.
    #[error("the answer could not be stored")]
    Store(#[source] StoreError),
}

fn process(pid: Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(" (process {pid})"))
}

fn nearest(before: Option<Seq>, after: Option<Seq>) -> String {
    let before = before.map_or("at its beginning".to_owned(), |seq| format!("after {}", seq.0));
    let after = after.map_or(String::new(), |seq| format!(" or after {}", seq.0));
    format!("it can end {before}{after}")
}

fn offers(approval: &Approval) -> String {
    match approval.choices.len() {
        0 => "nothing".to_owned(),
        1 => "1 choice".to_owned(),
        count => format!("{count} choices"),
    }
}

fn ids(candidates: &[Approval]) -> String {
    candidates.iter().map(|approval| approval.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// A failure inside a transaction, before the store's path is known.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The storage engine failed: the whole batch is void.
    Engine(redb::Error),
    /// This one request is refused: the others of its batch stand.
    Refused(StoreError),
}

impl From<StoreError> for Failure {
    fn from(err: StoreError) -> Self {
        Failure::Refused(err)
    }
}

macro_rules! engine_failure {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(err: $error) -> Self {
                Failure::Engine(err.into())
            }
        })*
    };
}

engine_failure!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError, redb::CompactionError);
