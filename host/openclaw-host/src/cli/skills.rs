//! `skills`: what skills there are, and why one is or is not offered.

use clap::{Args, Subcommand};
use claw_core::id::AgentId;
use claw_core::route::MAIN;
use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::client::Client;

#[derive(Debug, Subcommand)]
pub(super) enum SkillsCommand {
    /// List all skills
    List {
        /// Only those whose conditions hold
        #[arg(long)]
        eligible: bool,
    },
    /// Show what a skill says of itself
    Info {
        /// Name of the skill
        name: String,
    },
    /// Name each condition of a skill, and whether it holds
    Why {
        /// Name of the skill
        name: String,
    },
    /// List what is wrong with skills; fails if one cannot be used for what is written in it
    Check,
}

/// Whose skills, and what about them.
#[derive(Debug, Args)]
pub(super) struct SkillsArgs {
    /// Agent whose skills they are
    #[arg(long, global = true, value_name = "ID", default_value = MAIN, value_parser = AgentId::parse)]
    agent: AgentId,
    #[command(subcommand)]
    command: SkillsCommand,
}

pub(super) async fn skills(client: &mut Client, args: SkillsArgs, output: &Output) -> Result<Exit, Failure> {
    let status = client.call("skills.status", json!({"agentId": args.agent})).await?;
    match args.command {
        SkillsCommand::List { eligible } => list(status, eligible, output),
        SkillsCommand::Info { name } => {
            output.data(find(&status, &name)?, info)?;
            Ok(Exit::Ok)
        }
        SkillsCommand::Why { name } => {
            let skill = find(&status, &name)?;
            let why = json!({"name": skill["name"], "eligible": skill["eligible"], "modelVisible": skill["modelVisible"], "commandName": skill["commandName"], "gates": skill["gates"], "hides": skill["hides"]});
            output.data(&why, explain)?;
            Ok(Exit::Ok)
        }
        SkillsCommand::Check => check(&status, output),
    }
}

fn list(mut status: Value, only_eligible: bool, output: &Output) -> Result<Exit, Failure> {
    if only_eligible && let Some(skills) = status["skills"].as_array_mut() {
        skills.retain(|skill| skill["eligible"] == true);
    }
    output.data(&status, |status| {
        let rows: Vec<_> = all(&status["skills"]).map(row).collect();
        let mut text = match rows.as_slice() {
            [] => "there are no skills; put a folder with a SKILL.md into the folder `skills` of the workspace\n"
                .to_owned(),
            rows => table(["SKILL", "READY", "COMMAND", "PLACE", "WHAT IT IS FOR"], rows),
        };
        text.push_str(&left_out(status));
        text
    })?;
    Ok(Exit::Ok)
}

fn row(skill: &Value) -> [String; 5] {
    let ready = match (skill["eligible"] == true, skill["modelVisible"] == true) {
        (true, true) => "yes".to_owned(),
        (true, false) => "by command".to_owned(),
        (false, _) => format!("no: {}", missing(skill)),
    };
    let command = skill["commandName"].as_str().map_or(String::new(), |name| format!("/{name}"));
    let description = word(&skill["description"]);
    let short: String = description.chars().take(60).collect();
    let more = if short.len() < description.len() { "…" } else { "" };
    [word(&skill["name"]), ready, command, word(&skill["place"]), format!("{short}{more}")]
}

/// The conditions that do not hold, in few words.
fn missing(skill: &Value) -> String {
    let failing = all(&skill["gates"]).filter(|gate| gate["holds"] == false);
    failing.map(|gate| format!("{} {}", word(&gate["kind"]), word(&gate["wanted"]))).collect::<Vec<_>>().join(", ")
}

fn left_out(status: &Value) -> String {
    let line = |left: &Value| format!("left out: {}: {}\n", word(&left["path"]), word(&left["error"]));
    all(&status["leftOut"]).map(line).collect()
}

fn info(skill: &Value) -> String {
    let mut text = format!("{}: {}\n\n", word(&skill["name"]), word(&skill["description"]));
    for (title, key) in [
        ("folder", "baseDir"),
        ("found in", "source"),
        ("homepage", "homepage"),
        ("SHA-256", "sha256"),
        ("instructions", "bodyBytes"),
        ("key in `skills.entries`", "skillKey"),
        ("command", "commandName"),
        ("tool of the command", "commandTool"),
    ] {
        if !skill[key].is_null() {
            let unit = if key == "bodyBytes" { " bytes" } else { "" };
            text.push_str(&format!("{title}: {}{unit}\n", word(&skill[key])));
        }
    }
    for way in all(&skill["install"]) {
        let what = if way["what"].is_null() { &way["label"] } else { &way["what"] };
        text.push_str(&format!(
            "to be had with {}: {} (nothing is installed by itself)\n",
            word(&way["kind"]),
            word(what)
        ));
    }
    for note in all(&skill["notes"]) {
        text.push_str(&format!("note: {}\n", word(note)));
    }
    text.push('\n');
    text.push_str(&explain(skill));
    text
}

fn explain(skill: &Value) -> String {
    let name = word(&skill["name"]);
    let mut text = match (skill["eligible"] == true, skill["modelVisible"] == true) {
        (true, true) => format!("`{name}` is offered to the model\n"),
        (true, false) => format!("`{name}` is started by its owner alone: `disable-model-invocation` is set\n"),
        (false, _) => format!("`{name}` is not offered\n"),
    };
    for gate in all(&skill["gates"]) {
        let mark = if gate["holds"] == true { "holds" } else { "FAILS" };
        text.push_str(&format!(
            "{mark}  {} {}: {}\n",
            word(&gate["kind"]),
            word(&gate["wanted"]),
            word(&gate["reason"])
        ));
    }
    if all(&skill["gates"]).next().is_none() {
        text.push_str("it has no conditions\n");
    }
    for hidden in all(&skill["hides"]) {
        text.push_str(&format!("hides {}: a skill of the same name that comes later\n", word(hidden)));
    }
    text
}

fn check(status: &Value, output: &Output) -> Result<Exit, Failure> {
    let count = |key: &str| all(&status["skills"]).filter(|skill| skill[key] == true).count();
    let total = all(&status["skills"]).count();
    let noted: Vec<&Value> = all(&status["skills"]).filter(|skill| all(&skill["notes"]).next().is_some()).collect();
    let report = json!({
        "total": total,
        "eligible": count("eligible"),
        "modelVisible": count("modelVisible"),
        "promptBytes": status["promptBytes"],
        "leftOut": status["leftOut"],
        "noted": noted.iter().map(|skill| json!({"name": skill["name"], "notes": skill["notes"]})).collect::<Vec<_>>(),
    });
    output.data(&report, |report| {
        let mut text = format!(
            "{total} skills: {} can be used here, {} are listed for the model in {} bytes\n",
            word(&report["eligible"]),
            word(&report["modelVisible"]),
            word(&report["promptBytes"])
        );
        for skill in all(&report["noted"]) {
            for note in all(&skill["notes"]) {
                text.push_str(&format!("{}: {}\n", word(&skill["name"]), word(note)));
            }
        }
        text.push_str(&left_out(status));
        text
    })?;
    Ok(if all(&status["leftOut"]).next().is_none() { Exit::Ok } else { Exit::Failed })
}

fn find<'a>(status: &'a Value, name: &str) -> Result<&'a Value, Failure> {
    let is_called = |skill: &&Value| skill["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name));
    all(&status["skills"]).find(is_called).ok_or_else(|| {
        let named = all(&status["leftOut"]).find(|left| left["path"].as_str().is_some_and(|path| path.ends_with(name)));
        let failure = Failure::message(Exit::Failed, format!("there is no skill `{name}`"));
        match named {
            Some(left) => failure.hint(format!("{} was left out: {}", word(&left["path"]), word(&left["error"]))),
            None => failure.hint("`openclaw-host skills list` lists those there are"),
        }
    })
}

fn all(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
