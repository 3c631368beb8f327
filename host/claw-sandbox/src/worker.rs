//! The worker's side: the only process that instantiates guests.
//!
//! Descriptor 0 is the socket to the host and the only thing inherited. Threads take turns at reading it: whoever reads
//! a call runs it, after making room for the next reader, so a call without effects costs no hand-over.

#[cfg(feature = "bench")]
pub(crate) mod bare;
mod bindings;
mod call;
mod door;
mod family;
mod guest;
#[cfg(feature = "test-weaken")]
mod native;
mod stdio;

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use claw_core::outcome::{FailureKind, ToolOutcome};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use wasmtime::Engine;

use self::door::{CallState, Door};
use self::guest::Program;
use crate::frame::{self, FromWorker, Start, StartFailure, ToWorker, Trace, VERSION};
use crate::limits::TICK_MS;
use crate::{confine, engine};

/// The main function of a worker process. Returns when the host closes the socket.
pub fn worker_main() -> i32 {
    confine::inherit_nothing();
    // SAFETY: the host gives a worker its socket as descriptor 0, and nothing else uses that number.
    let socket = unsafe { UnixStream::from_raw_fd(0) };
    match serve(socket) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn serve(mut socket: UnixStream) -> io::Result<()> {
    let component = receive_descriptor(&socket)?;
    let Some(ToWorker::Start(start)) = frame::read(&mut socket)? else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the first frame must be `Start`"));
    };
    let door = Arc::new(Door::new(socket.try_clone()?));
    let worker = match Worker::set_up(component, &start, Arc::clone(&door)) {
        Ok(worker) => Arc::new(worker),
        Err(why) => return door.send(&FromWorker::StartFailed { why }),
    };
    door.send(&FromWorker::Ready { version: VERSION })?;
    for number in 1..worker.readers {
        let worker = Arc::clone(&worker);
        std::thread::Builder::new().name(format!("call-{number}")).spawn(move || worker.read_and_run())?;
    }
    worker.read_and_run();
    end(0)
}

/// Ends the process at once: another thread may sit in a guest that does not end, and there is nothing to drain.
fn end(code: i32) -> ! {
    #[expect(clippy::disallowed_methods, reason = "a worker ends with its socket")]
    std::process::exit(code)
}

/// Takes the compiled component, which travels beside one byte.
fn receive_descriptor(socket: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut parts = [io::IoSliceMut::new(&mut byte)];
    rustix::net::recvmsg(socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message
            && let Some(descriptor) = descriptors.next()
        {
            return Ok(descriptor);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "no component came with the first byte"))
}

struct Worker {
    engine: Engine,
    program: Program,
    door: Arc<Door>,
    /// Whoever holds it reads the next frame.
    reading: Mutex<UnixStream>,
    ticker: Arc<Ticker>,
    readers: u32,
}

impl Worker {
    fn set_up(component: OwnedFd, start: &Start, door: Arc<Door>) -> Result<Self, StartFailure> {
        if start.version != VERSION {
            return Err(StartFailure::Incompatible(format!("frames of version {}", start.version)));
        }
        let other = |err: &dyn std::fmt::Display| StartFailure::Other(err.to_string());
        let engine = engine::for_worker(start.limits.concurrency).map_err(|err| other(&format!("{err:#}")))?;
        // SAFETY: the host checked the bytes behind this descriptor before it sent it.
        let loaded = unsafe { engine::load(&engine, component.as_raw_fd()) };
        let loaded = loaded.map_err(|err| StartFailure::Incompatible(format!("{err:#}")))?;
        let program = Program::prepare(&engine, &loaded, start).map_err(|err| other(&format!("{err:#}")))?;
        let reading = door.reader().map_err(|err| other(&err))?;
        drop(component);
        confine::worker(&start.mounts, &start.limits, start.walls).map_err(StartFailure::Kernel)?;
        let ticker = Ticker::start(engine.clone()).map_err(|err| other(&err))?;
        // One thread always reads, so that a cancel gets through while every other one runs a call.
        let readers = start.limits.concurrency + 1;
        Ok(Worker { engine, program, door, reading: Mutex::new(reading), ticker, readers })
    }

    fn read_and_run(&self) {
        loop {
            let frame = {
                let mut socket = self.reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                frame::read(&mut *socket)
            };
            let Ok(Some(frame)) = frame else { end(0) };
            match frame {
                ToWorker::Call { id, call } => {
                    let state = self.door.open(id);
                    let _ticking = self.ticker.hold();
                    #[cfg(feature = "test-weaken")]
                    if self.program.only_os() && call.tool == "probe" {
                        let outcome = native::run(&call.arguments);
                        self.report(&FromWorker::Done { id, outcome, trace: Trace::default() });
                        continue;
                    }
                    let (outcome, trace) = self.run(&state, call);
                    self.door.close(id);
                    self.report(&FromWorker::Done { id, outcome, trace });
                }
                ToWorker::Describe { id, limits } => {
                    let state = self.door.open(id);
                    let _ticking = self.ticker.hold();
                    let manifest = call::describe(&self.engine, &self.program, &state, &self.door, limits);
                    self.door.close(id);
                    self.report(&FromWorker::Described { id, manifest });
                }
                ToWorker::Cancel { id } => self.door.cancel(id),
                ToWorker::Answer { id, effect, answer } => self.door.answer(id, effect, answer),
                ToWorker::Body { id, effect, part } => self.door.body(id, effect, part),
                ToWorker::Start(_) => end(1),
            }
        }
    }

    /// Runs a call so that a bug in the host's part of it ends this call, not the thread that others wait for.
    fn run(&self, state: &Arc<CallState>, call: frame::Call) -> (ToolOutcome, Trace) {
        let run = AssertUnwindSafe(|| call::run(&self.engine, &self.program, state, &self.door, call));
        std::panic::catch_unwind(run).unwrap_or_else(|_| {
            let message = "the host's own part of the call panicked: a bug of openclaw-host, please report it";
            (ToolOutcome::failed(FailureKind::Crash, message), Trace::default())
        })
    }

    fn report(&self, frame: &FromWorker) {
        if self.door.send(frame).is_err() {
            end(1);
        }
    }
}

/// Advances the engine's epoch every 10 ms while calls run, and sleeps otherwise: an idle worker uses no CPU.
struct Ticker {
    calls: AtomicUsize,
    asleep: Mutex<bool>,
    wake: Condvar,
}

/// Ticks go on this long after the last call, so that a series of short calls does not pay for waking the ticker.
const TICKER_LINGERS: Duration = Duration::from_millis(200);

impl Ticker {
    fn start(engine: Engine) -> io::Result<Arc<Self>> {
        let ticker = Arc::new(Ticker { calls: AtomicUsize::new(0), asleep: Mutex::new(true), wake: Condvar::new() });
        let handle = Arc::clone(&ticker);
        std::thread::Builder::new().name("ticker".to_owned()).spawn(move || handle.tick(&engine))?;
        Ok(ticker)
    }

    fn tick(&self, engine: &Engine) {
        #[expect(clippy::disallowed_methods, reason = "the worker has no clock passed in; ticks are not decisions")]
        let mut last_busy = Instant::now();
        loop {
            #[expect(clippy::disallowed_methods, reason = "as above")]
            let now = Instant::now();
            if self.calls.load(Ordering::Acquire) > 0 {
                last_busy = now;
            } else if now.duration_since(last_busy) > TICKER_LINGERS {
                let mut asleep = self.asleep.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                *asleep = true;
                while *asleep && self.calls.load(Ordering::Acquire) == 0 {
                    asleep = self.wake.wait(asleep).unwrap_or_else(std::sync::PoisonError::into_inner);
                }
                *asleep = false;
                continue;
            }
            std::thread::sleep(Duration::from_millis(TICK_MS));
            engine.increment_epoch();
        }
    }

    /// Keeps the ticker ticking until the guard is dropped.
    fn hold(&self) -> Ticking<'_> {
        if self.calls.fetch_add(1, Ordering::AcqRel) == 0 {
            let mut asleep = self.asleep.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if *asleep {
                *asleep = false;
                self.wake.notify_one();
            }
        }
        Ticking { ticker: self }
    }
}

struct Ticking<'a> {
    ticker: &'a Ticker,
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.ticker.calls.fetch_sub(1, Ordering::AcqRel);
    }
}
