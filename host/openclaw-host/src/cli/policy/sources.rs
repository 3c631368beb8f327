//! Sets of policies by the words that name them, and where their files are.

use std::path::{Path, PathBuf};

use anyhow::Context;
use claw_core::id::AgentId;
use claw_core::route;
use claw_policy::{Loaded, Policy, PolicyFile, Preset};

use super::super::{Exit, Failure};
use crate::home::policies;
use crate::owner_policies::files;
use crate::settings;

/// The policies of the home, and `more` as if they stood beside them.
pub(super) fn of_home(home: &Path, more: &[PathBuf]) -> Result<(Preset, Policy), Failure> {
    of_agent(home, &route::main(), more)
}

/// The same for an agent of the home.
pub(super) fn of_agent(home: &Path, agent: &AgentId, more: &[PathBuf]) -> Result<(Preset, Policy), Failure> {
    let preset = settings::preset(home, agent)?;
    let mut owners = owners(home).map_err(invalid)?;
    owners.extend(read(more).map_err(invalid)?);
    Ok((preset, Policy::load(preset, &owners).map_err(|err| invalid(err.into()))?))
}

/// The policies that `word` names: a preset, `home`, or a file or folder on top of the home's preset.
pub(super) fn named(home: &Path, word: &str) -> Result<Policy, Failure> {
    if word == "home" {
        return Ok(of_home(home, &[])?.1);
    }
    if let Ok(preset) = word.parse::<Preset>() {
        return Policy::load(preset, &[]).map_err(|err| invalid(err.into()));
    }
    let path = Path::new(word);
    if !path.exists() {
        let message = format!("`{word}` is neither a preset nor `home` nor a file or folder");
        return Err(Failure::message(Exit::Usage, message).hint("presets are `deny-all`, `cautious` and `trusting`"));
    }
    let owners = if path.is_dir() { files(path) } else { read(&[path.to_owned()]) };
    let preset = settings::preset(home, &route::main())?;
    Policy::load(preset, &owners.map_err(invalid)?).map_err(|err| invalid(err.into()))
}

/// The owner's own files.
pub(super) fn owners(home: &Path) -> anyhow::Result<Vec<PolicyFile>> {
    let folder = policies(home);
    // A home that has not been used yet has none.
    if folder.exists() { files(&folder) } else { Ok(Vec::new()) }
}

/// Where a policy stands: a file of the home, another file, or a preset.
pub(super) fn place(home: &Path, policy: &Loaded) -> String {
    let own = policies(home).join(&policy.file);
    match () {
        () if is_shipped(policy) => format!("{}:{} (shipped)", policy.file, policy.line),
        () if own.exists() => format!("{}:{}", own.display(), policy.line),
        () => format!("{}:{}", policy.file, policy.line),
    }
}

/// Whether a policy belongs to a preset.
pub(super) fn is_shipped(policy: &Loaded) -> bool {
    let shipped = Preset::ALL.iter().flat_map(|preset| preset.files());
    shipped.into_iter().any(|(file, text)| *file == policy.file && text.contains(&policy.text))
}

/// `permit` or `forbid`.
pub(super) fn effect(policy: &Loaded) -> &'static str {
    if policy.forbids { "forbid" } else { "permit" }
}

pub(super) fn invalid(err: anyhow::Error) -> Failure {
    Failure::new(Exit::Config, err).hint("`openclaw-host policy schema` lists all that policies can talk about")
}

fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<PolicyFile>> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(PolicyFile { name: path.display().to_string(), text })
    };
    paths.iter().map(read).collect()
}
