//! `skill test`: the cases of `tests.json5`, called one after the other in a host of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use claw_core::id::RunId;
use claw_project::Project;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::rig::{Rig, Setup, can_be_given};
use super::talk::Talk;
use crate::answers::{self, HttpAnswer};
use crate::app;
use crate::cli::output::word;
use crate::cli::{Exit, Failure, Output};

/// What stands in a project, and what the requests of its cases were answered with when they were recorded.
const CASES: &str = "tests.json5";
const RECORDED: &str = "tests.http.json";

/// A file of cases. What one of them changes is there for the next.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Suite {
    /// What it is given; all that it asks for and that can be given, if nothing is said.
    grants: Option<Vec<String>>,
    /// Its settings.
    config: Option<Map<String, Value>>,
    /// Secrets that the vault has, by name.
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
    /// Files of the workspace, by path.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// What servers answer. Without it, and without recorded answers, there is no server.
    #[serde(default)]
    http: Vec<HttpAnswer>,
    #[serde(default)]
    cases: Vec<Case>,
    /// What is said over it, if it is a channel.
    channel: Option<Talk>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    value: String,
    /// Servers that it may be sent to.
    #[serde(rename = "for")]
    servers: Vec<String>,
}

/// One call, and what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    /// Said when it fails; the call itself if there is none.
    name: Option<String>,
    tool: String,
    #[serde(default = "no_arguments")]
    args: Value,
    /// In place of what all cases are given.
    grants: Option<Vec<String>>,
    /// What the owner says when asked.
    #[serde(default = "yes")]
    approve: bool,
    /// Files that are written before.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// The whole output.
    output: Option<String>,
    /// Parts of the output.
    #[serde(default)]
    contains: Vec<String>,
    /// The code of the error, or a part of its message.
    error: Option<String>,
    /// What files hold afterwards; `null` for one that is not there.
    #[serde(default)]
    writes: BTreeMap<String, Option<String>>,
}

fn no_arguments() -> Value {
    json!({})
}

fn yes() -> bool {
    true
}

/// Runs the cases of a project that was built; `records` asks the real servers, and keeps what they answer for the next time.
pub(super) async fn test(project: &Project, records: bool, output: &Output) -> Result<Exit, Failure> {
    let (folder, component) = (&project.folder, &project.component());
    let file = folder.join(CASES);
    let text = fs::read_to_string(&file).map_err(|err| {
        let hint = "`openclaw-host skill new` writes one; docs/skills/projects.md says what stands in it";
        Failure::new(Exit::Usage, anyhow::Error::new(err).context(format!("cannot read `{}`", file.display())))
            .hint(hint)
    })?;
    let suite: Suite = json5::from_str(&text).map_err(|err| {
        Failure::new(Exit::Usage, anyhow::Error::new(err).context(format!("cannot read `{}`", file.display())))
    })?;
    if records && suite.channel.is_some() {
        let why = "what is said over a channel is not recorded: write the answers of its service into `http`";
        return Err(Failure::message(Exit::Usage, why));
    }
    let home = project.rig();
    let recorded = folder.join(RECORDED);
    let mut known = suite.http.clone();
    if !records && recorded.exists() {
        known.extend(answers::read(&recorded)?);
    }
    // Beside the home, which is emptied first.
    let answers = folder.join("build/answers.json");
    fs::write(&answers, serde_json::to_vec(&known).map_err(|err| Failure::new(Exit::Failed, err))?)?;
    let secrets = suite.secrets.iter().map(|(name, it)| (name.as_str(), (it.value.as_str(), it.servers.as_slice())));
    let setup =
        Setup { secrets: secrets.collect(), answers: (!records).then_some(answers.as_path()), ..Setup::default() };
    let mut rig = Rig::start(&home, &setup).await?;
    let offer = rig.prepare(component).await?;
    let grants = suite.grants.clone().unwrap_or_else(|| can_be_given(&offer));
    rig.install(&offer, &grants).await?;
    let name = word(&offer["name"]);
    if suite.config.is_some() || suite.channel.is_some() {
        let owner = suite.channel.as_ref().map(|talk| talk.owner.as_slice());
        rig.configure(&name, suite.config.as_ref(), owner).await?;
        // A host forgets what it has looked over when it stops.
        rig.prepare(component).await?;
    }
    put(&rig.workspace(), &suite.files)?;
    let mut results = Vec::new();
    let mut given = grants.clone();
    for case in &suite.cases {
        let wanted = case.grants.as_ref().unwrap_or(&grants);
        if *wanted != given {
            rig.install(&offer, wanted).await?;
            given.clone_from(wanted);
        }
        put(&rig.workspace(), &case.files)?;
        let answer = rig.call(&case.tool, &case.args, |_| Ok(case.approve)).await?;
        let wrong = case.wrong(&answer, &rig.workspace());
        results.push((case.name(), wrong, word(&answer["runId"])));
    }
    if let Some(talk) = &suite.channel {
        let said = talk.wrong(rig.client()?, &name).await?;
        results.extend(said.into_iter().map(|(name, wrong)| (name, wrong, String::new())));
    }
    rig.stop();
    if records {
        let kept = record(&home, results.iter().map(|(_, _, run)| run.as_str()))?;
        fs::write(
            &recorded,
            serde_json::to_string_pretty(&kept).map_err(|err| Failure::new(Exit::Failed, err))? + "\n",
        )?;
        eprintln!("{} answers are kept in `{}`", kept.len(), recorded.display());
    }
    report(results, output)
}

fn report(results: Vec<(String, Vec<String>, String)>, output: &Output) -> Result<Exit, Failure> {
    let failed = results.iter().filter(|(_, wrong, _)| !wrong.is_empty()).count();
    let rows: Vec<_> = results
        .iter()
        .map(|(name, wrong, _)| json!({ "case": name, "ok": wrong.is_empty(), "wrong": wrong }))
        .collect();
    output.data(&json!({ "cases": rows, "failed": failed }), |_| {
        let mut text = String::new();
        for (name, wrong, _) in &results {
            text.push_str(&format!("{}  {name}\n", if wrong.is_empty() { "ok  " } else { "FAIL" }));
            wrong.iter().for_each(|line| text.push_str(&format!("      {line}\n")));
        }
        text + &format!("{} cases, {failed} failed\n", results.len())
    })?;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
}

fn put(workspace: &Path, files: &BTreeMap<String, String>) -> Result<(), Failure> {
    for (name, text) in files {
        let path = workspace.join(name);
        fs::create_dir_all(path.parent().unwrap_or(workspace))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// What servers answered in these runs.
fn record<'a>(home: &Path, runs: impl Iterator<Item = &'a str>) -> Result<Vec<HttpAnswer>, Failure> {
    let store = app::open_store(home)?;
    let mut kept = Vec::new();
    for run in runs.filter_map(|run| RunId::parse(run).ok()) {
        for (_, bytes) in store.recordings(&run).map_err(|err| Failure::new(Exit::Failed, err))? {
            kept.extend(answers::of_recording(&bytes));
        }
    }
    store.close();
    Ok(kept)
}

impl Case {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{} {}", self.tool, self.args))
    }

    /// What is not as it was expected.
    fn wrong(&self, answer: &Value, workspace: &Path) -> Vec<String> {
        let mut wrong = Vec::new();
        let text = match &answer["output"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let (code, message) = (word(&answer["error"]["code"]), word(&answer["error"]["message"]));
        match (&self.error, answer["ok"] == true) {
            (None, false) => wrong.push(format!("it failed: {message} ({code})")),
            (Some(error), true) => wrong.push(format!("it did not fail with `{error}`, and gave: {text}")),
            (Some(error), false) if *error != code && !message.contains(error.as_str()) => {
                wrong.push(format!("it failed in another way than `{error}`: {message} ({code})"));
            }
            (Some(_), false) => {}
            (None, true) => {
                if let Some(whole) = self.output.as_ref().filter(|whole| **whole != text) {
                    wrong.push(format!("it gave: {text}\n      and not: {whole}"));
                }
                let missing = self.contains.iter().filter(|part| !text.contains(part.as_str()));
                wrong.extend(missing.map(|part| format!("`{part}` is not in what it gave: {text}")));
            }
        }
        for (name, expected) in &self.writes {
            let found = fs::read_to_string(workspace.join(name)).ok();
            if found != *expected {
                let says = |text: &Option<String>| text.clone().unwrap_or_else(|| "(no file)".to_owned());
                wrong.push(format!("`{name}` holds: {}\n      and not: {}", says(&found), says(expected)));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(case: Value, answer: Value) -> usize {
        let case: Case = serde_json::from_value(case).unwrap();
        case.wrong(&answer, Path::new("/nowhere")).len()
    }

    #[test]
    fn a_case_says_what_is_not_as_it_expects() {
        let done = json!({"ok": true, "output": "Hello, Ada!"});
        let failed = json!({"ok": false, "error": {"code": "E_X", "message": "no such thing"}});
        for (expected, answer, count) in [
            (json!({"tool": "t"}), &done, 0),
            (json!({"tool": "t"}), &failed, 1),
            (json!({"tool": "t", "output": "Hello, Ada!"}), &done, 0),
            (json!({"tool": "t", "output": "Hello"}), &done, 1),
            (json!({"tool": "t", "contains": ["Ada", "Bob"]}), &done, 1),
            (json!({"tool": "t", "error": "E_X"}), &failed, 0),
            (json!({"tool": "t", "error": "such"}), &failed, 0),
            (json!({"tool": "t", "error": "E_Y"}), &failed, 1),
            (json!({"tool": "t", "error": "E_X"}), &done, 1),
            (json!({"tool": "t", "writes": {"a": "x", "b": null}}), &done, 1),
        ] {
            assert_eq!(wrong(expected.clone(), answer.clone()), count, "{expected}");
        }
    }
}
