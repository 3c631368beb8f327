//! The host's own place among the cgroups, and the folder that it makes there for programs.
//!
//! ```text
//! <the host's cgroup>        given to it whole, e.g. by `Delegate=yes`
//!   ├─ host                  where the host moves, as a cgroup with children cannot hold processes
//!   └─ programs
//!        └─ program-<pid>    one for each program, made and removed by its supervisor
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use tracing::{debug, warn};

/// What programs share of the CPU when the host, whose weight is 100, wants it too.
const PROGRAMS_WEIGHT: &str = "20";
/// Without these there is no point in a cgroup.
const NEEDED: [&str; 2] = ["memory", "pids"];

/// Whether each program can get a cgroup of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CgroupState {
    /// It can: memory, tasks and CPU are limited for a program as a whole.
    Available,
    /// It cannot: limits count for each process alone.
    Missing {
        /// What is missing, and what would change that.
        reason: String,
    },
}

/// Whether this process could give programs cgroups of their own. Changes nothing.
pub fn cgroups() -> CgroupState {
    match find_own().and_then(|own| check(&own, std::process::id())) {
        Ok(()) => CgroupState::Available,
        Err(reason) => CgroupState::Missing { reason },
    }
}

/// Makes the folder for the cgroups of programs, if the host has a cgroup to itself; `None` otherwise.
///
/// Moves this process one cgroup down: call it once, at the start, before other processes are started.
pub fn prepare_cgroups() -> Option<PathBuf> {
    let own = find_own().and_then(|own| check(&own, std::process::id()).map(|()| own));
    let own = own.inspect_err(|reason| debug!(%reason, "programs get no cgroups of their own")).ok()?;
    match prepare(&own, std::process::id()) {
        Ok(programs) => Some(programs),
        Err(err) => {
            warn!(cgroup = %own.display(), %err, "the host's cgroup could not be divided");
            None
        }
    }
}

fn find_own() -> Result<PathBuf, String> {
    let none = || "no cgroup v2 is mounted: limits count for each process alone".to_owned();
    let mounts = fs::read_to_string("/proc/self/mounts").map_err(|_| none())?;
    let root = mounts.lines().find_map(cgroup2_mount).ok_or_else(none)?;
    let groups = fs::read_to_string("/proc/self/cgroup").map_err(|_| none())?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/")).ok_or_else(none)?;
    if path.starts_with("..") {
        return Err("the host's cgroup lies outside what it can see: mount its own cgroup namespace".to_owned());
    }
    Ok(Path::new(root).join(path))
}

/// The mount point, if this line of `/proc/self/mounts` is about cgroup v2.
fn cgroup2_mount(line: &str) -> Option<&str> {
    let mut fields = line.split(' ').skip(1);
    let (at, kind) = (fields.next()?, fields.next()?);
    (kind == "cgroup2").then_some(at)
}

fn check(own: &Path, pid: u32) -> Result<(), String> {
    let shown = own.display();
    let read = |name: &str| fs::read_to_string(own.join(name)).unwrap_or_default();
    let controllers = read("cgroup.controllers");
    if let Some(missing) = NEEDED.into_iter().find(|needed| !controllers.split_whitespace().any(|has| has == *needed)) {
        return Err(format!(
            "cgroup `{shown}` has no `{missing}` controller: run the host as a service with `Delegate=yes`"
        ));
    }
    for name in ["", "cgroup.procs", "cgroup.subtree_control"] {
        if access(own.join(name), Access::WRITE_OK).is_err() {
            return Err(format!("cgroup `{shown}` is not the host's: run it as a service with `Delegate=yes`"));
        }
    }
    if read("cgroup.procs").split_whitespace().any(|other| other != pid.to_string()) {
        return Err(format!("cgroup `{shown}` holds other processes too: run the host as a service of its own"));
    }
    Ok(())
}

fn prepare(own: &Path, pid: u32) -> io::Result<PathBuf> {
    let make = |folder: &Path| match fs::create_dir(folder) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => Err(err),
        _ => Ok(()),
    };
    let (host, programs) = (own.join("host"), own.join("programs"));
    make(&host)?;
    fs::write(host.join("cgroup.procs"), pid.to_string())?;
    fs::write(own.join("cgroup.subtree_control"), "+memory +pids")?;
    // Not every machine hands it down.
    let cpu = fs::write(own.join("cgroup.subtree_control"), "+cpu").is_ok();
    make(&programs)?;
    fs::write(programs.join("cgroup.subtree_control"), "+memory +pids")?;
    if cpu {
        fs::write(programs.join("cgroup.subtree_control"), "+cpu")?;
        fs::write(programs.join("cpu.weight"), PROGRAMS_WEIGHT)?;
    }
    remove_left_over(&programs);
    Ok(programs)
}

/// Removes the cgroups of a host that was killed together with its supervisors.
fn remove_left_over(programs: &Path) {
    for entry in fs::read_dir(programs).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = fs::write(entry.path().join("cgroup.kill"), "1");
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
