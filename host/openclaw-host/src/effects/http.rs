//! Requests.

use claw_core::effect::{EffectError, EffectReply, HttpRequest, RequestBody};
use claw_core::label::Labels;
use claw_effects::{HttpAnswer, HttpLimits, RequestParts, plan_http};
use claw_policy::Action;
use claw_sandbox::BodySource;
use futures_util::stream::{self, StreamExt};

use super::Effects;

impl Effects {
    pub(super) async fn http(&self, effect: u32, request: HttpRequest) -> Result<(HttpAnswer, u32), EffectError> {
        let plan = plan_http(&request, &HttpLimits::default())?;
        let secrets = self.secrets_for(&plan.headers, &plan.target).await?;
        let server = plan.target.host.clone();
        let (permit, index) = self.admit(Action::SendRequest(plan)).await?;
        let broker = &self.context.host.http;
        // Only now: what is refused is never read.
        let parts = match request.body {
            RequestBody::Whole(_) => None,
            RequestBody::Streamed { .. } => Some(self.parts(effect).await),
        };
        match broker.send(permit, parts, self.name(), &|name| secrets.value(name), &self.context.cancel).await {
            Ok(answer) => {
                self.label(Labels::tainted(&format!("an answer of {server}"))).await?;
                Ok((answer, index))
            }
            Err(err) => {
                self.ended(index, err.to_string()).await?;
                Err(err)
            }
        }
    }

    /// The body of a request, as its guest writes it.
    async fn parts(&self, effect: u32) -> RequestParts {
        let source = self.answerer.body(effect).await;
        let next = |mut source: BodySource| async { Ok(source.next().await?.map(|part| (part, source))) };
        stream::try_unfold(source, next).boxed()
    }

    /// Passes a response on to the guest as it arrives. What a replay needs of it, `keep` gets before the guest sees the
    /// end: a call that ends right then takes this future with it.
    pub(super) async fn pump(
        &self,
        effect: u32,
        index: u32,
        answer: HttpAnswer,
        keep: impl FnOnce(Answer, Option<Vec<u8>>),
    ) {
        let HttpAnswer { head, mut body } = answer;
        let summary = format!("status {}", head.status);
        let sink = self.answerer.answer_with_body(effect, EffectReply::Http(head.clone())).await;
        let mut kept = Some(Vec::new());
        let passed = async {
            while let Some(chunk) = body.next().await? {
                let room = kept.as_ref().is_some_and(|kept| self.recorder.has_room_for(kept.len() + chunk.len()));
                match &mut kept {
                    Some(kept) if room => kept.extend_from_slice(&chunk),
                    _ => kept = None,
                }
                sink.send(chunk).await?;
            }
            Ok(())
        };
        let passed: Result<(), EffectError> = passed.await;
        match passed.as_ref().err().cloned() {
            // A body that broke off is replayed as a request that failed.
            Some(err) => keep(Err(err), None),
            None => keep(Ok(EffectReply::Http(head)), kept),
        }
        if let Err(err) = self.ended(index, summary).await {
            tracing::error!(call = %self.call.id, %err, "the end of an effect could not be recorded");
        }
        sink.end(passed).await;
    }
}

/// The answer to a request.
type Answer = Result<EffectReply, EffectError>;
