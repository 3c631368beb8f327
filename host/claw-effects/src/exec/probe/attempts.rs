//! What runs inside: every attempt, one after the other.
//!
//! Should a wall be missing, an attempt hits nothing but what the host has put up for it: system calls get arguments
//! that no kernel acts on.

use std::fs::File;
use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::{ProbeOutcome, ProbeResult, Range, rights};
use crate::exec::child::{syscalls, system};
use crate::exec::order;

/// Files of the machine that are nobody's business.
const PRIVATE: [&str; 8] = ["/etc/shadow", "/root", "/home", "/proc", "/proc/self/environ", "/sys", "/tmp", "/var"];
/// The variables that any program has.
const ENVIRONMENT: [&str; 5] = ["HOME", "LANG", "PATH", "TERM", "TMPDIR"];
/// Families of sockets.
const FAMILIES: [(&str, libc::c_int, libc::c_int); 10] = [
    ("a TCP socket", libc::AF_INET, libc::SOCK_STREAM),
    ("a UDP socket", libc::AF_INET, libc::SOCK_DGRAM),
    ("a raw socket", libc::AF_INET, libc::SOCK_RAW),
    ("an IPv6 socket", libc::AF_INET6, libc::SOCK_STREAM),
    ("a local socket", libc::AF_UNIX, libc::SOCK_STREAM),
    ("a netlink socket", libc::AF_NETLINK, libc::SOCK_RAW),
    ("a packet socket", libc::AF_PACKET, libc::SOCK_RAW),
    ("a crypto socket", libc::AF_ALG, libc::SOCK_SEQPACKET),
    ("a VM socket", libc::AF_VSOCK, libc::SOCK_STREAM),
    ("a Bluetooth socket", libc::AF_BLUETOOTH, libc::SOCK_RAW),
];

/// No descriptor, address, request or process has this number.
const NOTHING: i64 = -1;

/// The main function of the probe: targets from standard input, results to standard output.
pub(in crate::exec) fn attempt_all() -> i32 {
    let tried = order::receive(&mut io::stdin()).and_then(|range: Range| {
        let mut results = Results(Vec::new());
        results.descriptors();
        results.environment();
        results.files(&range.outside);
        results.system_calls();
        results.network(&range);
        results.signals(&range);
        results.privileges();
        order::send(&mut io::stdout(), &results.0)
    });
    match tried {
        Ok(()) => 0,
        Err(err) => {
            eprintln!("the probe is started by the host only: {err}");
            70
        }
    }
}

struct Results(Vec<ProbeResult>);

impl Results {
    /// First of all, before anything is opened.
    fn descriptors(&mut self) {
        // SAFETY: F_GETFD only asks.
        let open: Vec<i32> = (0..1024).filter(|&fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0).collect();
        self.expect("EX-32", "inherited descriptors", open == [0, 1, 2], format!("{open:?}"));
    }

    fn environment(&mut self) {
        let foreign: Vec<String> = std::env::vars_os()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .filter(|name| !ENVIRONMENT.contains(&name.as_str()))
            .collect();
        self.expect("EX-13", "inherited variables", foreign.is_empty(), format!("{foreign:?}"));
    }

    fn files(&mut self, outside: &Path) {
        for path in PRIVATE.iter().filter(|path| Path::new(path).symlink_metadata().is_ok()) {
            let read = File::open(path).map(drop);
            self.refused("EX-19", &format!("read {path}"), &read, &[libc::EACCES]);
        }
        let abi = system::landlock_abi();
        for right in rights::all() {
            let what = format!("{right:?} outside");
            let Some(attempt) = rights::attempt(right, outside) else {
                self.push("EX-20", &what, ProbeOutcome::Fail, "nobody has thought of it");
                continue;
            };
            // Which files are moved where is refused as if they lay on two disks.
            let expected = [libc::EACCES, libc::EPERM, libc::EXDEV];
            let refused = attempt.as_ref().is_err_and(|err| expected.iter().any(|&e| err.raw_os_error() == Some(e)));
            if refused || rights::is_kept(right, abi) {
                self.refused("EX-20", &what, &attempt, &expected);
            } else {
                let detail = format!("Landlock ABI {abi} does not have it: {}", shown(&attempt));
                self.push("EX-20", &what, ProbeOutcome::Unsupported, &detail);
            }
        }
    }

    fn system_calls(&mut self) {
        for &(name, call) in syscalls::REFUSED.iter().chain(syscalls::REFUSED_HERE) {
            self.refused("EX-27", name.trim_start_matches("SYS_"), &plain(call, NOTHING), &[libc::EPERM]);
        }
        for &(name, call) in syscalls::UNKNOWN {
            self.refused("EX-27", name.trim_start_matches("SYS_"), &plain(call, NOTHING), &[libc::ENOSYS]);
        }
        for &(name, call) in syscalls::UNSUPPORTED {
            self.refused("EX-27", name.trim_start_matches("SYS_"), &plain(call, NOTHING), &[libc::EOPNOTSUPP]);
        }
        for flag in syscalls::NAMESPACE_FLAGS {
            let flag = i64::from(flag);
            let new = plain(libc::SYS_clone, flag | i64::from(libc::SIGCHLD));
            self.refused("EX-27", &format!("clone into a new namespace ({flag:#x})"), &new, &[libc::EPERM]);
            let own = plain(libc::SYS_unshare, flag);
            self.refused("EX-29", &format!("unshare a namespace ({flag:#x})"), &own, &[libc::EPERM]);
        }
    }

    fn network(&mut self, range: &Range) {
        for (what, family, kind) in FAMILIES {
            // SAFETY: socket takes three numbers.
            let socket = outcome(unsafe { libc::syscall(libc::SYS_socket, family, kind, 0) });
            self.refused("EX-25", what, &socket, &[libc::EPERM]);
        }
        let tcp = TcpStream::connect(("127.0.0.1", range.port)).map(drop);
        self.refused("EX-25", "connect to a TCP server", &tcp, &[libc::EPERM, libc::EACCES]);
        let udp = UdpSocket::bind(("127.0.0.1", 0)).map(drop);
        self.refused("EX-25", "bind a UDP port", &udp, &[libc::EPERM, libc::EACCES]);
        let unix = UnixStream::connect(range.outside.join("socket")).map(drop);
        self.refused("EX-25", "connect to a local server", &unix, &[libc::EPERM, libc::EACCES]);
    }

    fn signals(&mut self, range: &Range) {
        // SAFETY: plain numbers; 0 sends nothing but is checked like any signal.
        let send = |pid, signal| outcome(unsafe { libc::kill(pid, signal) }.into());
        // SAFETY: no arguments.
        let supervisor = unsafe { libc::getppid() };
        let kill = send(range.victim, libc::SIGKILL);
        self.refused("EX-30", "kill another process", &kill, &[libc::EPERM]);
        self.refused("EX-30", "stop another process", &send(range.victim, libc::SIGSTOP), &[libc::EPERM]);
        self.refused("EX-30", "signal the host", &send(range.host, 0), &[libc::EPERM]);
        self.refused("EX-30", "signal the supervisor", &send(supervisor, 0), &[libc::EPERM]);
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the limit lives until after the call.
        let limited = unsafe { libc::prlimit(range.victim, libc::RLIMIT_CPU, &none, std::ptr::null_mut()) };
        self.refused("EX-30", "limit another process", &outcome(limited.into()), &[libc::EPERM]);
    }

    fn privileges(&mut self) {
        // SAFETY: prctl with plain numbers.
        let held = (0..64).filter(|&bit| unsafe { libc::prctl(libc::PR_CAPBSET_READ, bit) } == 1).count();
        // Whoever is not root has nothing that the set could give.
        let powerless = held == 0 || !rustix::process::geteuid().is_root();
        self.expect("EX-27", "capabilities", powerless, format!("{held} within reach"));
        // SAFETY: prctl with plain numbers.
        let no_new = unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) } == 1;
        self.expect("EX-27", "new privileges", no_new, format!("no_new_privs is {no_new}"));
        for (what, resource) in
            [("memory", Resource::As), ("descriptors", Resource::Nofile), ("core dumps", Resource::Core)]
        {
            let most = getrlimit(resource).maximum;
            self.expect("EX-41", &format!("a limit for {what}"), most.is_some(), format!("{most:?}"));
        }
    }

    /// An attempt that must fail with one of these errors.
    fn refused(&mut self, id: &str, what: &str, attempt: &io::Result<()>, expected: &[i32]) {
        let code = attempt.as_ref().err().and_then(io::Error::raw_os_error);
        self.expect(id, what, code.is_some_and(|code| expected.contains(&code)), shown(attempt));
    }

    fn expect(&mut self, id: &str, what: &str, held: bool, detail: String) {
        self.push(id, what, if held { ProbeOutcome::Pass } else { ProbeOutcome::Fail }, &detail);
    }

    fn push(&mut self, id: &str, what: &str, result: ProbeOutcome, detail: &str) {
        self.0.push(ProbeResult { id: id.to_owned(), what: what.to_owned(), result, detail: detail.to_owned() });
    }
}

/// A system call with one number and nothing else.
fn plain(call: libc::c_long, first: i64) -> io::Result<()> {
    // SAFETY: null pointers and zeros; what the kernel would make of them touches no memory of this process.
    let result = unsafe { libc::syscall(call, first, 0, 0, 0, 0, 0) };
    if result == 0 && call == libc::SYS_clone {
        // SAFETY: a child that should not be there, without a stack of its own to return on.
        unsafe { libc::_exit(0) }
    }
    outcome(result)
}

fn outcome(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn shown(attempt: &io::Result<()>) -> String {
    match attempt {
        Ok(()) => "it worked".to_owned(),
        Err(err) => match err.raw_os_error() {
            Some(libc::EACCES) => "EACCES".to_owned(),
            Some(libc::EPERM) => "EPERM".to_owned(),
            Some(libc::ENOSYS) => "ENOSYS".to_owned(),
            Some(libc::EXDEV) => "EXDEV".to_owned(),
            Some(libc::EOPNOTSUPP) => "EOPNOTSUPP".to_owned(),
            _ => err.to_string(),
        },
    }
}
