//! Rows: how our words look on disk.
//!
//! Each kind of row is a private struct here, so that a change of the vocabulary never silently changes the file.
//! A row is its version byte followed by postcard. Enums of the vocabulary are stored by name: postcard would store
//! their position, which a new variant in the middle would shift.

mod approval;
mod grant;
mod image;
mod outbox;
mod package;
mod run_v1;
mod session;
mod task;

use claw_core::event::RunEnd;
use claw_core::id::{CallId, RunId, Seq, SessionKey, Timestamp, ToolName};
use claw_core::image::Image;
use claw_core::inbound::{Inbound, Origin, Source};
use claw_core::label::Labels;
use claw_core::message::{Entry, Message, Replay, ToolCall, Usage};
use claw_core::outcome::{Failure as CallFailure, FailureKind, ToolOutcome};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::error::{StoreError, cause};
use crate::record::JournalStep;
use crate::run::{RunRow, RunState};

pub(crate) use self::approval::StoredApproval;
pub(crate) use self::grant::{StoredGrants, StoredStanding};
pub(crate) use self::image::{StoredImage, StoredImages};
pub(crate) use self::outbox::{StoredOutgoing, StoredRoute, StoredSending};
pub(crate) use self::package::StoredPackage;
pub(crate) use self::session::{StoredBranch, StoredFork, StoredSession};
pub(crate) use self::task::{StoredSubAgent, StoredTask};

/// One kind of row.
pub(crate) trait Row: Serialize + DeserializeOwned {
    /// For messages.
    const KIND: &'static str;
    /// Counted up when the struct changes; [`Row::older`] then reads the versions before.
    const VERSION: u8;

    /// Reads a row of an earlier version; `None` if there was no such version.
    fn older(_version: u8, _bytes: &[u8]) -> Option<postcard::Result<Self>> {
        None
    }
}

/// Bytes of the checksum behind each row.
const CHECKSUM: usize = 4;

/// The bytes of a row.
pub(crate) fn encode<R: Row>(row: &R) -> Vec<u8> {
    sealed(postcard::to_extend(row, vec![R::VERSION]).expect("row: our rows always serialize"))
}

/// Reads a row of `key` back.
pub(crate) fn decode<R: Row>(key: &str, bytes: &[u8]) -> Result<R, StoreError> {
    decode_unsealed(key, unsealed(R::KIND, key, bytes)?)
}

/// Reads a row without its checksum.
pub(crate) fn decode_unsealed<R: Row>(key: &str, bytes: &[u8]) -> Result<R, StoreError> {
    let broken = |err| StoreError::Row { kind: R::KIND, key: key.to_owned(), err };
    match bytes.split_first() {
        Some((version, rest)) if *version == R::VERSION => {
            postcard::from_bytes(rest).map_err(|err| broken(Arc::new(err)))
        }
        Some((version, rest)) => match R::older(*version, rest) {
            Some(row) => row.map_err(|err| broken(Arc::new(err))),
            None => Err(broken(cause(&format!("it has the unknown version {version}")))),
        },
        None => Err(broken(cause("it is empty"))),
    }
}

/// Bytes with their checksum behind them. The engine verifies its own checksums only when it walks the whole file, so
/// that a byte that has changed on the disk is found when its row is read.
pub(crate) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The bytes before the checksum, if it fits.
pub(crate) fn unsealed<'a>(kind: &'static str, key: &str, bytes: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let parts = bytes.len().checked_sub(CHECKSUM).map(|len| bytes.split_at(len));
    parts
        .filter(|(bytes, checksum)| crc32fast::hash(bytes).to_le_bytes() == *checksum)
        .map(|(bytes, _)| bytes)
        .ok_or_else(|| StoreError::Row { kind, key: key.to_owned(), err: cause("its bytes have changed on the disk") })
}

/// Stores a variant without fields by its name.
mod named {
    use super::{Deserialize, DeserializeOwned, Serialize};
    use serde::{Deserializer, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(variant: &T, serializer: S) -> Result<S::Ok, S::Error> {
        let name = serde_json::to_value(variant).map_err(serde::ser::Error::custom)?;
        let name =
            name.as_str().ok_or_else(|| serde::ser::Error::custom("only variants without fields have a name"))?;
        serializer.serialize_str(name)
    }

    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let name = String::deserialize(deserializer)?;
        serde_json::from_value(serde_json::Value::String(name)).map_err(serde::de::Error::custom)
    }
}

// === runs ===

/// A run, from its acceptance on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredRun {
    pub run: RunId,
    pub session: SessionKey,
    pub channel: String,
    pub account: String,
    #[serde(with = "named")]
    pub origin: Origin,
    pub text: String,
    /// The key of its row in `unfinished`, while it has one.
    pub arrival: u64,
    /// The epoch of the session whose log it writes to; set when its own text gets there.
    pub epoch: Option<u64>,
    pub running: bool,
    pub end: Option<StoredEnd>,
    pub attempts: u32,
    pub received_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub images: Vec<StoredImage>,
}

impl Row for StoredRun {
    const KIND: &'static str = "run";
    const VERSION: u8 = 2;

    fn older(version: u8, bytes: &[u8]) -> Option<postcard::Result<Self>> {
        (version == 1).then(|| postcard::from_bytes::<run_v1::RunV1>(bytes).map(Into::into))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum StoredEnd {
    Done {
        text: String,
        input_tokens: u64,
        output_tokens: u64,
    },
    Failed {
        kind: String,
        message: String,
    },
    Aborted {
        text: String,
    },
    /// As `Done`, with all that was counted.
    Metered {
        text: String,
        usage: StoredUsage,
    },
    Joined {
        run: RunId,
    },
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StoredUsage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    reasoning_tokens: u64,
    cost_micros: u64,
}

impl StoredRun {
    pub fn received(inbound: Inbound, arrival: u64, at: Timestamp) -> Self {
        StoredRun {
            run: inbound.run,
            session: inbound.session,
            channel: inbound.source.channel,
            account: inbound.source.account,
            origin: inbound.origin,
            text: inbound.text,
            arrival,
            epoch: None,
            running: false,
            end: None,
            attempts: 0,
            received_at: at,
            ended_at: None,
            images: inbound.images.into_iter().map(Into::into).collect(),
        }
    }

    pub fn state(&self) -> RunState {
        match (&self.end, self.running) {
            (Some(end), _) => RunState::Ended(end.clone().into()),
            (None, true) => RunState::Running,
            (None, false) => RunState::Received,
        }
    }

    pub fn images(&self) -> Vec<Image> {
        image::read(self.images.clone())
    }

    pub fn inbound(self) -> Inbound {
        Inbound {
            run: self.run,
            session: self.session,
            source: Source { channel: self.channel, account: self.account },
            origin: self.origin,
            text: self.text,
            images: image::read(self.images),
        }
    }
}

impl From<StoredRun> for RunRow {
    fn from(row: StoredRun) -> Self {
        let (state, attempts, received_at, ended_at) = (row.state(), row.attempts, row.received_at, row.ended_at);
        let Inbound { run, session, source, origin, text, images } = row.inbound();
        RunRow { run, session, origin, source, text, images, state, attempts, received_at, ended_at }
    }
}

impl From<Usage> for StoredUsage {
    fn from(usage: Usage) -> Self {
        let Usage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_micros } =
            usage;
        StoredUsage {
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            reasoning_tokens,
            cost_micros,
        }
    }
}

impl From<StoredUsage> for Usage {
    fn from(usage: StoredUsage) -> Self {
        Usage {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_tokens: usage.cache_write_tokens,
            reasoning_tokens: usage.reasoning_tokens,
            cost_micros: usage.cost_micros,
        }
    }
}

impl From<RunEnd> for StoredEnd {
    fn from(end: RunEnd) -> Self {
        match end {
            RunEnd::Done { text, usage } => StoredEnd::Metered { text, usage: usage.into() },
            RunEnd::Failed { kind, message } => StoredEnd::Failed { kind, message },
            RunEnd::Aborted { text } => StoredEnd::Aborted { text },
            RunEnd::Joined { run } => StoredEnd::Joined { run },
        }
    }
}

impl From<StoredEnd> for RunEnd {
    fn from(end: StoredEnd) -> Self {
        match end {
            StoredEnd::Done { text, input_tokens, output_tokens } => {
                RunEnd::Done { text, usage: Usage { input_tokens, output_tokens, ..Usage::default() } }
            }
            StoredEnd::Metered { text, usage } => RunEnd::Done { text, usage: usage.into() },
            StoredEnd::Failed { kind, message } => RunEnd::Failed { kind, message },
            StoredEnd::Aborted { text } => RunEnd::Aborted { text },
            StoredEnd::Joined { run } => RunEnd::Joined { run },
        }
    }
}

// === labels ===

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredLabels {
    tainted: Option<String>,
    private: Option<String>,
}

impl StoredLabels {
    /// For what was stored before there were labels.
    pub fn unknown() -> Self {
        let cause = Some("this conversation is older than these labels".to_owned());
        StoredLabels { tainted: cause.clone(), private: cause }
    }

    pub fn join(&mut self, labels: &Labels) {
        let mut joined = Labels::from(self.clone());
        joined.join(labels);
        *self = joined.into();
    }
}

impl Row for StoredLabels {
    const KIND: &'static str = "labels";
    const VERSION: u8 = 1;
}

impl From<Labels> for StoredLabels {
    fn from(Labels { tainted, private }: Labels) -> Self {
        StoredLabels { tainted, private }
    }
}

impl From<StoredLabels> for Labels {
    fn from(StoredLabels { tainted, private }: StoredLabels) -> Self {
        Labels { tainted, private }
    }
}

// === entries ===

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredEntry {
    pub at: Timestamp,
    pub run: RunId,
    pub message: StoredMessage,
}

impl Row for StoredEntry {
    const KIND: &'static str = "log";
    const VERSION: u8 = 1;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum StoredMessage {
    User {
        text: String,
    },
    Assistant {
        text: String,
        calls: Vec<(CallId, ToolName, String)>,
    },
    ToolDone {
        call: CallId,
        tool: ToolName,
        text: String,
    },
    ToolFailed {
        call: CallId,
        tool: ToolName,
        kind: StoredKind,
        message: String,
    },
    Notice {
        text: String,
    },
    /// Like `ToolDone` and `ToolFailed`, with what may have been written outside.
    OutsideDone {
        call: CallId,
        tool: ToolName,
        text: String,
    },
    OutsideFailed {
        call: CallId,
        tool: ToolName,
        kind: StoredKind,
        message: String,
    },
    Summary {
        text: String,
        kept_from: u64,
    },
    Instruction {
        text: String,
    },
    /// As `Assistant`, with what the provider wants back.
    Replayed {
        text: String,
        calls: Vec<(CallId, ToolName, String)>,
        origin: String,
        data: String,
    },
    /// As `User`, with images.
    Pictured {
        text: String,
        images: Vec<StoredImage>,
    },
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StoredKind(#[serde(with = "named")] FailureKind);

impl StoredEntry {
    pub fn entry(self, seq: u64) -> Entry {
        Entry { seq: Seq(seq), at: self.at, run: self.run, message: self.message.into() }
    }
}

impl From<&Entry> for StoredEntry {
    fn from(entry: &Entry) -> Self {
        StoredEntry { at: entry.at, run: entry.run.clone(), message: entry.message.clone().into() }
    }
}

impl From<Message> for StoredMessage {
    fn from(message: Message) -> Self {
        match message {
            Message::User { text, images } if images.is_empty() => StoredMessage::User { text },
            Message::User { text, images } => {
                StoredMessage::Pictured { text, images: images.into_iter().map(Into::into).collect() }
            }
            Message::Assistant { text, calls, replay } => {
                let calls = calls.into_iter().map(|call| (call.id, call.tool, call.arguments)).collect();
                match replay {
                    None => StoredMessage::Assistant { text, calls },
                    Some(Replay { origin, data }) => StoredMessage::Replayed { text, calls, origin, data },
                }
            }
            Message::Tool { call, tool, outcome: ToolOutcome::Done { text }, outside } => match outside {
                false => StoredMessage::ToolDone { call, tool, text },
                true => StoredMessage::OutsideDone { call, tool, text },
            },
            Message::Tool { call, tool, outcome: ToolOutcome::Failed(CallFailure { kind, message }), outside } => {
                let kind = StoredKind(kind);
                match outside {
                    false => StoredMessage::ToolFailed { call, tool, kind, message },
                    true => StoredMessage::OutsideFailed { call, tool, kind, message },
                }
            }
            Message::Notice { text } => StoredMessage::Notice { text },
            Message::Summary { text, kept_from } => StoredMessage::Summary { text, kept_from: kept_from.0 },
            Message::Instruction { text } => StoredMessage::Instruction { text },
        }
    }
}

impl From<StoredMessage> for Message {
    fn from(message: StoredMessage) -> Self {
        let call = |(id, tool, arguments)| ToolCall { id, tool, arguments };
        match message {
            StoredMessage::User { text } => Message::user(text),
            StoredMessage::Pictured { text, images } => Message::User { text, images: image::read(images) },
            StoredMessage::Assistant { text, calls } => {
                Message::Assistant { text, calls: calls.into_iter().map(call).collect(), replay: None }
            }
            StoredMessage::Replayed { text, calls, origin, data } => {
                let replay = Some(Replay { origin, data });
                Message::Assistant { text, calls: calls.into_iter().map(call).collect(), replay }
            }
            StoredMessage::ToolDone { call, tool, text } => result(call, tool, text, false),
            StoredMessage::OutsideDone { call, tool, text } => result(call, tool, text, true),
            StoredMessage::ToolFailed { call, tool, kind, message } => failure(call, tool, kind, message, false),
            StoredMessage::OutsideFailed { call, tool, kind, message } => failure(call, tool, kind, message, true),
            StoredMessage::Notice { text } => Message::Notice { text },
            StoredMessage::Summary { text, kept_from } => Message::Summary { text, kept_from: Seq(kept_from) },
            StoredMessage::Instruction { text } => Message::Instruction { text },
        }
    }
}

fn result(call: CallId, tool: ToolName, text: String, outside: bool) -> Message {
    Message::Tool { call, tool, outcome: ToolOutcome::Done { text }, outside }
}

fn failure(call: CallId, tool: ToolName, StoredKind(kind): StoredKind, message: String, outside: bool) -> Message {
    Message::Tool { call, tool, outcome: ToolOutcome::Failed(CallFailure { kind, message }), outside }
}

// === journal ===

impl Row for JournalStep {
    const KIND: &'static str = "journal";
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests;
