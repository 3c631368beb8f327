//! `skill`: packages, installed and removed by their owner.

mod ask;
mod cases;
mod check;
mod lock;
mod project;
mod publish;
mod rig;
mod show;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use claw_project::{Language, Profile, Project};
use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output, tool};
use crate::client::{Client, ClientError};
use crate::settings::Env;

use self::project::{NewKind, Trial};

/// How long a package may take to come from its server and to be compiled: one with an interpreter has 18 MiB.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Debug, Subcommand)]
pub(super) enum SkillCommand {
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
    /// Build a project, and put what is given away into `dist`
    Pack {
        /// The project's folder
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Show what a package would be able to do, and install nothing
    Inspect {
        #[command(flatten)]
        from: From,
    },
    /// Install a package: shows what it would be able to do, and asks
    Install {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        choice: Choice,
    },
    /// List what is installed
    List,
    /// Fetch a package again from where it came from; what asks for more is shown and asked about
    Update {
        /// Its name
        name: String,
        #[command(flatten)]
        choice: Choice,
    },
    /// Go back to the version before, with the grants that it had
    Rollback {
        /// Its name
        name: String,
    },
    /// Keep a package at its version
    Pin {
        /// Its name
        name: String,
    },
    /// Let a pinned package change again
    Unpin {
        /// Its name
        name: String,
    },
    /// Remove a package with all that it was given and kept
    Remove {
        /// Its name
        name: String,
    },
    /// Print what is installed, with digests and grants, for `skill restore`
    Lock,
    /// Install exactly what a file of `skill lock` names, with its grants
    Restore {
        /// The file
        file: PathBuf,
        /// Install it without being asked again
        #[arg(long)]
        yes: bool,
    },
    /// Say what should be mended in a package before others see it
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
    /// Check the files of packages against what was accepted
    Verify {
        /// Its name; all of them if there is none
        name: Option<String>,
    },
}

/// Where a package is.
#[derive(Debug, Args)]
pub(super) struct From {
    /// A file `NAME.wasm`, a folder with one, `https://…/NAME.wasm`, or `oci://HOST/REPOSITORY[:TAG][@sha256:…]`
    source: String,
    /// The publisher's minisign key, as it stands in `minisign.pub`
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// What is said to an offer without being asked.
#[derive(Debug, Default, Args)]
pub(super) struct Choice {
    /// Give this of what it asks for; can be repeated
    #[arg(long, value_name = "GRANT", conflicts_with_all = ["grant_all", "grant_none", "grant_kept"])]
    grant: Vec<String>,
    /// Give all that it asks for and that can be given
    #[arg(long, conflicts_with_all = ["grant_none", "grant_kept"])]
    grant_all: bool,
    /// Give nothing
    #[arg(long, conflicts_with = "grant_kept")]
    grant_none: bool,
    /// Give what the version before was given, on the same terms, as far as it asks for it
    #[arg(long)]
    grant_kept: bool,
    /// Install it without being asked again
    #[arg(long)]
    yes: bool,
    /// Take it although another publisher has signed it, or nobody
    #[arg(long)]
    accept_publisher: bool,
}

impl Choice {
    fn speaks_of_grants(&self) -> bool {
        !self.grant.is_empty() || self.grant_all || self.grant_none || self.grant_kept
    }
}

pub(super) async fn skill(command: SkillCommand, home: &Path, env: &Env, output: &Output) -> Result<Exit, Failure> {
    let tools = || project::tools(home, env);
    let command = match command {
        SkillCommand::New { name, lang, kind } => return project::new(&name, lang, kind, output),
        SkillCommand::Build { folder } => return project::build(&folder, &tools(), output),
        SkillCommand::Pack { folder } => return project::pack(&folder, &tools(), output).await,
        SkillCommand::Test { folder, record } => {
            let project = project::built(&folder, &tools(), Profile::Release)?;
            return cases::test(&project.folder, &project.component(), record, output).await;
        }
        SkillCommand::Check { from } if Project::open(Path::new(&from.source)).is_ok() => {
            return project::check(Path::new(&from.source), &tools(), output).await;
        }
        SkillCommand::Run { skill, tool, arguments, workspace, choice } if Path::new(&skill).exists() => {
            let arguments = tool::parse_arguments(&arguments)?;
            let (source, workspace) = (Path::new(&skill), workspace.as_deref());
            let trial = Trial { source, tool: &tool, arguments, workspace, choice: &choice };
            return project::run(trial, &tools(), output).await;
        }
        SkillCommand::Sign { file, secret_key } => {
            return publish::sign(&file, secret_key.as_deref(), home, env, output);
        }
        SkillCommand::Publish { file, reference } => {
            return publish::publish(&file, &reference, home, env, output).await;
        }
        command => command,
    };
    let client = &mut Client::connect(home).await?;
    match command {
        SkillCommand::New { .. }
        | SkillCommand::Build { .. }
        | SkillCommand::Pack { .. }
        | SkillCommand::Test { .. }
        | SkillCommand::Sign { .. }
        | SkillCommand::Publish { .. } => unreachable!("skill: done without a host"),
        SkillCommand::Dev { folder, choice } => project::dev(client, &folder, &tools(), &choice, output).await,
        SkillCommand::Run { skill, tool, arguments, .. } => run(client, &skill, &tool, &arguments, output).await,
        SkillCommand::Lock => lock::lock(client, output).await,
        SkillCommand::Restore { file, yes } => lock::restore(client, &file, yes, output).await,
        SkillCommand::Check { from } => {
            let offer = prepare(client, &from).await?;
            check::check(&offer, output)
        }
        SkillCommand::Inspect { from } => {
            let offer = prepare(client, &from).await?;
            output.data(&offer, show::offer)?;
            Ok(Exit::Ok)
        }
        SkillCommand::Install { from, choice } => {
            let offer = prepare(client, &from).await?;
            accept(client, &offer, &choice, output).await
        }
        SkillCommand::List => list(client, output).await,
        SkillCommand::Update { name, choice } => update(client, &name, &choice, output).await,
        SkillCommand::Rollback { name } => {
            let package = client.call("packages.rollback", json!({ "name": name })).await?;
            output.data(&package, |it| format!("`{name}` is at version {} again", word(&it["version"])))?;
            Ok(Exit::Ok)
        }
        SkillCommand::Pin { name } => {
            let package = client.call("packages.pin", json!({ "name": name })).await?;
            output.data(&package, |it| format!("`{name}` stays at version {}", word(&it["version"])))?;
            Ok(Exit::Ok)
        }
        SkillCommand::Unpin { name } => {
            let package = client.call("packages.unpin", json!({ "name": name })).await?;
            output.data(&package, |_| format!("`{name}` may change again"))?;
            Ok(Exit::Ok)
        }
        SkillCommand::Remove { name } => {
            let removed = client.call("packages.remove", json!({ "name": name })).await?;
            output.data(&removed, |_| format!("`{name}` is gone, with its grants, files and keys"))?;
            Ok(Exit::Ok)
        }
        SkillCommand::Verify { name } => verify(client, name, output).await,
    }
}

async fn prepare(client: &mut Client, from: &From) -> Result<Value, Failure> {
    let From { source, key } = from;
    // The host has another working directory.
    let source = match source.contains("://") {
        true => source.clone(),
        false => std::path::absolute(Path::new(source))?.to_string_lossy().into_owned(),
    };
    Ok(offer(client, json!({ "source": source, "key": key })).await?)
}

/// What the host finds at a source, once it has fetched, compiled and described it.
async fn offer(client: &mut Client, params: Value) -> Result<Value, ClientError> {
    client.call_within(PREPARE_TIMEOUT, "packages.prepare", params).await
}

/// Asks what the flags have not said, and installs.
async fn accept(client: &mut Client, offer: &Value, choice: &Choice, output: &Output) -> Result<Exit, Failure> {
    let installed = &offer["installed"];
    if installed["isSame"] == true && !choice.speaks_of_grants() {
        output.data(offer, |it| format!("`{}` is at this version already", word(&it["name"])))?;
        return Ok(Exit::Ok);
    }
    let answer = ask::ask(offer, choice)?;
    let params = json!({
        "digest": offer["digest"], "grants": answer.grants, "keeps": answer.keeps,
        "otherPublisher": answer.other_publisher,
    });
    let package = client.call("packages.install", params).await?;
    output.data(&package, |package| {
        let (name, version) = (word(&package["name"]), word(&package["version"]));
        let grants: Vec<_> = show::items(&package["given"]).map(|given| word(&given["shown"])).collect();
        match grants.as_slice() {
            [] => format!("`{name}` {version} is installed; it was given nothing"),
            grants => format!("`{name}` {version} is installed; it was given: {}", grants.join("; ")),
        }
    })?;
    Ok(Exit::Ok)
}

async fn update(client: &mut Client, name: &str, choice: &Choice, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("packages.list", json!({})).await?;
    let package = list["packages"].as_array().into_iter().flatten().find(|it| it["name"] == name);
    let package = package.ok_or_else(|| {
        let hint = "`openclaw-host skill list` shows what is installed";
        Failure::message(Exit::Failed, format!("no package `{name}` is installed")).hint(hint)
    })?;
    if package["isPinned"] == true {
        let message = format!("package `{name}` is pinned to version {}", word(&package["version"]));
        return Err(Failure::message(Exit::Failed, message).hint("`openclaw-host skill unpin` lets it change"));
    }
    let offer = offer(client, json!({ "source": package["source"] })).await?;
    if offer["name"] != name {
        let message = format!("`{}` has a package `{}` now", word(&package["source"]), word(&offer["name"]));
        return Err(
            Failure::message(Exit::Failed, message).hint("`openclaw-host skill install` takes it as another one")
        );
    }
    accept(client, &offer, choice, output).await
}

/// Calls a tool of what is installed.
async fn run(client: &mut Client, skill: &str, tool: &str, arguments: &str, output: &Output) -> Result<Exit, Failure> {
    let arguments = tool::parse_arguments(arguments)?;
    let component = client.call("components.inspect", json!({ "name": skill })).await?;
    let mut tools = show::items(&component["tools"]).map(|it| word(&it["name"]));
    if !tools.any(|name| name == tool) {
        let hint = format!("`openclaw-host component inspect {skill}` shows what it has");
        return Err(Failure::message(Exit::Usage, format!("`{skill}` has no tool `{tool}`")).hint(hint));
    }
    tool::call(client, tool, arguments, &super::sessions::parse_key("tools")?, output).await
}

async fn list(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("packages.list", json!({})).await?;
    output.data(&list, |list| {
        let row = |it: &Value| {
            let state = match (it["error"].as_str(), it["isPinned"] == true) {
                (Some(why), _) => format!("off: {why}"),
                (None, true) => "pinned".to_owned(),
                (None, false) => String::new(),
            };
            let digest = word(&it["digest"]).chars().take(12).collect();
            [word(&it["name"]), word(&it["version"]), digest, word(&it["publisher"]), state]
        };
        let rows: Vec<_> = list["packages"].as_array().into_iter().flatten().map(row).collect();
        match rows.as_slice() {
            [] => "no packages are installed\n".to_owned(),
            rows => table(["NAME", "VERSION", "SHA256", "PUBLISHER", ""], rows),
        }
    })?;
    Ok(Exit::Ok)
}

async fn verify(client: &mut Client, name: Option<String>, output: &Output) -> Result<Exit, Failure> {
    let names = match name {
        Some(name) => vec![name],
        None => {
            let list = client.call("packages.list", json!({})).await?;
            list["packages"].as_array().into_iter().flatten().map(|it| word(&it["name"])).collect()
        }
    };
    let mut verified = Vec::new();
    for name in names {
        verified.push(client.call("packages.verify", json!({ "name": name })).await?);
    }
    let is_broken = |it: &Value| it["broken"].as_array().is_some_and(|broken| !broken.is_empty());
    let exit = if verified.iter().any(is_broken) { Exit::Failed } else { Exit::Ok };
    output.data(&Value::Array(verified), |verified| {
        let mut text = String::new();
        for package in verified.as_array().into_iter().flatten() {
            let name = word(&package["name"]);
            match package["broken"].as_array().map(Vec::as_slice) {
                None | Some([]) => text.push_str(&format!("`{name}` is as it was accepted\n")),
                Some(broken) => broken.iter().for_each(|it| {
                    let digest: String = word(&it["digest"]).chars().take(12).collect();
                    text.push_str(&format!("`{name}` {digest}: {}\n", word(&it["why"])));
                }),
            }
        }
        text
    })?;
    Ok(exit)
}
