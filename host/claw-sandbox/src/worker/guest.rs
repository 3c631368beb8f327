//! What one guest instance sees: its WASI context, its limits, and our own interfaces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use claw_core::effect::{EffectError, EffectReply, EffectRequest, ExecEnd, ExecRequest};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, ResourceLimiter};
use wasmtime_wasi::{FsPerms, ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::door::{CallState, Door};
use super::http::HttpDoor;
use super::stdio::Printed;
use crate::frame::{Call, FromWorker, Start, StartMount};
use crate::limits::{HEADER_BYTES, PROGRESS_BYTES, PROGRESS_REPORTS, RANDOM_BYTES, TABLE_ELEMENTS, TABLE_ENTRIES};
use crate::workspace::{Change, FileError, Kind, Listing, Mode, Workspace};

mod bindings {
    wasmtime::component::bindgen!({
        world: "openclaw:tool/tool",
        path: [
            "../../wit/types",
            "../../wit/manifest",
            "../../wit/session",
            "../../wit/exec",
            "../../wit/workspace",
            "../../wit/tool",
        ],
    });
}

/// The words of the world, under one name.
pub(super) mod wit {
    pub(in crate::worker) use super::bindings::exports::openclaw::tool::guest::{Call, ToolError};
    pub(in crate::worker) use super::bindings::openclaw::manifest::manifest::{Access, Manifest, Scope};
}

use bindings::openclaw::exec::exec;
use bindings::openclaw::session::run;
use bindings::openclaw::types::types;
use bindings::openclaw::workspace::files;

/// A component, linked once; each call instantiates it anew.
pub(super) struct Program {
    pub(super) pre: InstancePre<Guest>,
    pub(super) indices: bindings::ToolIndices,
    mounts: Vec<StartMount>,
    workspace: Option<Arc<Workspace>>,
    #[cfg(feature = "test-weaken")]
    walls: crate::frame::StartWalls,
}

/// The state behind one instance.
pub(super) struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    http_door: HttpDoor,
    table: ResourceTable,
    pub(super) limiter: Limiter,
    call: Arc<CallState>,
    door: Arc<Door>,
    workspace: Option<Arc<Workspace>>,
    info: run::Info,
    progress: AtomicU32,
}

impl Program {
    /// Links a component and opens what its guests are granted. Runs before the walls go up.
    pub(super) fn prepare(engine: &Engine, component: &Component, start: &Start) -> wasmtime::Result<Self> {
        let mut linker = Linker::<Guest>::new(engine);
        // Toolchains import these on their own; an empty context behind them grants nothing.
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker)?;
        bindings::Tool::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
        let pre = linker.instantiate_pre(component)?;
        let indices = bindings::ToolIndices::new(&pre)?;
        let workspace = start.mounts.iter().find(|mount| mount.guest == WORKSPACE);
        let workspace = workspace.map(|mount| {
            let mode = if mount.write { Mode::ReadWrite } else { Mode::ReadOnly };
            Workspace::open(mount.host.as_ref(), mode).map(Arc::new)
        });
        let workspace = workspace.transpose()?;
        let mounts = start.mounts.iter().map(StartMount::clone).collect();
        Ok(Program {
            pre,
            indices,
            mounts,
            workspace,
            #[cfg(feature = "test-weaken")]
            walls: start.walls,
        })
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
        memory_bytes: u64,
    ) -> wasmtime::Result<Guest> {
        let mut wasi = WasiCtxBuilder::new();
        // The call owns its thread, so file operations need no other one.
        wasi.allow_blocking_current_thread(true)
            .stdout(printed.clone())
            .stderr(printed.clone())
            .max_random_size(RANDOM_BYTES);
        let granted = call.is_some();
        for mount in self.mounts.iter().filter(|_| granted) {
            let perms = if mount.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            wasi.preopened_dir(&mount.host, &mount.guest, perms)?;
        }
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
            limiter: Limiter::new(memory_bytes),
            call: Arc::clone(state),
            door: Arc::clone(door),
            workspace: self.workspace.clone().filter(|_| granted),
            info: run::Info {
                run_id: text(|call| &call.run),
                session_key: text(|call| &call.session),
                agent_id: text(|call| &call.agent),
                origin: text(|call| &call.origin),
            },
            progress: AtomicU32::new(0),
        })
    }
}

/// Where guests see the agent's workspace.
const WORKSPACE: &str = "/workspace";

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
        Ok(Self::take(&mut self.memory_left, &mut self.refused, current, desired))
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

// === impl openclaw:session ===

impl run::Host for Guest {
    fn get_info(&mut self) -> run::Info {
        self.info.clone()
    }

    fn is_cancelled(&mut self) -> bool {
        self.call.is_cancelled()
    }

    fn progress(&mut self, percent: Option<u8>, note: String) {
        if self.progress.fetch_add(1, Ordering::Relaxed) >= PROGRESS_REPORTS {
            return;
        }
        let end = note.floor_char_boundary(PROGRESS_BYTES);
        let percent = percent.map(|percent| percent.min(100));
        let frame = FromWorker::Progress { id: self.call.id, percent, note: note[..end].to_owned() };
        // A report that does not get through is not missed; a broken socket ends the worker elsewhere.
        let _ = self.door.send(&frame);
    }
}

impl types::Host for Guest {}

impl bindings::openclaw::manifest::manifest::Host for Guest {}

// === impl openclaw:exec ===

impl exec::Host for Guest {
    fn run(&mut self, command: exec::Command) -> Result<exec::Exit, types::Error> {
        let request = ExecRequest {
            argv: command.argv,
            cwd: command.cwd.unwrap_or_default(),
            env: command.env,
            stdin: command.stdin.unwrap_or_default(),
            timeout_ms: command.timeout_ms,
            max_output_bytes: command.max_output_bytes,
        };
        match self.call.ask_blocking(&self.door, EffectRequest::Exec(request)) {
            Ok(EffectReply::Exec(exit)) => Ok(exec::Exit {
                end: match exit.ended {
                    ExecEnd::Code(code) => exec::End::Code(code),
                    ExecEnd::Signal(signal) => exec::End::Signal(signal),
                    ExecEnd::TimedOut => exec::End::TimedOut,
                    ExecEnd::MemoryLimit => exec::End::MemoryLimit,
                    ExecEnd::Cancelled => return Err(types::Error::Cancelled),
                },
                stdout: exit.stdout,
                stderr: exit.stderr,
                stdout_dropped: exit.stdout_dropped,
                stderr_dropped: exit.stderr_dropped,
                duration_ms: exit.duration_ms,
            }),
            Ok(EffectReply::Http(_)) => Err(types::Error::Other("the host answered another question".to_owned())),
            Err(err) => Err(err.into()),
        }
    }
}

impl From<EffectError> for types::Error {
    fn from(err: EffectError) -> Self {
        match err {
            EffectError::Denied { code, reason } => types::Error::Denied(types::Denial { code, reason }),
            EffectError::Limit(text) => types::Error::Limit(text),
            EffectError::Invalid(text) => types::Error::Invalid(text),
            EffectError::Unavailable(text) => types::Error::Unavailable(text),
            EffectError::Cancelled => types::Error::Cancelled,
            EffectError::Other(text) => types::Error::Other(text),
        }
    }
}

// === impl openclaw:workspace ===

impl Guest {
    fn workspace(&self) -> Result<&Workspace, types::Error> {
        self.workspace.as_deref().ok_or_else(|| {
            types::Error::Denied(types::Denial {
                code: "E_POLICY_DENY".to_owned(),
                reason: "no folder is granted to this component; the owner can grant `fs workspace read`".to_owned(),
            })
        })
    }
}

impl files::Host for Guest {
    fn read_range(&mut self, path: String, offset: u64, max_bytes: u64) -> Result<files::Slice, types::Error> {
        let slice = self.workspace()?.read_range(&path, offset, max_bytes)?;
        Ok(files::Slice { bytes: slice.bytes, size: slice.size })
    }

    fn commit(&mut self, changes: Vec<files::Change>) -> Result<(), types::Error> {
        let changes = changes.into_iter().map(|change| match change {
            files::Change::Put((path, bytes)) => Change::Put(path, bytes),
            files::Change::Remove(path) => Change::Remove(path),
        });
        Ok(self.workspace()?.commit(changes.collect())?)
    }

    fn list_directory(&mut self, path: String, limit: u32) -> Result<files::Listing, types::Error> {
        Ok(self.workspace()?.list_directory(&path, limit)?.into())
    }

    fn glob(&mut self, pattern: String, limit: u32) -> Result<files::Listing, types::Error> {
        let stop = || self.call.is_cancelled();
        Ok(self.workspace()?.glob(&pattern, limit, &stop)?.into())
    }

    fn grep(&mut self, pattern: String, glob: Option<String>, limit: u32) -> Result<files::Hits, types::Error> {
        let stop = || self.call.is_cancelled();
        let found = self.workspace()?.grep(&pattern, glob.as_deref(), limit, &stop)?;
        let hits = found.hits.into_iter().map(|hit| files::Hit { path: hit.path, line: hit.line, text: hit.text });
        Ok(files::Hits { hits: hits.collect(), more: found.more })
    }
}

impl From<Listing> for files::Listing {
    fn from(listing: Listing) -> Self {
        let entries = listing.entries.into_iter().map(|entry| files::Entry {
            path: entry.path,
            kind: match entry.kind {
                Kind::File => files::Kind::File,
                Kind::Directory => files::Kind::Directory,
                Kind::Link => files::Kind::Link,
                Kind::Special => files::Kind::Special,
            },
            size: entry.size,
        });
        files::Listing { entries: entries.collect(), more: listing.more }
    }
}

impl From<FileError> for types::Error {
    fn from(err: FileError) -> Self {
        match err {
            FileError::Denied { code, reason } => types::Error::Denied(types::Denial { code: code.to_owned(), reason }),
            FileError::NotFound(text) => types::Error::NotFound(text),
            FileError::Invalid(text) => types::Error::Invalid(text),
            FileError::Limit(text) => types::Error::Limit(text),
            FileError::Cancelled => types::Error::Cancelled,
            FileError::Io(text) => types::Error::Other(text),
        }
    }
}
