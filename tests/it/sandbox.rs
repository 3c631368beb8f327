//! The sandbox by itself: real workers and the real compiler, driven without the host around them.

mod admission;
pub mod channel;

use std::path::PathBuf;
use std::time::Duration;

use claw_core::id::{AgentId, CallId, ComponentName, RunId, SessionKey, Timestamp, ToolName};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::outcome::{Failure, FailureKind, ToolOutcome};
use claw_policy::{Action, Decision, Facts, Grants, Policy, Preset, Subject, ToolInvocation, Trust};
use claw_sandbox::{
    CallFacts, CallLimits, Component, Ground, HostLimits, Running, Sandbox, SandboxConfig, SandboxError, Signal, Walls,
    Wasm, WorkerLimits, WorkerState,
};
use serde_json::json;

use crate::host::{PROGRAM, test_guest, weakened};

/// Everything here ends long before; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);

struct Lab {
    sandbox: Sandbox,
    policy: Policy,
    folder: tempfile::TempDir,
}

impl Lab {
    fn new(program: PathBuf, worker: WorkerLimits, host: HostLimits) -> Lab {
        let folder = tempfile::Builder::new().prefix("openclaw-host-test-").tempdir().unwrap();
        let config = SandboxConfig {
            program,
            cache: folder.path().join("cache"),
            cache_key: [7; 32],
            walls: Walls::Required,
            worker,
            host,
        };
        let policy = Policy::load(Preset::Cautious, &[]).unwrap();
        Lab { sandbox: Sandbox::open(config).unwrap(), policy, folder }
    }

    fn with_defaults() -> Lab {
        Lab::new(PROGRAM.into(), WorkerLimits::default(), HostLimits::default())
    }

    async fn install(&self, guest: &str) -> Component {
        let wasm = std::fs::read(test_guest(guest)).unwrap();
        self.sandbox.install(name(guest), Wasm::new(wasm.into())).await.unwrap()
    }

    async fn start(
        &self,
        component: &Component,
        tool: &str,
        arguments: &str,
        limits: CallLimits,
    ) -> Result<Running, SandboxError> {
        self.start_with(component, tool, arguments, Vec::new(), limits).await
    }

    async fn start_with(
        &self,
        component: &Component,
        tool: &str,
        arguments: &str,
        file: Vec<u8>,
        limits: CallLimits,
    ) -> Result<Running, SandboxError> {
        let facts = Facts {
            session: SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap(),
            run: RunId::parse("r1").unwrap(),
            origin: Origin::Owner,
            person_present: true,
            labels: Labels::default(),
            mode: claw_core::mode::Mode::Act,
            at: Timestamp(0),
        };
        let subject = Subject {
            component: component.name.clone(),
            publisher: "test".to_owned(),
            digest: component.digest,
            trust: Trust::Shipped,
            declared: Grants::default().into(),
            grants: Grants::default().into(),
        };
        let call = ToolInvocation {
            call: CallId::parse("call_1").unwrap(),
            tool: ToolName::parse(tool).unwrap(),
            arguments: arguments.to_owned(),
        };
        let Decision::Allow(permit) = self.policy.decide(&subject, &facts, Action::CallTool(call)) else {
            panic!("the policy lets everybody call tools");
        };
        let facts = CallFacts {
            run: facts.run,
            session: facts.session,
            origin: facts.origin,
            seed: [7; 32],
            begins: Timestamp(0),
            clock: None,
            file,
        };
        self.sandbox.start(component, permit, facts, &Ground::default(), limits).await
    }

    async fn call(&self, component: &Component, tool: &str, arguments: &str, limits: CallLimits) -> ToolOutcome {
        let running = self.start(component, tool, arguments, limits).await.unwrap();
        end(running).await.0
    }

    /// A call of a channel with a file; also gives what it has fetched.
    async fn call_with(
        &self,
        component: &Component,
        function: &str,
        arguments: &str,
        file: Vec<u8>,
    ) -> (ToolOutcome, Vec<u8>) {
        let running = self.start_with(component, function, arguments, file, CallLimits::default()).await.unwrap();
        end(running).await
    }
}

fn name(text: &str) -> ComponentName {
    ComponentName::parse(text).unwrap()
}

/// How a call ends, and what it has fetched.
async fn end(mut running: Running) -> (ToolOutcome, Vec<u8>) {
    let ended = async {
        loop {
            if let Signal::Done { outcome, trace } = running.next().await {
                return (outcome, trace.fetched);
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the call ends")
}

#[track_caller]
fn failure(outcome: ToolOutcome) -> Failure {
    match outcome {
        ToolOutcome::Failed(failure) => failure,
        ToolOutcome::Done { text } => panic!("it was to fail: {text}"),
    }
}

const NOTHING: &str = r#"{"steps":[]}"#;
/// In the weakened build, a call with this panics in the host's own code.
const FAULT: &str = r#"{"fault":"host"}"#;

// RS-30
#[tokio::test]
async fn a_component_whose_worker_keeps_crashing_is_left_alone_and_then_tried_again() {
    let lab = Lab::new(weakened(), WorkerLimits::default(), HostLimits::default());
    let (probe, limits) = (lab.install("probe").await, CallLimits::default());
    for _ in 0..3 {
        let failure = failure(lab.call(&probe, "probe", FAULT, limits).await);
        assert_eq!(failure.kind, FailureKind::Crash, "{failure}");
        // Its worker is gone, and that has been noted, before the next call looks.
        while lab.sandbox.state(&probe.name) != WorkerState::Absent {
            tokio::task::yield_now().await;
        }
    }
    let Err(SandboxError::Quarantined { crashes, left, .. }) = lab.start(&probe, "probe", NOTHING, limits).await else {
        panic!("it was to be left alone");
    };
    assert!(crashes == 3 && left <= Duration::from_secs(1), "{crashes} crashes, {left:?}");
    tokio::time::sleep(left).await;
    assert!(lab.call(&probe, "probe", NOTHING, limits).await.is_done(), "it works again");
    let failure = failure(lab.call(&probe, "probe", FAULT, limits).await);
    assert_eq!(failure.kind, FailureKind::Crash, "one good call has wiped its record");
    assert!(lab.start(&probe, "probe", NOTHING, limits).await.is_ok());
}

// RS-30: what the guest does wrong is not the worker's crash.
#[tokio::test]
async fn a_guest_that_traps_again_and_again_is_not_left_alone() {
    let lab = Lab::with_defaults();
    let (trap, limits) = (lab.install("trap").await, CallLimits::default());
    for _ in 0..6 {
        let failure = failure(lab.call(&trap, "trap", r#"{"how":"panic"}"#, limits).await);
        assert_eq!(failure.kind, FailureKind::Crash, "{failure}");
    }
}

// RS-23
#[tokio::test]
async fn a_crash_gives_the_guests_own_last_words() {
    let lab = Lab::with_defaults();
    let trap = lab.install("trap").await;
    let failure = failure(lab.call(&trap, "trap", r#"{"how":"panic"}"#, CallLimits::default()).await);
    assert!(failure.message.contains("panicked at") && failure.message.contains("panicked as asked"), "{failure}");
    assert!(!failure.message.contains("_ZN") && failure.message.len() < 1200, "{failure}");
}

// RS-24
#[tokio::test]
async fn calls_that_loop_keep_no_other_component_from_starting() {
    let host = HostLimits { shared_calls: 1, ..HostLimits::default() };
    let lab = Lab::new(PROGRAM.into(), WorkerLimits { concurrency: 3, ..WorkerLimits::default() }, host);
    let (spin, probe) = (lab.install("spin_forever").await, lab.install("probe").await);
    let limits = CallLimits { cpu_ms: 600_000, wall_ms: 600_000, ..CallLimits::default() };
    let start = || lab.start(&spin, "spin_forever", "{}", limits);
    // The second is read although the first has not handed anything over: the tick does it.
    let (mut first, mut second) = (start().await.unwrap(), start().await.unwrap());
    let mut third = std::pin::pin!(start());
    let waits = tokio::time::timeout(Duration::from_millis(50), third.as_mut()).await;
    assert!(waits.is_err(), "the one shared place is taken");
    for _ in 0..20 {
        assert!(lab.call(&probe, "probe", NOTHING, CallLimits::default()).await.is_done());
    }
    second.cancel().await;
    assert_eq!(failure(end(second).await.0).kind, FailureKind::Cancelled);
    let mut third = tokio::time::timeout(PATIENCE, third).await.expect("it is the next").unwrap();
    first.cancel().await;
    third.cancel().await;
    assert_eq!(failure(end(first).await.0).kind, FailureKind::Cancelled);
    assert_eq!(failure(end(third).await.0).kind, FailureKind::Cancelled);
    assert!(lab.sandbox.state(&spin.name) == WorkerState::Idle, "nobody had to be ended by force");
}

// RS-32
#[tokio::test]
async fn calls_that_are_given_up_at_any_moment_leave_a_working_component_behind() {
    let lab = Lab::with_defaults();
    let (probe, limits) = (lab.install("probe").await, CallLimits::default());
    for round in 0..200_u64 {
        let started = async {
            let running = lab.start(&probe, "probe", NOTHING, limits).await.unwrap();
            end(running).await.0
        };
        // Some end in time, most do not.
        let _ = tokio::time::timeout(Duration::from_micros(round * 10), started).await;
    }
    assert!(lab.call(&probe, "probe", NOTHING, limits).await.is_done());
}

#[tokio::test]
async fn a_worker_is_replaced_after_its_last_call_and_nobody_notices() {
    let worker = WorkerLimits { calls: 3, ..WorkerLimits::default() };
    let lab = Lab::new(PROGRAM.into(), worker, HostLimits::default());
    let probe = lab.install("probe").await;
    for number in 0..10 {
        let outcome = lab.call(&probe, "probe", NOTHING, CallLimits::default()).await;
        assert!(outcome.is_done(), "call {number}: {}", outcome.text());
    }
}

// RS-28
#[tokio::test]
async fn compiled_code_that_was_changed_is_compiled_again_and_never_run() {
    let lab = Lab::new(PROGRAM.into(), WorkerLimits { calls: 1, ..WorkerLimits::default() }, HostLimits::default());
    let probe = lab.install("probe").await;
    let files = std::fs::read_dir(lab.folder.path().join("cache")).unwrap().map(|entry| entry.unwrap().path());
    let code = files.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "cwasm")).unwrap();
    let good = std::fs::read(&code).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for changed in [&flipped[..], &good[..good.len() / 2], b""] {
        std::fs::write(&code, changed).unwrap();
        // Each call comes to a worker of its own.
        assert!(lab.call(&probe, "probe", NOTHING, CallLimits::default()).await.is_done());
        assert!(std::fs::read(&code).unwrap().len() == good.len(), "it was compiled again");
    }
}

// RS-17
#[tokio::test]
async fn a_component_may_be_given_fewer_handles() {
    let lab = Lab::with_defaults();
    let guest = lab.install("many_handles").await;
    let limits = CallLimits { handles: 100, ..CallLimits::default() };
    let open = |count: u32| json!({ "kind": "pollables", "count": count }).to_string();
    assert!(lab.call(&guest, "many_handles", &open(50), limits).await.is_done());
    let failure = failure(lab.call(&guest, "many_handles", &open(200), limits).await);
    assert_eq!(failure.kind, FailureKind::HandleLimit, "{failure}");
}

#[tokio::test]
async fn a_component_may_be_given_no_effects() {
    let lab = Lab::with_defaults();
    let probe = lab.install("probe").await;
    let limits = CallLimits { effects: 0, ..CallLimits::default() };
    let steps = json!({ "steps": [{"host": {"op": "exec", "argv": ["true"]}}] }).to_string();
    let text = lab.call(&probe, "probe", &steps, limits).await.text();
    assert!(text.contains("a call may ask for 0 effects"), "{text}");
}

// RS-15
#[tokio::test]
async fn a_guest_that_wants_random_numbers_without_end_is_ended() {
    let lab = Lab::with_defaults();
    let probe = lab.install("probe").await;
    let steps = vec![json!({"world": {"op": "random", "bytes": 1024}}); 17_000];
    let limits = CallLimits { memory_bytes: 512 << 20, ..CallLimits::default() };
    let outcome = lab.call(&probe, "probe", &json!({ "steps": steps }).to_string(), limits).await;
    let failure = failure(outcome);
    assert_eq!(failure.kind, FailureKind::DataLimit, "{failure}");
    assert!(failure.message.contains("random"), "{failure}");
}
