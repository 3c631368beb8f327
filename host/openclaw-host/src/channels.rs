//! Channels: chat services that people write over. A component speaks with the service; the host asks it for messages,
//! and hands it what is to be sent.
//!
//! ```text
//!   service ─► component ─► feed ─► store: messages and cursor, at once ─► lanes
//!   service ◄─ component ◄─ post ◄─ store: outbox ◄─ ends of runs, their files, cards, notices
//!                        ◄─ preview ◄─ what a model is saying
//! ```

mod attachment;
mod call;
mod card;
mod feed;
mod file;
mod post;
mod preview;
mod reply;
mod stream;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claw_core::channel::{Abilities, Failure};
use claw_core::id::{ComponentName, Timestamp};
use claw_core::inbound::Source;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::card::{card_answered, show_card};
pub use self::file::Reader;
pub use self::reply::{Heard, STOPPED, Said, begins_anew, is_heard, of_run, said, say, to_chat};
pub use self::stream::{Shown, Stream};
use crate::api::{Api, DIRECT};
use crate::catalog::Installed;
use crate::causes;
use crate::effects::OnRecord;
use crate::host::{Host, now};
use crate::settings::{ChannelSettings, Settings, StreamingWord};
use crate::tasks::CHANNEL as SUB_AGENT;

/// Names that mean something else in sources of messages and in keys of conversations.
pub const RESERVED: [&str; 6] = ["ws", "http", "cli", DIRECT, SUB_AGENT, "incognito"];
/// The account of a channel; a component has one.
const ACCOUNT: &str = "default";
/// How long a channel that has begun to fail still counts as one that people are heard by: connections break and come back.
const MOMENT: Duration = Duration::from_secs(300);
/// How long the host leaves a service alone that failed: the first time, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// All channels.
pub struct Channels(BTreeMap<String, Arc<Channel>>);

/// One channel.
pub struct Channel {
    /// Of the component, too.
    pub name: ComponentName,
    /// What its owner has set.
    pub settings: ChannelSettings,
    /// The account that messages come to.
    pub source: Source,
    /// What its calls were allowed, and is on record.
    on_record: OnRecord,
    /// Something may have to be sent.
    post: Notify,
    /// What it may do has changed.
    granted: Notify,
    health: Mutex<Health>,
}

/// How a channel does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it does.
    pub state: State,
    /// Since when it is so.
    pub since: Timestamp,
}

/// What a channel does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its first request is under way.
    Starts,
    /// Its last request was answered.
    Works,
    /// Its last request was not; it is tried again.
    Fails(String),
    /// What it needs is not granted; it is tried again once that changes.
    Refused(String),
}

/// What is known of a channel.
struct Health {
    standing: Standing,
    /// What it could not send for want of a grant.
    refused: Option<Standing>,
    /// When it worked last.
    worked: Option<Timestamp>,
}

// === impl State ===

impl State {
    /// Its name.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::Starts => "starts",
            State::Works => "works",
            State::Fails(_) => "fails",
            State::Refused(_) => "refused",
        }
    }

    /// Why it does not work.
    pub fn failure(&self) -> Option<&str> {
        match self {
            State::Starts | State::Works => None,
            State::Fails(why) | State::Refused(why) => Some(why),
        }
    }
}

// === impl Channels ===

impl Channels {
    /// Those of the settings; nothing is asked yet.
    pub fn new(settings: &Settings) -> Self {
        let channel = |(name, settings): (&ComponentName, &ChannelSettings)| {
            let source = Source { channel: name.to_string(), account: ACCOUNT.to_owned() };
            let standing = Standing { state: State::Starts, since: now() };
            let channel = Channel {
                name: name.clone(),
                settings: settings.clone(),
                source,
                on_record: OnRecord::default(),
                post: Notify::new(),
                granted: Notify::new(),
                health: Mutex::new(Health { standing, refused: None, worked: None }),
            };
            (name.to_string(), Arc::new(channel))
        };
        Channels(settings.channels.iter().map(channel).collect())
    }

    /// The channel of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Channel>> {
        self.0.get(name)
    }

    /// Looks for something to send.
    pub fn wake(&self) {
        self.all().for_each(|channel| channel.post.notify_one());
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Channel>> {
        self.0.values()
    }
}

/// Takes up what was being sent when the host stopped.
pub async fn take_up(host: &Host) {
    match host.store.resume_outbox(now()).await {
        Ok(0) => {}
        Ok(count) => tracing::warn!(count, "messages were being sent when the host stopped; they are sent once more"),
        Err(err) => tracing::error!(error = causes::chain(&err), "the outbox cannot be read"),
    }
    // What was not granted may be now.
    all_changed(host).await;
}

/// What any component may do may have changed: what was refused to channels is tried again.
pub async fn all_changed(host: &Host) {
    for channel in host.channels.all() {
        changed(host, &channel.name).await;
    }
}

/// What a component may do has changed: if it is a channel, what was refused is tried again.
pub async fn changed(host: &Host, component: &ComponentName) {
    let Some(channel) = host.channels.get(component.as_str()) else { return };
    channel.health().refused = None;
    if let Err(err) = host.store.hurry_outbox(&channel.source, now()).await {
        tracing::error!(channel = %channel.name, error = causes::chain(&err), "the outbox cannot be read");
    }
    channel.granted.notify_one();
    channel.post.notify_one();
}

/// Serves all channels until `stop`; what is being sent then may end before `cut_off`.
pub async fn follow(host: Arc<Host>, api: Arc<Api>, stop: CancellationToken, cut_off: CancellationToken) {
    let mut tasks = JoinSet::new();
    for channel in host.channels.all() {
        if let Some(why) = channel.lacks(&host) {
            tracing::warn!(channel = %channel.name, why, "answers are sent when they are there");
        }
        tasks.spawn(feed::feed(Arc::clone(&host), Arc::clone(&api), Arc::clone(channel), stop.clone()));
        tasks.spawn(post::post(Arc::clone(&host), Arc::clone(channel), stop.clone(), cut_off.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

// === impl Channel ===

impl Channel {
    /// Its component, as it is installed now.
    ///
    /// # Errors
    /// Why there is none.
    pub fn component(&self, host: &Host) -> Result<(Arc<Installed>, Abilities), String> {
        let name = &self.name;
        let installed = host.catalog().component(name).cloned();
        let installed = installed.ok_or_else(|| format!("no component `{name}` is installed"))?;
        let abilities = installed.component.manifest.channel;
        let abilities =
            abilities.ok_or_else(|| format!("component `{name}` is no channel; take `channels.{name}` out"))?;
        Ok((installed, abilities))
    }

    /// How much of an answer is sent before all of it is there, as far as its service can do that.
    pub fn streaming(&self, host: &Host) -> StreamingWord {
        match self.lacks(host) {
            Some(_) => StreamingWord::Off,
            None => self.settings.streaming,
        }
    }

    /// Why it does not do what was set.
    pub fn lacks(&self, host: &Host) -> Option<String> {
        if self.settings.streaming != StreamingWord::Preview {
            return None;
        }
        let (_, abilities) = self.component(host).ok()?;
        (!abilities.edits).then(|| {
            let name = &self.name;
            format!("its service cannot change a message: `channels.{name}.streaming` counts as \"off\"")
        })
    }

    /// How it does.
    pub fn standing(&self) -> Standing {
        let health = self.health();
        match (&health.standing.state, &health.refused) {
            (State::Starts | State::Works, Some(refused)) => refused.clone(),
            _ => health.standing.clone(),
        }
    }

    /// Whether who is asked there may hear it: it works, or did a moment ago.
    pub fn reaches_people(&self) -> bool {
        match self.standing().state {
            State::Starts | State::Works => true,
            State::Fails(_) => self.health().worked.is_some_and(|worked| worked.plus(MOMENT) > now()),
            State::Refused(_) => false,
        }
    }

    fn works(&self) {
        self.health().worked = Some(now());
        if self.stands(State::Works) {
            tracing::info!(channel = %self.name, "the channel works");
        }
    }

    fn fails(&self, failure: &Failure) {
        if let Failure::Refused(why) = failure {
            if self.stands(State::Refused(why.clone())) {
                self.tell_of_refusal(why);
            }
        } else if self.stands(State::Fails(failure.to_string())) {
            tracing::warn!(channel = %self.name, error = %failure, "the channel does not work; it is tried again");
        }
    }

    /// A message was sent.
    fn sends(&self) {
        self.health().refused = None;
    }

    /// A message was not sent.
    fn is_refused(&self, failure: &Failure) {
        let Failure::Refused(why) = failure else { return };
        let refused = Standing { state: State::Refused(why.clone()), since: now() };
        let was = self.health().refused.replace(refused);
        if was.is_none() {
            self.tell_of_refusal(why);
        }
    }

    fn tell_of_refusal(&self, why: &str) {
        let name = &self.name;
        tracing::warn!(
            channel = %name, why,
            "the channel may not do what it has to; what is to be sent waits. `openclaw-host component grants {name}` \
             shows and changes what it is granted"
        );
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether that is new.
    fn stands(&self, state: State) -> bool {
        let mut health = self.health();
        if health.standing.state == state {
            return false;
        }
        health.standing = Standing { state, since: now() };
        true
    }
}

/// How long to wait after so many failures in a row, of which this is the last.
fn patience(failures: u32, failure: &Failure) -> Duration {
    let (first, most) = PATIENCE;
    let doubled = first.saturating_mul(1 << failures.min(16)).min(most);
    match failure {
        Failure::Limited(ms) => doubled.max(Duration::from_millis(u64::from(*ms))),
        _ => doubled,
    }
}
