//! `policy`: what the owner's files say, found out without a running host.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use claw_policy::{Policy, PolicyFile, Preset, SCHEMA};
use serde_json::json;

use super::output::table;
use super::{Exit, Failure, Output};
use crate::home::{HomeError, policies};
use crate::owner_policies::files;
use crate::settings;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check the home's policies, and list what would be in force
    Check {
        /// More files, checked as if they stood beside them
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the policies of a preset
    Preset {
        /// `deny-all`, `cautious` or `trusting`
        name: Preset,
    },
    /// Print the schema: all that policies can talk about
    Schema,
}

pub(super) fn policy(
    command: PolicyCommand,
    home: impl FnOnce() -> Result<PathBuf, HomeError>,
    output: &Output,
) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::Check { files } => return check(&home()?, &files, output),
        PolicyCommand::Schema => output.raw(SCHEMA.as_bytes())?,
        PolicyCommand::Preset { name } => {
            for (file, text) in name.files() {
                output.raw(format!("// {file}\n{text}").as_bytes())?;
            }
        }
    }
    Ok(Exit::Ok)
}

fn check(home: &Path, more: &[PathBuf], output: &Output) -> Result<Exit, Failure> {
    let preset = settings::preset(home)?;
    let policy = load(preset, home, more).map_err(|err| Failure::new(Exit::Config, err))?;
    let loaded = policy.loaded();
    let effect = |forbids| if forbids { "forbid" } else { "permit" };
    let data: Vec<_> =
        loaded.iter().map(|it| json!({ "id": it.id, "effect": effect(it.forbids), "file": it.file })).collect();
    output.data(&json!({ "ok": true, "preset": preset.as_str(), "policies": data }), |_| {
        let row = |it: &claw_policy::Loaded| [it.id.clone(), effect(it.forbids).to_owned(), it.file.clone()];
        table(["POLICY", "EFFECT", "FILE"], &loaded.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(Exit::Ok)
}

fn load(preset: Preset, home: &Path, more: &[PathBuf]) -> anyhow::Result<Policy> {
    let folder = policies(home);
    // A home that has not been used yet has none.
    let mut owners = if folder.exists() { files(&folder)? } else { Vec::new() };
    for path in more {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        owners.push(PolicyFile { name: path.display().to_string(), text });
    }
    Ok(Policy::load(preset, &owners)?)
}
