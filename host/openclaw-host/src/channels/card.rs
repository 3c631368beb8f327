//! Cards in chats: shown there, and changed once their questions are answered, wherever that was.

use claw_core::approval::{Approval, ApprovalState};
use claw_core::event::HOST_MARK;
use claw_core::id::SessionKey;

use super::reply::{self, Way};
use crate::causes;
use crate::host::{Host, now};

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
    let title = format!("{HOST_MARK} {}", first.card.title);
    let about = (title, questions.iter().map(|question| question.id.clone()).collect());
    if let Err(err) = host.store.post_card(session, about, way.cut(card), now()).await {
        tracing::error!(%session, error = causes::chain(&err), "a card cannot be shown in a chat");
    }
    host.channels.wake();
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
