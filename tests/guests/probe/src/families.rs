//! The capability families beyond files, programs and HTTP.

use openclaw_sdk::JsonSchema;
use openclaw_sdk::llm::{Message as Said, Request, Role};
use openclaw_sdk::serde_json::{Value, json};
use openclaw_sdk::{config, keyvalue, llm, log, message, secrets, session};
use serde::Deserialize;

use crate::outcome::{Failure, Outcome};

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Gives the placeholder.
    Secret {
        name: String,
    },
    Reveal {
        name: String,
    },
    Complete {
        model: String,
        #[serde(default)]
        system: String,
        text: String,
        max_tokens: u32,
    },
    Message {
        to: String,
        text: String,
    },
    /// Opens a store and does these things in it, in this order.
    Store {
        name: String,
        #[serde(default)]
        then: Vec<InStore>,
    },
    Config {
        key: String,
    },
    AllConfig,
    Log {
        level: Level,
        context: String,
        message: String,
    },
    Budget,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InStore {
    Get(String),
    Set(String, String),
    Delete(String),
    Exists(String),
    Keys(Option<u64>),
    Increment(String, u64),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl Op {
    pub fn run(self) -> Outcome {
        match self {
            Op::Secret { name } => Ok(json!(secrets::get(&name)?.placeholder())),
            Op::Reveal { name } => Ok(json!(secrets::reveal(&secrets::get(&name)?)?)),
            Op::Complete { model, system, text, max_tokens } => {
                let messages = vec![Said { role: Role::User, text }];
                let answer = llm::complete(&Request { model, system, messages, max_tokens })?;
                Ok(json!({
                    "text": answer.text, "input_tokens": answer.input_tokens,
                    "output_tokens": answer.output_tokens, "cut": answer.cut,
                }))
            }
            Op::Message { to, text } => Ok(json!(message::send(&to, &text)?)),
            Op::Store { name, then } => {
                let bucket = keyvalue::open(&name)?;
                then.into_iter().map(|what| what.run(&bucket)).collect::<Result<Vec<_>, _>>().map(Value::from)
            }
            Op::Config { key } => Ok(json!(config::get(&key)?)),
            Op::AllConfig => Ok(json!(config::get_all()?)),
            Op::Log { level, context, message } => Ok(json!(log::log(level.into(), &context, &message))),
            Op::Budget => {
                let budget = session::get_budget();
                Ok(json!({
                    "cpu_ms": budget.cpu_ms, "memory_bytes": budget.memory_bytes, "effects": budget.effects,
                }))
            }
        }
    }
}

impl InStore {
    fn run(self, bucket: &keyvalue::Bucket) -> Outcome {
        match self {
            InStore::Get(key) => Ok(json!(bucket.get(&key)?.map(|value| String::from_utf8_lossy(&value).into_owned()))),
            InStore::Set(key, value) => Ok(json!(bucket.set(&key, value.as_bytes())?)),
            InStore::Delete(key) => Ok(json!(bucket.delete(&key)?)),
            InStore::Exists(key) => Ok(json!(bucket.exists(&key)?)),
            InStore::Keys(cursor) => {
                let listed = bucket.list_keys(cursor)?;
                Ok(json!({ "keys": listed.keys, "cursor": listed.cursor }))
            }
            InStore::Increment(key, delta) => Ok(json!(keyvalue::increment(bucket, &key, delta)?)),
        }
    }
}

impl From<Level> for log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => log::Level::Trace,
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
            Level::Critical => log::Level::Critical,
        }
    }
}

impl From<keyvalue::Error> for Failure {
    fn from(error: keyvalue::Error) -> Self {
        match error {
            keyvalue::Error::NoSuchStore => Failure::of_interface("no-such-store", String::new()),
            keyvalue::Error::AccessDenied => Failure::of_interface("access-denied", String::new()),
            keyvalue::Error::Other(text) => Failure::of_interface("other", text),
        }
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        match error {
            config::Error::Upstream(text) => Failure::of_interface("upstream", text),
            config::Error::Io(text) => Failure::of_interface("io", text),
        }
    }
}
