//! The effects of one call: each is decided, made durable, performed, and answered.

mod exec;
mod http;
mod kv;
mod llm;
mod message;
mod net;
mod secret;
mod sessions;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use claw_core::id::{ComponentName, Digest};
use claw_core::label::Labels;
use claw_core::message::ToolCall;
use claw_core::mode::{self, Mode};
use claw_policy::{Action, Denial, Facts, Permit, Subject};
use claw_sandbox::Answerer;
use claw_store::{AuditEntry, JournalStep, LabelledPlace, Record, Spent, StoreError};
use tokio::sync::OnceCell;

use crate::agents::Agent;
use crate::audit::{self, Wanted};
use crate::catalog::Installed;
use crate::crash_point;
use crate::gate::{Admitted, Asker, Refused};
use crate::host::now;
use crate::masking::mask_line;
use crate::recording::{self, Effect, Recorder, Recording};
use crate::tool_call::CallContext;

/// Digests of what is on record that are remembered.
const ON_RECORD: usize = 1000;

/// Performs the effects of one call.
pub struct Effects {
    context: CallContext,
    call: ToolCall,
    installed: Arc<Installed>,
    /// Who asks, as it was when the call began; for the record.
    subject: Arc<Subject>,
    answerer: Answerer,
    /// The component's scratch, if the call can write it: what has flowed into the run can flow on into there.
    scratch: Option<LabelledPlace>,
    journalled: AtomicU32,
    /// Whether the host makes the call of its own accord: no run has a journal for it, and nobody would answer a card.
    is_own: bool,
    /// Set once the journal says that the call has changed a store: one note is enough for a restart.
    kv_noted: OnceCell<()>,
    /// What was allowed and is on record: the same again says nothing new.
    on_record: OnRecord,
    /// The last reason for which policy or the owner's grants refused something.
    denied: Mutex<Option<String>>,
    /// Reasons of refusals that the gate has put on record; each has a number of its own.
    refused: Mutex<HashSet<String>>,
    questions: AtomicU32,
    messages: AtomicU32,
    /// Why its outcome may hold what somebody outside wrote, if an effect brought that.
    brought: OnceLock<String>,
    connections: net::Connections,
    next_connection: AtomicU32,
    recorder: Recorder,
}

/// What was allowed and is on record; the calls that a host makes of its own accord share one.
pub type OnRecord = Arc<Mutex<HashSet<Digest>>>;

impl Effects {
    /// For a call that the host makes of its own accord. It serves requests and the secrets for them, and nothing that
    /// needs a run.
    pub fn own(
        context: CallContext,
        call: ToolCall,
        installed: &Arc<Installed>,
        answerer: Answerer,
        on_record: OnRecord,
    ) -> Self {
        Effects { is_own: true, on_record, ..Effects::new(context, call, installed, answerer, None) }
    }

    /// Nothing has happened yet.
    pub fn new(
        context: CallContext,
        call: ToolCall,
        installed: &Arc<Installed>,
        answerer: Answerer,
        scratch: Option<LabelledPlace>,
    ) -> Self {
        Effects {
            context,
            call,
            installed: Arc::clone(installed),
            subject: installed.subject(),
            answerer,
            scratch,
            is_own: false,
            journalled: AtomicU32::new(0),
            kv_noted: OnceCell::new(),
            on_record: OnRecord::default(),
            refused: Mutex::default(),
            denied: Mutex::default(),
            questions: AtomicU32::new(0),
            messages: AtomicU32::new(0),
            brought: OnceLock::new(),
            connections: net::Connections::default(),
            next_connection: AtomicU32::new(0),
            recorder: Recorder::default(),
        }
    }

    /// Why something was refused that only the owner can change, if so.
    pub fn denied(&self) -> Option<String> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Performs one effect and answers it.
    pub async fn perform(&self, effect: u32, request: EffectRequest) {
        let (asked, what) = (recording::digest(&request), recording::describe(&request));
        let wanted = Wanted::asked_for(&request, asked, &what);
        self.recorder.note(&request);
        let answer = match request {
            request if self.is_own && !matches!(request, EffectRequest::Http(_) | EffectRequest::Secret(_)) => {
                Err(EffectError::denied("E_OWN_CALL", "a channel's functions may send requests, and nothing else"))
            }
            EffectRequest::Exec(request) => self.exec(request).await.map(EffectReply::Exec),
            EffectRequest::Http(request) => match self.http(effect, request).await {
                Ok((answer, index)) => {
                    let keep = |answer, body| {
                        self.recorder.add(Effect { number: effect, request: asked, what, answer, body });
                    };
                    return self.pump(effect, index, answer, keep).await;
                }
                Err(err) => Err(err),
            },
            EffectRequest::Process(request) => self.process(request).await.map(EffectReply::Process),
            EffectRequest::Net(request) => self.net(request).await.map(EffectReply::Net),
            EffectRequest::Secret(request) => self.secret(request).await.map(EffectReply::Secret),
            EffectRequest::Kv(request) => self.kv(request).await.map(EffectReply::Kv),
            EffectRequest::Llm(request) => self.llm(request).await.map(EffectReply::Llm),
            EffectRequest::Message(request) => self.message(request).await.map(|()| EffectReply::Message),
            EffectRequest::Sessions(request) => self.sessions(request).await.map(EffectReply::Sessions),
        };
        let answer = match answer {
            Err(EffectError::Denied { code, reason }) => Err(self.refusal(wanted, code, reason).await),
            answer => answer,
        };
        self.recorder.add(Effect { number: effect, request: asked, what, answer: answer.clone(), body: None });
        self.answerer.answer(effect, answer).await;
    }

    /// The component that asks.
    fn name(&self) -> &ComponentName {
        &self.installed.component.name
    }

    /// The agent of the run.
    fn agent(&self) -> &Agent {
        self.context.host.agents.of(&self.context.facts.session)
    }

    /// Why the outcome of the call may hold what somebody outside wrote, if one of its effects brought that.
    pub fn brought(&self) -> Option<String> {
        self.brought.get().cloned()
    }

    /// What a replay of the call needs.
    pub fn recording(&self, recording: Recording) -> Recording {
        self.recorder.finish(recording)
    }

    /// Decides, asks where needed, and makes the start durable; only then may the effect begin.
    async fn admit(&self, action: Action) -> Result<(Permit, u32), EffectError> {
        let admitted = self.decide(action).await?;
        let index = self.note(&admitted).await?;
        Ok((admitted.permit, index))
    }

    /// Decides, and asks where needed.
    async fn decide(&self, action: Action) -> Result<Admitted, EffectError> {
        let CallContext { host, cancel, clock, threshold, .. } = &self.context;
        if let Some(threshold) = threshold
            && !threshold.may_pass().await
        {
            return Err(EffectError::Unavailable("the host could not record that the call was made".to_owned()));
        }
        let facts = self.context.facts_now();
        let facts = Facts { person_present: facts.person_present && !self.is_own, ..facts };
        let subject = self.installed.subject();
        let subject = match &action {
            Action::RunProgram(plan) => self.agent().skills.lend_grants(host, subject, plan).await,
            _ => subject,
        };
        let asker = Asker { host, subject: &subject, facts: &facts, call: &self.call.id, cancel };
        let admitted = host.gate.admit(&asker, action, || (self.answerer.pause(), clock.pause())).await;
        admitted.map_err(|refused| match refused {
            Refused::Denied(Denial { code, reason, .. }) => {
                self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(reason.clone());
                *self.denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{code}: {reason}"));
                EffectError::Denied { code, reason }
            }
            Refused::Cancelled => EffectError::Cancelled,
            Refused::Store(err) => EffectError::Unavailable(err.to_string()),
        })
    }

    /// Refuses what changes something and is no action of its own, where the conversation only suggests.
    fn may_change(&self, what: &str) -> Result<(), EffectError> {
        match self.context.facts_now().mode {
            Mode::Act => Ok(()),
            Mode::Suggest => Err(EffectError::denied(mode::SUGGEST, mode::refusal(what))),
        }
    }

    /// A refusal that is on record: the gate's are already, those of code that looks at paths, addresses, header fields
    /// and secrets are not yet.
    async fn refusal(&self, wanted: Wanted, code: String, reason: String) -> EffectError {
        if self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(&reason) {
            return EffectError::Denied { code, reason };
        }
        let denial = Denial { code, reason, decided_by: Vec::new(), digest: None };
        let facts = self.context.facts_now();
        let asker = Asker { facts: &facts, ..self.asker() };
        let Denial { code, reason, .. } = audit::denied(&asker, wanted, None, denial).await;
        EffectError::Denied { code, reason }
    }

    /// Makes the start of an effect durable, and puts it on record.
    async fn note(&self, admitted: &Admitted) -> Result<u32, EffectError> {
        if self.is_own {
            return self.note_own(admitted);
        }
        crash_point::pass("effect decided");
        let index = self.journalled.fetch_add(1, Ordering::Relaxed);
        let (digest, approval) = (admitted.permit.digest(), admitted.approval.clone());
        let step = JournalStep::EffectStarted { call: self.call.id.clone(), index, digest, approval };
        let started = audit::started(&self.asker(), admitted, index);
        let spends = admitted.permit.spends().map(|given| Spent {
            component: self.name().clone(),
            build: self.installed.component.digest,
            grant: given.grant.to_string(),
            terms: given.terms.clone(),
        });
        let is_counted = spends.is_some();
        let recorded = self.record(step, started, spends).await;
        if is_counted {
            self.context.host.reload_grants(&self.installed);
        }
        recorded.map_err(|err| match err {
            StoreError::NotApproved { .. } | StoreError::NotGranted { .. } => {
                EffectError::denied("E_APPR_USED", err.to_string())
            }
            err => EffectError::Unavailable(err.to_string()),
        })?;
        self.is_new_on_record(digest);
        crash_point::pass("effect noted");
        Ok(index)
    }

    fn note_own(&self, admitted: &Admitted) -> Result<u32, EffectError> {
        if let Some(given) = admitted.permit.spends() {
            let reason = format!(
                "`{}` is granted for a number of times, and a channel works for as long as the host runs; grant it for good",
                given.grant
            );
            return Err(EffectError::denied("E_GRANT_COUNTED", reason));
        }
        self.note_allowed(admitted);
        Ok(0)
    }

    /// Puts on record what was allowed and is no effect of its own.
    fn note_allowed(&self, admitted: &Admitted) {
        if self.is_new_on_record(admitted.permit.digest()) {
            audit::allowed(&self.asker(), admitted);
        }
    }

    fn is_new_on_record(&self, digest: Digest) -> bool {
        let mut on_record = self.on_record.lock().unwrap_or_else(PoisonError::into_inner);
        // A host's own calls go on for as long as it runs; what it forgets stands on record twice.
        if on_record.len() >= ON_RECORD {
            on_record.clear();
        }
        on_record.insert(digest)
    }

    /// Who asks, for the record; what has flowed into the run by now matters only to a decision.
    fn asker(&self) -> Asker<'_> {
        let CallContext { host, facts, cancel, .. } = &self.context;
        Asker { host, subject: &self.subject, facts, call: &self.call.id, cancel }
    }

    /// Labels the run with what an effect brings in; to be done before the guest gets it.
    async fn label(&self, labels: Labels) -> Result<(), EffectError> {
        if self.context.labels.join(&labels)
            && let Some(place) = &self.scratch
        {
            let kept = self.context.host.store.add_labels(place, &self.context.labels_to_keep()).await;
            kept.map_err(|err| EffectError::Unavailable(err.to_string()))?;
        }
        Ok(())
    }

    async fn ended(&self, index: u32, summary: String) -> Result<(), EffectError> {
        if self.is_own {
            return Ok(());
        }
        let summary = mask_line(&self.context.host.vault, &summary);
        let ended = audit::ended(&self.asker(), index, summary.clone());
        let step = JournalStep::EffectEnded { call: self.call.id.clone(), index, summary };
        self.record(step, ended, None).await.map_err(|err| EffectError::Unavailable(err.to_string()))
    }

    async fn record(&self, step: JournalStep, entry: AuditEntry, spends: Option<Spent>) -> Result<(), StoreError> {
        let spends = spends.into_iter().collect();
        let record = Record { steps: vec![step], audit: vec![entry], spends, ..Record::default() };
        self.context.store().record(&self.context.facts.run, record, now()).await.map(|_| ())
    }
}
