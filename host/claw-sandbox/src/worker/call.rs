//! One call, from a fresh store to a typed outcome.

use std::sync::Arc;

use claw_core::effect::EffectError;
use claw_core::guard::Guard;
use claw_core::outcome::{FailureKind, ToolOutcome};
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use super::door::{CallState, Door};
use super::guest::{Guest, Program, wit};
use super::plain;
use super::stdio::Printed;
use super::{channel, crash};
use crate::channel::{abilities_path, read_abilities};
use crate::frame::{Call, Callee, Trace};
use crate::limits::{CallLimits, HEADER_BYTES, HOSTCALL_BYTES, RANDOM_CALL_BYTES, RESULT_BYTES};
use crate::manifest::{Manifest, Scope, ToolManifest};

/// Runs one call in a fresh instance; gives its outcome and what it leaves behind.
pub(super) fn run(
    engine: &Engine,
    program: &Program,
    state: &Arc<CallState>,
    door: &Arc<Door>,
    call: Call,
) -> (ToolOutcome, Trace) {
    let limits = call.limits.clamped();
    let printed = Printed::default();
    match program.guest(state, door, Some(&call), &printed, limits) {
        Ok(guest) => invoke(engine, program, guest, state, call, &printed, limits),
        Err(err) => {
            let message = format!("a granted folder cannot be opened: {err}");
            (ToolOutcome::failed(FailureKind::Unavailable, message), Trace::default())
        }
    }
}

fn invoke(
    engine: &Engine,
    program: &Program,
    guest: Guest,
    state: &Arc<CallState>,
    call: Call,
    printed: &Printed,
    limits: CallLimits,
) -> (ToolOutcome, Trace) {
    let mut store = store(engine, guest, state, limits);
    let mut fetched = Vec::new();
    let result = match (call.callee, &program.indices) {
        (Callee::SendFile(bytes), _) => channel::send_file(&program.pre, &mut store, &call.arguments, bytes),
        (Callee::Fetch, _) => channel::fetch(&program.pre, &mut store, &call.arguments).map(|answer| {
            answer.map(|bytes| {
                fetched = bytes;
                String::new()
            })
        }),
        (Callee::Function(path), _) => plain::invoke(&program.pre, &mut store, &path, &call.arguments),
        (Callee::Tool(tool), None) => Ok(Err(wit::ToolError::NotFound(format!("the component has no tool `{tool}`")))),
        (Callee::Tool(tool), Some(indices)) => {
            let call = wit::Call { id: call.call, tool, arguments: call.arguments };
            let instance = program.pre.instantiate(&mut store);
            instance
                .and_then(|instance| indices.load(&mut store, &instance))
                .and_then(|tool| tool.openclaw_tool_guest().call_invoke(&mut store, &call))
        }
    };
    let outcome = match result {
        Ok(Ok(text)) if text.len() > RESULT_BYTES => {
            let message = format!("the tool returned {} bytes; at most {RESULT_BYTES} are taken", text.len());
            ToolOutcome::failed(FailureKind::DataLimit, message)
        }
        Ok(Ok(text)) => ToolOutcome::Done { text },
        Ok(Err(_)) if state.is_cancelled() => cancelled(),
        Ok(Err(error)) => refused_or(state, error),
        Err(error) => trapped(&error, &store, state, printed, limits),
    };
    let guest = store.data();
    (outcome, Trace { stdio: printed.text(), log_dropped: guest.log.dropped, clock: guest.time.kept(), fetched })
}

/// Reads a component's manifest, and what its channel can do, with nothing granted.
pub(super) fn describe(
    engine: &Engine,
    program: &Program,
    state: &Arc<CallState>,
    door: &Arc<Door>,
    limits: CallLimits,
) -> Result<Manifest, String> {
    let limits = limits.clamped();
    let printed = Printed::default();
    let indices = program.indices.as_ref().ok_or("it is a plain component, which does not describe itself")?;
    let fresh = || {
        let guest = program.guest(state, door, None, &printed, limits).map_err(|err| err.to_string())?;
        Ok::<_, String>(store(engine, guest, state, limits))
    };
    let mut store = fresh()?;
    let manifest = program
        .pre
        .instantiate(&mut store)
        .and_then(|instance| indices.load(&mut store, &instance))
        .and_then(|tool| tool.openclaw_tool_guest().call_describe(&mut store))
        .map_err(|error| trapped(&error, &store, state, &printed, limits).text())?;
    let mut manifest = read_manifest(manifest)?;
    if program.is_channel {
        let mut store = fresh()?;
        let said = plain::invoke(&program.pre, &mut store, &abilities_path(), "{}")
            .map_err(|error| trapped(&error, &store, state, &printed, limits).text())?;
        let said = said.map_err(|_| "it does not say what its channel can do")?;
        manifest.channel = Some(read_abilities(&said)?);
    }
    manifest.check()?;
    Ok(manifest)
}

fn store(engine: &Engine, guest: Guest, state: &Arc<CallState>, limits: CallLimits) -> Store<Guest> {
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    if Guard::HandleLimit.is_up() {
        store.set_max_component_handles(limits.handles as usize);
    }
    store.set_epoch_deadline(1);
    let state = Arc::clone(state);
    // Called once per tick in which guest code runs, and once after a long host call: so ticks are CPU time, and
    // waiting for an answer costs nothing.
    store.epoch_deadline_callback(move |mut store| {
        let guest = store.data_mut();
        guest.ticks_left = guest.ticks_left.saturating_sub(1);
        let is_used_up = guest.ticks_left == 0 && Guard::CpuBudget.is_up();
        if state.is_cancelled() || is_used_up || guest.random.is_too_much() {
            return Ok(UpdateDeadline::Interrupt);
        }
        Ok(UpdateDeadline::Continue(1))
    });
    store
}

fn cancelled() -> ToolOutcome {
    ToolOutcome::failed(FailureKind::Cancelled, "the call was stopped")
}

/// If the host refused an effect, its own words are the outcome; else the guest's.
fn refused_or(state: &CallState, error: wit::ToolError) -> ToolOutcome {
    if let Some(EffectError::Denied { code, reason }) = state.refusal() {
        return ToolOutcome::failed(FailureKind::Denied, format!("{code}: {reason}"));
    }
    let (kind, message) = match error {
        wit::ToolError::InvalidArguments(text) => (FailureKind::InvalidArguments, text),
        wit::ToolError::Denied(denial) => (FailureKind::Denied, format!("{}: {}", denial.code, denial.reason)),
        wit::ToolError::NotFound(text) => (FailureKind::NotFound, text),
        wit::ToolError::Limit(text) => (FailureKind::DataLimit, text),
        wit::ToolError::Cancelled => (FailureKind::Cancelled, "the call was stopped".to_owned()),
        wit::ToolError::Unavailable(text) => (FailureKind::Unavailable, text),
        // Whoever reads this decides whether to try again.
        wit::ToolError::Failed(failure) if failure.sent => {
            (FailureKind::Tool, format!("{} (something may have taken effect already)", failure.message))
        }
        wit::ToolError::Failed(failure) => (FailureKind::Tool, failure.message),
    };
    ToolOutcome::failed(kind, cut(message, 64 << 10))
}

fn trapped(
    error: &wasmtime::Error,
    store: &Store<Guest>,
    state: &CallState,
    printed: &Printed,
    limits: CallLimits,
) -> ToolOutcome {
    let trap = error.downcast_ref::<Trap>();
    if state.is_cancelled() {
        return cancelled();
    }
    let (kind, message) = match trap {
        Some(Trap::Interrupt) if store.data().random.is_too_much() => {
            let mib = RANDOM_CALL_BYTES >> 20;
            (FailureKind::DataLimit, format!("the guest asked for more than {mib} MiB of random numbers"))
        }
        Some(Trap::Interrupt) => {
            (FailureKind::Deadline, format!("the guest used up its {} ms of CPU time", limits.cpu_ms))
        }
        Some(Trap::StackOverflow) => (FailureKind::Stack, "the guest's call stack overflowed".to_owned()),
        _ if store.data().limiter.refused => {
            let mib = limits.memory_bytes >> 20;
            (FailureKind::MemoryLimit, format!("the guest wanted more than its {mib} MiB of memory"))
        }
        _ if is_handle_limit(error) => (FailureKind::HandleLimit, "the guest held too many handles".to_owned()),
        _ if says(error, "fuel allocated for hostcalls") => {
            (FailureKind::DataLimit, format!("the guest passed more than {HOSTCALL_BYTES} bytes to one host call"))
        }
        _ if says(error, "total size of fields exceeds limit") => {
            (FailureKind::DataLimit, format!("the guest made a header list of more than {HEADER_BYTES} bytes"))
        }
        _ => (FailureKind::Crash, crash::describe(error, &printed.text())),
    };
    ToolOutcome::failed(kind, message)
}

fn is_handle_limit(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref::<wasmtime_wasi::ResourceTableError>(), Some(wasmtime_wasi::ResourceTableError::Full))
        || says(error, "resource table has no free keys")
        || says(error, "store handle limit exceeded")
}

/// Whether the cause is the engine's own error of these words: it has no type for it. Around the cause stands the
/// guest's backtrace.
fn says(error: &wasmtime::Error, words: &str) -> bool {
    error.root_cause().to_string().contains(words)
}

/// Text of a guest's with at most `max` bytes.
pub(super) fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.push('…');
    }
    text
}

fn read_manifest(manifest: wit::Manifest) -> Result<Manifest, String> {
    let tools = manifest.tools.into_iter().map(|tool| {
        Ok(ToolManifest {
            name: claw_core::id::ToolName::parse(&tool.name).map_err(|err| err.to_string())?,
            description: tool.description,
            schema: tool.input_schema,
            untrusted_output: tool.untrusted_output,
        })
    });
    let scopes = manifest.scopes.into_iter().map(|scope| match scope {
        wit::Scope::Fs(fs) => Scope::Fs { folder: fs.folder, write: fs.access == wit::Access::ReadWrite },
        wit::Scope::Http(http) => Scope::Http { pattern: http.pattern, methods: http.methods, paths: http.paths },
        wit::Scope::Exec(pattern) => Scope::Exec(pattern),
        wit::Scope::Net(pattern) => Scope::Other(format!("net {pattern}")),
        wit::Scope::Secret(secret) if secret.reveal => Scope::Other(format!("secret {} reveal", secret.name)),
        wit::Scope::Secret(secret) => Scope::Other(format!("secret {}", secret.name)),
        wit::Scope::Kv(store) => Scope::Other(format!("kv {store}")),
        wit::Scope::Llm(model) => Scope::Other(format!("llm {model}")),
        wit::Scope::Message(to) => Scope::Other(format!("message {to}")),
        wit::Scope::Memory(access) => Scope::Other(format!("memory {}", word(access))),
        wit::Scope::Schedule => Scope::Other("schedule".to_owned()),
        wit::Scope::Sessions(access) => Scope::Other(format!("sessions {}", word(access))),
    });
    Ok(Manifest {
        name: manifest.name,
        version: manifest.version,
        summary: manifest.summary,
        tools: tools.collect::<Result<_, String>>()?,
        scopes: scopes.collect(),
        channel: None,
    })
}

fn word(access: wit::Access) -> &'static str {
    match access {
        wit::Access::Read => "read",
        wit::Access::ReadWrite => "read-write",
    }
}
