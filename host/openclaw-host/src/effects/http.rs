//! Requests.

use claw_core::effect::{EffectError, EffectReply, HttpRequest};
use claw_effects::{HttpAnswer, HttpLimits, plan_http};
use claw_policy::Action;

use super::Effects;

impl Effects {
    pub(super) async fn http(&self, request: HttpRequest) -> Result<(HttpAnswer, u32), EffectError> {
        let plan = plan_http(&request, &HttpLimits::default())?;
        let (permit, index) = self.admit(Action::SendRequest(plan)).await?;
        match self.context.host.http.send(permit, &self.context.cancel).await {
            Ok(answer) => Ok((answer, index)),
            Err(err) => {
                self.ended(index, err.to_string()).await?;
                Err(err)
            }
        }
    }

    /// Passes a response on to the guest as it arrives.
    pub(super) async fn pump(&self, effect: u32, index: u32, answer: HttpAnswer) {
        let HttpAnswer { head, mut body } = answer;
        let summary = format!("status {}", head.status);
        let sink = self.answerer.answer_with_body(effect, EffectReply::Http(head)).await;
        let passed = async {
            while let Some(chunk) = body.next().await? {
                sink.send(chunk).await?;
            }
            Ok(())
        };
        let passed: Result<(), EffectError> = passed.await;
        sink.end(passed).await;
        if let Err(err) = self.ended(index, summary).await {
            tracing::error!(call = %self.call.id, %err, "the end of an effect could not be recorded");
        }
    }
}
