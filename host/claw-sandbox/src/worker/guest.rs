//! What one guest instance sees: its WASI context, its limits, and our own interfaces.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use claw_core::channel;
use claw_core::guard::Guard;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, ResourceLimiter};
use wasmtime_wasi::p2::bindings::{filesystem, sync};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bindings;
use super::bindings::openclaw::session::run;
use super::chance::Given;
use super::door::{CallState, Door};
use super::family::files::Files;
use super::family::http::HttpDoor;
use super::family::logging::LogBudget;
use super::family::time::Time;
use super::mount::Mount;
use super::stdio::Printed;
use crate::admission::GUEST;
use crate::confine::Granted;
use crate::frame::{Call, Start};
use crate::limits::{CallLimits, HEADER_BYTES, RANDOM_BYTES, TABLE_ELEMENTS, TABLE_ENTRIES, TICK_MS};
use crate::workspace::Workspace;

/// The words of the world, under one name.
pub(super) mod wit {
    pub(in crate::worker) use crate::worker::bindings::exports::openclaw::tool::guest::{Call, Failure, ToolError};
    pub(in crate::worker) use crate::worker::bindings::openclaw::manifest::manifest::{Access, Manifest, Scope};
}

/// A component, linked once; each call instantiates it anew.
pub(super) struct Program {
    pub(super) pre: InstancePre<Guest>,
    /// Where our world's exports are; a plain component has none.
    pub(super) indices: Option<bindings::ToolIndices>,
    /// Whether it exports the interface of a channel.
    pub(super) is_channel: bool,
    mounts: Arc<[Mount]>,
    workspace: Option<Arc<Workspace>>,
    config: Arc<[(String, String)]>,
    #[cfg(feature = "test-weaken")]
    walls: crate::frame::StartWalls,
}

/// The state behind one instance.
pub(super) struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    http_door: HttpDoor,
    pub(super) table: ResourceTable,
    pub(super) files: Files,
    pub(super) limiter: Limiter,
    /// Ticks of CPU time that the call may still use.
    pub(super) ticks_left: u64,
    pub(super) call: Arc<CallState>,
    pub(super) door: Arc<Door>,
    pub(super) workspace: Option<Arc<Workspace>>,
    pub(super) config: Arc<[(String, String)]>,
    pub(super) info: run::Info,
    /// Progress reports so far.
    pub(super) progress: u32,
    pub(super) log: LogBudget,
    pub(super) time: Time,
    pub(super) random: Given,
}

impl Program {
    /// Links a component and opens what its guests are granted. Runs before the walls go up.
    pub(super) fn prepare(engine: &Engine, component: &Component, start: &Start) -> wasmtime::Result<Self> {
        let mut linker = Linker::<Guest>::new(engine);
        // Toolchains import these on their own; an empty context behind them grants nothing.
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker)?;
        bindings::Tool::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
        // Files by the rules of the house, not by those of the library.
        linker.allow_shadowing(true);
        filesystem::preopens::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
        sync::filesystem::types::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
        let pre = linker.instantiate_pre(component)?;
        let is_plain = component.get_export_index(None, GUEST).is_none();
        let indices = if is_plain { None } else { Some(bindings::ToolIndices::new(&pre)?) };
        let mounts = start.mounts.iter().map(Mount::open).collect::<Result<Arc<[Mount]>, _>>()?;
        let workspaces = mounts.iter().map(Mount::workspace).collect::<Result<Vec<_>, _>>()?;
        let workspace = workspaces.into_iter().flatten().next().map(Arc::new);
        Ok(Program {
            pre,
            indices,
            is_channel: component.get_export_index(None, channel::INTERFACE).is_some(),
            mounts,
            workspace,
            config: start.config.clone().into(),
            #[cfg(feature = "test-weaken")]
            walls: start.walls,
        })
    }

    /// What the kernel's wall must let through.
    pub(super) fn granted(&self) -> Vec<Granted<'_>> {
        self.mounts.iter().map(Mount::granted).collect()
    }

    /// Removes what commits of earlier workers have left behind.
    pub(super) fn sweep(&self) {
        if let Some(workspace) = &self.workspace {
            #[expect(clippy::disallowed_methods, reason = "how old a file is needs the wall clock")]
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            workspace.sweep(since.unwrap_or_default().as_secs());
        }
    }

    /// Whether the test wants to see the operating system's wall alone.
    #[cfg(feature = "test-weaken")]
    pub(super) fn only_os(&self) -> bool {
        self.walls == crate::frame::StartWalls::OnlyOs
    }

    /// A fresh state for one call; with `call` absent nothing at all is granted.
    pub(super) fn guest(
        &self,
        state: &Arc<CallState>,
        door: &Arc<Door>,
        call: Option<&Call>,
        printed: &Printed,
        limits: CallLimits,
    ) -> wasmtime::Result<Guest> {
        let mut wasi = WasiCtxBuilder::new();
        let time = Time::new(call.map(|call| call.clock.clone()).unwrap_or_default());
        let seed = call.map(|call| call.seed).unwrap_or_default();
        let random = Given::default();
        // The call owns its thread, so file operations need no other one.
        wasi.allow_blocking_current_thread(true)
            .stdout(printed.clone())
            .stderr(printed.clone())
            .wall_clock(time.clone())
            .monotonic_clock(time.clone())
            .secure_random(random.generator(seed))
            .insecure_random(random.generator(seed))
            .insecure_random_seed(u128::from_le_bytes(*seed.first_chunk().expect("guest: a seed has 32 bytes")))
            .max_random_size(RANDOM_BYTES);
        let granted = call.is_some();
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADER_BYTES);
        let mut table = ResourceTable::new();
        table.set_max_capacity(TABLE_ENTRIES);
        let text = |field: fn(&Call) -> &String| call.map(|call| field(call).clone()).unwrap_or_default();
        Ok(Guest {
            wasi: wasi.build(),
            http,
            http_door: HttpDoor { call: Arc::clone(state), door: Arc::clone(door) },
            table,
            files: if granted { Files::new(Arc::clone(&self.mounts)) } else { Files::default() },
            limiter: Limiter::new(limits.memory_bytes),
            ticks_left: limits.cpu_ms / TICK_MS + 1,
            call: Arc::clone(state),
            door: Arc::clone(door),
            workspace: self.workspace.clone().filter(|_| granted),
            info: run::Info {
                run_id: text(|call| &call.run),
                session_key: text(|call| &call.session),
                agent_id: text(|call| &call.agent),
                origin: text(|call| &call.origin),
            },
            config: if granted { Arc::clone(&self.config) } else { Arc::default() },
            progress: 0,
            log: LogBudget::new(limits.log_lines),
            time,
            random,
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Before its table goes, and with it the request bodies that it has not finished.
        self.call.end();
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.http_door }
    }
}

/// Counts the memory of all the call's instances together: the engine's own limits hold for each memory alone.
pub(super) struct Limiter {
    memory_left: usize,
    elements_left: usize,
    pub(super) refused: bool,
}

impl Limiter {
    fn new(memory_bytes: u64) -> Self {
        let memory_left = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
        Limiter { memory_left, elements_left: TABLE_ELEMENTS, refused: false }
    }

    /// Bytes of memory that may still be taken.
    pub(super) fn memory_left(&self) -> u64 {
        self.memory_left as u64
    }

    fn take(left: &mut usize, refused: &mut bool, current: usize, desired: usize) -> bool {
        match left.checked_sub(desired.saturating_sub(current)) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => {
                *refused = true;
                false
            }
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::take(&mut self.memory_left, &mut self.refused, current, desired) || !Guard::MemoryLimit.is_up())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::take(&mut self.elements_left, &mut self.refused, current, desired))
    }

    // Interpreters bring tens of modules in one component; nothing brings hundreds.
    fn instances(&self) -> usize {
        128
    }

    fn tables(&self) -> usize {
        128
    }

    fn memories(&self) -> usize {
        8
    }
}
