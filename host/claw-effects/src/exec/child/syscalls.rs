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
const ABI_WITH_SIGNAL_SCOPE: i32 = 6;

/// Refused whatever the arguments are.
const REFUSED: &[c_long] = &[
    // Network. Stream pairs remain: they lead nowhere else.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    // Other processes: their memory, descriptors and scheduling.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // Memory shared with other programs of the same user.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    // Keys.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Kernel surface with a history.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_fanotify_init,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_lookup_dcookie,
    libc::SYS_syslog,
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    // Landlock does not cover owners.
    libc::SYS_fchown,
    libc::SYS_fchownat,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_personality,
];

/// Calls of one architecture only.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[c_long] =
    &[libc::SYS_chown, libc::SYS_lchown, libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[c_long] = &[];

/// Answered as if the kernel did not know them: libraries then use an older call that can be filtered. The flags of
/// `clone3` lie in memory, where a filter cannot see them.
const UNKNOWN: &[c_long] = &[libc::SYS_clone3];

/// Answered as if the file system did not have it, which programs that copy files take in their stride. Landlock does
/// not cover extended attributes.
const UNSUPPORTED: &[c_long] = &[
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

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
const SIGNALS: &[c_long] = &[
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_send_signal,
];

/// New namespaces, by `clone`.
const NAMESPACE_FLAGS: [libc::c_int; 7] = [
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
        let always = |calls: &[c_long]| calls.iter().map(|&call| (call, Vec::new())).collect();
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
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.map(|&call| (call, Vec::new())).collect();
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
