//! The effects of one call: each is decided, made durable, performed, and answered.

mod exec;
mod http;
mod kv;
mod llm;
mod message;
mod net;
mod secret;

use std::sync::atomic::{AtomicU32, Ordering};

use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use claw_core::id::{ApprovalId, ComponentName};
use claw_core::label::Labels;
use claw_core::message::ToolCall;
use claw_policy::{Action, Denial, Permit};
use claw_sandbox::Answerer;
use claw_store::{JournalStep, LabelledPlace, Record, Spent, StoreError};
use tokio::sync::OnceCell;

use crate::catalog::Installed;
use crate::crash_point;
use crate::gate::{Admitted, Asker, Refused};
use crate::host::now;
use crate::masking::mask_line;
use crate::recording::{self, Effect, Recorder, Recording};
use crate::tool_call::CallContext;

/// Performs the effects of one call.
pub struct Effects {
    context: CallContext,
    call: ToolCall,
    component: ComponentName,
    answerer: Answerer,
    /// The component's scratch, if the call can write it: what has flowed into the run can flow on into there.
    scratch: Option<LabelledPlace>,
    journalled: AtomicU32,
    /// Set once the journal says that the call has changed a store: one note is enough for a restart.
    kv_noted: OnceCell<()>,
    questions: AtomicU32,
    messages: AtomicU32,
    connections: net::Connections,
    next_connection: AtomicU32,
    recorder: Recorder,
}

impl Effects {
    /// Nothing has happened yet.
    pub fn new(
        context: CallContext,
        call: ToolCall,
        component: ComponentName,
        answerer: Answerer,
        scratch: Option<LabelledPlace>,
    ) -> Self {
        Effects {
            context,
            call,
            component,
            answerer,
            scratch,
            journalled: AtomicU32::new(0),
            kv_noted: OnceCell::new(),
            questions: AtomicU32::new(0),
            messages: AtomicU32::new(0),
            connections: net::Connections::default(),
            next_connection: AtomicU32::new(0),
            recorder: Recorder::default(),
        }
    }

    /// Performs one effect and answers it.
    pub async fn perform(&self, effect: u32, request: EffectRequest) {
        let (asked, what) = (recording::digest(&request), recording::describe(&request));
        self.recorder.note(&request);
        let answer = match request {
            EffectRequest::Exec(request) => self.exec(request).await.map(EffectReply::Exec),
            EffectRequest::Http(request) => match self.http(effect, request).await {
                Ok((answer, index)) => {
                    let (answer, body) = self.pump(effect, index, answer).await;
                    return self.recorder.add(Effect { number: effect, request: asked, what, answer, body });
                }
                Err(err) => Err(err),
            },
            EffectRequest::Process(request) => self.process(request).await.map(EffectReply::Process),
            EffectRequest::Net(request) => self.net(request).await.map(EffectReply::Net),
            EffectRequest::Secret(request) => self.secret(request).await.map(EffectReply::Secret),
            EffectRequest::Kv(request) => self.kv(request).await.map(EffectReply::Kv),
            EffectRequest::Llm(request) => self.llm(request).await.map(EffectReply::Llm),
            EffectRequest::Message(request) => self.message(request).await.map(|()| EffectReply::Message),
        };
        self.recorder.add(Effect { number: effect, request: asked, what, answer: answer.clone(), body: None });
        self.answerer.answer(effect, answer).await;
    }

    /// What a replay of the call needs.
    pub fn recording(&self, recording: Recording) -> Recording {
        self.recorder.finish(recording)
    }

    /// Decides, asks where needed, and makes the start durable; only then may the effect begin.
    async fn admit(&self, action: Action) -> Result<(Permit, u32), EffectError> {
        let Admitted { permit, approval } = self.decide(action).await?;
        let index = self.note(&permit, approval).await?;
        Ok((permit, index))
    }

    /// Decides, and asks where needed.
    async fn decide(&self, action: Action) -> Result<Admitted, EffectError> {
        let CallContext { host, cancel, clock, .. } = &self.context;
        let facts = self.context.facts_now();
        let subject = self.installed().subject();
        let asker = Asker { host, subject: &subject, facts: &facts, call: &self.call.id, cancel };
        let admitted = host.gate.admit(&asker, action, || (self.answerer.pause(), clock.pause())).await;
        admitted.map_err(|refused| match refused {
            Refused::Denied(Denial { code, reason, .. }) => EffectError::Denied { code, reason },
            Refused::Cancelled => EffectError::Cancelled,
            Refused::Store(err) => EffectError::Unavailable(err.to_string()),
        })
    }

    /// Makes the start of an effect durable.
    async fn note(&self, permit: &Permit, approval: Option<ApprovalId>) -> Result<u32, EffectError> {
        crash_point::pass("effect decided");
        let index = self.journalled.fetch_add(1, Ordering::Relaxed);
        let step = JournalStep::EffectStarted { call: self.call.id.clone(), index, digest: permit.digest(), approval };
        let installed = self.installed();
        let spends = permit.spends().map(|given| Spent {
            component: self.component.clone(),
            build: installed.component.digest,
            grant: given.grant.to_string(),
            terms: given.terms.clone(),
        });
        let is_counted = spends.is_some();
        let record = Record { steps: vec![step], spends: spends.into_iter().collect(), ..Record::default() };
        let recorded = self.context.host.store.record(&self.context.facts.run, record, now()).await;
        if is_counted {
            self.context.host.reload_grants(installed);
        }
        recorded.map_err(|err| EffectError::denied("E_APPR_USED", err.to_string()))?;
        crash_point::pass("effect noted");
        Ok(index)
    }

    /// Labels the run with what an effect brings in; to be done before the guest gets it.
    async fn label(&self, labels: Labels) -> Result<(), EffectError> {
        if self.context.labels.join(&labels)
            && let Some(place) = &self.scratch
        {
            let kept = self.context.host.store.add_labels(place, &self.context.labels.now()).await;
            kept.map_err(|err| EffectError::Unavailable(err.to_string()))?;
        }
        Ok(())
    }

    fn installed(&self) -> &Installed {
        self.context.host.catalog.component(&self.component).expect("effects: the component of a call is installed")
    }

    async fn ended(&self, index: u32, summary: String) -> Result<(), EffectError> {
        let summary = mask_line(&self.context.host.vault, &summary);
        let step = JournalStep::EffectEnded { call: self.call.id.clone(), index, summary };
        self.record(step).await.map_err(|err| EffectError::Unavailable(err.to_string()))
    }

    async fn record(&self, step: JournalStep) -> Result<(), StoreError> {
        let record = Record { steps: vec![step], ..Record::default() };
        self.context.host.store.record(&self.context.facts.run, record, now()).await.map(|_| ())
    }
}
