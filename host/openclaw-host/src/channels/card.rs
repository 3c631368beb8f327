//! Cards in chats: shown there, and changed once their questions are answered, wherever that was.

use claw_core::approval::{Approval, ApprovalState};
use claw_core::event::HOST_MARK;
use claw_core::id::SessionKey;
use claw_core::outbound;
use claw_store::Outgoing;

use super::reply::{self, Way};
use crate::causes;
use crate::host::{Host, now};

/// Room for what each part of a card begins with, in UTF-16 units.
const PART: usize = 96;

/// Shows questions in the chat of a conversation, if it belongs to one.
pub async fn show_card(host: &Host, session: &SessionKey, questions: &[Approval], card: &str) {
    let edits = |way: &Way<'_>| way.channel.component(host).is_ok_and(|(_, abilities)| abilities.edits);
    let (Ok(Some(way)), [first, ..]) = (Way::of(host, session), questions) else {
        return reply::say(host, session, card).await;
    };
    // What cannot be changed stays as it is.
    if !edits(&way) {
        return reply::say(host, session, card).await;
    }
    let (messages, whole) = cut(&way, first, card);
    let title = format!("{HOST_MARK} {}{whole}", first.card.title);
    let about = (title, questions.iter().map(|question| question.id.clone()).collect());
    if let Err(err) = host.store.post_card(session, about, messages, now()).await {
        tracing::error!(%session, error = causes::chain(&err), "a card cannot be shown in a chat");
    }
    host.channels.wake();
}

/// A card as messages of a chat, and what the last of them says of the others once it is changed. Only that one will be:
/// the others say so, that none looks like an open question for ever.
fn cut(way: &Way<'_>, first: &Approval, card: &str) -> (Vec<Outgoing>, String) {
    let whole = way.cut(card);
    let room = way.limit().saturating_sub(PART);
    if whole.len() < 2 || room < outbound::LEAST {
        return (whole, String::new());
    }
    let parts = outbound::parts(card, room);
    let (id, count) = (first.id.short(), parts.len());
    let head = |number| match number == count {
        true => format!("(Card `{id}`, {number} of {count}.)"),
        false => format!("(Card `{id}`, {number} of {count}. What becomes of it stands in the last one.)"),
    };
    let part = |(number, part)| reply::message(&way.chat, format!("{}\n\n{part}", head(number)));
    ((1..).zip(parts).map(part).collect(), format!(" (in {count} messages, of which this is the last)"))
}

/// Notes what became of a question; a card in a chat says so once none of its questions is open.
pub async fn card_answered(host: &Host, question: &Approval) {
    let what = match &question.state {
        ApprovalState::Approved { by, always: None, .. } => format!("approved once, by `{by}`"),
        ApprovalState::Approved { by, always: Some(grant), .. } => format!("approved for good (`{grant}`), by `{by}`"),
        ApprovalState::Denied { by, paused: false, .. } => format!("denied, by `{by}`"),
        ApprovalState::Denied { by, paused: true, .. } => format!("denied and the component paused, by `{by}`"),
        ApprovalState::Expired => "nobody answered in time".to_owned(),
        ApprovalState::Withdrawn => "not needed any more".to_owned(),
        ApprovalState::Used { .. } | ApprovalState::Pending => return,
    };
    // Most hosts have no channel, and incognito conversations are in none.
    if host.channels.all().next().is_none() || question.session.is_incognito() {
        return;
    }
    match host.store.answer_card(&question.id, format!("`{}`: {what}", question.id.short()), now()).await {
        Ok(true) => host.channels.wake(),
        Ok(false) => {}
        Err(err) => tracing::error!(approval = %question.id, error = causes::chain(&err), "a card cannot be changed"),
    }
}
