//! The shell of one run: it asks the model, runs the calls and records each step before the next. What comes next is
//! decided by [`Turn`], which is pure.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use claw_core::event::{HOST_MARK, HostEvent, RunEnd};
use claw_core::id::{CallId, RunId, Seq, SessionKey};
use claw_core::inbound::{Inbound, Origin};
use claw_core::label::Labels;
use claw_core::message::{Entry, Message, Usage};
use claw_core::turn::{Step, Turn, TurnLimits};
use claw_model::{ModelError, Reply, StopReason};
use claw_policy::Facts;
use claw_store::{Cost, JournalStep, Kept, PreferencesOf, Record, RunRow, RunState, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::channels::{self, Heard, Shown};
use crate::crash_point;
use crate::host::{Host, now};
use crate::labels::RunLabels;
use crate::lineage::Lineage;
use crate::prompt::{self, Speaker};
use crate::run_clock::RunClock;
use crate::skills::{Command, Scripted, Shelf};
use crate::spending::Reservation;
use crate::tasks;
use crate::ways::Ways;

mod aside;
mod asking;
mod calling;
mod compaction;
mod ending;
mod figures;
mod joining;
mod pending;
mod places;

use self::ending::{Missing, end_word, failed, withdraw};
pub use calling::unknown_outcomes;
pub use ending::end_unstarted;
pub use figures::{Figures, figures};
use pending::Pending;
pub use pending::{Coming, Threshold};
pub use places::Places;

/// Tool calls that one reply may bring.
const CALLS_PER_REPLY: usize = 32;
/// How often the same call may give the same outcome: waiting for something may take some looks.
const SAME_OUTCOMES: u32 = 5;
/// A run that took the host down with it this often is not tried again.
pub const ATTEMPTS: u32 = 3;

/// Runs one message to its end, with those that join it, or goes on with one that was cut off. It has been accepted, or is
/// about to be; if that is refused, nobody hears of its run.
pub async fn run(
    host: Arc<Host>,
    session: SessionKey,
    id: RunId,
    coming: Option<Box<Coming>>,
    joining: Vec<RunId>,
    limit: Option<Duration>,
    cancel: CancellationToken,
) {
    let threshold = Arc::new(Threshold::new(host.events.clone()));
    let (row, pending) = match coming {
        Some(coming) => {
            let Coming { row, durable } = *coming;
            threshold.close();
            (row, Some(Pending::arrival(id.clone(), durable)))
        }
        None => match host.store_of(&session).run(&id) {
            Ok(Some(row)) => (row, None),
            Ok(None) => return tracing::error!(run = %id, "a run without a row was started"),
            Err(err) => return tracing::error!(run = %id, error = %err, "a run cannot be read"),
        },
    };
    if matches!(row.state, RunState::Ended(_)) {
        return;
    }
    if host.agents.get(&row.session.agent()).is_none() {
        let message = format!("there is no agent `{}` any more; describe it under `agents`", row.session.agent());
        return end_unstarted(&host, id, RunEnd::Failed { kind: "agent".to_owned(), message }).await;
    }
    crash_point::pass("started");
    threshold.tell(HostEvent::RunStarted { run: id.clone(), session: row.session.clone(), at: now() });
    if let Some(why) = host.gate.untold_rejection(&row.session) {
        let text =
            format!("{HOST_MARK} the policies were changed to what is not valid, the last ones stay in force: {why}");
        channels::say(&host, &row.session, &text).await;
        host.tell(HostEvent::Noticed { run: id.clone(), session: row.session.clone(), text: text.into() });
    }
    if row.attempts > 0 {
        channels::begins_anew(&host, &row).await;
    }
    let (labels, lineage, mut ways) = match brought(&host, &row) {
        Ok(brought) => brought,
        Err(err) => return tracing::error!(run = %id, error = %err, "the session of a run cannot be read"),
    };
    tokio::select! {
        model = ways.model.clone().learn() => ways.model = model,
        // Whoever stops the run does not wait for a server that does not say.
        () = cancel.cancelled() => {}
    }
    let limit = limit.into_iter().chain(lineage.limit()).fold(host.limits.run, Duration::min);
    let clock = Arc::new(RunClock::start(limit));
    let shelf = host.agents.of(&row.session).skills.shelf(&host).await;
    let mut shell = Shell {
        host: Arc::clone(&host),
        threshold,
        pending,
        command: match row.origin {
            Origin::Owner => shelf.command(&row.text),
            Origin::SubAgent => None,
        },
        shelf,
        row,
        cancel,
        clock,
        ways,
        joining,
        has_asked: false,
        log: Vec::new(),
        is_heard: false,
        narrower: 1.0,
        images_refused: false,
        used: Cost::default(),
        unsettled: Cost::default(),
        reservation: None,
        kept: None,
        said: String::new(),
        shown: Shown::Nothing,
        labels: Arc::new(RunLabels::new(labels)),
        lineage: Arc::new(lineage),
        announced: None,
        recordings: Vec::new(),
        notices: Vec::new(),
        cut_off: HashSet::new(),
    };
    let result = shell.go().await;
    host.checkpoints.settle(&id).await;
    let session = shell.row.session.clone();
    match result {
        Ok(end) => {
            withdraw(&host, &session, &id).await;
            tracing::info!(end = end_word(&end), "run ended");
            if let Some(announced) = shell.announced.take() {
                tasks::arrived(&host, announced).await;
            }
            let at = now();
            host.tell(HostEvent::RunEnded { run: id, session: session.clone(), end: Arc::new(end), at });
            host.tell(HostEvent::SessionChanged { session, reason: "message", at });
        }
        Err(StoreError::UnknownRun { .. }) if shell.row.state == RunState::Received && shell.threshold.is_closed() => {
            // Another request may have brought the same message, and was accepted in the place of this one.
            match host.store_of(&session).run(&id) {
                Ok(Some(_)) => {
                    let (joining, cancel) = (shell.joining, shell.cancel);
                    Box::pin(run(host, session, id, None, joining, Some(limit), cancel)).await;
                }
                _ => tracing::info!("the message of this run was not accepted"),
            }
        }
        // The run stays unfinished in the store and goes on at the next start.
        Err(err) => {
            tracing::error!(error = &err as &dyn std::error::Error, "run cannot go on");
            let message = format!("the host cannot record this run: {err}");
            let end = RunEnd::Failed { kind: "unknown".to_owned(), message };
            host.tell(HostEvent::RunEnded { run: id, session, end: Arc::new(end), at: now() });
        }
    }
}

/// What a run has from its conversation, and from those above it.
fn brought(host: &Host, row: &RunRow) -> Result<(Labels, Lineage, Ways), StoreError> {
    let store = host.store_of(&row.session);
    let (labels, own) = match store.session(&row.session)? {
        Some(session) => (session.labels, session.preferences),
        // Its first message is still on its way; what is preferred in it may have been said before.
        None => (Labels::default(), store.preferences(&PreferencesOf::Session(row.session.clone()))?),
    };
    let lineage = Lineage::of(host, &row.session, &row.run)?;
    let ways = Ways::of_run(host, &row.run, &row.session, own, &lineage.above)?;
    Ok((labels, lineage, ways))
}

struct Shell {
    host: Arc<Host>,
    /// What leaves it.
    threshold: Arc<Threshold>,
    /// What is being written.
    pending: Option<Pending>,
    row: RunRow,
    /// The skills, as they were when the run began.
    shelf: Arc<Shelf>,
    /// The one that its owner started with this run.
    command: Option<Command>,
    cancel: CancellationToken,
    clock: Arc<RunClock>,
    /// Who answers, and how.
    ways: Ways,
    /// Messages that become part of this run before its model is asked.
    joining: Vec<RunId>,
    /// Whether the model was asked in this run.
    has_asked: bool,
    /// What the model may see of the conversation, oldest first. The run's own message is its last entry, even while
    /// that is not in the store's log yet.
    log: Vec<Entry>,
    /// Whether the store's log has it.
    is_heard: bool,
    /// What of the model's window is used: less, once its provider found a prompt too long.
    narrower: f64,
    /// What the model has used in this run, and what of it no record counts yet.
    used: Cost,
    unsettled: Cost,
    /// Room for what the last call of the model has cost, until it is counted.
    reservation: Option<Reservation>,
    /// Files of what is to be recorded.
    kept: Option<Kept>,
    /// Whether a provider has refused a prompt that had images in it; from then on none has.
    images_refused: bool,
    /// Calls that an earlier attempt had begun, of which nobody knows whether they took effect.
    cut_off: HashSet<CallId>,
    /// What the model has said in this turn, for an abort in the middle of it.
    said: String,
    /// What people on a channel have seen of its last reply, which is not recorded yet.
    shown: Shown,
    /// What has flowed into the run so far.
    labels: Arc<RunLabels>,
    /// What it has from the conversations above its own.
    lineage: Arc<Lineage>,
    /// What another conversation was told of its end.
    announced: Option<Inbound>,
    /// What replays of the calls need that were made since the last record.
    recordings: Vec<(CallId, Vec<u8>)>,
    /// What was said about the model since the last record: who stood in for whom.
    notices: Vec<Message>,
}

impl Shell {
    async fn go(&mut self) -> Result<RunEnd, StoreError> {
        let host = Arc::clone(&self.host);
        self.read_log()?;
        if let Some(gone) = self.ways.gone.take() {
            self.notice(&format!("`{gone}` is not in use any more; {} answers.", self.ways.model.name));
        }
        if self.lineage.task.is_some() && !self.is_heard {
            // From now on the ledger says that it is at work.
            self.record(Vec::new(), Vec::new()).await?;
        }
        if let Some(wish) = compaction::asked_for(&self.row) {
            return self.compact_on_request(&wish).await;
        }
        if !self.is_heard {
            let images = self.row.images.clone();
            self.tell_of_unseen(&images);
        }
        let own = self.log.iter().filter(|entry| entry.run == self.row.run).map(|entry| entry.message.clone());
        let limits = TurnLimits {
            iterations: host.limits.iterations,
            calls_per_reply: CALLS_PER_REPLY,
            same_outcomes: SAME_OUTCOMES,
        };
        let mut turn = Turn::resume(limits, &own.collect::<Vec<_>>());
        let agent = host.agents.of(&self.row.session);
        let skills = agent.skills.listing(&self.shelf);
        let (session, channel) = (&self.row.session, self.row.source.channel.as_str());
        let speaker = Speaker { session, origin: self.row.origin, channel };
        let prompt::System { text: system, private } =
            prompt::system(&agent.workspace, skills.as_deref(), &speaker, now());
        if let Some(file) = private {
            self.labels.join(&Labels::private(&format!("`{file}` is part of the prompt")));
        }
        self.cut_off = self.cut_off()?;
        loop {
            match turn.next() {
                Step::Ask => match self.question(&system).await? {
                    Asked::Reply(reply) => {
                        crash_point::pass("replied");
                        let missing = Missing::of(&reply);
                        let recorded = turn.take(reply.text, reply.calls, reply.replay, reply.usage);
                        let next = turn.next();
                        if let Step::Done(end) = next {
                            return self.end_with(recorded, end, missing).await;
                        }
                        self.step(recorded, self.starting(&next)).await?;
                    }
                    Asked::Failed(error) => return self.end(Vec::new(), failed(&error)).await,
                    Asked::Stopped(end) => return self.end(Vec::new(), end).await,
                },
                Step::Call(call) => {
                    let durable = self.durable();
                    let ((outcome, outside), written) = tokio::join!(self.call(&call), durable);
                    self.settled(written)?;
                    crash_point::pass("outcome");
                    let answered = turn.observe(outcome, outside);
                    if let Some(end) = self.stopped() {
                        return self.end(vec![answered], end).await;
                    }
                    let mut steps = vec![JournalStep::CallEnded { call: call.id }];
                    steps.extend(self.starting(&turn.next()));
                    self.step(vec![answered], steps).await?;
                }
                Step::Done(end) => return self.end(Vec::new(), end).await,
            }
        }
    }

    /// Asks about all that was said until now.
    async fn question(&mut self, system: &str) -> Result<Asked, StoreError> {
        self.take_joining().await?;
        self.reply(system).await
    }

    fn read_log(&mut self) -> Result<(), StoreError> {
        self.log = self.store().context(&self.row.session)?;
        self.is_heard = self.row.state != RunState::Received;
        if !self.is_heard {
            let seq = Seq(self.log.last().map_or(1, |entry| entry.seq.0 + 1));
            let message = Message::User { text: self.row.text.clone(), images: self.row.images.clone() };
            self.log.push(Entry { seq, at: now(), run: self.row.run.clone(), message });
        }
        Ok(())
    }

    /// Tells people something about who answers; it is recorded with what comes next.
    fn notice(&mut self, notice: &str) {
        self.notices.push(Message::Notice { text: notice.to_owned() });
        self.tell_notice(notice);
    }

    fn tell_notice(&self, notice: &str) {
        let (run, session) = (self.row.run.clone(), self.row.session.clone());
        self.threshold.tell(HostEvent::Noticed { run, session, text: format!("{HOST_MARK} {notice}").into() });
    }

    /// Where its conversation is.
    fn store(&self) -> &Store {
        self.host.store_of(&self.row.session)
    }

    fn facts(&self) -> Facts {
        Facts {
            session: self.row.session.clone(),
            run: self.row.run.clone(),
            origin: self.row.origin,
            person_present: self.host.somebody_answers(self.shows_cards()),
            labels: self.labels.now(),
            mode: self.host.mode(&self.row.session, &self.lineage.above),
            at: now(),
        }
    }

    /// The HTTP API shows cards in the answer, and takes answers as messages.
    fn shows_cards(&self) -> bool {
        let chat = self.lineage.sub_agent.as_ref().map_or(&self.row.session, |sub_agent| &sub_agent.chat);
        self.row.source.channel == "http" || channels::is_heard(&self.host, chat)
    }

    /// The next reply: of the model, or the host's in its place where the owner has started a skill.
    async fn reply(&mut self, system: &str) -> Result<Asked, StoreError> {
        let usage = Usage::default();
        let scripted = self.command.as_ref().and_then(|command| {
            let since = self.log.iter().rposition(|entry| matches!(entry.message, Message::User { .. }))?;
            let outcome = self.log[since..].iter().find_map(|entry| match &entry.message {
                Message::Tool { outcome, .. } => Some(outcome),
                _ => None,
            });
            command.next(outcome)
        });
        Ok(match scripted {
            Some(Scripted::Call(call)) => Asked::Reply(Reply {
                text: String::new(),
                calls: vec![call],
                usage,
                stop: StopReason::ToolUse,
                replay: None,
            }),
            Some(Scripted::Answer(text)) => {
                let text = self.leading_nowhere(text);
                Asked::Reply(Reply { text, calls: Vec::new(), usage, stop: StopReason::EndTurn, replay: None })
            }
            None => return self.ask(system).await,
        })
    }

    fn stopped(&self) -> Option<RunEnd> {
        if self.cancel.is_cancelled() {
            return Some(self.aborted());
        }
        self.clock.is_reached().then(|| {
            let seconds = self.clock.limit().as_secs();
            let message =
                format!("the run was stopped after {seconds} s; `limits.runSeconds` and the client's own time-out allow longer ones");
            RunEnd::Failed { kind: "timeout".to_owned(), message }
        })
    }

    fn aborted(&self) -> RunEnd {
        RunEnd::Aborted { text: self.said.clone() }
    }

    async fn record(&mut self, entries: Vec<Message>, steps: Vec<JournalStep>) -> Result<(), StoreError> {
        let record = self.recordable(entries, steps).await?;
        self.append(record).await
    }

    /// What is recorded with these.
    async fn recordable(&mut self, entries: Vec<Message>, steps: Vec<JournalStep>) -> Result<Record, StoreError> {
        let recordings = std::mem::take(&mut self.recordings);
        let entries: Vec<_> = self.notices.drain(..).chain(entries).collect();
        let Heard { messages: outbox, kept } = self.heard(&entries, None).await?;
        self.kept = kept;
        Ok(Record { entries, steps, recordings, outbox, ..Record::default() })
    }
}

enum Asked {
    Reply(Reply),
    Failed(ModelError),
    Stopped(RunEnd),
}
