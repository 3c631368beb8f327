//! Commands of people that the host obeys by itself: known by their ids like messages, and no part of a conversation.
//!
//! ```text
//! begin_command, receive ──► open ──end_command──► answered ──forget_commands──► gone
//! ```
//! A command is durable before anything of it is done, and its answer together with the messages that bring it: who sends
//! it once more gets the same answer, and nothing is done again. One that is open when the host starts was cut off.

use claw_core::id::{RunId, SessionKey, Timestamp};
use claw_core::inbound::Source;
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::outbox::{self, Outgoing};
use crate::row::{Row, decode};
use crate::run;
use crate::store::Store;
use crate::tables::{self, Bytes, Snapshot};

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRow {
    /// Its id.
    pub run: RunId,
    /// The conversation that it was given in.
    pub session: SessionKey,
    /// Who gave it.
    pub source: Source,
    /// The chat that it came from, and its answer goes to; none over the gateway.
    pub chat: Option<String>,
    /// As it was written.
    pub text: String,
    /// Whether it may change anything.
    pub changes: bool,
    /// When it came.
    pub at: Timestamp,
    /// Its answer, once it has ended.
    pub answer: Option<String>,
}

impl Row for CommandRow {
    const KIND: &'static str = "command";
    const VERSION: u8 = 1;
}

/// What becomes of a command that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is to be done.
    New,
    /// It came before, and is being done.
    Open,
    /// It came before, and this is its answer.
    Answered(String),
}

impl Store {
    /// Takes a command in, if it is not known.
    ///
    /// # Errors
    /// [`StoreError::RunTaken`] if its id is a message's.
    pub async fn begin_command(&self, command: CommandRow) -> Result<Begun, StoreError> {
        self.write(move |tables| {
            if run::find(&tables.runs, &command.run)?.is_some() {
                return Err(StoreError::RunTaken { run: command.run }.into());
            }
            let known = known(&tables.commands()?, &command.run)?;
            let changes = if known == Begun::New { vec![Change::Command(Box::new(command))] } else { Vec::new() };
            Ok(Decided { answer: known, changes })
        })
        .await
    }

    /// Keeps a command with its answer, and puts the messages that bring it into the outbox.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn end_command(
        &self,
        command: CommandRow,
        answer: String,
        messages: Vec<Outgoing>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let command = Change::Command(Box::new(CommandRow { answer: Some(answer), ..command }));
        self.write(move |_| {
            let post = |message| Change::Post(Box::new(outbox::first(message, None, None, at)));
            let changes = messages.into_iter().map(post).chain([command]).collect();
            Ok(Decided { answer: (), changes })
        })
        .await
    }

    /// One command.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn command(&self, run: &RunId) -> Result<Option<CommandRow>, StoreError> {
        self.read(|snapshot| match snapshot.table_if_there(tables::COMMANDS)? {
            Some(commands) => find(&commands, run),
            None => Ok(None),
        })
    }

    /// For the start of the host: the commands that were cut off, in the order in which they came.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn open_commands(&self) -> Result<Vec<CommandRow>, StoreError> {
        let mut open = self.read(all)?;
        open.retain(|row| row.answer.is_none());
        open.sort_by_key(|row| row.at);
        Ok(open)
    }

    /// Forgets commands that came before a moment, and those that are to be as if they had not come. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn forget_commands(&self, before: Timestamp, runs: Vec<RunId>) -> Result<usize, StoreError> {
        let old = self.read(all)?.into_iter().filter(|row| row.at < before && row.answer.is_some());
        let gone: Vec<_> = old.map(|row| row.run).chain(runs).collect();
        if gone.is_empty() {
            return Ok(0);
        }
        self.write(move |_| {
            let answer = gone.len();
            Ok(Decided { answer, changes: gone.into_iter().map(|run| Change::ForgetCommand { run }).collect() })
        })
        .await
    }
}

fn all(snapshot: &Snapshot) -> Result<Vec<CommandRow>, Failure> {
    let Some(commands) = snapshot.table_if_there(tables::COMMANDS)? else { return Ok(Vec::new()) };
    commands
        .iter()?
        .map(|item| item.map_err(Into::into).and_then(|(run, row)| Ok(decode(run.value(), row.value())?)))
        .collect()
}

/// What becomes of a command of this id.
pub(crate) fn known(commands: &impl ReadableTable<&'static str, Bytes>, run: &RunId) -> Result<Begun, Failure> {
    Ok(match find(commands, run)? {
        None => Begun::New,
        Some(CommandRow { answer: Some(answer), .. }) => Begun::Answered(answer),
        Some(_) => Begun::Open,
    })
}

fn find(commands: &impl ReadableTable<&'static str, Bytes>, run: &RunId) -> Result<Option<CommandRow>, Failure> {
    let row = commands.get(run.as_str())?;
    Ok(row.map(|row| decode(run.as_str(), row.value())).transpose()?)
}

#[cfg(test)]
mod tests;
