//! The engine's settings, shared by the compiler and the worker, and the compiler's process.

use std::io::{Read, Write};

use wasmtime::component::Component;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::{CallLimits, TABLE_ELEMENTS};

/// Part of the cache key: changes with every change of the settings below and with every wasmtime release.
pub(crate) const ENGINE_VERSION: &str = "wasmtime-48.0.8/1";

/// The largest linear memory a call can be allowed; the real cap is the call's own limit.
const MAX_MEMORY_BYTES: usize = 1 << 30;
/// Largest component, and largest compiled one. Interpreters in a component reach 20 and 40 MB.
pub(crate) const WASM_BYTES: usize = 64 << 20;
pub(crate) const COMPILED_BYTES: usize = 256 << 20;

/// What guests may use. Proposals that have brought the engine most of its advisories are off; a component that needs
/// one does not compile.
fn strict() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .wasm_component_model(true)
        .wasm_memory64(false)
        .wasm_threads(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_relaxed_simd(false)
        .max_wasm_stack(512 << 10)
        .memory_guaranteed_dense_image_size(64 << 20)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32))
        .generate_address_map(true);
    config
}

/// The engine of a worker that runs at most `concurrency` calls at a time.
pub(crate) fn for_worker(concurrency: u32) -> wasmtime::Result<Engine> {
    // Python components bring about 40 core instances, 2 memories and as many tables as modules.
    let calls = concurrency.max(1);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .total_core_instances(calls * 64)
        .total_memories(calls * 4)
        .total_tables(calls * 64)
        .total_stacks(calls)
        .total_gc_heaps(calls)
        .max_core_instances_per_component(64)
        .max_memories_per_component(4)
        .max_tables_per_component(64)
        .table_elements(TABLE_ELEMENTS)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        .max_memory_size(MAX_MEMORY_BYTES)
        // Clearing what a small guest touched is quicker than giving the pages back and faulting them in again.
        // Two MiB, because the first one is the stack that Rust's linker puts in front of a guest's data: what a call
        // touches lies behind it.
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(64 << 10)
        .max_unused_warm_slots(calls);
    let mut config = strict();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

impl CallLimits {
    /// The limits with each number brought into the engine's range.
    pub(crate) fn clamped(self) -> CallLimits {
        CallLimits {
            memory_bytes: self.memory_bytes.clamp(1 << 20, MAX_MEMORY_BYTES as u64),
            wall_ms: self.wall_ms.clamp(1, 24 * 3600 * 1000),
            cpu_ms: self.cpu_ms.clamp(1, 24 * 3600 * 1000),
        }
    }
}

/// The compiler's process: reads a component from standard input and writes it compiled, or one line of error, after a
/// status byte. It runs confined: compiling a stranger's bytes is not safe work.
pub fn compile_main() -> i32 {
    let mut wasm = Vec::new();
    let read = std::io::stdin().lock().take(WASM_BYTES as u64 + 1).read_to_end(&mut wasm);
    let compiled = match read {
        Ok(_) => crate::confine::compiler().and_then(|()| compile(&wasm)),
        Err(err) => Err(format!("cannot read the component: {err}")),
    };
    let (status, bytes) = match compiled {
        Ok(bytes) => (0, bytes),
        Err(message) => (1, message.into_bytes()),
    };
    let mut out = std::io::stdout().lock();
    let written = out.write_all(&[status]).and_then(|()| out.write_all(&bytes)).and_then(|()| out.flush());
    i32::from(written.is_err() || status != 0)
}

pub(crate) fn compile(wasm: &[u8]) -> Result<Vec<u8>, String> {
    if wasm.len() > WASM_BYTES {
        return Err(format!("the component is larger than {} MiB", WASM_BYTES >> 20));
    }
    // The binary format's layer field tells a component from a core module.
    match wasm {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => {}
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            return Err("this is a core module; make it a component with `wasm-tools component new`".to_owned());
        }
        _ => return Err("this is not a WebAssembly component".to_owned()),
    }
    // Compiling needs no pool: only what shapes the code matters.
    let engine = Engine::new(&strict()).map_err(|err| format!("{err:#}"))?;
    let compiled = engine.precompile_component(wasm).map_err(|err| format!("{err:#}"))?;
    if compiled.len() > COMPILED_BYTES {
        return Err(format!("the compiled component is larger than {} MiB", COMPILED_BYTES >> 20));
    }
    Ok(compiled)
}

/// Maps a compiled component from a descriptor.
///
/// # Safety
/// The file must be what [`compile_main`] wrote: mapping it makes its bytes executable. The host has checked its
/// message authentication code on this very descriptor.
pub(crate) unsafe fn load(engine: &Engine, descriptor: std::os::fd::RawFd) -> wasmtime::Result<Component> {
    // SAFETY: passed on to the caller.
    unsafe { Component::deserialize_file(engine, format!("/proc/self/fd/{descriptor}")) }
}
