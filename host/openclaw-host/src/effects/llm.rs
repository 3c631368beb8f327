//! Questions of a component to the model.

use std::sync::atomic::Ordering;
use std::time::Duration;

use claw_core::context;
use claw_core::effect::{EffectError, LlmReply, LlmRequest};
use claw_core::message::Message;
use claw_model::{Chosen, Heard, Images, Prompt, StopReason, Thinking};
use claw_policy::Action;
use claw_store::{Cost, PreferencesOf};

use super::Effects;
use crate::host::now;
use crate::spending::{Meter, Refused, Reservation, Wanted};
use crate::ways::Ways;

/// Questions of one call.
const QUESTIONS: u32 = 8;
/// Messages of one question.
const MESSAGES: usize = 64;
/// Bytes of one question.
const QUESTION_BYTES: usize = 256 << 10;
/// Tokens of one answer.
const ANSWER_TOKENS: u32 = 4096;
/// One answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// The only alias: the model of the run.
const DEFAULT: &str = "default";

impl Effects {
    pub(super) async fn llm(&self, request: LlmRequest) -> Result<LlmReply, EffectError> {
        let request = plan(request)?;
        let (permit, index) = self.admit(Action::AskModel(request)).await?;
        let Action::AskModel(request) = permit.into_action() else {
            unreachable!("effects: the permit is for a question")
        };
        if request.model != DEFAULT {
            return Err(EffectError::NotFound(format!("there is no model `{}`; there is `{DEFAULT}`", request.model)));
        }
        if self.questions.fetch_add(1, Ordering::Relaxed) >= QUESTIONS {
            return Err(EffectError::Limit(format!("a call may ask the model {QUESTIONS} questions")));
        }
        let answer = {
            let _pause = self.answerer.pause();
            self.ask_model(request).await
        };
        let summary = match &answer {
            Ok(reply) => format!("{} tokens in, {} out", reply.input_tokens, reply.output_tokens),
            Err(err) => err.to_string(),
        };
        self.ended(index, summary).await?;
        answer
    }

    async fn ask_model(&self, request: LlmRequest) -> Result<LlmReply, EffectError> {
        let host = &self.context.host;
        let message = |message: claw_core::effect::LlmMessage| match message.by_model {
            true => Message::Assistant { text: message.text, calls: Vec::new(), replay: None },
            false => Message::user(message.text),
        };
        let mut prompt = Prompt {
            system: request.system,
            messages: request.messages.into_iter().map(message).collect(),
            images: Images::new(),
            tools: Vec::new(),
            max_output_tokens: request.max_tokens,
            thinking: Thinking::Off,
        };
        let model = self.ways()?.model;
        let asked = context::of_text(&prompt.system) + prompt.messages.iter().map(context::of_message).sum::<u64>();
        let (model, _room) = self.reserve(&mut prompt, asked, &model)?;
        let mut meter = Meter::new(asked);
        let mut hear = |heard: Heard<'_>| meter.hear(&heard);
        let models = host.model();
        let reply = tokio::select! {
            reply = models.ask(None, &model, &prompt, &mut hear) => {
                reply.map_err(|err| EffectError::Unavailable(err.to_string()))
            }
            () = self.context.cancel.cancelled() => Err(EffectError::Cancelled),
            () = tokio::time::sleep(ANSWER_WITHIN) => {
                let seconds = ANSWER_WITHIN.as_secs();
                Err(EffectError::Limit(format!("the model did not answer within {seconds} s")))
            }
        };
        let cost = reply.as_ref().map_or_else(|_| meter.lost(), |reply| meter.of(reply));
        if cost != Cost::default() {
            let counted = self.context.store().add_cost(&self.context.facts.session, cost, now()).await;
            counted.map_err(|err| EffectError::Unavailable(err.to_string()))?;
        }
        let reply = reply?;
        Ok(LlmReply {
            cut: reply.stop == StopReason::MaxTokens,
            text: reply.text,
            input_tokens: reply.usage.input_tokens,
            output_tokens: reply.usage.output_tokens,
        })
    }

    /// Who answers the run itself: that one answers the question, too.
    fn ways(&self) -> Result<Ways, EffectError> {
        let (host, facts) = (&self.context.host, &self.context.facts);
        let preferred = self.context.store().preferences(&PreferencesOf::Session(facts.session.clone()));
        let ways =
            preferred.and_then(|own| Ways::of_run(host, &facts.run, &facts.session, own, &self.context.lineage.above));
        ways.map_err(|err| EffectError::Unavailable(err.to_string()))
    }

    /// Reserves what a question may use; its answer may get shorter by it. Gives who may answer it.
    fn reserve(&self, prompt: &mut Prompt, asked: u64, model: &Chosen) -> Result<(Chosen, Reservation), EffectError> {
        let host = &self.context.host;
        let stand_ins = host.model().stand_ins(model);
        let wanted = Wanted {
            session: &self.context.facts.session,
            above: &self.context.lineage.above,
            account: None,
            run: Cost::default(),
            prompt: asked,
            reply: u64::from(prompt.max_output_tokens),
            facts: model.facts,
            stand_ins: &stand_ins,
            at: now(),
        };
        let granted = host.spending.reserve(self.context.store(), &wanted).map_err(|err| match err {
            Refused::Limit(why) => EffectError::Limit(why),
            Refused::Store(err) => EffectError::Unavailable(err.to_string()),
        })?;
        prompt.max_output_tokens = u32::try_from(granted.reply).unwrap_or(u32::MAX);
        Ok((model.without(granted.left_out), granted.room))
    }
}

fn plan(request: LlmRequest) -> Result<LlmRequest, EffectError> {
    let Some(last) = request.messages.last() else {
        return Err(EffectError::Invalid("a question needs at least one message".to_owned()));
    };
    if last.by_model {
        return Err(EffectError::Invalid("the last message of a question is the user's".to_owned()));
    }
    if request.messages.len() > MESSAGES || request.bytes() > QUESTION_BYTES {
        let message = format!("a question has at most {MESSAGES} messages and {QUESTION_BYTES} bytes");
        return Err(EffectError::Limit(message));
    }
    Ok(LlmRequest { max_tokens: request.max_tokens.clamp(1, ANSWER_TOKENS), ..request })
}
