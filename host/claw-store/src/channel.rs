//! What comes in over channels: a batch of messages together with how far the account has been read, so that what was
//! taken in is not asked for again, and what was not taken in is.

use std::collections::BTreeMap;

use claw_core::id::{SessionKey, Timestamp};
use claw_core::inbound::{Chat, Inbound, Source};
use claw_core::label::Labels;
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::command::{self, Begun, CommandRow};
use crate::error::{Failure, StoreError};
use crate::inbox::{Accepted, Arrivals};
use crate::preference::{self, Preferences, PreferencesOf};
use crate::row::{StoredRoute, decode, unsealed};
use crate::run;
use crate::store::Store;
use crate::tables::{self, Bytes};

/// One message of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The message. Its run id comes from the channel, the account, the chat and the service's id of the message, so that
    /// one that is delivered again is known.
    pub inbound: Inbound,
    /// The service's name of the chat that it came from.
    pub chat: String,
    /// What it brings with it.
    pub labels: Labels,
    /// What it prefers for itself.
    pub own: Preferences,
}

impl Store {
    /// Takes in what has come on an account, and how far it was read, all at once. Says of each message and of each command
    /// what becomes of it; a message that is refused does not hold up the others. A conversation that a new message comes
    /// into belongs to the chat of that message from then on.
    ///
    /// A message is known by its source and its run id, whichever conversation it would come into today.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written; nothing is taken in then. For a single message:
    /// [`StoreError::RunTaken`] if the run id came from another source before.
    pub async fn receive(
        &self,
        source: &Source,
        messages: Vec<Received>,
        commands: Vec<CommandRow>,
        cursor: Vec<u8>,
        at: Timestamp,
    ) -> Result<(Vec<Result<Accepted, StoreError>>, Vec<Begun>), StoreError> {
        let source = source.clone();
        self.write(move |tables| {
            let (mut arrivals, mut answer, mut routes) = (Arrivals::open(tables)?, Vec::new(), BTreeMap::new());
            let mut preferred = Vec::new();
            for Received { inbound, chat, labels, own } in messages {
                let known = run::find(&tables.runs, &inbound.run)?;
                let known = known.filter(|row| row.channel == source.channel && row.account == source.account);
                if let Some(row) = known {
                    answer.push(Ok(Accepted::Duplicate(row.state())));
                    continue;
                }
                let (key, run) = (inbound.session.clone(), inbound.run.clone());
                let inbound = Inbound { source: source.clone(), ..inbound };
                match arrivals.take(inbound, &labels, at) {
                    Ok(accepted) => {
                        if accepted == Accepted::New {
                            routes.insert(key, Chat { source: source.clone(), id: chat });
                            if !own.is_empty() {
                                preferred.push(preference::set(&PreferencesOf::Run(run), &own));
                            }
                        }
                        answer.push(Ok(accepted));
                    }
                    Err(Failure::Refused(err)) => answer.push(Err(err)),
                    Err(failure) => return Err(failure),
                }
            }
            let mut changes = arrivals.finish();
            changes.extend(preferred);
            let mut begun = Vec::new();
            for row in commands {
                begun.push(command::known(&tables.commands()?, &row.run)?);
                if begun.last() == Some(&Begun::New) {
                    changes.push(Change::Command(Box::new(row)));
                }
            }
            for (key, chat) in routes {
                if find(&tables.routes()?, &key)?.as_ref() != Some(&chat) {
                    changes.push(Change::Route { key, chat });
                }
            }
            if find_cursor(&tables.cursors()?, &source)?.as_ref() != Some(&cursor) {
                changes.push(Change::Cursor { source, cursor });
            }
            Ok(Decided { answer: (answer, begun), changes })
        })
        .await
    }

    /// How far the messages of an account were taken in; `None` before the first time.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn cursor(&self, source: &Source) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|snapshot| find_cursor(&snapshot.table(tables::CURSORS)?, source))
    }

    /// The chat that a conversation belongs to; `None` if no message of a channel has come into it.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn route_of(&self, session: &SessionKey) -> Result<Option<Chat>, StoreError> {
        self.read(|snapshot| find(&snapshot.table(tables::ROUTES)?, session))
    }
}

fn find(routes: &impl ReadableTable<&'static str, Bytes>, session: &SessionKey) -> Result<Option<Chat>, Failure> {
    let row = routes.get(session.as_str())?;
    Ok(row.map(|row| decode::<StoredRoute>(session.as_str(), row.value())).transpose()?.map(Chat::from))
}

fn find_cursor(
    cursors: &impl ReadableTable<(&'static str, &'static str), Bytes>,
    Source { channel, account }: &Source,
) -> Result<Option<Vec<u8>>, Failure> {
    let row = cursors.get((channel.as_str(), account.as_str()))?;
    let read = row.map(|row| Ok(unsealed("cursor", &format!("{channel} {account}"), row.value())?.to_vec()));
    read.transpose()
}

#[cfg(test)]
mod tests;
