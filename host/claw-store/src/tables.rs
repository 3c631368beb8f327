//! The tables of the store, and how one transaction sees them.

use redb::{ReadOnlyTable, ReadTransaction, Table, TableDefinition, TableError, WriteTransaction};

use crate::audit::AuditKey;
use crate::error::Failure;
use crate::memory::Room;

/// The layout of the tables below. A change that an older release could misread counts it up, and adds a step to
/// `migrate`.
pub(crate) const SCHEMA: u64 = 3;
/// The row of [`META`] that holds [`SCHEMA`].
pub(crate) const SCHEMA_KEY: &str = "schema";
/// The row of [`META`] that holds the last number that the outbox has given.
pub(crate) const OUTBOX_KEY: &str = "outbox";

/// A row as it is stored: a version byte, then postcard, then a checksum. See `row`.
pub(crate) type Bytes = &'static [u8];
type Text = &'static str;

/// Facts about the file itself.
pub(crate) const META: TableDefinition<Text, u64> = TableDefinition::new("meta");
/// Run id → run. Also the inbox: a run id that is here has been accepted.
pub(crate) const RUNS: TableDefinition<Text, Bytes> = TableDefinition::new("runs");
/// Order of arrival → id of a run that has not ended.
pub(crate) const UNFINISHED: TableDefinition<u64, Text> = TableDefinition::new("unfinished");
/// Session key → session.
pub(crate) const SESSIONS: TableDefinition<Text, Bytes> = TableDefinition::new("sessions");
/// (Time of the last change, session key): the listing order, read backwards.
pub(crate) const RECENT: TableDefinition<(u64, Text), ()> = TableDefinition::new("recent");
/// (Session key, number) → a branch that is no longer spoken on.
pub(crate) const BRANCHES: TableDefinition<(Text, u64), Bytes> = TableDefinition::new("branches");
/// (Title, session key): the conversations that were given a title.
pub(crate) const TITLES: TableDefinition<(Text, Text), ()> = TableDefinition::new("titles");
/// (Session key, epoch, seq) → log entry.
pub(crate) const ENTRIES: TableDefinition<(Text, u64, u64), Bytes> = TableDefinition::new("entries");
/// (Run id, step) → journal step.
pub(crate) const JOURNAL: TableDefinition<(Text, u32), Bytes> = TableDefinition::new("journal");
/// Approval id → approval.
pub(crate) const APPROVALS: TableDefinition<Text, Bytes> = TableDefinition::new("approvals");
/// Ids of the approvals that wait for an answer.
pub(crate) const PENDING: TableDefinition<Text, ()> = TableDefinition::new("pending_approvals");
/// (Run id, approval id).
pub(crate) const ASKED: TableDefinition<(Text, Text), ()> = TableDefinition::new("approvals_of_run");
/// (Component, digest) → grants.
pub(crate) const GRANTS: TableDefinition<(Text, [u8; 32]), Bytes> = TableDefinition::new("grants");
/// (Component, store, key) → value, as the component gave it.
pub(crate) const KV: TableDefinition<(Text, Text, Text), Bytes> = TableDefinition::new("kv");
/// Component → (bytes, keys) of all its stores.
pub(crate) const KV_USED: TableDefinition<Text, (u64, u64)> = TableDefinition::new("kv_used");
/// Session key → what it is as a sub-agent. See `task`.
pub(crate) const SUB_AGENTS: TableDefinition<Text, Bytes> = TableDefinition::new("sub_agents");
/// Run id → the task that it does.
pub(crate) const TASKS: TableDefinition<Text, Bytes> = TableDefinition::new("tasks");
/// (List, when it was handed over, run id): the tasks in order. See `task`.
pub(crate) const TASK_LISTS: TableDefinition<(Text, u64, Text), ()> = TableDefinition::new("task_lists");
/// (Run id, call id) → what a replay of the call needs.
pub(crate) const RECORDINGS: TableDefinition<(Text, Text), Bytes> = TableDefinition::new("recordings");

/// `session/KEY`, `day/YYYY-MM-DD`, `agent/ID/YYYY-MM-DD` or `run/ID` → (tokens, millionths of a dollar). See `cost`.
pub(crate) const COSTS: TableDefinition<Text, (u64, u64)> = TableDefinition::new("costs");
/// Component → what its owner thinks of it. See `standing`.
pub(crate) const STANDING: TableDefinition<Text, Bytes> = TableDefinition::new("standing");
/// `session/KEY` or `run/ID` → what is preferred there. See `preference`. Files of earlier releases lack it.
pub(crate) const PREFERENCES: TableDefinition<Text, Bytes> = TableDefinition::new("preferences");
/// `PROVIDER/KEY` → until when it rests. See `key_rest`; files of earlier releases lack it.
pub(crate) const KEY_RESTS: TableDefinition<Text, Bytes> = TableDefinition::new("key_rests");
/// Component → package. See `package`.
pub(crate) const PACKAGES: TableDefinition<Text, Bytes> = TableDefinition::new("packages");
/// Place → labels of what lies there. See `label`.
pub(crate) const LABELS: TableDefinition<Text, Bytes> = TableDefinition::new("labels");
/// (Folder, path in it) → what was seen there last. See `checkpoint`; files of earlier releases lack these tables.
pub(crate) const WATCHED: TableDefinition<(Text, Bytes), Bytes> = TableDefinition::new("watched_files");
/// Run id → what it has changed in a folder.
pub(crate) const CHECKPOINTS: TableDefinition<Text, Bytes> = TableDefinition::new("checkpoints");
/// Order of their beginnings → run id of a checkpoint.
pub(crate) const CHECKPOINT_ORDER: TableDefinition<u64, Text> = TableDefinition::new("checkpoint_order");
/// Session key → a turn of it that is being taken back.
pub(crate) const UNDOS: TableDefinition<Text, Bytes> = TableDefinition::new("undos");
/// (Session key, run id) → images that the run's message shows there. See `image`; files of earlier releases lack it.
pub(crate) const IMAGES: TableDefinition<(Text, Text), Bytes> = TableDefinition::new("images");
/// (Channel, account) → how far its messages were taken in. See `channel`.
pub(crate) const CURSORS: TableDefinition<(Text, Text), Bytes> = TableDefinition::new("cursors");
/// Session key → the chat that its messages come from.
pub(crate) const ROUTES: TableDefinition<Text, Bytes> = TableDefinition::new("routes");
/// Number → message to send. See `outbox`.
pub(crate) const OUTBOX: TableDefinition<u64, Bytes> = TableDefinition::new("outbox");
/// (Channel, account, chat, place) → number of a message that is still to be sent: the queue of each chat.
pub(crate) const OUTBOX_CHATS: TableDefinition<(Text, Text, Text, u64), u64> = TableDefinition::new("outbox_chats");
/// (Channel, account, when, place) → number of a message that waits and is the first of its chat.
pub(crate) const OUTBOX_DUE: TableDefinition<(Text, Text, u64, u64), u64> = TableDefinition::new("outbox_due");
/// (State, number).
pub(crate) const OUTBOX_STATES: TableDefinition<(Text, u64), ()> = TableDefinition::new("outbox_states");
/// (Session key, number): the messages to send of a conversation.
pub(crate) const OUTBOX_OF: TableDefinition<(Text, u64), ()> = TableDefinition::new("outbox_of_session");
/// Number of a message to send → card that it ends. See `card`; files of earlier releases lack it.
pub(crate) const CARDS: TableDefinition<u64, Bytes> = TableDefinition::new("cards");
/// Run id → command that the host obeys. See `command`; files of earlier releases lack it.
pub(crate) const COMMANDS: TableDefinition<Text, Bytes> = TableDefinition::new("commands");
/// (Session key, digest) → the bytes of an image. Only in memory, for what is incognito: elsewhere they are blobs.
pub(crate) const IMAGE_BYTES: TableDefinition<(Text, [u8; 32]), Bytes> = TableDefinition::new("image_bytes");
/// Sequence number → hash and JSON text of an entry of the record. See `audit`.
pub(crate) const AUDIT: TableDefinition<u64, AuditValue> = TableDefinition::new("audit");
/// The two ends of the record, sealed.
pub(crate) const AUDIT_HEAD: TableDefinition<(), Bytes> = TableDefinition::new("audit_head");
/// (Kind, name) → value of what was there at the last start.
pub(crate) const AUDIT_HELD: TableDefinition<(Text, Text), Text> = TableDefinition::new("audit_held");
pub(crate) type AuditValue = ([u8; 32], Text);

/// Something that is done with each table.
pub(crate) trait Visitor {
    /// Does it with one.
    fn visit<K: redb::Key + 'static, V: redb::Value + 'static>(
        &mut self,
        table: TableDefinition<'static, K, V>,
    ) -> Result<(), Failure>;
}

/// Shows all tables to `visitor`.
pub(crate) fn each(visitor: &mut impl Visitor) -> Result<(), Failure> {
    visitor.visit(META)?;
    visitor.visit(RUNS)?;
    visitor.visit(UNFINISHED)?;
    visitor.visit(SESSIONS)?;
    visitor.visit(RECENT)?;
    visitor.visit(BRANCHES)?;
    visitor.visit(TITLES)?;
    visitor.visit(ENTRIES)?;
    visitor.visit(JOURNAL)?;
    visitor.visit(APPROVALS)?;
    visitor.visit(PENDING)?;
    visitor.visit(ASKED)?;
    visitor.visit(GRANTS)?;
    visitor.visit(KV)?;
    visitor.visit(KV_USED)?;
    visitor.visit(RECORDINGS)?;
    visitor.visit(SUB_AGENTS)?;
    visitor.visit(TASKS)?;
    visitor.visit(TASK_LISTS)?;
    visitor.visit(COSTS)?;
    visitor.visit(STANDING)?;
    visitor.visit(PREFERENCES)?;
    visitor.visit(KEY_RESTS)?;
    visitor.visit(PACKAGES)?;
    visitor.visit(LABELS)?;
    visitor.visit(WATCHED)?;
    visitor.visit(CHECKPOINTS)?;
    visitor.visit(CHECKPOINT_ORDER)?;
    visitor.visit(UNDOS)?;
    visitor.visit(IMAGES)?;
    visitor.visit(CURSORS)?;
    visitor.visit(ROUTES)?;
    visitor.visit(OUTBOX)?;
    visitor.visit(OUTBOX_CHATS)?;
    visitor.visit(OUTBOX_DUE)?;
    visitor.visit(OUTBOX_STATES)?;
    visitor.visit(OUTBOX_OF)?;
    visitor.visit(COMMANDS)?;
    visitor.visit(CARDS)?;
    visitor.visit(AUDIT)?;
    visitor.visit(AUDIT_HEAD)?;
    visitor.visit(AUDIT_HELD)
}

/// The tables in one write transaction. Those that nearly every one needs are open, the others are opened for each use:
/// what is open takes its time at the commit.
pub(crate) struct Tables<'txn> {
    txn: &'txn WriteTransaction,
    /// The transaction on the file, also where `txn` is one in memory: things of the owner are there.
    file: &'txn WriteTransaction,
    /// Where the rows of conversations are.
    pub room: Room,
    pub runs: Table<'txn, Text, Bytes>,
    pub unfinished: Table<'txn, u64, Text>,
    pub sessions: Table<'txn, Text, Bytes>,
    pub recent: Table<'txn, (u64, Text), ()>,
    pub entries: Table<'txn, (Text, u64, u64), Bytes>,
    pub journal: Table<'txn, (Text, u32), Bytes>,
    pub costs: Table<'txn, Text, (u64, u64)>,
    pub audit: Table<'txn, u64, AuditValue>,
    pub audit_head: Table<'txn, (), Bytes>,
    pub audit_key: AuditKey,
}

impl<'txn> Tables<'txn> {
    /// Opens the tables; one that is missing is created when it is opened.
    pub fn open(file: &'txn WriteTransaction, audit_key: &AuditKey) -> Result<Self, Failure> {
        Tables::in_room(Room::File, file, file, audit_key)
    }

    /// Opens the tables with those of conversations in memory, where `txn` is a transaction.
    pub fn in_memory(
        txn: &'txn WriteTransaction,
        file: &'txn WriteTransaction,
        audit_key: &AuditKey,
    ) -> Result<Self, Failure> {
        Tables::in_room(Room::Memory, txn, file, audit_key)
    }

    fn in_room(
        room: Room,
        txn: &'txn WriteTransaction,
        file: &'txn WriteTransaction,
        audit_key: &AuditKey,
    ) -> Result<Self, Failure> {
        Ok(Tables {
            txn,
            file,
            room,
            runs: txn.open_table(RUNS)?,
            unfinished: txn.open_table(UNFINISHED)?,
            sessions: txn.open_table(SESSIONS)?,
            recent: txn.open_table(RECENT)?,
            entries: txn.open_table(ENTRIES)?,
            journal: txn.open_table(JOURNAL)?,
            costs: txn.open_table(COSTS)?,
            audit: file.open_table(AUDIT)?,
            audit_head: file.open_table(AUDIT_HEAD)?,
            audit_key: audit_key.clone(),
        })
    }

    /// The costs in the file, for conversations in memory; other ones have `costs`.
    pub fn costs_in_file(&self) -> Result<Table<'txn, Text, (u64, u64)>, Failure> {
        Ok(self.file.open_table(COSTS)?)
    }

    /// The transaction in which conversations are.
    pub fn txn(&self) -> &'txn WriteTransaction {
        self.txn
    }
}

/// Gives tables that are opened for each use, in one of the two transactions. No two values of one may be there at a time.
macro_rules! opened_for_each_use {
    ($txn:ident; $($name:ident: $table:ident, $key:ty, $value:ty;)*) => {
        impl<'txn> Tables<'txn> {
            $(pub fn $name(&self) -> Result<Table<'txn, $key, $value>, Failure> {
                Ok(self.$txn.open_table($table)?)
            })*
        }
    };
}

// Of conversations.
opened_for_each_use! { txn;
    branches: BRANCHES, (Text, u64), Bytes;
    titles: TITLES, (Text, Text), ();
    approvals: APPROVALS, Text, Bytes;
    pending: PENDING, Text, ();
    asked: ASKED, (Text, Text), ();
    recordings: RECORDINGS, (Text, Text), Bytes;
    preferences: PREFERENCES, Text, Bytes;
    sub_agents: SUB_AGENTS, Text, Bytes;
    tasks: TASKS, Text, Bytes;
    task_lists: TASK_LISTS, (Text, u64, Text), ();
    watched: WATCHED, (Text, Bytes), Bytes;
    checkpoints: CHECKPOINTS, Text, Bytes;
    checkpoint_order: CHECKPOINT_ORDER, u64, Text;
    undos: UNDOS, Text, Bytes;
    images: IMAGES, (Text, Text), Bytes;
    meta: META, Text, u64;
    routes: ROUTES, Text, Bytes;
    outbox: OUTBOX, u64, Bytes;
    outbox_chats: OUTBOX_CHATS, (Text, Text, Text, u64), u64;
    outbox_due: OUTBOX_DUE, (Text, Text, u64, u64), u64;
    outbox_states: OUTBOX_STATES, (Text, u64), ();
    outbox_of: OUTBOX_OF, (Text, u64), ();
    commands: COMMANDS, Text, Bytes;
    cards: CARDS, u64, Bytes;
    image_bytes: IMAGE_BYTES, (Text, [u8; 32]), Bytes;
}

// Of the owner.
opened_for_each_use! { file;
    cursors: CURSORS, (Text, Text), Bytes;
    grants: GRANTS, (Text, [u8; 32]), Bytes;
    kv: KV, (Text, Text, Text), Bytes;
    kv_used: KV_USED, Text, (u64, u64);
    key_rests: KEY_RESTS, Text, Bytes;
    packages: PACKAGES, Text, Bytes;
    labels: LABELS, Text, Bytes;
    standing: STANDING, Text, Bytes;
    audit_held: AUDIT_HELD, (Text, Text), Text;
}

/// Creates all tables.
pub(crate) fn create(txn: &WriteTransaction) -> Result<(), Failure> {
    struct Create<'txn>(&'txn WriteTransaction);
    impl Visitor for Create<'_> {
        fn visit<K: redb::Key + 'static, V: redb::Value + 'static>(
            &mut self,
            table: TableDefinition<'static, K, V>,
        ) -> Result<(), Failure> {
            self.0.open_table(table)?;
            Ok(())
        }
    }
    each(&mut Create(txn))
}

/// The tables as one read transaction sees them; each is opened when it is asked for.
pub(crate) struct Snapshot(pub ReadTransaction);

impl Snapshot {
    /// Opens one table.
    pub fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<ReadOnlyTable<K, V>, Failure> {
        Ok(self.0.open_table(definition)?)
    }

    /// Opens one table; `None` in a file to which no release that knows it has written yet.
    pub fn table_if_there<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<Option<ReadOnlyTable<K, V>>, Failure> {
        match self.0.open_table(definition) {
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            opened => Ok(Some(opened?)),
        }
    }
}
