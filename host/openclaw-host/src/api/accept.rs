//! Taking a message in: what it comes down to, and the way into its lane.

use std::time::Duration;

use claw_core::id::{RunId, SessionKey, Timestamp};
use claw_core::inbound::{Inbound, Origin};
use claw_core::lane::QueueWish;
use claw_gateway::{Caller, ChatSend, RpcError};
use claw_store::{Accepted, Begun, CommandRow, Preferences, RunRow, RunState, Store};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::command::{Slash, Wish};
use super::obey::ended;
use super::{Api, directive, not_kept, stored, view};
use crate::crash_point;
use crate::driver::DriverEvent;
use crate::host::now;
use crate::images;
use crate::queue;
use crate::run::Coming;

/// What a message comes down to.
pub enum Said {
    /// It is answered by the host.
    Command(Slash),
    /// It is answered by the model.
    Words(Words),
}

/// What is said to the model.
#[derive(Clone)]
pub struct Words {
    pub text: String,
    /// What the message prefers for itself.
    pub own: Preferences,
    /// Whether it begins like a command.
    is_slash: bool,
    /// A command that its sender may not give, and that is text like any other.
    refused: Option<Slash>,
}

impl Api {
    /// Takes a message: durable first, then queued, then acknowledged.
    pub(super) async fn accept(&self, caller: Caller, message: ChatSend, status: &str) -> Result<Value, RpcError> {
        let ChatSend { session, run, text, images, timeout, thinking, queue } = message;
        let agent = session.agent();
        self.agent(&agent)?;
        let asked = Preferences { thinking, queue, ..Preferences::default() };
        self.check(&asked.clone().into())?;
        let reply = |status: &str| json!({"runId": run, "sessionKey": session, "agentId": agent, "status": status, "acceptedAt": now().0});
        let said = text.clone();
        let words = match self.read(&caller, &session, text, asked).await {
            Said::Words(words) => words,
            Said::Command(_) if !images.is_empty() => {
                return Err(RpcError::invalid(
                    "`attachments` cannot go with a command; say something about them instead",
                ));
            }
            Said::Command(slash) => {
                let (source, changes, at) = (caller.source.clone(), slash.changes(), now());
                let (run, session, chat, answer) = (run.clone(), session.clone(), None, None);
                let command = CommandRow { run, session, source, chat, text: said, changes, at, answer };
                let store = self.host.store_for(&command.session, &command.run).map_err(stored)?;
                return match store.begin_command(command.clone()).await.map_err(stored)? {
                    Begun::New => self.obey(&caller, command, slash).await.map(|()| reply(status)),
                    Begun::Open => Ok(reply("in_flight")),
                    Begun::Answered(text) => {
                        let mut known = view::run_end(&command.run, &ended(text), None);
                        known["duplicate"] = json!(true);
                        Ok(known)
                    }
                };
            }
        };
        // Held until the rows that name the images are there.
        let (images, _kept, bytes) = match session.is_incognito() {
            true => {
                let (images, bytes) = images::hold(images);
                (images, None, bytes)
            }
            false => {
                let (images, kept) = images::keep(&self.host.blobs, images).await.map_err(|err| not_kept(&err))?;
                (images, kept, Vec::new())
            }
        };
        let Words { text, own, .. } = words.clone();
        let (origin, source) = (Origin::Owner, caller.source.clone());
        let inbound = Inbound { run: run.clone(), session: session.clone(), source, origin, text, images };
        crash_point::pass("received");
        let (store, at) = (self.host.store_for(&session, &run).map_err(stored)?, now());
        let durable = if own.is_empty() { self.begin_early(store, &inbound, at, timeout) } else { None };
        match store.accept_showing(inbound, own, bytes, at).await {
            Ok(Accepted::New) => {
                crash_point::pass("accepted");
                if let Some(slash) = &words.refused {
                    self.note_refused(&caller, slash).await;
                }
                self.begin(&session, &run, &words, &caller.source.channel, timeout).await?;
                if let Some(durable) = durable {
                    // Its run may have ended.
                    let _ = durable.send(());
                }
                Ok(reply(status))
            }
            Ok(Accepted::Duplicate(RunState::Ended(end))) => {
                let mut known = view::run_end(&run, &end, None);
                known["duplicate"] = json!(true);
                Ok(known)
            }
            Ok(Accepted::Duplicate(_)) => {
                // Nobody may be at it: its client or the disk may have failed between its acceptance and its start, or
                // the disk since.
                self.tell_driver(DriverEvent::Arrived(session.clone(), run.clone(), queue::taken_up(), timeout))
                    .await?;
                Ok(reply("in_flight"))
            }
            Err(err) => Err(stored(err)),
        }
    }

    /// Lets the run of a new message begin while that is written: it may ask its model, and neither tells nor does
    /// anything before it hears that the message is durable.
    fn begin_early(
        &self,
        store: &Store,
        inbound: &Inbound,
        at: Timestamp,
        timeout: Option<Duration>,
    ) -> Option<oneshot::Sender<()>> {
        let is_new = matches!(store.run(&inbound.run), Ok(None));
        if !is_new || inbound.session.is_incognito() || self.host.gate.rejected_policy().is_some() {
            return None;
        }
        let (sender, durable) = oneshot::channel();
        let row = RunRow::received(inbound.clone(), at);
        // A driver that has much to do hears of it later.
        self.host.driver.try_send(DriverEvent::Coming(Box::new(Coming { row, durable }), timeout)).ok()?;
        Some(sender)
    }

    /// What a message comes down to. What it prefers for itself comes before what is `asked` for it.
    pub async fn read(&self, caller: &Caller, session: &SessionKey, text: String, asked: Preferences) -> Said {
        let directed = directive::split(&text).map(|(own, rest)| (own, rest.to_owned()));
        let unmet = directed.as_ref().and_then(|(own, _)| self.unmet(caller, own));
        match self.slash(session, &text).await.or(unmet) {
            Some(slash) if caller.scopes.allows(slash.scope()) => return Said::Command(slash),
            Some(slash) => return Said::Words(Words { text, own: asked, is_slash: true, refused: Some(slash) }),
            None => {}
        }
        // One that only says how it waits, waits so.
        let says_how = directed.as_ref().is_some_and(|(own, _)| Preferences { queue: None, ..own.clone() }.is_empty());
        let is_slash = text.starts_with('/') && !says_how;
        let (own, text) = match directed {
            Some((own, text)) => (own.or(asked), text),
            None => (asked, text),
        };
        Said::Words(Words { text, own, is_slash, refused: None })
    }

    /// Queues a message that has just become durable.
    pub async fn begin(
        &self,
        session: &SessionKey,
        run: &RunId,
        words: &Words,
        channel: &str,
        timeout: Option<Duration>,
    ) -> Result<(), RpcError> {
        // Read only now: after a full disk it is a write that opens the store again.
        let usual = self.ways(session)?.1.waiting;
        let waiting = words.own.queue.as_deref().and_then(QueueWish::parse).unwrap_or_default().or(usual);
        let queueing = queue::arriving(waiting, channel, words.is_slash);
        self.tell_driver(DriverEvent::Arrived(session.clone(), run.clone(), queueing, timeout)).await
    }

    pub(super) async fn slash(&self, session: &SessionKey, text: &str) -> Option<Slash> {
        if let Some(slash) = Slash::parse(text) {
            return Some(slash);
        }
        // Few messages begin so, and only for them the skills are looked at here.
        if !text.starts_with("/skill") {
            return None;
        }
        self.host.agents.of(session).skills.shelf(&self.host).await.no_such_command(text).map(Slash::NoSkill)
    }

    /// The command in a message that wishes for a model which its sender cannot have: `/model` says why.
    fn unmet(&self, caller: &Caller, own: &Preferences) -> Option<Slash> {
        let slash = Slash::Model(Wish::Set(own.model.clone()?));
        let has_it = |model: &str| self.host.model().choose(model).is_ok();
        let can_have = caller.scopes.allows(slash.scope()) && own.model.as_deref().is_some_and(has_it);
        (!can_have).then_some(slash)
    }
}
