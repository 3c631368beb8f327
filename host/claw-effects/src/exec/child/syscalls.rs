//! The seccomp filter of the program: what no confined program needs and Landlock does not cover.
//!
//! A deny-list, because programs are arbitrary: what it holds fails with EPERM and the program goes on. Network is
//! missing whole, as nothing grants it to programs yet.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

/// The ABI from which Landlock keeps signals inside the sandbox.
pub(in crate::exec) const ABI_WITH_SIGNAL_SCOPE: i32 = 6;

/// A system call by name and number.
pub(in crate::exec) type Call = (&'static str, c_long);

macro_rules! calls {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), libc::$name)),*] };
}

/// Refused whatever the arguments are.
pub(in crate::exec) const REFUSED: &[Call] = calls![
    // Network. Stream pairs remain: they lead nowhere else.
    SYS_socket,
    SYS_connect,
    SYS_bind,
    // Other processes: their memory, descriptors and scheduling.
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_process_mrelease,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_migrate_pages,
    SYS_move_pages,
    // Memory shared with other programs of the same user.
    SYS_shmget,
    SYS_shmat,
    SYS_semget,
    SYS_msgget,
    SYS_mq_open,
    // Keys.
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    // Kernel surface with a history.
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_fanotify_init,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_lookup_dcookie,
    SYS_syslog,
    // Namespaces and mounts.
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_move_mount,
    SYS_open_tree,
    SYS_mount_setattr,
    // Landlock does not cover owners.
    SYS_fchown,
    SYS_fchownat,
    // The machine.
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_quotactl_fd,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_personality,
];

/// Calls of one architecture only.
#[cfg(target_arch = "x86_64")]
pub(in crate::exec) const REFUSED_HERE: &[Call] = calls![SYS_chown, SYS_lchown, SYS_iopl, SYS_ioperm, SYS_modify_ldt];
#[cfg(not(target_arch = "x86_64"))]
pub(in crate::exec) const REFUSED_HERE: &[Call] = calls![];

/// Answered as if the kernel did not know them: libraries then use an older call that can be filtered. The flags of
/// `clone3` lie in memory, where a filter cannot see them.
pub(in crate::exec) const UNKNOWN: &[Call] = calls![SYS_clone3];

/// Answered as if the file system did not have it, which programs that copy files take in their stride. Landlock does
/// not cover extended attributes.
pub(in crate::exec) const UNSUPPORTED: &[Call] =
    calls![SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,];

/// Refused unless this argument is 0, which stands for the caller itself.
const ONLY_ON_SELF: &[(c_long, u8)] = &[
    (libc::SYS_prlimit64, 0),
    (libc::SYS_setpriority, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_ioprio_set, 1),
    // A destination would let an unconnected pair reach other sockets.
    (libc::SYS_sendto, 4),
];

/// Refused where Landlock cannot keep signals inside.
const SIGNALS: &[Call] =
    calls![SYS_kill, SYS_tkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal,];

/// New namespaces, by `clone`.
pub(in crate::exec) const NAMESPACE_FLAGS: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The filters in the order in which they are to be installed.
pub(super) struct Filters(Vec<BpfProgram>);

impl Filters {
    /// Builds the filters for this machine, whose kernel has this Landlock ABI.
    pub(super) fn build(landlock_abi: i32) -> io::Result<Self> {
        let always = |calls: &[Call]| calls.iter().map(|&(_, call)| (call, Vec::new())).collect();
        let filters = [
            compile(always(UNKNOWN), libc::ENOSYS),
            compile(always(UNSUPPORTED), libc::EOPNOTSUPP),
            compile(refused(landlock_abi)?, libc::EPERM),
        ];
        let foreign = (!FOREIGN_NUMBERS.is_empty()).then(|| FOREIGN_NUMBERS.to_vec());
        let compiled = filters.into_iter().collect::<io::Result<Vec<_>>>()?;
        Ok(Filters(foreign.into_iter().chain(compiled).collect()))
    }

    /// Applies the filters to the calling thread, for good.
    pub(super) fn apply(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|filter| seccompiler::apply_filter(filter).map_err(io::Error::other))
    }
}

/// A compiled filter kills the process on system calls of another architecture (32-bit ones on a 64-bit machine).
fn compile(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> io::Result<BpfProgram> {
    let on_match = SeccompAction::Errno(errno.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, on_match, arch).map_err(io::Error::other)?;
    BpfProgram::try_from(filter).map_err(io::Error::other)
}

fn refused(landlock_abi: i32) -> io::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let signals = if landlock_abi < ABI_WITH_SIGNAL_SCOPE { SIGNALS } else { &[] };
    let always = REFUSED.iter().chain(REFUSED_HERE).chain(signals);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.map(|&(_, call)| (call, Vec::new())).collect();
    for &(call, argument) in ONLY_ON_SELF {
        rules.entry(call).or_default().push(when(argument, SeccompCmpOp::Ne, 0)?);
    }
    for flag in NAMESPACE_FLAGS {
        let flag = flag as u64;
        rules.entry(libc::SYS_clone).or_default().push(when(0, SeccompCmpOp::MaskedEq(flag), flag)?);
    }
    let pair = rules.entry(libc::SYS_socketpair).or_default();
    pair.push(when(0, SeccompCmpOp::Ne, libc::AF_UNIX as u64)?);
    // The kernel takes a raw pair for a datagram pair, which can send to any datagram socket with a name.
    for kind in [libc::SOCK_DGRAM, libc::SOCK_RAW] {
        pair.push(when(1, SeccompCmpOp::MaskedEq(0xf), kind as u64)?);
    }
    Ok(rules)
}

fn when(argument: u8, is: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    // Pointers have 64 bits; all other arguments here are ints, whose upper half the kernel ignores.
    let length = if value == 0 && argument == 4 { SeccompCmpArgLen::Qword } else { SeccompCmpArgLen::Dword };
    SeccompCondition::new(argument, length, is, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(io::Error::other)
}

/// Refuses the x32 numbers, which share x86-64's architecture word and would slip past the list above.
#[cfg(target_arch = "x86_64")]
const FOREIGN_NUMBERS: &[sock_filter] = &[
    // Load the number; from 0x4000_0000 on return ENOSYS, else allow.
    sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: 0 },
    sock_filter { code: (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16, jt: 0, jf: 1, k: 0x4000_0000 },
    sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32,
    },
    sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW },
];
#[cfg(not(target_arch = "x86_64"))]
const FOREIGN_NUMBERS: &[sock_filter] = &[];
