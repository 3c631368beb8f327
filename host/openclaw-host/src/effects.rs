//! The effects of one call: each is decided, made durable, performed, and answered.

mod exec;
mod http;

use std::sync::atomic::{AtomicU32, Ordering};

use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use claw_core::id::ComponentName;
use claw_core::message::ToolCall;
use claw_policy::{Action, Denial};
use claw_sandbox::Answerer;
use claw_store::{JournalStep, Record, StoreError};

use crate::crash_point;
use crate::gate::{Asker, Refused};
use crate::host::now;
use crate::tool_call::CallContext;

/// Performs the effects of one call.
pub struct Effects {
    context: CallContext,
    call: ToolCall,
    component: ComponentName,
    answerer: Answerer,
    journalled: AtomicU32,
}

impl Effects {
    /// Nothing has happened yet.
    pub fn new(context: CallContext, call: ToolCall, component: ComponentName, answerer: Answerer) -> Self {
        Effects { context, call, component, answerer, journalled: AtomicU32::new(0) }
    }

    /// Performs one effect and answers it.
    pub async fn perform(&self, effect: u32, request: EffectRequest) {
        let answer = match request {
            EffectRequest::Exec(request) => self.exec(request).await.map(EffectReply::Exec),
            EffectRequest::Http(request) => match self.http(request).await {
                Ok((answer, index)) => return self.pump(effect, index, answer).await,
                Err(err) => Err(err),
            },
            _ => Err(EffectError::denied("E_POLICY_DENY", "nothing is granted")),
        };
        self.answerer.answer(effect, answer).await;
    }

    /// Decides, asks where needed, and makes the start durable; only then may the effect begin.
    async fn admit(&self, action: Action) -> Result<(claw_policy::Permit, u32), EffectError> {
        let CallContext { host, facts, cancel, clock } = &self.context;
        let installed = host.catalog.component(&self.component).expect("tool call: its component is installed");
        let asker = Asker { host, subject: &installed.subject, facts, call: &self.call.id, cancel };
        let admitted = host.gate.admit(&asker, action, || (self.answerer.pause(), clock.pause())).await;
        let admitted = admitted.map_err(|refused| match refused {
            Refused::Denied(Denial { code, reason, .. }) => EffectError::Denied { code, reason },
            Refused::Cancelled => EffectError::Cancelled,
            Refused::Store(err) => EffectError::Unavailable(err.to_string()),
        })?;
        crash_point::pass("effect decided");
        let index = self.journalled.fetch_add(1, Ordering::Relaxed);
        let step = JournalStep::EffectStarted {
            call: self.call.id.clone(),
            index,
            digest: admitted.permit.digest(),
            approval: admitted.approval,
        };
        self.record(step).await.map_err(|err| EffectError::denied("E_APPR_USED", err.to_string()))?;
        crash_point::pass("effect noted");
        Ok((admitted.permit, index))
    }

    async fn ended(&self, index: u32, summary: String) -> Result<(), EffectError> {
        let step = JournalStep::EffectEnded { call: self.call.id.clone(), index, summary };
        self.record(step).await.map_err(|err| EffectError::Unavailable(err.to_string()))
    }

    async fn record(&self, step: JournalStep) -> Result<(), StoreError> {
        let record = Record { steps: vec![step], ..Record::default() };
        self.context.host.store.record(&self.context.facts.run, record, now()).await.map(|_| ())
    }
}
