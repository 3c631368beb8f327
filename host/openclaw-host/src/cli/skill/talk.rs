//! What is said over a channel in a test: its messages come in as the service gives them, and their answers go out.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::show::items;
use crate::cli::Failure;
use crate::cli::output::word;
use crate::client::Client;

/// How long all of it may take together: a host that has to try again waits some seconds.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Who talks over a channel, and what is to become of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Talk {
    /// The owner's ids on the service.
    pub(super) owner: Vec<String>,
    messages: Vec<Message>,
}

/// A message of the owner's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    /// What it says, as the component reads it.
    hears: String,
    /// What the service has taken as the answer.
    answers: String,
}

impl Talk {
    /// Waits until all is said and the service has taken it; then, or when it took too long, what is not as expected.
    ///
    /// # Errors
    /// If the host cannot be asked.
    pub(super) async fn wrong(
        &self,
        client: &mut Client,
        channel: &str,
    ) -> Result<Vec<(String, Vec<String>)>, Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            let log = heard(client, channel).await?;
            let waiting = client.call("outbox.list", json!({})).await?;
            let found = self.compared(&log, &waiting);
            if found.iter().all(|(_, wrong)| wrong.is_empty()) {
                return Ok(found);
            }
            if Instant::now() >= until {
                let channels = client.call("channels.status", json!({})).await?;
                return Ok(explained(found, &channels["channels"][channel]));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// What is wrong with each message; `log` has roles and texts.
    fn compared(&self, log: &[(String, String)], waiting: &Value) -> Vec<(String, Vec<String>)> {
        let message = |message: &Message| {
            let Message { hears, answers } = message;
            let mut wrong = Vec::new();
            match log.iter().position(|(role, text)| role == "user" && text == hears) {
                None => wrong.push("nobody was heard to say that".to_owned()),
                Some(place) => match log[place + 1..].iter().find(|(role, _)| role != "user") {
                    Some((_, text)) if text == answers => {}
                    Some((_, text)) => wrong.push(format!("it was answered with: {text}\n      and not: {answers}")),
                    None => wrong.push("it was not answered".to_owned()),
                },
            }
            let is_answer = |row: &&Value| word(&row["text"]).contains(answers.as_str());
            let left = items(&waiting["messages"]).find(is_answer);
            wrong.extend(left.map(|row| format!("the service did not take the answer: {}", word(&row["error"]))));
            (format!("hears `{hears}`"), wrong)
        };
        self.messages.iter().map(message).collect()
    }
}

/// What was said over the channel, one conversation after the other: the role and the text of each message.
async fn heard(client: &mut Client, channel: &str) -> Result<Vec<(String, String)>, Failure> {
    let sessions = client.call("sessions.list", json!({})).await?;
    let keys = items(&sessions["sessions"]).map(|row| word(&row["key"]));
    let mut log = Vec::new();
    for key in keys.filter(|key| key.contains(&format!(":{channel}:direct:"))) {
        let history = client.call("chat.history", json!({ "sessionKey": key, "limit": 1000 })).await?;
        let text = |entry: &Value| items(&entry["content"]).map(|part| word(&part["text"])).collect();
        log.extend(items(&history["messages"]).map(|entry| (word(&entry["role"]), text(entry))));
    }
    Ok(log)
}

/// The same, with what the host says of the channel itself.
fn explained(mut found: Vec<(String, Vec<String>)>, channel: &Value) -> Vec<(String, Vec<String>)> {
    let lacks: Vec<_> = items(&channel["lacks"]).map(word).collect();
    let lacks = (!lacks.is_empty()).then(|| format!("the channel lacks {}", lacks.join(", ")));
    let failure = channel["lastError"].as_str().map(|why| format!("the channel does not work: {why}"));
    for (_, wrong) in found.iter_mut().filter(|(_, wrong)| !wrong.is_empty()) {
        wrong.extend(failure.iter().chain(&lacks).cloned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_to_be_heard_answered_and_taken() {
        let talk: Talk = serde_json::from_value(json!({
            "owner": ["ada"], "messages": [{"hears": "say hello", "answers": "hello"}],
        }))
        .unwrap();
        let entry = |role: &str, text: &str| (role.to_owned(), text.to_owned());
        let none = json!({"messages": []});
        let wrong = |log: &[(String, String)], waiting: &Value| talk.compared(log, waiting)[0].1.join("; ");
        let (asks, answers) = (entry("user", "say hello"), entry("assistant", "hello"));
        assert_eq!(wrong(&[asks.clone(), answers.clone()], &none), "");
        assert_eq!(wrong(&[], &none), "nobody was heard to say that");
        assert_eq!(wrong(&[entry("user", "say hello "), answers.clone()], &none), "nobody was heard to say that");
        assert_eq!(wrong(std::slice::from_ref(&asks), &none), "it was not answered");
        assert!(wrong(&[asks.clone(), entry("assistant", "bye")], &none).contains("answered with: bye"));
        let waiting = json!({"messages": [{"text": "hello", "error": "the board is closed"}]});
        assert!(wrong(&[asks, answers], &waiting).contains("did not take the answer: the board is closed"));
        let found = vec![("a".to_owned(), vec!["x".to_owned()]), ("b".to_owned(), Vec::new())];
        let found = explained(found, &json!({"lastError": "no such board", "lacks": []}));
        assert_eq!((found[0].1.len(), found[1].1.len()), (2, 0));
    }
}
