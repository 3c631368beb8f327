//! What comes in over a channel.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use claw_core::channel::{self, Failure, Person};
use claw_core::id::{AgentId, ComponentName, Digest, RunId, SessionKey};
use claw_core::inbound::{Inbound, Origin, Source};
use claw_core::label::Labels;
use claw_gateway::{Caller, RpcError, Scope, Scopes};
use claw_store::{Accepted, Begun, CommandRow, Preferences, Received, StoreError};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Channel, attachment, call, patience, reply};
use crate::api::{Api, Said, Slash};
use crate::causes;
use crate::crash_point;
use crate::host::{Host, now};
use crate::images;

/// Strangers that are told once that they are not known here.
const STRANGERS: usize = 1000;
/// What some services send when somebody opens the chat.
const HELLO: &str = "/start";

/// Asks for messages until `stop`.
pub async fn feed(host: Arc<Host>, api: Arc<Api>, channel: Arc<Channel>, stop: CancellationToken) {
    let mut feed = Feed { host, api, channel, stop, strangers: HashSet::new() };
    let mut failures = 0;
    while !feed.stop.is_cancelled() {
        let wait = match feed.next().await {
            Ok(wait) => {
                failures = 0;
                wait
            }
            Err(_) if feed.stop.is_cancelled() => return,
            Err(failure) => {
                let wait = patience(failures, &failure);
                failures += 1;
                feed.channel.fails(&failure);
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = feed.channel.granted.notified() => {}
            () = feed.stop.cancelled() => {}
        }
    }
}

struct Feed {
    host: Arc<Host>,
    api: Arc<Api>,
    channel: Arc<Channel>,
    stop: CancellationToken,
    /// Chats of people who were told that they are not known here.
    strangers: HashSet<String>,
}

/// One message of the owner's.
struct Heard {
    session: SessionKey,
    caller: Caller,
    said: Said,
}

impl Feed {
    /// Takes one batch in. Its messages and the place up to which the service was read become durable at once; only then
    /// anything follows from them.
    async fn next(&mut self) -> Result<Duration, Failure> {
        let Feed { host, channel, .. } = self;
        let (store, source) = (host.store.clone(), channel.source.clone());
        let cursor = store.cursor(&source).map_err(|err| unavailable(&err))?;
        let cursor = cursor.map(|cursor| String::from_utf8_lossy(&cursor).into_owned());
        let batch = call::receive(host, channel, cursor.as_deref(), &self.stop).await?;
        // Before anything that came with it can ask whether people are heard here.
        channel.works();
        let (mut received, mut commands, mut heard) = (Vec::new(), Vec::new(), Vec::new());
        let (mut shown, mut room) = (Vec::new(), attachment::ROOM);
        for message in batch.messages {
            let channel::Received { id, chat, direct, sender, text, attachments, .. } = message;
            if !direct || !self.channel.settings.owner.contains(&sender.id) {
                self.turn_away(&chat, direct, &sender).await;
                continue;
            }
            let peer = Source { account: sender.id, ..source.clone() };
            let agent = self.host.routes.agent(&source.whence(Some(&peer.account)));
            let session = session(&self.channel.name, &agent, &chat);
            let run = run(&self.channel.name, &chat, &id);
            let caller = Caller { source: peer, scopes: Scopes::of(&Scope::ALL), device: None };
            if text.trim().is_empty() && attachments.is_empty() {
                continue;
            }
            let text = if text.trim() == HELLO { "/help".to_owned() } else { text };
            let mut said = self.api.read(&caller, &session, text.clone(), Preferences::default()).await;
            if let Said::Command(slash) = &said {
                commands.push(CommandRow {
                    run: run.clone(),
                    session: session.clone(),
                    source: caller.source.clone(),
                    chat: Some(chat.clone()),
                    text,
                    changes: slash.changes(),
                    at: now(),
                    answer: None,
                });
            }
            if let Said::Words(words) = &mut said {
                let (host, channel, stop) = (&self.host, &self.channel, &self.stop);
                shown.push(attachment::take(host, channel, attachments, &mut words.text, &mut room, stop).await?);
                let (source, text) = (source.clone(), words.text.clone());
                let (session, run) = (session.clone(), run.clone());
                let inbound = Inbound { run, session, source, origin: Origin::Owner, text, images: Vec::new() };
                received.push(Received {
                    inbound,
                    chat: chat.clone(),
                    labels: Labels::default(),
                    own: words.own.clone(),
                });
            }
            heard.push(Heard { session, caller, said });
        }
        // Held until the rows that name the images are there; all at once, for a sweep lets nobody in who waits for it.
        let counts: Vec<_> = shown.iter().map(Vec::len).collect();
        let kept = images::keep(&self.host.blobs, shown.into_iter().flatten().collect()).await;
        let (images, _kept) = kept.map_err(|err| Failure::Unavailable(causes::chain(&err)))?;
        let mut images = images.into_iter();
        for (message, count) in received.iter_mut().zip(counts) {
            message.inbound.images = images.by_ref().take(count).collect();
        }
        if !heard.is_empty() || cursor.as_deref() != Some(&batch.cursor) {
            let runs: Vec<_> = received.iter().map(|message| message.inbound.run.clone()).collect();
            let taken = store.receive(&source, received, commands.clone(), batch.cursor.into_bytes(), now()).await;
            let (accepted, begun) = taken.map_err(|err| unavailable(&err))?;
            self.follow_up(heard, runs.into_iter().zip(accepted), commands.into_iter().zip(begun)).await;
        }
        Ok(Duration::from_millis(u64::from(batch.wait_ms)))
    }

    /// What follows from messages that are durable now, in their order. A command that the host is killed at is settled by
    /// the next start.
    async fn follow_up(
        &self,
        heard: Vec<Heard>,
        accepted: impl Iterator<Item = (RunId, Result<Accepted, StoreError>)>,
        begun: impl Iterator<Item = (CommandRow, Begun)>,
    ) {
        let (mut accepted, mut begun) = (accepted, begun);
        for Heard { session, caller, said } in heard {
            match said {
                Said::Words(words) => {
                    let (run, accepted) = accepted.next().expect("feed: what is said was received");
                    let begun = match accepted {
                        Ok(Accepted::New) => {
                            self.api.begin(&session, &run, &words, self.channel.name.as_str(), None).await
                        }
                        // Known before: its run has ended, or was taken up when the host started.
                        Ok(Accepted::Duplicate(_)) => Ok(()),
                        Err(err) => Err(RpcError::unavailable(err.to_string())),
                    };
                    if let Err(err) = begun {
                        tracing::error!(%run, error = err.message, "a message does not begin its run");
                    }
                }
                Said::Command(slash) => {
                    let (command, begun) = begun.next().expect("feed: what is commanded was taken in");
                    if begun == Begun::New {
                        self.obey(&caller, command, slash).await;
                    }
                }
            }
        }
    }

    /// Does what a command says; its answer is durable together with the message that brings it.
    async fn obey(&self, caller: &Caller, command: CommandRow, slash: Slash) {
        crash_point::pass("command begun");
        let text = self.api.obeyed(caller, &command.session, slash).await;
        crash_point::pass("command done");
        let (run, chat) = (command.run.clone(), command.chat.clone().unwrap_or_default());
        let messages = reply::to_chat(&self.host, self.channel.name.as_str(), &chat, &text);
        if let Err(err) = self.host.store.end_command(command, text, messages, now()).await {
            tracing::error!(%run, error = causes::chain(&err), "the answer of a command is not kept");
        }
        self.host.channels.wake();
        crash_point::pass("command ended");
    }

    /// Somebody else than the owner has written, or in a group: nobody is answered there. Who writes for the first time
    /// is told how to be known.
    async fn turn_away(&mut self, chat: &str, direct: bool, sender: &Person) {
        let name = &self.channel.name;
        if !direct {
            tracing::debug!(channel = %name, chat, "a message in a group was left out; only direct ones are answered");
            return;
        }
        if self.strangers.contains(chat) || self.strangers.len() >= STRANGERS {
            return;
        }
        self.strangers.insert(chat.to_owned());
        tracing::info!(channel = %name, id = sender.id, name = sender.name, "somebody wrote who is not known here");
        let text = format!(
            "This assistant answers its owner only. Your id here is `{}`: if it is yours, add that to \
             `channels.{name}.owner` in its configuration and start it again.",
            sender.id
        );
        self.say(chat.to_owned(), &text).await;
    }

    async fn say(&self, chat: String, text: &str) {
        let messages = reply::to_chat(&self.host, self.channel.name.as_str(), &chat, text);
        if let Err(err) = self.host.store.post(None, messages, now()).await {
            tracing::error!(channel = %self.channel.name, error = causes::chain(&err), "something cannot be said in a chat");
        }
        self.host.channels.wake();
    }
}

/// The conversation that a chat has with an agent.
fn session(channel: &ComponentName, agent: &AgentId, chat: &str) -> SessionKey {
    // Keys are in lower case and without spaces; a chat that is not would not be told from others.
    let is_plain = chat.len() <= 256 && chat.to_lowercase() == chat;
    let key = |chat: &str| SessionKey::parse(&format!("{channel}:direct:{chat}"), agent);
    let plain = if is_plain { key(chat).ok() } else { None };
    plain.unwrap_or_else(|| key(&digest(chat)).expect("feed: hex digits make a session key"))
}

/// The run of a message: the same, whenever it is delivered.
fn run(channel: &ComponentName, chat: &str, id: &str) -> RunId {
    let is_plain = !chat.contains(':') && !id.contains(':');
    let plain = if is_plain { RunId::parse(&format!("{channel}:{chat}:{id}")).ok() } else { None };
    let digested = || format!("{channel}:{}", digest(&format!("{}:{chat}:{id}", chat.len())));
    plain.unwrap_or_else(|| RunId::parse(&digested()).expect("feed: hex digits make a run id"))
}

/// The service's id of the message that a run answers, where it can be told from the run's.
pub fn message_id<'a>(channel: &ComponentName, run: &'a RunId) -> Option<&'a str> {
    let (_, id) = run.as_str().strip_prefix(channel.as_str())?.strip_prefix(':')?.split_once(':')?;
    Some(id)
}

fn digest(text: &str) -> String {
    Digest(Sha256::digest(text).into()).to_string()[..32].to_owned()
}

fn unavailable(err: &StoreError) -> Failure {
    Failure::Unavailable(causes::chain(err))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_run_and_a_chat_one_conversation() {
        let channel = ComponentName::parse("telegram").unwrap();
        let agent = AgentId::parse("main").unwrap();
        assert_eq!(session(&channel, &agent, "42").to_string(), "agent:main:telegram:direct:42");
        assert_eq!(run(&channel, "42", "7").as_str(), "telegram:42:7");
        assert_eq!(message_id(&channel, &run(&channel, "42", "7")), Some("7"));
        // What is not told apart by its letters is by its digest.
        let (large, small) = (session(&channel, &agent, "!Ab:x"), session(&channel, &agent, "!ab:x"));
        assert_ne!(large, small);
        assert_ne!(run(&channel, "a:b", "c"), run(&channel, "a", "b:c"));
        assert_eq!(message_id(&channel, &run(&channel, "a:b", "c")), None);
        let long = "x".repeat(256);
        assert_ne!(run(&channel, &long, "1"), run(&channel, &long, "2"));
        session(&channel, &agent, "with space");
    }
}
