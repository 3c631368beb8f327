//! `chat`: a conversation in the terminal, or over a pipe.
//!
//! On a terminal, input stays live while runs work, so that a call can be approved while its run waits. Over a pipe,
//! the next line is read when the run of the line before has ended or waits for an approval.

mod conversation;
mod input;
mod view;

use std::io::{self, IsTerminal};
use std::path::Path;

use claw_core::approval::Answer;
use claw_core::id::SessionKey;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::output::Format;
use super::{Exit, Failure, Output, agent, card};
use crate::client::{Client, Incoming, idempotency_key};

use conversation::Conversation;
use input::Line;
use view::{Prompt, View};

const HELP: &str = "\
what you type is sent to the assistant, except:
  /approve ID once    allow the call that waits under this id, once
  /approve ID always  allow what the card offers for good; `always 2` takes its second choice
  /approve ID deny    refuse it; several ids can have one answer: `/approve ID ID once`
  /approve ID pause   refuse it, and stop the component
  /approve more       let the conversation ask you more often
  /image FILE WORDS   show an image with your words
  /NAME WORDS         start the skill of this name; `openclaw-host skills list` lists them
  /commands           list what the host itself obeys: /status, /undo, /model and more
  /abort              stop what runs
  /quit               leave; Ctrl-D does the same";

const UNKNOWN: &str = "unknown command; `/help` lists them, a space in front sends it as text";

/// Whether the chat goes on.
#[derive(PartialEq)]
enum Flow {
    On,
    Off,
}

struct Chat<W> {
    client: Client,
    conversation: Conversation<W>,
}

pub(super) async fn chat(home: &Path, session: &SessionKey, output: Output) -> Result<Exit, Failure> {
    let mut client = Client::connect(home).await?;
    let on_terminal = io::stdin().is_terminal();
    let prompt = if on_terminal && output.format() == Format::Text { Prompt::Shown } else { Prompt::None };
    let view = View::new(io::stdout(), output.shade(), prompt);
    let mut conversation = Conversation::new(session.clone(), view, output.format());
    for waiting in card::pending(&mut client).await? {
        conversation.found_waiting(waiting)?;
    }
    let mut chat = Chat { client, conversation };
    // Reading ahead of the chat is pointless: the thread waits when these lines are not taken.
    let mut lines = input::spawn_reader(4)?;
    let pace = if on_terminal { Pace::Live } else { Pace::Piped };
    chat.run(&mut lines, pace).await?;
    let failed = chat.conversation.failed_runs();
    chat.client.close().await;
    match (pace, failed) {
        (Pace::Piped, 1..) => {
            Err(Failure::message(Exit::Failed, format!("{failed} of the runs did not end with an answer")))
        }
        _ => Ok(Exit::Ok),
    }
}

/// When the next line is read.
#[derive(Clone, Copy, PartialEq)]
enum Pace {
    /// At once: a person decides.
    Live,
    /// When the line before is done, or waits for an approval.
    Piped,
}

impl<W: io::Write> Chat<W> {
    async fn run(&mut self, lines: &mut mpsc::Receiver<io::Result<String>>, pace: Pace) -> Result<(), Failure> {
        let mut more = true;
        self.conversation.prompt()?;
        while more || self.conversation.is_busy() {
            let reads = more && (pace == Pace::Live || !self.conversation.is_busy() || self.conversation.is_waiting());
            tokio::select! {
                incoming = self.client.next() => self.take(incoming?)?,
                line = lines.recv(), if reads => match line {
                    Some(line) => {
                        if self.obey(Line::parse(&line?)).await? == Flow::Off {
                            return Ok(());
                        }
                    }
                    None => more = false,
                },
                _ = tokio::signal::ctrl_c() => {
                    if !self.conversation.is_busy() {
                        return Ok(());
                    }
                    self.abort().await?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, incoming: Incoming) -> Result<(), Failure> {
        match incoming {
            Incoming::Event(event) => Ok(self.conversation.take(&event)?),
            // Only answers that came too late for their request come this way.
            Incoming::Response { .. } => Ok(()),
        }
    }

    async fn obey(&mut self, line: Line) -> Result<Flow, Failure> {
        self.conversation.typed();
        match line {
            Line::Empty => {}
            Line::Quit => return Ok(Flow::Off),
            Line::Help => self.conversation.tell(HELP)?,
            Line::Abort => self.abort().await?,
            Line::Say(text) => self.say(&text, None).await?,
            Line::Show { file, text } => match agent::attachment(&file) {
                Ok(image) => self.say(&text, Some(image)).await?,
                Err(failure) => self.complain(failure)?,
            },
            Line::Approve { ids, answer } => match self.approve(&ids, answer).await {
                Ok(()) => {}
                Err(failure) => self.complain(failure)?,
            },
            Line::Other(text) if self.is_known(&text).await? => self.say(&text, None).await?,
            Line::Other(_) => self.conversation.tell(UNKNOWN)?,
            Line::Unclear(why) => self.conversation.tell(&why)?,
        }
        self.conversation.prompt()?;
        Ok(Flow::On)
    }

    /// Whether a line is a command of the host or starts a skill; a mistyped command is nothing for the model.
    async fn is_known(&mut self, text: &str) -> Result<bool, Failure> {
        let word = text.split_whitespace().next().unwrap_or_default().to_lowercase().replace('-', "_");
        if word == "/skill" {
            return Ok(true);
        }
        let known = self.client.call("commands.list", json!({})).await?;
        let commands = known["commands"].as_array().into_iter().flatten();
        let mut names = commands.flat_map(|known| known["textAliases"].as_array().into_iter().flatten());
        Ok(names.any(|name| name.as_str() == Some(word.as_str())))
    }

    /// Answers approvals; several of them in one message, so that the host takes it as one answer.
    async fn approve(&mut self, ids: &[String], answer: Answer) -> Result<(), Failure> {
        if let [id] = ids {
            let waiting = card::resolve(&mut self.client, id, answer).await?;
            self.conversation.answered(&waiting.id);
            return Ok(());
        }
        let pending = card::pending(&mut self.client).await?;
        let named = ids.iter().map(|id| Ok(card::find(pending.clone(), id)?.id));
        let ids = named.collect::<Result<Vec<_>, Failure>>()?.join(" ");
        let word = match answer {
            Answer::Once => "once",
            Answer::Deny => "deny",
            Answer::Pause => "pause",
            Answer::Always(_) => return Err(Failure::message(Exit::Usage, "`always` is for one id")),
        };
        self.say(&format!("/approve {ids} {word}"), None).await
    }

    async fn say(&mut self, text: &str, image: Option<Value>) -> Result<(), Failure> {
        let run = idempotency_key()?;
        let params = json!({
            "sessionKey": self.conversation.session().as_str(),
            "message": text,
            "deliver": false,
            "idempotencyKey": run,
            "attachments": image.as_slice(),
        });
        // Before the answer: the run's first events may arrive ahead of it.
        self.conversation.started(&run);
        match self.client.call("chat.send", params).await {
            Ok(_) => Ok(()),
            Err(err) => {
                self.conversation.refused(&run);
                self.complain(err.into())
            }
        }
    }

    async fn abort(&mut self) -> Result<(), Failure> {
        for run in self.conversation.runs() {
            agent::abort(&mut self.client, self.conversation.session(), &run).await?;
        }
        Ok(())
    }

    /// Tells what went wrong and goes on, unless the host is gone.
    fn complain(&mut self, failure: Failure) -> Result<(), Failure> {
        match failure.exit() {
            Exit::Unreachable => Err(failure),
            _ => Ok(self.conversation.tell(failure.to_text().trim_end())?),
        }
    }
}

#[cfg(test)]
mod tests;
