//! Which walls this kernel offers. Asking changes nothing.

/// Whether seccomp filters can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seccomp {
    /// They can.
    Filters,
    /// They cannot.
    Missing,
}

/// The version of Landlock that the kernel offers; `None` if it has none or it is turned off.
pub(super) fn landlock_abi() -> Option<u32> {
    const LANDLOCK_CREATE_RULESET_VERSION: libc::c_uint = 1;
    let no_attributes = std::ptr::null::<libc::c_void>();
    // SAFETY: with the version flag the kernel reads neither pointer nor size; it makes no ruleset.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, no_attributes, 0_usize, LANDLOCK_CREATE_RULESET_VERSION)
    };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// Whether the kernel has seccomp filters.
pub(super) fn seccomp() -> Seccomp {
    let no_filter = std::ptr::null::<libc::c_void>();
    // SAFETY: the kernel refuses a filter at address 0 (`EFAULT`) without installing anything; a kernel without
    // filters refuses the mode itself (`EINVAL`).
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, no_filter) };
    let refused_the_address = result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT);
    if refused_the_address { Seccomp::Filters } else { Seccomp::Missing }
}
