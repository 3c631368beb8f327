//! An answer that is sent while its model still speaks.

use std::sync::Arc;

use claw_core::inbound::Chat;
use claw_core::outbound::Blocks;
use claw_store::{Outgoing, RunRow, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::preview::Preview;
use super::reply::{self, Way};
use crate::causes;
use crate::host::{Host, now};
use crate::settings::StreamingWord;

/// One answer of a model, of which people see something before all of it is there.
pub enum Stream {
    /// Finished blocks are sent.
    Blocks(Box<BlockStream>),
    /// One message grows.
    Preview(Preview),
}

/// What people have seen of an answer that is not recorded yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    #[default]
    Nothing,
    /// So many of its blocks are in the outbox.
    Blocks(usize),
    /// Its beginning, in the message that the service calls so.
    Preview(String),
}

/// One answer of a model, of which finished blocks are sent.
pub struct BlockStream {
    blocks: Blocks,
    chat: Chat,
    is_first: bool,
    /// The service's id of the message that is answered.
    own: Option<String>,
    ready: mpsc::UnboundedSender<Outgoing>,
    posting: JoinHandle<usize>,
}

impl Stream {
    /// For a run over a channel whose owner wants that; `None` for others.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn begin(host: &Arc<Host>, row: &RunRow) -> Result<Option<Stream>, StoreError> {
        let Some(way) = Way::of_run(host, row)? else { return Ok(None) };
        let own = way.own(row);
        Ok(match way.streaming() {
            StreamingWord::Off => None,
            StreamingWord::Block => Some(Stream::Blocks(Box::new(BlockStream::begin(host, row, way, own)))),
            StreamingWord::Preview => Some(Stream::Preview(Preview::begin(host, way, own))),
        })
    }

    /// The model said a bit more.
    pub fn push(&mut self, delta: &str) {
        match self {
            Stream::Blocks(blocks) => blocks.push(delta),
            Stream::Preview(preview) => preview.push(delta),
        }
    }

    /// What people have seen; the rest is to be sent with what records the answer.
    pub async fn end(self) -> Shown {
        match self {
            Stream::Blocks(blocks) => Shown::Blocks(blocks.end().await),
            Stream::Preview(preview) => preview.end().await.map_or(Shown::Nothing, Shown::Preview),
        }
    }
}

impl BlockStream {
    fn begin(host: &Arc<Host>, row: &RunRow, way: Way<'_>, own: Option<String>) -> BlockStream {
        let blocks = way.blocks();
        let chat = way.chat;
        let (ready, mut finished) = mpsc::unbounded_channel::<Outgoing>();
        let (host, session) = (Arc::clone(host), row.session.clone());
        let posting = tokio::spawn(async move {
            let mut count = 0;
            while let Some(block) = finished.recv().await {
                if let Err(err) = host.store.post(Some(&session), vec![block], now()).await {
                    tracing::error!(%session, error = causes::chain(&err), "an answer is not sent while it is written");
                    break;
                }
                host.channels.wake();
                count += 1;
            }
            count
        });
        BlockStream { blocks, chat, own, is_first: true, ready, posting }
    }

    fn push(&mut self, delta: &str) {
        for text in self.blocks.push(delta) {
            let first = std::mem::take(&mut self.is_first).then(|| self.blocks.asides().reply_to.clone());
            let reply_to = reply::answered(first.flatten(), self.own.as_deref());
            let block = Outgoing { reply_to, ..reply::message(&self.chat, text) };
            // Nobody listens once one could not be kept; the end of the run sends the rest.
            let _ = self.ready.send(block);
        }
    }

    /// How many blocks are in the outbox.
    async fn end(self) -> usize {
        drop(self.ready);
        self.posting.await.unwrap_or_default()
    }
}
