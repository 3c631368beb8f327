//! The component `services` (`tests/conformance/README.md`), written with the SDK for Rust.

use openclaw_sdk::exec::{self, Command, End};
use openclaw_sdk::llm::{self, Completion, Role};
use openclaw_sdk::scope::{self, Access};
use openclaw_sdk::serde_json::{Map, Value, json};
use openclaw_sdk::sessions::{self, Agent};
use openclaw_sdk::workspace::{self, Change};
use openclaw_sdk::{HostError, JsonSchema, NoArgs, Tool, ToolError, config, keyvalue, message, session};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "services",
    version: "0.1.0",
    summary: "Uses the services of the host.",
    tools: [Services, Attempt],
    scopes: [
        scope::workspace(Access::ReadWrite),
        scope::exec(&["echo", "*"]),
        scope::model("default"),
        scope::messages(),
        scope::store("cache"),
        scope::sessions(Access::ReadWrite),
    ],
}

struct Services;

impl Tool for Services {
    type Args = NoArgs;
    const NAME: &'static str = "services";
    const DESCRIPTION: &'static str = "Uses each service once.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        let program = run("tea")?;
        message::send("session", "the tea is ready")?;
        let answer = ask("default")?;
        let mut answer = json!({ "program": program, "answer": [answer.text, answer.cut], "store": store()? });
        let settings: Map<String, Value> =
            config::get_all()?.into_iter().map(|(key, value)| (key, value.into())).collect();
        let (origin, effects) = (session::get_info().origin, session::get_budget().effects);
        answer["settings"] = settings.into();
        answer["run"] = json!([origin, effects > 0, session::is_cancelled()]);
        add_files(&mut answer)?;
        add_sessions(&mut answer)?;
        Ok(answer.to_string())
    }
}

fn run(word: &str) -> Result<Value, HostError> {
    let exit = exec::run(&Command {
        argv: vec!["echo".into(), word.into()],
        cwd: None,
        env: Vec::new(),
        stdin: None,
        timeout_ms: 60_000,
        max_output_bytes: 64 * 1024,
    })?;
    let End::Code(code) = exit.end else { return Ok(Value::Null) };
    Ok(json!([code, String::from_utf8_lossy(&exit.stdout)]))
}

fn ask(model: &str) -> Result<Completion, HostError> {
    let messages = vec![llm::Message { role: Role::User, text: "say hello".into() }];
    llm::complete(&llm::Request { model: model.into(), system: String::new(), messages, max_tokens: 50 })
}

fn store() -> Result<Value, ToolError> {
    let store = keyvalue::open("cache")?;
    store.set("k", b"v")?;
    let counted = [keyvalue::increment(&store, "n", 2)?, keyvalue::increment(&store, "n", 1)?];
    let keys = store.list_keys(None)?.keys;
    store.delete("k")?;
    Ok(json!([counted, keys, store.list_keys(None)?.keys]))
}

fn add_files(answer: &mut Value) -> Result<(), HostError> {
    let text = "milk\ntea\n".as_bytes().to_vec();
    workspace::commit(&[Change::Put(("a/b.txt".into(), text)), Change::Put(("c.txt".into(), b"x".to_vec()))])?;
    workspace::commit(&[Change::Remove("c.txt".into())])?;
    let part = workspace::read_range("a/b.txt", 5, 3)?;
    answer["part"] = json!([String::from_utf8_lossy(&part.bytes), part.size]);
    let listed = workspace::list_directory("a", 1000)?.entries;
    answer["listed"] = listed.iter().map(|entry| json!([entry.path, entry.size])).collect();
    let found = workspace::glob("**/*.txt", 1000)?.entries;
    answer["found"] = found.into_iter().map(|entry| Value::from(entry.path)).collect();
    let hits = workspace::grep("t.a", Some("**/*.txt"), 1000)?.hits;
    answer["hits"] = hits.iter().map(|hit| json!([hit.path, hit.line, hit.text])).collect();
    Ok(())
}

fn add_sessions(answer: &mut Value) -> Result<(), HostError> {
    let own = session::get_info().session_key;
    let tools = vec!["services".into()];
    let spawned = sessions::spawn(&Agent { task: "say hi".into(), label: "tea".into(), tools, seconds: 30 })?;
    let sent = sessions::send(&spawned.key, "say more")?;
    let children = sessions::children(10)?;
    let is_listed = sessions::all(100)?.iter().any(|session| session.key == own);
    let is_same = [children[0].key == spawned.key, sent.key == spawned.key, sent.task == spawned.task];
    answer["sessions"] = json!([children.len(), children[0].title, is_same[0], is_same[1], is_same[2], is_listed]);
    let last = sessions::history(&own, 1, None)?;
    let before = sessions::history(&own, 100, last.before)?;
    answer["said"] = before.entries.iter().take(2).map(|entry| json!([entry.role, entry.text])).collect();
    answer["pages"] = json!([last.entries.len(), last.before.is_some(), before.before.is_some()]);
    Ok(())
}

struct Attempt;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AttemptArgs {
    /// Which.
    call: Call,
    /// What to give it.
    given: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Call {
    Run,
    Ask,
    Send,
    ReadRange,
    Commit,
    Grep,
    History,
}

impl Tool for Attempt {
    type Args = AttemptArgs;
    const NAME: &'static str = "attempt";
    const DESCRIPTION: &'static str = "Makes one call.";

    fn call(AttemptArgs { call, given }: AttemptArgs) -> Result<String, ToolError> {
        match call {
            Call::Run => drop(run(&given)?),
            Call::Ask => drop(ask(&given)?),
            Call::Send => message::send("session", &given)?,
            Call::ReadRange => drop(workspace::read_range(&given, 0, 1)?),
            Call::Commit => workspace::commit(&[Change::Put((given, b"x".to_vec()))])?,
            Call::Grep => drop(workspace::grep(&given, None, 1)?),
            Call::History => drop(sessions::history(&given, 1, None)?),
        }
        Ok("done".into())
    }
}
