//! Everything that is opened before the fork, and the steps after it.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use claw_core::guard::Guard;
use landlock::RulesetCreated;
use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, ResolveFlags, openat2};
use rustix::process::{Pid, Signal};

use crate::exec::child::cgroup::Cgroup;
use crate::exec::child::{ChildError, files, limits, syscalls, system};
use crate::exec::order::{Input, Order};
use crate::exec::plan;

/// A program ready to start: what was checked is held open, so that no name is looked up twice.
pub(super) struct Prepared {
    path: PathBuf,
    program: OwnedFd,
    kind: Kind,
    argv: Vec<CString>,
    env: Vec<CString>,
    stdin: OwnedFd,
    console: Console,
    cwd_path: PathBuf,
    cwd: OwnedFd,
    cpu_seconds: u64,
    cgroup: Option<OwnedFd>,
    supervisor: Pid,
    ruleset: RulesetCreated,
    filters: syscalls::Filters,
}

/// How a file is run.
enum Kind {
    /// By its open descriptor.
    Binary,
    /// By its name, which the interpreter is given.
    Script(CString),
}

/// What the standard streams are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Console {
    /// Pipes and files.
    Streams,
    /// A terminal, which controls the program's session.
    Terminal,
}

impl Prepared {
    /// Opens and checks everything that `order` names. `passed` came with it.
    pub(super) fn new(order: Order, passed: Option<OwnedFd>, cgroup: Option<&Cgroup>) -> Result<Self, ChildError> {
        let abi = system::landlock_abi();
        files::check_abi(abi)?;
        let (program, kind) = open_program(&order)?;
        let workspace = open_folder(CWD, &order.workspace).map_err(cwd_error(&order.workspace))?;
        let below = order.cwd.strip_prefix(&order.workspace).map_err(io::Error::other);
        let cwd = below
            .and_then(|below| {
                open_folder(&workspace, if below.as_os_str().is_empty() { Path::new(".") } else { below })
            })
            .map_err(cwd_error(&order.cwd))?;
        let scratch =
            open_folder(CWD, &order.scratch).map_err(ChildError::setup("opening the folder for temporary files"))?;
        let skill = order.reads.as_deref().map(|folder| open_folder(CWD, folder)).transpose();
        let skill = skill.map_err(ChildError::setup("opening the folder of the skill"))?;
        let ruleset = files::build(&program, &workspace, &scratch, skill.as_ref())?;
        let stdin = open_stdin(&order.stdin, passed).map_err(ChildError::setup("providing standard input"))?;
        let cgroup =
            cgroup.map(Cgroup::entrance).transpose().map_err(ChildError::setup("opening the program's cgroup"))?;
        let variables = order.env.iter().map(|(name, value)| format!("{name}={value}"));
        Ok(Prepared {
            path: order.program.clone(),
            program,
            kind,
            argv: c_strings(order.argv.iter().cloned())?,
            env: c_strings(variables)?,
            stdin,
            console: if matches!(order.stdin, Input::Terminal) { Console::Terminal } else { Console::Streams },
            cwd_path: order.cwd.clone(),
            cwd,
            cpu_seconds: order.cpu_seconds,
            cgroup,
            supervisor: rustix::process::getpid(),
            ruleset,
            filters: syscalls::Filters::build(abi).map_err(ChildError::setup("building the system call filter"))?,
        })
    }

    /// Turns the calling process, a forked child, into the program; returns only if that failed.
    pub(super) fn become_program(self) -> ChildError {
        match self.confine_and_exec() {
            Ok(never) => match never {},
            Err(err) => err,
        }
    }

    fn confine_and_exec(self) -> Result<std::convert::Infallible, ChildError> {
        rustix::process::setsid().map_err(ChildError::setup("starting a session"))?;
        // Should the supervisor be killed by an administrator, the program goes with it.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(ChildError::setup("tying the program to its supervisor"))?;
        if rustix::process::getppid() != Some(self.supervisor) {
            return Err(ChildError::Setup { step: "finding the supervisor", err: io::ErrorKind::NotFound.into() });
        }
        system::put(&self.stdin, 0).map_err(ChildError::setup("providing standard input"))?;
        if self.console == Console::Terminal {
            rustix::process::ioctl_tiocsctty(&self.stdin).map_err(ChildError::setup("taking the terminal"))?;
        }
        if let Some(cgroup) = &self.cgroup {
            rustix::io::write(cgroup, b"0").map_err(ChildError::setup("entering the program's cgroup"))?;
        }
        rustix::process::fchdir(&self.cwd).map_err(io::Error::from).map_err(cwd_error(&self.cwd_path))?;
        limits::apply(self.cpu_seconds).map_err(ChildError::setup("limiting resources"))?;
        limits::drop_capabilities().map_err(ChildError::setup("dropping capabilities"))?;
        if Guard::ExecLandlock.is_up() {
            confine_landlock(self.ruleset)?;
        }
        if Guard::ExecSeccomp.is_up() {
            confine_seccomp(&self.filters)?;
        }
        system::reset_signals().map_err(ChildError::setup("resetting signals"))?;
        let image = match &self.kind {
            Kind::Binary => system::Image::Open(&self.program),
            Kind::Script(path) => system::Image::Path(path),
        };
        let err = system::exec(&image, &self.argv, &self.env);
        Err(ChildError::Start { path: self.path, reason: explain(&err) })
    }
}

/// The first wall: files.
fn confine_landlock(ruleset: RulesetCreated) -> Result<(), ChildError> {
    files::apply(ruleset)
}

/// The second wall: system calls.
fn confine_seccomp(filters: &syscalls::Filters) -> Result<(), ChildError> {
    filters.apply().map_err(ChildError::setup("filtering system calls"))
}

/// Opens the program and checks that it is the one that was decided on.
fn open_program(order: &Order) -> Result<(OwnedFd, Kind), ChildError> {
    let path = &order.program;
    let changed = || ChildError::Changed { path: path.clone() };
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // Not to be held up by a pipe that took the program's place.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = openat2(CWD, path, flags, Mode::empty(), resolve).map_err(|_| changed())?;
    let mut file = File::from(fd);
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return Err(changed());
    }
    let digest = plan::digest(&mut file).map_err(ChildError::setup("reading the program"))?;
    if digest != order.program_digest && Guard::ExecDigest.is_up() {
        return Err(changed());
    }
    let mut start = Vec::new();
    file.rewind()
        .and_then(|()| Read::by_ref(&mut file).take(2).read_to_end(&mut start))
        .map_err(ChildError::setup("reading the program"))?;
    let kind = if start == b"#!" { Kind::Script(c_string(path_text(path)?)?) } else { Kind::Binary };
    Ok((OwnedFd::from(file), kind))
}

fn path_text(path: &Path) -> Result<String, ChildError> {
    let reason = || ChildError::Start { path: path.to_owned(), reason: "its path is not UTF-8".into() };
    path.to_str().map(str::to_owned).ok_or_else(reason)
}

/// Opens a folder without following any link; with a parent other than the root, without leaving it either.
fn open_folder(parent: impl rustix::fd::AsFd, path: &Path) -> io::Result<OwnedFd> {
    let inside = if path.is_absolute() { ResolveFlags::empty() } else { ResolveFlags::BENEATH };
    let resolve = inside | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat2(parent, path, flags, Mode::empty(), resolve)?)
}

fn cwd_error(path: &Path) -> impl FnOnce(io::Error) -> ChildError {
    let path = path.to_owned();
    |err| ChildError::Cwd { path, err }
}

fn open_stdin(input: &Input, passed: Option<OwnedFd>) -> io::Result<OwnedFd> {
    match input {
        Input::Bytes(bytes) => make_stdin(bytes),
        Input::Passed => passed.ok_or_else(|| io::ErrorKind::NotFound.into()),
        Input::Terminal => system::standard_output(),
    }
}

/// A file in memory: nobody has to feed the program while it runs.
fn make_stdin(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(rustix::fs::memfd_create(c"stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(OwnedFd::from(file))
}

fn c_strings(texts: impl Iterator<Item = String>) -> Result<Vec<CString>, ChildError> {
    texts.map(c_string).collect()
}

fn c_string(text: String) -> Result<CString, ChildError> {
    CString::new(text).map_err(ChildError::setup("passing arguments"))
}

/// What an error of exec means to somebody who looks at the program.
fn explain(err: &io::Error) -> String {
    match err.raw_os_error() {
        Some(libc::ENOEXEC) => "it is no program for this machine (bad format)".to_owned(),
        Some(libc::ENOENT) => "its interpreter or loader does not exist".to_owned(),
        Some(libc::EACCES) => "it, or its interpreter, may not be executed inside the sandbox".to_owned(),
        Some(libc::E2BIG) => "its arguments are too long".to_owned(),
        Some(libc::ENOMEM) => "it needs more memory than its limit".to_owned(),
        _ => err.to_string(),
    }
}
