//! How a run ends, and what people and other conversations hear of it.

use std::sync::Arc;

use claw_core::event::{HostEvent, RunEnd};
use claw_core::id::{RunId, SessionKey};
use claw_core::inbound::Inbound;
use claw_core::message::Message;
use claw_core::outbound::Spoken;
use claw_model::{ModelError, Reply, StopReason};
use claw_store::{Record, StoreError};

use super::Shell;
use crate::causes;
use crate::channels::{self, Heard, Reader, Said, Shown};
use crate::crash_point;
use crate::host::{Host, now};
use crate::tasks;

/// Ends a run that never started.
pub async fn end_unstarted(host: &Arc<Host>, id: RunId, end: RunEnd) {
    let found = host.store_of_run(&id).and_then(|store| Ok(store.run(&id)?.map(|row| (store, row))));
    let Ok(Some((store, row))) = found else { return };
    let announce = announcement(host, &id, &end);
    let entries = unanswered(&end);
    let reader = Err("the run has not begun");
    let said = Said { entries: entries.as_slice(), end: Some(&end), shown: &Shown::Nothing, reader };
    let Heard { messages: outbox, kept: _kept } = channels::of_run(host, &row, said).await.unwrap_or_else(|err| {
        tracing::error!(run = %id, error = %err, "the end of a run cannot be said in its chat");
        Heard::default()
    });
    let session = row.session;
    let record = Record { end: Some(end.clone()), announce: announce.clone(), outbox, ..Record::default() };
    match store.record(&id, record, now()).await {
        Ok(_) => {
            host.channels.wake();
            host.tell(HostEvent::RunEnded { run: id, session, end: Arc::new(end), at: now() });
            if let Some(announced) = announce {
                // The driver itself may be the one that ends it here, and cannot wait for its own ear.
                let driver = Arc::clone(host);
                tokio::spawn(async move { tasks::arrived(&driver, announced).await });
            }
        }
        Err(err) => tracing::error!(run = %id, error = %err, "the end of a run cannot be recorded"),
    }
}

/// What the end of a run says to another conversation. A ledger that cannot be read keeps no run from ending.
fn announcement(host: &Host, run: &RunId, end: &RunEnd) -> Option<Inbound> {
    tasks::announcement(host, run, end).unwrap_or_else(|err| {
        tracing::error!(%run, error = %err, "the end of a task cannot be announced");
        None
    })
}

pub(super) async fn withdraw(host: &Host, session: &SessionKey, run: &RunId) {
    match host.store_of(session).withdraw(run, now()).await {
        Ok(approvals) => {
            for approval in approvals {
                channels::card_answered(host, &approval).await;
                host.tell(HostEvent::ApprovalResolved { approval: Arc::new(approval), at: now() });
            }
        }
        Err(err) => tracing::error!(%run, error = %err, "open approvals of a run cannot be withdrawn"),
    }
}

pub(super) fn end_word(end: &RunEnd) -> &'static str {
    match end {
        RunEnd::Done { .. } => "done",
        RunEnd::Failed { .. } => "failed",
        RunEnd::Aborted { .. } => "aborted",
        RunEnd::Joined { .. } => "joined",
    }
}

/// What an answer lacks, in words for whoever waits for it.
pub(super) enum Missing {
    /// There is some of it.
    Some(String),
    /// There is none of it, and why is a failure of this kind.
    All(&'static str, String),
}

impl Missing {
    /// What a reply lacks that calls nothing; `None` if its model has said what it wanted to say.
    pub(super) fn of(reply: &Reply) -> Option<Self> {
        let is_empty = reply.text.trim().is_empty();
        let (kind, why) = match &reply.stop {
            StopReason::EndTurn | StopReason::ToolUse if is_empty => {
                return Some(Missing::Some("The turn has ended without an answer.".to_owned()));
            }
            StopReason::EndTurn | StopReason::ToolUse => return None,
            StopReason::MaxTokens if is_empty => (
                "unknown",
                "the model had reached the most tokens of one reply before it said anything or made a whole call; ask for \
                 less at once, have it think less with `/think`, or allow more with `context.replyTokens`"
                    .to_owned(),
            ),
            StopReason::MaxTokens => (
                "unknown",
                "The answer is cut off: it has reached the most tokens of one reply. Ask for the rest, or allow more with \
                 `context.replyTokens`."
                    .to_owned(),
            ),
            StopReason::Refusal if is_empty => (
                "refusal",
                "the model or its provider declined to answer; rephrase the message, or choose another model with \
                 `/model`"
                    .to_owned(),
            ),
            StopReason::Refusal => ("refusal", "The model or its provider declined to say more.".to_owned()),
            StopReason::Other(reason) if is_empty => (
                "unknown",
                format!("the provider ended the answer before it began, with `{reason}`; send the message again"),
            ),
            StopReason::Other(reason) => {
                ("unknown", format!("The provider ended the answer early, with `{reason}`. Ask for the rest."))
            }
        };
        Some(if is_empty { Missing::All(kind, why) } else { Missing::Some(why) })
    }
}

impl Shell {
    /// Ends the run, and says what its answer lacks.
    pub(super) async fn end_with(
        &mut self,
        entries: Vec<Message>,
        end: RunEnd,
        missing: Option<Missing>,
    ) -> Result<RunEnd, StoreError> {
        match (missing, &end) {
            (Some(Missing::All(kind, message)), RunEnd::Done { .. }) => {
                self.end(Vec::new(), RunEnd::Failed { kind: kind.to_owned(), message }).await
            }
            (Some(Missing::Some(why)), RunEnd::Done { .. }) => {
                self.tell_notice(&why);
                // Behind what it speaks of.
                self.end(entries.into_iter().chain([Message::Notice { text: why }]).collect(), end).await
            }
            _ => self.end(entries, end).await,
        }
    }

    /// What people on a channel are to hear of what is recorded now.
    pub(super) async fn heard(&mut self, entries: &[Message], end: Option<&RunEnd>) -> Result<Heard, StoreError> {
        // What is being written may hold files, and a sweep that waits for it would keep others from coming.
        self.settle().await?;
        let reader = match Said::files(entries, end).is_empty() {
            true => Err("it names none"),
            false => Reader::of(&self.host, self.facts(), &self.lineage),
        };
        let said = Said { entries, end, shown: &self.shown, reader };
        let ends_answer = said.ends_answer();
        let heard = channels::of_run(&self.host, &self.row, said).await?;
        if ends_answer {
            self.shown = Shown::Nothing;
        }
        Ok(heard)
    }

    pub(super) async fn end(&mut self, entries: Vec<Message>, end: RunEnd) -> Result<RunEnd, StoreError> {
        self.settle().await?;
        let mut entries: Vec<_> = self.notices.drain(..).chain(entries).collect();
        entries.extend(unanswered(&end));
        let Heard { messages: outbox, kept: _kept } = self.heard(&entries, Some(&end)).await?;
        let recordings = std::mem::take(&mut self.recordings);
        let (labels, cost) = (self.labels.now(), std::mem::take(&mut self.unsettled));
        let announce = self.lineage.task.as_ref().and_then(|_| announcement(&self.host, &self.row.run, &end));
        self.announced.clone_from(&announce);
        let end_of_run = Some(end.clone());
        let record =
            Record { entries, recordings, end: end_of_run, labels, cost, announce, outbox, ..Record::default() };
        crash_point::pass("ending");
        self.store().record(&self.row.run, record, now()).await?;
        self.host.channels.wake();
        crash_point::pass("ended");
        Ok(end)
    }
}

/// What people are told of a run that ends without an answer.
fn unanswered(end: &RunEnd) -> Option<Message> {
    let text = match end {
        RunEnd::Done { .. } | RunEnd::Joined { .. } => return None,
        RunEnd::Failed { message, .. } => message.clone(),
        RunEnd::Aborted { text } => match Spoken::shown().all(text) {
            text if text.is_empty() => channels::STOPPED.to_owned(),
            text => format!("{} It had said: {text}", channels::STOPPED),
        },
    };
    Some(Message::Notice { text })
}

pub(super) fn failed(error: &ModelError) -> RunEnd {
    RunEnd::Failed { kind: error.kind().to_owned(), message: causes::chain(error) }
}
