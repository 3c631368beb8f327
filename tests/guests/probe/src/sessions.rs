//! Other conversations, and sub-agents.

use openclaw_sdk::JsonSchema;
use openclaw_sdk::serde_json::json;
use openclaw_sdk::sessions::{self, Agent, Started, Summary};
use serde::Deserialize;

use crate::outcome::Outcome;

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    Children,
    All,
    History {
        key: String,
        #[serde(default)]
        before: Option<u64>,
    },
    Send {
        key: String,
        text: String,
    },
    Spawn {
        task: String,
        #[serde(default)]
        tools: Vec<String>,
        #[serde(default)]
        seconds: u32,
    },
}

impl Op {
    pub fn run(self) -> Outcome {
        let keys = |list: Vec<Summary>| list.into_iter().map(|it| json!([it.key, it.state])).collect::<Vec<_>>();
        let started = |Started { key, task }| json!({"key": key, "task": task});
        match self {
            Op::Children => Ok(json!(keys(sessions::children(10)?))),
            Op::All => Ok(json!(keys(sessions::all(10)?))),
            Op::History { key, before } => {
                let page = sessions::history(&key, 3, before)?;
                let entries: Vec<_> = page.entries.into_iter().map(|it| json!([it.role, it.text])).collect();
                Ok(json!({"entries": entries, "before": page.before}))
            }
            Op::Send { key, text } => Ok(started(sessions::send(&key, &text)?)),
            Op::Spawn { task, tools, seconds } => {
                Ok(started(sessions::spawn(&Agent { task, label: String::new(), tools, seconds })?))
            }
        }
    }
}
