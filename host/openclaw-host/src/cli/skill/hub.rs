//! `clawhub:SLUG` for the commands of `skill`, and `skill search`.

use std::io::{self, IsTerminal};

use serde_json::{Value, json};

use super::ask::Terminal;
use super::show::items;
use super::{Choice, Done, From, PREPARE_TIMEOUT, state};
use crate::cli::output::{table, word};
use crate::cli::{Exit, Failure, Output};
use crate::client::Client;
use crate::legible;

/// What begins the name of a skill of ClawHub.
const SCHEME: &str = "clawhub:";
/// Files that are named; the others are counted.
const NAMED: usize = 12;

/// Whether a text names a skill of ClawHub.
pub(super) fn is_meant(text: &str) -> bool {
    text.starts_with(SCHEME)
}

pub(super) async fn search(client: &mut Client, words: &str, limit: u32, output: &Output) -> Result<Exit, Failure> {
    let found = client.call("hub.search", json!({ "words": words, "limit": limit })).await?;
    output.data(&found, |found| {
        let row = |it: &Value| {
            let owner = it["owner"].as_str().map(|owner| format!("{owner}/")).unwrap_or_default();
            let summary: String = line(&it["summary"]).chars().take(80).collect();
            [format!("{SCHEME}{owner}{}", word(&it["slug"])), line(&it["version"]), summary]
        };
        let rows: Vec<_> = items(&found["results"]).map(row).collect();
        match rows.as_slice() {
            [] => "nothing was found\n".to_owned(),
            rows => table(["SKILL", "VERSION", "WHAT IT IS FOR"], rows),
        }
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn inspect(client: &mut Client, from: &From, output: &Output) -> Result<Exit, Failure> {
    from.expect_no_key()?;
    let offer = prepare(client, &from.source).await?;
    output.data(&offer, show)?;
    Ok(Exit::Ok)
}

/// What the host finds under a name, once it has asked and fetched it: a limit may make it wait.
pub(super) async fn prepare(client: &mut Client, skill: &str) -> Result<Value, Failure> {
    Ok(client.call_within(PREPARE_TIMEOUT, "hub.prepare", json!({ "skill": skill })).await?)
}

pub(super) async fn install(client: &mut Client, skill: &str, choice: &Choice) -> Result<Done, Failure> {
    if choice.speaks_of_grants() {
        let message = "a skill of ClawHub is text and asks for no grants";
        return Err(Failure::message(Exit::Usage, message).hint("leave `--grant…` out"));
    }
    let offer = prepare(client, skill).await?;
    let installed = &offer["installed"];
    let is_changed = items(&installed["changed"]).next().is_some();
    if installed["isSame"] == true && !is_changed {
        let said = format!("`{}` is at this version already", word(&offer["slug"]));
        return Ok(Done { data: offer, said });
    }
    ask(&offer, choice)?;
    let params = json!({
        "archive": offer["archive"], "suspicious": choice.hub.accept_suspicious, "overwrite": choice.hub.force,
        "otherOwner": choice.accept_publisher,
    });
    let receipt = client.call("hub.install", params).await?;
    let (slug, version, files) = (word(&receipt["slug"]), word(&receipt["version"]), word(&receipt["files"]));
    let said = format!("`{slug}` {version} is installed, {files} files; it counts from the next run on");
    Ok(Done { data: receipt, said })
}

pub(super) async fn remove(client: &mut Client, skill: &str, output: &Output) -> Result<Exit, Failure> {
    let removed = client.call("hub.remove", json!({ "skill": skill })).await?;
    output.data(&removed, |it| format!("`{}` is gone, with all its files", word(&it["slug"])))?;
    Ok(Exit::Ok)
}

/// What is installed, as commands name it.
pub(super) async fn names(client: &mut Client) -> Result<Vec<String>, Failure> {
    let list = client.call("hub.list", json!({})).await?;
    Ok(items(&list["skills"]).map(name).collect())
}

/// Something installed, as commands name it.
pub(super) fn name(installed: &Value) -> String {
    format!("{SCHEME}{}", word(&installed["slug"]))
}

/// What is not as it came, in words.
pub(super) fn verified(skill: &Value) -> String {
    let slug = word(&skill["slug"]);
    let changes = items(&skill["changed"]);
    let changes: String =
        changes.map(|change| format!("`{slug}` {}: {}\n", line(&change["path"]), word(&change["why"]))).collect();
    if changes.is_empty() { format!("`{slug}` is as it came\n") } else { changes }
}

/// The installed skills, as `skill list` shows them; nothing if there are none.
pub(super) fn listed(skills: &Value) -> String {
    let row = |it: &Value| {
        let archive = word(&it["archive"]).chars().take(12).collect();
        [name(it), line(&it["version"]), archive, line(&it["owner"]), state(it)]
    };
    let rows: Vec<_> = items(skills).map(row).collect();
    if rows.is_empty() { String::new() } else { table(["SKILL", "VERSION", "SHA256", "OWNER", ""], &rows) }
}

/// Finds out whether the owner wants it.
fn ask(offer: &Value, choice: &Choice) -> Result<(), Failure> {
    let flags = &choice.hub;
    let missing: Vec<_> = [
        (
            !offer["suspicious"].is_null() && !flags.accept_suspicious,
            "ClawHub calls it suspicious",
            "--accept-suspicious",
        ),
        (items(&offer["installed"]["changed"]).next().is_some() && !flags.force, "files were changed here", "--force"),
        (
            offer["installed"]["otherOwner"] == true && !choice.accept_publisher,
            "it comes from another owner",
            "--accept-publisher",
        ),
    ]
    .into_iter()
    .filter(|(is_missing, ..)| *is_missing)
    .map(|(_, why, flag)| (why, flag))
    .collect();
    // What needs a flag of its own is not to be had by a y that comes by itself.
    if let [(why, _), ..] = missing[..] {
        let flags = missing.iter().map(|(_, flag)| format!("`{flag}`")).collect::<Vec<_>>().join(" and ");
        let message = format!("{}\nit is not installed: {why}", show(offer));
        return Err(Failure::message(Exit::Failed, message).hint(format!("{flags} takes it all the same")));
    }
    if choice.yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let message = format!("{}\ninstalling it needs your answer, and there is no terminal to ask", show(offer));
        return Err(Failure::message(Exit::Usage, message).hint("`--yes` installs it"));
    }
    let mut terminal = Terminal;
    terminal.say(&format!("{}\n", show(offer)))?;
    match terminal.question("Install it? [y/N] ")?.as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::message(Exit::Failed, "nothing was installed")),
    }
}

/// Everything that matters of an offer, as text. What comes from strangers is on one line, escaped.
fn show(offer: &Value) -> String {
    let owner = offer["owner"].as_str().map_or_else(String::new, |owner| format!(" of {}", legible::line(owner)));
    let (slug, version) = (line(&offer["slug"]), line(&offer["version"]));
    let mut text = format!("{slug} {version}{owner}: {}\n\n", line(&offer["description"]));
    let mut fact = |label: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<11}{value}\n"));
        }
    };
    fact("From", line(&offer["source"]));
    fact("SHA256", line(&offer["archive"]));
    fact("Name", line(&offer["name"]));
    fact("Files", files(&offer["files"]));
    let wants = &offer["wants"];
    fact("Systems", list(&wants["os"]));
    fact("Programs", list(&wants["bins"]));
    fact("One of", list(&wants["anyBins"]));
    let variables = list(&wants["env"]);
    fact("Variables", if variables.is_empty() { variables } else { format!("{variables} (programs here get none)") });
    fact("Settings", list(&wants["config"]));
    for install in items(&wants["install"]) {
        let what = [line(&install["kind"]), line(&install["what"])].join(" ");
        fact("Installs", format!("{} (shown to you, and never done)", what.trim()));
    }
    fact(
        "Tool",
        wants["tool"].as_str().map_or_else(String::new, |tool| {
            format!("{}: its command calls it without asking a model", legible::line(tool))
        }),
    );
    text.push_str(
        "\nIt is text. It has no rights: what it tells the model to do goes through tools, each with its own grants.\n",
    );
    text.push_str(&changes(&offer["installed"]));
    if !offer["suspicious"].is_null() {
        let reasons = list(&offer["suspicious"]);
        text.push_str(&format!("\nClawHub calls it suspicious: {reasons}\n"));
    }
    if items(&offer["findings"]).next().is_some() {
        text.push_str("\nLooked over, this deserves a second thought:\n");
        items(&offer["findings"]).for_each(|it| text.push_str(&format!("  ! {}\n", line(&it["what"]))));
    }
    text
}

fn files(files: &Value) -> String {
    let bytes: u64 = items(files).filter_map(|file| file["bytes"].as_u64()).sum();
    let count = items(files).count();
    let named = items(files).take(NAMED).map(|file| line(&file["path"])).collect::<Vec<_>>().join(", ");
    let more = if count > NAMED { format!(", and {} more", count - NAMED) } else { String::new() };
    format!("{count}, {} KiB: {named}{more}", bytes.div_ceil(1024))
}

fn changes(installed: &Value) -> String {
    if installed.is_null() {
        return String::new();
    }
    let mut text = format!("\nInstalled is version {}.\n", line(&installed["version"]));
    if installed["otherOwner"] == true {
        text.push_str("  ~ it comes from another owner\n");
    }
    for change in items(&installed["changed"]) {
        text.push_str(&format!("  ~ {}: {}\n", line(&change["path"]), word(&change["why"])));
    }
    text
}

fn list(list: &Value) -> String {
    items(list).map(line).collect::<Vec<_>>().join(", ")
}

fn line(value: &Value) -> String {
    legible::line(&word(value)).into_owned()
}
