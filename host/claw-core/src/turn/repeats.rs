//! Calls that lead nowhere: the same tool, the same arguments, the same outcome.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::message::ToolCall;
use crate::outcome::ToolOutcome;

/// How often each call of a turn gave the outcome that it gave last. A model that changes between two such calls is found
/// as well as one that repeats a single one.
#[derive(Debug, Default)]
pub(super) struct Repeats(HashMap<u64, Last>);

#[derive(Debug)]
struct Last {
    outcome: u64,
    times: u32,
}

impl Repeats {
    pub fn saw(&mut self, call: &ToolCall, outcome: &ToolOutcome) {
        let outcome = hash(&outcome.text());
        let last = self.0.entry(key(call)).or_insert(Last { outcome, times: 0 });
        if last.outcome != outcome {
            *last = Last { outcome, times: 0 };
        }
        last.times += 1;
    }

    pub fn of(&self, call: &ToolCall) -> u32 {
        self.0.get(&key(call)).map_or(0, |last| last.times)
    }
}

/// Arguments are the same if they mean the same: white space and the order of fields do not count.
fn key(call: &ToolCall) -> u64 {
    let arguments = match serde_json::from_str::<Value>(&call.arguments) {
        Ok(mut value) => {
            value.sort_all_objects();
            value.to_string()
        }
        Err(_) => call.arguments.clone(),
    };
    hash(&(call.tool.as_str(), arguments))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
