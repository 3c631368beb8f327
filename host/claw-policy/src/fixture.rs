//! What the tests of this crate decide about, from one line of text.

use std::net::IpAddr;
use std::path::PathBuf;

use claw_core::effect::{
    AddressClass, ConnectPlan, ExecPlan, HttpPlan, LlmMessage, LlmRequest, MessageRequest, Reach, RequestBody,
    SecretPurpose, SecretUse, SessionsPlan, SpawnPlan, Target,
};
use claw_core::id::{AgentId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp, ToolName};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::mode::Mode;

use crate::{Action, Decision, Facts, Grants, Subject, ToolInvocation, Trust};

pub(crate) fn subject(scopes: &[&str], grants: &[&str]) -> Subject {
    Subject {
        component: ComponentName::parse("probe").unwrap(),
        publisher: "openclaw".to_owned(),
        digest: Digest([0xab; 32]),
        trust: Trust::Shipped,
        declared: Grants::parse(scopes.iter().copied()).unwrap().into(),
        grants: Grants::parse(grants.iter().copied()).unwrap().into(),
    }
}

/// A component that may want everything.
pub(crate) fn open_subject(grants: &[&str]) -> Subject {
    let scopes = [
        "fs workspace read-write",
        "http * GET,HEAD,POST",
        "exec **",
        "net *",
        "secret github reveal",
        "kv cache",
        "llm default",
        "message session",
        "sessions read-write",
    ];
    subject(&scopes, grants)
}

pub(crate) fn facts() -> Facts {
    Facts {
        session: SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap(),
        run: RunId::parse("run-1").unwrap(),
        origin: Origin::Owner,
        person_present: true,
        labels: Labels::default(),
        mode: Mode::Act,
        at: Timestamp(1_795_281_120_000),
    }
}

pub(crate) fn nobody_there() -> Facts {
    Facts { person_present: false, ..facts() }
}

/// `tool <name> <json>`, `exec <argv…>` (found in /usr/bin unless it has a path), `http <METHOD> <url>`, `net <url>`,
/// `secret <name> hold|reveal|<server>`, `kv <store>`, `llm <model>`, `message <recipient>`, `read|send <key>` (own if it has
/// `subagent`) or `spawn <task>`.
pub(crate) fn action(text: &str) -> Action {
    let (kind, rest) = text.split_once(' ').unwrap();
    match kind {
        "tool" => {
            let (tool, arguments) = rest.split_once(' ').unwrap();
            Action::CallTool(call(tool, arguments))
        }
        "exec" => Action::RunProgram(plan(&rest.split(' ').collect::<Vec<_>>())),
        "http" => {
            let (method, url) = rest.split_once(' ').unwrap();
            Action::SendRequest(request(method, url))
        }
        "net" => {
            let target = request("GET", rest).target;
            Action::OpenConnection(ConnectPlan { target, headers: Vec::new(), protocols: Vec::new() })
        }
        "secret" => {
            let (name, purpose) = rest.split_once(' ').unwrap();
            let purpose = match purpose {
                "hold" => SecretPurpose::Hold,
                "reveal" => SecretPurpose::Reveal,
                server => SecretPurpose::Send(server.to_owned()),
            };
            Action::UseSecret(SecretUse { name: name.to_owned(), purpose })
        }
        "kv" => Action::UseStore(rest.to_owned()),
        "llm" => Action::AskModel(LlmRequest {
            model: rest.to_owned(),
            system: "Be brief.".to_owned(),
            messages: vec![LlmMessage { by_model: false, text: "Why?".to_owned() }],
            max_tokens: 100,
        }),
        "message" => Action::SendMessage(MessageRequest { to: rest.to_owned(), text: "Done.".to_owned() }),
        "read" | "send" => {
            let reach = Reach { key: rest.to_owned(), own: rest.contains("subagent") };
            Action::UseSessions(match kind {
                "read" => SessionsPlan::Read(reach),
                _ => SessionsPlan::Send { to: reach, text: "Well?".to_owned() },
            })
        }
        "spawn" => Action::UseSessions(SessionsPlan::Spawn(SpawnPlan {
            task: rest.to_owned(),
            label: "look".to_owned(),
            model: "default".to_owned(),
            tools: Some(vec!["clock".to_owned()]),
            seconds: 600,
            depth: 1,
        })),
        other => panic!("unknown kind of action `{other}`"),
    }
}

pub(crate) fn call(tool: &str, arguments: &str) -> ToolInvocation {
    ToolInvocation {
        call: CallId::parse("call-1").unwrap(),
        tool: ToolName::parse(tool).unwrap(),
        arguments: arguments.to_owned(),
    }
}

pub(crate) fn plan(argv: &[&str]) -> ExecPlan {
    let program = match argv[0].strip_prefix("./") {
        Some(file) => PathBuf::from("/home/owner/ws").join(file),
        None => PathBuf::from("/usr/bin").join(argv[0]),
    };
    ExecPlan {
        program,
        program_digest: Digest([0xcd; 32]),
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        cwd: PathBuf::from("/home/owner/ws"),
        workspace: PathBuf::from("/home/owner/ws"),
        env: Vec::new(),
        stdin: Vec::new(),
        timeout_ms: 120_000,
        max_output_bytes: 65_536,
        background: None,
        reads: None,
    }
}

pub(crate) fn request(method: &str, url: &str) -> HttpPlan {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap());
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().unwrap()),
        _ => (authority, if scheme == "https" || scheme == "wss" { 443 } else { 80 }),
    };
    let host = host.trim_matches(['[', ']']).to_owned();
    let target =
        Target { scheme: scheme.to_owned(), address: address(&host), host, port, path_and_query: path.to_owned() };
    HttpPlan {
        method: method.to_owned(),
        target,
        headers: Vec::new(),
        body: RequestBody::Whole(Vec::new()),
        first_byte_timeout_ms: 30_000,
    }
}

/// Knows only the few addresses that the tests use; the real table belongs to the room that dials.
fn address(host: &str) -> AddressClass {
    match host {
        "169.254.169.254" | "metadata.google.internal" => AddressClass::Metadata,
        "localhost" | "127.0.0.1" | "::1" => AddressClass::Loopback,
        "10.0.0.1" | "192.168.1.1" => AddressClass::Private,
        _ if host.parse::<IpAddr>().is_ok() => AddressClass::Public,
        _ => AddressClass::Name,
    }
}

/// A decision in one line: what, the code of a refusal, and the policies that decided.
pub(crate) fn word(decision: &Decision) -> String {
    match decision {
        Decision::Allow(permit) => format!("allow [{}]", permit.decided_by().join(", ")),
        Decision::Ask(ask) => format!("ask [{}]", ask.decided_by.join(", ")),
        Decision::Deny(denial) => format!("deny {} [{}]", denial.code, denial.decided_by.join(", ")),
    }
}
