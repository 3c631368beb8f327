//! Questions in words: what a component could want, as a person writes it down.
//!
//! ```text
//! exec.run      git push origin              http.request  GET https://api.example.com/v1/x
//! tool.call     web_fetch                    net.connect   wss://chat.example.com/
//! fs.write      workspace                    secret.use    github
//! ```
//! A wish is in the guest's terms. The host turns it into what is decided on in the same way as a guest's request;
//! [`Wish::assumed`] does it without looking at any machine, for tables that must say the same everywhere.

mod assumed;
mod circumstances;
mod words;

use std::fmt;

use claw_core::effect::{
    Background, ConnectRequest, ExecRequest, HttpRequest, LlmMessage, LlmRequest, MAX_REQUEST_BODY_BYTES,
    MessageRequest, Reach, RequestBody, SecretPurpose, SecretUse, SessionsPlan, SpawnPlan, Terminal,
};
use claw_core::id::{CallId, ToolName};

pub use self::circumstances::Circumstances;
pub(crate) use self::words::nearest;
use self::words::{quote_word, split_words};
use crate::action::{Action, ToolInvocation};
use crate::grant::{Access, Folder};
use crate::visible::escape;

/// What a component could want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A program; with `Background`, one that goes on after its call.
    Program(ExecRequest, Option<Background>),
    /// A request.
    Request(HttpRequest),
    /// A connection.
    Connection(ConnectRequest),
    /// Anything that is decided on as it is asked for.
    Plain(Action),
    /// A folder: [`Access::Read`] for `fs.read`, [`Access::ReadWrite`] for `fs.write`.
    Folder(Folder, Access),
}

/// What is decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An action in its canonical form.
    Action(Action),
    /// A folder when a worker starts.
    Folder(Folder, Access),
}

/// Why words are no question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// There is no such action.
    #[error("`{text}` is no action{}; there are {}", meant(.nearest), ACTIONS.join(", "))]
    Action {
        /// What was given.
        text: String,
        /// The most similar one.
        nearest: Option<&'static str>,
    },
    /// The resource is not what this action is done to.
    #[error("`{text}` is nothing for `{action}`: {form}")]
    Resource {
        /// The action.
        action: &'static str,
        /// What was given.
        text: String,
        /// What could stand there.
        form: String,
    },
    /// There is no such fact.
    #[error("`{key}` is no fact for `{action}`{}; there are {}", meant(.nearest), known.join(", "))]
    Key {
        /// The action.
        action: String,
        /// What was given.
        key: String,
        /// The most similar one.
        nearest: Option<&'static str>,
        /// All of them.
        known: Vec<&'static str>,
    },
    /// A fact that the host finds out and nobody tells it.
    #[error("`{key}` cannot be given: {rule}")]
    Computed {
        /// Its name.
        key: &'static str,
        /// Where it comes from.
        rule: &'static str,
    },
    /// A fact cannot have this value.
    #[error("`{key}={text}` makes no sense: {form}")]
    Value {
        /// The fact.
        key: String,
        /// The value.
        text: String,
        /// What could stand there.
        form: String,
    },
}

/// All actions, by their names in policies.
pub const ACTIONS: [&str; 14] = [
    "tool.call",
    "fs.read",
    "fs.write",
    "exec.run",
    "http.request",
    "net.connect",
    "secret.use",
    "secret.reveal",
    "kv.use",
    "llm.complete",
    "message.send",
    "sessions.read",
    "sessions.send",
    "sessions.spawn",
];

/// The most bytes that a fact can claim: no request of a guest is longer.
const MAX_BYTES: u64 = MAX_REQUEST_BODY_BYTES;

impl Wish {
    /// Parses an action's name and what it is done to; `given` says the rest.
    ///
    /// # Errors
    /// [`WishError`] says what could stand there. A fact that this action does not have is an error: it would be
    /// believed to count.
    pub fn parse(action: &str, resource: &str, given: &Circumstances) -> Result<Wish, WishError> {
        let Some(action) = ACTIONS.into_iter().find(|known| *known == action) else {
            let text = escape(action);
            return Err(WishError::Action { nearest: nearest(&text, &ACTIONS), text });
        };
        let resource = resource.trim();
        given.expect_only(action, details(action))?;
        let wrong = |form: &str| wrong(action, resource, form);
        let name = || if resource.is_empty() { Err(wrong("write its name")) } else { Ok(resource.to_owned()) };
        Ok(match action {
            "tool.call" => Wish::Plain(tool_call(resource, given)?),
            "fs.read" | "fs.write" => {
                let folder = Folder::parse(resource);
                let folder = folder.ok_or_else(|| wrong("write `workspace`, `scratch` or a folder of the settings"))?;
                Wish::Folder(folder, if action == "fs.read" { Access::Read } else { Access::ReadWrite })
            }
            "exec.run" => program(resource, given)?,
            "http.request" => {
                let (method, url) = resource.split_once(' ').ok_or_else(|| wrong("write `GET https://…`"))?;
                Wish::Request(request(method, url.trim(), given)?)
            }
            "net.connect" => Wish::Connection(ConnectRequest {
                url: name()?,
                headers: Vec::new(),
                protocols: given.detail("protocols").map_or_else(Vec::new, |text| list(text, ',')),
            }),
            "secret.use" => {
                let purpose = given.detail("to").map_or(SecretPurpose::Hold, |to| SecretPurpose::Send(to.to_owned()));
                Wish::Plain(Action::UseSecret(SecretUse { name: name()?, purpose }))
            }
            "secret.reveal" => {
                Wish::Plain(Action::UseSecret(SecretUse { name: name()?, purpose: SecretPurpose::Reveal }))
            }
            "kv.use" => Wish::Plain(Action::UseStore(name()?)),
            "llm.complete" => Wish::Plain(Action::AskModel(model_question(name()?, given)?)),
            "message.send" => {
                let text = "x".repeat(length(given, "text_bytes")?);
                Wish::Plain(Action::SendMessage(MessageRequest { to: name()?, text }))
            }
            "sessions.read" => Wish::Plain(Action::UseSessions(SessionsPlan::Read(reach(name()?, given)?))),
            "sessions.send" => {
                let text = "x".repeat(length(given, "text_bytes")?);
                Wish::Plain(Action::UseSessions(SessionsPlan::Send { to: reach(name()?, given)?, text }))
            }
            "sessions.spawn" => Wish::Plain(Action::UseSessions(SessionsPlan::Spawn(spawn(name()?, given)?))),
            _ => unreachable!("wish: every action is listed above"),
        })
    }
}

impl fmt::Display for Wish {
    /// Action and resource, in the words that [`Wish::parse`] takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::Program(request, _) => {
                f.write_str("exec.run")?;
                request.argv.iter().try_for_each(|word| write!(f, " {}", quote_word(word)))
            }
            Wish::Request(HttpRequest { method, url, .. }) => write!(f, "http.request {method} {}", escape(url)),
            Wish::Connection(request) => write!(f, "net.connect {}", escape(&request.url)),
            Wish::Folder(folder, Access::Read) => write!(f, "fs.read {folder}"),
            Wish::Folder(folder, Access::ReadWrite) => write!(f, "fs.write {folder}"),
            Wish::Plain(action) => write!(f, "{} {}", action.name(), escape(name_of(action))),
        }
    }
}

/// What an action without a plan of its own is done to.
fn name_of(action: &Action) -> &str {
    match action {
        Action::CallTool(call) => call.tool.as_str(),
        Action::UseSecret(wish) => &wish.name,
        Action::UseStore(store) => store,
        Action::AskModel(question) => &question.model,
        Action::SendMessage(message) => &message.to,
        Action::UseSessions(SessionsPlan::Read(reach) | SessionsPlan::Send { to: reach, .. }) => &reach.key,
        Action::UseSessions(SessionsPlan::Spawn(plan)) => &plan.model,
        Action::RunProgram(_) | Action::SendRequest(_) | Action::OpenConnection(_) => "",
    }
}

/// The facts of an action beside those of its run.
fn details(action: &str) -> &'static [&'static str] {
    match action {
        "tool.call" => &["arguments"],
        "exec.run" => &["directory", "environment", "stdin_bytes", "background_seconds", "terminal"],
        "http.request" => &["body_bytes"],
        "net.connect" => &["protocols"],
        "secret.use" => &["to"],
        "llm.complete" => &["input_bytes", "max_tokens"],
        "message.send" => &["text_bytes"],
        "sessions.read" => &["own"],
        "sessions.send" => &["own", "text_bytes"],
        "sessions.spawn" => &["text_bytes", "tools", "seconds", "depth"],
        _ => &[],
    }
}

fn wrong(action: &'static str, text: &str, form: &str) -> WishError {
    WishError::Resource { action, text: escape(text), form: form.to_owned() }
}

fn tool_call(resource: &str, given: &Circumstances) -> Result<Action, WishError> {
    let tool = ToolName::parse(resource).map_err(|_| wrong("tool.call", resource, "write the name of a tool"))?;
    let call = CallId::parse("question").expect("wish: the literal is a call id");
    Ok(Action::CallTool(ToolInvocation { call, tool, arguments: given.detail("arguments").unwrap_or("{}").to_owned() }))
}

fn program(resource: &str, given: &Circumstances) -> Result<Wish, WishError> {
    let argv = split_words(resource).map_err(|form| wrong("exec.run", resource, form))?;
    if argv.is_empty() {
        return Err(wrong("exec.run", resource, "write the program and its arguments, e.g. `git status`"));
    }
    let stdin = vec![b'x'; length(given, "stdin_bytes")?];
    let variables = given.detail("environment").map_or_else(Vec::new, |text| list(text, ','));
    let seconds = number(given, "background_seconds", 0)?;
    let terminal = flag(given, "terminal")?.then_some(Terminal { columns: 80, rows: 24 });
    let background =
        (seconds > 0 || terminal.is_some()).then_some(Background { ttl_ms: seconds.saturating_mul(1000), terminal });
    let request = ExecRequest {
        argv,
        cwd: given.detail("directory").unwrap_or("").to_owned(),
        env: variables.into_iter().map(|name| (name, "x".to_owned())).collect(),
        stdin,
        timeout_ms: 120_000,
        max_output_bytes: 65_536,
    };
    Ok(Wish::Program(request, background))
}

fn request(method: &str, url: &str, given: &Circumstances) -> Result<HttpRequest, WishError> {
    let length = number(given, "body_bytes", 0)?;
    // A length that is only claimed: the bytes themselves play no part in a decision.
    let body =
        if length == 0 { RequestBody::Whole(Vec::new()) } else { RequestBody::Streamed { length: Some(length) } };
    let (method, url) = (method.to_owned(), url.to_owned());
    Ok(HttpRequest { method, url, headers: Vec::new(), body, first_byte_timeout_ms: 30_000 })
}

fn model_question(model: String, given: &Circumstances) -> Result<LlmRequest, WishError> {
    let text = "x".repeat(length(given, "input_bytes")?);
    let max_tokens = u32::try_from(number(given, "max_tokens", 1000)?).unwrap_or(u32::MAX);
    let messages = vec![LlmMessage { by_model: false, text }];
    Ok(LlmRequest { model, system: String::new(), messages, max_tokens })
}

fn reach(key: String, given: &Circumstances) -> Result<Reach, WishError> {
    Ok(Reach { key, own: flag(given, "own")? })
}

fn spawn(model: String, given: &Circumstances) -> Result<SpawnPlan, WishError> {
    Ok(SpawnPlan {
        task: "x".repeat(length(given, "text_bytes")?),
        label: String::new(),
        model,
        tools: given.detail("tools").map(|text| list(text, ',')),
        seconds: number(given, "seconds", 600)?,
        depth: u32::try_from(number(given, "depth", 1)?).unwrap_or(u32::MAX),
    })
}

fn list(text: &str, separator: char) -> Vec<String> {
    text.split(separator).map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn number(given: &Circumstances, key: &str, default: u64) -> Result<u64, WishError> {
    let Some(text) = given.detail(key) else { return Ok(default) };
    let wrong = || WishError::Value { key: key.to_owned(), text: text.to_owned(), form: "write a number".to_owned() };
    text.parse().map_err(|_| wrong())
}

fn length(given: &Circumstances, key: &str) -> Result<usize, WishError> {
    let bytes = number(given, key, 0)?;
    if bytes > MAX_BYTES {
        let form = format!("at most {MAX_BYTES} are possible");
        return Err(WishError::Value { key: key.to_owned(), text: bytes.to_string(), form });
    }
    Ok(usize::try_from(bytes).unwrap_or(0))
}

fn flag(given: &Circumstances, key: &str) -> Result<bool, WishError> {
    given.detail(key).map_or(Ok(false), |text| circumstances::parse_flag(key, text))
}

fn meant(nearest: &Option<&'static str>) -> String {
    nearest.map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
