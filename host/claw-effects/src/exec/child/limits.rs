//! Resource limits and privileges of the program.

use std::fs;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities};

/// Address space of each process.
const ADDRESS_SPACE_BYTES: u64 = 4 << 30;
/// Size of each written file.
const FILE_BYTES: u64 = 1 << 30;
/// Open descriptors of each process.
const OPEN_FILES: u64 = 256;
/// Processes and threads that may be added to those the user already has.
const ADDED_TASKS: u64 = 256;

/// How much the host comes first when there is not enough CPU for all, on the kernel's scale of 0 to 19.
const NICE: i32 = 10;

/// Limits the calling process and all that it will start.
pub(super) fn apply(cpu_seconds: u64) -> io::Result<()> {
    rustix::process::nice(NICE)?;
    let limits = [
        (Resource::Cpu, cpu_seconds),
        (Resource::As, ADDRESS_SPACE_BYTES),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Core, 0),
        (Resource::Fsize, FILE_BYTES),
        (Resource::Nproc, running_tasks() + ADDED_TASKS),
    ];
    for (resource, limit) in limits {
        // A lower limit that the host already lives under stays.
        let most = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// All tasks of the machine. The kernel counts the tasks of the *user* against the limit, whichever program they
/// belong to: a fixed number would leave nothing on a desktop.
fn running_tasks() -> u64 {
    let loadavg = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    loadavg.split(['/', ' ']).nth(4).and_then(|tasks| tasks.parse().ok()).unwrap_or(0)
}

/// Gives up root's powers; without effect for anybody else. Files stay reachable by ordinary ownership.
pub(super) fn drop_capabilities() -> io::Result<()> {
    // exec gives root what is in the bounding set, so emptying the other sets alone would not last.
    for bit in 0..64 {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            Ok(()) => {}
            // Past the last one that this kernel knows.
            Err(Errno::INVAL) => break,
            // Not privileged, so exec gives nothing back either.
            Err(Errno::PERM) => break,
            Err(err) => return Err(err.into()),
        }
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}
