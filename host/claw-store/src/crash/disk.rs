//! A disk in memory that loses power, fails and fills up when it is told to.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claw_fuzz::Rng;
use redb::StorageBackend;

use crate::StoreError;
use crate::database::Engine;
use crate::open::{builder, damage};

/// What a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<State>>);

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The power goes: nothing works any more.
    Cut,
    /// A write fails, perhaps after a part of it was written.
    Write,
    /// A sync fails. As on Linux, what it should have written is lost to the disk, still read as if it were there, and
    /// no later sync writes it again.
    Sync,
    /// So many operations find no room.
    Full(u64),
}

#[derive(Debug)]
struct State {
    rng: Rng,
    /// What is read.
    cache: Vec<u8>,
    /// What outlives a power cut for certain.
    durable: Vec<u8>,
    /// What may outlive it: changes since the last sync.
    pending: Vec<Pending>,
    /// Changes and syncs so far.
    operations: u64,
    /// From which operation on, and what.
    fault: Option<(u64, Fault)>,
    /// Faults that have struck.
    struck: u64,
    off: bool,
    /// For the harness's own control: syncs do nothing.
    lies: bool,
}

#[derive(Debug)]
enum Pending {
    Len(u64),
    Write(u64, Vec<u8>),
}

impl Pending {
    fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Pending::Len(len) => bytes.resize(usize::try_from(len).unwrap(), 0),
            Pending::Write(offset, data) => {
                let at = usize::try_from(offset).unwrap();
                bytes[at..at + data.len()].copy_from_slice(&data);
            }
        }
    }
}

impl Disk {
    /// A disk with this on it.
    pub fn new(bytes: Vec<u8>, rng: &mut Rng) -> Disk {
        let (cache, rng) = (bytes.clone(), Rng::new(rng.next()));
        Disk(Arc::new(Mutex::new(State {
            rng,
            cache,
            durable: bytes,
            pending: Vec::new(),
            operations: 0,
            fault: None,
            struck: 0,
            off: false,
            lies: false,
        })))
    }

    /// Has the disk say that it has synced when it has not.
    pub fn lie(&self) {
        self.state().lies = true;
    }

    /// Has `fault` strike in so many operations.
    pub fn strike(&self, fault: Fault, after: u64) {
        let mut state = self.state();
        state.fault = Some((state.operations + after, fault));
    }

    /// No fault strikes from here on.
    pub fn heal(&self) {
        self.state().fault = None;
    }

    /// How many faults have struck.
    pub fn struck(&self) -> u64 {
        self.state().struck
    }

    /// Cuts the power, if it is still there, and says what is on the disk then: all that was synced, and of what came
    /// later any part. What is overwritten before a sync may be there in either form, and of one write one sector may
    /// be there and the next not. The length alone follows the order in which it was set, as in a journal.
    pub fn cut(&self) -> Vec<u8> {
        let mut state = self.state();
        state.off = true;
        let State { rng, durable, pending, .. } = &mut *state;
        let pending = std::mem::take(pending);
        lose_some(durable, pending, rng);
        durable.clone()
    }

    /// How a store opens this disk.
    pub fn engine(&self) -> Engine {
        let disk = self.clone();
        Box::new(move || {
            let opened = builder().create_with_backend(disk.clone());
            opened.map_err(|err| damage("/nowhere/store.redb".as_ref(), err))
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies a random part of `pending`.
fn lose_some(durable: &mut Vec<u8>, pending: Vec<Pending>, rng: &mut Rng) {
    let lengths = pending.iter().filter(|change| matches!(change, Pending::Len(_))).count();
    let mut kept_lengths = rng.below(lengths + 1);
    // All, none, or about half of the sectors.
    let odds = *rng.pick(&[0, 1, 4, 7, 8]);
    for change in pending {
        match change {
            Pending::Len(_) if kept_lengths > 0 => {
                kept_lengths -= 1;
                change.apply(durable);
            }
            Pending::Len(_) => {}
            Pending::Write(offset, bytes) => {
                let mut at = usize::try_from(offset).unwrap();
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (sector, left) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                    if rng.below(8) < odds && at + sector.len() <= durable.len() {
                        durable[at..at + sector.len()].copy_from_slice(sector);
                    }
                    at += sector.len();
                    rest = left;
                }
            }
        }
    }
}

impl State {
    /// Counts an operation; gives the fault that strikes it.
    fn operation(&mut self, is_sync: bool) -> io::Result<Option<Fault>> {
        if self.off {
            return Err(no_power());
        }
        self.operations += 1;
        let Some((from, fault)) = self.fault.filter(|(from, _)| self.operations >= *from) else { return Ok(None) };
        match fault {
            Fault::Write if is_sync => return Ok(None),
            Fault::Sync if !is_sync => return Ok(None),
            Fault::Full(_) if is_sync => return Ok(None),
            Fault::Full(length) if self.operations - from < length => {}
            Fault::Full(_) => {
                self.fault = None;
                return Ok(None);
            }
            Fault::Cut => self.off = true,
            Fault::Write | Fault::Sync => self.fault = None,
        }
        self.struck += 1;
        Ok(Some(fault))
    }

    fn put(&mut self, offset: u64, data: &[u8]) {
        let at = usize::try_from(offset).unwrap();
        self.cache[at..at + data.len()].copy_from_slice(data);
        self.pending.push(Pending::Write(offset, data.to_vec()));
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let state = self.state();
        if state.off { Err(no_power()) } else { Ok(state.cache.len() as u64) }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if state.off {
            return Err(no_power());
        }
        let at = usize::try_from(offset).unwrap();
        let found = state.cache.get(at..at + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        match state.operation(false)? {
            Some(Fault::Full(_)) if len > state.cache.len() as u64 => return Err(ErrorKind::StorageFull.into()),
            Some(Fault::Cut) => {
                state.pending.push(Pending::Len(len));
                return Err(no_power());
            }
            Some(Fault::Write) => return Err(failed()),
            Some(Fault::Full(_) | Fault::Sync) | None => {}
        }
        state.cache.resize(usize::try_from(len).unwrap(), 0);
        state.pending.push(Pending::Len(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.operation(true)?;
        if state.lies {
            return Ok(());
        }
        let State { rng, cache, durable, pending, .. } = &mut *state;
        match fault {
            None | Some(Fault::Write | Fault::Full(_)) => {
                // Only what is pending: what an earlier sync has lost stays lost.
                pending.drain(..).for_each(|change| change.apply(durable));
                Ok(())
            }
            Some(Fault::Cut) => Err(no_power()),
            Some(Fault::Sync) => {
                lose_some(durable, std::mem::take(pending), rng);
                // The length is the file system's own: what follows would otherwise lie beyond the end.
                durable.resize(cache.len(), 0);
                Err(failed())
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.operation(false)?;
        let part = state.rng.below(data.len());
        match fault {
            None | Some(Fault::Sync) => {
                state.put(offset, data);
                Ok(())
            }
            Some(Fault::Cut) => {
                state.put(offset, data);
                Err(no_power())
            }
            Some(Fault::Write) => {
                state.put(offset, &data[..part]);
                Err(failed())
            }
            Some(Fault::Full(_)) => {
                state.put(offset, &data[..part]);
                Err(ErrorKind::StorageFull.into())
            }
        }
    }
}

fn no_power() -> io::Error {
    io::Error::other("the power is cut")
}

fn failed() -> io::Error {
    io::Error::other("the disk has failed")
}

/// Whether a fault of the disk explains this; anything else is a fault of the store.
pub fn explains(err: &StoreError) -> bool {
    matches!(err, StoreError::Io { .. } | StoreError::Full { .. } | StoreError::Open { .. } | StoreError::Closed)
}
