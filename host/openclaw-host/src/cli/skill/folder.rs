//! `skill check|pack` of a folder with a SKILL.md: text, of which nothing is built.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use claw_package::Bundled;
use serde_json::{Value, json};

use super::rig::{Rig, Setup};
use super::show::items;
use crate::cli::output::word;
use crate::cli::{Exit, Failure, Output};
use crate::legible;
use crate::{hub, packages};

const CARD: &str = "SKILL.md";
/// Where it is packed.
const DIST: &str = "dist";
/// Files of a skill, and folders within each other, as archives of skills may have them.
const MAX_FILES: usize = 1_000;
const MAX_DEPTH: usize = 10;
const MAX_BYTES: u64 = 4 << 20;

/// A skill that was looked over.
struct Looked {
    name: String,
    /// Its files, by their paths in the folder.
    files: Vec<PathBuf>,
    problems: Vec<String>,
}

/// Says what to mend in a skill.
pub(super) async fn check(folder: &Path, output: &Output) -> Result<Exit, Failure> {
    let Looked { name, files, problems } = look(&folder.canonicalize()?).await?;
    output.data(&json!(problems), |_| match problems.as_slice() {
        [] => format!("`{name}` has nothing to mend; it has {} file(s)\n", files.len()),
        problems => problems.iter().map(|it| format!("{}\n", legible::line(it))).collect(),
    })?;
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Failed })
}

/// Lays out what is given away: the folder, without what is hidden or was packed before.
pub(super) async fn pack(folder: &Path, output: &Output) -> Result<Exit, Failure> {
    let folder = folder.canonicalize()?;
    let Looked { name, files, problems } = look(&folder).await?;
    let to = folder.join(DIST).join(&name);
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    for file in &files {
        let copy = to.join(file);
        fs::create_dir_all(copy.parent().unwrap_or(&to))?;
        fs::copy(folder.join(file), copy)?;
    }
    let data = json!({ "folder": to, "files": files, "problems": problems });
    output.data(&data, |_| {
        let mend: String = problems.iter().map(|it| format!("to mend: {}\n", legible::line(it))).collect();
        format!("{mend}{}: {} file(s)", to.display(), files.len())
    })?;
    Ok(Exit::Ok)
}

/// Has the card read as a host reads it, and looks at all files as at those of a stranger.
async fn look(folder: &Path) -> Result<Looked, Failure> {
    let own = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut files = Vec::new();
    list(folder, Path::new(""), &mut files)?;
    files.sort();
    let skill = card(folder, &own).await?;
    let name = word(&skill["name"]);
    let mut problems: Vec<_> = items(&skill["notes"]).map(word).collect();
    if name != own {
        problems.push(format!("it calls itself `{name}` and lies in a folder `{own}`: give both one name"));
    }
    problems.extend(packages::look_alike(&name, &BTreeSet::new()).map(|finding| finding.what));
    let mut texts = Vec::new();
    for file in &files {
        let (path, bytes) = (file.to_string_lossy().into_owned(), fs::read(folder.join(file))?);
        match String::from_utf8(bytes) {
            Ok(text) => texts.push(Bundled { path, text }),
            Err(_) => problems.push(format!("its file `{path}` is no text: ClawHub takes only text")),
        }
    }
    problems.extend(hub::look(&texts).into_iter().map(|finding| finding.what));
    Ok(Looked { name, files, problems })
}

/// What the sandboxed parser of a host of its own makes of the SKILL.md.
async fn card(folder: &Path, own: &str) -> Result<Value, Failure> {
    let forgotten = tempfile::tempdir()?;
    let mut rig = Rig::start(forgotten.path(), &Setup::default()).await?;
    let shelf = rig.workspace().join("skills").join(own);
    fs::create_dir_all(&shelf)?;
    fs::copy(folder.join(CARD), shelf.join(CARD))?;
    let status = rig.client()?.call("skills.status", json!({})).await?;
    let place = format!("skills/{own}");
    if let Some(left) = items(&status["leftOut"]).find(|left| word(&left["path"]) == place) {
        let message = format!("`{}` is no skill: {}", folder.join(CARD).display(), word(&left["error"]));
        return Err(Failure::message(Exit::Failed, message).hint("`docs/skills/folders.md` says what stands in it"));
    }
    let found = items(&status["skills"]).find(|skill| word(&skill["place"]) == place);
    found.cloned().ok_or_else(|| Failure::message(Exit::Failed, format!("`{}` was not read", folder.display())))
}

/// All files below `at`, which is relative to `folder`.
fn list(folder: &Path, at: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let odd = |path: &Path, what: &str| {
        Failure::message(Exit::Failed, format!("`{}` {what}, which no archive of a skill may have", path.display()))
    };
    for entry in fs::read_dir(folder.join(at))? {
        let entry = entry?;
        let path = at.join(entry.file_name());
        let is_left_out = entry.file_name().to_string_lossy().starts_with('.') || path == Path::new(DIST);
        let kind = entry.file_type()?;
        match () {
            () if is_left_out => {}
            () if kind.is_dir() && path.components().count() >= MAX_DEPTH => {
                return Err(odd(&path, &format!("lies more than {MAX_DEPTH} folders deep")));
            }
            () if kind.is_dir() => list(folder, &path, files)?,
            () if !kind.is_file() => return Err(odd(&path, "is a link or a device")),
            () if entry.metadata()?.len() > MAX_BYTES => return Err(odd(&path, "has more than 4 MiB")),
            () if files.len() == MAX_FILES => return Err(odd(folder, &format!("has more than {MAX_FILES} files"))),
            () => files.push(path),
        }
    }
    Ok(())
}
