//! `policy`: what the policies say, found out without performing anything.

mod can;
mod components;
mod decision;
mod diff;
mod explain;
mod import;
mod show;
mod sources;
mod table;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use claw_core::id::ComponentName;
use claw_policy::{Preset, SCHEMA};

use super::{Exit, Failure, Output, in_runtime};
use crate::exec_approvals::ExecPreset;
use crate::home::HomeError;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// List the policies in force, or print one
    Show {
        /// Its id
        id: Option<String>,
    },
    /// Check the home's policies, and list what would be in force
    Check {
        /// More files, checked as if they stood beside them
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Say what would become of an action, why, and what would change it
    Explain(ExplainArgs),
    /// Compare what the policies answer with a table of what they should
    Test {
        /// The table
        file: PathBuf,
        /// More policies, as if they stood beside the home's
        #[arg(long = "with", value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List what a component could do: without asking, with asking, never
    Can {
        /// Its name
        #[arg(value_parser = ComponentName::parse)]
        component: ComponentName,
        /// What is to be assumed, e.g. `person_present=false`; may be repeated
        #[arg(long, value_name = "KEY=VALUE")]
        context: Vec<String>,
    },
    /// Compare two sets of policies, and what they answer
    Diff {
        /// A preset, `home`, or a file or folder on top of the home's preset
        a: String,
        /// Another one
        b: String,
    },
    /// Make policies of OpenClaw's `exec-approvals.json`
    #[command(group = ArgGroup::new("source").required(true))]
    Import {
        /// The file
        #[arg(group = "source")]
        file: Option<PathBuf>,
        /// One of OpenClaw's presets for programs instead: `yolo`, `cautious` or `deny-all`
        #[arg(long, value_name = "NAME", group = "source")]
        exec_policy: Option<ExecPreset>,
        /// Put them into the home, as `policies/openclaw-exec.cedar`
        #[arg(long)]
        write: bool,
    },
    /// Print the policies of a preset
    Preset {
        /// `deny-all`, `cautious` or `trusting`
        name: Preset,
    },
    /// Print the schema: all that policies can talk about
    Schema,
}

/// A decision that was made, or a question.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("question").required(true).multiple(true).args(["decision", "component"]))]
pub struct ExplainArgs {
    /// A decision that was made
    #[arg(value_name = "DECISION_ID", conflicts_with_all = ["component", "action", "resource", "context"])]
    decision: Option<String>,
    /// Who asks
    #[arg(long, value_name = "NAME", value_parser = ComponentName::parse, requires_all = ["action", "resource"])]
    component: Option<ComponentName>,
    /// What for, e.g. `exec.run`
    #[arg(long, requires = "component")]
    action: Option<String>,
    /// What it is done to, e.g. `git push origin` or `GET https://api.example.com/`
    #[arg(long, requires = "component")]
    resource: Option<String>,
    /// What is to be assumed, e.g. `session=agent:main:main` or `person_present=false`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "component")]
    context: Vec<String>,
}

pub(super) fn policy(
    command: PolicyCommand,
    home: impl FnOnce() -> Result<PathBuf, HomeError>,
    output: &Output,
) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::Show { id: None } => show::list(&home()?, &[], output),
        PolicyCommand::Show { id: Some(id) } => show::one(&home()?, &id, output),
        PolicyCommand::Check { files } => show::list(&home()?, &files, output),
        PolicyCommand::Explain(args) => in_runtime(explain::explain(&home()?, args, output)),
        PolicyCommand::Test { file, files } => in_runtime(table::test(&home()?, &file, &files, output)),
        PolicyCommand::Can { component, context } => in_runtime(can::can(&home()?, &component, &context, output)),
        PolicyCommand::Diff { a, b } => in_runtime(diff::diff(&home()?, &a, &b, output)),
        PolicyCommand::Import { file, exec_policy, write } => {
            import::import(&home()?, file.as_deref(), exec_policy, write, output)
        }
        PolicyCommand::Schema => {
            output.raw(SCHEMA.as_bytes())?;
            Ok(Exit::Ok)
        }
        PolicyCommand::Preset { name } => {
            for (file, text) in name.files() {
                output.raw(format!("// {file}\n{text}").as_bytes())?;
            }
            Ok(Exit::Ok)
        }
    }
}
