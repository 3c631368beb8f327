//! `skill`: packages, installed and removed by their owner.

mod ask;
mod author;
mod cases;
mod check;
mod folder;
mod hub;
mod lock;
mod project;
mod publish;
mod revoke;
mod rig;
mod show;
mod talk;
mod update;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::client::{Client, ClientError};
use crate::settings::Env;

use self::author::AuthorCommand;

/// How long a package may take to come from its server and to be compiled: one with an interpreter has 18 MiB.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Debug, Subcommand)]
pub(super) enum SkillCommand {
    #[command(flatten)]
    Author(AuthorCommand),
    #[command(flatten)]
    Owner(OwnerCommand),
}

/// What an owner does; a host has to run.
#[derive(Debug, Subcommand)]
pub(super) enum OwnerCommand {
    /// Find skills on ClawHub
    Search {
        /// What to look for
        #[arg(required = true)]
        words: Vec<String>,
        /// How many at most
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Show what a package would be able to do, and install nothing
    Inspect {
        #[command(flatten)]
        from: From,
        /// Print its README instead, if one lies beside it in its folder or registry
        #[arg(long)]
        readme: bool,
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
        #[arg(required_unless_present = "all")]
        name: Option<String>,
        /// Update all packages and skills of ClawHub that are not pinned; what would need another answer stays as it is
        #[arg(long, conflicts_with_all = ["name", "grant", "grant_all", "grant_none", "accept_publisher", "accept_suspicious", "force"])]
        all: bool,
        #[command(flatten)]
        choice: Choice,
    },
    /// Go back to the version before, with the grants that it had
    Rollback {
        /// Its name
        name: String,
        /// Overwrite files of a skill of ClawHub that were changed here
        #[arg(long)]
        force: bool,
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
    /// Say that something must not run: it is turned off at once and stays off
    Revoke {
        /// A SHA-256, a publisher as a minisign key, `sigstore:NAME via ISSUER` or `sigstore-key:BASE64`,
        /// `clawhub:SLUG[@VERSION]`, or the name of a package
        what: String,
        /// Why, for whoever looks later
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Take a revocation back
    Unrevoke {
        /// What, as `skill revocations` shows it
        what: String,
    },
    /// List what must not run
    Revocations {
        /// Fetch the list that `packages.revocations` names first
        #[arg(long)]
        fetch: bool,
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
    /// A file `NAME.wasm`, a folder with one, `https://…/NAME.wasm`, `oci://HOST/REPOSITORY[:TAG][@sha256:…]`, or
    /// `clawhub:[OWNER/]SLUG[@VERSION]`
    source: String,
    /// The publisher: a minisign key as it stands in `minisign.pub`, `sigstore:NAME via ISSUER`, `sigstore-key:BASE64`, or
    /// the text of a `cosign.pub`
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
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
    #[command(flatten)]
    hub: HubChoice,
}

/// What is said to a skill of ClawHub besides.
#[derive(Debug, Default, Args)]
struct HubChoice {
    /// Take a skill although ClawHub calls it suspicious
    #[arg(long)]
    accept_suspicious: bool,
    /// Overwrite files of a skill that were changed here
    #[arg(long)]
    force: bool,
}

impl From {
    fn expect_no_key(&self) -> Result<(), Failure> {
        match self.key {
            None => Ok(()),
            Some(_) => Err(Failure::message(Exit::Usage, "skills of ClawHub are not signed; leave `--key` out")),
        }
    }
}

impl Choice {
    fn expect_no_hub(&self) -> Result<(), Failure> {
        match self.hub {
            HubChoice { accept_suspicious: false, force: false } => Ok(()),
            _ => Err(for_hub("`--accept-suspicious` and `--force` are")),
        }
    }

    fn speaks_of_grants(&self) -> bool {
        !self.grant.is_empty() || self.grant_all || self.grant_none || self.grant_kept
    }
}

pub(super) async fn skill(command: SkillCommand, home: &Path, env: &Env, output: &Output) -> Result<Exit, Failure> {
    match command {
        SkillCommand::Author(command) => author::author(command, home, env, output).await,
        SkillCommand::Owner(command) => owner(command, &mut Client::connect(home).await?, output).await,
    }
}

async fn owner(command: OwnerCommand, client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    match command {
        OwnerCommand::Lock => lock::lock(client, output).await,
        OwnerCommand::Restore { file, yes } => lock::restore(client, &file, yes, output).await,
        OwnerCommand::Search { words, limit } => hub::search(client, &words.join(" "), limit, output).await,
        OwnerCommand::Inspect { from, readme } if hub::is_meant(&from.source) => {
            if readme {
                return Err(Failure::message(Exit::Usage, "skills of ClawHub have a `SKILL.md`; leave `--readme` out"));
            }
            hub::inspect(client, &from, output).await
        }
        OwnerCommand::Install { from, choice } if hub::is_meant(&from.source) => {
            from.expect_no_key()?;
            hub::install(client, &from.source, &choice).await?.print(output)
        }
        OwnerCommand::Remove { name } if hub::is_meant(&name) => hub::remove(client, &name, output).await,
        OwnerCommand::Inspect { from, readme } => {
            let offer = prepare(client, &from).await?;
            match readme {
                true => output.data(&offer["readme"], |_| show::readme(&offer))?,
                false => output.data(&offer, show::offer)?,
            }
            Ok(Exit::Ok)
        }
        OwnerCommand::Install { from, choice } => {
            choice.expect_no_hub()?;
            let offer = prepare(client, &from).await?;
            accept(client, &offer, &choice).await?.print(output)
        }
        OwnerCommand::List => list(client, output).await,
        OwnerCommand::Update { name: Some(name), choice, .. } => update::one(client, &name, &choice, output).await,
        OwnerCommand::Update { name: None, choice, .. } => update::all(client, &choice, output).await,
        OwnerCommand::Rollback { name, force } => {
            let package = match hub::is_meant(&name) {
                true => client.call("hub.rollback", json!({ "skill": name, "overwrite": force })).await?,
                false if force => return Err(for_hub("`--force` is")),
                false => client.call("packages.rollback", json!({ "name": name })).await?,
            };
            output.data(&package, |it| format!("`{name}` is at version {} again", word(&it["version"])))?;
            Ok(Exit::Ok)
        }
        OwnerCommand::Pin { name } => {
            let package = of(client, "pin", &name).await?;
            output.data(&package, |it| format!("`{name}` stays at version {}", word(&it["version"])))?;
            Ok(Exit::Ok)
        }
        OwnerCommand::Unpin { name } => {
            let package = of(client, "unpin", &name).await?;
            output.data(&package, |_| format!("`{name}` may change again"))?;
            Ok(Exit::Ok)
        }
        OwnerCommand::Remove { name } => {
            let removed = client.call("packages.remove", json!({ "name": name })).await?;
            output.data(&removed, |removed| {
                let mut text = format!("`{name}` is gone, with its grants, files and keys\n");
                for secret in show::items(&removed["secrets"]).map(word) {
                    text.push_str(&format!(
                        "the secret `{secret}` was for it alone and stays: `openclaw-host secret remove {secret}` takes it out \
                         of the vault\n"
                    ));
                }
                text
            })?;
            Ok(Exit::Ok)
        }
        OwnerCommand::Revoke { what, reason } => revoke::revoke(client, &what, &reason, output).await,
        OwnerCommand::Unrevoke { what } => revoke::unrevoke(client, &what, output).await,
        OwnerCommand::Revocations { fetch } => revoke::list(client, fetch, output).await,
        OwnerCommand::Verify { name } => verify(client, name, output).await,
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

/// What has become of something: for programs, and for people.
struct Done {
    data: Value,
    said: String,
}

impl Done {
    fn print(self, output: &Output) -> Result<Exit, Failure> {
        output.data(&self.data, |_| self.said)?;
        Ok(Exit::Ok)
    }
}

fn for_hub(flags: &str) -> Failure {
    Failure::message(Exit::Usage, format!("{flags} for skills of ClawHub")).hint("leave it out for packages")
}

/// Asks for something that can be done with packages and with skills of ClawHub.
async fn of(client: &mut Client, what: &str, name: &str) -> Result<Value, Failure> {
    Ok(match hub::is_meant(name) {
        true => client.call(&format!("hub.{what}"), json!({ "skill": name })).await?,
        false => client.call(&format!("packages.{what}"), json!({ "name": name })).await?,
    })
}

/// Asks what the flags have not said, and installs.
async fn accept(client: &mut Client, offer: &Value, choice: &Choice) -> Result<Done, Failure> {
    let installed = &offer["installed"];
    if installed["isSame"] == true && !choice.speaks_of_grants() {
        let said = format!("`{}` is at this version already", word(&offer["name"]));
        return Ok(Done { data: offer.clone(), said });
    }
    let answer = ask::ask(offer, choice)?;
    let params = json!({
        "digest": offer["digest"], "grants": answer.grants, "keeps": answer.keeps,
        "otherPublisher": answer.other_publisher,
    });
    let package = client.call("packages.install", params).await?;
    let (name, version) = (word(&package["name"]), word(&package["version"]));
    let grants: Vec<_> = show::items(&package["given"]).map(|given| word(&given["shown"])).collect();
    let said = match grants.as_slice() {
        [] => format!("`{name}` {version} is installed; it was given nothing"),
        grants => format!("`{name}` {version} is installed; it was given: {}", grants.join("; ")),
    };
    Ok(Done { data: package, said })
}

async fn list(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let mut list = client.call("packages.list", json!({})).await?;
    list["skills"] = client.call("hub.list", json!({})).await?["skills"].take();
    output.data(&list, |list| {
        let row = |it: &Value| {
            let digest = word(&it["digest"]).chars().take(12).collect();
            [word(&it["name"]), word(&it["version"]), digest, word(&it["publisher"]), state(it)]
        };
        let rows: Vec<_> = list["packages"].as_array().into_iter().flatten().map(row).collect();
        let skills = hub::listed(&list["skills"]);
        match (rows.as_slice(), skills.is_empty()) {
            ([], true) => "no packages are installed\n".to_owned(),
            ([], false) => skills,
            (rows, true) => table(["NAME", "VERSION", "SHA256", "PUBLISHER", ""], rows),
            (rows, false) => format!("{}\n{skills}", table(["NAME", "VERSION", "SHA256", "PUBLISHER", ""], rows)),
        }
    })?;
    Ok(Exit::Ok)
}

/// What keeps something installed from what one would expect of it.
fn state(installed: &Value) -> String {
    match (installed["error"].as_str(), installed["isPinned"] == true) {
        (Some(why), _) => format!("off: {why}"),
        (None, true) => "pinned".to_owned(),
        (None, false) => String::new(),
    }
}

async fn verify(client: &mut Client, name: Option<String>, output: &Output) -> Result<Exit, Failure> {
    let names = match name {
        Some(name) => vec![name],
        None => {
            let list = client.call("packages.list", json!({})).await?;
            let packages = list["packages"].as_array().into_iter().flatten().map(|it| word(&it["name"]));
            packages.chain(hub::names(client).await?).collect()
        }
    };
    let mut verified = Vec::new();
    for name in names {
        verified.push(of(client, "verify", &name).await?);
    }
    let has_any = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
    let is_broken = |it: &Value| has_any(&it["broken"]) || has_any(&it["changed"]);
    let exit = if verified.iter().any(is_broken) { Exit::Failed } else { Exit::Ok };
    output.data(&Value::Array(verified), |verified| {
        let mut text = String::new();
        for package in verified.as_array().into_iter().flatten() {
            if package["slug"].is_string() {
                text.push_str(&hub::verified(package));
                continue;
            }
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
