//! What every part of the running host shares.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use claw_core::event::HostEvent;
use claw_core::id::{ApprovalId, RunId, SessionKey, Timestamp};
use claw_core::route::Routes;
use claw_effects::{ExecGate, ExecPaths, HttpBroker, NetBroker, Processes};
use claw_gateway::Approvers;
use claw_model::Model;
use claw_policy::Policy;
use claw_sandbox::{CallLimits, Sandbox};
use claw_store::{Blobs, Retention, Store, StoreError};
use claw_vault::Vault;
use tokio::sync::{broadcast, mpsc};

use crate::agents::Agents;
use crate::catalog::Catalog;
use crate::channels::Channels;
use crate::checkpoints::Checkpoints;
use crate::driver::DriverEvent;
use crate::fences::Fences;
use crate::folders::Folders;
use crate::gate::Gate;
use crate::gauge::Gauge;
use crate::hub::Hub;
use crate::models::Models;
use crate::packages::Packages;
use crate::revocations::Revocations;
use crate::settings::{ContextSettings, QueueSettings, SubAgentSettings, Unattended};
use crate::spending::Spending;
use crate::tasks::Unheard;

/// The running host. One value, shared by all tasks.
pub struct Host {
    /// Durable state: things of the owner, and conversations that are kept.
    pub store: Store,
    /// Conversations that are not; see [`Host::store_of`].
    pub incognito: Store,
    /// Where components run.
    pub sandbox: Sandbox,
    /// Installed components; another one when something is installed or removed.
    pub catalog: RwLock<Arc<Catalog>>,
    /// What the owner installs.
    pub packages: Packages,
    /// What must not run.
    pub revocations: Revocations,
    /// Skills of ClawHub.
    pub hub: Hub,
    /// Whom messages are for.
    pub agents: Agents,
    /// Which of them, where a message names none.
    pub routes: Routes,
    /// Chat services.
    pub channels: Channels,
    /// Decides, and asks people.
    pub gate: Gate,
    /// Those who can be asked.
    pub approvers: Approvers,
    /// What becomes of a question while there are none.
    pub unattended: Unattended,
    /// Who answers.
    pub models: Models,
    /// Sends requests for guests.
    pub http: HttpBroker,
    /// Opens connections for guests.
    pub net: NetBroker,
    /// The owner's secrets.
    pub vault: Arc<Vault>,
    /// Where programs run for guests.
    pub exec: ExecPaths,
    /// How many programs run at the same time.
    pub exec_gate: ExecGate,
    /// Programs that outlive their calls.
    pub processes: Processes,
    /// What components can reach of the file system.
    pub folders: Folders,
    /// Bytes that rows name.
    pub blobs: Blobs,
    /// What runs change in the workspace.
    pub checkpoints: Arc<Checkpoints>,
    /// What clients are told.
    pub events: broadcast::Sender<HostEvent>,
    /// The way to the lane driver.
    pub driver: mpsc::Sender<DriverEvent>,
    /// What models may use.
    pub spending: Arc<Spending>,
    /// How the model counts tokens.
    pub gauge: Gauge,
    /// What stands around content from outside.
    pub fences: Fences,
    /// Which conversations are kept.
    pub retention: Retention,
    /// How long an incognito one may be idle before it ends.
    pub incognito_idle: Duration,
    /// Where sub-agents end.
    pub sub_agents: SubAgentSettings,
    /// Tasks of whose ends nobody is to hear.
    pub unheard: Unheard,
    /// How messages wait.
    pub queue: QueueSettings,
    /// Limits of runs and calls.
    pub limits: RunLimits,
    /// Facts for `status`.
    pub about: About,
}

/// Limits of runs and calls.
#[derive(Clone, Copy, Debug)]
pub struct RunLimits {
    /// Model calls in one run.
    pub iterations: u32,
    /// What of a conversation the model gets to see.
    pub context: ContextSettings,
    /// One run, without the time it waits for approvals.
    pub run: Duration,
    /// One tool call.
    pub call: CallLimits,
}

/// What the host says of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// When it started.
    pub started: Timestamp,
    /// Its home.
    pub home: std::path::PathBuf,
    /// The policy preset.
    pub preset: claw_policy::Preset,
}

impl Host {
    /// Tells clients; nobody listening is fine. Of answers they see what is meant for people.
    pub fn tell(&self, event: HostEvent) {
        let event = match event {
            HostEvent::RunEnded { run, session, end, at } => {
                HostEvent::RunEnded { run, session, end: Arc::new(end.shown()), at }
            }
            event => event,
        };
        let _ = self.events.send(event);
    }

    /// Where what belongs to a conversation is: what is said in it, its runs, calls, questions, tasks and preferences.
    pub fn store_of(&self, session: &SessionKey) -> &Store {
        if session.is_incognito() { &self.incognito } else { &self.store }
    }

    /// The same, where only a run of it is known. One that nobody knows is looked for among those that are kept.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn store_of_run(&self, run: &RunId) -> Result<&Store, StoreError> {
        let is_incognito = !self.store.has_no_incognito() && self.incognito.run(run)?.is_some();
        Ok(if is_incognito { &self.incognito } else { &self.store })
    }

    /// The same, for a question of one.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn store_of_approval(&self, id: &ApprovalId) -> Result<&Store, StoreError> {
        let is_incognito = !self.store.has_no_incognito() && self.incognito.approval(id)?.is_some();
        Ok(if is_incognito { &self.incognito } else { &self.store })
    }

    /// The store that a new message goes to.
    ///
    /// # Errors
    /// [`StoreError::RunTaken`] if its run's id is one of the other store's, so that an id always names one run.
    pub fn store_for(&self, session: &SessionKey, run: &RunId) -> Result<&Store, StoreError> {
        let is_elsewhere = match session.is_incognito() {
            true => self.store.run(run)?.is_some(),
            false => !self.store.has_no_incognito() && self.incognito.run(run)?.is_some(),
        };
        match is_elsewhere {
            true => Err(StoreError::RunTaken { run: run.clone() }),
            false => Ok(self.store_of(session)),
        }
    }

    /// Whether somebody who may answer a question can be reached: over a connection, or because the client that
    /// started the run shows the card.
    pub fn somebody_answers(&self, shows_cards: bool) -> bool {
        shows_cards || self.unattended == Unattended::Wait || self.approvers.are_there()
    }

    /// The components that are installed now. Who takes several looks keeps what this gives: the next one may differ.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The models that are asked now. Who takes several looks keeps what this gives: the next one may differ.
    pub fn model(&self) -> Arc<Model> {
        self.models.current()
    }

    /// The policies in force for the agent of a conversation.
    pub fn policy(&self, session: &SessionKey) -> Arc<Policy> {
        self.gate.policy(&session.agent())
    }
}

/// Host time. The only place that reads the wall clock.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Fresh random bits, for ids.
pub fn random_bits() -> u128 {
    u128::from_le_bytes(random_bytes())
}

/// Fresh random bytes.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("host: the kernel gives random bytes");
    bytes
}
