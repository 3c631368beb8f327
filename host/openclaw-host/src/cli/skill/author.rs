//! What the author of a skill does: no host has to run, but for `dev`, and `run` of what is installed.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use claw_project::{Language, Profile, Project};
use serde_json::{Value, json};

use super::project::{self, NewKind, Trial};
use super::{Choice, From, cases, check, folder, prepare, publish, show};
use crate::cli::output::word;
use crate::cli::{Exit, Failure, Output, sessions, tool};
use crate::client::Client;
use crate::settings::Env;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AuthorCommand {
    /// Write a project that builds and tests at once, into a new folder of its name
    New {
        /// Name: small letters, digits and `-`
        name: String,
        /// What it is written in
        #[arg(long, value_name = "rust|js|python|c|go")]
        lang: Option<Language>,
        /// What it becomes
        #[arg(long, value_enum, default_value = "tool")]
        kind: NewKind,
    },
    /// Build a project; the first time, what builds it is installed
    Build {
        /// The project's folder
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Build a project, and run the cases of its `tests.json5` in a host of their own
    Test {
        /// The project's folder
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Ask the real servers, and keep what they answer in `tests.http.json`
        #[arg(long)]
        record: bool,
    },
    /// Build a project and install it into the running host, again whenever a file changes
    Dev {
        /// The project's folder
        #[arg(default_value = ".")]
        folder: PathBuf,
        #[command(flatten)]
        choice: Choice,
    },
    /// Call a tool of a project or a component in a host of its own, or of an installed package
    Run {
        /// The project's folder, a file `NAME.wasm`, or the name of an installed package
        skill: String,
        /// Name of the tool
        tool: String,
        /// Arguments as a JSON object; `-` reads them from standard input
        #[arg(value_name = "JSON", default_value = "{}")]
        arguments: String,
        /// Folder that it sees as the workspace [default: an empty one]
        #[arg(long, value_name = "DIR")]
        workspace: Option<PathBuf>,
        #[command(flatten)]
        choice: Choice,
    },
    /// Build a project, or take a folder with a `SKILL.md`, and put what is given away into `dist`
    Pack {
        /// The project's folder
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Say what should be mended in a package, a project or a folder with a `SKILL.md` before others see it
    Check {
        #[command(flatten)]
        from: From,
    },
    /// Sign a component with the publisher's key in the vault, which is made when it is first needed
    Sign {
        /// The component
        file: PathBuf,
        /// Take a key of minisign's instead
        #[arg(long, value_name = "FILE")]
        secret_key: Option<PathBuf>,
    },
    /// Publish a component to a registry, with the signature beside it
    Publish {
        /// The component
        file: PathBuf,
        /// Where, as `oci://HOST/REPOSITORY:TAG`
        reference: String,
    },
}

pub(super) async fn author(command: AuthorCommand, home: &Path, env: &Env, output: &Output) -> Result<Exit, Failure> {
    let tools = project::tools(home, env);
    match command {
        AuthorCommand::New { name, lang, kind } => project::new(&name, lang, kind, output),
        AuthorCommand::Build { folder } => project::build(&folder, &tools, output),
        AuthorCommand::Test { folder, record } => {
            let project = project::built(&folder, &tools, Profile::Release)?;
            cases::test(&project, record, output).await
        }
        AuthorCommand::Dev { folder, choice } => {
            choice.expect_no_hub()?;
            project::dev(home, &folder, &tools, &choice, output).await
        }
        AuthorCommand::Run { skill, tool, arguments, workspace, choice } => {
            choice.expect_no_hub()?;
            let arguments = tool::parse_arguments(&arguments)?;
            if !Path::new(&skill).exists() {
                return run(&mut Client::connect(home).await?, &skill, &tool, arguments, output).await;
            }
            let (source, workspace) = (Path::new(&skill), workspace.as_deref());
            project::run(Trial { source, tool: &tool, arguments, workspace, choice: &choice }, &tools, output).await
        }
        AuthorCommand::Pack { folder } if project::is_only_text(&folder) => folder::pack(&folder, output).await,
        AuthorCommand::Pack { folder } => project::pack(&folder, &tools, output).await,
        AuthorCommand::Check { from } => {
            let folder = Path::new(&from.source);
            if project::is_only_text(folder) {
                return folder::check(folder, output).await;
            }
            if Project::open(folder).is_ok() {
                return project::check(folder, &tools, output).await;
            }
            check::check(&prepare(&mut Client::connect(home).await?, &from).await?, output)
        }
        AuthorCommand::Sign { file, secret_key } => publish::sign(&file, secret_key.as_deref(), home, env, output),
        AuthorCommand::Publish { file, reference } => publish::publish(&file, &reference, home, env, output).await,
    }
}

/// Calls a tool of what is installed.
async fn run(client: &mut Client, skill: &str, tool: &str, arguments: Value, output: &Output) -> Result<Exit, Failure> {
    let component = client.call("components.inspect", json!({ "name": skill })).await?;
    let mut tools = show::items(&component["tools"]).map(|it| word(&it["name"]));
    if !tools.any(|name| name == tool) {
        let hint = format!("`openclaw-host component inspect {skill}` shows what it has");
        return Err(Failure::message(Exit::Usage, format!("`{skill}` has no tool `{tool}`")).hint(hint));
    }
    tool::call(client, tool, arguments, &sessions::parse_key("tools")?, output).await
}
