//! What a decision and a start cost. Run with `cargo bench -p claw-policy`.
//!
//! The host promises to be ready within 30 ms of its start, and loads its policies in that time; every tool call pays
//! for one decision. With 1,000 policies of the owner's and 200 components, 99 of 100 decisions shall take at most 50 µs.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use claw_core::effect::{AddressClass, ExecPlan, HttpPlan, RequestBody, Target};
use claw_core::id::{AgentId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp, ToolName};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::mode::Mode;
use claw_policy::{Action, Decision, Facts, Grants, Policy, PolicyFile, Preset, Subject, ToolInvocation, Trust};

const BATCHES: usize = 101;
const BATCH: u32 = 100;
/// Decisions that are timed one by one.
const SAMPLES: usize = 20_000;
const COMPONENTS: usize = 200;

fn main() {
    // The first load also builds Cedar's parser tables: it is the one that a start pays for.
    let started = Instant::now();
    let policy = Policy::load(Preset::Cautious, &[]).expect("the preset loads");
    println!("first load: {:?}", started.elapsed());
    let started = Instant::now();
    black_box(Policy::load(Preset::Cautious, &[]).expect("the preset loads"));
    println!("next load: {:?}", started.elapsed());

    for (name, action) in
        [("tool.call", call()), ("exec.run", program(&["git", "log", "--oneline"])), ("http.request", request())]
    {
        println!("{name}: {:?}", measure(&policy, &action));
    }

    // Of an owner who keeps a file for each component.
    many("1,000 policies that name a component", |index| {
        let component = format!("principal == Component::\"component-{}\"", index % COMPONENTS);
        match index / COMPONENTS {
            0 => format!(
                "permit ({component}, action == Action::\"http.request\", resource == Server::\"https://api.example.test:443\");"
            ),
            1 => format!(
                "forbid ({component}, action == Action::\"tool.call\", resource == Tool::\"send_{index}\") unless {{ context.approved }};"
            ),
            2 => format!(
                "forbid ({component}, action == Action::\"exec.run\", resource) when {{ context.argv.contains(\"push\") }};"
            ),
            3 => format!(
                "forbid ({component}, action, resource) when {{ context.session like \"agent:main:group:{index}*\" }};"
            ),
            _ => format!(
                "forbid ({component}, action == Action::\"http.request\", resource) when {{ context.body_bytes > {index} }};"
            ),
        }
    });
    // The worst there is: nothing to sort by, so each decision reads all that speak of its action.
    many("1,000 policies that name nobody", |index| {
        let (action, condition) = match index % 5 {
            0 => ("exec.run", format!("context.argv.contains(\"push-{index}\")")),
            1 => ("exec.run", format!("resource.name == \"program-{index}\"")),
            2 => ("http.request", format!("resource.host like \"*.example-{index}.test\"")),
            3 => ("tool.call", format!("context.session like \"agent:main:group:{index}*\"")),
            _ => ("http.request", format!("context.body_bytes > 1000000{index}")),
        };
        format!("forbid (principal, action == Action::\"{action}\", resource) when {{ {condition} }};")
    });
}

/// Prints what decisions cost under `cautious` and 1,000 more policies, each component asking in its turn.
fn many(title: &str, policy: impl Fn(usize) -> String) {
    let text: String = (0..1000).map(|index| policy(index) + "\n").collect();
    let started = Instant::now();
    let file = PolicyFile { name: "many.cedar".to_owned(), text };
    let policy = Policy::load(Preset::Cautious, &[file]).expect("the policies load");
    println!("{title}: loaded in {:?}", started.elapsed());
    let subjects: Vec<Subject> = (0..COMPONENTS).map(|index| subject(&format!("component-{index}"))).collect();
    let facts = facts();
    let questions = [
        ("tool.call", call()),
        ("exec.run, granted", program(&["git", "log"])),
        ("exec.run, asks", program(&["ls", "-l"])),
        ("exec.run, refused", program(&["ls", "push"])),
        ("http.request", request()),
    ];
    for (name, action) in questions {
        let mut times: Vec<Duration> = (0..SAMPLES)
            .map(|sample| {
                let (subject, action) = (&subjects[sample % COMPONENTS], action.clone());
                let started = Instant::now();
                let decision = black_box(policy.decide(subject, &facts, action));
                let took = started.elapsed();
                drop::<Decision>(decision);
                took
            })
            .collect();
        times.sort_unstable();
        let at = |share: usize| times[SAMPLES * share / 1000];
        println!("  {name}: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
    }
}

/// The time of one decision: the median over short batches, so that a busy machine disturbs little.
fn measure(policy: &Policy, action: &Action) -> Duration {
    let (subject, facts) = (subject("bench"), facts());
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

fn subject(name: &str) -> Subject {
    let scopes = ["fs workspace read-write", "http * GET", "exec **"];
    let grants = ["http https://example.test GET", "exec git **"];
    Subject {
        component: ComponentName::parse(name).expect("a name"),
        publisher: "openclaw".to_owned(),
        digest: Digest([1; 32]),
        trust: Trust::Shipped,
        declared: Grants::parse(scopes).expect("grants").into(),
        grants: Grants::parse(grants).expect("grants").into(),
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
        mode: Mode::Act,
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

fn program(argv: &[&str]) -> Action {
    Action::RunProgram(ExecPlan {
        program: PathBuf::from("/usr/bin").join(argv[0]),
        program_digest: Digest([2; 32]),
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        cwd: PathBuf::from("/home/owner/workspace"),
        workspace: PathBuf::from("/home/owner/workspace"),
        env: Vec::new(),
        stdin: Vec::new(),
        timeout_ms: 120_000,
        max_output_bytes: 65_536,
        background: None,
        reads: None,
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
