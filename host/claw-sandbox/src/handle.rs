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

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::frame::{self, FromWorker, Start, StartFailure, ToWorker, VERSION};
use crate::sandbox::SandboxError;

/// What a worker may have told a call that the call has not taken yet; more is misbehaviour.
const SIGNALS: usize = 1024;
/// From the spawn to `Ready`. A worker maps its code and puts its walls up in some milliseconds.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// One live worker. Dropping the last handle closes its socket, and with it the worker ends.
pub(crate) struct Worker {
    socket: tokio::sync::Mutex<OwnedWriteHalf>,
    calls: Mutex<Calls>,
    next: AtomicU64,
    end: tokio_util::sync::CancellationToken,
}

#[derive(Default)]
struct Calls {
    running: HashMap<u64, mpsc::Sender<FromWorker>>,
    /// Set once, when the worker has died or is about to: no new call may be given to it.
    closed: bool,
}

fn lock(calls: &Mutex<Calls>) -> MutexGuard<'_, Calls> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    /// Spawns a worker, hands it its code, and waits until its walls are up.
    pub(crate) async fn spawn(
        program: &Path,
        code: File,
        start: Start,
        idle: Duration,
    ) -> Result<Arc<Worker>, SandboxError> {
        let io = |err: io::Error| SandboxError::Spawn { err };
        let (ours, theirs) = StdStream::pair().map_err(io)?;
        let child = Command::new(program)
            .arg("worker")
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(io)?;
        send_descriptor(&ours, &code).map_err(io)?;
        ours.set_nonblocking(true).map_err(io)?;
        let (mut reader, mut writer) = UnixStream::from_std(ours).map_err(io)?.into_split();
        writer.write_all(&frame::encode(&ToWorker::Start(start)).map_err(io)?).await.map_err(io)?;
        let mut buffer = Vec::new();
        let first = tokio::time::timeout(READY_WITHIN, read(&mut reader, &mut buffer)).await;
        match first.map_err(|_| SandboxError::Spawn { err: io::ErrorKind::TimedOut.into() })?.map_err(io)? {
            Some(FromWorker::Ready { version: VERSION }) => {}
            Some(FromWorker::StartFailed { why }) => return Err(start_failed(why)),
            _ => return Err(SandboxError::Spawn { err: io::ErrorKind::InvalidData.into() }),
        }
        let worker = Arc::new(Worker {
            socket: tokio::sync::Mutex::new(writer),
            calls: Mutex::default(),
            next: AtomicU64::new(1),
            end: tokio_util::sync::CancellationToken::new(),
        });
        tokio::spawn(read_frames(Arc::clone(&worker), reader, buffer, child, idle));
        Ok(worker)
    }

    /// Registers a call and sends its first frame. `None` if the worker takes no more calls.
    pub(crate) async fn begin(
        &self,
        frame: impl Fn(u64) -> ToWorker,
    ) -> Result<Option<(u64, mpsc::Receiver<FromWorker>)>, io::Error> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let bytes = frame::encode(&frame(id))?;
        let (sender, receiver) = mpsc::channel(SIGNALS);
        {
            let mut calls = lock(&self.calls);
            if calls.closed {
                return Ok(None);
            }
            calls.running.insert(id, sender);
        }
        // A failed write means that the worker died: the reader notices too and ends the call.
        let _ = self.write(&bytes).await;
        Ok(Some((id, receiver)))
    }

    /// Sends a frame of a running call.
    pub(crate) async fn send(&self, frame: &ToWorker) -> io::Result<()> {
        self.write(&frame::encode(frame)?).await
    }

    /// Forgets a call whose end has been taken.
    pub(crate) fn forget(&self, id: u64) {
        lock(&self.calls).running.remove(&id);
    }

    /// Ends the process and with it all its calls.
    pub(crate) fn kill(&self) {
        lock(&self.calls).closed = true;
        self.end.cancel();
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.calls).closed
    }

    pub(crate) fn running(&self) -> usize {
        lock(&self.calls).running.len()
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.socket.lock().await.write_all(bytes).await
    }

    /// Takes no more calls if there are none now.
    fn close_if_idle(&self) -> bool {
        let mut calls = lock(&self.calls);
        calls.closed |= calls.running.is_empty();
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

/// The worker's reader: hands each frame to its call until the worker ends, is killed, or has been idle for long.
async fn read_frames(
    worker: Arc<Worker>,
    mut reader: OwnedReadHalf,
    mut buffer: Vec<u8>,
    mut child: Child,
    idle: Duration,
) {
    loop {
        let frame = tokio::select! {
            frame = read(&mut reader, &mut buffer) => frame,
            () = worker.end.cancelled() => break,
            () = tokio::time::sleep(idle) => {
                if worker.close_if_idle() { break } else { continue }
            }
        };
        let Ok(Some(frame)) = frame else { break };
        if !deliver(&worker, frame) {
            tracing::warn!("a worker sent more than its call takes; it is ended");
            break;
        }
    }
    let _ = child.start_kill();
    let _ = child.wait().await;
    let mut calls = lock(&worker.calls);
    calls.closed = true;
    // Dropping the senders tells each call that its worker is gone.
    calls.running.clear();
}

fn deliver(worker: &Worker, frame: FromWorker) -> bool {
    let id = match &frame {
        FromWorker::Effect { id, .. }
        | FromWorker::BodyCredit { id, .. }
        | FromWorker::BodyDropped { id, .. }
        | FromWorker::Progress { id, .. }
        | FromWorker::Log { id, .. }
        | FromWorker::Done { id, .. }
        | FromWorker::Described { id, .. } => *id,
        FromWorker::Ready { .. } | FromWorker::StartFailed { .. } => return false,
    };
    let calls = lock(&worker.calls);
    match calls.running.get(&id) {
        // A call that was given up may still say something.
        None => true,
        Some(call) => !matches!(call.try_send(frame), Err(mpsc::error::TrySendError::Full(_))),
    }
}

/// Reads one frame. Cancel-safe: what has been read of a frame stays in `buffer`.
async fn read(reader: &mut OwnedReadHalf, buffer: &mut Vec<u8>) -> io::Result<Option<FromWorker>> {
    loop {
        if let Some(prefix) = buffer.first_chunk::<4>() {
            let length = frame::body_length(*prefix)?;
            if buffer.len() >= 4 + length {
                let decoded = frame::decode(&buffer[4..4 + length])?;
                buffer.drain(..4 + length);
                return Ok(Some(decoded));
            }
        }
        if reader.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
