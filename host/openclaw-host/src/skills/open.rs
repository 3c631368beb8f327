//! What a call of the tool `skill` gets: the folder of the one skill that it names, to be read, and nothing else.

use claw_core::message::ToolCall;
use claw_core::outcome::{FailureKind, ToolOutcome};
use claw_sandbox::{Mount, Place};
use serde::Deserialize;

use super::{COMPONENT, Shelf, Skill, TOOL};
use crate::catalog::Installed;
use crate::folders::SKILL;
use crate::tool_call::CallContext;

/// The ground of one call.
pub struct Opened {
    /// The folder.
    pub mount: Mount,
    /// What the component is told of it.
    pub config: Vec<(String, String)>,
    /// Why what it says is content from outside, if it is.
    pub outside: Option<String>,
}

#[derive(Deserialize)]
struct Arguments {
    name: String,
}

/// Opens the skill that a call names; `None` for calls of other tools.
///
/// # Errors
/// The outcome of the call, if there is no such skill for it.
pub async fn open(
    context: &CallContext,
    installed: &Installed,
    call: &ToolCall,
) -> Result<Option<Opened>, ToolOutcome> {
    if installed.component.name.as_str() != COMPONENT || call.tool.as_str() != TOOL {
        return Ok(None);
    }
    let host = &context.host;
    let failed = |kind, message: String| ToolOutcome::failed(kind, message);
    let Arguments { name } =
        serde_json::from_str(&call.arguments).map_err(|err| failed(FailureKind::InvalidArguments, err.to_string()))?;
    let allowed = host.policy(&context.facts.session).folders(&installed.subject(), &context.facts_now());
    if !allowed.iter().any(|(folder, _)| folder.as_str() == SKILL) {
        let message = "E_POLICY_DENY: the policies or the grants of `skill-folder` let no skill be read";
        return Err(failed(FailureKind::Denied, message.to_owned()));
    }
    let skills = &host.agents.of(&context.facts.session).skills;
    let shelf = skills.shelf(host).await;
    let skill = choose(&shelf, &name, context.started.as_deref()).map_err(|why| failed(FailureKind::NotFound, why))?;
    let config = vec![("baseDir".to_owned(), skill.folder.display().to_string())];
    let mount = Mount { guest: format!("/{SKILL}"), host: skill.folder.clone(), write: false, place: Place::Named };
    let from_outside = || format!("the skill `{}` from {}", skill.name, skills.place(&skill.folder));
    let outside = (!skill.source.is_owners()).then(from_outside);
    Ok(Some(Opened { mount, config, outside }))
}

/// The skill of a name, if the model may open it: `started` is the one that the owner started in this run.
fn choose<'a>(shelf: &'a Shelf, name: &str, started: Option<&str>) -> Result<&'a Skill, String> {
    let offered = || {
        let names: Vec<_> = shelf.skills.iter().filter(|skill| skill.is_offered()).map(|skill| &*skill.name).collect();
        if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) }
    };
    let skill = shelf.find(name).ok_or_else(|| format!("there is no skill of this name; {}", offered()))?;
    let name = &skill.name;
    if let Some(gate) = skill.gates.iter().find(|gate| !gate.holds) {
        return Err(format!("skill `{name}` cannot be used here: {}", gate.reason));
    }
    if skill.card.disable_model_invocation && started != Some(name.as_str()) {
        return Err(format!("skill `{name}` is started by its owner alone, with `/skill {name}`"));
    }
    Ok(skill)
}
