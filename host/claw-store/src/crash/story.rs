//! What a host does with its store, as a story that can be taken up wherever it was cut off.

use std::cell::RefCell;
use std::time::Duration;

use claw_core::approval::{Answer, ApprovalState};
use claw_core::event::RunEnd;
use claw_core::id::ApprovalId;
use claw_core::inbound::{Chat, Source};
use claw_core::label::Labels;
use claw_core::message::Message;

use super::disk::explains;
use super::family;
use super::world::World;
use crate::fixture::*;
use crate::{Attempt, Content, Outgoing, Received};
use crate::{AuditEntry, AuditKind, JournalStep, Record, Repeatable, ResolveError, RunState, Store, StoreError};

/// The conversations. Each has one run at a time.
pub const SESSIONS: [&str; 3] = ["main", "second", "third"];
/// Those that are held over a channel, each on an account of its own.
pub const ON_CHANNELS: [&str; 2] = ["second", "third"];
/// Messages that each run on a channel sends at its end.
pub const PARTS: usize = 2;

/// Fills pages, so that a commit writes more than one.
const PADDING: &str = "and some more words that nobody reads ";

/// Ends what was begun and then lives through `runs` runs of each conversation, until that is done or the store
/// fails. Returns whether it was done.
///
/// # Panics
/// If the store refuses what it must take.
pub async fn live(store: &Store, world: &RefCell<World>, runs: u32, together: bool) -> bool {
    if let Err(err) = store.resume_outbox(at(1)).await {
        assert!(explains(&err), "the store refuses what it must take: {err:?}");
        return false;
    }
    let [main, second, third] = SESSIONS.map(|session| converse(store, world, session, runs));
    let family = family::live(store, world);
    let done = if together {
        let (main, second, third, family) = tokio::join!(main, second, third, family);
        [main, second, third, family]
    } else {
        [main.await, second.await, family.await, third.await]
    };
    for failed in done.iter().filter_map(|done| done.as_ref().err()) {
        assert!(explains(failed), "the store refuses what it must take: {failed:?}");
    }
    done.iter().all(Result::is_ok)
}

async fn converse(store: &Store, world: &RefCell<World>, session: &str, runs: u32) -> Result<(), StoreError> {
    for number in 0..runs {
        let life = Life { store, world, session, number, name: format!("{session}-{number}") };
        life.to_its_end().await?;
        life.send().await?;
    }
    Ok(())
}

/// The account on which a conversation is held.
pub fn account(session: &str) -> Source {
    Source { channel: "telegram".to_owned(), account: session.to_owned() }
}

/// One run.
struct Life<'a> {
    store: &'a Store,
    world: &'a RefCell<World>,
    session: &'a str,
    number: u32,
    name: String,
}

impl Life<'_> {
    async fn to_its_end(&self) -> Result<(), StoreError> {
        let id = run(&self.name);
        if self.store.run(&id)?.is_some_and(|row| matches!(row.state, RunState::Ended(_))) {
            return Ok(());
        }
        self.note("sends", "");
        self.arrive().await?;
        self.note("accepted", "");
        if !self.store.run_entries(&id)?.is_empty() {
            self.store.begin_attempt(&id, at(2)).await?;
        }
        match self.number % 2 {
            0 => self.act().await?,
            _ => self.talk().await?,
        }
        let entry = AuditEntry::new(AuditKind::DecisionAllow, "component:probe", at(3));
        let sequence = self.store.audit(entry).await?;
        self.world.borrow_mut().note(&format!("audited {sequence}"));
        Ok(())
    }

    /// The message of the run comes in, over a channel together with how far that was read.
    async fn arrive(&self) -> Result<(), StoreError> {
        let inbound = inbound_to(&self.name, self.session);
        if !ON_CHANNELS.contains(&self.session) {
            return self.store.accept(inbound, at(1)).await.map(drop);
        }
        let received = Received {
            inbound,
            chat: self.session.to_owned(),
            labels: Labels::default(),
            own: crate::Preferences::default(),
        };
        let cursor = self.number.to_string().into_bytes();
        let taken = self.store.receive(&account(self.session), vec![received], Vec::new(), cursor, at(1)).await?.0;
        taken.into_iter().try_for_each(|taken| taken.map(drop))
    }

    /// Sends what waits, as a service that shows whatever it gets.
    async fn send(&self) -> Result<(), StoreError> {
        if !ON_CHANNELS.contains(&self.session) {
            return Ok(());
        }
        loop {
            let claimed = self.store.claim(&account(self.session), 9, at(3)).await?;
            let [row] = &claimed.to_send[..] else { return Ok(()) };
            let part = row.content.words().split(' ').next().unwrap();
            let run = row.run.as_ref().unwrap();
            let note = |what: &str| self.world.borrow_mut().note(&format!("{what} {run} {part}"));
            note(if row.unsure { "shown-again" } else { "shown" });
            note("settles");
            let attempt = Attempt::Sent { message: "1".to_owned() };
            assert!(self.store.settle(row.id, attempt, at(3)).await?);
            note("settled");
        }
    }

    /// A run that only speaks, in several records.
    async fn talk(&self) -> Result<(), StoreError> {
        let spoken = self.store.run_entries(&run(&self.name))?;
        let spoken = spoken.iter().filter(|entry| matches!(entry.message, Message::Assistant { .. })).count();
        for part in spoken / 2..3 {
            let tags = [format!("{part}a"), format!("{part}b")];
            let messages = tags.iter().map(|tag| said(&format!("{tag} {}", PADDING.repeat(60)))).collect();
            let last = part == 2;
            self.record(
                &tags.join(" "),
                Record { entries: messages, end: done().filter(|_| last), ..Record::default() },
            )
            .await?;
        }
        Ok(())
    }

    /// A run with an effect that needs an approval.
    async fn act(&self) -> Result<(), StoreError> {
        let journal = self.store.journal(&run(&self.name))?;
        if journal.iter().any(|step| matches!(step, JournalStep::EffectStarted { .. })) {
            return self.end_after_the_effect(&journal).await;
        }
        if journal.is_empty() {
            let step = JournalStep::CallStarted {
                call: call("c"),
                tool: tool(),
                component: component(),
                repeatable: Repeatable::No,
            };
            self.record("asks", Record { steps: vec![step], ..entries([asks(&["c"])]) }).await?;
        }
        let approval = self.approved().await?;
        let index = 0;
        let step = JournalStep::EffectStarted { call: call("c"), index, digest: digest(7), approval: Some(approval) };
        self.record("", Record { steps: vec![step], ..Record::default() }).await?;
        self.note("effect", "");
        let steps = vec![
            JournalStep::EffectEnded { call: call("c"), index, summary: "ran".to_owned() },
            JournalStep::CallEnded { call: call("c") },
        ];
        self.record("answer", Record { steps, ..entries([answers("c")]) }).await?;
        self.record("bye", Record { end: done(), ..entries([said("bye")]) }).await
    }

    /// It was cut off after it had begun its effect: that is not done again.
    async fn end_after_the_effect(&self, journal: &[JournalStep]) -> Result<(), StoreError> {
        if journal.iter().any(|step| matches!(step, JournalStep::CallEnded { .. })) {
            return self.record("bye", Record { end: done(), ..entries([said("bye")]) }).await;
        }
        let end = RunEnd::Failed { kind: "unknown".to_owned(), message: "the host was restarted".to_owned() };
        self.record("notice", Record { end: Some(end), ..entries([notice("nobody knows")]) }).await
    }

    async fn approved(&self) -> Result<ApprovalId, StoreError> {
        let session = SESSIONS.iter().position(|name| *name == self.session).unwrap();
        let number = u128::from(self.number) * 8 + session as u128;
        let asked = approval(number, &self.name);
        let id = asked.id.clone();
        let found = self.store.approval(&id)?;
        if found.is_none() {
            self.store.park(claw_core::approval::Approval { session: key(self.session), ..asked }).await?;
        }
        if found.is_none_or(|found| found.state == ApprovalState::Pending) {
            match self.store.resolve(id.as_str(), Answer::Once, "cli", at(2)).await {
                Ok(_) => {}
                Err(ResolveError::Store(err)) => return Err(err),
                Err(err) => panic!("{}: {err}", self.name),
            }
        }
        Ok(id)
    }

    /// Records, and tells the world before and after. With its end a run on a channel sends something.
    async fn record(&self, tags: &str, mut record: Record) -> Result<(), StoreError> {
        let ends = record.end.is_some();
        if ends {
            self.note("ends", "");
        }
        if ends && ON_CHANNELS.contains(&self.session) {
            let to = Chat { source: account(self.session), id: self.session.to_owned() };
            let ttl = Duration::from_secs(1);
            let message = |part| Outgoing {
                to: to.clone(),
                content: Content::Text(format!("{part} {}", PADDING.repeat(30))),
                reply_to: None,
                replaces: None,
                ttl,
            };
            record.outbox = (0..PARTS).map(message).collect();
        }
        self.note("tries", tags);
        self.store.record(&run(&self.name), record, at(2)).await?;
        self.note("said", "");
        if ends {
            self.note("ended", "");
        }
        Ok(())
    }

    fn note(&self, what: &str, of: &str) {
        let event = format!("{what} {} {of}", self.name);
        self.world.borrow_mut().note(event.trim_end());
    }
}
