//! `policy import`: OpenClaw's rules for programs as policies.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use claw_core::route;
use claw_policy::{Policy, PolicyFile};
use serde_json::json;

use super::super::{Exit, Failure, Output};
use super::sources::{invalid, owners};
use crate::exec_approvals::{self, ExecPreset, Import};
use crate::home::{Home, policies};
use crate::settings::{self, Env, env};

/// The file that is written.
const NAME: &str = "openclaw-exec.cedar";
/// Where a program is looked for that is called by its name alone, as in docs/exec.md.
const FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

pub(super) fn import(
    home: &Path,
    file: Option<&Path>,
    preset: Option<ExecPreset>,
    write: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let (text, name) = match (file, preset) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()));
            (text.map_err(|err| Failure::new(Exit::Failed, err))?, file.display().to_string())
        }
        (None, Some(preset)) => (preset.file(), "a preset of OpenClaw's".to_owned()),
        (None, None) => unreachable!("cli: clap wants one of the two"),
    };
    let user_home = Env::read().get(env::USER_HOME).map(str::to_owned);
    let imported = exec_approvals::import(&text, &|path| real(path, user_home.as_deref())).map_err(|err| {
        Failure::new(Exit::Failed, anyhow::Error::new(err).context(format!("cannot import `{name}`")))
    })?;
    let cedar = cedar(&imported);
    check(home, &cedar)?;
    let written = if write && !imported.policies.is_empty() { Some(write_new(home, &cedar)?) } else { None };
    let data = json!({
        "policies": cedar, "count": imported.policies.len(), "leftOut": imported.left_out, "written": written,
    });
    output.data(&data, |_| match &written {
        None => cedar.clone(),
        Some(path) => {
            let left_out: String = imported.left_out.iter().map(|line| format!("left out: {line}\n")).collect();
            format!("{left_out}{} policies written to `{path}`\n", imported.policies.len())
        }
    })?;
    if imported.policies.is_empty() {
        return Err(Failure::message(Exit::Failed, "nothing of it can be said in policies")
            .hint("`openclaw-host policy preset trusting` prints the widest rules that this host ships"));
    }
    Ok(Exit::Ok)
}

/// The file that is printed or written: what was left out stands in front.
fn cedar(imported: &Import) -> String {
    let left_out: String = imported.left_out.iter().map(|line| format!("// Left out: {line}.\n")).collect();
    let head = "// Made of OpenClaw's rules for programs by `openclaw-host policy import`. It lies on top of the preset,\n\
                // and whatever forbids wins.\n";
    format!("{head}{left_out}\n{}", imported.policies.join("\n"))
}

/// Whether the file could stand in the home, beside the others that are there.
fn check(home: &Path, cedar: &str) -> Result<(), Failure> {
    let mut files = owners(home).map_err(invalid)?;
    files.retain(|file| file.name != NAME);
    files.push(PolicyFile { name: NAME.to_owned(), text: cedar.to_owned() });
    Policy::load(settings::preset(home, &route::main())?, &files).map(drop).map_err(|err| invalid(err.into()))
}

fn write_new(home: &Path, cedar: &str) -> Result<String, Failure> {
    let path = policies(Home::open(home)?.path()).join(NAME);
    // Made beside its place and then moved in: a host that runs never sees half of it.
    let mut file = tempfile::NamedTempFile::new_in(policies(home))?;
    file.write_all(cedar.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(&path).map_err(|err| {
        let failed = anyhow::Error::new(err.error).context(format!("cannot write `{}`", path.display()));
        Failure::new(Exit::Failed, failed).hint("a file of yours is never overwritten: move it away first")
    })?;
    Ok(path.display().to_string())
}

/// Where a program really is: a name is looked up where the host would; a path stays as it is written if nothing is
/// there. Nothing for a relative path, and for a name that nothing has.
fn real(pattern: &str, user_home: Option<&str>) -> Option<String> {
    let path = match pattern.strip_prefix("~/") {
        Some(rest) => Path::new(user_home?).join(rest),
        None if pattern.contains('/') => Path::new(pattern).to_owned(),
        None => {
            let mut candidates = FOLDERS.iter().map(|folder| Path::new(folder).join(pattern));
            candidates.find(|path| path.is_file())?
        }
    };
    let path = path.canonicalize().unwrap_or(path);
    path.is_absolute().then(|| path.to_str().map(str::to_owned)).flatten()
}
