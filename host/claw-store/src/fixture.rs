//! What the tests of this crate build their stories from.

use claw_core::approval::{Approval, ApprovalState, Card, Choice};
use claw_core::event::RunEnd;
use claw_core::grant::Terms;
use claw_core::id::{AgentId, ApprovalId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp, ToolName};
use claw_core::image::{Image, ImageKind};
use claw_core::inbound::{Inbound, Origin, Source};
use claw_core::message::{Entry, Message, ToolCall, Usage};
use claw_core::outcome::ToolOutcome;
use tempfile::TempDir;

use crate::{AuditKey, Page, PageEnd, Record, Store};

/// A fresh store in its own folder, which lives as long as the first value.
pub fn store() -> (TempDir, Store) {
    let home = TempDir::new().unwrap();
    let store = Store::open(&home.path().join("store.redb"), key_of_seal()).unwrap();
    (home, store)
}

pub fn reopen(home: &TempDir, store: Store) -> Store {
    store.close();
    Store::open(&home.path().join("store.redb"), key_of_seal()).unwrap()
}

pub fn key_of_seal() -> AuditKey {
    AuditKey::new([7; 32])
}

pub fn at(ms: u64) -> Timestamp {
    Timestamp(ms)
}

pub fn run(id: &str) -> RunId {
    RunId::parse(id).unwrap()
}

pub fn key(name: &str) -> SessionKey {
    SessionKey::parse(name, &AgentId::parse("main").unwrap()).unwrap()
}

pub fn call(id: &str) -> CallId {
    CallId::parse(id).unwrap()
}

pub fn tool() -> ToolName {
    ToolName::parse("probe").unwrap()
}

pub fn component() -> ComponentName {
    ComponentName::parse("probe").unwrap()
}

/// A message to the session `main` that says what its run is called.
pub fn inbound(id: &str) -> Inbound {
    inbound_to(id, "main")
}

pub fn inbound_to(id: &str, session: &str) -> Inbound {
    Inbound {
        run: run(id),
        session: key(session),
        source: Source { channel: "ws".to_owned(), account: "owner".to_owned() },
        origin: Origin::Owner,
        text: format!("hello from {id}"),
        images: Vec::new(),
    }
}

pub fn said(text: &str) -> Message {
    Message::Assistant { text: text.to_owned(), calls: Vec::new(), replay: None }
}

pub fn asks(calls: &[&str]) -> Message {
    let ask = |id: &&str| ToolCall { id: call(id), tool: tool(), arguments: "{}".to_owned() };
    Message::Assistant { text: String::new(), calls: calls.iter().map(ask).collect(), replay: None }
}

pub fn answers(id: &str) -> Message {
    Message::Tool { call: call(id), tool: tool(), outcome: ToolOutcome::Done { text: "ok".to_owned() }, outside: false }
}

pub fn notice(text: &str) -> Message {
    Message::Notice { text: text.to_owned() }
}

pub fn done() -> Option<RunEnd> {
    Some(RunEnd::Done {
        text: "bye".to_owned(),
        usage: Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() },
    })
}

pub fn aborted() -> Option<RunEnd> {
    Some(RunEnd::Aborted { text: String::new() })
}

pub fn entries(entries: impl Into<Vec<Message>>) -> Record {
    Record { entries: entries.into(), ..Record::default() }
}

/// The log as one line per entry: run, then what it says.
pub fn lines(entries: &[Entry]) -> Vec<String> {
    let line = |entry: &Entry| {
        let what = match &entry.message {
            Message::User { .. } => "user".to_owned(),
            Message::Assistant { text, calls, .. } if calls.is_empty() => text.clone(),
            Message::Assistant { calls, .. } => format!("asks {}", calls.len()),
            Message::Tool { call, outcome: ToolOutcome::Done { .. }, .. } => format!("{call} ok"),
            Message::Tool { call, outcome: ToolOutcome::Failed(failure), .. } => format!("{call} {}", failure.kind),
            Message::Notice { text } => format!("notice {text}"),
            Message::Summary { text, kept_from } => format!("summary {text}, kept from {}", kept_from.0),
            Message::Instruction { text } => format!("instruction {text}"),
        };
        format!("{} {} {what}", entry.seq.0, entry.run)
    };
    entries.iter().map(line).collect()
}

#[track_caller]
pub fn check_log(store: &Store, expected: &[&str]) {
    assert_eq!(lines(&store.transcript(&key("main")).unwrap()), expected);
}

pub fn newest(limit: usize) -> Page {
    Page { end: PageEnd::Newest, limit }
}

pub fn image(byte: u8) -> Image {
    Image { digest: digest(byte), kind: ImageKind::Png, bytes: 100 }
}

pub fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

/// A pending approval for the call `c` of a run; it expires at 1000.
pub fn approval(id: u128, of: &str) -> Approval {
    Approval {
        id: ApprovalId::from_random(id),
        session: key("main"),
        run: run(of),
        call: call("c"),
        component: component(),
        build: digest(1),
        digest: digest(7),
        card: Card {
            action: "exec.run".to_owned(),
            title: "run a program".to_owned(),
            lines: vec![("program".to_owned(), "/bin/true".to_owned())],
        },
        argv: vec!["true".to_owned()],
        cwd: Some("/tmp".to_owned()),
        choices: vec![Choice { label: "this".to_owned(), grant: "exec true".to_owned(), terms: Terms::default() }],
        created: at(1),
        expires: at(1000),
        state: ApprovalState::Pending,
    }
}
