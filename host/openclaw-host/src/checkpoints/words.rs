//! What an undo did, in words: for the chat, for clients and for the record.

use std::fmt::Write;

use claw_core::checkpoint::FilePath;
use claw_core::id::SessionKey;
use serde_json::{Value, json};

use super::{Back, Files, Undone};
use crate::legible;

/// Names of one kind that an answer lists; a turn may have changed thousands.
const LISTED: usize = 20;

/// For the chat. `sub_agents` are the conversations that have changed something on behalf of the turn.
pub fn answer(undone: &Undone, sub_agents: &[SessionKey]) -> String {
    let turn = &undone.turn;
    let Some(branch) = turn.branch else { return "there is nothing to take back".to_owned() };
    let said = turn.text.as_deref().unwrap_or_default();
    let mut text = match undone.goes_on {
        false => format!("taken back: {said}\n{} messages are branch {branch} now", turn.dropped),
        true => format!("taken back before, and ended only now: {said}\nits messages are branch {branch}"),
    };
    files(&mut text, &undone.files);
    if let Some(run) = &turn.partly {
        let _ = write!(
            text,
            "\nwhat run `{run}` has changed stays: it began with an earlier message, and `/undo` takes that back, too"
        );
    }
    for session in sub_agents {
        let _ = write!(
            text,
            "\nwhat the sub-agent `{session}` has changed stays: `openclaw-host sessions undo {session}` takes it back"
        );
    }
    text.push_str("\nwhat tools did elsewhere stays as it is");
    text
}

fn files(text: &mut String, files: &Files) {
    match files {
        Files::None => text.push_str("\nno changes of files were noted for it"),
        Files::Incognito => {
            text.push_str("\nfiles stay as they are: what an incognito conversation changes is not noted")
        }
        Files::Off => text.push_str("\nfiles stay as they are: `undo.files` is off in the configuration"),
        Files::Back(Back { restored, trash, gaps, background }) => {
            list(text, "as before again", &restored.restored);
            list(text, "brought back", &restored.back);
            list(text, "removed", &restored.removed);
            for (path, why) in restored.left.iter().take(LISTED) {
                let _ = write!(text, "\nleft as it is: {}: {why}", shown(path));
            }
            if restored.left.len() > LISTED {
                let _ = write!(text, "\nleft as they are: {} more", restored.left.len() - LISTED);
            }
            if trash.exists() {
                let _ = write!(text, "\nwhat was there is in {}", trash.display());
            }
            for why in gaps {
                let _ = write!(text, "\nfiles that it changed stay as they are: {why}");
            }
            if *background {
                text.push_str("\na program went on in the background; what that changed later stays");
            }
        }
    }
}

fn list(text: &mut String, what: &str, paths: &[FilePath]) {
    if paths.is_empty() {
        return;
    }
    let names: Vec<_> = paths.iter().take(LISTED).map(|path| shown(path)).collect();
    let _ = write!(text, "\n{what}: {}", names.join(", "));
    if paths.len() > LISTED {
        let _ = write!(text, " and {} more", paths.len() - LISTED);
    }
}

/// A name that people can read, whatever bytes somebody has made it of.
fn shown(path: &[u8]) -> String {
    format!("`{}`", legible::line(&String::from_utf8_lossy(path)))
}

/// For clients: `{ok, key, text, branch, dropped, files:{restored, broughtBack, removed, left:[{path, why}], trash, gaps}}`.
pub fn payload(key: &SessionKey, undone: &Undone, sub_agents: &[SessionKey]) -> Value {
    let turn = &undone.turn;
    let mut value = json!({
        "ok": true,
        "key": key,
        "editorText": turn.text,
        "branch": turn.branch,
        "dropped": turn.dropped,
        "text": answer(undone, sub_agents),
    });
    if let Files::Back(Back { restored, trash, gaps, .. }) = &undone.files {
        let names =
            |paths: &[FilePath]| paths.iter().map(|path| json!(String::from_utf8_lossy(path))).collect::<Value>();
        let left = restored.left.iter().map(|(path, why)| json!({"path": String::from_utf8_lossy(path), "why": why}));
        value["files"] = json!({
            "restored": names(&restored.restored),
            "broughtBack": names(&restored.back),
            "removed": names(&restored.removed),
            "left": left.collect::<Value>(),
            "trash": trash.exists().then_some(trash),
            "gaps": gaps,
        });
    }
    value
}

/// For the record, in one line.
pub fn on_record(files: &Files) -> String {
    match files {
        Files::None | Files::Off | Files::Incognito => "no changes of files were noted".to_owned(),
        Files::Back(Back { restored, gaps, .. }) => {
            let mut text = String::new();
            list(&mut text, "as before again", &restored.restored);
            list(&mut text, "brought back", &restored.back);
            list(&mut text, "removed", &restored.removed);
            let left: Vec<_> = restored.left.iter().map(|(path, _)| path.clone()).collect();
            list(&mut text, "left as it is", &left);
            for why in gaps {
                let _ = write!(text, "\nfiles stay: {why}");
            }
            if text.is_empty() { "nothing had been changed".to_owned() } else { text.trim_start().replace('\n', "; ") }
        }
    }
}
