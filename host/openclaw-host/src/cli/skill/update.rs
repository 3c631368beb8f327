//! `skill update`: what is installed, fetched again from where it came from.

use claw_package::SkillRef;
use serde_json::{Value, json};

use super::show::items;
use super::{Choice, Done, accept, hub, offer};
use crate::cli::output::word;
use crate::cli::{Exit, Failure, Output};
use crate::client::Client;

/// Updates one package or skill of ClawHub.
pub(super) async fn one(client: &mut Client, name: &str, choice: &Choice, output: &Output) -> Result<Exit, Failure> {
    let done = match hub::is_meant(name) {
        true => skill(client, name, choice).await?,
        false => package(client, name, choice).await?,
    };
    done.print(output)
}

/// Updates all that is not pinned. What needs an answer that nobody gives stays as it is, and the others go on.
pub(super) async fn all(client: &mut Client, choice: &Choice, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("packages.list", json!({})).await?;
    let skills = client.call("hub.list", json!({})).await?;
    let (mut rows, mut text, mut exit) = (Vec::new(), String::new(), Exit::Ok);
    for (known, is_skill) in
        items(&list["packages"]).map(|it| (it, false)).chain(items(&skills["skills"]).map(|it| (it, true)))
    {
        let name = if is_skill { hub::name(known) } else { word(&known["name"]) };
        let done = match (known["isPinned"] == true, is_skill) {
            (true, _) => {
                let said = format!("`{name}` stays at version {}: it is pinned", word(&known["version"]));
                Ok(Done { data: json!({"version": known["version"], "isPinned": true}), said })
            }
            (false, false) => package(client, &name, choice).await,
            // It asks for no grants that could be kept.
            (false, true) => skill(client, &name, &Choice { yes: choice.yes, ..Choice::default() }).await,
        };
        match done {
            Ok(Done { data, said }) => {
                rows.push(json!({"name": name, "version": data["version"], "isPinned": data["isPinned"] == true}));
                text.push_str(&format!("{said}\n"));
            }
            Err(failure) if failure.exit() == Exit::Unreachable => return Err(failure),
            Err(failure) => {
                exit = Exit::Failed;
                rows.push(json!({"name": name, "version": known["version"], "error": failure.to_json()["error"]}));
                text.push_str(&format!("`{name}` stays at version {}\n", word(&known["version"])));
                text.push_str(&failure.to_text());
            }
        }
    }
    output.data(&Value::Array(rows), |_| if text.is_empty() { "nothing is installed\n".to_owned() } else { text })?;
    Ok(exit)
}

async fn package(client: &mut Client, name: &str, choice: &Choice) -> Result<Done, Failure> {
    choice.expect_no_hub()?;
    let list = client.call("packages.list", json!({})).await?;
    let package = items(&list["packages"]).find(|it| it["name"] == name);
    let package = package.ok_or_else(|| not_installed(&format!("package `{name}`")))?;
    expect_not_pinned(package, name)?;
    let offer = offer(client, json!({ "source": package["source"] })).await?;
    if offer["name"] != name {
        let message = format!("`{}` has a package `{}` now", word(&package["source"]), word(&offer["name"]));
        return Err(
            Failure::message(Exit::Failed, message).hint("`openclaw-host skill install` takes it as another one")
        );
    }
    accept(client, &offer, choice).await
}

async fn skill(client: &mut Client, name: &str, choice: &Choice) -> Result<Done, Failure> {
    let SkillRef { owner, slug, version } =
        crate::hub::named(name).map_err(|err| Failure::new(Exit::Usage, anyhow::Error::new(err)))?;
    let list = client.call("hub.list", json!({})).await?;
    let known = items(&list["skills"]).find(|it| it["slug"] == slug.as_str());
    let known = known.ok_or_else(|| not_installed(&format!("skill `clawhub:{slug}`")))?;
    expect_not_pinned(known, &hub::name(known))?;
    // Another owner may have a skill of this name by now.
    let owner = owner.or_else(|| known["owner"].as_str().map(str::to_owned));
    hub::install(client, &SkillRef { owner, slug, version }.to_string(), choice).await
}

fn not_installed(what: &str) -> Failure {
    let hint = "`openclaw-host skill list` shows what is installed";
    Failure::message(Exit::Failed, format!("no {what} is installed")).hint(hint)
}

fn expect_not_pinned(known: &Value, name: &str) -> Result<(), Failure> {
    if known["isPinned"] != true {
        return Ok(());
    }
    let message = format!("`{name}` is pinned to version {}", word(&known["version"]));
    Err(Failure::message(Exit::Failed, message).hint(format!("`openclaw-host skill unpin {name}` lets it change")))
}
