//! Standard input that is written while the program runs.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard};

use claw_core::effect::EffectError;
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::exec::terminal::END_OF_INPUT;

/// Bytes that wait for a program that does not read, on top of what the pipe holds.
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// What leads to the program's standard input.
#[derive(Clone, Debug)]
pub(super) enum Sink {
    /// Its end is the end of the input.
    Pipe(Arc<AsyncFd<OwnedFd>>),
    /// Stays open, as its output comes from here too.
    Terminal(Arc<AsyncFd<OwnedFd>>),
}

/// A descriptor that never blocks and can be waited for.
pub(super) fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    rustix::io::ioctl_fionbio(&descriptor, true)?;
    // SAFETY: what is registered owns its descriptor and is never taken out again, so the two end together.
    Ok(unsafe { AsyncFd::register(descriptor) }?)
}

/// The host's side of a standard input.
#[derive(Debug)]
pub(super) struct Input {
    queue: Mutex<Queue>,
    more: Notify,
}

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<u8>,
    /// Whether the input ends after what waits.
    ending: bool,
    /// None once the input has ended or nobody reads it any more.
    sink: Option<Sink>,
}

impl Input {
    pub(super) fn new(sink: Sink) -> Self {
        Input {
            queue: Mutex::new(Queue { waiting: VecDeque::new(), ending: false, sink: Some(sink) }),
            more: Notify::new(),
        }
    }

    /// Passes on what fits, keeps the rest for [`Input::feed`].
    pub(super) fn write(&self, bytes: &[u8], end: bool) -> Result<(), EffectError> {
        let closed = || EffectError::Invalid("the process reads no more: it has closed its input".to_owned());
        let mut queue = self.lock();
        let on_terminal = match &queue.sink {
            Some(sink) if !queue.ending => matches!(sink, Sink::Terminal(_)),
            _ => return Err(closed()),
        };
        if queue.waiting.len() + bytes.len() > MAX_WAITING_BYTES {
            return Err(EffectError::Limit("E_BUSY: the process does not read its input: write less, or later".into()));
        }
        queue.waiting.extend(bytes);
        if end && on_terminal {
            queue.waiting.push_back(END_OF_INPUT);
        }
        queue.ending = end && !on_terminal;
        match queue.flush() {
            Ok(()) => Ok(()),
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => {
                self.more.notify_one();
                Ok(())
            }
            Err(_) => Err(closed()),
        }
    }

    /// Passes on what waits whenever the program reads. Never returns.
    pub(super) async fn feed(&self) {
        loop {
            while let Some(sink) = self.blocked_sink() {
                let Ok(mut ready) = sink.writable().await else { break };
                // Clears the readiness if the pipe turns out to be full.
                let _ = ready.try_io(|_| self.lock().flush());
            }
            self.more.notified().await;
        }
    }

    /// Ends the input: the program is gone.
    pub(super) fn close(&self) {
        self.lock().close();
    }

    fn blocked_sink(&self) -> Option<Arc<AsyncFd<OwnedFd>>> {
        let queue = self.lock();
        queue.sink.as_ref().filter(|_| !queue.waiting.is_empty()).map(Sink::descriptor).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("input: nothing panics under this lock")
    }
}

impl Sink {
    fn descriptor(&self) -> &Arc<AsyncFd<OwnedFd>> {
        let (Sink::Pipe(descriptor) | Sink::Terminal(descriptor)) = self;
        descriptor
    }
}

impl Queue {
    /// Writes until nothing waits, the pipe is full (`WouldBlock`) or nobody reads.
    fn flush(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            let sink = self.sink.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
            match rustix::io::write(sink.descriptor(), self.waiting.as_slices().0) {
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(err) => {
                    self.close();
                    return Err(err.into());
                }
            }
        }
        if self.ending {
            self.close();
        }
        Ok(())
    }

    fn close(&mut self) {
        self.sink = None;
        self.waiting = VecDeque::new();
    }
}

#[cfg(test)]
mod tests;
