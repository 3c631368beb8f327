//! The engine's settings, shared by the compiler and the worker, and the compiler's process.

use std::io::{Read, Write};

use wasmtime::component::Component;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::admission::{self, Kind, Refusal};
use crate::channel;
use crate::limits::{MAX_MEMORY_BYTES, TABLE_ELEMENTS};
use crate::plain::{self, Plain};

/// Part of the cache key: changes with every change of the settings below and with every wasmtime release.
pub(crate) const ENGINE_VERSION: &str = "wasmtime-48.0.8/2";

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
        .wasm_exceptions(false)
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
        .max_memory_size(MAX_MEMORY_BYTES as usize)
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

/// First byte of what the compiler writes: compiled code follows, or a [`Refusal`] as JSON, or the length of a [`Plain`]
/// in four bytes, that as JSON, and compiled code.
pub(crate) const COMPILED: u8 = 0;
pub(crate) const REFUSED: u8 = 1;
pub(crate) const PLAIN: u8 = 2;

/// Largest [`Plain`] as JSON.
pub(crate) const PLAIN_BYTES: usize = 4 << 20;

/// A compiled component.
pub(crate) struct Compiled {
    pub(crate) code: Vec<u8>,
    /// What it offers, if it does not describe itself.
    pub(crate) plain: Option<Plain>,
}

/// The compiler's process: reads a component from standard input and writes it compiled, or why it is not, after a
/// status byte. It runs confined: reading and compiling a stranger's bytes is not safe work.
pub fn compile_main() -> i32 {
    let mut wasm = Vec::new();
    let read = std::io::stdin().lock().take(WASM_BYTES as u64 + 1).read_to_end(&mut wasm);
    if read.is_err() || crate::confine::compiler().is_err() {
        return 1;
    }
    let (head, bytes) = match compile(&wasm).and_then(|compiled| Ok((head(compiled.plain)?, compiled.code))) {
        Ok(compiled) => compiled,
        Err(refusal) => (vec![REFUSED], serde_json::to_vec(&refusal).unwrap_or_default()),
    };
    let mut out = std::io::stdout().lock();
    let written = out.write_all(&head).and_then(|()| out.write_all(&bytes)).and_then(|()| out.flush());
    i32::from(written.is_err())
}

/// What stands before the code.
fn head(plain: Option<Plain>) -> Result<Vec<u8>, Refusal> {
    let Some(plain) = plain else { return Ok(vec![COMPILED]) };
    let json = serde_json::to_vec(&plain).map_err(|err| Refusal::Invalid(err.to_string()))?;
    let length = u32::try_from(json.len()).ok().filter(|_| json.len() <= PLAIN_BYTES);
    let too_long = || Refusal::TooComplex { what: "MiB of types".to_owned(), most: PLAIN_BYTES as u64 >> 20 };
    let length = length.ok_or_else(too_long)?.to_le_bytes();
    Ok([&[PLAIN], &length[..], &json].concat())
}

/// Looks a component over and compiles it.
///
/// # Errors
/// Says why it is not one that this host takes.
pub(crate) fn compile(wasm: &[u8]) -> Result<Compiled, Refusal> {
    let kind = admission::check(wasm)?;
    let code = precompile(wasm)?;
    let plain = match kind {
        Kind::Described { channel: None } => None,
        Kind::Described { channel: Some(export) } => {
            with_types(&code, |engine, component| channel::check(engine, component, &export))?;
            None
        }
        Kind::Plain(words) => Some(with_types(&code, |engine, component| plain::reflect(engine, component, &words))?),
    };
    Ok(Compiled { code, plain })
}

/// Looks at the types of what was compiled.
fn with_types<T>(code: &[u8], look: impl Fn(&Engine, &Component) -> Result<T, Refusal>) -> Result<T, Refusal> {
    let invalid = |err: wasmtime::Error| Refusal::Invalid(format!("{err:#}"));
    let engine = Engine::new(&strict()).map_err(invalid)?;
    // SAFETY: these bytes are what the engine has compiled a moment ago, in this process.
    let component = unsafe { Component::deserialize(&engine, code) }.map_err(invalid)?;
    look(&engine, &component)
}

/// Validates and compiles what was looked over.
pub(crate) fn precompile(wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    let invalid = |err: wasmtime::Error| Refusal::Invalid(format!("{err:#}").chars().take(2000).collect());
    // Compiling needs no pool: only what shapes the code matters.
    let engine = Engine::new(&strict()).map_err(invalid)?;
    let compiled = engine.precompile_component(wasm).map_err(invalid)?;
    if compiled.len() > COMPILED_BYTES {
        return Err(Refusal::TooComplex { what: "MiB of compiled code".to_owned(), most: COMPILED_BYTES as u64 >> 20 });
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
