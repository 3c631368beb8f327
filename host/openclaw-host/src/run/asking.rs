//! One question to the model: what it gets to see, and what it says.

use std::sync::Arc;

use claw_core::context::{self, Room};
use claw_core::event::{HOST_MARK, HostEvent, RunEnd};
use claw_core::id::{SessionKey, ToolName};
use claw_core::image::Image;
use claw_core::message::{Entry, Message, ToolSpec};
use claw_core::outbound::{Inert, Spoken};
use claw_core::text::is_silent;
use claw_effects::Mask;
use claw_model::{Chosen, Heard, Images, ModelError, Prompt, Reply};
use claw_store::{Cost, StoreError, SubAgent};

use super::places::Places;
use super::{Asked, Shell};
use crate::causes;
use crate::channels::Stream;
use crate::host::{Host, now};
use crate::images;
use crate::lineage;
use crate::masking;
use crate::skills::{self, Shelf};
use crate::spending::{Granted, Meter, Refused, Wanted};
use crate::tool_search::{self, Offer};
use crate::ways::Ways;

/// What a provider's complaint about a long prompt leaves of the window. Twice is enough for a window that is half of
/// what was believed.
const NARROWER: f64 = 0.7;
const TIMES_NARROWER: u32 = 3;

/// What of a conversation is sent.
pub(super) struct Excerpt {
    pub(super) messages: Vec<Message>,
    /// By our count.
    pub(super) tokens: u64,
}

/// Whether the chat hears what the model says.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Aloud {
    Yes,
    No,
}

impl Shell {
    /// Asks the model about the conversation; makes room first where it takes too much, and again if the provider finds
    /// that it does.
    pub(super) async fn ask(&mut self, system: &str) -> Result<Asked, StoreError> {
        let offer = self.offer();
        let mut times = 0;
        loop {
            let room = self.room(system, offer.tokens);
            let excerpt = self.fitting(system, &room).await?;
            let shows = excerpt.messages.iter().any(|message| !message.images().is_empty());
            let asked = self.complete(self.prompt(system, &offer.specs, &room, excerpt), Aloud::Yes).await?;
            let is_too_long = matches!(asked, Asked::Failed(ModelError::ContextTooLong { .. }));
            // What was heard cannot be taken back.
            if !self.said.is_empty() {
                return Ok(asked);
            }
            if is_too_long && times < TIMES_NARROWER {
                times += 1;
                self.narrower *= NARROWER;
            } else if !shows || !self.is_without_images(&asked) {
                return Ok(asked);
            }
        }
    }

    /// The room of the conversation beside instructions and tools, which take so many tokens.
    pub(super) fn room(&self, system: &str, tools: u64) -> Room {
        let room = room(&self.host, &self.ways, self.narrower, system, tools);
        Room { images: if self.images_refused { 0 } else { room.images }, ..room }
    }

    /// What is sent, and its tokens by our count.
    pub(super) fn prompt(&self, system: &str, tools: &[ToolSpec], room: &Room, excerpt: Excerpt) -> (Prompt, u64) {
        let Excerpt { messages, tokens } = excerpt;
        let max_output_tokens = u32::try_from(room.reserve).unwrap_or(u32::MAX);
        let (system, tools, thinking) = (system.to_owned(), tools.to_vec(), self.ways.thinking);
        (Prompt { system, messages, images: Images::new(), tools, max_output_tokens, thinking }, room.taken + tokens)
    }

    /// These entries as a model gets to see them.
    pub(super) fn excerpt(&self, entries: &[&Entry], room: &Room) -> Excerpt {
        excerpt(&self.host, &self.row.session, entries, room)
    }

    /// Tells people, where a message shows something, that the model will not see it.
    pub(super) fn tell_of_unseen(&mut self, images: &[Image]) {
        if !images.is_empty() && !self.ways.model.facts.images {
            let model = &self.ways.model.name;
            self.notice(&format!(
                "{model} cannot look at images; it is told that there are {}. Choose another model with /model, or say \
                 that it can with `images: true` under its provider's `models`.",
                images.len()
            ));
        }
    }

    /// Whether a prompt with images was refused for what it is, and is to be sent without them: a single image that its
    /// provider cannot take would end the conversation for good.
    fn is_without_images(&mut self, asked: &Asked) -> bool {
        let Asked::Failed(error) = asked else { return false };
        // Some servers have no such model where it would have to look at an image.
        let (ModelError::Rejected { message, .. }
        | ModelError::NotFound { message, .. }
        | ModelError::ContextTooLong { message, .. }) = error
        else {
            return false;
        };
        self.notice(&format!("The images were refused, and the model is asked without them: {message}"));
        self.images_refused = true;
        true
    }

    /// The tools on offer; that for skills only where there is one.
    fn offer(&self) -> Offer {
        offer(&self.host, &self.shelf, &self.row.session, self.lineage.sub_agent.as_ref(), &self.log)
    }

    /// One call of the model, until it ends, the run is stopped, or its time is up.
    pub(super) async fn complete(
        &mut self,
        (mut prompt, tokens): (Prompt, u64),
        aloud: Aloud,
    ) -> Result<Asked, StoreError> {
        let host = Arc::clone(&self.host);
        if self.unsettled != Cost::default() {
            // Nobody else may reserve what a call has used that came to nothing.
            self.record(Vec::new(), Vec::new()).await?;
        }
        let model = match self.reserve(tokens, &mut prompt.max_output_tokens) {
            Ok(model) => model,
            Err(end) => return Ok(Asked::Stopped(end)),
        };
        prompt.images = images::read(&host, &self.row.session, &prompt.messages).await;
        // A model that knows a secret got it from its owner or from outside; neither is a reason to spread it.
        let mask = masking::mask(&host.vault);
        let mut meter = Meter::new(tokens);
        let places = self.places();
        let stream = self.stream(aloud);
        if stream.is_some() {
            // What people on a channel see does not go over the threshold.
            self.settle().await?;
        }
        let durable = self.durable();
        let listening = self.listen(&model, &prompt, (aloud, stream), (&mask, places.as_ref()), &mut meter);
        let (replied, written) = tokio::join!(listening, durable);
        self.settled(written)?;
        let cost = match &replied {
            Some(Ok(reply)) => meter.of(reply),
            Some(Err(_)) | None => meter.lost(),
        };
        self.used = self.used.and(cost);
        self.unsettled = self.unsettled.and(cost);
        Ok(match replied {
            Some(Ok(mut reply)) => {
                if !is_silent(&reply.text) {
                    reply.text = Spoken::kept().all(&reply.text);
                }
                host.gauge.counted(&self.ways.model.name, tokens, reply.usage.input_tokens);
                let mut reply = masking::masked_reply(&mask, reply);
                if let Some(places) = &places {
                    reply.text = places.inert().all(&reply.text);
                }
                Asked::Reply(reply)
            }
            Some(Err(error)) => Asked::Failed(error),
            None => Asked::Stopped(self.stopped().unwrap_or_else(|| self.aborted())),
        })
    }

    /// Where people on a channel see an answer before all of it is there.
    fn stream(&self, aloud: Aloud) -> Option<Stream> {
        if aloud == Aloud::No {
            return None;
        }
        Stream::begin(&self.host, &self.row).unwrap_or_else(|err| {
            tracing::error!(error = causes::chain(&err), "the answer is sent when all of it is there");
            None
        })
    }

    /// Passes on what the model says while it does; `None` if it is stopped before it has ended.
    async fn listen(
        &mut self,
        model: &Chosen,
        prompt: &Prompt,
        (aloud, mut stream): (Aloud, Option<Stream>),
        (mask, places): (&Mask, Option<&Places>),
        meter: &mut Meter,
    ) -> Option<Result<Reply, ModelError>> {
        let (host, threshold) = (Arc::clone(&self.host), Arc::clone(&self.threshold));
        let (run, session) = (self.row.run.clone(), self.row.session.clone());
        let clock = Arc::clone(&self.clock);
        let said = &mut self.said;
        said.clear();
        let spoken_mask = masking::spoken(mask);
        let mut masked = spoken_mask.stream();
        let tell = |delta: String| {
            if !delta.is_empty() {
                threshold.tell(HostEvent::TextDelta {
                    run: run.clone(),
                    session: session.clone(),
                    delta: delta.into(),
                });
            }
        };
        let mut shown = Spoken::shown();
        let mut say = |delta: String| {
            if aloud == Aloud::No || delta.is_empty() {
                return;
            }
            said.push_str(&delta);
            if let Some(stream) = &mut stream {
                stream.push(&delta);
            }
            tell(shown.push(&delta));
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("run: what is cut out of a text is text");
        let mut spoken = Spoken::kept();
        let mut inert = places.map(Places::inert);
        let mut led = |text: String| inert.as_mut().map_or_else(|| text.clone(), |inert| inert.push(&text));
        let notices = &mut self.notices;
        let mut hear = |heard: Heard<'_>| {
            meter.hear(&heard);
            match heard {
                Heard::Text(delta) => say(led(spoken.push(&text(masked.push(delta.as_bytes()))))),
                Heard::Notice(notice) => {
                    notices.push(Message::Notice { text: notice.to_owned() });
                    let text = format!("{HOST_MARK} {notice}").into();
                    threshold.tell(HostEvent::Noticed { run: run.clone(), session: session.clone(), text });
                }
                Heard::Begun(_) | Heard::Used { .. } => {}
            }
        };
        let models = host.model();
        let replied = tokio::select! {
            reply = models.ask(Some(session.as_str()), model, prompt, &mut hear) => Some(reply),
            () = self.cancel.cancelled() => None,
            () = clock.reached() => None,
        };
        let rest = led(spoken.push(&text(masked.finish())) + &spoken.finish());
        say(rest + &inert.as_mut().map(Inert::finish).unwrap_or_default());
        tell(shown.finish());
        if let Some(stream) = stream {
            self.shown = stream.end().await;
        }
        if aloud == Aloud::Yes {
            self.tell_of_inert(&inert.map(|inert| inert.servers()).unwrap_or_default());
        }
        replied
    }

    /// Reserves what a call may use, whose reply may get shorter by it; gives who may answer, or how the run ends.
    fn reserve(&mut self, prompt: u64, output_tokens: &mut u32) -> Result<Chosen, RunEnd> {
        // What a call has reserved that came to nothing is free for the next one.
        self.reservation = None;
        let host = &self.host;
        let model = &self.ways.model;
        let (stand_ins, facts) = (host.model().stand_ins(model), model.facts);
        let (session, reply) = (&self.row.session, u64::from(*output_tokens));
        let (above, account) = (self.lineage.above.as_slice(), Some(&self.lineage.root));
        let (run, stand_ins) = (self.used, stand_ins.as_slice());
        let wanted = Wanted { session, above, account, run, prompt, reply, facts, stand_ins, at: now() };
        match host.spending.reserve(self.store(), &wanted) {
            Ok(Granted { reply, left_out, room }) => {
                let model = model.without(left_out);
                self.reservation = Some(room);
                *output_tokens = u32::try_from(reply).unwrap_or(u32::MAX);
                Ok(model)
            }
            Err(err @ Refused::Limit(_)) => Err(RunEnd::Failed { kind: "limit".to_owned(), message: err.to_string() }),
            Err(err @ Refused::Store(_)) => {
                Err(RunEnd::Failed { kind: "unknown".to_owned(), message: err.to_string() })
            }
        }
    }
}

/// The room of a conversation that is answered in this way; of its model's window, the part `narrower` is used.
pub(super) fn room(host: &Host, ways: &Ways, narrower: f64, system: &str, tools: u64) -> Room {
    let Ways { model, thinking, .. } = ways;
    let limits = &host.limits.context;
    let all = model.facts.context_tokens.min(limits.tokens) as f64;
    // The count of tokens is corrected by what the model's provider counted before.
    let window = (all * narrower / host.gauge.ratio(&model.name)) as u64;
    let images = if model.facts.images { context::PROMPT_IMAGES } else { 0 };
    let thoughts = if model.facts.thinking { u64::from(thinking.tokens()) } else { 0 };
    let reply = (limits.reply + thoughts).min(model.facts.max_output_tokens.into());
    Room { window, reserve: reply.min(window / 4), taken: context::of_text(system) + tools, images }
}

/// Entries of a conversation as a model gets to see them.
pub(super) fn excerpt(host: &Host, session: &SessionKey, entries: &[&Entry], room: &Room) -> Excerpt {
    let messages = context::messages(entries, room, |call| host.fences.mark(session, call));
    let tokens = messages.iter().map(context::of_message).sum();
    Excerpt { messages, tokens }
}

/// The tools on offer in a conversation: those that were left to it, and that for skills only where there is one.
pub(super) fn offer(
    host: &Host,
    shelf: &Shelf,
    session: &SessionKey,
    sub_agent: Option<&SubAgent>,
    log: &[Entry],
) -> Offer {
    let has_skills = |name: &ToolName| name.as_str() != skills::TOOL || shelf.offers_any();
    let is_offered = |name: &ToolName| has_skills(name) && lineage::offers(host, session, sub_agent, name);
    tool_search::offer(&host.catalog(), log, host.limits.context.tools, is_offered)
}
