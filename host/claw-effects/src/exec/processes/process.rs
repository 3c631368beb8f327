//! One background process: what it has written, how it ended, and the task that tends it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use claw_core::effect::{EffectError, ExecEnd, ProcessProgress, ProcessSummary, Terminal};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::ProcessOwner;
use super::input::{Input, Sink, watched};
use crate::exec::capture::Capture;
use crate::exec::run::{DRAIN, Streams, Supervised};
use crate::exec::terminal;

/// Bytes kept of each output between two looks.
const KEPT_BYTES: usize = 256 * 1024;

/// One process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) owner: ProcessOwner,
    /// A folder beside the workspace that it may read.
    pub(super) reads: Option<Box<Path>>,
    pub(super) input: Input,
    /// Ends it.
    pub(super) stop: CancellationToken,
    pub(super) started: Instant,
    argv: Vec<String>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    stdout: Capture,
    stderr: Capture,
    ended: Option<ExecEnd>,
}

/// The host's ends of the program's streams.
#[derive(Debug)]
pub(super) enum Ends {
    Pipes { stdin: Arc<AsyncFd<OwnedFd>>, stdout: AsyncFd<OwnedFd>, stderr: AsyncFd<OwnedFd> },
    Terminal(Arc<AsyncFd<OwnedFd>>),
}

impl Ends {
    /// Makes pipes or a terminal; also gives what the supervisor is started with.
    pub(super) fn open(terminal: Option<Terminal>) -> io::Result<(Ends, Streams)> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from);
        let Some(size) = terminal else {
            let ((stdin, ours_in), (ours_out, stdout), (ours_err, stderr)) = (pipe()?, pipe()?, pipe()?);
            let ends = Ends::Pipes {
                stdin: Arc::new(watched(ours_in)?),
                stdout: watched(ours_out)?,
                stderr: watched(ours_err)?,
            };
            return Ok((
                ends,
                Streams { input: Some(stdin), stdout: Stdio::from(stdout), stderr: Stdio::from(stderr) },
            ));
        };
        let (ours, theirs) = terminal::open(size)?;
        let stderr = theirs.try_clone()?;
        let ends = Ends::Terminal(Arc::new(watched(ours)?));
        Ok((ends, Streams { input: None, stdout: Stdio::from(theirs), stderr: Stdio::from(stderr) }))
    }

    fn sink(&self) -> Sink {
        match self {
            Ends::Pipes { stdin, .. } => Sink::Pipe(Arc::clone(stdin)),
            Ends::Terminal(both) => Sink::Terminal(Arc::clone(both)),
        }
    }
}

// === impl Process ===

impl Process {
    /// A running process.
    pub(super) fn new(
        owner: ProcessOwner,
        argv: Vec<String>,
        reads: Option<Box<Path>>,
        ends: &Ends,
        stop: CancellationToken,
    ) -> Self {
        let (stdout, stderr) = (Capture::of_end(KEPT_BYTES), Capture::of_end(KEPT_BYTES));
        Process {
            owner,
            reads,
            input: Input::new(ends.sink()),
            stop,
            started: Instant::now(),
            argv,
            state: Mutex::new(State { stdout, stderr, ended: None }),
            changed: Notify::new(),
        }
    }

    /// Reads, feeds and waits until the program has ended: by itself, by [`Process::stop`] or after `ttl`.
    pub(super) async fn tend(&self, mut supervised: Supervised, ends: Ends, ttl: Duration) -> ExecEnd {
        let ended = {
            let drain = self.drain(ends);
            tokio::pin!(drain);
            let conclude = supervised.conclude(ttl, &self.stop);
            tokio::pin!(conclude);
            let mut open = true;
            loop {
                tokio::select! {
                    ended = &mut conclude => {
                        if open {
                            let _ = timeout(DRAIN, drain).await;
                        }
                        break ended;
                    }
                    () = &mut drain, if open => open = false,
                    () = self.input.feed() => {}
                }
            }
        };
        supervised.reap().await;
        self.input.close();
        let ended = match ended {
            // Somebody ended it on purpose. Whether it obeyed or had to be killed makes no difference to them.
            Ok(ExecEnd::Cancelled) => ExecEnd::Signal(libc::SIGKILL),
            Ok(ended) => ended,
            Err(err) => {
                warn!(component = %self.owner.component, %err, "a background program was lost");
                ExecEnd::Signal(libc::SIGKILL)
            }
        };
        debug!(component = %self.owner.component, ?ended, "background program ended");
        ended
    }

    /// Lets everybody see how it ended.
    pub(super) fn end(&self, ended: ExecEnd) {
        self.lock().ended = Some(ended);
        self.changed.notify_waiters();
    }

    /// Takes what is new, waiting at most `wait` for something.
    pub(super) async fn progress(
        &self,
        wait: Duration,
        cancel: &CancellationToken,
    ) -> Result<ProcessProgress, EffectError> {
        let deadline = Instant::now() + wait;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on a change is not missed, though nobody waits yet.
            changed.as_mut().enable();
            if let Some(progress) = self.take() {
                return Ok(progress);
            }
            tokio::select! {
                () = changed => {}
                () = sleep_until(deadline) => {
                    let nothing =
                        ProcessProgress { stdout: Vec::new(), stderr: Vec::new(), dropped: 0, ended: None };
                    return Ok(self.take().unwrap_or(nothing));
                }
                () = cancel.cancelled() => return Err(EffectError::Cancelled),
            }
        }
    }

    /// Waits for its end.
    pub(super) async fn until_ended(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.has_ended() {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended.is_some()
    }

    pub(super) fn summary(&self, id: &str) -> ProcessSummary {
        ProcessSummary {
            id: id.to_owned(),
            argv: self.argv.clone(),
            age_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            ended: self.lock().ended,
        }
    }

    /// What is new, if anything is.
    fn take(&self) -> Option<ProcessProgress> {
        let mut state = self.lock();
        if state.stdout.is_empty() && state.stderr.is_empty() && state.ended.is_none() {
            return None;
        }
        let (stdout, stderr) = (state.stdout.take(), state.stderr.take());
        let dropped = stdout.dropped + stderr.dropped;
        Some(ProcessProgress { stdout: stdout.bytes, stderr: stderr.bytes, dropped, ended: state.ended })
    }

    /// Takes in both outputs until they end.
    async fn drain(&self, ends: Ends) {
        match ends {
            Ends::Pipes { stdin, stdout, stderr } => {
                drop(stdin);
                tokio::join!(
                    self.pump(&stdout, |state| &mut state.stdout),
                    self.pump(&stderr, |state| &mut state.stderr),
                );
            }
            Ends::Terminal(both) => self.pump(&both, |state| &mut state.stdout).await,
        }
    }

    async fn pump(&self, from: &AsyncFd<OwnedFd>, output: fn(&mut State) -> &mut Capture) {
        let mut buffer = vec![0; 32 * 1024];
        let mut read = async || {
            let read = |from: &OwnedFd| rustix::io::read(from, &mut buffer[..]).map_err(io::Error::from);
            match from.async_io(Interest::READABLE, read).await {
                // A terminal without anybody at its other end gives an error.
                Ok(0) | Err(_) => false,
                Ok(length) => {
                    output(&mut self.lock()).push(&buffer[..length]);
                    self.changed.notify_waiters();
                    true
                }
            }
        };
        while read().await {}
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("process: nothing panics under this lock")
    }
}
