//! The agents of this host: each has a workspace, skills, a model, tools and a preset of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_core::id::{AgentId, SessionKey, ToolName};
use claw_core::route;
use claw_model::{Chosen, Model, Thinking};
use claw_policy::Preset;

use crate::catalog::Catalog;
use crate::home::Home;
use crate::settings::{AgentSettings, Settings, SkillSettings};
use crate::skills::Skills;

/// One agent.
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// The folder it works in.
    pub workspace: PathBuf,
    /// Skills that are folders, as it sees them.
    pub skills: Skills,
    /// Who answers, unless its owner prefers another one in a conversation; without one, the usual model does.
    model: Option<String>,
    /// How much that thinks.
    pub thinking: Thinking,
    /// The policies that it starts from.
    pub preset: Preset,
    tools: Option<Arc<BTreeSet<ToolName>>>,
}

/// All agents. There is always `main`.
pub struct Agents {
    all: BTreeMap<AgentId, Agent>,
    main: AgentId,
    gone: Agent,
}

/// What the agents of a host are made of.
struct Ground<'a> {
    settings: &'a Settings,
    home: &'a Path,
}

impl Agent {
    fn new(ground: &Ground<'_>, id: AgentId, agent: &AgentSettings) -> Self {
        let Ground { settings, home } = ground;
        Agent {
            skills: Skills::new(&id, &settings.skills, &agent.workspace, home, agent.skills.clone()),
            workspace: agent.workspace.clone(),
            model: agent.model.clone(),
            thinking: agent.thinking.unwrap_or(settings.thinking),
            preset: agent.preset.unwrap_or(settings.policy.preset).into(),
            tools: agent.tools.clone().map(Arc::new),
            id,
        }
    }

    /// Stands where a conversation belongs to an agent that the configuration does not name any more: it has nothing.
    fn gone(ground: &Ground<'_>) -> Self {
        let skills = SkillSettings { personal: None, extra_dirs: Vec::new(), ..ground.settings.skills.clone() };
        let (id, nowhere) = (route::main(), ground.home.join("no-agent"));
        Agent {
            skills: Skills::new(&id, &skills, &nowhere, &nowhere, Some(BTreeSet::new())),
            workspace: nowhere,
            model: None,
            thinking: Thinking::Off,
            preset: Preset::DenyAll,
            tools: Some(Arc::default()),
            id,
        }
    }

    /// Who of these answers, unless its owner prefers another one in a conversation.
    pub fn model(&self, models: &Model) -> Chosen {
        let own = self.model.as_deref().and_then(|name| models.choose(name).ok());
        own.unwrap_or_else(|| models.usual())
    }

    /// Whether it has a tool.
    pub fn has(&self, tool: &ToolName) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.contains(tool))
    }

    /// The only tools that it has; `None` for all.
    pub fn tools(&self) -> Option<Arc<BTreeSet<ToolName>>> {
        self.tools.clone()
    }
}

impl Agents {
    /// The agents of a host with these settings.
    pub fn new(settings: &Settings, home: &Home) -> Self {
        let ground = Ground { settings, home: home.path() };
        let main = route::main();
        let named = std::iter::once((&main, &settings.agent)).chain(&settings.agents);
        let all = named.map(|(id, agent)| (id.clone(), Agent::new(&ground, id.clone(), agent))).collect();
        Agents { all, main, gone: Agent::gone(&ground) }
    }

    /// One of them.
    pub fn get(&self, id: &AgentId) -> Option<&Agent> {
        self.all.get(id)
    }

    /// The one that a conversation belongs to; one that may do nothing if it is not there any more.
    pub fn of(&self, session: &SessionKey) -> &Agent {
        self.get(&session.agent()).unwrap_or(&self.gone)
    }

    /// Says in the log which of their tools nobody offers: a name that is mistyped leaves an agent without a tool.
    pub fn warn_of_missing_tools(&self, catalog: &Catalog) {
        for agent in self.all() {
            for tool in agent.tools.iter().flat_map(|tools| tools.iter()).filter(|tool| catalog.tool(tool).is_none()) {
                tracing::warn!(agent = %agent.id, %tool, "no installed component offers this tool of the agent's");
            }
        }
    }

    /// `main`.
    pub fn main(&self) -> &Agent {
        &self.all[&self.main]
    }

    /// All of them, by id.
    pub fn all(&self) -> impl Iterator<Item = &Agent> {
        self.all.values()
    }
}
