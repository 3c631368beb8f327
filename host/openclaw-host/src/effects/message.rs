//! Messages of a component to the owner.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use claw_core::effect::{EffectError, MessageRequest};
use claw_core::event::{HOST_MARK, HostEvent};
use claw_core::label::Labels;
use claw_core::message::Message;
use claw_policy::Action;
use claw_store::Record;

use super::Effects;
use crate::channels;
use crate::host::now;
use crate::legible;
use crate::masking;
use crate::run::Places;
use crate::tool_call::outside;

/// Messages of one call.
const MESSAGES: u32 = 8;
/// Bytes of one message.
const TEXT_BYTES: usize = 16 << 10;
/// The only recipient: the conversation that the run belongs to.
const SESSION: &str = "session";

impl Effects {
    pub(super) async fn message(&self, request: MessageRequest) -> Result<(), EffectError> {
        if request.text.is_empty() || request.text.len() > TEXT_BYTES {
            return Err(EffectError::Invalid(format!("a message has 1 to {TEXT_BYTES} bytes")));
        }
        let (permit, index) = self.admit(Action::SendMessage(request)).await?;
        let Action::SendMessage(request) = permit.into_action() else {
            unreachable!("effects: the permit is for a message")
        };
        if request.to != SESSION {
            return Err(EffectError::NotFound(format!("there is no recipient `{}`; there is `{SESSION}`", request.to)));
        }
        if self.messages.fetch_add(1, Ordering::Relaxed) >= MESSAGES {
            return Err(EffectError::Limit(format!("a call may send {MESSAGES} messages")));
        }
        // The sender stands in front, in words that the component does not choose.
        let said = masking::spoken(&masking::mask(&self.context.host.vault)).text(&request.text).into_owned();
        // It stands in the conversation from now on, and so does what flowed into it.
        if let Some(cause) = outside(&self.installed) {
            self.label(Labels::tainted(&cause)).await?;
        }
        let (said, servers) = self.leading_nowhere(said)?;
        let nowhere = match servers.is_empty() {
            true => String::new(),
            false => format!(
                " (links in it lead nowhere, for private data and content from outside have been read in this \
                 conversation, and neither you nor a grant has named {})",
                servers.join(", ")
            ),
        };
        // Not every client makes harmless what it shows.
        let text = format!("{HOST_MARK} message from `{}`{nowhere}:\n{}", self.name(), legible::block(&said));
        let facts = &self.context.facts;
        let entries = vec![Message::Notice { text: text.clone() }];
        let outbox = channels::said(&self.context.host, &facts.session, &text);
        let outbox = outbox.map_err(|err| EffectError::Unavailable(err.to_string()))?;
        let record = Record { entries, outbox, labels: self.context.labels.now(), ..Record::default() };
        let recorded = self.context.store().record(&facts.run, record, now()).await;
        recorded.map_err(|err| EffectError::Unavailable(err.to_string()))?;
        self.context.host.tell(HostEvent::Noticed {
            run: facts.run.clone(),
            session: facts.session.clone(),
            text: Arc::from(text),
        });
        self.context.host.channels.wake();
        self.ended(index, "sent".to_owned()).await
    }

    /// A text for people, and the servers that it would have led to.
    fn leading_nowhere(&self, text: String) -> Result<(String, Vec<String>), EffectError> {
        if !Places::matter(&self.context.labels.now()) {
            return Ok((text, Vec::new()));
        }
        let facts = self.context.facts_now();
        let log = self.context.store().context(&facts.session);
        let log = log.map_err(|err| EffectError::Unavailable(err.to_string()))?;
        let Some(places) = Places::of(&self.context.host, facts, &log) else { return Ok((text, Vec::new())) };
        let mut inert = places.inert();
        let text = inert.all(&text);
        Ok((text, inert.servers()))
    }
}
