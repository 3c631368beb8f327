//! One thing, or a few, that lie within a grant: to show what a scope means under the policies.

use claw_core::effect::{
    ConnectRequest, ExecRequest, HttpRequest, LlmRequest, MessageRequest, Reach, RequestBody, SecretPurpose, SecretUse,
    SessionsPlan, SpawnPlan,
};

use super::{Access, FsGrant, Grant, SecretGrant};
use crate::action::Action;
use crate::wish::Wish;

/// A public name that belongs to nobody, where a scope names no server.
pub(super) const ANY_NAME: &str = "example.org";
/// An address inside the owner's machine, where a scope names no server.
pub(super) const INSIDE: &str = "127.0.0.1:8080";

impl Grant {
    /// Examples of what lies within, the plainest first; none for what nothing is offered for yet.
    pub(crate) fn examples(&self) -> Vec<Wish> {
        let plain = |action| vec![Wish::Plain(action)];
        match self {
            Grant::Fs(FsGrant { folder, access }) => {
                let wish = |access| Wish::Folder(folder.clone(), access);
                [Access::Read, Access::ReadWrite].into_iter().filter(|wanted| wanted <= access).map(wish).collect()
            }
            Grant::Http(grant) => grant.examples().into_iter().map(|(method, url)| request(method, url)).collect(),
            Grant::Net(grant) => grant.examples().into_iter().map(connection).collect(),
            Grant::Exec(grant) => grant.examples().into_iter().map(program).collect(),
            Grant::Secret(SecretGrant { name, reveal }) => {
                let wish = |purpose| Wish::Plain(Action::UseSecret(SecretUse { name: name.to_string(), purpose }));
                let seen = reveal.then_some(SecretPurpose::Reveal);
                std::iter::once(SecretPurpose::Hold).chain(seen).map(wish).collect()
            }
            Grant::Kv(name) => plain(Action::UseStore(name.to_string())),
            Grant::Llm(name) => plain(Action::AskModel(LlmRequest {
                model: name.to_string(),
                system: String::new(),
                messages: Vec::new(),
                max_tokens: 1000,
            })),
            Grant::Message(name) => {
                plain(Action::SendMessage(MessageRequest { to: name.to_string(), text: String::new() }))
            }
            Grant::Sessions(grant) => {
                let plans = conversations().into_iter().filter(|plan| Grant::Sessions(*grant).covers(plan));
                plans.map(Wish::Plain).collect()
            }
            Grant::Memory(_) | Grant::Schedule => Vec::new(),
        }
    }
}

/// What can be done with conversations: with own ones and with others.
fn conversations() -> [Action; 5] {
    let own = || Reach { key: "agent:main:subagent:1".to_owned(), own: true };
    let other = || Reach { key: "agent:main:other".to_owned(), own: false };
    let plans = [
        SessionsPlan::Read(own()),
        SessionsPlan::Read(other()),
        SessionsPlan::Send { to: own(), text: String::new() },
        SessionsPlan::Send { to: other(), text: String::new() },
        SessionsPlan::Spawn(SpawnPlan {
            task: "task".to_owned(),
            label: String::new(),
            model: "default".to_owned(),
            tools: None,
            seconds: 600,
            depth: 1,
        }),
    ];
    plans.map(Action::UseSessions)
}

fn request(method: String, url: String) -> Wish {
    let body = RequestBody::Whole(Vec::new());
    Wish::Request(HttpRequest { method, url, headers: Vec::new(), body, first_byte_timeout_ms: 30_000 })
}

fn connection(url: String) -> Wish {
    Wish::Connection(ConnectRequest { url, headers: Vec::new(), protocols: Vec::new() })
}

fn program(argv: Vec<String>) -> Wish {
    let request = ExecRequest {
        argv,
        cwd: String::new(),
        env: Vec::new(),
        stdin: Vec::new(),
        timeout_ms: 120_000,
        max_output_bytes: 65_536,
    };
    Wish::Program(request, None)
}
