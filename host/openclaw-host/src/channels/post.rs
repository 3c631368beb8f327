//! What goes out over a channel: from the outbox to the service.

use std::sync::Arc;
use std::time::Duration;

use claw_core::channel::{self, Failure, Outgoing};
use claw_core::id::Timestamp;
use claw_store::{Attempt, BlobError, Claimed, Content, OutgoingFile, OutgoingRow, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Channel, call, patience};
use crate::causes;
use crate::crash_point;
use crate::host::{Host, now};

/// Messages that are being sent at the same time, each to another chat.
const AT_ONCE: usize = 4;
/// What stands with a message of which nobody knows whether it came, where the service would show it twice.
const AGAIN: &str = "(Sent once more: the first time nobody knows whether it came.)";
/// What parts that from the text behind it.
const PARTED: &str = "\n\n";
/// What is left free in each message for both, in UTF-16 units.
pub const SPARE: usize = AGAIN.len() + PARTED.len();

/// Sends what there is to send, until `stop`; what is being sent then may end before `cut_off`.
pub async fn post(host: Arc<Host>, channel: Arc<Channel>, stop: CancellationToken, cut_off: CancellationToken) {
    let mut sending = JoinSet::new();
    let mut failures = 0;
    loop {
        let free = AT_ONCE - sending.len();
        let next = match claim(&host, &channel, free).await {
            Ok((rows, next)) => {
                failures = 0;
                for row in rows {
                    sending.spawn(send(Arc::clone(&host), Arc::clone(&channel), row, cut_off.clone()));
                }
                next
            }
            Err(err) => {
                tracing::error!(channel = %channel.name, error = causes::chain(&err), "the outbox cannot be read");
                let wait = patience(failures, &Failure::Unavailable(String::new()));
                failures += 1;
                Some(wait)
            }
        };
        let is_full = sending.len() == AT_ONCE;
        tokio::select! {
            () = channel.post.notified(), if !is_full => {}
            () = tokio::time::sleep(next.unwrap_or_default()), if next.is_some() && !is_full => {}
            Some(_) = sending.join_next(), if !sending.is_empty() => {}
            () = stop.cancelled() => break,
        }
    }
    while sending.join_next().await.is_some() {}
}

/// Messages to send now, each marked as such; and how long there is nothing else to do.
async fn claim(
    host: &Host,
    channel: &Channel,
    free: usize,
) -> Result<(Vec<OutgoingRow>, Option<Duration>), StoreError> {
    let at = now();
    let next_due = || host.store.next_due(&channel.source);
    let from_now = |next: Timestamp| Duration::from_millis(next.0.saturating_sub(at.0));
    let next = next_due()?.map(from_now);
    if free == 0 || next.is_none_or(|wait| !wait.is_zero()) {
        return Ok((Vec::new(), next));
    }
    let Claimed { to_send, expired } = host.store.claim(&channel.source, free, at).await?;
    for row in expired {
        let why = row.why.as_deref().unwrap_or_default();
        tracing::warn!(channel = %channel.name, id = row.id, why, "a message was given up; see `openclaw-host outbox`");
    }
    crash_point::pass("outgoing claimed");
    Ok((to_send, next_due()?.map(from_now)))
}

/// Sends a message in the place of another, if it has one and that is still there; else as a new one.
async fn put(
    host: &Arc<Host>,
    channel: &Channel,
    row: OutgoingRow,
    cut_off: &CancellationToken,
) -> Result<String, Failure> {
    let abilities = channel.component(host).map(|(_, abilities)| abilities);
    let (edits, idempotent) = abilities.map_or((false, false), |it| (it.edits, it.idempotent));
    let key = row.key();
    let OutgoingRow { id, to, content, reply_to, replaces, unsure, .. } = row;
    let again = (unsure && !idempotent).then_some(AGAIN);
    let text = match content {
        Content::Text(text) => text,
        Content::File(OutgoingFile { name, media_type, digest, bytes: size }) => {
            let (chat, caption) = (to.id, again.map(str::to_owned));
            let file = channel::OutgoingFile { key, chat, name, media_type, digest, size, caption, reply_to };
            let bytes = bytes(host, &file).await?;
            return call::send_file(host, channel, &file, bytes, cut_off).await;
        }
    };
    let new = Outgoing { key, chat: to.id, text, reply_to, replaces: None };
    if edits && replaces.is_some() {
        // Who does not know whether it came can do it again: it is shown once.
        match call::send(host, channel, &Outgoing { replaces, ..new.clone() }, cut_off).await {
            Err(Failure::Rejected(why)) => {
                tracing::info!(channel = %channel.name, id, why, "a message cannot be changed; another is sent");
            }
            other => return other,
        }
    }
    let text = again.map_or_else(|| new.text.clone(), |again| format!("{again}{PARTED}{}", new.text));
    call::send(host, channel, &Outgoing { text, ..new }, cut_off).await
}

/// The bytes of a file, as they were when it was put into the outbox.
async fn bytes(host: &Host, file: &channel::OutgoingFile) -> Result<Vec<u8>, Failure> {
    let (blobs, digest) = (host.blobs.clone(), file.digest);
    let read = tokio::task::spawn_blocking(move || blobs.get(&digest)).await;
    let read = read.unwrap_or_else(|err| std::panic::resume_unwind(err.into_panic()));
    read.map_err(|err| match err {
        BlobError::Missing { .. } | BlobError::Damaged { .. } => Failure::Rejected(causes::chain(&err)),
        BlobError::Io { .. } | BlobError::Names(_) => Failure::Unavailable(causes::chain(&err)),
    })
}

async fn send(host: Arc<Host>, channel: Arc<Channel>, row: OutgoingRow, cut_off: CancellationToken) {
    let (id, attempts, expires) = (row.id, row.attempts, row.expires);
    let attempt = match put(&host, &channel, row, &cut_off).await {
        Ok(message) => {
            channel.sends();
            Attempt::Sent { message }
        }
        Err(failure) => {
            let again = match failure {
                Failure::Rejected(_) => None,
                // Only the owner can change that, and what changes wakes it: until its time is over it waits.
                Failure::Refused(_) => Some(expires),
                _ => Some(now().plus(patience(attempts.saturating_sub(1), &failure))),
            };
            channel.is_refused(&failure);
            let why = failure.to_string();
            if again.is_none() {
                tracing::warn!(channel = %channel.name, id, why, "a message cannot be sent; see `openclaw-host outbox`");
            }
            Attempt::Failed { why, unsure: matches!(failure, Failure::Unknown(_)), again }
        }
    };
    crash_point::pass("outgoing sent");
    if let Err(err) = host.store.settle(id, attempt, now()).await {
        // It counts as being sent until the next start, which sends it once more and says so.
        tracing::error!(channel = %channel.name, id, error = causes::chain(&err), "what became of a message is not kept");
    }
}
