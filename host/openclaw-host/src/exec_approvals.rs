//! OpenClaw's rules for programs (`exec-approvals.json`, version 1) as policies.
//!
//! What is made allows no more than OpenClaw did, and never more than a grant could: only programs that are named, and
//! none that runs whatever its arguments say. What cannot be said in policies is left out by name, with the reason.

use std::collections::BTreeMap;
use std::str::FromStr;

use claw_core::id::AgentId;
use serde_json::{Map, Value, json};

/// The policies made of a file, and what was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Cedar; empty if nothing is left.
    pub policies: Vec<String>,
    /// What could not be said, each with its place in the file and the reason.
    pub left_out: Vec<String>,
}

/// Why a file is not one of OpenClaw's.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no JSON.
    #[error("it is not JSON")]
    Json(#[from] serde_json::Error),
    /// It has another form.
    #[error("{what}")]
    Form {
        /// What is wrong.
        what: &'static str,
    },
}

/// OpenClaw's presets for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecPreset {
    /// Every program without a question.
    Yolo,
    /// Programs of a list; others are asked about.
    Cautious,
    /// No program.
    DenyAll,
}

/// What the settings of one agent come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// The file says nothing of it.
    Silent,
    /// No program.
    Nothing,
    /// Only programs of the list.
    List,
    /// Programs of the list; others are asked about.
    ListElseAsk,
    /// Every program is asked about.
    AskAlways,
    /// Every program without a question.
    Everything,
}

/// What OpenClaw keeps of the use of an entry.
const NOTES: [&str; 6] = ["id", "source", "commandText", "lastUsedAt", "lastUsedCommand", "lastResolvedPath"];
/// The settings of an agent.
const SETTINGS: [&str; 4] = ["security", "ask", "askFallback", "autoAllowSkills"];

/// Makes policies of the text of a file. `real` gives the canonical path of a program by its name or path, if there can
/// be one: policies know no other.
///
/// # Errors
/// [`ImportError`] if it is not a file of version 1.
pub fn import(text: &str, real: &dyn Fn(&str) -> Option<String>) -> Result<Import, ImportError> {
    let value: Value = serde_json::from_str(text)?;
    let file = value.as_object().ok_or(ImportError::Form { what: "it is not a JSON object" })?;
    if file.get("version").and_then(Value::as_u64) != Some(1) {
        return Err(ImportError::Form { what: "its `version` is not 1, the only one that is known" });
    }
    let empty = Map::new();
    let agents = match file.get("agents") {
        None => &empty,
        Some(agents) => agents.as_object().ok_or(ImportError::Form { what: "`agents` is not an object" })?,
    };
    let mut importer = Importer { policies: Vec::new(), left_out: Vec::new(), real };
    importer.note_unknown("", file, &["version", "socket", "defaults", "agents"]);
    if file.contains_key("socket") {
        importer.leave("socket", "it belongs to OpenClaw's own way of asking");
    }
    let defaults = match file.get("defaults") {
        None => &empty,
        Some(defaults) => defaults.as_object().ok_or(ImportError::Form { what: "`defaults` is not an object" })?,
    };
    importer.note_unknown("defaults.", defaults, &SETTINGS);
    let everybody = agents.get("*").and_then(Value::as_object).unwrap_or(&empty);
    let named = importer.named_agents(agents)?;
    for (id, agent) in &named {
        let levels = [*agent, everybody, defaults];
        importer.agent(id, &format!("context.agent == \"{id}\""), &levels);
    }
    let others = match named.is_empty() {
        true => "true".to_owned(),
        false => {
            let ids: Vec<_> = named.keys().map(|id| format!("\"{id}\"")).collect();
            format!("![{}].contains(context.agent)", ids.join(", "))
        }
    };
    importer.agent("*", &others, &[everybody, defaults]);
    Ok(Import { policies: importer.policies, left_out: importer.left_out })
}

struct Importer<'a> {
    policies: Vec<String>,
    left_out: Vec<String>,
    real: &'a dyn Fn(&str) -> Option<String>,
}

impl Importer<'_> {
    fn leave(&mut self, place: &str, why: &str) {
        let place: String = place.chars().take(120).flat_map(char::escape_default).collect();
        let line = format!("`{place}`: {why}");
        if !self.left_out.contains(&line) {
            self.left_out.push(line);
        }
    }

    fn note_unknown(&mut self, place: &str, object: &Map<String, Value>, known: &[&str]) {
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            self.leave(&format!("{place}{key}"), "it is not known here; look whether it forbids something");
        }
    }

    /// The agents with a name, by the name that they would have here.
    fn named_agents<'a>(
        &mut self,
        agents: &'a Map<String, Value>,
    ) -> Result<BTreeMap<String, &'a Map<String, Value>>, ImportError> {
        let mut named = BTreeMap::new();
        for (id, agent) in agents {
            // Without what has another form, the rest could allow more than all of it.
            let agent = agent.as_object().ok_or(ImportError::Form { what: "one of its agents is not an object" })?;
            if agent.get("allowlist").is_some_and(|list| !list.is_array()) {
                return Err(ImportError::Form { what: "an `allowlist` of one of its agents is not a list" });
            }
            self.note_unknown(&format!("agents.{id}."), agent, &[SETTINGS.as_slice(), &["allowlist"]].concat());
            match AgentId::parse(&id.to_lowercase()) {
                _ if id == "*" => {}
                Ok(id) => {
                    if named.insert(id.to_string(), agent).is_some() {
                        let what = "two of its agents differ only in upper and lower case: remove one";
                        return Err(ImportError::Form { what });
                    }
                }
                Err(_) => self.leave(&format!("agents.{id}"), "no agent can have this name here"),
            }
        }
        Ok(named)
    }

    /// The policies of one agent. Of its settings, the most specific level counts; the lists of all levels do.
    fn agent(&mut self, id: &str, condition: &str, levels: &[&Map<String, Value>]) {
        let place = format!("agents.{id}");
        let setting = |key: &str| levels.iter().find_map(|level| level.get(key));
        if setting("autoAllowSkills") == Some(&json!(true)) {
            self.leave(&format!("{place}.autoAllowSkills"), "programs of skills are granted one by one");
        }
        if !matches!(setting("askFallback").and_then(Value::as_str), None | Some("deny")) {
            self.leave(&format!("{place}.askFallback"), "while nobody can be asked, a question is always a no");
        }
        let entries: Vec<&Value> =
            levels.iter().filter_map(|level| level.get("allowlist")?.as_array()).flatten().collect();
        let rule = self.rule(&place, setting("security"), setting("ask"), !entries.is_empty());
        let listed: Vec<String> = match rule {
            Rule::List | Rule::ListElseAsk => entries.iter().filter_map(|entry| self.entry(&place, entry)).collect(),
            Rule::Silent | Rule::Nothing | Rule::AskAlways | Rule::Everything => Vec::new(),
        };
        if rule == Rule::Everything {
            self.leave(
                &format!("{place}.security"),
                "no policy allows every program without a question; the preset `trusting` asks about risky ones only",
            );
        }
        self.write(id, condition, rule, &listed);
    }

    fn rule(&mut self, place: &str, security: Option<&Value>, ask: Option<&Value>, has_entries: bool) -> Rule {
        let ask = match ask.map(Value::as_str) {
            None => "on-miss",
            Some(Some(known @ ("off" | "on-miss" | "always"))) => known,
            Some(_) => {
                self.leave(&format!("{place}.ask"), "its value is not known and taken for `always`");
                "always"
            }
        };
        let security = match security.map(Value::as_str) {
            None if has_entries => {
                self.leave(&format!("{place}.security"), "it is not set; with a list, it is taken for `allowlist`");
                "allowlist"
            }
            None => return if ask == "always" { Rule::AskAlways } else { Rule::Silent },
            Some(Some(known @ ("deny" | "allowlist" | "full"))) => known,
            Some(_) => {
                self.leave(&format!("{place}.security"), "its value is not known and taken for `deny`");
                "deny"
            }
        };
        match (security, ask) {
            ("deny", _) => Rule::Nothing,
            (_, "always") => Rule::AskAlways,
            ("allowlist", "off") => Rule::List,
            ("allowlist", _) => Rule::ListElseAsk,
            _ => Rule::Everything,
        }
    }

    /// The condition that a program is the one of an entry.
    fn entry(&mut self, place: &str, entry: &Value) -> Option<String> {
        let Some(pattern) = entry["pattern"].as_str() else {
            self.leave(&format!("{place}.allowlist"), "an entry has no `pattern`");
            return None;
        };
        let place = format!("{place}.allowlist {pattern}");
        let fields = entry.as_object().into_iter().flat_map(Map::keys);
        let others: Vec<_> = fields.filter(|key| !["pattern"].contains(&key.as_str())).cloned().collect();
        if others.iter().any(|key| NOTES.contains(&key.as_str())) {
            self.leave("allowlist", "notes about where entries come from and when they were used are no rules");
        }
        if let Some(unknown) = others.iter().find(|key| !NOTES.contains(&key.as_str())) {
            // An argument pattern, or whatever it is, narrows the entry: without it, more would be allowed.
            self.leave(
                &place,
                &format!("`{unknown}` cannot be said in a policy; grant the command: `exec PROGRAM ARGUMENT …`"),
            );
            return None;
        }
        if pattern.contains(['*', '?', '[', '{']) {
            self.leave(&place, "it names no program; name each by its path, as grants do");
            return None;
        }
        match (self.real)(pattern) {
            Some(path) => Some(format!("resource.path == {}", quote(&path)?)),
            None => {
                self.leave(&place, "it is neither a path from the root or from `~` nor a program of this machine");
                None
            }
        }
    }

    fn write(&mut self, id: &str, condition: &str, rule: Rule, listed: &[String]) {
        let name = if id == "*" { "others" } else { id };
        let is_listed = if listed.is_empty() { "false".to_owned() } else { listed.join("\n  || ") };
        let forbid = |tail: &str| {
            format!(
                "@id(\"openclaw-exec-{name}\")\nforbid (principal, action == Action::\"exec.run\", resource)\n\
                 when {{ {condition} }}{tail};\n"
            )
        };
        match rule {
            Rule::Silent | Rule::Everything => {}
            Rule::Nothing => self.policies.push(forbid("")),
            Rule::AskAlways => self.policies.push(forbid("\nunless { context.approved && context.person_present }")),
            Rule::List if listed.is_empty() => self.policies.push(forbid("")),
            Rule::List => self.policies.push(forbid(&format!("\nunless {{\n  {is_listed}\n}}"))),
            Rule::ListElseAsk if listed.is_empty() => {
                self.policies.push(forbid("\nunless { context.approved && context.person_present }"))
            }
            Rule::ListElseAsk => {
                self.policies.push(forbid(&format!(
                    "\nunless {{\n  context.approved && context.person_present\n  || {is_listed}\n}}"
                )));
            }
        }
        if !listed.is_empty() {
            self.policies.push(format!(
                "// The listed programs for the tool of the assistant's own, but none that runs whatever its arguments say.\n\
                 @id(\"openclaw-exec-{name}-listed\")\npermit (principal == Component::\"exec\", action == Action::\"exec.run\", resource)\n\
                 when {{ {condition} }}\nwhen {{\n  {is_listed}\n}}\nunless {{\n  resource.shell || resource.wrapper || \
                 resource.interpreter_inline || resource.risky_argument || resource.in_workspace\n}};\n"
            ));
        }
    }
}

/// A Cedar string of printable ASCII; nothing for other text, which no entry of this machine has in good faith.
fn quote(text: &str) -> Option<String> {
    let plain = text.bytes().all(|b| (b.is_ascii_graphic() || b == b' ') && !matches!(b, b'"' | b'\\'));
    plain.then(|| format!("\"{text}\""))
}

impl ExecPreset {
    /// The preset as a file of OpenClaw's.
    pub fn file(self) -> String {
        let (security, ask, fallback) = match self {
            ExecPreset::Yolo => ("full", "off", "full"),
            ExecPreset::Cautious => ("allowlist", "on-miss", "deny"),
            ExecPreset::DenyAll => ("deny", "off", "deny"),
        };
        json!({ "version": 1, "defaults": { "security": security, "ask": ask, "askFallback": fallback } }).to_string()
    }
}

impl FromStr for ExecPreset {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "yolo" => Ok(ExecPreset::Yolo),
            "cautious" => Ok(ExecPreset::Cautious),
            "deny-all" => Ok(ExecPreset::DenyAll),
            _ => Err("OpenClaw's presets for programs are `yolo`, `cautious` and `deny-all`"),
        }
    }
}

#[cfg(test)]
mod tests;
