//! What the model's window holds, by the same count as when it is asked.

use claw_core::context;
use claw_core::id::SessionKey;
use claw_core::inbound::Origin;
use claw_core::message::{Entry, Message};
use claw_store::StoreError;

use super::{asking, compaction};
use crate::host::{Host, now};
use crate::prompt::{self, Speaker};
use crate::ways::Ways;

/// What a conversation's next question would hold, in tokens as the host counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// What the model could read and write in one call.
    pub known: u64,
    /// What of that is used.
    pub window: u64,
    /// Kept free for the reply.
    pub reserve: u64,
    /// The instructions.
    pub system: u64,
    /// The tools that are listed, and how many they are.
    pub tools: (u64, usize),
    /// Tools that are left out, and found when they are looked for.
    pub hidden: usize,
    /// The conversation as it is sent, and its messages.
    pub conversation: (u64, usize),
    /// What it may take before something of it is summarised.
    pub room: u64,
    /// What a summary then leaves as it is, at least.
    pub kept: u64,
    /// The tokens of the summary that stands in it.
    pub summary: Option<u64>,
}

/// The figures of a conversation whose next message comes over this channel.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub async fn figures(host: &Host, session: &SessionKey, channel: &str, ways: &Ways) -> Result<Figures, StoreError> {
    let log = host.store_of(session).context(session)?;
    let agent = host.agents.of(session);
    let shelf = agent.skills.shelf(host).await;
    let skills = agent.skills.listing(&shelf);
    let speaker = Speaker { session, origin: Origin::Owner, channel };
    let system = prompt::system(&agent.workspace, skills.as_deref(), &speaker, now()).text;
    let sub_agent = host.store_of(session).sub_agent(session)?;
    let offer = asking::offer(host, &shelf, session, sub_agent.as_ref(), &log);
    let ways = Ways { model: ways.model.clone().learn().await, ..ways.clone() };
    let room = asking::room(host, &ways, 1.0, &system, offer.tokens);
    let seen = context::seen(&log);
    let excerpt = asking::excerpt(host, session, &seen, &room);
    let summary = |entry: &&Entry| matches!(entry.message, Message::Summary { .. });
    let summary = seen.into_iter().find(summary).map(|entry| context::of_message(&entry.message));
    Ok(Figures {
        known: ways.model.facts.context_tokens,
        window: room.window,
        reserve: room.reserve,
        system: room.taken - offer.tokens,
        tools: (offer.tokens, offer.specs.len()),
        hidden: offer.hidden,
        conversation: (excerpt.tokens, excerpt.messages.len()),
        room: room.free(),
        kept: compaction::kept(host, &room),
        summary,
    })
}
