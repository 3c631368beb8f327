//! `approvals`: what waits for its owner, and the owner's answers.

use serde_json::{Value, json};

use super::card::{self, Always, Answer, Surface, Waiting};
use super::{Exit, Failure, Output};
use crate::client::Client;

pub(super) async fn list(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let waiting = card::pending(client).await?;
    let data = Value::Array(waiting.iter().map(Waiting::to_json).collect());
    output.data(&data, |_| match waiting.as_slice() {
        [] => "nothing waits for an answer".to_owned(),
        waiting => waiting.iter().map(|waiting| waiting.to_text(Surface::Shell)).collect::<Vec<_>>().join("\n"),
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn resolve(
    client: &mut Client,
    id: &str,
    answer: Answer,
    always: Always,
    output: &Output,
) -> Result<Exit, Failure> {
    let waiting = card::resolve(client, id, answer.with(always)?).await?;
    let word = match answer {
        Answer::Once => "allowed once",
        Answer::Always => "allowed for good",
        Answer::Deny => "denied",
        Answer::Pause => "denied and paused",
    };
    output.data(&json!({ "id": waiting.id, "answer": word }), |_| format!("{word}: `{}`", waiting.id))?;
    Ok(Exit::Ok)
}
