//! Skills as clients see them. Names and meanings of the keys are those of OpenClaw's `skills.status` where it has them.

use serde_json::{Value, json};

use super::COMMANDS;
use crate::agents::Agent;
use crate::skills::{Gate, Shelf, Skill};

pub fn status(agent: &Agent, shelf: &Shelf) -> Value {
    let skills: Vec<_> = shelf.skills.iter().map(|it| skill(agent, it)).collect();
    let left_out =
        shelf.left_out.iter().map(|left| json!({ "path": agent.skills.place(&left.path), "error": left.why }));
    let left_out: Vec<_> = left_out.collect();
    json!({
        "agentId": agent.id,
        "workspaceDir": agent.workspace.display().to_string(),
        "skills": skills,
        "leftOut": left_out,
        "promptBytes": agent.skills.listing(shelf).map_or(0, |list| list.len()),
    })
}

pub fn commands(shelf: &Shelf) -> Value {
    let command = |skill: &Skill| {
        let name = skill.command.as_ref()?;
        Some(json!({
            "name": name,
            "textAliases": [format!("/{name}")],
            "description": skill.card.description,
            "source": "skill",
            "scope": "text",
            "acceptsArgs": true,
        }))
    };
    let own = COMMANDS.iter().map(|command| {
        json!({
            "name": command.name,
            "textAliases": command.names().map(|name| format!("/{name}")).collect::<Vec<_>>(),
            "description": command.help,
            "source": "command",
            "scope": "text",
            "acceptsArgs": !command.takes.is_empty(),
        })
    });
    json!({ "commands": shelf.skills.iter().filter_map(command).chain(own).collect::<Vec<_>>() })
}

fn skill(agent: &Agent, skill: &Skill) -> Value {
    let card = &skill.card;
    let hides: Vec<_> = skill.hides.iter().map(|path| agent.skills.place(path)).collect();
    json!({
        "name": skill.name,
        "description": card.description,
        "source": skill.source.as_str(),
        "place": agent.skills.place(&skill.folder),
        "baseDir": skill.folder.display().to_string(),
        "filePath": skill.folder.join("SKILL.md").display().to_string(),
        "sha256": skill.digest,
        "skillKey": card.skill_key.as_ref().unwrap_or(&skill.name),
        "emoji": card.emoji,
        "homepage": card.homepage,
        "primaryEnv": card.primary_env,
        "always": card.always,
        "disabled": skill.gates.iter().any(|gate| gate.kind == "enabled" && !gate.holds),
        "eligible": skill.is_eligible(),
        "modelVisible": skill.is_offered(),
        "userInvocable": card.user_invocable,
        "commandName": skill.command,
        "commandTool": card.command_tool,
        "bodyBytes": card.body_bytes,
        "requirements": requirements(&skill.gates, |_| true),
        "missing": requirements(&skill.gates, |gate| !gate.holds),
        "gates": skill.gates,
        "install": card.install,
        "notes": card.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "hides": hides,
    })
}

fn requirements(gates: &[Gate], wanted: fn(&Gate) -> bool) -> Value {
    let of = |kind: &str| -> Vec<&str> {
        let gates = gates.iter().filter(|gate| gate.kind == kind && wanted(gate));
        gates.flat_map(|gate| gate.wanted.split(", ")).collect()
    };
    json!({ "bins": of("bin"), "anyBins": of("anyBin"), "env": of("env"), "config": of("config"), "os": of("os") })
}
