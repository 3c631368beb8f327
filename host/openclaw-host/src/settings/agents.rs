//! The sections `agent`, `agents` and `bindings`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use claw_core::id::{AgentId, ToolName};
use claw_core::route::{self, Binding, Routes};
use serde_json::json;

use super::AgentSettings;
use super::file::{BindingFile, OtherAgentFile};
use super::issue::Issue;
use super::resolve::{Merge, Origin};
use crate::folders;

/// An account of a binding that means all of them.
const ANY: &str = "*";

impl Merge<'_> {
    /// The agent `main`.
    pub(super) fn agent(&mut self, home: &Path) -> AgentSettings {
        let origin = self.file_or_default("agent.workspace");
        // `join` keeps an absolute path as it is.
        let workspace = home.join(self.file.config.agent.workspace.as_deref().unwrap_or(Path::new("workspace")));
        self.note("agent.workspace", json!(workspace.display().to_string()), origin);
        AgentSettings { workspace, ..AgentSettings::default() }
    }

    /// The others, with the names of the models that were found for them.
    pub(super) fn agents(
        &mut self,
        home: &Path,
        main: &AgentSettings,
        models: &BTreeMap<String, String>,
    ) -> BTreeMap<AgentId, AgentSettings> {
        let mut agents = BTreeMap::new();
        for (id, file) in &self.file.config.agents {
            let path = format!("agents.{id}");
            match AgentId::parse(id) {
                Ok(known) if known.as_str() == route::MAIN => {
                    let message = "`main` is the host's own agent: `agent`, `models` and `policy` set it up";
                    self.complain(Issue::error(path, message));
                }
                Ok(id) => {
                    let model = models.get(id.as_str()).cloned();
                    let agent = AgentSettings { model, ..self.other_agent(home, &id, &path, file) };
                    agents.insert(id, agent);
                }
                Err(err) => self.complain(Issue::error(path, err.to_string())),
            }
        }
        self.expect_apart(home, main, &agents);
        agents
    }

    fn other_agent(&mut self, home: &Path, id: &AgentId, path: &str, file: &OtherAgentFile) -> AgentSettings {
        let own = format!("workspace-{id}");
        let workspace = home.join(file.workspace.as_deref().unwrap_or(Path::new(&own)));
        let place = format!("{path}.workspace");
        let origin = self.file_or_default(&place);
        self.note(place, json!(workspace.display().to_string()), origin);
        let mut note = |name: &str, value: serde_json::Value| {
            if !value.is_null() {
                self.note(format!("{path}.{name}"), value, Origin::File);
            }
        };
        note("model", json!(file.model));
        note("thinking", json!(file.thinking));
        note("preset", json!(file.preset));
        note("tools", json!(file.tools));
        note("skills", json!(file.skills));
        let mut tools = BTreeSet::new();
        for (index, name) in file.tools.iter().flatten().enumerate() {
            match ToolName::parse(name) {
                Ok(tool) => _ = tools.insert(tool),
                Err(err) => self.complain(Issue::error(format!("{path}.tools[{index}]"), err.to_string())),
            }
        }
        AgentSettings {
            workspace,
            model: None,
            thinking: file.thinking.map(Into::into),
            preset: file.preset,
            tools: file.tools.is_some().then_some(tools),
            skills: file.skills.as_ref().map(|names| names.iter().map(|name| name.to_lowercase()).collect()),
        }
    }

    /// What one agent may reach would be reached by another.
    fn expect_apart(&mut self, home: &Path, main: &AgentSettings, agents: &BTreeMap<AgentId, AgentSettings>) {
        let home = folders::real(home);
        let mut known: Vec<(&str, PathBuf)> = Vec::new();
        let others = agents.iter().map(|(id, agent)| (id.as_str(), format!("agents.{id}.workspace"), agent));
        for (id, place, agent) in std::iter::once((route::MAIN, "agent.workspace".to_owned(), main)).chain(others) {
            let own = folders::real(&agent.workspace);
            if home.starts_with(&own) {
                self.complain(Issue::error(&place, "it is or holds the host's own home; name another folder"));
            }
            let other = known.iter().find(|(_, other)| own.starts_with(other) || other.starts_with(&own));
            if let Some((other, _)) = other {
                let message = format!("it is, holds or lies in the workspace of `{other}`; each agent has its own");
                self.complain(Issue::error(place, message));
            }
            known.push((id, own));
        }
    }

    pub(super) fn routes(&mut self, agents: &BTreeMap<AgentId, AgentSettings>) -> Routes {
        let mut bindings = Vec::new();
        for (index, BindingFile { agent_id, of }) in self.file.config.bindings.iter().enumerate() {
            let agent = AgentId::parse(agent_id).ok();
            let known = agent.filter(|id| id.as_str() == route::MAIN || agents.contains_key(id));
            let Some(agent) = known else {
                let message = format!("there is no agent `{agent_id}`; describe it under `agents`");
                self.complain(Issue::error(format!("bindings[{index}].agentId"), message));
                continue;
            };
            let account = of.account_id.clone().filter(|account| account != ANY);
            let peer = of.peer.as_ref().map(|peer| peer.id.clone());
            bindings.push(Binding { agent, channel: of.channel.clone(), account, peer });
        }
        if !bindings.is_empty() {
            self.note("bindings", &self.file.config.bindings, Origin::File);
        }
        Routes::new(bindings)
    }
}
