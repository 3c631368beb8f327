//! What a decision and a start cost. Run with `cargo bench -p claw-policy`.
//!
//! The host promises to be ready within 30 ms of its start, and loads its policies in that time; every tool call pays
//! for one decision.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use claw_core::effect::{AddressClass, ExecPlan, HttpPlan, RequestBody, Target};
use claw_core::id::{AgentId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp, ToolName};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_policy::{Action, Facts, Grants, Policy, Preset, Subject, ToolInvocation, Trust};

const BATCHES: usize = 101;
const BATCH: u32 = 100;

fn main() {
    // The first load also builds Cedar's parser tables: it is the one that a start pays for.
    let started = Instant::now();
    let policy = Policy::load(Preset::Cautious, &[]).expect("the preset loads");
    println!("first load: {:?}", started.elapsed());
    let started = Instant::now();
    black_box(Policy::load(Preset::Cautious, &[]).expect("the preset loads"));
    println!("next load: {:?}", started.elapsed());

    for (name, action) in [("tool.call", call()), ("exec.run", program()), ("http.request", request())] {
        println!("{name}: {:?}", measure(&policy, &action));
    }
}

/// The time of one decision: the median over short batches, so that a busy machine disturbs little.
fn measure(policy: &Policy, action: &Action) -> Duration {
    let (subject, facts) = (subject(), facts());
    let mut batches: Vec<Duration> = (0..BATCHES)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..BATCH {
                black_box(policy.decide(&subject, &facts, action.clone()));
            }
            started.elapsed() / BATCH
        })
        .collect();
    batches.sort_unstable();
    batches[BATCHES / 2]
}

fn subject() -> Subject {
    let scopes = ["fs workspace read-write", "http * GET", "exec **"];
    let grants = ["http https://example.test GET", "exec git **"];
    Subject {
        component: ComponentName::parse("bench").expect("a name"),
        publisher: "openclaw".to_owned(),
        digest: Digest([1; 32]),
        trust: Trust::Shipped,
        scopes: Grants::parse(scopes).expect("grants"),
        grants: Grants::parse(grants).expect("grants"),
    }
}

fn facts() -> Facts {
    let agent = AgentId::parse("main").expect("an agent");
    Facts {
        session: SessionKey::parse("main", &agent).expect("a session"),
        run: RunId::parse("0b7d1d3e-8a55-4f0c-9d86-5b2f8d1c6a11").expect("a run"),
        origin: Origin::Owner,
        person_present: true,
        labels: Labels::default(),
        at: Timestamp(0),
    }
}

fn call() -> Action {
    Action::CallTool(ToolInvocation {
        call: CallId::parse("call_1").expect("a call"),
        tool: ToolName::parse("read_file").expect("a tool"),
        arguments: r#"{"path":"notes/today.md"}"#.to_owned(),
    })
}

fn program() -> Action {
    Action::RunProgram(ExecPlan {
        program: PathBuf::from("/usr/bin/git"),
        program_digest: Digest([2; 32]),
        argv: ["git", "log", "--oneline"].map(str::to_owned).to_vec(),
        cwd: PathBuf::from("/home/owner/workspace"),
        workspace: PathBuf::from("/home/owner/workspace"),
        env: Vec::new(),
        stdin: Vec::new(),
        timeout_ms: 120_000,
        max_output_bytes: 65_536,
        background: None,
    })
}

fn request() -> Action {
    Action::SendRequest(HttpPlan {
        method: "GET".to_owned(),
        target: Target {
            scheme: "https".to_owned(),
            host: "example.test".to_owned(),
            port: 443,
            path_and_query: "/".to_owned(),
            address: AddressClass::Name,
        },
        headers: Vec::new(),
        body: RequestBody::Whole(Vec::new()),
        first_byte_timeout_ms: 30_000,
    })
}
