//! `openclaw:message`: messages to people.

use claw_core::effect::{EffectReply, EffectRequest, MessageRequest};

use super::other_family;
use crate::worker::bindings::openclaw::message::message;
use crate::worker::bindings::openclaw::types::types::Error;
use crate::worker::guest::Guest;

impl message::Host for Guest {
    fn send(&mut self, to: String, text: String) -> Result<(), Error> {
        match self.ask(EffectRequest::Message(MessageRequest { to, text }))? {
            EffectReply::Message => Ok(()),
            _ => Err(other_family()),
        }
    }
}
