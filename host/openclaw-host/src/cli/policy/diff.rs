//! `policy diff`: how two sets of policies differ, and what they answer differently.

use std::path::Path;

use claw_policy::{Circumstances, Loaded, Policy, Preset, Table, Who};
use serde_json::json;

use super::super::output::table;
use super::super::{Exit, Failure, Output};
use super::sources::{effect, named};
use super::{can, components};

pub(super) async fn diff(home: &Path, a: &str, b: &str, output: &Output) -> Result<Exit, Failure> {
    let (old, new) = (named(home, a)?, named(home, b)?);
    let texts = texts(&old, &new);
    let mut answers = table_answers(&old, &new)?;
    // A home that was never used has no components, and should not get any by being looked at.
    if home.join("host.redb").exists() {
        for known in components::all(home).await? {
            let given = Circumstances::default();
            let both = can::examples(&old, &known, &given)?.into_iter().zip(can::examples(&new, &known, &given)?);
            let different = both.filter(|(old, new)| old.found.verdict != new.found.verdict);
            answers.extend(different.map(|(old, new)| Answers {
                question: format!("{}: {}", known.0.component, old.question),
                old: old.found.verdict.to_string(),
                new: new.found.verdict.to_string(),
            }));
        }
    }
    let data = json!({
        "a": a, "b": b,
        "policies": texts.iter().map(|[change, id, effect]| json!({ "change": change, "id": id, "effect": effect })).collect::<Vec<_>>(),
        "answers": answers.iter().map(|it| json!({ "question": it.question, "a": it.old, "b": it.new })).collect::<Vec<_>>(),
    });
    output.data(&data, |_| {
        if texts.is_empty() && answers.is_empty() {
            return format!("`{a}` and `{b}` have the same policies\n");
        }
        let answers: Vec<_> = answers.into_iter().map(|it| [it.question, it.old, it.new]).collect();
        let texts = table(["CHANGE", "POLICY", "EFFECT"], &texts);
        match answers.as_slice() {
            [] => format!(
                "{texts}\nno answer differs among the questions of the presets' tables and the components' scopes\n"
            ),
            answers => format!("{texts}\n{}", table(["QUESTION", a, b], answers)),
        }
    })?;
    Ok(Exit::Ok)
}

/// Two answers to one question.
struct Answers {
    question: String,
    old: String,
    new: String,
}

/// What was added, removed or worded differently.
fn texts(old: &Policy, new: &Policy) -> Vec<[String; 3]> {
    let find = |policy: &Policy, id: &str| policy.loaded().iter().find(|it| it.id == id).cloned();
    let row = |change: &str, it: &Loaded| [change.to_owned(), it.id.clone(), effect(it).to_owned()];
    let mut rows = Vec::new();
    for policy in old.loaded() {
        match find(new, &policy.id) {
            None => rows.push(row("removed", policy)),
            Some(other) if wording(&other) != wording(policy) => rows.push(row("changed", &other)),
            Some(_) => {}
        }
    }
    rows.extend(new.loaded().iter().filter(|it| find(old, &it.id).is_none()).map(|it| row("added", it)));
    rows
}

/// The words of a policy, without the comment above it and however they are laid out.
fn wording(policy: &Loaded) -> Vec<&str> {
    let lines = policy.text.lines().skip_while(|line| line.trim_start().starts_with("//"));
    lines.flat_map(str::split_whitespace).collect()
}

fn table_answers(old: &Policy, new: &Policy) -> Result<Vec<Answers>, Failure> {
    let (mut answers, mut asked) = (Vec::new(), Vec::new());
    for preset in Preset::ALL {
        let rows = Table::parse(preset.table()).map_err(|err| Failure::new(Exit::Failed, err))?.rows;
        for row in rows {
            let Who::Invented(subject) = &row.who else { continue };
            let facts = row.given.facts();
            if asked.contains(&(row.given.clone(), row.asked.clone())) {
                continue;
            }
            let [old, new] = [old, new].map(|policy| policy.explain(subject, facts, &row.asked).verdict.to_string());
            asked.push((row.given.clone(), row.asked));
            if old != new {
                let question = row.text.split_once(": ").map_or(row.text.as_str(), |(_, question)| question);
                let away = if facts.person_present { "" } else { " (nobody is there)" };
                answers.push(Answers { question: format!("{question}{away}"), old, new });
            }
        }
    }
    Ok(answers)
}
