//! A call that waits for its owner, as it is shown and answered here.

use claw_core::approval;
use claw_core::event::HOST_MARK;
use claw_core::id::Timestamp;
use claw_core::rfc3339;
use serde_json::{Value, json};

use crate::client::{Client, ClientError};
use crate::legible;

use super::{Exit, Failure};

/// The shortest part of an id that names an approval.
const MIN_PREFIX: usize = 4;

/// What the owner answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Answer {
    /// Allow exactly this call, once
    Once,
    /// Allow what a choice of the card says, for good
    Always,
    /// Refuse it
    Deny,
    /// Refuse it, and stop the component until `component resume`
    Pause,
}

/// One waiting call, read from the gateway's frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) session: String,
    component: Value,
    title: String,
    lines: Vec<(String, String)>,
    /// What may be allowed for good.
    choices: Vec<String>,
    /// The whole request, for programs.
    request: Value,
    created: Timestamp,
    expires: Timestamp,
}

/// Which commands answer a card where it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    /// `chat`.
    Chat,
    /// A shell.
    Shell,
    /// None: it is asked right behind it.
    Question,
}

impl Answer {
    /// The answer that is meant, with what was chosen for `always`.
    pub(super) fn with(self, always: Always) -> Result<approval::Answer, Failure> {
        if self != Answer::Always && always != Always::default() {
            return Err(Failure::message(Exit::Usage, "`--choice`, `--uses` and `--for` go with `always` only"));
        }
        Ok(match self {
            Answer::Once => approval::Answer::Once,
            Answer::Always => approval::Answer::Always(approval::Always {
                choice: always.choice.unwrap_or(1) - 1,
                uses: always.uses,
                for_ms: always.lasts,
            }),
            Answer::Deny => approval::Answer::Deny,
            Answer::Pause => approval::Answer::Pause,
        })
    }
}

impl Waiting {
    /// Reads an element of `exec.approval.list`, or the payload of `exec.approval.requested`.
    pub(super) fn read(frame: &Value) -> Waiting {
        let request = &frame["request"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let either = |a: &Value, b: &Value| if a.is_null() { b.clone() } else { a.clone() };
        let lines = request["card"]["lines"].as_array().into_iter().flatten();
        Waiting {
            id: text(&frame["id"]),
            session: text(&either(&frame["session"], &request["sessionKey"])),
            component: either(&frame["component"], &request["component"]),
            title: text(&request["card"]["title"]),
            lines: lines.map(|line| (text(&line[0]), text(&line[1]))).collect(),
            choices: request["choices"].as_array().into_iter().flatten().map(choice).collect(),
            request: request.clone(),
            created: Timestamp(frame["createdAtMs"].as_u64().unwrap_or(0)),
            expires: Timestamp(frame["expiresAtMs"].as_u64().unwrap_or(0)),
        }
    }

    /// The card as text: nothing of it is left out or cut.
    pub(super) fn to_text(&self, surface: Surface) -> String {
        let width = self.lines.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0).max("Expires".len());
        let mut text = format!("{HOST_MARK} approval needed: {}\n", legible::line(&self.title));
        let expires = ("Expires".to_owned(), rfc3339::format(self.expires));
        let id = ("Id".to_owned(), self.id.clone());
        for (label, value) in self.lines.iter().chain([&expires, &id]) {
            text.push_str(&format!("  {:width$}  {}\n", legible::line(label), legible::line(value)));
        }
        let short = legible::line(self.id.get(..8).unwrap_or(&self.id));
        let command = match surface {
            Surface::Chat => format!("/approve {short}"),
            Surface::Shell => format!("openclaw-host approvals resolve {short}"),
            Surface::Question => return text,
        };
        for choice in &self.choices {
            text.push_str(&format!("  always: {}\n", legible::line(choice)));
        }
        let always = if self.choices.is_empty() { String::new() } else { format!("`{command} always`, ") };
        text.push_str(&format!("  answer: `{command} once`, {always}`{command} deny` or `{command} pause`\n"));
        text
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let mut call = self.request.clone();
        let card = call.as_object_mut().and_then(|call| call.remove("card")).unwrap_or_default();
        let argv = call.as_object_mut().and_then(|call| call.remove("commandArgv")).unwrap_or_else(|| json!([]));
        call["argv"] = argv;
        json!({
            "id": self.id,
            "component": self.component,
            "action": card["action"],
            "call": call,
            "card": card,
            "digest": self.request["digest"],
            "sessionKey": self.session,
            "createdAt": rfc3339::format(self.created),
            "createdAtMs": self.created.0,
            "expiresAt": rfc3339::format(self.expires),
            "expiresAtMs": self.expires.0,
        })
    }
}

/// A choice in one line.
fn choice(choice: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}: {} · {}", choice["choice"], text(&choice["label"]), text(&choice["grant"]))
}

/// For how long, and which choice, `always` is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, clap::Args)]
pub(super) struct Always {
    /// For `always`: the number of the choice on the card [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) choice: Option<u8>,
    /// For `always`: only for so many effects
    #[arg(long, value_name = "N")]
    pub(super) uses: Option<u32>,
    /// For `always`: only for so long, for example `12h` or `7d`
    #[arg(long = "for", value_name = "SPAN", value_parser = super::rights::span)]
    pub(super) lasts: Option<u64>,
}

/// All calls that wait.
pub(super) async fn pending(client: &mut Client) -> Result<Vec<Waiting>, ClientError> {
    let list = client.call("exec.approval.list", json!({})).await?;
    Ok(list.as_array().into_iter().flatten().map(Waiting::read).collect())
}

/// Answers the one waiting call whose id starts with `prefix`, and gives it.
///
/// The prefix is resolved here and the whole id sent, so that an approval that arrives in between cannot be meant.
pub(super) async fn resolve(client: &mut Client, prefix: &str, answer: approval::Answer) -> Result<Waiting, Failure> {
    let waiting = find(pending(client).await?, prefix)?;
    let mut params = json!({ "id": waiting.id });
    params["decision"] = match answer {
        approval::Answer::Once => json!("allow-once"),
        approval::Answer::Always(approval::Always { choice, uses, for_ms }) => {
            params["choice"] = json!(choice + 1);
            if let Some(uses) = uses {
                params["uses"] = json!(uses);
            }
            if let Some(for_ms) = for_ms {
                params["forSeconds"] = json!(for_ms / 1000);
            }
            json!("allow-always")
        }
        approval::Answer::Deny => json!("deny"),
        approval::Answer::Pause => json!("pause"),
    };
    client.call("exec.approval.resolve", params).await?;
    Ok(waiting)
}

/// Whether a text can name an approval at all.
pub(super) fn check_prefix(prefix: &str) -> Result<(), Failure> {
    if prefix.len() >= MIN_PREFIX && prefix.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(());
    }
    let message = format!("`{}` is no approval id: at least {MIN_PREFIX} hex digits are needed", legible::line(prefix));
    Err(Failure::message(Exit::Usage, message))
}

/// The one of `waiting` that `prefix` names.
pub(super) fn find(waiting: Vec<Waiting>, prefix: &str) -> Result<Waiting, Failure> {
    check_prefix(prefix)?;
    let prefix = prefix.to_lowercase();
    let mut named = waiting.into_iter().filter(|waiting| waiting.id.starts_with(&prefix));
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => {
            let message = format!("no approval with id `{}` is waiting", prefix);
            Err(Failure::message(Exit::Failed, message)
                .hint("it may be answered or expired; `openclaw-host approvals list` shows what waits"))
        }
        (Some(first), Some(second)) => {
            let ids: Vec<String> =
                [first, second].into_iter().chain(named).map(|waiting| format!("`{}`", waiting.id)).collect();
            let message = format!("`{prefix}` names several approvals: {}", ids.join(", "));
            Err(Failure::message(Exit::Failed, message).hint("give more digits"))
        }
    }
}
