//! The operating system's wall around a worker: rlimits, Landlock and a seccomp allow-list.
//!
//! Put up after the component is mapped and the granted directories are open, and before any guest code runs; while
//! the process still has one thread, so that each later thread inherits it.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use claw_core::guard::Guard;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::frame::StartWalls;
use crate::limits::WorkerLimits;

/// Landlock ABI 3 (Linux 6.2) is the first that guards truncation; without it a read-only grant is not read-only.
const LANDLOCK_NEEDED: ABI = ABI::V3;
/// The newest ABI whose rights we name.
const LANDLOCK_WANTED: ABI = ABI::V6;

/// A directory that the walls let through: the opened one, whatever its path leads to by now.
pub(crate) struct Granted<'a> {
    pub(crate) directory: BorrowedFd<'a>,
    pub(crate) write: bool,
}

/// Drops what a worker must not have inherited, whatever its parent was.
pub(crate) fn inherit_nothing() {
    // SAFETY: no descriptor above 2 is in use yet: this is the first thing that the process does.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    // SAFETY: plain flags of the calling process.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
}

/// Puts up a worker's walls.
///
/// # Errors
/// Names the missing kernel feature when all walls are required.
pub(crate) fn worker(granted: &[Granted<'_>], limits: &WorkerLimits, walls: StartWalls) -> Result<(), String> {
    #[cfg(feature = "test-weaken")]
    if walls == StartWalls::OnlyWasm {
        return Ok(());
    }
    rlimits(limits.descriptors, limits.data_mib << 20)?;
    // Guests that compute must not keep the host from answering. Inherited by the threads that are yet to be made.
    yield_to_others(WORKER_NICENESS)?;
    let required = walls != StartWalls::BestEffort;
    if Guard::WorkerLandlock.is_up() {
        or_tolerate(required, landlock(granted, required))?;
    }
    if Guard::WorkerSeccomp.is_up() { or_tolerate(required, seccomp()) } else { Ok(()) }
}

/// Puts up the compiler's walls: no files, no network, no programs, bounded memory and time.
///
/// # Errors
/// Names what could not be set up.
pub(crate) fn compiler() -> Result<(), String> {
    inherit_nothing();
    // A host that is killed must not leave a compiler behind.
    // SAFETY: a plain flag of the calling process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    yield_to_others(COMPILER_NICENESS)?;
    // 400 MB is what the largest interpreter takes; five minutes is far beyond it on a slow machine.
    rlimits(16, 2 << 30)?;
    limit(Resource::Cpu, 300)?;
    landlock(&[], false)?;
    seccomp()
}

/// Workers get a third of the processor when the host wants it too, the compiler a tenth.
const WORKER_NICENESS: i32 = 5;
const COMPILER_NICENESS: i32 = 10;

fn yield_to_others(niceness: i32) -> Result<(), String> {
    rustix::process::nice(niceness).map(|_| ()).map_err(|err| format!("a lower priority: {err}"))
}

fn or_tolerate(required: bool, result: Result<(), String>) -> Result<(), String> {
    if required { result } else { Ok(()) }
}

fn limit(resource: Resource, value: u64) -> Result<(), String> {
    setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
        .map_err(|err| format!("resource limit {resource:?}: {err}"))
}

fn rlimits(descriptors: u64, data_bytes: u64) -> Result<(), String> {
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, descriptors)?;
    limit(Resource::Memlock, 0)?;
    limit(Resource::Msgqueue, 0)?;
    limit(Resource::Data, data_bytes)
}

fn landlock(granted: &[Granted<'_>], required: bool) -> Result<(), String> {
    let level = if required { CompatLevel::HardRequirement } else { CompatLevel::BestEffort };
    let status = restrict(granted, level).map_err(|err| format!("Landlock (ABI 3, Linux 6.2): {err}"))?;
    match status {
        RulesetStatus::NotEnforced if required => Err("Landlock (switched off in this kernel)".to_owned()),
        _ => Ok(()),
    }
}

fn restrict(granted: &[Granted<'_>], level: CompatLevel) -> Result<RulesetStatus, landlock::RulesetError> {
    let all = AccessFs::from_all(LANDLOCK_WANTED);
    let mut ruleset = Ruleset::default()
        .set_compatibility(level)
        .handle_access(AccessFs::from_all(LANDLOCK_NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(LANDLOCK_WANTED))?
        .scope(Scope::from_all(LANDLOCK_WANTED))?
        .create()?;
    for granted in granted {
        ruleset = ruleset.add_rule(PathBeneath::new(granted.directory, rights(granted)))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

fn rights(granted: &Granted<'_>) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    if !granted.write {
        return read;
    }
    read | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

fn seccomp() -> Result<(), String> {
    // glibc tries clone3 first, whose flags a filter cannot see, and falls back to clone only on this answer.
    let no_clone3 = filter(BTreeMap::from([(libc::SYS_clone3, vec![])]), SeccompAction::Allow, libc::ENOSYS)?;
    seccompiler::apply_filter(&no_clone3).map_err(|err| format!("seccomp: {err}"))?;
    let mut allowed: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|number| (*number, vec![])).collect();
    allowed.extend(conditional().map_err(|err| format!("seccomp: {err}"))?);
    let allow_list = SeccompFilter::new(
        allowed,
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into().map_err(|_| "seccomp for this processor".to_owned())?,
    );
    let program: BpfProgram = allow_list.and_then(TryInto::try_into).map_err(|err| format!("seccomp: {err}"))?;
    seccompiler::apply_filter(&program).map_err(|err| format!("seccomp: {err}"))
}

fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, default: SeccompAction, errno: i32) -> Result<BpfProgram, String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|_| "seccomp for this processor".to_owned())?;
    SeccompFilter::new(rules, default, SeccompAction::Errno(errno.cast_unsigned()), arch)
        .and_then(TryInto::try_into)
        .map_err(|err| format!("seccomp: {err}"))
}

/// System calls that are allowed with some arguments only.
fn conditional() -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
    let equals = |index, value| {
        SeccompRule::new(vec![SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?])
    };
    let threads = (libc::CLONE_VM | libc::CLONE_THREAD).cast_unsigned().into();
    let namespaces = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    let namespaces = namespaces.iter().fold(0, |flags, flag| flags | i64::from(*flag));
    let only_threads = SeccompRule::new(vec![
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(threads), threads)?,
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(namespaces.cast_unsigned()), 0)?,
    ])?;
    Ok(vec![
        (libc::SYS_clone, vec![only_threads]),
        // The runtime's own wake-up pair; it reaches nobody else.
        (libc::SYS_socketpair, vec![equals(0, libc::AF_UNIX.cast_unsigned().into())?]),
        (libc::SYS_prctl, vec![equals(0, libc::PR_SET_NAME.cast_unsigned().into())?, equals(0, 0x5356_4d41)?]),
        // The socket to the host is this process's only socket, and connected: no address can be given.
        (libc::SYS_sendto, vec![equals(4, 0)?]),
        // Without a path, so that only files that are open for real can get other times: Landlock does not guard these.
        (
            libc::SYS_utimensat,
            vec![SeccompRule::new(vec![SeccompCondition::new(1, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?])?],
        ),
        (libc::SYS_ioctl, vec![equals(1, libc::FIONBIO)?, equals(1, libc::FIONREAD)?]),
    ])
}

/// What an engine, its threads and granted files need. Everything else answers EPERM: no sockets, no programs, no
/// tracing, no links, no mode or owner changes, no mounts, no namespaces, no io_uring, no bpf.
const ALLOWED: &[i64] = &[
    // Input and output on open descriptors.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_recvfrom,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_ppoll,
    // Files beneath the granted directories; Landlock decides which.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fadvise64,
    // Memory.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    // Threads and their waiting.
    libc::SYS_futex,
    // Let through here, because the filter before this one answers ENOSYS for it.
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    // Signals of the engine's trap handlers.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // Time and chance.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_exit,
    libc::SYS_exit_group,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
];
