//! The component `sessions`: starts sub-agents, talks to other conversations, and looks at them.

mod show;

use openclaw_sdk::sessions::{self, Agent};
use openclaw_sdk::{JsonSchema, Tool, ToolError, scope};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "sessions",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Starts sub-agents and reaches other conversations.",
    tools: [Spawn, Send, List, History],
    scopes: [scope::sessions(scope::Access::ReadWrite)],
}

/// Lines of a list, and messages of a history, if nobody says how many.
const SHOWN: u32 = 20;

struct Spawn;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SpawnArgs {
    /// What to do, with all it needs to know: it sees nothing of this conversation.
    task: String,
    /// A short name.
    #[serde(default)]
    label: String,
    /// The only tools it may use. Default: all of yours.
    #[serde(default)]
    tools: Vec<String>,
    /// Seconds it may work.
    #[serde(default, rename = "runTimeoutSeconds")]
    seconds: u32,
}

impl Tool for Spawn {
    type Args = SpawnArgs;
    const NAME: &'static str = "sessions_spawn";
    const DESCRIPTION: &'static str = "Starts a sub-agent that works on a task by itself. Returns at once; its result \
        arrives later as a message, so do not wait or ask for it.";

    fn call(SpawnArgs { task, label, tools, seconds }: SpawnArgs) -> Result<String, ToolError> {
        let started = sessions::spawn(&Agent { task, label, tools, seconds })?;
        Ok(format!("sub-agent `{}` works on task `{}`", started.key, started.task))
    }
}

struct Send;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SendArgs {
    /// Key of the conversation.
    #[serde(rename = "sessionKey")]
    key: String,
    message: String,
}

impl Tool for Send {
    type Args = SendArgs;
    const NAME: &'static str = "sessions_send";
    const DESCRIPTION: &'static str = "Says something in another conversation or to a sub-agent. Returns at once; the \
        answer arrives later as a message.";

    fn call(args: SendArgs) -> Result<String, ToolError> {
        let started = sessions::send(&args.key, &args.message)?;
        Ok(format!("`{}` answers it as task `{}`", started.key, started.task))
    }
}

struct List;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListArgs {
    /// All conversations instead of your sub-agents.
    #[serde(default)]
    all: bool,
    #[serde(default)]
    limit: Option<u32>,
}

impl Tool for List {
    type Args = ListArgs;
    const NAME: &'static str = "sessions_list";
    const DESCRIPTION: &'static str = "Lists your sub-agents and where their tasks stand.";

    fn call(args: ListArgs) -> Result<String, ToolError> {
        let limit = args.limit.unwrap_or(SHOWN);
        let found = if args.all { sessions::all(limit)? } else { sessions::children(limit)? };
        Ok(show::list(&found))
    }
}

struct History;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HistoryArgs {
    /// Key of the conversation.
    #[serde(rename = "sessionKey")]
    key: String,
    /// Messages; 20 by default, at most 100.
    #[serde(default)]
    limit: Option<u32>,
    /// Where the page before ends, as a page says.
    #[serde(default)]
    before: Option<u64>,
}

impl Tool for History {
    type Args = HistoryArgs;
    const NAME: &'static str = "sessions_history";
    const DESCRIPTION: &'static str = "Reads the last messages of a conversation or sub-agent.";

    fn call(args: HistoryArgs) -> Result<String, ToolError> {
        let page = sessions::history(&args.key, args.limit.unwrap_or(SHOWN), args.before)?;
        Ok(show::page(&page))
    }
}
