//! `skill new|build|pack|dev|run`: what the author of a skill does.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use claw_core::id::Digest;
use claw_package::Document;
use claw_project::{Kind, Language, Profile, Project, ProjectError, Tools};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::ask::Terminal;
use super::rig::{Rig, Setup};
use super::{Choice, ask, check, show};
use crate::cli::card::{Surface, Waiting};
use crate::cli::output::word;
use crate::cli::{Exit, Failure, Output, tool};
use crate::client::Client;
use crate::settings::{Env, env};

/// How often `skill dev` looks whether something has changed.
const LOOK: Duration = Duration::from_millis(200);

/// What `skill new` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum NewKind {
    /// A component with tools
    Tool,
    /// A component that is the way to a chat service, in Rust
    Channel,
    /// A folder with a `SKILL.md`: instructions for the model, no code of its own
    Skill,
}

pub(super) fn new(name: &str, language: Option<Language>, kind: NewKind, output: &Output) -> Result<Exit, Failure> {
    let kind = match (kind, language) {
        (NewKind::Skill, None) => Kind::Skill,
        (NewKind::Skill, Some(_)) => {
            return Err(Failure::message(Exit::Usage, "`--kind skill` has no code, and so no `--lang`"));
        }
        (NewKind::Channel, None | Some(Language::Rust)) => Kind::Channel,
        (NewKind::Channel, Some(_)) => {
            return Err(Failure::message(Exit::Usage, "channels are written in Rust: its SDK alone has them"));
        }
        (NewKind::Tool, Some(language)) => Kind::Tool(language),
        (NewKind::Tool, None) => {
            let words = Language::ALL.map(Language::word).join(", ");
            return Err(Failure::message(Exit::Usage, format!("say what it is written in: `--lang` {words}")));
        }
    };
    claw_project::write(Path::new(name), name, kind).map_err(failed)?;
    output.data(&json!({ "folder": name }), |_| match kind {
        Kind::Skill => format!("`{name}/SKILL.md` is there; put the folder into `skills` of the workspace to use it, and look it over with: openclaw-host skill check {name}"),
        Kind::Tool(_) | Kind::Channel => {
            format!("`{name}` is there; try it: cd {name} && openclaw-host skill test")
        }
    })?;
    Ok(Exit::Ok)
}

/// Whether a folder holds instructions, and no code.
pub(super) fn is_only_text(folder: &Path) -> bool {
    matches!(Project::open(folder), Err(ProjectError::OnlyText(_)))
}

/// Where what builds skills lies.
pub(super) fn tools(home: &Path, env: &Env) -> Tools {
    Tools::new(env.get(env::TOOLS).map_or_else(|| home.join("tools"), PathBuf::from))
}

pub(super) fn build(folder: &Path, tools: &Tools, output: &Output) -> Result<Exit, Failure> {
    let component = built(folder, tools, Profile::Release)?.component();
    let bytes = fs::metadata(&component)?.len();
    let data = json!({ "component": component, "bytes": bytes });
    output.data(&data, |_| format!("{}: {} KiB", component.display(), bytes.div_ceil(1024)))?;
    Ok(Exit::Ok)
}

/// Builds the project in `folder`.
pub(super) fn built(folder: &Path, tools: &Tools, profile: Profile) -> Result<Project, Failure> {
    let project = Project::open(folder).map_err(failed)?;
    project.build(tools, profile).map_err(failed)?;
    Ok(project)
}

/// Looks a project over in a host of its own.
pub(super) async fn check(folder: &Path, tools: &Tools, output: &Output) -> Result<Exit, Failure> {
    let project = built(folder, tools, Profile::Release)?;
    check::check(&offer_of(&project).await?, output)
}

async fn offer_of(project: &Project) -> Result<Value, Failure> {
    let mut rig = Rig::start(&project.rig(), &Setup::default()).await?;
    rig.prepare(&project.component()).await
}

/// Builds a project and lays out what is given away: the component, and what people read before they install it.
pub(super) async fn pack(folder: &Path, tools: &Tools, output: &Output) -> Result<Exit, Failure> {
    let project = built(folder, tools, Profile::Release)?;
    let offer = offer_of(&project).await?;
    let (name, version) = (word(&offer["name"]), word(&offer["version"]));
    let dist = project.folder.join("dist").join(format!("{name}-{version}"));
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    fs::create_dir_all(&dist)?;
    let component = dist.join(format!("{name}.wasm"));
    let bytes = fs::read(project.component())?;
    fs::write(&component, &bytes)?;
    for entry in fs::read_dir(&project.folder)?.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if Document::is_named(&file) {
            fs::copy(entry.path(), dist.join(file))?;
        }
    }
    let problems = check::problems(&offer);
    let digest = Digest(Sha256::digest(&bytes).into());
    let data = json!({ "folder": dist, "component": component, "digest": digest, "problems": problems });
    output.data(&data, |_| {
        let mend: String = problems.iter().map(|it| format!("to mend: {it}\n")).collect();
        format!("{mend}{}: {} KiB, sha256 {digest}", component.display(), bytes.len().div_ceil(1024))
    })?;
    Ok(Exit::Ok)
}

/// Installs a project into the running host, and again whenever it changes, until Ctrl-C.
///
/// A connection is made for each installation: a first build takes minutes, in which nobody answers the host's pings, and an
/// author thinks for longer between two changes.
pub(super) async fn dev(
    home: &Path,
    folder: &Path,
    tools: &Tools,
    choice: &Choice,
    output: &Output,
) -> Result<Exit, Failure> {
    // Without a host, that is better known before the build.
    Client::connect(home).await?.close().await;
    let project = built(folder, tools, Profile::Dev)?;
    let mut seen = project.changed().map_err(failed)?;
    let mut client = Client::connect(home).await?;
    let offer = super::offer(&mut client, json!({ "source": project.component() })).await?;
    super::accept(&mut client, &offer, choice).await?.print(output)?;
    client.close().await;
    eprintln!("it is built and installed again when a file changes; Ctrl-C ends that, and leaves it installed");
    loop {
        tokio::select! {
            () = changed(&project, &mut seen) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Ok),
        }
        match reload(home, &project, tools, seen).await {
            Ok(Some(said)) => output.data(&json!({ "reloaded": said }), |_| said.clone())?,
            // A file changed that does not matter.
            Ok(None) => {}
            // What does not compile is mended by whoever looks at it: the old one stays.
            Err(failure) => drop(failure.report(output.format())),
        }
    }
}

/// Waits until a file is newer than the newest that was seen.
async fn changed(project: &Project, seen: &mut SystemTime) {
    loop {
        tokio::time::sleep(LOOK).await;
        // A folder that cannot be read right now is looked at again.
        if let Ok(newest) = project.changed()
            && newest != *seen
        {
            *seen = newest;
            return;
        }
    }
}

/// Builds and installs what has changed; nothing if the component came out the same.
async fn reload(home: &Path, project: &Project, tools: &Tools, changed: SystemTime) -> Result<Option<String>, Failure> {
    project.build(tools, Profile::Dev).map_err(failed)?;
    let mut client = Client::connect(home).await?;
    let offer = super::offer(&mut client, json!({ "source": project.component() })).await?;
    if offer["installed"]["isSame"] == true {
        return Ok(None);
    }
    client.call("packages.install", json!({ "digest": offer["digest"], "grants": [], "keeps": true })).await?;
    let (name, after) = (word(&offer["name"]), changed.elapsed().unwrap_or_default().as_secs_f64());
    let more: Vec<_> = show::items(&offer["installed"]["more"]).map(word).collect();
    let asks = match more.as_slice() {
        [] => String::new(),
        more => format!(
            "; it asks for more now: {}. `openclaw-host component grants {name} --add` gives it",
            more.join("; ")
        ),
    };
    Ok(Some(format!("`{name}` is in force, {after:.1} s after the change{asks}")))
}

/// Where `skill run` takes a skill from.
pub(super) struct Trial<'a> {
    pub(super) source: &'a Path,
    pub(super) tool: &'a str,
    pub(super) arguments: Value,
    pub(super) workspace: Option<&'a Path>,
    pub(super) choice: &'a Choice,
}

/// Calls a tool of a project or a component in a host of its own, with the real network.
pub(super) async fn run(trial: Trial<'_>, tools: &Tools, output: &Output) -> Result<Exit, Failure> {
    let forgotten = tempfile::tempdir()?;
    let (component, home) = match Project::open(trial.source) {
        Ok(project) => {
            project.build(tools, Profile::Release).map_err(failed)?;
            (project.component(), project.rig())
        }
        Err(err @ ProjectError::OnlyText(_)) => return Err(failed(err)),
        // A file, or a folder with one.
        Err(_) => (std::path::absolute(trial.source)?, forgotten.path().to_owned()),
    };
    let workspace = trial.workspace.map(std::path::absolute).transpose()?;
    let setup = Setup { workspace: workspace.as_deref(), ..Setup::default() };
    let mut rig = Rig::start(&home, &setup).await?;
    let offer = rig.prepare(&component).await?;
    // It is gone afterwards, so only what it is given counts.
    let answer = ask::ask(&offer, trial.choice)?;
    rig.install(&offer, &answer.grants).await?;
    let result = rig.call(trial.tool, &trial.arguments, asked).await?;
    tool::show(trial.tool, &result, output)
}

/// Shows a question to the terminal; without one the answer is no.
fn asked(question: &Value) -> Result<bool, Failure> {
    eprint!("{}", Waiting::read(question).to_text(Surface::Question));
    if !io::stdin().is_terminal() {
        eprintln!("refused: there is no terminal to ask");
        return Ok(false);
    }
    Ok(matches!(Terminal.question("allow this once? [y/N] ")?.as_str(), "y" | "yes"))
}

fn failed(err: ProjectError) -> Failure {
    let exit = match err {
        ProjectError::Name(_) | ProjectError::Exists(_) | ProjectError::NoProject(_) | ProjectError::OnlyText(_) => {
            Exit::Usage
        }
        _ => Exit::Failed,
    };
    Failure::new(exit, err)
}
