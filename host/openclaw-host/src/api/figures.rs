//! What `/usage` and `/context` tell.

use std::fmt::Write;

use claw_core::id::SessionKey;
use claw_gateway::{Caller, RpcError};

use super::{Api, stored};
use crate::host::now;
use crate::run;
use crate::spending::{self, Used};

impl Api {
    /// What this conversation and this day have used, and what the limits leave of it.
    pub(super) fn usage(&self, session: &SessionKey) -> Result<String, RpcError> {
        let host = &self.host;
        let at = now();
        let used = host.spending.used(host.store_of(session), session, at).map_err(stored)?;
        let mut lines: Vec<_> = used.iter().map(used_line).collect();
        let run = host.spending.limits().run;
        let most = [run.tokens.map(|tokens| format!("{tokens} tokens")), run.micros.map(spending::dollars)];
        let most: Vec<_> = most.into_iter().flatten().collect();
        if !most.is_empty() {
            lines.push(format!("one run may use {}", most.join(" and ")));
        }
        let model = self.ways(session)?.1.model;
        if model.facts.prices.is_none() {
            lines.push(format!("nobody knows what {} costs, so it counts as nothing", model.name));
        }
        Ok(lines.join("\n"))
    }

    /// What the model's window would hold with the next question.
    pub(super) async fn context(&self, caller: &Caller, session: &SessionKey) -> Result<String, RpcError> {
        let host = &self.host;
        let ways = self.ways(session)?.1;
        let figures = run::figures(host, session, &caller.source.channel, &ways).await.map_err(stored)?;
        let run::Figures { known, window, reserve, system, tools, hidden, conversation, room, kept, summary } = figures;
        let free = room.saturating_sub(conversation.0);
        let mut text = format!("{}: {known} tokens of context, of which {window} are used", ways.model.name);
        let _ = write!(text, "\n- instructions: {system}\n- tools: {} for {}", tools.0, tools.1);
        if hidden > 0 {
            let _ = write!(text, "; {hidden} more are found when they are looked for");
        }
        let (said, count) = conversation;
        let _ = write!(text, "\n- conversation: {said} for {count} messages");
        if let Some(summary) = summary {
            let _ = write!(text, ", the first of which is a summary with {summary}");
        }
        let _ = write!(text, "\n- kept free for the reply: {reserve}\n- free: {free}");
        let _ = match said <= room {
            true => write!(text, "\nbeyond {room} tokens of conversation, all but the newest {kept} become a summary"),
            false => write!(text, "\nwith the next message, all but the newest {kept} tokens become a summary"),
        };
        text.push_str("; `/compact` makes one of all of it now");
        Ok(text)
    }
}

fn used_line(used: &Used) -> String {
    let Used { of, cost, limit, left } = used;
    let mut line = format!("{of}: {} tokens, {}", cost.tokens, spending::dollars(cost.micros));
    if let (Some(limit), Some(left)) = (limit.tokens, left.tokens) {
        let _ = write!(line, "; {left} of {limit} tokens are left");
    }
    if let (Some(limit), Some(left)) = (limit.micros, left.micros) {
        let _ = write!(line, "; {} of {} are left", spending::dollars(left), spending::dollars(limit));
    }
    line
}
