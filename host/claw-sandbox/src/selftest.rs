//! Tries the worker's wall out: a process that is confined as a worker without grants attempts, as native code, what a
//! guest that had broken out of WebAssembly would attempt.

use std::ffi::CString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use claw_core::probe::{ProbeOutcome, ProbeResult};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::confine;
use crate::frame::StartWalls;
use crate::limits::WorkerLimits;

/// What the process is called with after `worker`, and before the path of the canary.
pub(crate) const WORD: &str = "probe";
/// The promise that all of these attempts test.
const ID: &str = "P7";
/// What the attempts may take together.
const WITHIN: Duration = Duration::from_secs(20);

/// Runs the attempts in a process of `program` (this very program), confined as a worker is. `folder` is a private
/// folder for the file that must stay untouched.
///
/// # Errors
/// If the process cannot be started, or says something that makes no sense.
pub async fn containment_probe(program: &Path, folder: &Path) -> io::Result<Vec<ProbeResult>> {
    let canary = folder.join("canary");
    std::fs::write(&canary, CANARY)?;
    let mut child = Command::new(program)
        .args(["worker", WORD])
        .arg(&canary)
        .env_clear()
        .envs(claw_core::guard::environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdout = child.stdout.take().expect("selftest: stdout is piped");
    let mut text = String::new();
    tokio::time::timeout(WITHIN, stdout.read_to_string(&mut text)).await??;
    let mut results = Vec::new();
    for line in text.lines() {
        results.push(serde_json::from_str(line).map_err(io::Error::other)?);
    }
    let done = child.wait().await?.success();
    results
        .push(result("all attempts were made", if done { Ok(()) } else { Err("the process ended early".to_owned()) }));
    let untouched = std::fs::read(&canary)? == CANARY;
    let touched = || "it was changed".to_owned();
    results.push(result("a file outside is as it was", if untouched { Ok(()) } else { Err(touched()) }));
    Ok(results)
}

/// What stands in the file that must stay untouched.
const CANARY: &[u8] = b"untouched";

fn result(what: &str, held: Result<(), String>) -> ProbeResult {
    let (result, detail) = match held {
        Ok(()) => (ProbeOutcome::Pass, String::new()),
        Err(detail) => (ProbeOutcome::Fail, detail),
    };
    ProbeResult { id: ID.to_owned(), what: format!("worker: {what}"), result, detail }
}

/// The main function of the process: puts the walls up and attempts everything.
pub(crate) fn attempt_all(canary: &Path) -> i32 {
    let walls = confine::worker(&[], &WorkerLimits::default(), StartWalls::Required);
    let mut out = io::stdout().lock();
    let mut say = |result: ProbeResult| {
        let line = serde_json::to_string(&result).expect("selftest: a result is plain data");
        writeln!(out, "{line}").is_ok()
    };
    if let Err(missing) = walls {
        let what = "worker: the walls are up".to_owned();
        say(ProbeResult { id: ID.to_owned(), what, result: ProbeOutcome::Unsupported, detail: missing });
        return 0;
    }
    for (what, path, flags) in paths(canary) {
        let path = CString::new(path.as_os_str().as_bytes()).expect("selftest: our paths have no NUL");
        // SAFETY: the path is a C string that lives over the call.
        let got = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600) };
        if !say(result(&format!("open {what}"), refused(got.into()))) {
            return 1;
        }
    }
    // By value: `syscall` takes whatever it is given, references included.
    for &(what, number, [a, b, c, d, e]) in CALLS {
        // SAFETY: either the filter refuses the call, or these arguments are ones that the kernel refuses without
        // touching memory: no pointer among them is one of ours.
        let got: libc::c_long = unsafe { libc::syscall(number, a, b, c, d, e) };
        if !say(result(what, refused(got))) {
            return 1;
        }
    }
    0
}

/// What a wall answers; anything else, other errors included, means that the kernel got to see the call.
fn refused(got: libc::c_long) -> Result<(), String> {
    if got >= 0 {
        return Err("it was possible".to_owned());
    }
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => Ok(()),
        // The one call that is answered so, for the sake of its callers' fall-back.
        Some(libc::ENOSYS) => Ok(()),
        _ => Err(format!("no wall answered, the kernel did: {}", io::Error::last_os_error())),
    }
}

fn paths(canary: &Path) -> Vec<(&'static str, std::path::PathBuf, i32)> {
    vec![
        ("a file outside to read", canary.to_owned(), libc::O_RDONLY),
        ("a file outside to write", canary.to_owned(), libc::O_WRONLY),
        ("a file outside to truncate", canary.to_owned(), libc::O_WRONLY | libc::O_TRUNC),
        ("a new file outside", canary.with_extension("new"), libc::O_WRONLY | libc::O_CREAT),
        ("the root", "/".into(), libc::O_RDONLY | libc::O_DIRECTORY),
        ("/etc/passwd", "/etc/passwd".into(), libc::O_RDONLY),
        ("/proc/self/environ", "/proc/self/environ".into(), libc::O_RDONLY),
        ("/proc/1/environ", "/proc/1/environ".into(), libc::O_RDONLY),
        ("/dev/null", "/dev/null".into(), libc::O_RDWR),
        ("/tmp", "/tmp".into(), libc::O_RDONLY | libc::O_DIRECTORY),
    ]
}

/// A system call, and arguments with which it does no harm even where it is allowed.
type Attempt = (&'static str, libc::c_long, [libc::c_long; 5]);

const BAD: libc::c_long = -1;
const STREAM: libc::c_long = libc::SOCK_STREAM as libc::c_long;
const DATAGRAM: libc::c_long = libc::SOCK_DGRAM as libc::c_long;
const RAW: libc::c_long = libc::SOCK_RAW as libc::c_long;

/// Each of them must be answered by the filter.
const CALLS: &[Attempt] = &[
    ("socket of IPv4, stream", libc::SYS_socket, [libc::AF_INET as libc::c_long, STREAM, 0, 0, 0]),
    ("socket of IPv4, datagram", libc::SYS_socket, [libc::AF_INET as libc::c_long, DATAGRAM, 0, 0, 0]),
    ("socket of IPv6, stream", libc::SYS_socket, [libc::AF_INET6 as libc::c_long, STREAM, 0, 0, 0]),
    ("socket of Unix", libc::SYS_socket, [libc::AF_UNIX as libc::c_long, STREAM, 0, 0, 0]),
    ("socket of netlink", libc::SYS_socket, [libc::AF_NETLINK as libc::c_long, RAW, 0, 0, 0]),
    ("socket of packets", libc::SYS_socket, [libc::AF_PACKET as libc::c_long, RAW, 0, 0, 0]),
    ("socket of vsock", libc::SYS_socket, [libc::AF_VSOCK as libc::c_long, STREAM, 0, 0, 0]),
    ("socket of the kernel's crypto", libc::SYS_socket, [libc::AF_ALG as libc::c_long, 5, 0, 0, 0]),
    ("socketpair of IPv4", libc::SYS_socketpair, [libc::AF_INET as libc::c_long, STREAM, 0, 0, 0]),
    ("connect", libc::SYS_connect, [BAD, 0, 0, 0, 0]),
    ("bind", libc::SYS_bind, [BAD, 0, 0, 0, 0]),
    ("listen", libc::SYS_listen, [BAD, 0, 0, 0, 0]),
    ("accept4", libc::SYS_accept4, [BAD, 0, 0, 0, 0]),
    ("sendmsg", libc::SYS_sendmsg, [BAD, 0, 0, 0, 0]),
    ("execve", libc::SYS_execve, [0, 0, 0, 0, 0]),
    ("execveat", libc::SYS_execveat, [BAD, 0, 0, 0, 0]),
    ("clone into a namespace", libc::SYS_clone, [0x1000_0200, 0, 0, 0, 0]),
    ("clone3", libc::SYS_clone3, [0, 0, 0, 0, 0]),
    ("kill", libc::SYS_kill, [0x7fff_fff0, 0, 0, 0, 0]),
    ("pidfd_open", libc::SYS_pidfd_open, [BAD, 0, 0, 0, 0]),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, [BAD, 0, 0, 0, 0]),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal, [BAD, 0, 0, 0, 0]),
    ("ptrace", libc::SYS_ptrace, [16, 0x7fff_fff0, 0, 0, 0]),
    ("process_vm_readv", libc::SYS_process_vm_readv, [0x7fff_fff0, 0, 0, 0, 0]),
    ("process_vm_writev", libc::SYS_process_vm_writev, [0x7fff_fff0, 0, 0, 0, 0]),
    ("kcmp", libc::SYS_kcmp, [BAD, BAD, 0, 0, 0]),
    ("bpf", libc::SYS_bpf, [BAD, 0, 0, 0, 0]),
    ("perf_event_open", libc::SYS_perf_event_open, [0, BAD, BAD, BAD, 0]),
    ("userfaultfd", libc::SYS_userfaultfd, [BAD, 0, 0, 0, 0]),
    ("io_uring_setup", libc::SYS_io_uring_setup, [0, 0, 0, 0, 0]),
    ("keyctl", libc::SYS_keyctl, [BAD, 0, 0, 0, 0]),
    ("add_key", libc::SYS_add_key, [0, 0, 0, 0, 0]),
    ("mount", libc::SYS_mount, [0, 0, 0, 0, 0]),
    ("umount2", libc::SYS_umount2, [0, 0, 0, 0, 0]),
    ("pivot_root", libc::SYS_pivot_root, [0, 0, 0, 0, 0]),
    ("chroot", libc::SYS_chroot, [0, 0, 0, 0, 0]),
    ("setns", libc::SYS_setns, [BAD, 0, 0, 0, 0]),
    ("unshare", libc::SYS_unshare, [0x1000_0000, 0, 0, 0, 0]),
    ("init_module", libc::SYS_init_module, [0, 0, 0, 0, 0]),
    ("kexec_load", libc::SYS_kexec_load, [0, BAD, 0, 0, 0]),
    ("reboot", libc::SYS_reboot, [0, 0, 0, 0, 0]),
    ("swapon", libc::SYS_swapon, [0, 0, 0, 0, 0]),
    ("symlinkat", libc::SYS_symlinkat, [0, BAD, 0, 0, 0]),
    ("linkat", libc::SYS_linkat, [BAD, 0, BAD, 0, 0]),
    ("mknodat", libc::SYS_mknodat, [BAD, 0, 0, 0, 0]),
    ("fchmodat", libc::SYS_fchmodat, [BAD, 0, 0, 0, 0]),
    ("fchownat", libc::SYS_fchownat, [BAD, 0, 0, 0, 0]),
    ("name_to_handle_at", libc::SYS_name_to_handle_at, [BAD, 0, 0, 0, 0]),
    ("open_by_handle_at", libc::SYS_open_by_handle_at, [BAD, 0, 0, 0, 0]),
    ("setuid", libc::SYS_setuid, [BAD, 0, 0, 0, 0]),
    ("prctl to become dumpable", libc::SYS_prctl, [4, 1, 0, 0, 0]),
    ("seccomp", libc::SYS_seccomp, [BAD, 0, 0, 0, 0]),
    ("personality", libc::SYS_personality, [0, 0, 0, 0, 0]),
    ("memfd_create", libc::SYS_memfd_create, [0, 0, 0, 0, 0]),
    ("ioctl that types into a terminal", libc::SYS_ioctl, [0, 0x5412, 0, 0, 0]),
];
