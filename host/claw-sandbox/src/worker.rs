//! The worker's side: the only process that instantiates guests.
//!
//! Descriptor 0 is the socket to the host and the only thing inherited. Threads take turns at reading it: whoever reads
//! a call runs it, and passes the turn on only if the call takes long or waits for something, so that a short call costs
//! no hand-over.

#[cfg(feature = "bench")]
pub(crate) mod bare;
mod bindings;
mod call;
mod chance;
mod channel;
mod crash;
mod door;
mod family;
mod guest;
mod meter;
mod mount;
#[cfg(feature = "test-weaken")]
mod native;
mod plain;
mod stdio;
mod turn;

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use claw_core::outcome::ToolOutcome;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use wasmtime::Engine;

use self::door::{CallState, Door};
use self::guest::Program;
use crate::frame::{self, Call, FromWorker, Start, StartFailure, ToWorker, Trace, VERSION};
use crate::limits::{CallLimits, TICK_MS};
use crate::{confine, engine, selftest};

/// The main function of a worker process. Returns when the host closes the socket.
pub fn worker_main() -> i32 {
    confine::inherit_nothing();
    let mut words = std::env::args_os().skip(2);
    if words.next().is_some_and(|word| word == selftest::WORD) {
        return words.next().map_or(1, |canary| selftest::attempt_all(canary.as_ref()));
    }
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
    let sweeper = Arc::clone(&worker);
    // Beside the calls: a large workspace takes a while, and nobody waits for it.
    std::thread::Builder::new().name("sweep".to_owned()).spawn(move || sweeper.program.sweep())?;
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

/// Exit code of a worker that ended because of a panic.
const PANICKED: i32 = 101;

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
    /// Locked only by whose turn it is.
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
        confine::worker(&program.granted(), &start.limits, start.walls).map_err(StartFailure::Kernel)?;
        let ticker = Ticker::start(engine.clone(), Arc::clone(&door)).map_err(|err| other(&err))?;
        // One thread always reads, so that a cancel gets through while every other one runs a call.
        let readers = start.limits.concurrency + 1;
        Ok(Worker { engine, program, door, reading: Mutex::new(reading), ticker, readers })
    }

    fn read_and_run(&self) {
        self.door.turn.take();
        loop {
            let frame = frame::read(&mut *self.reading.lock().unwrap_or_else(PoisonError::into_inner));
            let Ok(Some(frame)) = frame else { end(0) };
            match frame {
                ToWorker::Call { id, call } => self.run(id, call.limits, |state| {
                    let (outcome, trace) = self.call(state, call);
                    FromWorker::Done { id, outcome, trace }
                }),
                ToWorker::Describe { id, limits } => self.run(id, limits, |state| {
                    let manifest = call::describe(&self.engine, &self.program, state, &self.door, limits);
                    FromWorker::Described { id, manifest }
                }),
                ToWorker::Cancel { id } => self.door.cancel(id),
                ToWorker::Answer { id, effect, answer } => self.door.answer(id, effect, answer),
                ToWorker::Body { id, effect, part } => self.door.body(id, effect, part),
                ToWorker::RequestCredit { id, effect } => self.door.credit(id, effect),
                ToWorker::RequestDropped { id, effect } => self.door.unwanted(id, effect),
                ToWorker::Start(_) => end(1),
            }
        }
    }

    /// Runs a call on this thread and reports how it ended.
    fn run(&self, id: u64, limits: CallLimits, work: impl FnOnce(&Arc<CallState>) -> FromWorker) {
        self.door.turn.lend(id);
        let ticking = self.ticker.hold();
        let state = self.door.open(id, limits);
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| work(&state)));
        self.door.close(id);
        drop(ticking);
        match done {
            Ok(done) => self.report(&done),
            // Not of the guest's making.
            Err(_) => {
                self.report(&FromWorker::Fault { id });
                end(PANICKED);
            }
        }
        self.door.turn.take_back(id);
    }

    fn call(&self, state: &Arc<CallState>, call: Call) -> (ToolOutcome, Trace) {
        #[cfg(feature = "test-weaken")]
        if let Some(outcome) = native::instead(&self.program, &call) {
            return (outcome, Trace::default());
        }
        call::run(&self.engine, &self.program, state, &self.door, call)
    }

    fn report(&self, frame: &FromWorker) {
        if self.door.send(frame).is_err() {
            end(1);
        }
    }
}

/// Advances the engine's epoch every 10 ms while calls run, and has the turn of reading passed on; sleeps otherwise: an
/// idle worker uses no CPU.
struct Ticker {
    calls: AtomicUsize,
    asleep: Mutex<bool>,
    wake: Condvar,
}

/// Ticks go on this long after the last call, so that a series of short calls does not pay for waking the ticker.
const TICKER_LINGERS: Duration = Duration::from_millis(200);

impl Ticker {
    fn start(engine: Engine, door: Arc<Door>) -> io::Result<Arc<Self>> {
        let ticker = Arc::new(Ticker { calls: AtomicUsize::new(0), asleep: Mutex::new(true), wake: Condvar::new() });
        let handle = Arc::clone(&ticker);
        std::thread::Builder::new().name("ticker".to_owned()).spawn(move || handle.tick(&engine, &door))?;
        Ok(ticker)
    }

    fn tick(&self, engine: &Engine, door: &Door) {
        #[expect(clippy::disallowed_methods, reason = "the worker has no clock passed in; ticks are not decisions")]
        let mut last_busy = Instant::now();
        loop {
            #[expect(clippy::disallowed_methods, reason = "as above")]
            let now = Instant::now();
            if self.calls.load(Ordering::Acquire) > 0 {
                last_busy = now;
            } else if now.duration_since(last_busy) > TICKER_LINGERS {
                let mut asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
                *asleep = true;
                while *asleep && self.calls.load(Ordering::Acquire) == 0 {
                    asleep = self.wake.wait(asleep).unwrap_or_else(PoisonError::into_inner);
                }
                *asleep = false;
                continue;
            }
            std::thread::sleep(Duration::from_millis(TICK_MS));
            engine.increment_epoch();
            // A call that has run this long no longer keeps others from being read.
            door.turn.pass();
        }
    }

    /// Keeps the ticker ticking until the guard is dropped.
    fn hold(&self) -> Ticking<'_> {
        if self.calls.fetch_add(1, Ordering::AcqRel) == 0 {
            let mut asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
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
