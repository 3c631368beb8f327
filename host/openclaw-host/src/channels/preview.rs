//! A message that grows while the model speaks, and becomes its answer in the end.
//!
//! It goes straight to the service, beside the outbox: whatever becomes of it, what is recorded is sent by the outbox, in
//! its place if it is there.

use std::sync::Arc;
use std::time::Duration;

use claw_core::channel::{Failure, Outgoing};
use claw_core::id::Digest;
use claw_core::outbound;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::reply::{self, Way};
use super::{Channel, call};
use crate::host::{Host, random_bytes};

/// At most so often a preview changes. Telegram takes about one message a second in a chat.
const EVERY: Duration = Duration::from_secs(1);
/// How long a change that is on its way when the answer is there may still take.
const LAST: Duration = Duration::from_secs(5);

/// The preview of one answer.
pub struct Preview {
    /// All that the model has said.
    said: watch::Sender<String>,
    over: DropGuard,
    showing: JoinHandle<Option<String>>,
}

struct Showing {
    host: Arc<Host>,
    channel: Arc<Channel>,
    chat: String,
    /// The service's id of the message that is answered.
    own: Option<String>,
    /// Units of one message.
    limit: usize,
    said: watch::Receiver<String>,
    over: CancellationToken,
}

impl Preview {
    /// Shows what is said from now on; `own` is the service's id of the message that is answered.
    pub fn begin(host: &Arc<Host>, way: Way<'_>, own: Option<String>) -> Preview {
        let (said, hears) = watch::channel(String::new());
        let over = CancellationToken::new();
        let showing = Showing {
            host: Arc::clone(host),
            channel: Arc::clone(way.channel),
            own,
            limit: way.limit(),
            chat: way.chat.id,
            said: hears,
            over: over.clone(),
        };
        Preview { said, over: over.drop_guard(), showing: tokio::spawn(showing.run()) }
    }

    /// The model said a bit more.
    pub fn push(&mut self, delta: &str) {
        self.said.send_modify(|said| said.push_str(delta));
    }

    /// The service's id of the message, if it may be there; nothing changes it any more. Waits for no more than the change
    /// that is on its way.
    pub async fn end(self) -> Option<String> {
        drop(self.over);
        self.showing.await.unwrap_or_default()
    }
}

impl Showing {
    async fn run(mut self) -> Option<String> {
        let (mut id, mut shown) = (None, String::new());
        let over = self.over.clone();
        loop {
            tokio::select! {
                biased;
                () = over.cancelled() => return id,
                changed = self.said.changed() => if changed.is_err() { return id },
            }
            let next = outbound::preview(&self.said.borrow_and_update(), self.limit);
            let Some(next) = next.filter(|next| next.text != shown) else { continue };
            let message = Outgoing {
                // Each change is one of its own: what a service has seen already it may leave out.
                key: Digest(random_bytes()).to_string()[..32].to_owned(),
                chat: self.chat.clone(),
                text: next.text,
                reply_to: reply::answered(next.reply_to, self.own.as_deref()),
                replaces: id.clone(),
            };
            let wait = match self.send(&message).await {
                Some(Ok(sent)) => {
                    id = Some(sent);
                    shown = message.text;
                    EVERY
                }
                Some(Err(Failure::Limited(ms))) => {
                    // The same is shown then, if no more was said meanwhile.
                    self.said.mark_changed();
                    EVERY.max(Duration::from_millis(u64::from(ms)))
                }
                Some(Err(failure)) => {
                    let channel = &self.channel.name;
                    tracing::info!(%channel, why = %failure, "an answer is not shown before it is there");
                    return id;
                }
                // It may yet be done, and would then stand in the place of the answer.
                None => return None,
            };
            tokio::select! {
                () = over.cancelled() => return id,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Sends one change; `None` if it took too long and was given up.
    async fn send(&self, message: &Outgoing) -> Option<Result<String, Failure>> {
        let give_up = CancellationToken::new();
        let mut sending = std::pin::pin!(call::send(&self.host, &self.channel, message, &give_up));
        let late = async {
            self.over.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        tokio::select! {
            sent = &mut sending => return Some(sent),
            () = late => {}
        }
        give_up.cancel();
        // What was sent at this moment counts.
        sending.await.ok().map(Ok)
    }
}
