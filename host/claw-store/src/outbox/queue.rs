//! The rows of the outbox with their four indexes: the queues of the chats, who is due, the states, and the conversations.

use claw_core::id::{Digest, SessionKey, Timestamp};
use redb::{ReadableTable, Table};

use crate::card;
use crate::error::{Failure, StoreError, cause};
use crate::row::{StoredOutgoing, StoredSending, decode, encode};
use crate::tables::{self, Bytes, OUTBOX_KEY, Snapshot, Tables};

/// How a chat is called in the tables: channel, account, chat.
type Place<'a> = (&'a str, &'a str, &'a str);

/// One message.
pub(super) fn find(outbox: &impl ReadableTable<u64, Bytes>, id: u64) -> Result<Option<StoredOutgoing>, Failure> {
    let row = outbox.get(id)?;
    Ok(row.map(|row| decode(&id.to_string(), row.value())).transpose()?)
}

/// Whether there is a message of this number.
pub(crate) fn is_there(outbox: &impl ReadableTable<u64, Bytes>, id: u64) -> Result<bool, Failure> {
    Ok(outbox.get(id)?.is_some())
}

/// One message that an index leads to.
pub(super) fn get(outbox: &impl ReadableTable<u64, Bytes>, id: u64) -> Result<StoredOutgoing, Failure> {
    let missing = || StoreError::Row { kind: "outbox", key: id.to_string(), err: cause("it is missing") };
    Ok(find(outbox, id)?.ok_or_else(missing)?)
}

/// The last number that was given.
pub(crate) fn last_number(meta: &impl ReadableTable<&'static str, u64>) -> Result<u64, Failure> {
    Ok(meta.get(OUTBOX_KEY)?.map_or(0, |last| last.value()))
}

/// The numbers of the messages in a state, from this one on.
pub(super) fn in_state<'a>(
    states: &'a impl ReadableTable<(&'static str, u64), ()>,
    state: &'a str,
    from: u64,
) -> Result<impl Iterator<Item = Result<u64, Failure>> + 'a, Failure> {
    let items = states.range((state, from)..=(state, u64::MAX))?;
    Ok(items.map(|item| Ok(item?.0.value().1)))
}

/// How many messages are in each state.
pub(crate) fn counts(snapshot: &Snapshot) -> Result<Vec<(&'static str, u64)>, Failure> {
    let states = snapshot.table(tables::OUTBOX_STATES)?;
    let count = |name| Ok((name, in_state(&states, name, 0)?.count() as u64));
    super::OutgoingState::NAMES.into_iter().map(count).collect()
}

/// The digests of all files that are to be sent.
pub(crate) fn files(snapshot: &Snapshot) -> Result<Vec<Digest>, Failure> {
    let mut files = Vec::new();
    for item in snapshot.table(tables::OUTBOX)?.iter()? {
        let (id, row) = item?;
        let row: StoredOutgoing = decode(&id.value().to_string(), row.value())?;
        files.extend(row.file.map(|file| file.digest()));
    }
    Ok(files)
}

/// The messages of a conversation.
pub(crate) fn of_session(
    of: &impl ReadableTable<(&'static str, u64), ()>,
    session: &SessionKey,
) -> Result<Vec<u64>, Failure> {
    let items = of.range((session.as_str(), 0)..=(session.as_str(), u64::MAX))?;
    items.map(|item| Ok(item?.0.value().1)).collect()
}

/// Whether a conversation has messages that are still worth sending.
pub(crate) fn holds_back(snapshot: &Snapshot, session: &SessionKey, at: Timestamp) -> Result<bool, Failure> {
    let outbox = snapshot.table(tables::OUTBOX)?;
    for id in of_session(&snapshot.table(tables::OUTBOX_OF)?, session)? {
        let row = get(&outbox, id)?;
        if row.state != StoredSending::Dead && row.expires > at {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts a new message behind all others.
pub(crate) fn append(tables: &Tables<'_>, mut row: StoredOutgoing) -> Result<(), Failure> {
    let id = last_number(&tables.meta()?)? + 1;
    row.place = id;
    put(tables, id, Some(&row))
}

/// Sets a message or, without a row, removes it; the indexes follow.
pub(crate) fn put(tables: &Tables<'_>, id: u64, row: Option<&StoredOutgoing>) -> Result<(), Failure> {
    let mut outbox = tables.outbox()?;
    let was = find(&outbox, id)?;
    let Some(to) = was.as_ref().or(row).map(|row| row.to.clone()) else { return Ok(()) };
    let (mut chats, mut states, mut of) = (tables.outbox_chats()?, tables.outbox_states()?, tables.outbox_of()?);
    let chat = (to.channel.as_str(), to.account.as_str(), to.chat.as_str());
    let due = due(&chats, &outbox, chat)?;
    if let Some(was) = &was {
        chats.remove((chat.0, chat.1, chat.2, was.place))?;
        states.remove((was.state.name(), id))?;
    }
    match row {
        Some(row) => {
            if row.state != StoredSending::Dead {
                chats.insert((chat.0, chat.1, chat.2, row.place), id)?;
            }
            states.insert((row.state.name(), id), ())?;
            if let (Some(session), None) = (&row.session, &was) {
                of.insert((session.as_str(), id), ())?;
            }
            outbox.insert(id, encode(row).as_slice())?;
            let mut meta = tables.meta()?;
            let last = last_number(&meta)?.max(id).max(row.place);
            meta.insert(OUTBOX_KEY, last)?;
        }
        None => {
            card::gone(tables, id)?;
            if let Some(session) = was.as_ref().and_then(|was| was.session.as_ref()) {
                of.remove((session.as_str(), id))?;
            }
            outbox.remove(id)?;
        }
    }
    let due_now = self::due(&chats, &outbox, chat)?;
    if due != due_now {
        let mut table = tables.outbox_due()?;
        if let Some((next, place, _)) = due {
            table.remove((chat.0, chat.1, next.0, place))?;
        }
        if let Some((next, place, id)) = due_now {
            table.insert((chat.0, chat.1, next.0, place), id)?;
        }
    }
    Ok(())
}

/// The first message of a chat, if it waits: when, its place, and its number.
fn due(
    chats: &Table<'_, (&'static str, &'static str, &'static str, u64), u64>,
    outbox: &Table<'_, u64, Bytes>,
    (channel, account, chat): Place<'_>,
) -> Result<Option<(Timestamp, u64, u64)>, Failure> {
    let first = chats.range((channel, account, chat, 0)..=(channel, account, chat, u64::MAX))?.next();
    let Some((place, id)) = first.transpose()? else { return Ok(None) };
    Ok(match get(outbox, id.value())?.state {
        StoredSending::Waiting { next } => Some((next, place.value().3, id.value())),
        StoredSending::Sending | StoredSending::Dead => None,
    })
}
