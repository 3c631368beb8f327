//! `openclaw:llm`: questions to a model.

use claw_core::effect::{EffectReply, EffectRequest, LlmMessage, LlmRequest};

use super::other_family;
use crate::worker::bindings::openclaw::llm::llm;
use crate::worker::bindings::openclaw::types::types::Error;
use crate::worker::guest::Guest;

impl llm::Host for Guest {
    fn complete(&mut self, request: llm::Request) -> Result<llm::Completion, Error> {
        let message =
            |message: llm::Message| LlmMessage { by_model: message.role == llm::Role::Assistant, text: message.text };
        let request = LlmRequest {
            model: request.model,
            system: request.system,
            messages: request.messages.into_iter().map(message).collect(),
            max_tokens: request.max_tokens,
        };
        match self.ask(EffectRequest::Llm(request))? {
            EffectReply::Llm(reply) => Ok(llm::Completion {
                text: reply.text,
                input_tokens: reply.input_tokens,
                output_tokens: reply.output_tokens,
                cut: reply.cut,
            }),
            _ => Err(other_family()),
        }
    }
}
