//! The installed components and their tools.

mod local;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use bytes::Bytes;
use claw_core::context;
use claw_core::grant::{GrantRow, Terms};
use claw_core::id::{ComponentName, Digest, ToolName};
use claw_core::message::ToolSpec;
use claw_policy::{
    Access, Declared, ExecGrant, Given, GivenGrants, Grant, GrantError, Grants, HttpGrant, Subject, Trust,
};
use claw_sandbox::{CallLimits, Component, Sandbox, Scope, Wasm};
use claw_store::{KvLimits, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::audit;
use crate::causes::chain;
use crate::host::now;
use crate::packages;
use crate::revocations::Revocations;
use crate::settings::{ComponentSettings, Settings};
use crate::{skills, tool_search};

/// The components in this program: name, bytes, SHA-256.
const SHIPPED: &[(&str, &[u8], [u8; 32])] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// Who publishes what ships.
const PUBLISHER: &str = "openclaw-host";
/// Who publishes what the owner has put into the home: nobody has vouched for it.
const LOCAL: &str = "local file";

/// Bytes of a description that anybody is shown.
const SHOWN_BYTES: usize = 1024;

/// What each shipped component is granted from the start: its own job, nothing more. `exec` and `web` get nothing, so
/// that each of their effects asks; `sessions` asks for all but a look at what its conversation has started itself.
const OWN_JOB: &[(&str, &str)] = &[
    ("files", "fs workspace read-write"),
    ("sessions", "sessions own"),
    ("skill-folder", "fs skill read"),
    ("telegram", "secret telegram-token"),
    ("telegram", "http https://api.telegram.org POST /bot{{secret:telegram-token}}/"),
    ("telegram", "http https://api.telegram.org GET /file/bot{{secret:telegram-token}}/"),
];

/// Tools that only the host itself calls: nobody is offered them, nobody else can name them.
const HOST_ONLY: &[&str] = &[skills::CARD_TOOL];

/// Why the catalog cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A shipped component is unusable.
    #[error(transparent)]
    Sandbox(#[from] claw_sandbox::SandboxError),
    /// A manifest asks for something that is no scope.
    #[error("component `{component}` declares a scope that makes no sense")]
    Scope {
        /// Which.
        component: ComponentName,
        /// What is wrong.
        #[source]
        err: GrantError,
    },
    /// The configuration grants something that is no grant.
    #[error("`grants.{component}` in the configuration has an entry that makes no sense")]
    Grant {
        /// Which.
        component: ComponentName,
        /// What is wrong.
        #[source]
        err: GrantError,
    },
    /// The configuration speaks of a component that is not there.
    #[error("`{section}.{component}` in the configuration names no installed component; installed are: {installed}")]
    NoSuchComponent {
        /// `grants` or `components`.
        section: &'static str,
        /// Which.
        component: ComponentName,
        /// Those there are.
        installed: String,
    },
    /// What is installed cannot be read.
    #[error("the list of packages cannot be read")]
    Packages(#[source] StoreError),
    /// The grants of a component cannot be read or kept.
    #[error("the grants of component `{component}` cannot be read")]
    Store {
        /// Which.
        component: ComponentName,
        /// Why.
        #[source]
        err: StoreError,
    },
    /// Two components offer the same tool.
    #[error("components `{first}` and `{second}` both offer tool `{tool}`")]
    Twice {
        /// The tool.
        tool: ToolName,
        /// Who has it.
        first: ComponentName,
        /// Who wants it too.
        second: ComponentName,
    },
    /// A component offers a tool that only the host has.
    #[error("component `{component}` offers a tool `{tool}`, which is the host's own; it has to name it differently")]
    Reserved {
        /// The tool.
        tool: ToolName,
        /// Who wants it.
        component: ComponentName,
    },
}

/// Where components lie that do not ship.
#[derive(Clone, Debug)]
pub struct ComponentFolders {
    /// Files `NAME.wasm` that the owner has put there.
    pub local: PathBuf,
    /// Packages, by their digests.
    pub packages: PathBuf,
}

impl ComponentFolders {
    /// The file of one version of a package.
    pub fn package(&self, digest: &Digest) -> PathBuf {
        self.packages.join(format!("{digest}.wasm"))
    }
}

/// One installed component with what it may do.
pub struct Installed {
    /// Its code and manifest.
    pub component: Component,
    /// What its owner set for it.
    pub settings: ComponentSettings,
    /// Who it is for the policy; another one when its grants change.
    subject: RwLock<Arc<Subject>>,
    /// What the configuration grants it.
    configured: Vec<Given>,
    /// Ends its calls when something is taken back.
    calls: Mutex<CancellationToken>,
}

impl Installed {
    /// Who it is for the policy, now.
    pub fn subject(&self) -> Arc<Subject> {
        Arc::clone(&self.subject.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a grant could open anything of what it declares or, without a manifest, imports.
    pub fn has_room_for(&self, grant: &Grant) -> bool {
        self.subject().declared.has_room_for(grant)
    }

    /// Puts stored grants in force, beside those of the configuration.
    ///
    /// # Errors
    /// If a row makes no sense; all stays as it was then.
    pub fn set_grants(&self, rows: &[GrantRow]) -> Result<(), GrantError> {
        let grants = all_grants(rows, &self.configured)?;
        let mut subject = self.subject.write().unwrap_or_else(PoisonError::into_inner);
        *subject = Arc::new(Subject { grants, ..(**subject).clone() });
        Ok(())
    }

    /// Is cancelled when the component's calls are to end.
    pub fn calls(&self) -> CancellationToken {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the component's calls; later ones are not touched.
    pub fn end_calls(&self) {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
    }
}

fn all_grants(rows: &[GrantRow], configured: &[Given]) -> Result<GivenGrants, GrantError> {
    let stored = rows.iter().map(|row| Given::parse(&row.grant, row.terms.clone()));
    stored.chain(configured.iter().cloned().map(Ok)).collect()
}

/// One tool of an installed component.
pub struct Tool {
    /// As the model sees it.
    pub spec: ToolSpec,
    /// What that takes of a prompt, in tokens.
    pub tokens: u64,
    /// Whose it is.
    pub component: ComponentName,
    /// Compiled on first use.
    schema: OnceLock<Option<jsonschema::Validator>>,
}

/// All installed components, as they are at one time.
#[derive(Clone, Default)]
pub struct Catalog {
    components: BTreeMap<ComponentName, Arc<Installed>>,
    refused: BTreeMap<String, String>,
    tools: HashMap<ToolName, Arc<Tool>>,
    specs: Vec<ToolSpec>,
}

impl Catalog {
    /// Installs what ships, the packages, and what the owner has put into a folder as `NAME.wasm`. Quick when the cache
    /// knows it; else each is compiled once. One of the owner's that is unusable stays off and keeps nobody else from
    /// running.
    ///
    /// # Errors
    /// Says what of the program itself or of the configuration is wrong.
    pub async fn load(
        sandbox: &Sandbox,
        store: &Store,
        settings: &Settings,
        folders: &ComponentFolders,
        revocations: &Revocations,
    ) -> Result<Self, CatalogError> {
        let mut catalog = Catalog::default();
        for (name, wasm, digest) in SHIPPED {
            let name = ComponentName::parse(name).expect("catalog: shipped names are valid");
            let wasm = Wasm::hashed(Bytes::from_static(wasm), Digest(*digest));
            let component = sandbox.install(name, wasm).await?;
            let rows = stored_grants(store, &component, Trust::Shipped).await?;
            catalog.add(component, Trust::Shipped, PUBLISHER, rows, settings)?;
        }
        let packages = store.packages().map_err(CatalogError::Packages)?;
        for package in packages {
            let receipt = package.receipt();
            let added = match revocations.of_component(&receipt.digest, receipt.key.as_deref()) {
                Some(why) => Err(why.to_string()),
                None => match packages::open(sandbox, store, &package.name, receipt, folders).await {
                    Ok(component) => catalog.add_untrusted(store, component, &receipt.publisher(), settings).await,
                    Err(err) => Err(chain(&err)),
                },
            };
            catalog.note_refusal(package.name.as_str(), added);
        }
        for path in local::files(&folders.local) {
            let added = catalog.add_local(sandbox, store, settings, revocations, &path).await;
            catalog.note_refusal(&path.file_stem().unwrap_or_default().to_string_lossy(), added);
        }
        catalog.check_grants(settings)?;
        catalog.specs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(catalog)
    }

    fn note_refusal(&mut self, name: &str, added: Result<(), String>) {
        if let Err(why) = added {
            tracing::error!(component = name, why, "a component stays off");
            self.refused.insert(name.to_owned(), why);
        }
    }

    async fn add_untrusted(
        &mut self,
        store: &Store,
        component: Component,
        publisher: &str,
        settings: &Settings,
    ) -> Result<(), String> {
        let with_cause = |err: CatalogError| match std::error::Error::source(&err) {
            Some(cause) => format!("{err}: {cause}"),
            None => err.to_string(),
        };
        let rows = stored_grants(store, &component, Trust::Untrusted).await.map_err(with_cause)?;
        self.add(component, Trust::Untrusted, publisher, rows, settings).map_err(with_cause)
    }

    /// The same with a package in the place of what has its name.
    ///
    /// # Errors
    /// [`CatalogError`] if it does not fit beside the others.
    pub fn with_package(
        &self,
        component: Component,
        publisher: &str,
        rows: Vec<GrantRow>,
        settings: &Settings,
    ) -> Result<Catalog, CatalogError> {
        let mut catalog = self.without(&component.name);
        catalog.add(component, Trust::Untrusted, publisher, rows, settings)?;
        catalog.specs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(catalog)
    }

    /// The same with one component off.
    pub fn refusing(&self, name: &ComponentName, why: String) -> Catalog {
        let mut catalog = self.without(name);
        catalog.refused.insert(name.to_string(), why);
        catalog
    }

    /// The same without one component.
    pub fn without(&self, name: &ComponentName) -> Catalog {
        let mut catalog = self.clone();
        catalog.components.remove(name);
        catalog.refused.remove(name.as_str());
        catalog.tools.retain(|_, tool| tool.component != *name);
        catalog.specs.retain(|spec| catalog.tools.contains_key(&spec.name));
        catalog
    }

    /// A grant to nobody is a mistake that would otherwise show only when something is missing.
    fn check_grants(&self, settings: &Settings) -> Result<(), CatalogError> {
        let known =
            |name: &&ComponentName| self.components.contains_key(*name) || self.refused.contains_key(name.as_str());
        let granted = settings.grants.keys().map(|name| ("grants", name));
        let set = settings.components.keys().map(|name| ("components", name));
        match granted.chain(set).find(|(_, name)| !known(name)) {
            None => Ok(()),
            Some((section, component)) => {
                let installed: Vec<_> = self.components.keys().map(ComponentName::as_str).collect();
                let installed = installed.join(", ");
                Err(CatalogError::NoSuchComponent { section, component: component.clone(), installed })
            }
        }
    }

    fn add(
        &mut self,
        component: Component,
        trust: Trust,
        publisher: &str,
        rows: Vec<GrantRow>,
        settings: &Settings,
    ) -> Result<(), CatalogError> {
        let name = component.name.clone();
        let declared = declared(&component)?;
        let configured = settings.grants.get(&name).into_iter().flatten();
        let no_grant = |err| CatalogError::Grant { component: name.clone(), err };
        let configured = configured.map(|text| Given::parse(text, Terms::default())).collect::<Result<Vec<_>, _>>();
        let configured = configured.map_err(no_grant)?;
        let grants = all_grants(&rows, &configured).map_err(no_grant)?;
        for tool in &component.manifest.tools {
            if let Some(first) = self.tools.get(&tool.name) {
                let (tool, first) = (tool.name.clone(), first.component.clone());
                return Err(CatalogError::Twice { tool, first, second: name });
            }
        }
        if let Some(tool) = component.manifest.tools.iter().find(|tool| tool.name.as_str() == tool_search::NAME) {
            return Err(CatalogError::Reserved { tool: tool.name.clone(), component: name });
        }
        let offered = component.manifest.tools.iter().filter(|tool| !is_host_only(trust, &tool.name));
        for tool in offered {
            let schema = serde_json::from_str(&tool.schema).unwrap_or_default();
            let spec = ToolSpec { name: tool.name.clone(), description: shown(&tool.description).to_owned(), schema };
            self.specs.push(spec.clone());
            let tokens = context::of_tool(&spec);
            let tool = Tool { spec, tokens, component: name.clone(), schema: OnceLock::new() };
            self.tools.insert(tool.spec.name.clone(), Arc::new(tool));
        }
        let subject = Subject {
            component: name.clone(),
            publisher: publisher.to_owned(),
            digest: component.digest,
            trust,
            declared,
            grants,
        };
        let settings = settings.components.get(&name).cloned().unwrap_or_default();
        let (subject, calls) = (RwLock::new(Arc::new(subject)), Mutex::default());
        self.components.insert(name, Arc::new(Installed { component, settings, subject, configured, calls }));
        Ok(())
    }

    /// The components, by name.
    pub fn components(&self) -> impl Iterator<Item = &Arc<Installed>> {
        self.components.values()
    }

    /// One component.
    pub fn component(&self, name: &ComponentName) -> Option<&Arc<Installed>> {
        self.components.get(name)
    }

    /// Files of the owner's that are no usable components, and why.
    pub fn refused(&self) -> &BTreeMap<String, String> {
        &self.refused
    }

    /// All tools as the model sees them, by name.
    pub fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    /// One tool.
    pub fn tool(&self, name: &ToolName) -> Option<&Arc<Tool>> {
        self.tools.get(name)
    }

    /// The component of a tool.
    pub fn owner(&self, tool: &Tool) -> &Arc<Installed> {
        self.components.get(&tool.component).expect("catalog: a tool's component is installed")
    }
}

impl ComponentSettings {
    /// The limits of one call: the host's, where the component has none of its own.
    pub fn call_limits(&self, host: CallLimits) -> CallLimits {
        let own = &self.limits;
        CallLimits {
            memory_bytes: own.memory_mib.map_or(host.memory_bytes, |mib| mib << 20),
            wall_ms: own.call_seconds.map_or(host.wall_ms, |seconds| seconds * 1000),
            cpu_ms: own.cpu_seconds.map_or(host.cpu_ms, |seconds| seconds * 1000),
            effects: own.effects.unwrap_or(host.effects),
            handles: own.handles.unwrap_or(host.handles),
            log_lines: own.log_lines.unwrap_or(host.log_lines),
        }
    }

    /// What its key-value stores may hold.
    pub fn kv_limits(&self) -> KvLimits {
        let default = KvLimits::default();
        KvLimits { bytes: self.limits.store_mib.map_or(default.bytes, |mib| mib << 20), ..default }
    }
}

impl Tool {
    /// Checks arguments against the stored schema.
    ///
    /// # Errors
    /// Names the first place that does not fit, for the model to mend.
    pub fn check(&self, arguments: &serde_json::Value) -> Result<(), String> {
        let compile = || jsonschema::validator_for(&self.spec.schema).ok();
        let Some(validator) = self.schema.get_or_init(compile) else { return Ok(()) };
        validator.validate(arguments).map_err(|err| {
            let place = err.instance_path().to_string();
            let place = if place.is_empty() { "the arguments".to_owned() } else { format!("`{place}`") };
            format!("{place} do not fit the schema of `{}`: {err}", self.spec.name)
        })
    }
}

/// What is shown of a description, to its owner before deciding and to a model: nothing reaches a model that its owner could
/// not have read.
pub fn shown(description: &str) -> &str {
    &description[..description.floor_char_boundary(SHOWN_BYTES)]
}

fn is_host_only(trust: Trust, tool: &ToolName) -> bool {
    trust == Trust::Shipped && HOST_ONLY.contains(&tool.as_str())
}

/// The rows that are bound to exactly these bytes. A shipped component gets those of its own job when it is first seen.
async fn stored_grants(store: &Store, component: &Component, trust: Trust) -> Result<Vec<GrantRow>, CatalogError> {
    let failed = |err| CatalogError::Store { component: component.name.clone(), err };
    let rows = store.grants(&component.name, &component.digest).map_err(failed)?;
    let own = OWN_JOB.iter().filter(|(own, _)| trust == Trust::Shipped && *own == component.name.as_str());
    let own = own.map(|(_, grant)| GrantRow {
        grant: (*grant).to_owned(),
        terms: Terms::default(),
        by: audit::HOST.to_owned(),
        at: now(),
    });
    let own: Vec<_> = own.collect();
    if !rows.is_empty() || own.is_empty() {
        return Ok(rows);
    }
    let stored = store.change_grants(&component.name, &component.digest, own, Vec::new(), audit::HOST, now());
    stored.await.map_err(failed)
}

/// What a component's manifest asks for or, where it has none, what it imports.
///
/// # Errors
/// [`CatalogError::Scope`] if that makes no sense.
pub fn declared(component: &Component) -> Result<Declared, CatalogError> {
    if let Some(plain) = &component.plain {
        return Ok(Declared::Imports(plain.families.clone()));
    }
    let scopes = component.manifest.scopes.iter().map(scope).collect::<Result<Grants, _>>();
    scopes.map(Declared::Scopes).map_err(|err| CatalogError::Scope { component: component.name.clone(), err })
}

fn scope(scope: &Scope) -> Result<Grant, GrantError> {
    Ok(match scope {
        Scope::Fs { folder, write } => {
            let access = if *write { Access::ReadWrite } else { Access::Read };
            Grant::parse(&format!("fs {folder} {access}"))?
        }
        Scope::Http { pattern, methods, paths } => {
            let (methods, paths) = (methods.iter().map(String::as_str), paths.iter().map(String::as_str));
            Grant::Http(HttpGrant::new(pattern, methods, paths)?)
        }
        Scope::Exec(pattern) => Grant::Exec(ExecGrant::new(pattern.iter().map(String::as_str))?),
        Scope::Other(text) => Grant::parse(text)?,
    })
}
