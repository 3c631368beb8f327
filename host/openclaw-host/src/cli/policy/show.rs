//! `policy show` and `policy check`: which policies there are.

use std::path::{Path, PathBuf};

use claw_policy::Loaded;
use serde_json::json;

use super::super::output::table;
use super::super::{Exit, Failure, Output};
use super::sources::{effect, of_home};

/// Lists all policies of the home, and those of `more` files as if they stood beside them.
pub(super) fn list(home: &Path, more: &[PathBuf], output: &Output) -> Result<Exit, Failure> {
    let (preset, policy) = of_home(home, more)?;
    let loaded = policy.loaded();
    let data = loaded.iter().map(|it| json!({ "id": it.id, "effect": effect(it), "file": it.file, "line": it.line }));
    let data: Vec<_> = data.collect();
    output.data(&json!({ "ok": true, "preset": preset.as_str(), "policies": data }), |_| {
        let row = |it: &Loaded| [it.id.clone(), effect(it).to_owned(), format!("{}:{}", it.file, it.line)];
        table(["POLICY", "EFFECT", "PLACE"], &loaded.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(Exit::Ok)
}

/// Prints one policy as it is written.
pub(super) fn one(home: &Path, id: &str, output: &Output) -> Result<Exit, Failure> {
    let (_, policy) = of_home(home, &[])?;
    let Some(found) = policy.loaded().iter().find(|it| it.id == id) else {
        let failed = Failure::message(Exit::Failed, format!("no policy `{id}` is in force"));
        let ids = policy.loaded().iter().map(|it| (strsim::jaro_winkler(&it.id, id), it.id.as_str()));
        let nearest = ids.max_by(|(a, _), (b, _)| a.total_cmp(b)).filter(|(score, _)| *score > 0.8);
        return Err(match nearest {
            Some((_, nearest)) => failed.hint(format!("did you mean `{nearest}`?")),
            None => failed.hint("`openclaw-host policy show` lists them"),
        });
    };
    let Loaded { id, file, line, text, .. } = found;
    let data = json!({ "id": id, "effect": effect(found), "file": file, "line": line, "text": text });
    output.data(&data, |_| format!("// {file}, line {line}\n{text}\n"))?;
    Ok(Exit::Ok)
}
