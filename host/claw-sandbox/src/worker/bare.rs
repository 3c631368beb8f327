//! A component in the process of the benchmarks: what a call costs without the sandbox around it.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use claw_core::outcome::ToolOutcome;
use rustix::fs::MemfdFlags;
use wasmtime::Engine;

use super::call;
use super::door::Door;
use super::guest::Program;
use crate::engine;
use crate::frame::{self, CallClock, Start, StartMount, StartWalls, VERSION};
use crate::limits::{CallLimits, WorkerLimits};
use crate::sandbox::{Component, Mount};

/// A loaded component with the worker's own engine, linker and limits, and nothing else: no policy, no process, no
/// frames, no walls. Each call gets a fresh instance, as in a worker. Calls that want an effect never end.
pub struct Bare {
    component: Component,
    engine: Engine,
    program: Program,
    door: Arc<Door>,
    /// The door's other end; nobody reads it.
    _nobody: UnixStream,
}

impl Bare {
    /// Compiles a component and links it.
    ///
    /// # Errors
    /// Says what of it failed.
    pub fn load(component: &Component, mounts: &[Mount]) -> Result<Bare, String> {
        let said = |err: &dyn std::fmt::Display| format!("cannot load the component: {err:#}");
        let limits = WorkerLimits::default();
        let engine = engine::for_worker(limits.concurrency).map_err(|err| said(&err))?;
        let wasm = component.wasm.read().map_err(|err| said(&err))?;
        let code = in_memory(&engine::compile(&wasm).map_err(|refusal| refusal.to_string())?.code)
            .map_err(|err| said(&err))?;
        // SAFETY: the file holds what the compiler gave a moment ago, and only this process has it.
        let loaded = unsafe { engine::load(&engine, code.as_raw_fd()) }.map_err(|err| said(&err))?;
        let mounts = mounts.iter().map(StartMount::from).collect();
        let start = Start { version: VERSION, limits, mounts, config: Vec::new(), walls: StartWalls::Required };
        let program = Program::prepare(&engine, &loaded, &start).map_err(|err| said(&err))?;
        let (ours, nobody) = UnixStream::pair().map_err(|err| said(&err))?;
        let (component, door) = (component.clone(), Arc::new(Door::new(ours)));
        Ok(Bare { component, engine, program, door, _nobody: nobody })
    }

    /// Runs one call in a fresh instance.
    pub fn call(&self, tool: &str, arguments: &str) -> ToolOutcome {
        let call = frame::Call {
            call: "call_1".to_owned(),
            callee: self.component.callee(tool, Vec::new()),
            arguments: arguments.to_owned(),
            run: "bench".to_owned(),
            session: "agent:main:main".to_owned(),
            agent: "main".to_owned(),
            origin: "owner".to_owned(),
            limits: CallLimits::default(),
            seed: [0; 32],
            clock: CallClock::default(),
        };
        let state = self.door.open(1, CallLimits::default());
        let (outcome, _) = call::run(&self.engine, &self.program, &state, &self.door, call);
        self.door.close(1);
        outcome
    }
}

/// A worker maps its code from a file, so that memories start as copies on write; so does this.
fn in_memory(code: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("component", MemfdFlags::CLOEXEC)?);
    file.write_all(code)?;
    Ok(file)
}
