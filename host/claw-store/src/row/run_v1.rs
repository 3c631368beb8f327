//! Runs as of version 1: without images.

use claw_core::id::{RunId, SessionKey, Timestamp};
use claw_core::inbound::Origin;
use serde::Deserialize;

use super::{StoredEnd, StoredRun, named};

#[derive(Deserialize)]
pub(super) struct RunV1 {
    run: RunId,
    session: SessionKey,
    channel: String,
    account: String,
    #[serde(with = "named")]
    origin: Origin,
    text: String,
    arrival: u64,
    epoch: Option<u64>,
    running: bool,
    end: Option<StoredEnd>,
    attempts: u32,
    received_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl From<RunV1> for StoredRun {
    fn from(row: RunV1) -> Self {
        let RunV1 { run, session, channel, account, origin, text, arrival, epoch, running, end, .. } = row;
        let RunV1 { attempts, received_at, ended_at, .. } = row;
        let images = Vec::new();
        StoredRun {
            run,
            session,
            channel,
            account,
            origin,
            text,
            arrival,
            epoch,
            running,
            end,
            attempts,
            received_at,
            ended_at,
            images,
        }
    }
}
