use std::collections::HashMap;

use claw_core::effect::{AddressClass, ExecPlan, HttpPlan, RequestBody};
use claw_core::id::{AgentId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp, ToolName};

use claw_core::approval::ApprovalState;
use claw_core::label::Labels;
use claw_fuzz::Draw;

use super::{approval, ask, load, owner_file};
use crate::fixture::{action, call, facts, open_subject, plan, request};
use crate::policy::{Policy, PolicyFile};
use crate::{Action, Decision, Facts, Preset, Subject, ToolInvocation};

type Change<T> = (&'static str, fn(&mut T));

const SUBJECT_CHANGES: &[Change<Subject>] = &[
    ("component", |subject| subject.component = ComponentName::parse("other").unwrap()),
    ("component digest", |subject| subject.digest = Digest([9; 32])),
];

const FACTS_CHANGES: &[Change<Facts>] = &[
    ("session", |facts| facts.session = SessionKey::parse("other", &AgentId::parse("main").unwrap()).unwrap()),
    ("agent", |facts| facts.session = SessionKey::parse("main", &AgentId::parse("other").unwrap()).unwrap()),
    ("run", |facts| facts.run = RunId::parse("run-2").unwrap()),
    ("content from outside", |facts| facts.labels = Labels::tainted("a page")),
    ("other content from outside", |facts| facts.labels = Labels::tainted("another page")),
    ("private data", |facts| facts.labels = Labels::private("a page")),
];

const PROGRAM_CHANGES: &[Change<ExecPlan>] = &[
    ("program", |plan| plan.program = "/bin/git".into()),
    ("program digest", |plan| plan.program_digest = Digest([9; 32])),
    ("argument", |plan| plan.argv[1] = "log".to_owned()),
    ("argument boundary", |plan| plan.argv = vec!["git".to_owned(), "sta".to_owned(), "tus".to_owned()]),
    ("directory", |plan| plan.cwd = "/home/owner/ws/sub".into()),
    ("workspace", |plan| plan.workspace = "/home/owner".into()),
    ("environment", |plan| plan.env.push(("LANG".to_owned(), "C".to_owned()))),
    ("input", |plan| plan.stdin = b"x".to_vec()),
    ("time limit", |plan| plan.timeout_ms += 1),
    ("output limit", |plan| plan.max_output_bytes += 1),
];

const REQUEST_CHANGES: &[Change<HttpPlan>] = &[
    ("method", |plan| plan.method = "POST".to_owned()),
    ("scheme", |plan| plan.target.scheme = "http".to_owned()),
    ("host", |plan| plan.target.host = "example.tes".to_owned()),
    ("port", |plan| plan.target.port = 444),
    ("path", |plan| plan.target.path_and_query = "/b".to_owned()),
    ("address", |plan| plan.target.address = AddressClass::Private),
    ("header name", |plan| plan.headers.push(("x".to_owned(), Vec::new()))),
    ("header value", |plan| plan.headers.push(("x".to_owned(), b"y".to_vec()))),
    ("body", |plan| plan.body = RequestBody::Whole(b"x".to_vec())),
    ("streamed body", |plan| plan.body = RequestBody::Streamed { length: None }),
    ("length of a streamed body", |plan| plan.body = RequestBody::Streamed { length: Some(0) }),
    ("time limit", |plan| plan.first_byte_timeout_ms += 1),
];

const CALL_CHANGES: &[Change<ToolInvocation>] = &[
    ("call id", |call| call.call = CallId::parse("call-2").unwrap()),
    ("tool", |call| call.tool = ToolName::parse("write").unwrap()),
    ("arguments", |call| call.arguments = "{ }".to_owned()),
];

#[test]
fn anything_changed_is_another_digest() {
    let policy = load(Preset::Cautious, "");
    let base_subject = open_subject(&[]);
    let mut seen = HashMap::new();
    let mut add = |policy: &Policy, what: String, subject: &Subject, facts: &Facts, action: &Action| {
        let digest = policy.digest(subject, facts, action).unwrap();
        if let Some(same) = seen.insert(digest, what.clone()) {
            panic!("`{what}` has the digest of `{same}`");
        }
    };
    let git = action("exec git status");
    add(&policy, "base".to_owned(), &base_subject, &facts(), &git);
    add(&load(Preset::Cautious, "// x"), "generation".to_owned(), &base_subject, &facts(), &git);
    for (what, change) in SUBJECT_CHANGES {
        let mut subject = base_subject.clone();
        change(&mut subject);
        add(&policy, (*what).to_owned(), &subject, &facts(), &git);
    }
    for (what, change) in FACTS_CHANGES {
        let mut facts = facts();
        change(&mut facts);
        add(&policy, (*what).to_owned(), &base_subject, &facts, &git);
    }
    let mut actions: Vec<(String, Action)> = vec![
        ("base request".to_owned(), action("http GET https://example.test/a")),
        ("base call".to_owned(), action("tool read {}")),
    ];
    actions.extend(PROGRAM_CHANGES.iter().map(|(what, change)| {
        let mut plan = plan(&["git", "status"]);
        change(&mut plan);
        (format!("program {what}"), Action::RunProgram(plan))
    }));
    actions.extend(REQUEST_CHANGES.iter().map(|(what, change)| {
        let mut plan = request("GET", "https://example.test/a");
        change(&mut plan);
        (format!("request {what}"), Action::SendRequest(plan))
    }));
    actions.extend(CALL_CHANGES.iter().map(|(what, change)| {
        let mut call = call("read", "{}");
        change(&mut call);
        (format!("call {what}"), Action::CallTool(call))
    }));
    for (what, action) in actions {
        add(&policy, what, &base_subject, &facts(), &action);
    }
}

#[test]
fn the_same_call_has_the_same_digest() {
    let (first, second) = (load(Preset::Cautious, "// x"), load(Preset::Cautious, "// x"));
    assert_eq!(first.generation(), second.generation());
    assert_eq!(ask(&first, "exec git push").digest, ask(&second, "exec git push").digest);
}

#[test]
fn a_generation_is_the_texts_and_their_borders() {
    let generation = |files: &[&str]| {
        let files: Vec<PolicyFile> = files.iter().map(|text| owner_file(text)).collect();
        Policy::load(Preset::Cautious, &files).unwrap().generation()
    };
    assert_ne!(generation(&["// a", "// b"]), generation(&["// b", "// a"]));
    assert_ne!(generation(&["// a", "// b"]), generation(&["// a// b"]));
    assert_ne!(generation(&[]), generation(&[""]));
}

/// P8: the digest of the card is that of the permit, and no other call has it.
#[test]
fn what_was_shown_is_what_is_permitted_in_100_000_random_calls() {
    const CALLS: usize = 100_000;
    let policy = load(Preset::Cautious, "");
    let (subject, facts) = (open_subject(&[]), facts());
    let words = ["git", "touch", "a", "b", "--", "-x", "é", "\u{202e}", "a b", ""];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut seen: HashMap<Digest, ExecPlan> = HashMap::with_capacity(CALLS);
    let mut asked = 0;
    while asked < CALLS {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            // Xorshift: the same calls in every run.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            chunk.copy_from_slice(&random.to_le_bytes());
        }
        let mut draw = Draw::new(&bytes);
        let arguments: Vec<_> = (0..draw.below(5)).map(|_| draw.pick(&words)).collect();
        let mut made = plan(&[&["touch"], &arguments[..]].concat());
        made.cwd = format!("/home/owner/ws/{}", draw.below(4)).into();
        made.env = (0..draw.below(3)).map(|_| (draw.pick(&words).to_owned(), draw.pick(&words).to_owned())).collect();
        made.stdin = vec![draw.byte(); draw.below(3)];
        made.timeout_ms += draw.below(4) as u64;
        let decision = policy.decide(&subject, &facts, Action::RunProgram(made.clone()));
        let Decision::Ask(ask) = decision else { panic!("not asked: {made:?}") };
        let digest = ask.digest;
        match seen.insert(digest, made.clone()) {
            Some(before) => assert_eq!(before, made, "two calls have one digest"),
            None => asked += 1,
        }
        let yes = approval(&ask, ApprovalState::Approved { by: "ws:owner".into(), at: Timestamp(2_000), always: None });
        let permit = policy.permit(ask, &yes).unwrap();
        assert_eq!((permit.digest(), permit.action()), (digest, &Action::RunProgram(made)));
    }
}
