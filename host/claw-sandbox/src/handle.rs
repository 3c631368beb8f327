//! The host's handle on one worker process.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claw_core::guard;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

mod socket;

use self::socket::{Reader, Writer};
use crate::error::SandboxError;
use crate::frame::{self, FromWorker, Start, StartFailure, ToWorker, VERSION};
use crate::limits::{HELD_BYTES, WorkerLimits};
use crate::quarantine::Quarantine;

/// What a worker may have told a call that the call has not taken yet; more is misbehaviour.
const SIGNALS: usize = 1024;
/// From the spawn to `Ready`. A worker maps its code and puts its walls up in some milliseconds.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How often a quiet worker is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One live worker. Dropping the last handle closes its socket, and with it the worker ends.
pub(crate) struct Worker {
    socket: tokio::sync::Mutex<Writer>,
    calls: Mutex<Calls>,
    next: AtomicU64,
    limits: WorkerLimits,
    record: Arc<Mutex<Quarantine>>,
    /// Bytes of frames that the host has not done with.
    room: Arc<Semaphore>,
    end: tokio_util::sync::CancellationToken,
}

/// A frame, and the room that it takes until the host is done with it.
pub(crate) struct Delivered {
    pub(crate) frame: FromWorker,
    pub(crate) room: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Calls {
    running: HashMap<u64, mpsc::Sender<Delivered>>,
    /// Set once, when the worker has died or is about to: no new call may be given to it.
    closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    /// Spawns a worker, hands it its code, and waits until its walls are up. Its crashes go into the record.
    pub(crate) async fn spawn(
        program: &Path,
        code: File,
        start: Start,
        record: Arc<Mutex<Quarantine>>,
    ) -> Result<Arc<Worker>, SandboxError> {
        let io = |err: io::Error| SandboxError::Spawn { err };
        let limits = start.limits;
        let (ours, theirs) = StdStream::pair().map_err(io)?;
        let child = Command::new(program)
            .arg("worker")
            .env_clear()
            .envs(guard::environment())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(io)?;
        send_descriptor(&ours, &code).map_err(io)?;
        ours.set_nonblocking(true).map_err(io)?;
        let (mut reader, mut writer) = socket::split(ours.into()).map_err(io)?;
        writer.write(&frame::encode(&ToWorker::Start(start)).map_err(io)?).await.map_err(io)?;
        let first = tokio::time::timeout(READY_WITHIN, reader.next()).await;
        match first.map_err(|_| SandboxError::Spawn { err: io::ErrorKind::TimedOut.into() })?.map_err(io)? {
            Some((FromWorker::Ready { version: VERSION }, _)) => {}
            Some((FromWorker::StartFailed { why }, _)) => return Err(start_failed(why)),
            _ => return Err(SandboxError::Spawn { err: io::ErrorKind::InvalidData.into() }),
        }
        let worker = Arc::new(Worker {
            socket: tokio::sync::Mutex::new(writer),
            calls: Mutex::default(),
            next: AtomicU64::new(1),
            limits,
            record,
            room: Arc::new(Semaphore::new(HELD_BYTES)),
            end: tokio_util::sync::CancellationToken::new(),
        });
        tokio::spawn(attend(Arc::clone(&worker), reader, child));
        Ok(worker)
    }

    /// Registers a call, whose first frame is then to be sent. `None` if the worker takes no more calls.
    pub(crate) fn register(&self) -> Option<(u64, mpsc::Receiver<Delivered>)> {
        let mut calls = lock(&self.calls);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if !calls.closed && id > self.limits.calls.max(1) {
            tracing::debug!(calls = self.limits.calls, "a worker is replaced after its last call");
            self.close(&mut calls);
        }
        if calls.closed {
            return None;
        }
        let (sender, receiver) = mpsc::channel(SIGNALS);
        calls.running.insert(id, sender);
        Some((id, receiver))
    }

    /// Sends a frame of a running call. Cancel-safe: the frame is sent whole, now or before the next one.
    ///
    /// # Errors
    /// If the frame is too long or the worker has died.
    pub(crate) async fn send(&self, frame: &ToWorker) -> io::Result<()> {
        self.write(&frame::encode(frame)?).await
    }

    /// Sends an encoded frame. Cancel-safe as [`Worker::send`].
    ///
    /// # Errors
    /// If the worker has died.
    pub(crate) async fn write(&self, frame: &[u8]) -> io::Result<()> {
        self.socket.lock().await.write(frame).await
    }

    /// Forgets a call whose end has been taken.
    pub(crate) fn forget(&self, id: u64) {
        let mut calls = lock(&self.calls);
        calls.running.remove(&id);
        if calls.closed {
            self.close(&mut calls);
        }
    }

    /// A call has given its result: the component does work.
    pub(crate) fn worked(&self) {
        lock(&self.record).worked();
    }

    /// Ends the process and with it all its calls.
    pub(crate) fn kill(&self) {
        lock(&self.calls).closed = true;
        self.end.cancel();
    }

    /// Finds room for a frame; `None` if the host holds too much of this worker's already.
    pub(crate) fn hold(&self, frame: FromWorker, bytes: usize) -> Option<Delivered> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()?;
        Some(Delivered { frame, room })
    }

    /// Ends a process that breaks the rules, and counts it as crashed.
    pub(crate) fn condemn(&self, why: &str) {
        tracing::warn!("a worker {why}; it is ended");
        lock(&self.record).crashed(Instant::now());
        self.kill();
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.calls).closed
    }

    pub(crate) fn running(&self) -> usize {
        lock(&self.calls).running.len()
    }

    /// Takes no more calls, and ends once the running ones are over.
    fn close(&self, calls: &mut Calls) {
        calls.closed = true;
        if calls.running.is_empty() {
            self.end.cancel();
        }
    }

    /// Takes no more calls if there are none now and it has been idle for long or has kept much memory.
    fn close_if_idle(&self, quiet: Duration, process: Option<u32>) -> bool {
        let mut calls = lock(&self.calls);
        if !calls.running.is_empty() {
            return false;
        }
        let too_large = || process.and_then(private_mib).is_some_and(|mib| mib > self.limits.keep_mib);
        calls.closed |= quiet >= self.limits.idle || too_large();
        calls.closed
    }
}

fn start_failed(why: StartFailure) -> SandboxError {
    match why {
        StartFailure::Kernel(feature) => SandboxError::Kernel { feature },
        StartFailure::Incompatible(detail) => SandboxError::Incompatible { detail },
        StartFailure::Other(message) => SandboxError::Start { message },
    }
}

/// The compiled component travels beside one byte, so that the worker inherits nothing but its socket.
fn send_descriptor(socket: &StdStream, file: &File) -> io::Result<()> {
    let descriptors = [file.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fits = control.push(SendAncillaryMessage::ScmRights(&descriptors));
    assert!(fits, "handle: the buffer is sized for one descriptor");
    rustix::net::sendmsg(socket, &[io::IoSlice::new(&[0])], &mut control, SendFlags::empty())?;
    Ok(())
}

/// Memory that is this process's alone, in MiB.
fn private_mib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = anonymous.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib >> 10)
}

/// Why a worker's reader stops.
#[derive(PartialEq, Eq)]
enum End {
    /// The host wants it: idle, stopped, replaced.
    Wanted,
    /// It died or misbehaved.
    Crash,
}

/// Reads a worker's frames until it ends, then tells its calls.
async fn attend(worker: Arc<Worker>, mut reader: Reader, mut child: Child) {
    let end = read_frames(&worker, &mut reader, child.id()).await;
    let _ = child.start_kill();
    let status = child.wait().await;
    if end == End::Crash && !worker.end.is_cancelled() {
        tracing::warn!(status = status.ok().map(tracing::field::display), "a worker crashed");
        lock(&worker.record).crashed(Instant::now());
    }
    let mut calls = lock(&worker.calls);
    calls.closed = true;
    // Dropping the senders tells each call that its worker is gone.
    calls.running.clear();
}

/// Hands each frame to its call until the worker ends, is killed, or has been idle for long.
async fn read_frames(worker: &Worker, reader: &mut Reader, process: Option<u32>) -> End {
    let step = worker.limits.idle.min(LOOK_EVERY);
    let mut quiet = Duration::ZERO;
    loop {
        let frame = tokio::select! {
            frame = reader.next() => frame,
            () = worker.end.cancelled() => return End::Wanted,
            () = tokio::time::sleep(step) => {
                quiet += step;
                if worker.close_if_idle(quiet, process) { return End::Wanted } else { continue }
            }
        };
        quiet = Duration::ZERO;
        let Ok(Some((frame, bytes))) = frame else { return End::Crash };
        if !deliver(worker, frame, bytes) {
            tracing::warn!("a worker sent more than its call takes; it is ended");
            return End::Crash;
        }
    }
}

fn deliver(worker: &Worker, frame: FromWorker, bytes: usize) -> bool {
    let id = match &frame {
        FromWorker::Effect { id, .. }
        | FromWorker::BodyCredit { id, .. }
        | FromWorker::BodyDropped { id, .. }
        | FromWorker::RequestPart { id, .. }
        | FromWorker::Progress { id, .. }
        | FromWorker::Log { id, .. }
        | FromWorker::Done { id, .. }
        | FromWorker::Fault { id }
        | FromWorker::Described { id, .. } => *id,
        FromWorker::Ready { .. } | FromWorker::StartFailed { .. } => return false,
    };
    // Before its call learns of it, so that the next one goes to another worker.
    if matches!(frame, FromWorker::Fault { .. }) {
        worker.condemn("had a fault of the host's own");
    }
    let calls = lock(&worker.calls);
    match calls.running.get(&id) {
        // A call that was given up may still say something.
        None => true,
        Some(call) => worker
            .hold(frame, bytes)
            .is_some_and(|delivered| !matches!(call.try_send(delivered), Err(mpsc::error::TrySendError::Full(_)))),
    }
}

#[cfg(test)]
pub(crate) mod tests;
