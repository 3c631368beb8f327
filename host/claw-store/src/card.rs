//! Cards in chats: which message shows which questions, so that it can say what was answered, wherever that was.
//!
//! ```text
//! post_card ──► in the outbox ──sent──► shown ──all questions answered──► its change in the outbox, and its row gone
//!                     └──all questions answered──► to be changed ──sent──┘
//! ```

use claw_core::id::{ApprovalId, SessionKey, Timestamp};
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::outbox::{self, Content, Outgoing};
use crate::row::{Row, StoredRoute, decode};
use crate::session;
use crate::store::Store;
use crate::tables::{Bytes, Tables};

/// A card, by the number of the message that ends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCard {
    pub session: SessionKey,
    to: StoredRoute,
    /// What it says once all is answered, before the answers.
    title: String,
    /// Questions without an answer.
    open: Vec<ApprovalId>,
    answers: Vec<String>,
    /// The service's id of the message.
    message: Option<String>,
    ttl_ms: u64,
}

impl Row for StoredCard {
    const KIND: &'static str = "card";
    const VERSION: u8 = 1;
}

impl StoredCard {
    /// What its message says from now on.
    fn changed(&self, message: &str, at: Timestamp) -> Change {
        let changed = Outgoing {
            to: self.to.clone().into(),
            content: Content::Text(format!("{}\n{}", self.title, self.answers.join("\n"))),
            reply_to: None,
            replaces: Some(message.to_owned()),
            ttl: std::time::Duration::from_millis(self.ttl_ms),
        };
        Change::Post(Box::new(outbox::first(changed, Some(&self.session), None, at)))
    }
}

impl Store {
    /// Puts the messages of a card into the outbox; the last of them is changed once its questions are answered, to `title`
    /// and the answers.
    ///
    /// # Errors
    /// [`StoreError::UnknownSession`] if the conversation is not there.
    pub async fn post_card(
        &self,
        session: &SessionKey,
        (title, questions): (String, Vec<ApprovalId>),
        messages: Vec<Outgoing>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let session = session.clone();
        self.write(move |tables| {
            if session::find(&tables.sessions, &session)?.is_none() {
                return Err(StoreError::UnknownSession { session: session.clone() }.into());
            }
            let mut changes = Vec::new();
            if let Some(last) = messages.last() {
                let number = outbox::last_number(&tables.meta()?)? + messages.len() as u64;
                let (session, to, ttl_ms) = (session.clone(), last.to.clone().into(), last.ttl.as_millis() as u64);
                let (answers, message) = (Vec::new(), None);
                let row = StoredCard { session, to, title, open: questions, answers, message, ttl_ms };
                changes.push(Change::Card { number, row: Some(Box::new(row)) });
            }
            let post = |message| Change::Post(Box::new(outbox::first(message, Some(&session), None, at)));
            changes.extend(messages.into_iter().map(post));
            Ok(Decided { answer: (), changes })
        })
        .await
    }

    /// Notes what became of a question; `answer` says so in a line. Says whether a message is to be sent for it.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn answer_card(&self, question: &ApprovalId, answer: String, at: Timestamp) -> Result<bool, StoreError> {
        let question = question.clone();
        self.write(move |tables| {
            for item in tables.cards()?.iter()? {
                let (number, row) = item?;
                let number = number.value();
                let mut row: StoredCard = decode(&number.to_string(), row.value())?;
                if !row.open.contains(&question) {
                    continue;
                }
                row.open.retain(|open| *open != question);
                row.answers.push(answer);
                let is_answered = row.open.is_empty();
                let changes = match row.message.take_if(|_| is_answered) {
                    Some(message) => vec![row.changed(&message, at), Change::Card { number, row: None }],
                    None if is_answered && !outbox::is_there(&tables.outbox()?, number)? => {
                        vec![Change::Card { number, row: None }]
                    }
                    None => vec![Change::Card { number, row: Some(Box::new(row)) }],
                };
                return Ok(Decided { answer: changes.len() == 2, changes });
            }
            Ok(Decided::unchanged(false))
        })
        .await
    }
}

/// What follows for a card when its message has been sent.
pub(crate) fn sent(tables: &Tables<'_>, number: u64, message: &str, at: Timestamp) -> Result<Vec<Change>, Failure> {
    let Some(mut row) = find(&tables.cards()?, number)? else { return Ok(Vec::new()) };
    if row.open.is_empty() {
        return Ok(vec![row.changed(message, at), Change::Card { number, row: None }]);
    }
    row.message = Some(message.to_owned());
    Ok(vec![Change::Card { number, row: Some(Box::new(row)) }])
}

/// A message is not to be sent any more: if a card was to end with it, there is nothing to change.
pub(crate) fn gone(tables: &Tables<'_>, number: u64) -> Result<(), Failure> {
    let mut cards = tables.cards()?;
    if find(&cards, number)?.is_some_and(|row| row.message.is_none()) {
        cards.remove(number)?;
    }
    Ok(())
}

fn find(cards: &impl ReadableTable<u64, Bytes>, number: u64) -> Result<Option<StoredCard>, Failure> {
    let row = cards.get(number)?;
    Ok(row.map(|row| decode(&number.to_string(), row.value())).transpose()?)
}

#[cfg(test)]
mod tests;
