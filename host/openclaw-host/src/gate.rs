//! The gate before each action: the policy decides, and where it says "ask", a person does.
//!
//! ```text
//!   action ─► decide ─► allow ───────────────────────────────► Permit
//!                    ├► deny ────────────────────────────────► Denial
//!                    └► ask ─► parked row ─► card ─► answer ─► Permit or Denial
//! ```

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use claw_core::approval::{Answer, Approval, ApprovalState, Choice};
use claw_core::event::{HOST_MARK, HostEvent};
use claw_core::id::{AgentId, ApprovalId, CallId, ComponentName, SessionKey};
use claw_core::label::Labels;
use claw_core::rfc3339;
use claw_policy::{Action, Ask, Decision, Denial, Facts, Permit, Policy, Subject};
use claw_store::{ApprovalFilter, Paused, ResolveError, Store, StoreError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::audit::{self, Wanted};
use crate::budget::{Budget, Exhausted};
use crate::channels;
use crate::crash_point;
use crate::host::{Host, now, random_bits};
use crate::masking::{mask, masked_question};
use crate::owner_policies::PolicySet;

mod waiting;

use waiting::Waiting;

/// Questions of one kind that come within so short a time are shown together; nobody notices the delay.
const TOGETHER: Duration = Duration::from_millis(30);

/// Decides, and keeps those who wait for a person.
pub struct Gate {
    policy: RwLock<Policies>,
    expiry: Duration,
    /// How often a conversation may ask.
    pub budget: Budget,
    waiting: Waiting,
}

/// The policies in force.
struct Policies {
    set: PolicySet,
    /// Why newer ones are not.
    rejected: Option<Rejected>,
}

/// Policies that did not validate.
struct Rejected {
    why: String,
    /// The conversations that have been told.
    told: HashSet<SessionKey>,
}

/// Who asks for an action, and for what.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The host.
    pub host: &'a Host,
    /// The component.
    pub subject: &'a Subject,
    /// The facts of the run.
    pub facts: &'a Facts,
    /// The tool call that the action is part of.
    pub call: &'a CallId,
    /// Stops the run, and with it the waiting.
    pub cancel: &'a CancellationToken,
}

/// An admitted action.
pub struct Admitted {
    /// The proof.
    pub permit: Permit,
    /// The approval that it came from; to be used up in the transaction that starts the effect.
    pub approval: Option<ApprovalId>,
    /// What had flowed into the run when it was decided.
    pub labels: Labels,
}

/// Why an action was not admitted.
#[derive(Debug)]
pub enum Refused {
    /// Policy or a person said no.
    Denied(Denial),
    /// The run was stopped meanwhile.
    Cancelled,
    /// The approval could not be kept.
    Store(StoreError),
}

impl<'a> Asker<'a> {
    /// Where the conversation is, with its questions.
    fn store(&self) -> &'a Store {
        self.host.store_of(&self.facts.session)
    }
}

impl Gate {
    /// A gate under these policies.
    pub fn new(set: PolicySet, expiry: Duration, budget: Budget) -> Self {
        let policies = Policies { set, rejected: None };
        Gate { policy: RwLock::new(policies), expiry, budget, waiting: Waiting::default() }
    }

    /// The policies in force for an agent.
    pub fn policy(&self, agent: &AgentId) -> Arc<Policy> {
        Arc::clone(self.policy.read().unwrap_or_else(PoisonError::into_inner).set.of(agent))
    }

    /// Why the owner's newest policies are not in force; `None` if they are.
    pub fn rejected_policy(&self) -> Option<String> {
        let policies = self.policy.read().unwrap_or_else(PoisonError::into_inner);
        policies.rejected.as_ref().map(|rejected| rejected.why.clone())
    }

    /// Why the owner's newest policies are not in force, for a conversation that has not been told yet.
    pub fn untold_rejection(&self, session: &SessionKey) -> Option<String> {
        // Most of the time there is none, and nobody has to wait.
        self.rejected_policy()?;
        let mut policies = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        let rejected = policies.rejected.as_mut()?;
        rejected.told.insert(session.clone()).then(|| rejected.why.clone())
    }

    /// Puts the owner's newest policies in force, if they validate, and says whether they are others. Then open cards are
    /// to be taken back with [`Gate::supersede_cards`]: what they were decided by has changed.
    pub fn replace_policies(&self, newest: anyhow::Result<PolicySet>) -> bool {
        let mut policies = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        match newest {
            // All agents have the same files on top of their presets: those of one say it for all.
            Ok(set) if set.main().generation() == policies.set.main().generation() => policies.rejected = None,
            Ok(set) => {
                tracing::info!(generation = %set.main().generation().short(), "the policies have changed");
                *policies = Policies { set, rejected: None };
                return true;
            }
            Err(err) => {
                let why = format!("{err:#}");
                tracing::error!(
                    error = why,
                    "the policies were changed to what is not valid; the last ones stay in force"
                );
                policies.rejected = Some(Rejected { why, told: HashSet::new() });
            }
        }
        false
    }

    /// Decides on an action of a call and waits for a person where one is to be asked. What `asking` gives is held while
    /// a person thinks.
    pub async fn admit<P>(
        &self,
        asker: &Asker<'_>,
        action: Action,
        asking: impl FnOnce() -> P,
    ) -> Result<Admitted, Refused> {
        let (mut action, mut asking, mut held) = (action, Some(asking), None);
        // A call that has asked before a restart goes on waiting, though nobody has connected again yet.
        let has_asked = || asker.store().waits_or_may(&asker.facts.run, asker.call).map_err(Refused::Store);
        let (facts, waiting);
        let asker = if !asker.facts.person_present && has_asked()? {
            facts = Facts { person_present: true, ..asker.facts.clone() };
            waiting = Asker { facts: &facts, ..*asker };
            &waiting
        } else {
            asker
        };
        let agent = asker.facts.session.agent();
        loop {
            let policy = self.policy(&agent);
            let wanted = Wanted::of(&action);
            if let Some(paused) = asker.host.store.paused(&asker.subject.component).map_err(Refused::Store)? {
                let denial = is_paused(&asker.subject.component, &paused);
                return Err(Refused::Denied(audit::denied(asker, wanted, None, denial).await));
            }
            let ask = match policy.decide(asker.subject, asker.facts, action) {
                Decision::Allow(permit) => {
                    return Ok(Admitted { permit, approval: None, labels: asker.facts.labels.clone() });
                }
                Decision::Deny(denial) => {
                    return Err(Refused::Denied(audit::denied(asker, wanted, None, denial).await));
                }
                Decision::Ask(ask) => ask,
            };
            audit::asked(asker, &ask).await.map_err(Refused::Store)?;
            held = held.or_else(|| asking.take().map(|asking| asking()));
            let approval = match self.answer(asker, &policy, &ask).await {
                Ok(approval) => approval,
                Err(Refused::Denied(denial)) => {
                    return Err(Refused::Denied(audit::denied(asker, wanted, None, denial).await));
                }
                Err(refused) => return Err(refused),
            };
            let is_superseded = self.policy(&agent).generation() != policy.generation();
            if approval.state == ApprovalState::Withdrawn && is_superseded {
                action = ask.into_action();
                continue;
            }
            let id = approval.id.clone();
            return match self.policy(&agent).permit(ask, &approval) {
                Ok(permit) => Ok(Admitted { permit, approval: Some(id), labels: asker.facts.labels.clone() }),
                Err(denial) => Err(Refused::Denied(audit::denied(asker, wanted, Some(id), denial).await)),
            };
        }
    }

    /// Takes back the open cards, after the policies have changed: their calls are decided anew.
    pub async fn supersede_cards(&self, host: &Host) {
        for id in self.waiting.open() {
            let superseded = match host.store_of_approval(&id) {
                Ok(store) => store.supersede(&id, now()).await,
                Err(err) => Err(err),
            };
            let approval = match superseded {
                Ok(approval) => approval,
                Err(err) => {
                    tracing::error!(approval = %id, error = %err, "an open card cannot be taken back");
                    continue;
                }
            };
            channels::card_answered(host, &approval).await;
            host.tell(HostEvent::ApprovalResolved { approval: Arc::new(approval.clone()), at: now() });
            self.waiting.answer(approval);
        }
    }

    /// The person's answer to exactly this question: one already given, one still open, or a new one.
    async fn answer(&self, asker: &Asker<'_>, policy: &Policy, ask: &Ask) -> Result<Approval, Refused> {
        let facts = asker.facts;
        let known = asker.store().find_approval(&facts.run, asker.call, &ask.digest).map_err(Refused::Store)?;
        // A used one allowed one start only; the same wish once more is a new question.
        let known = known.filter(|known| !matches!(known.state, ApprovalState::Used { .. }));
        // A no holds for the whole run, however often the same is tried. AP-21
        let known = match known {
            Some(known) => Some(known),
            None => asker.store().find_denial(&facts.run, &ask.digest).map_err(Refused::Store)?,
        };
        let Some(approval) = known else {
            let question = self.question(asker, ask, policy.choices(ask))?;
            let may_ask = || self.budget.take(&question.session, now());
            let answered = self.waiting.line_up(&question, may_ask);
            let answered = match answered {
                Ok(answered) => answered,
                Err(full) => return Err(self.too_often(asker, ask, full).await),
            };
            if let Err(err) = asker.store().park(question.clone()).await {
                self.waiting.forget(&question.id);
                return Err(Refused::Store(err));
            }
            crash_point::pass("question kept");
            return self.told(asker, question, answered).await;
        };
        if !approval.state.is_pending() {
            return Ok(approval);
        }
        // Asked before a restart, and counted then.
        let Ok(answered) = self.waiting.line_up(&approval, || Ok::<_, Infallible>(()));
        self.told(asker, approval, answered).await
    }

    /// Shows the card of a parked question, with those that come at the same time, and waits for its answer.
    async fn told(
        &self,
        asker: &Asker<'_>,
        approval: Approval,
        answered: oneshot::Receiver<Approval>,
    ) -> Result<Approval, Refused> {
        let host = asker.host;
        let left = Duration::from_millis(approval.expires.0.saturating_sub(now().0));
        let expired = tokio::time::sleep(left);
        self.waiting.stored(&approval.id);
        let answered = async {
            tokio::time::sleep(TOGETHER).await;
            let together = self.waiting.to_tell(&approval.id);
            if !together.is_empty() {
                let card: Arc<str> = claw_policy::render_markdown(&together).into();
                channels::show_card(host, &approval.session, &together, &card).await;
                host.tell(HostEvent::ApprovalRequested { approvals: together.into(), card });
            }
            answered.await
        };
        tokio::select! {
            answered = answered => answered.map_err(|_| Refused::Cancelled),
            () = asker.cancel.cancelled() => {
                self.waiting.forget(&approval.id);
                Err(Refused::Cancelled)
            }
            () = expired => {
                self.waiting.forget(&approval.id);
                let approval = asker.store().expire(&approval.id, now()).await.map_err(Refused::Store)?;
                channels::card_answered(host, &approval).await;
                host.tell(HostEvent::ApprovalResolved { approval: Arc::new(approval.clone()), at: now() });
                Ok(approval)
            }
        }
    }

    /// The question for people; that of a sub-agent is asked where they are, and names it.
    fn question(&self, asker: &Asker<'_>, ask: &Ask, choices: Vec<Choice>) -> Result<Approval, Refused> {
        let Asker { subject, facts, call, .. } = asker;
        let created = now();
        let (mut card, mut session) = (ask.card.clone(), facts.session.clone());
        if let Some(agent) = asker.store().sub_agent(&session).map_err(Refused::Store)? {
            let name = if agent.label.is_empty() { "without a name" } else { &agent.label };
            card.lines.push(("Sub-agent".to_owned(), format!("{name}, started by {}", agent.parent)));
            session = agent.chat;
        }
        let question = Approval {
            id: ApprovalId::from_random(random_bits()),
            session,
            run: facts.run.clone(),
            call: (*call).clone(),
            component: subject.component.clone(),
            build: subject.digest,
            digest: ask.digest,
            card,
            argv: ask.argv.clone(),
            cwd: ask.cwd.clone(),
            choices,
            created,
            expires: created.plus(self.expiry),
            state: ApprovalState::Pending,
        };
        Ok(masked_question(&mask(&asker.host.vault), question))
    }

    /// Refuses a question, and says so in the chat, where somebody can let the conversation ask more.
    async fn too_often(&self, asker: &Asker<'_>, ask: &Ask, full: Exhausted) -> Refused {
        let Asker { host, subject, facts, .. } = asker;
        let until = rfc3339::format(full.until);
        let reason = format!(
            "this conversation has asked its owner {} times within an hour and may ask again at {until}; the owner can \
             write `/approve more`, or allow a kind of call for good",
            full.per_hour
        );
        let text = format!("{HOST_MARK} a call of `{}` was refused: {reason}.", subject.component);
        let (run, session) = (facts.run.clone(), facts.session.clone());
        channels::say(host, &session, &text).await;
        host.tell(HostEvent::Noticed { run, session, text: text.into() });
        let digest = Some(ask.digest);
        Refused::Denied(Denial { code: "E_APPR_BUDGET".to_owned(), reason, decided_by: Vec::new(), digest })
    }

    /// Takes an answer to one approval.
    ///
    /// # Errors
    /// Says why the answer does not count.
    pub async fn resolve(&self, host: &Host, id: &str, answer: Answer, by: &str) -> Result<Approval, ResolveError> {
        let resolved = self.resolve_all(host, &[id.to_owned()], answer, by).await.map_err(ResolveError::Store)?;
        resolved.into_iter().next().expect("gate: one id has one result")
    }

    /// Takes one answer to several approvals: the one function behind chat, RPC, HTTP and command line. Each has a
    /// result of its own.
    ///
    /// # Errors
    /// If the store cannot be written; no answer counts then.
    pub async fn resolve_all(
        &self,
        host: &Host,
        ids: &[String],
        answer: Answer,
        by: &str,
    ) -> Result<Vec<Result<Approval, ResolveError>>, StoreError> {
        crash_point::pass("answered");
        let resolved = resolve_all(host, ids, answer, by).await?;
        crash_point::pass("answer kept");
        let ended = resolved.iter().filter_map(|resolved| match resolved {
            Ok(approval) => Some(approval),
            Err(ResolveError::Expired(approval)) => Some(approval.as_ref()),
            Err(_) => None,
        });
        let mut components = HashSet::new();
        for approval in ended {
            tracing::info!(approval = %approval.id, state = approval.state.as_str(), by, "approval answered");
            if components.insert((&approval.component, approval.state.as_str())) {
                host.after_answer(approval).await;
            }
            crash_point::pass("answer in force");
            channels::card_answered(host, approval).await;
            host.tell(HostEvent::ApprovalResolved { approval: Arc::new(approval.clone()), at: now() });
            // Nobody waiting means that the run was cut off; the answer is kept for when it goes on.
            self.waiting.answer(approval.clone());
        }
        Ok(resolved)
    }
}

/// Takes an answer to questions of conversations that are kept, then to those of incognito ones.
async fn resolve_all(
    host: &Host,
    ids: &[String],
    answer: Answer,
    by: &str,
) -> Result<Vec<Result<Approval, ResolveError>>, StoreError> {
    if host.store.has_no_incognito() {
        return host.store.resolve_all(ids, answer, by, now()).await;
    }
    let open = [host.store.approvals(ApprovalFilter::Pending)?, host.incognito.approvals(ApprovalFilter::All)?];
    let (mut kept, mut incognito, mut resolved) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        let beginning = id.trim().to_ascii_lowercase();
        let meant = |open: &Vec<Approval>| -> Vec<Approval> {
            open.iter().filter(|approval| approval.id.as_str().starts_with(&beginning)).cloned().collect()
        };
        match (meant(&open[0]), meant(&open[1])) {
            // Each store would take it for its own.
            (mut candidates, more) if !candidates.is_empty() && !more.is_empty() => {
                candidates.extend(more);
                resolved.push(Err(ResolveError::Ambiguous { text: beginning, candidates }));
            }
            (_, more) if more.is_empty() => kept.push(id.clone()),
            _ => incognito.push(id.clone()),
        }
    }
    for (store, ids) in [(&host.store, kept), (&host.incognito, incognito)] {
        if !ids.is_empty() {
            resolved.extend(store.resolve_all(&ids, answer, by, now()).await?);
        }
    }
    Ok(resolved)
}

fn is_paused(component: &ComponentName, paused: &Paused) -> Denial {
    let Paused { by, at, why } = paused;
    let reason = format!(
        "component `{component}` is paused since {} by {by}: {why}; its owner can let it go on with `openclaw-host \
         component resume {component}`",
        rfc3339::format(*at)
    );
    Denial { code: "E_COMPONENT_PAUSED".to_owned(), reason, decided_by: Vec::new(), digest: None }
}
