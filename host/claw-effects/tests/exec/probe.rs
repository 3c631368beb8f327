//! The hostile program: tries what it should not be able to do, and says what came of it.

use std::ffi::CString;
use std::fs;
use std::io::{self, Read, Write};
use std::ptr;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Does one thing and returns, or does not.
#[expect(clippy::disallowed_methods, reason = "a hostile program looks at its environment and ends as it likes")]
pub fn act(action: &str, args: &[&str]) {
    match action {
        "argv" => args.iter().for_each(|arg| print!("{arg}\0")),
        "environ" => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        "cat" => drop(io::copy(&mut io::stdin(), &mut io::stdout())),
        "cwd" => println!("{}", std::env::current_dir().unwrap().display()),
        "descriptors" => descriptors(),
        "syscalls" => syscalls(),
        "foreign" => foreign(),
        "read" => args.iter().for_each(|path| println!("{path} {}", error(&read(path)))),
        "write" => args.iter().for_each(|path| println!("{path} {}", error(&fs::write(path, "x")))),
        "attack" => attack(args[0].parse().unwrap()),
        "exit" => std::process::exit(args[0].parse().unwrap()),
        "raise" => raise(args[0].parse().unwrap()),
        "flood" => flood(args[0].parse().unwrap()),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "file-limit" => println!("{}", error(&fs::File::create("big").and_then(|file| fill(&file)))),
        "memory" => println!("{}", Vec::<u8>::new().try_reserve(5 << 30).is_err()),
        "stay" => stay(args[0]),
        "kill" => println!("{}", outcome(kill(args[0].parse().unwrap()))),
        "bomb" => bomb(),
        "niceness" => println!("{}", niceness()),
        "scatter" => scatter(args[0]),
        other => panic!("unknown action `{other}`"),
    }
}

/// Makes the kernel look like one without Landlock.
pub fn hide_landlock() {
    let rules = [(libc::SYS_landlock_create_ruleset, Vec::new())].into();
    let enosys = SeccompAction::Errno(libc::ENOSYS as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, enosys, arch).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

fn error<T>(result: &io::Result<T>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(err) => match err.raw_os_error() {
            Some(libc::EACCES) => "EACCES".to_owned(),
            Some(libc::EPERM) => "EPERM".to_owned(),
            Some(libc::ENOSYS) => "ENOSYS".to_owned(),
            Some(libc::EOPNOTSUPP) => "EOPNOTSUPP".to_owned(),
            Some(libc::ESRCH) => "ESRCH".to_owned(),
            Some(libc::EFBIG) => "EFBIG".to_owned(),
            _ => format!("{err:?}"),
        },
    }
}

fn outcome(result: libc::c_long) -> String {
    error(&if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) })
}

fn descriptors() {
    // SAFETY: F_GETFD only asks.
    let open = (0..1024).filter(|&fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0);
    println!("{:?}", open.collect::<Vec<_>>());
}

fn read(path: &str) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        fs::read_dir(path).map(drop)
    } else {
        fs::File::open(path)?.read(&mut [0; 8]).map(drop)
    }
}

fn syscalls() {
    let pid = i64::from(std::process::id());
    let calls: &[(&str, libc::c_long, [i64; 3])] = &[
        ("socket-inet-tcp", libc::SYS_socket, [2, 1, 0]),
        ("socket-inet-udp", libc::SYS_socket, [2, 2, 0]),
        ("socket-inet-raw", libc::SYS_socket, [2, 3, 1]),
        ("socket-inet6", libc::SYS_socket, [10, 1, 0]),
        ("socket-unix", libc::SYS_socket, [1, 1, 0]),
        ("socket-netlink", libc::SYS_socket, [16, 3, 0]),
        ("socket-packet", libc::SYS_socket, [17, 3, 0]),
        ("socket-alg", libc::SYS_socket, [38, 5, 0]),
        ("socket-vsock", libc::SYS_socket, [40, 1, 0]),
        ("socketpair-datagram", libc::SYS_socketpair, [1, 2, 0]),
        ("socketpair-raw", libc::SYS_socketpair, [1, 3 | 0o2000000, 0]),
        ("connect", libc::SYS_connect, [1, 0, 0]),
        ("ptrace", libc::SYS_ptrace, [0, 0, 0]),
        ("process_vm_readv", libc::SYS_process_vm_readv, [pid, 0, 0]),
        ("process_vm_writev", libc::SYS_process_vm_writev, [pid, 0, 0]),
        ("pidfd_getfd", libc::SYS_pidfd_getfd, [0, 0, 0]),
        ("kcmp", libc::SYS_kcmp, [pid, pid, 0]),
        ("keyctl", libc::SYS_keyctl, [0, -3, 0]),
        ("add_key", libc::SYS_add_key, [0, 0, 0]),
        ("bpf", libc::SYS_bpf, [0, 0, 0]),
        ("perf_event_open", libc::SYS_perf_event_open, [0, 0, 0]),
        ("userfaultfd", libc::SYS_userfaultfd, [1, 0, 0]),
        ("mount", libc::SYS_mount, [0, 0, 0]),
        ("umount2", libc::SYS_umount2, [0, 0, 0]),
        ("pivot_root", libc::SYS_pivot_root, [0, 0, 0]),
        ("chroot", libc::SYS_chroot, [0, 0, 0]),
        ("setns", libc::SYS_setns, [0, 0, 0]),
        ("unshare", libc::SYS_unshare, [0, 0, 0]),
        ("unshare-user", libc::SYS_unshare, [libc::CLONE_NEWUSER as i64, 0, 0]),
        ("clone-user", libc::SYS_clone, [libc::CLONE_NEWUSER as i64 | 17, 0, 0]),
        ("clone-net", libc::SYS_clone, [libc::CLONE_NEWNET as i64 | 17, 0, 0]),
        ("clone3", libc::SYS_clone3, [0, 0, 0]),
        ("init_module", libc::SYS_init_module, [0, 0, 0]),
        ("kexec_load", libc::SYS_kexec_load, [0, 0, 0]),
        ("reboot", libc::SYS_reboot, [0, 0, 0]),
        ("swapon", libc::SYS_swapon, [0, 0, 0]),
        ("io_uring_setup", libc::SYS_io_uring_setup, [1, 0, 0]),
        ("shmget", libc::SYS_shmget, [1, 4096, 0o1600]),
        ("fchownat", libc::SYS_fchownat, [-100, 0, 0]),
        ("fsetxattr", libc::SYS_fsetxattr, [1, 0, 0]),
        ("setpriority-user", libc::SYS_setpriority, [2, 0, 0]),
    ];
    for (name, call, args) in calls {
        // SAFETY: every call is refused, or fails on its arguments, before it touches memory.
        let result = unsafe { libc::syscall(*call, args[0], args[1], args[2], 0, 0, 0) };
        println!("{name} {}", outcome(result));
    }
    // SAFETY: asks for nothing but the number.
    println!("alive {}", outcome(unsafe { libc::syscall(libc::SYS_getpid) }));
}

/// Calls of another architecture: x32 numbers, which come back, then 32-bit entry, which ends the process.
#[cfg(target_arch = "x86_64")]
fn foreign() {
    // SAFETY: socket takes three numbers.
    println!("x32 {}", outcome(unsafe { libc::syscall(0x4000_0000 + libc::SYS_socket, 2, 1, 0) }));
    // SAFETY: 20 is getpid in the 32-bit table; the kernel keeps every register but eax.
    unsafe { std::arch::asm!("int 0x80", inout("eax") 20 => _, out("r8") _, out("r9") _, out("r10") _, out("r11") _) };
    println!("i386 done");
}

#[cfg(not(target_arch = "x86_64"))]
fn foreign() {
    println!("x32 ENOSYS");
    // What the other architecture's filter does.
    raise(libc::SIGSYS);
}

fn attack(host: i32) {
    // SAFETY: plain numbers, and a limit that lives until after the call.
    unsafe {
        let supervisor = libc::getppid();
        for (name, pid) in [("host", host), ("supervisor", supervisor), ("init", 1)] {
            for signal in [libc::SIGKILL, libc::SIGSTOP] {
                println!("kill-{signal}-{name} {}", outcome(libc::kill(pid, signal).into()));
            }
            println!("tkill-{name} {}", outcome(libc::syscall(libc::SYS_tkill, pid, libc::SIGKILL)));
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            let limited = libc::prlimit(pid, libc::RLIMIT_CPU, &none, ptr::null_mut());
            println!("prlimit-{name} {}", outcome(limited.into()));
        }
        // Only behind a wall that has just been seen to hold: it would end the developer's session.
        if libc::kill(host, 0) < 0 && libc::kill(supervisor, 0) < 0 {
            println!("kill-all {}", outcome(libc::kill(-1, libc::SIGKILL).into()));
        }
        println!("prctl {}", outcome(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL).into()));
    }
}

fn kill(pid: i32) -> libc::c_long {
    // SAFETY: plain numbers.
    unsafe { libc::kill(pid, libc::SIGKILL) }.into()
}

fn niceness() -> i32 {
    // SAFETY: plain numbers.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// Every process forks until none can, then all wait; the first says when it came to that.
fn bomb() {
    // SAFETY: the probe has one thread; the processes share nothing.
    let first = unsafe { libc::getpid() };
    loop {
        // SAFETY: as above.
        if unsafe { libc::fork() } < 0 {
            break;
        }
    }
    // SAFETY: no arguments.
    if unsafe { libc::getpid() } == first {
        println!("{}", error::<()>(&Err(io::Error::last_os_error())));
    } else {
        wait_forever();
    }
}

fn raise(signal: i32) {
    // SAFETY: the default action of a signal that this process sends to itself.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

fn flood(pieces: usize) {
    let piece = vec![b'.'; 1 << 20];
    println!("first");
    for _ in 0..pieces {
        io::stdout().write_all(&piece).unwrap();
        io::stderr().write_all(&piece).unwrap();
    }
    println!("last");
}

fn fill(file: &fs::File) -> io::Result<()> {
    raise_nothing(libc::SIGXFSZ);
    file.set_len(2 << 30)
}

fn raise_nothing(signal: i32) {
    // SAFETY: ignoring a signal involves no handler.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Ignores every request to end, reports its own number and waits.
fn stay(report_to: &str) {
    [libc::SIGTERM, libc::SIGINT, libc::SIGHUP].into_iter().for_each(raise_nothing);
    println!("waiting");
    report(report_to, &[std::process::id() as i32]);
    wait_forever();
}

/// Leaves processes behind in every way there is, reports their numbers and returns.
fn scatter(report_to: &str) {
    // A child in its own session; a grandchild whose parent is gone; a stopped one; a tree that forks on.
    let session = fork_into(|| {
        // SAFETY: no arguments.
        unsafe { libc::setsid() };
        wait_forever();
    });
    let (mut numbers, number) = pipe();
    let orphan_parent = fork_into(move || {
        let orphan = fork_into(|| {
            // SAFETY: no arguments.
            unsafe { libc::setsid() };
            raise_nothing(libc::SIGHUP);
            wait_forever();
        });
        (&number).write_all(&orphan.to_le_bytes()).unwrap();
    });
    // SAFETY: the status may be ignored.
    unsafe { libc::waitpid(orphan_parent, ptr::null_mut(), 0) };
    let mut orphan = [0; 4];
    numbers.read_exact(&mut orphan).unwrap();
    let stopped = fork_into(|| raise(libc::SIGSTOP));
    report(report_to, &[session, i32::from_le_bytes(orphan), stopped]);
}

fn pipe() -> (fs::File, fs::File) {
    let (read, write) = rustix::pipe::pipe().unwrap();
    (read.into(), write.into())
}

fn fork_into(child: impl FnOnce()) -> i32 {
    // SAFETY: the probe has one thread.
    match unsafe { libc::fork() } {
        0 => {
            child();
            // SAFETY: does not return.
            unsafe { libc::_exit(0) }
        }
        pid => pid,
    }
}

fn wait_forever() -> ! {
    loop {
        // SAFETY: no arguments.
        unsafe { libc::pause() };
    }
}

/// Writes numbers into a named pipe that the test has made.
fn report(to: &str, pids: &[i32]) {
    let path = CString::new(to).unwrap();
    // SAFETY: the path lives until after the call.
    assert_eq!(unsafe { libc::access(path.as_ptr(), libc::F_OK) }, 0, "{to}");
    let pids: Vec<String> = pids.iter().map(i32::to_string).collect();
    fs::OpenOptions::new().write(true).open(to).unwrap().write_all(pids.join(" ").as_bytes()).unwrap();
}
