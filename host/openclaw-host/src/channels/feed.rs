//! What comes in over a channel.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use claw_core::channel::{self, Failure, Person};
use claw_core::id::{AgentId, ComponentName, Digest, RunId, SessionKey};
use claw_core::inbound::{Chat, Inbound, Origin, Source};
use claw_core::label::Labels;
use claw_gateway::{Caller, RpcError, Scope, Scopes};
use claw_store::{Accepted, Preferences, Received, StoreError};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Channel, call, patience, reply};
use crate::api::{Api, Said};
use crate::causes;
use crate::host::{Host, now};

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
                feed.channel.works();
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
    chat: String,
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
        let (mut received, mut heard) = (Vec::new(), Vec::new());
        for message in batch.messages {
            let channel::Received { id, chat, direct, sender, text, .. } = message;
            if !direct || !self.channel.settings.owner.contains(&sender.id) {
                self.turn_away(&chat, direct, &sender).await;
                continue;
            }
            let peer = Source { account: sender.id, ..source.clone() };
            let agent = self.host.routes.agent(&source.whence(Some(&peer.account)));
            let session = session(&self.channel.name, &agent, &chat);
            let run = run(&self.channel.name, &chat, &id);
            let caller = Caller { source: peer, scopes: Scopes::of(&Scope::ALL), device: None };
            if text.trim().is_empty() {
                continue;
            }
            let text = if text.trim() == HELLO { "/help".to_owned() } else { text };
            let said = self.api.read(&caller, &session, text, Preferences::default()).await;
            if let Said::Words(words) = &said {
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
            heard.push(Heard { chat, session, caller, said });
        }
        if !heard.is_empty() || cursor.as_deref() != Some(&batch.cursor) {
            let runs: Vec<_> = received.iter().map(|message| message.inbound.run.clone()).collect();
            let accepted = store.receive(&source, received, batch.cursor.into_bytes(), now()).await;
            let accepted = accepted.map_err(|err| unavailable(&err))?;
            self.follow_up(heard, runs.into_iter().zip(accepted)).await;
        }
        Ok(Duration::from_millis(u64::from(batch.wait_ms)))
    }

    /// What follows from messages that are durable now, in their order. A command that the host is killed at is not done
    /// again: twice could be once too often.
    async fn follow_up(
        &self,
        heard: Vec<Heard>,
        accepted: impl Iterator<Item = (RunId, Result<Accepted, StoreError>)>,
    ) {
        let mut accepted = accepted;
        for Heard { chat, session, caller, said } in heard {
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
                    let text = self.api.obeyed(&caller, &session, slash).await;
                    self.say(chat, &text).await;
                }
            }
        }
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
        let chat = Chat { source: self.channel.source.clone(), id: chat };
        reply::to_chat(&self.host, &self.channel, chat, text).await;
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
