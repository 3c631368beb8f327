//! The few calls that neither std nor rustix has, each behind a safe face.
//!
//! All of them rely on one thing: the supervisor has a single thread.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr;

use rustix::process::Pid;

/// Which side of a fork this is.
pub(super) enum Fork {
    Child,
    Parent(Pid),
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Takes the control socket from standard input and closes every inherited descriptor but 0, 1 and 2.
pub(super) fn take_control() -> io::Result<UnixStream> {
    // SAFETY: nothing in this process owns a descriptor above 2 yet: this is the first thing that it does.
    check(unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } as libc::c_int)?;
    // SAFETY: 0 is open, or the duplication fails.
    let stdin = unsafe { BorrowedFd::borrow_raw(0) };
    let control = rustix::io::fcntl_dupfd_cloexec(stdin, 3)?;
    rustix::net::sockopt::socket_type(&control)?;
    put_null(0)?;
    Ok(UnixStream::from(control))
}

/// Another descriptor for this process's standard output.
pub(super) fn standard_output() -> io::Result<OwnedFd> {
    // SAFETY: 1 is open, or the duplication fails.
    let stdout = unsafe { BorrowedFd::borrow_raw(1) };
    Ok(rustix::io::fcntl_dupfd_cloexec(stdout, 3)?)
}

/// Points this process's own stdout and stderr to nowhere, so that the host sees the end of the program's.
pub(super) fn leave_output() -> io::Result<()> {
    put_null(1)?;
    put_null(2)
}

fn put_null(target: i32) -> io::Result<()> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    put(&OwnedFd::from(null), target)
}

/// Makes `target`, one of 0 to 2, a copy of `fd` that survives exec.
pub(super) fn put(fd: &OwnedFd, target: i32) -> io::Result<()> {
    // SAFETY: dup2 has no memory effects; 0 to 2 are owned by nobody in this process.
    check(unsafe { libc::dup2(fd.as_raw_fd(), target) }).map(drop)
}

/// Forks.
pub(super) fn fork() -> io::Result<Fork> {
    // SAFETY: the process has a single thread, so the child's memory is in order.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(Pid::from_raw(pid).expect("system: fork gives the parent a pid above 0"))),
    }
}

/// Ends a forked child without running the parent's cleanup.
pub(super) fn exit_now() -> ! {
    // SAFETY: `_exit` does not return and touches no memory.
    unsafe { libc::_exit(127) }
}

/// Holds back every signal that can be held back.
pub(super) fn block_signals() -> io::Result<()> {
    let mut all = MaybeUninit::uninit();
    // SAFETY: `sigfillset` initialises the set before `sigprocmask` reads it.
    check(unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), ptr::null_mut())
    })
    .map(drop)
}

/// Lets a program start with the signals it expects: none blocked, none ignored.
pub(super) fn reset_signals() -> io::Result<()> {
    // The Rust runtime ignores SIGPIPE, and an ignored signal stays ignored across exec.
    // SAFETY: default actions involve no handler.
    if unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    let mut none = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set before `sigprocmask` reads it.
    check(unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut())
    })
    .map(drop)
}

/// A descriptor that is readable when a child ended. Needs blocked signals.
pub(super) fn child_events() -> io::Result<OwnedFd> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the set is initialised before it is read; the new descriptor is owned by nobody else.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        let fd = check(libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Forgets the events so far.
pub(super) fn drain_events(events: &OwnedFd) {
    let mut buffer = [0; 1024];
    while let Ok(1..) = rustix::io::read(events, &mut buffer) {}
}

/// The kernel's Landlock ABI; 0 without Landlock.
pub(in crate::exec) fn landlock_abi() -> i32 {
    // SAFETY: the version query passes no memory.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0_usize, 1_u32) };
    i32::try_from(abi.max(0)).unwrap_or(i32::MAX)
}

/// What exec is given.
pub(super) enum Image<'a> {
    /// An open binary: what was digested is what runs.
    Open(&'a OwnedFd),
    /// A script, which its interpreter opens by name.
    Path(&'a CString),
}

/// Becomes another program; returns only if that failed.
pub(super) fn exec(image: &Image<'_>, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both arrays end with a null pointer and, like the texts they point to, live until after the call.
    unsafe {
        match image {
            Image::Open(fd) => {
                libc::syscall(
                    libc::SYS_execveat,
                    fd.as_raw_fd(),
                    c"".as_ptr(),
                    argv.as_ptr(),
                    env.as_ptr(),
                    libc::AT_EMPTY_PATH,
                );
            }
            Image::Path(path) => {
                libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr());
            }
        }
    }
    io::Error::last_os_error()
}
