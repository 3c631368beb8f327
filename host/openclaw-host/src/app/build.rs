//! What the host is made of, put together from its settings.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use claw_core::id::ToolName;
use claw_effects::{Dialer, ExecGate, ExecPaths, HttpBroker, HttpLimits, NetBroker, NetLimits, Processes};
use claw_gateway::{Auth, Gateway, GatewayConfig, GatewayError, GatewayLimits};
use claw_model::Model;
use claw_policy::Subject;
use claw_sandbox::{CallLimits, HostLimits, Sandbox, SandboxConfig, WorkerLimits};
use claw_store::{AuditKey, Blobs, Retention, Store, StoreError};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc};

use super::{App, WAITING};
use crate::agents::Agents;
use crate::answers;
use crate::audit::{self, Found};
use crate::budget::Budget;
use crate::catalog::{Catalog, CatalogError, Installed};
use crate::channels::Channels;
use crate::checkpoints::Checkpoints;
use crate::cli::{Exit, Failure, Start};
use crate::fences::Fences;
use crate::folders::Folders;
use crate::gate::Gate;
use crate::gauge::Gauge;
use crate::home::{self, Home, HomeError};
use crate::host::{About, Host, RunLimits, now};
use crate::hub::Hub;
use crate::models::{self, Models};
use crate::owner_policies::OwnerPolicies;
use crate::packages::Packages;
use crate::revocations::Revocations;
use crate::settings::{self, AuthMode, Flags, Settings, Walls};
use crate::spending::Spending;
use crate::tasks::Unheard;

/// Events that a slow connection may be behind before it is told to read the state again.
const EVENTS: usize = 4096;

/// The components of a home on which no host runs, as its next start will find them, each with its tools.
///
/// # Errors
/// Says why a host could not start either.
pub async fn installed(home: &Path) -> Result<Vec<(Subject, Vec<ToolName>)>, Failure> {
    let settings = settings::read(home, &Flags::default())?.settings;
    let home = Home::open(home)?;
    let store = open_store(home.path())?;
    let sandbox = Sandbox::open(sandbox_config(&settings, &home)?).map_err(|err| Failure::new(Exit::Failed, err))?;
    let revocations = revocations(&settings, home.path())?;
    let catalog = Catalog::load(&sandbox, &store, &settings, &home.component_folders(), &revocations).await;
    sandbox.stop().await;
    store.close();
    let catalog = catalog.map_err(catalog_failure)?;
    let tools =
        |installed: &Installed| installed.component.manifest.tools.iter().map(|tool| tool.name.clone()).collect();
    Ok(catalog.components().map(|installed| ((*installed.subject()).clone(), tools(installed))).collect())
}

/// What is open before the host is put together.
pub(super) struct Opened {
    model: Model,
    store: Store,
    gateway: Gateway,
    sandbox: Sandbox,
    revocations: Revocations,
}

impl App {
    /// Opens the store, finds the components and binds the port; runs nothing.
    pub(super) async fn build(start: &mut Start) -> Result<App, Failure> {
        let opened = Opened::new(start).await?;
        let Opened { store, sandbox, revocations, .. } = &opened;
        let catalog =
            Catalog::load(sandbox, store, &start.settings, &start.home.component_folders(), revocations).await;
        App::of(start, opened, catalog.map_err(catalog_failure)?).await
    }

    /// Puts it together with these components.
    pub(super) async fn of(start: &Start, opened: Opened, catalog: Catalog) -> Result<App, Failure> {
        let Start { settings, effective, home, vault, .. } = start;
        let Opened { model, store, gateway, sandbox, revocations } = opened;
        let folders = home.component_folders();
        let packages =
            Packages::open(folders, settings.clone(), &store).map_err(|err| Failure::new(Exit::Failed, err))?;
        let folders = Folders::new(settings, home);
        folders.settle(|name| !matches!(store.package(name), Ok(None)));
        let agents = Agents::new(settings, home);
        agents.warn_of_missing_tools(&catalog);
        let presets = agents.all().map(|agent| (agent.id.clone(), agent.preset)).collect();
        let policies = OwnerPolicies::watch(presets, home.policies()).map_err(|err| Failure::new(Exit::Failed, err))?;
        let policy = policies.load().map_err(|err| match err.downcast::<HomeError>() {
            Ok(err) => Failure::from(err),
            Err(err) => Failure::new(Exit::Config, err),
        })?;
        let found = Found { settings, effective, catalog: &catalog, policy: policy.main(), vault };
        audit::start(&store, &found).await.map_err(store_failure)?;
        let (driver, events) = mpsc::channel(WAITING);
        let dialer = Dialer::new(gateway.local_addr().map(|addr| addr.port()), &settings.roots);
        let dialer = dialer.map_err(|err| Failure::new(Exit::Failed, err))?;
        let http = HttpBroker::new(HttpLimits::default(), dialer.clone());
        let http = match &start.answers {
            Some(file) => http.answering_from(answers::standing_in(answers::read(file)?)?),
            None => http,
        };
        let exec = ExecPaths {
            launcher: program()?,
            workspaces: agents.all().map(|agent| agent.workspace.clone()).collect(),
            scratch: home.scratch(),
            cgroups: claw_effects::prepare_cgroups(),
        };
        let blobs = Blobs::new(home.file(home::BLOBS));
        let checkpoints = Checkpoints::new(settings.undo, home.path(), store.clone(), blobs.clone());
        let host = Host {
            incognito: store.incognito(),
            models: Models::new(model, &store),
            store,
            blobs,
            checkpoints,
            sandbox,
            packages,
            revocations,
            hub: Hub::open(home.path(), settings.clawhub.clone()).map_err(|err| Failure::new(Exit::Failed, err))?,
            catalog: RwLock::new(Arc::new(catalog)),
            agents,
            routes: settings.routes.clone(),
            channels: Channels::new(settings),
            gate: Gate::new(policy, settings.approvals.expiry, Budget::new(settings.approvals.per_hour)),
            approvers: gateway.approvers(),
            unattended: settings.approvals.unattended,
            http,
            net: NetBroker::new(NetLimits::default(), dialer),
            vault: Arc::clone(vault),
            processes: Processes::new(exec.clone()),
            exec,
            exec_gate: ExecGate::default(),
            folders,
            events: broadcast::Sender::new(EVENTS),
            driver,
            spending: Arc::new(Spending::new(settings.limits.spending)),
            gauge: Gauge::default(),
            fences: Fences::default(),
            retention: Retention { age: settings.sessions.keep, count: settings.sessions.keep_count },
            incognito_idle: settings.sessions.incognito,
            sub_agents: settings.sub_agents,
            unheard: Unheard::default(),
            queue: settings.queue,
            limits: limits(settings),
            about: About { started: now(), home: home.path().to_owned(), preset: settings.policy.preset.into() },
        };
        Ok(App { host: Arc::new(host), policies, gateway, driver: events })
    }
}

impl Opened {
    pub(super) async fn new(start: &mut Start) -> Result<Opened, Failure> {
        let client = start.client.take();
        let Start { settings, home, vault, .. } = start;
        let model = models::open(settings, vault).await?;
        let store = open_store(home.path())?;
        // Whoever holds the store is the only host of this home, so nobody is at work in there.
        home.empty_scratch();
        let gateway = match client {
            Some(client) => Gateway::for_one(UnixStream::from_std(client)?, gateway_config(settings, home)),
            None => Gateway::bind(gateway_config(settings, home)).await.map_err(gateway_failure)?,
        };
        let sandbox = Sandbox::open(sandbox_config(settings, home)?).map_err(|err| Failure::new(Exit::Failed, err))?;
        let revocations = revocations(settings, home.path())?;
        Ok(Opened { model, store, gateway, sandbox, revocations })
    }
}

/// This very program, whatever happens to its file meanwhile.
pub fn program() -> Result<PathBuf, Failure> {
    let program = PathBuf::from("/proc/self/exe");
    if program.exists() { Ok(program) } else { Ok(std::env::current_exe()?) }
}

fn gateway_config(settings: &Settings, home: &Home) -> GatewayConfig {
    let auth = match settings.gateway.auth {
        AuthMode::None => Auth::None,
        AuthMode::Token => Auth::Token(claw_gateway::Secret::new(home.token().expose())),
    };
    GatewayConfig {
        bind: SocketAddr::new(settings.gateway.bind, settings.gateway.port),
        auth,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tick: Duration::from_secs(30),
        limits: GatewayLimits::default(),
        routes: settings.routes.clone(),
    }
}

fn sandbox_config(settings: &Settings, home: &Home) -> Result<SandboxConfig, Failure> {
    Ok(SandboxConfig {
        program: program()?,
        cache: home.cache(),
        // A key that was damaged only costs compiling again.
        cache_key: own_key(&home.file("cache.key"))?,
        walls: walls(settings),
        worker: WorkerLimits::default(),
        host: HostLimits::default(),
    })
}

#[cfg(not(feature = "test-weaken"))]
fn walls(settings: &Settings) -> claw_sandbox::Walls {
    match settings.sandbox.walls {
        Walls::Required => claw_sandbox::Walls::Required,
        Walls::BestEffort => claw_sandbox::Walls::BestEffort,
    }
}

/// A build for tests leaves one wall standing; which, a variable says.
#[cfg(feature = "test-weaken")]
fn walls(settings: &Settings) -> claw_sandbox::Walls {
    #[expect(clippy::disallowed_methods, reason = "exists only in builds for tests")]
    let standing = std::env::var("OPENCLAW_TEST_ONLY_WALL");
    match (standing.as_deref(), settings.sandbox.walls) {
        (Ok("os"), _) => claw_sandbox::Walls::OnlyOs,
        (Ok("wasm"), _) => claw_sandbox::Walls::OnlyWasm,
        (_, Walls::Required) => claw_sandbox::Walls::Required,
        (_, Walls::BestEffort) => claw_sandbox::Walls::BestEffort,
    }
}

fn limits(settings: &Settings) -> RunLimits {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let limits = &settings.limits;
    RunLimits {
        iterations: limits.iterations,
        context: settings.context,
        run: limits.run,
        call: CallLimits { memory_bytes: limits.memory_bytes, wall_ms: millis(limits.call), ..CallLimits::default() },
    }
}

/// Opens the store of the home at `home`, or makes it.
///
/// # Errors
/// Says why it cannot be opened, e.g. because a host runs there.
pub fn open_store(home: &Path) -> Result<Store, Failure> {
    // With another key the record shows from where on it is another.
    let key = AuditKey::new(own_key(&home.join("audit.key"))?);
    Store::open(&store_path(home), key).map_err(store_failure)
}

/// Opens the store of the home at `home` for looking into it: nothing of it changes.
///
/// # Errors
/// Says why it cannot be opened, e.g. because a host runs there.
pub fn look_into_store(home: &Path) -> Result<Store, Failure> {
    let key = AuditKey::new(own_key(&home.join("audit.key"))?);
    Store::open_unchanged(&store_path(home), key).map_err(store_failure)
}

/// The store of the home at `home`.
pub fn store_path(home: &Path) -> PathBuf {
    home.join("host.redb")
}

/// A secret of the host's own, made when it is first needed; one that is damaged is replaced.
fn own_key(path: &Path) -> io::Result<[u8; 32]> {
    if let Ok(bytes) = fs::read(path) {
        if let Ok(key) = <[u8; 32]>::try_from(bytes) {
            return Ok(key);
        }
        tracing::warn!(path = %path.display(), "a key was damaged and is replaced");
        fs::remove_file(path)?;
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key)
}

fn revocations(settings: &Settings, home: &Path) -> Result<Revocations, Failure> {
    let revocations = Revocations::open(home, settings.packages.revocations.clone());
    revocations.map_err(|err| Failure::new(Exit::Config, err))
}

/// Why the store cannot be opened, with its exit code.
pub fn store_failure(err: StoreError) -> Failure {
    let exit = match err {
        StoreError::AlreadyOpen { .. } | StoreError::Full { .. } => Exit::Temporary,
        _ => Exit::Failed,
    };
    Failure::new(exit, err)
}

fn gateway_failure(err: GatewayError) -> Failure {
    let exit = match err {
        GatewayError::PortTaken { .. } => Exit::Temporary,
        GatewayError::ExposedWithoutAuth { .. } | GatewayError::EmptyToken => Exit::Config,
        GatewayError::Bind { .. } => Exit::Failed,
    };
    Failure::new(exit, err)
}

fn catalog_failure(err: CatalogError) -> Failure {
    let exit = match err {
        CatalogError::Grant { .. } | CatalogError::NoSuchComponent { .. } => Exit::Config,
        CatalogError::Sandbox(_)
        | CatalogError::Scope { .. }
        | CatalogError::Packages(_)
        | CatalogError::Store { .. }
        | CatalogError::Twice { .. }
        | CatalogError::Reserved { .. } => Exit::Failed,
    };
    Failure::new(exit, err)
}
