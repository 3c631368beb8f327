//! The supervisor: a small process between the host and one program.
//!
//! It has one thread and no ambition: start the program behind its walls, wait, end whatever is left, report. It
//! stands outside the program's Landlock domain, so that the program cannot signal it, and adopts orphans, so that
//! nothing the program starts can get away.

mod cgroup;
mod descendants;
pub(super) mod files;
mod limits;
mod program;
pub(super) mod syscalls;
pub(super) mod system;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use claw_core::effect::EffectError;
use claw_core::guard::Guard;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::exec::order::{self, Order, Report};
use crate::exec::probe;
use cgroup::Cgroup;
use program::Prepared;
use system::Fork;

/// From SIGTERM to SIGKILL.
pub(super) const GRACE: Duration = Duration::from_millis(500);
/// The same where somebody waits for it: its owner has stopped the run.
const HURRY: Duration = Duration::from_millis(50);
/// What the host says before it closes its side if somebody waits for the end.
pub(super) const HURRIED: u8 = b'!';
/// How long killed processes may take to be gone; one that hangs in the kernel longer is left behind.
const KILLING: Duration = Duration::from_secs(5);
/// How often the kill is repeated: processes forked during one round are met in the next.
const KILL_AGAIN: Duration = Duration::from_millis(5);

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    #[error("E_EXEC_UNSUPPORTED: this machine lacks {feature}, without which no program is run")]
    Unsupported { feature: String },
    #[error("program `{path}` is no longer the one that was decided on: ask again")]
    Changed { path: PathBuf },
    #[error("directory `{path}` cannot be entered")]
    Cwd {
        path: PathBuf,
        #[source]
        err: io::Error,
    },
    #[error("E_EXEC_START: program `{path}` cannot be started: {reason}")]
    Start { path: PathBuf, reason: String },
    #[error("the sandbox could not be set up: {step}")]
    Setup {
        step: &'static str,
        #[source]
        err: io::Error,
    },
}

impl ChildError {
    fn setup<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> ChildError {
        move |err| ChildError::Setup { step, err: err.into() }
    }
}

impl From<ChildError> for EffectError {
    fn from(error: ChildError) -> Self {
        let text = error.to_string();
        match error {
            ChildError::Unsupported { .. } => EffectError::Unavailable(text),
            ChildError::Changed { .. } => EffectError::denied("E_EXEC_CHANGED", text),
            ChildError::Cwd { err, .. } => EffectError::denied("E_EXEC_CWD", format!("{text}: {err}")),
            ChildError::Start { .. } => EffectError::Invalid(text),
            ChildError::Setup { err, .. } => EffectError::Unavailable(format!("{text}: {err}")),
        }
    }
}

/// The main function of the hidden subcommand `exec-child`; only [`crate::run_exec`] starts it.
///
/// Must be called before any thread is started and before anything is read from standard input, which is the control
/// socket. Never returns; the exit code is 0 if a report was sent.
#[expect(clippy::disallowed_methods, reason = "the supervisor is a program of its own: this is its main function")]
pub fn exec_child_main() -> ! {
    // The program of `containment_probe`, which runs where any program would.
    if std::env::args_os().nth(2).is_some_and(|word| word == probe::WORD) {
        std::process::exit(probe::attempt_all())
    }
    let code = match serve() {
        Ok(()) => 0,
        Err(err) => {
            eprintln!("exec-child is started by the host only: {err}");
            70
        }
    };
    std::process::exit(code)
}

fn serve() -> io::Result<()> {
    let mut control = system::take_control()?;
    let passed = order::receive_opening(&control)?;
    let order: Order = order::receive(&mut control)?;
    let scratch = order.scratch.clone();
    let report = run(order, passed, &control).unwrap_or_else(|err| Report::Failed(err.into()));
    remove_tree(&scratch);
    // The host may be gone; then there is nobody to tell.
    let _ = order::send(&mut control, &report);
    Ok(())
}

fn run(order: Order, passed: Option<OwnedFd>, control: &UnixStream) -> Result<Report, ChildError> {
    let events = isolate()?;
    let cgroup = order.cgroups.as_deref().map(Cgroup::create).transpose();
    let cgroup = cgroup.map_err(ChildError::setup("making a cgroup for the program"))?;
    let prepared = Prepared::new(order, passed, cgroup.as_ref())?;
    let (failure_in, failure_out) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(ChildError::setup("making a pipe"))?;
    match system::fork().map_err(ChildError::setup("forking"))? {
        Fork::Child => {
            drop(failure_in);
            let error = EffectError::from(prepared.become_program());
            let _ = order::send(&mut File::from(failure_out), &error);
            system::exit_now()
        }
        Fork::Parent(main) => {
            drop((failure_out, prepared));
            system::leave_output().map_err(ChildError::setup("leaving the output to the program"))?;
            let failure = read_failure(failure_in);
            if failure.is_none() {
                // If the host is gone, the watch below sees it.
                let _ = order::send(&mut &*control, &Report::Started);
            }
            let ended =
                Watch { control, events, main, main_status: None, cgroup: cgroup.as_ref() }.until_nothing_is_left();
            match (failure, ended) {
                (Some(error), _) => Ok(Report::Failed(error)),
                (None, Some(status)) => Ok(report_of(status, cgroup.as_ref())),
                (None, None) => {
                    Err(ChildError::Setup { step: "ending the program", err: io::Error::from(io::ErrorKind::TimedOut) })
                }
            }
        }
    }
}

/// Cuts the supervisor off from the host's session and lets it adopt orphans; gives the descriptor that is readable
/// when a child ends.
fn isolate() -> Result<OwnedFd, ChildError> {
    rustix::process::setsid().map_err(ChildError::setup("starting a session"))?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(ChildError::setup("adopting orphans"))?;
    rustix::thread::set_no_new_privs(true).map_err(ChildError::setup("giving up new privileges"))?;
    if !descendants::can_be_listed() {
        return Err(ChildError::Unsupported { feature: "a readable /proc".into() });
    }
    // A signal must not end the supervisor before the program: only the control socket and the kernel decide.
    system::block_signals().map_err(ChildError::setup("blocking signals"))?;
    system::child_events().map_err(ChildError::setup("watching for the end of children"))
}

/// What the child said before it could become the program; nothing if it did.
fn read_failure(failure: OwnedFd) -> Option<EffectError> {
    let mut said = Vec::new();
    let _ = File::from(failure).read_to_end(&mut said);
    if said.is_empty() {
        return None;
    }
    let lost = || EffectError::Other("the sandbox could not be set up, for an unknown reason".into());
    Some(order::receive(&mut said.as_slice()).unwrap_or_else(|_| lost()))
}

fn report_of(status: WaitStatus, cgroup: Option<&Cgroup>) -> Report {
    let killed = status.terminating_signal() == Some(Signal::KILL.as_raw());
    if killed && cgroup.is_some_and(Cgroup::ran_out_of_memory) {
        return Report::MemoryLimit;
    }
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Report::Code(code),
        (None, Some(signal)) => Report::Signal(signal),
        (None, None) => unreachable!("child: a reaped process returned or was ended by a signal"),
    }
}

/// What the supervisor is doing.
enum Phase {
    /// The program runs.
    Waiting,
    /// SIGTERM was sent; SIGKILL follows at this time.
    Terminating(Instant),
    /// SIGKILL is being sent, until this time at the latest.
    Killing(Instant),
}

/// The wait for the end of one program and of everything it started.
struct Watch<'a> {
    control: &'a UnixStream,
    events: OwnedFd,
    main: Pid,
    main_status: Option<WaitStatus>,
    cgroup: Option<&'a Cgroup>,
}

impl Watch<'_> {
    /// Returns how the main process ended; nothing only if it could not be killed.
    fn until_nothing_is_left(mut self) -> Option<WaitStatus> {
        let mut phase = Phase::Waiting;
        loop {
            let stop_asked = self.sleep(&phase);
            if self.reap() {
                return self.main_status;
            }
            let at = now();
            phase = match phase {
                Phase::Waiting if self.main_status.is_some() => Phase::Killing(at + KILLING),
                Phase::Waiting if stop_asked => {
                    descendants::signal_all(Signal::TERM);
                    Phase::Terminating(at + self.grace())
                }
                Phase::Terminating(until) if self.main_status.is_some() || at >= until => Phase::Killing(at + KILLING),
                Phase::Killing(until) if at >= until => return self.main_status,
                same => same,
            };
            if let Phase::Killing(_) = phase {
                kill_descendants(self.cgroup);
            }
        }
    }

    /// Sleeps until something may have changed; true if the host closed its side.
    fn sleep(&self, phase: &Phase) -> bool {
        let timeout = match phase {
            Phase::Waiting => None,
            Phase::Terminating(until) => Some(until.saturating_duration_since(now())),
            Phase::Killing(_) => Some(KILL_AGAIN),
        };
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = [PollFd::new(&self.events, PollFlags::IN), PollFd::new(self.control, PollFlags::IN)];
        // Once the host has closed its side the socket stays readable and would make this loop spin.
        let watched = if matches!(phase, Phase::Waiting) { 2 } else { 1 };
        if poll(&mut fds[..watched], timeout.as_ref()).is_err() {
            return false;
        }
        system::drain_events(&self.events);
        // After its order the host says at most that it is in a hurry, and then closes its side.
        watched == 2 && !fds[1].revents().is_empty()
    }

    /// How long the program may take to end by itself, now that the host has asked for it.
    fn grace(&self) -> Duration {
        let mut said = [0];
        let mut control = self.control;
        match control.read(&mut said) {
            Ok(1) if said[0] == HURRIED => HURRY,
            _ => GRACE,
        }
    }

    /// Collects ended children; true if none are left.
    fn reap(&mut self) -> bool {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.main => self.main_status = Some(status),
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    }
}

/// Kills everything that the program started, by its cgroup and by its descent: not every machine has the first.
fn kill_descendants(cgroup: Option<&Cgroup>) {
    if !Guard::ExecDescendants.is_up() {
        return;
    }
    cgroup.into_iter().for_each(Cgroup::kill);
    descendants::signal_all(Signal::KILL);
}

#[expect(clippy::disallowed_methods, reason = "there is no tokio in the supervisor, which has a single thread")]
fn now() -> Instant {
    Instant::now()
}

/// Removes the program's temporary files, also from folders that it made unreadable.
fn remove_tree(root: &Path) {
    if fs::remove_dir_all(root).is_ok() {
        return;
    }
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        // The entry's own type: a link is not followed.
        folders.extend(entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
    }
    let _ = fs::remove_dir_all(root);
}
