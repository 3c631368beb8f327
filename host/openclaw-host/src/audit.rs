//! What goes on record: decisions, effects, and what the host finds at its start.
//!
//! The store chains, seals and keeps it. Here it gets its words, with the vault's secrets masked. What an effect does is
//! recorded with its start, in one transaction; an action that is allowed without one is noted, and the next transaction
//! of its call carries it; a refusal is on disk before the guest hears of it, and names its number.

pub mod view;

use std::collections::BTreeSet;
use std::time::Duration;

use claw_core::effect::{EffectRequest, SecretPurpose, SecretRequest, SecretUse, SessionsPlan, SessionsRequest};
use claw_core::id::{ApprovalId, Digest, Timestamp};
use claw_core::label::Labels;
use claw_core::message::ToolCall;
use claw_core::rfc3339;
use claw_core::route;
use claw_policy::{Action, Ask, Denial, Policy};
use claw_store::{AuditBreak, AuditEntry, AuditFact, AuditKind, FactKind, Repeatable, Store, StoreError};
use claw_vault::{Info, Vault};

use crate::catalog::Catalog;
use crate::gate::{Admitted, Asker};
use crate::host::{Host, now};
use crate::masking::mask_line;
use crate::owner_policies::PolicySet;
use crate::settings::{Effective, Origin, Settings};
use crate::tool_call::{self, CallContext};

/// Who acts where nobody else does.
pub const HOST: &str = "host";

/// What a component asks for, in words that outlive the decision.
pub struct Wanted {
    action: &'static str,
    subject: String,
    digest: Option<Digest>,
}

impl Wanted {
    /// The words for an action that is about to be decided; the refusal knows its digest.
    pub fn of(action: &Action) -> Self {
        Wanted { action: action.name(), subject: subject(action), digest: None }
    }

    /// The words for what a guest asks for, of which there may never be a plan to decide on.
    pub fn asked_for(request: &EffectRequest, digest: Digest, what: &str) -> Self {
        let action = match request {
            EffectRequest::Exec(_) | EffectRequest::Process(_) => "exec.run",
            EffectRequest::Http(_) => "http.request",
            EffectRequest::Net(_) => "net.connect",
            EffectRequest::Secret(SecretRequest::Get { .. }) => "secret.use",
            EffectRequest::Secret(SecretRequest::Reveal { .. }) => "secret.reveal",
            EffectRequest::Kv(_) => "kv.use",
            EffectRequest::Llm(_) => "llm.complete",
            EffectRequest::Message(_) => "message.send",
            EffectRequest::Sessions(SessionsRequest::Send { .. }) => "sessions.send",
            EffectRequest::Sessions(SessionsRequest::Spawn(_)) => "sessions.spawn",
            EffectRequest::Sessions(_) => "sessions.read",
        };
        Wanted { action, subject: what.to_owned(), digest: Some(digest) }
    }
}

/// What an action is about, in one line; the store bounds it.
fn subject(action: &Action) -> String {
    match action {
        Action::CallTool(call) => format!("{} {}", call.tool, call.arguments),
        Action::RunProgram(plan) => {
            let arguments = plan.argv.iter().skip(1).map(String::as_str);
            let program = plan.program.to_string_lossy();
            std::iter::once(program.as_ref()).chain(arguments).collect::<Vec<_>>().join(" ")
        }
        Action::SendRequest(plan) => format!("{} {}", plan.method, plan.target.url()),
        Action::OpenConnection(plan) => plan.target.url(),
        Action::UseSecret(SecretUse { name, purpose: SecretPurpose::Send(server) }) => format!("{name} to {server}"),
        Action::UseSecret(SecretUse { name, purpose: SecretPurpose::Hold | SecretPurpose::Reveal }) => name.clone(),
        Action::UseStore(store) => store.clone(),
        Action::AskModel(request) => request.model.clone(),
        Action::SendMessage(message) => message.to.clone(),
        Action::UseSessions(SessionsPlan::Read(reach) | SessionsPlan::Send { to: reach, .. }) => reach.key.clone(),
        Action::UseSessions(SessionsPlan::Spawn(plan)) => plan.task.clone(),
    }
}

// === decisions ===

/// Puts a refusal on record; its reason then names the entry.
pub async fn denied(asker: &Asker<'_>, wanted: Wanted, approval: Option<ApprovalId>, mut denial: Denial) -> Denial {
    let vault = &asker.host.vault;
    let Wanted { action, subject, digest } = wanted;
    let entry = AuditEntry {
        action: Some(action.to_owned()),
        subject: Some(mask_line(vault, &subject)),
        digest: denial.digest.or(digest),
        decided_by: denial.decided_by.clone(),
        approval,
        code: Some(denial.code.clone()),
        outcome: Some(mask_line(vault, &denial.reason)),
        ..labelled(by_component(asker, AuditKind::DecisionDeny), &asker.facts.labels)
    };
    match asker.host.store.audit(entry).await {
        Ok(number) => denial.reason.push_str(&format!(" (decision #{number})")),
        // What was refused does not happen, on record or not.
        Err(err) => tracing::error!(error = &err as &dyn std::error::Error, "a refusal could not be put on record"),
    }
    denial
}

/// Puts on record that a person is to be asked.
///
/// # Errors
/// If the store cannot be written; nobody must be asked then.
pub async fn asked(asker: &Asker<'_>, ask: &Ask) -> Result<(), StoreError> {
    let entry = AuditEntry {
        decided_by: ask.decided_by.clone(),
        ..labelled(about(asker, AuditKind::DecisionAsk, ask.action(), ask.digest), &asker.facts.labels)
    };
    asker.host.store.audit(entry).await.map(drop)
}

/// Notes that an action was allowed; the next record of its call carries it.
pub fn allowed(asker: &Asker<'_>, admitted: &Admitted) {
    asker.host.store.note_audit(admission(asker, AuditKind::DecisionAllow, admitted));
}

// === effects ===

/// The start of an effect, with the decision that allowed it.
pub fn started(asker: &Asker<'_>, admitted: &Admitted, index: u32) -> AuditEntry {
    AuditEntry { effect: Some(index), ..admission(asker, AuditKind::EffectStarted, admitted) }
}

/// The end of an effect; the summary is masked.
pub fn ended(asker: &Asker<'_>, index: u32, summary: String) -> AuditEntry {
    AuditEntry { effect: Some(index), outcome: Some(summary), ..by_component(asker, AuditKind::EffectEnded) }
}

/// What has to be on disk before a call begins that no journal knows; nothing if it cannot change files by itself.
pub fn requested(context: &CallContext, call: &ToolCall) -> Option<AuditEntry> {
    let CallContext { host, facts, cancel, .. } = context;
    let catalog = host.catalog();
    let installed = catalog.owner(catalog.tool(&call.tool)?);
    if tool_call::repeatable(host, call, facts) == Repeatable::Yes {
        return None;
    }
    let subject = installed.subject();
    let asker = Asker { host, subject: &subject, facts, call: &call.id, cancel };
    Some(AuditEntry {
        action: Some("tool.call".to_owned()),
        subject: Some(call.tool.to_string()),
        ..by_component(&asker, AuditKind::CallRequested)
    })
}

fn admission(asker: &Asker<'_>, kind: AuditKind, admitted: &Admitted) -> AuditEntry {
    let Admitted { permit, approval, labels } = admitted;
    AuditEntry {
        decided_by: permit.decided_by().to_vec(),
        approval: approval.clone(),
        ..labelled(about(asker, kind, permit.action(), permit.digest()), labels)
    }
}

/// What had flowed into the run when it was decided.
fn labelled(entry: AuditEntry, labels: &Labels) -> AuditEntry {
    AuditEntry { tainted: labels.tainted.clone(), private: labels.private.clone(), ..entry }
}

fn about(asker: &Asker<'_>, kind: AuditKind, action: &Action, digest: Digest) -> AuditEntry {
    AuditEntry {
        action: Some(action.name().to_owned()),
        subject: Some(mask_line(&asker.host.vault, &subject(action))),
        digest: Some(digest),
        ..by_component(asker, kind)
    }
}

fn by_component(asker: &Asker<'_>, kind: AuditKind) -> AuditEntry {
    let Asker { subject, facts, call, .. } = asker;
    AuditEntry {
        session: Some(facts.session.clone()),
        run: Some(facts.run.clone()),
        call: Some((*call).clone()),
        component: Some(subject.component.clone()),
        ..AuditEntry::new(kind, format!("component:{}", subject.component), now())
    }
}

// === clients ===

/// Puts on record that a client wanted what it may not do.
pub async fn refused(host: &Host, by: String, wanted: &str, code: &str, why: String) {
    let entry = AuditEntry {
        subject: Some(wanted.to_owned()),
        code: Some(code.to_owned()),
        outcome: Some(why),
        ..AuditEntry::new(AuditKind::RequestRefused, by, now())
    };
    note(&host.store, entry).await;
}

/// Puts on record what counts whether it is there or not; the log tells if it cannot be.
pub async fn note(store: &Store, entry: AuditEntry) {
    let kind = entry.kind;
    if let Err(err) = store.audit(entry).await {
        tracing::error!(
            kind = kind.as_str(),
            error = &err as &dyn std::error::Error,
            "this could not be put on record"
        );
    }
}

// === the host itself ===

/// What the host found at its start.
pub struct Found<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// Where each came from.
    pub effective: &'a [Effective],
    /// The components.
    pub catalog: &'a Catalog,
    /// The policies.
    pub policy: &'a Policy,
    /// The secrets, which stay out.
    pub vault: &'a Vault,
}

/// Removes what is too old, and puts the start on record with all that has changed since the last one.
///
/// # Errors
/// If the store cannot be written: a host that cannot keep a record does not start.
pub async fn start(store: &Store, found: &Found<'_>) -> Result<(), StoreError> {
    let at = now();
    prune(store, found.settings.audit.keep, at).await?;
    let version = format!("openclaw-host {}", env!("CARGO_PKG_VERSION"));
    store.note_audit(AuditEntry { subject: Some(version), ..AuditEntry::new(AuditKind::HostStarted, HOST, at) });
    store.audit_held(facts(found), at).await?;
    store.audit(loaded(found.policy, at)).await.map(drop)
}

async fn prune(store: &Store, keep: Duration, at: Timestamp) -> Result<(), StoreError> {
    let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
    let pruned = store.prune_audit(Timestamp(at.0.saturating_sub(keep)), at).await?;
    if pruned > 0 {
        tracing::info!(pruned, "the oldest entries of the record were removed");
    }
    Ok(())
}

/// Says in the log if somebody has tampered with the record. Walks all of it, so nobody should wait for this.
pub fn check(store: &Store) {
    match store.verify_audit().map(|verified| verified.broken) {
        Ok(None) => {}
        Ok(Some(AuditBreak { sequence, fault })) => {
            tracing::error!(sequence, what = fault.as_str(), "the record of what was decided and done is broken");
        }
        Err(err) => tracing::error!(error = &err as &dyn std::error::Error, "the record cannot be checked"),
    }
}

/// Puts on record that the owner's policies have changed, or that they are not valid.
pub async fn policies(host: &Host, newest: &anyhow::Result<PolicySet>) {
    let entry = match newest {
        Ok(set) if set.main().generation() == host.gate.policy(&route::main()).generation() => return,
        Ok(set) => loaded(set.main(), now()),
        Err(err) => AuditEntry {
            outcome: Some(mask_line(&host.vault, &format!("{err:#}"))),
            ..AuditEntry::new(AuditKind::PoliciesRejected, HOST, now())
        },
    };
    // They count all the same: they may be the ones that forbid.
    note(&host.store, entry).await;
}

fn loaded(policy: &Policy, at: Timestamp) -> AuditEntry {
    let files: BTreeSet<_> = policy.loaded().iter().map(|it| it.file.as_str()).collect();
    AuditEntry {
        subject: Some(files.into_iter().collect::<Vec<_>>().join(", ")),
        digest: Some(policy.generation()),
        outcome: Some(format!("{} policies", policy.loaded().len())),
        ..AuditEntry::new(AuditKind::PoliciesLoaded, HOST, at)
    }
}

/// Components, files that are none, grants and settings, as they are now.
fn facts(found: &Found<'_>) -> Vec<AuditFact> {
    let fact = |kind, name: &str, value: String| AuditFact { kind, name: name.to_owned(), value };
    let Found { settings, effective, catalog, vault, .. } = found;
    let components = catalog.components().map(|installed| {
        let component = &installed.component;
        fact(FactKind::Component, component.name.as_str(), component.digest.to_string())
    });
    let refused = catalog.refused().iter().map(|(name, why)| fact(FactKind::Refused, name, mask_line(vault, why)));
    let grants = settings.grants.iter().flat_map(|(component, texts)| {
        texts.iter().map(move |text| fact(FactKind::Grant, component.as_str(), mask_line(vault, text)))
    });
    let set = effective.iter().filter(|it| it.origin != Origin::Default && !it.path.starts_with("grants."));
    let set = set.map(|it| fact(FactKind::Setting, &it.path, mask_line(vault, &it.value.to_string())));
    let secrets = vault.names().unwrap_or_default();
    let secrets = secrets.iter().map(|info| fact(FactKind::Secret, &info.name, kept_for(info)));
    components.chain(refused).chain(grants).chain(set).chain(secrets).collect()
}

/// Where a secret may go, who may use it, and when its value was set.
fn kept_for(info: &Info) -> String {
    let named = |words: Vec<String>, none: &str| if words.is_empty() { none.to_owned() } else { words.join(", ") };
    let audience = named(info.audience.iter().map(ToString::to_string).collect(), "nowhere");
    let components = named(info.components.iter().map(ToString::to_string).collect(), "any with a grant");
    format!("set {}; goes to {audience}; for components: {components}", rfc3339::format(info.rotated))
}

#[cfg(test)]
mod tests {
    use claw_store::AuditKey;

    use super::*;

    #[tokio::test]
    async fn what_is_older_than_the_owner_wants_to_keep_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("host.redb"), AuditKey::new([7; 32])).unwrap();
        let hour = 60 * 60 * 1000;
        for hours in [0, 1, 30, 47] {
            store.audit(AuditEntry::new(AuditKind::HostStarted, HOST, Timestamp(hours * hour))).await.unwrap();
        }
        prune(&store, Duration::from_secs(24 * 60 * 60), Timestamp(48 * hour)).await.unwrap();
        let verified = store.verify_audit().unwrap();
        assert_eq!((verified.first, verified.last, verified.broken), (Some(3), 5, None));
    }
}
