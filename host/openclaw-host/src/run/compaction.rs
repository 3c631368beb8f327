//! Making room: what was said first is replaced by a summary for the model. The log keeps it, and people go on seeing it.

use claw_core::context::{self, Room};
use claw_core::event::{HOST_MARK, HostEvent, RunEnd};
use claw_core::id::Seq;
use claw_core::inbound::Origin;
use claw_core::message::{Entry, Message, Usage};
use claw_model::{Model, StopReason};
use claw_store::{RunRow, StoreError};

use super::asking::{Aloud, Excerpt};
use super::{Asked, Shell};
use crate::causes;
use crate::host::Host;
use crate::summary;

/// What its owner types to have it done now.
const COMMAND: &str = "/compact";

/// What the owner wants of a summary, if that is what the message asks for; may be empty.
pub(super) fn asked_for(row: &RunRow) -> Option<String> {
    let text = (row.origin == Origin::Owner).then_some(&row.text)?.trim();
    let (command, wish) = text.split_at_checked(COMMAND.len())?;
    if !command.eq_ignore_ascii_case(COMMAND) {
        return None;
    }
    (wish.is_empty() || wish.starts_with(char::is_whitespace)).then(|| wish.trim().to_owned())
}

/// Tokens of the newest messages that a summary leaves as they are.
pub(super) fn kept(host: &Host, room: &Room) -> u64 {
    host.limits.context.keep_recent.min(room.free() / 3)
}

impl Shell {
    /// What of the conversation is sent; makes room first if it takes more than it may.
    pub(super) async fn fitting(&mut self, system: &str, room: &Room) -> Result<Excerpt, StoreError> {
        let all = self.excerpt(&context::seen(&self.log), room);
        if all.tokens <= room.free() {
            return Ok(all);
        }
        self.settle().await?;
        let seen = context::seen(&self.log);
        let Some(kept_from) = context::cut_before(&seen, kept(&self.host, room)) else { return Ok(all) };
        self.take_notes(system, room).await?;
        self.compact(kept_from, "", room, all.tokens).await?;
        Ok(self.excerpt(&context::seen(&self.log), room))
    }

    /// Does what a message asked for that is a command: a summary of all that was said before it.
    pub(super) async fn compact_on_request(&mut self, wish: &str) -> Result<RunEnd, StoreError> {
        let room = self.room("", 0);
        let own = self.log.iter().rposition(|entry| entry.run == self.row.run).expect("run: its message is in its log");
        let before: Vec<_> = context::seen(&self.log[..own]);
        let taken: u64 = before.iter().map(|entry| context::of_message(&entry.message)).sum();
        let is_summary = |entry: &&Entry| matches!(entry.message, Message::Summary { .. });
        let text = match before.iter().all(is_summary) {
            true => format!("{HOST_MARK} nothing has been said since the last summary"),
            false => {
                // The command itself is not part of what is kept.
                let kept_from = Seq(self.log[own].seq.0 + 1);
                let left = self.compact(kept_from, wish, &room, taken).await?;
                format!("{HOST_MARK} summarised: about {taken} tokens became {left}. The history keeps all of it.")
            }
        };
        let end = RunEnd::Done { text: text.clone(), usage: Usage::default() };
        self.end(vec![Message::Notice { text }], end).await
    }

    /// Puts a summary in the place of what was said before `kept_from`; gives its tokens.
    async fn compact(&mut self, kept_from: Seq, wish: &str, room: &Room, taken: u64) -> Result<u64, StoreError> {
        self.tell_compaction(None);
        let old: Vec<_> = context::seen(&self.log).into_iter().filter(|entry| is_before(entry, kept_from)).collect();
        let old = self.excerpt(&old, room).messages;
        let text = self.summary(&old, wish, room).await?;
        let summary = Message::Summary { text, kept_from };
        let left = context::of_message(&summary);
        self.record(vec![summary], Vec::new()).await?;
        tracing::info!(taken, left, "older messages were summarised");
        self.tell_compaction(Some((taken, left)));
        Ok(left)
    }

    /// What is to be known of these messages: from the model, piece after piece, or without it where it gives nothing, may
    /// not be asked, or nobody waits for it any more. `wish` is what the owner wants of it, and may be empty.
    async fn summary(&mut self, old: &[Message], wish: &str, room: &Room) -> Result<String, StoreError> {
        // It follows scripts, and has nothing to say about others.
        if matches!(*self.host.model(), Model::Rehearsal) {
            return Ok(summary::plain(old));
        }
        let mut summary = String::new();
        // Half of the window: the other half is for what was summarised before, and for the count that may be wrong.
        for piece in summary::pieces(old, room.window / 2) {
            let prompt = summary::prompt(&summary, &piece, wish);
            let tokens =
                context::of_text(&prompt.system) + prompt.messages.iter().map(context::of_message).sum::<u64>();
            let why = match self.complete((prompt, tokens), Aloud::No).await? {
                Asked::Reply(reply) if reply.stop == StopReason::Refusal => "it declined".to_owned(),
                Asked::Reply(reply) if !reply.text.trim().is_empty() => {
                    summary = reply.text.trim().to_owned();
                    continue;
                }
                Asked::Reply(_) => "it gave none".to_owned(),
                Asked::Failed(err) => causes::chain(&err),
                Asked::Stopped(RunEnd::Failed { message, .. }) => message,
                Asked::Stopped(_) => return Ok(summary::plain(old)),
            };
            self.notice(&format!("Older messages were summarised without the model: {why}"));
            return Ok(summary::plain(old));
        }
        Ok(summary::whole(&summary, old))
    }

    fn tell_compaction(&self, tokens: Option<(u64, u64)>) {
        let (run, session) = (self.row.run.clone(), self.row.session.clone());
        self.threshold.tell(HostEvent::Compaction { run, session, tokens });
    }
}

fn is_before(entry: &Entry, kept_from: Seq) -> bool {
    // The last summary stands behind what it kept, and goes into the next one.
    entry.seq < kept_from || matches!(entry.message, Message::Summary { .. })
}
