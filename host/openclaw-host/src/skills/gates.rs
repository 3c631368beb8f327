//! What a skill needs, and whether it is there.

use serde::Serialize;
use serde_json::Value;

use super::card::Card;

/// This system, in Node's words.
pub const OS: &str = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };

/// What can be asked of this machine.
pub struct Machine<'a> {
    /// In Node's words.
    pub os: &'a str,
    /// Whether programs of this name can be run.
    pub has_program: fn(&str) -> bool,
    /// Whether the variable is set.
    pub is_set: fn(&str) -> bool,
    /// The configuration.
    pub config: &'a Value,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// `enabled`, `agent`, `os`, `bin`, `anyBin`, `env` or `config`.
    pub kind: &'static str,
    /// What is asked for; of `anyBin`, all names.
    pub wanted: String,
    /// Whether it is there.
    pub holds: bool,
    /// In words, for people.
    pub reason: String,
}

/// All conditions of a skill, those that hold too.
pub fn check(card: &Card, enabled: Option<bool>, machine: &Machine<'_>) -> Vec<Gate> {
    let mut gates = Vec::new();
    let mut gate = |kind, wanted: String, holds, reason: String| gates.push(Gate { kind, wanted, holds, reason });
    if let Some(enabled) = enabled {
        let word = if enabled { "on" } else { "off" };
        gate("enabled", word.to_owned(), enabled, format!("the configuration turns it {word}"));
    }
    if !card.os.is_empty() {
        let holds = card.os.iter().any(|os| os == machine.os);
        gate("os", card.os.join(", "), holds, format!("this system is `{}`", machine.os));
    }
    if card.always {
        return gates;
    }
    for name in &card.bins {
        let holds = (machine.has_program)(name);
        gate("bin", name.clone(), holds, program(name, holds));
    }
    if !card.any_bins.is_empty() {
        let there = card.any_bins.iter().find(|name| (machine.has_program)(name));
        let reason = match there {
            Some(name) => program(name, true),
            None => "none of these programs is where programs are looked for".to_owned(),
        };
        gate("anyBin", card.any_bins.join(", "), there.is_some(), reason);
    }
    for name in &card.env {
        let holds = (machine.is_set)(name);
        let reason = match holds {
            true => format!("the host was started with `{name}`; programs do not get it"),
            false => format!("the host was not started with `{name}`"),
        };
        gate("env", name.clone(), holds, reason);
    }
    for path in &card.config {
        let holds = is_on(machine.config, path);
        let reason = format!("`{path}` is {} in the configuration", if holds { "on" } else { "not on" });
        gate("config", path.clone(), holds, reason);
    }
    gates
}

/// Whether it is among the skills of an agent that has only some.
pub fn of_agent(holds: bool) -> Gate {
    let word = if holds { "among" } else { "not among" };
    let reason = format!("it is {word} the agent's `skills` in the configuration");
    Gate { kind: "agent", wanted: "named".to_owned(), holds, reason }
}

fn program(name: &str, holds: bool) -> String {
    let negation = if holds { "" } else { "not " };
    format!("program `{name}` is {negation}where programs are looked for")
}

/// Whether there is something at a path, and it is not `false`, 0 or empty.
fn is_on(config: &Value, path: &str) -> bool {
    let mut value = config;
    for name in path.split('.') {
        match value.get(name) {
            Some(member) => value = member,
            None => return false,
        }
    }
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Machine, check};
    use crate::skills::Card;

    /// The kinds of the gates of a card, with `!` before those that do not hold.
    fn gates(card: serde_json::Value, enabled: Option<bool>) -> String {
        let card: Card = serde_json::from_value(card).unwrap();
        let config = json!({"gateway": {"port": 0, "auth": {"mode": "token"}}, "skills": {"entries": {"a-b": {"enabled": true}}}});
        let machine =
            Machine { os: "linux", has_program: |name| name == "git", is_set: |name| name == "A_KEY", config: &config };
        let gates = check(&card, enabled, &machine);
        let shown =
            gates.iter().map(|gate| format!("{}{}:{}", if gate.holds { "" } else { "!" }, gate.kind, gate.wanted));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_condition_is_a_gate() {
        assert_eq!(gates(json!({}), None), "");
        assert_eq!(gates(json!({"os": ["darwin", "linux"]}), None), "os:darwin, linux");
        assert_eq!(gates(json!({"bins": ["git", "memo"]}), None), "bin:git !bin:memo");
        assert_eq!(gates(json!({"anyBins": ["memo", "git"]}), None), "anyBin:memo, git");
        assert_eq!(gates(json!({"anyBins": ["memo"]}), None), "!anyBin:memo");
        assert_eq!(gates(json!({"env": ["A_KEY", "B_KEY"]}), None), "env:A_KEY !env:B_KEY");
        assert_eq!(gates(json!({}), Some(false)), "!enabled:off");
        let paths = [
            "gateway.auth.mode",
            "skills.entries.a-b.enabled",
            "gateway.port",
            "browser.enabled",
            "gateway.auth.mode.x",
        ];
        assert_eq!(
            gates(json!({"config": paths}), None),
            "config:gateway.auth.mode config:skills.entries.a-b.enabled !config:gateway.port !config:browser.enabled \
             !config:gateway.auth.mode.x"
        );
    }

    #[test]
    fn always_asks_for_the_system_alone() {
        let card = json!({"always": true, "os": ["darwin"], "bins": ["memo"], "env": ["B_KEY"]});
        assert_eq!(gates(card, Some(true)), "enabled:on !os:darwin");
    }
}
