//! What is to be sent: answers, and what the host says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use claw_core::event::{HOST_MARK, RunEnd};
use claw_core::id::SessionKey;
use claw_core::inbound::{Chat, Origin};
use claw_core::message::Message;
use claw_core::outbound::{self, Asides, Blocks, ReplyTo};
use claw_store::{Content, Kept, Outgoing, RunRow, StoreError};

use super::file::{Files, Reader};
use super::{Channel, Shown, feed, post};
use crate::causes;
use crate::host::{Host, now};
use crate::settings::StreamingWord;

/// How long something is worth sending.
const WORTH: Duration = Duration::from_secs(24 * 60 * 60);
/// Units of one message where the component that knows better is not there.
const USUAL_LIMIT: u32 = 2000;
/// Units of a block that is sent while the model still speaks, at least.
const BLOCK: usize = 400;

/// What is recorded of a run, as far as people hear of it.
pub struct Said<'a> {
    /// What comes into the conversation.
    pub entries: &'a [Message],
    /// How the run ends, if it does.
    pub end: Option<&'a RunEnd>,
    /// What people have seen of the answer.
    pub shown: &'a Shown,
    /// What reads the files that it names, or why nothing does.
    pub reader: Result<Reader, &'static str>,
}

/// What is to be sent for a run.
#[derive(Default)]
pub struct Heard {
    /// In order.
    pub messages: Vec<Outgoing>,
    /// Keeps their files until these messages are in the outbox.
    pub kept: Option<Kept>,
}

/// What people are told of a run that was stopped.
pub const STOPPED: &str = "The run was stopped.";
/// What stands where an answer was begun that did not come.
const GONE: &str = "…";

impl Said<'_> {
    /// Whether it ends the answer that was being given.
    pub fn ends_answer(&self) -> bool {
        self.end.is_some() || self.entries.iter().any(|entry| matches!(entry, Message::Assistant { .. }))
    }

    /// The files that it names to be sent along, as they are named, in order.
    pub fn files(entries: &[Message], end: Option<&RunEnd>) -> Vec<String> {
        let between = entries.iter().filter_map(|entry| match entry {
            Message::Assistant { text, .. } => Some(text),
            _ => None,
        });
        let last = match end {
            Some(RunEnd::Done { text, .. } | RunEnd::Aborted { text }) => Some(text),
            _ => None,
        };
        between.chain(last).flat_map(|text| outbound::media(text)).collect()
    }
}

/// What is sent for a run: what was said to people in it, and its answer. Nothing for one that was not started over a
/// channel.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub async fn of_run(host: &Host, row: &RunRow, said: Said<'_>) -> Result<Heard, StoreError> {
    let Some(way) = Way::of_run(host, row)? else { return Ok(Heard::default()) };
    let own = way.own(row);
    let own = own.as_deref();
    let named = Said::files(said.entries, said.end);
    let files = Files::read(host, way.largest_file(), named, said.reader.clone()).await;
    let mut messages = Vec::new();
    // Where the answer begins, and the last thing that the host says.
    let (mut answer, mut notice) = (None, None);
    let mut last = match said.end {
        Some(RunEnd::Done { text, .. }) => Some(text),
        _ => None,
    };
    for entry in said.entries {
        match entry {
            Message::Notice { text } => {
                let text = match (said.end, said.shown) {
                    // What was sent while it was written is not said again; what was not comes before the notice.
                    (Some(RunEnd::Aborted { text: begun }), Shown::Blocks(count))
                        if *count > 0 && text.starts_with(STOPPED) =>
                    {
                        messages.extend(way.answer(begun, own, said.shown, &files));
                        STOPPED
                    }
                    _ => text.as_str(),
                };
                notice = Some(messages.len());
                messages.extend(way.cut(&format!("{HOST_MARK} {text}")));
            }
            // An answer in between, which only who wants all of it gets to see.
            Message::Assistant { text, calls, .. } if !calls.is_empty() && way.streams() => {
                answer = Some(messages.len());
                messages.extend(way.answer(text, own, said.shown, &files));
            }
            // What the host says of the last one comes behind it.
            Message::Assistant { calls, .. } if calls.is_empty() => {
                if let Some(text) = last.take() {
                    answer = Some(messages.len());
                    messages.extend(way.answer(text, own, said.shown, &files));
                }
            }
            _ => {}
        }
    }
    if let Some(text) = last {
        answer = Some(messages.len());
        messages.extend(way.answer(text, own, said.shown, &files));
    }
    if let Shown::Preview(id) = said.shown
        && said.ends_answer()
    {
        // What was begun must not stay as if it were an answer; a file cannot take its place.
        let is_text = |place: &usize| messages.get(*place).is_some_and(|it| matches!(it.content, Content::Text(_)));
        let place = answer.filter(is_text).or(notice);
        match place {
            Some(place) => messages[place].replaces = Some(id.clone()),
            None => {
                messages.insert(0, Outgoing { replaces: Some(id.clone()), ..message(&way.chat, GONE.to_owned()) });
            }
        }
    }
    Ok(Heard { messages, kept: files.kept })
}

/// Something that the host says in a conversation, as messages of the chat that it belongs to.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn said(host: &Host, session: &SessionKey, text: &str) -> Result<Vec<Outgoing>, StoreError> {
    Ok(Way::of(host, session)?.map(|way| way.cut(text)).unwrap_or_default())
}

/// Says something in the chat that a conversation belongs to, if it belongs to one.
pub async fn say(host: &Host, session: &SessionKey, text: &str) {
    let said = match Way::of(host, session) {
        Ok(None) => return,
        Ok(Some(way)) => way.post(Some(session), text).await,
        Err(err) => Err(err),
    };
    if let Err(err) = said {
        tracing::error!(%session, error = causes::chain(&err), "something cannot be said in a chat");
    }
}

/// Says that a run which the host was stopped in goes on, where some of its answer may have been sent.
pub async fn begins_anew(host: &Host, row: &RunRow) {
    if Way::of_run(host, row).is_ok_and(|way| way.is_some_and(|way| way.streams())) {
        let text = format!("{HOST_MARK} the host was stopped while it answered; the answer begins anew.");
        say(host, &row.session, &text).await;
    }
}

/// What the host says as messages for a chat of a channel; none if there is no such channel any more.
pub fn to_chat(host: &Host, channel: &str, chat: &str, text: &str) -> Vec<Outgoing> {
    let Some(channel) = host.channels.get(channel) else { return Vec::new() };
    let chat = Chat { source: channel.source.clone(), id: chat.to_owned() };
    Way { host, channel, chat }.cut(text)
}

/// Whether people can be asked in the chat of a conversation.
pub fn is_heard(host: &Host, session: &SessionKey) -> bool {
    Way::of(host, session).is_ok_and(|way| way.is_some_and(|way| way.channel.reaches_people()))
}

/// Where to.
pub struct Way<'a> {
    host: &'a Host,
    /// By which channel.
    pub channel: &'a Arc<Channel>,
    /// The chat.
    pub chat: Chat,
}

impl<'a> Way<'a> {
    /// The way to the chat of a conversation; `None` if no channel's is open.
    pub fn of(host: &'a Host, session: &SessionKey) -> Result<Option<Way<'a>>, StoreError> {
        // Most hosts have none, and nobody has to read.
        if host.channels.all().next().is_none() {
            return Ok(None);
        }
        let chat = host.store.route_of(session)?;
        Ok(chat.and_then(|chat| Some(Way { host, channel: host.channels.get(&chat.source.channel)?, chat })))
    }

    /// The same for a run, if it was started over a channel, or tells of what one has handed over.
    pub fn of_run(host: &'a Host, row: &RunRow) -> Result<Option<Way<'a>>, StoreError> {
        let is_own = row.origin == Origin::SubAgent || host.channels.get(&row.source.channel).is_some();
        if is_own { Way::of(host, &row.session) } else { Ok(None) }
    }

    /// The service's id of the message that a run answers, where it is known.
    pub fn own(&self, row: &RunRow) -> Option<String> {
        feed::message_id(&self.channel.name, &row.run).map(str::to_owned)
    }

    /// How much of an answer is sent while it is written.
    pub fn streaming(&self) -> StreamingWord {
        self.channel.streaming(self.host)
    }

    /// Whether answers are sent while they are written.
    fn streams(&self) -> bool {
        self.streaming() != StreamingWord::Off
    }

    /// What makes blocks of an answer.
    pub fn blocks(&self) -> Blocks {
        let limit = self.limit();
        Blocks::new(BLOCK.min(limit), limit)
    }

    async fn post(&self, session: Option<&SessionKey>, text: &str) -> Result<(), StoreError> {
        self.host.store.post(session, self.cut(text), now()).await?;
        self.host.channels.wake();
        Ok(())
    }

    /// A model's answer to the message of this id, without the blocks that were sent while it was written.
    fn answer(&self, text: &str, own: Option<&str>, shown: &Shown, files: &Files) -> Vec<Outgoing> {
        let reply = if self.streaming() == StreamingWord::Block {
            let mut blocks = self.blocks();
            let mut parts = blocks.push(text);
            let rest = blocks.finish();
            parts.extend(rest.parts);
            outbound::Reply { parts, asides: rest.asides }
        } else {
            outbound::reply(text, self.limit())
        };
        let Asides { reply_to, media } = reply.asides;
        let mut messages: Vec<_> = reply.parts.into_iter().map(|part| message(&self.chat, part)).collect();
        let mut reply_to = answered(reply_to, own);
        if let Some(first) = messages.first_mut() {
            first.reply_to = reply_to.take();
        }
        if let Shown::Blocks(count) = shown {
            messages.drain(..(*count).min(messages.len()));
        }
        // Each once, however often it is named.
        let mut seen = BTreeSet::new();
        for named in media.iter().filter(|named| seen.insert(*named)) {
            match files.get(named) {
                Ok(file) => {
                    messages.push(Outgoing { content: Content::File(file), ..message(&self.chat, String::new()) })
                }
                Err(why) => messages.extend(self.cut(&why)),
            }
        }
        // Of an answer without a text.
        if let (Some(first), Some(_)) = (messages.first_mut(), &reply_to) {
            first.reply_to = reply_to;
        }
        messages
    }

    /// Bytes of the largest file that can be sent; 0 if none can.
    fn largest_file(&self) -> usize {
        self.channel.component(self.host).map_or(0, |(_, abilities)| abilities.largest_file())
    }

    /// A text of the host's as messages of the service.
    pub fn cut(&self, text: &str) -> Vec<Outgoing> {
        outbound::parts(text, self.limit()).into_iter().map(|part| message(&self.chat, part)).collect()
    }

    /// Units of one message.
    pub fn limit(&self) -> usize {
        let limit = self.channel.component(self.host).map_or(USUAL_LIMIT, |(_, abilities)| abilities.text_limit);
        (limit as usize).saturating_sub(post::SPARE).max(outbound::LEAST)
    }
}

/// The service's id of the message that a model wants to answer, where the run's own is this.
pub fn answered(wish: Option<ReplyTo>, own: Option<&str>) -> Option<String> {
    match wish? {
        ReplyTo::Current => own.map(str::to_owned),
        ReplyTo::Message(id) => Some(id),
    }
}

/// A message for a chat.
pub fn message(chat: &Chat, text: String) -> Outgoing {
    Outgoing { to: chat.clone(), content: Content::Text(text), reply_to: None, replaces: None, ttl: WORTH }
}
