//! The program's own cgroup, where the host has a folder for them: memory, tasks and CPU of all its processes together.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

/// Memory of all processes of one program together, files in memory included.
const MEMORY_BYTES: u64 = 1 << 30;
/// Processes and threads of one program.
const TASKS: u64 = 256;
/// The kernel's period for sharing out CPU time, in microseconds.
const PERIOD_US: usize = 100_000;

/// One cgroup; removed when dropped.
pub(super) struct Cgroup {
    folder: PathBuf,
}

impl Cgroup {
    /// Makes a cgroup with its limits in `parent`.
    pub(super) fn create(parent: &Path) -> io::Result<Self> {
        let cgroup = Cgroup { folder: parent.join(format!("program-{}", std::process::id())) };
        fs::create_dir(&cgroup.folder)?;
        cgroup.set("memory.max", &MEMORY_BYTES.to_string())?;
        cgroup.set("pids.max", &TASKS.to_string())?;
        // One process short of memory leaves the rest in a state that nobody planned for.
        cgroup.set("memory.oom.group", "1")?;
        // Neither is part of every kernel, and both only refine what is limited already.
        let _ = cgroup.set("memory.swap.max", "0");
        let _ = cgroup.set("cpu.max", &format!("{} {PERIOD_US}", half_of_the_machine()));
        Ok(cgroup)
    }

    /// Where a process writes `0` to enter.
    pub(super) fn entrance(&self) -> io::Result<OwnedFd> {
        Ok(File::options().write(true).open(self.folder.join("cgroup.procs"))?.into())
    }

    /// Kills all that is in it.
    pub(super) fn kill(&self) {
        // Linux 5.14; the descendants are killed one by one as well.
        let _ = self.set("cgroup.kill", "1");
    }

    /// Whether the kernel had to kill in it for want of memory.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.folder.join("memory.events")).unwrap_or_default();
        events.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count != "0"))
    }

    fn set(&self, name: &str, value: &str) -> io::Result<()> {
        fs::write(self.folder.join(name), value)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Fails only if a process in it cannot be killed; the next start of the host finds it empty.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// CPU time of one period: half of the machine, but one whole CPU at least.
fn half_of_the_machine() -> usize {
    let cpus = available_parallelism().map_or(1, usize::from);
    (cpus / 2).max(1) * PERIOD_US
}

#[cfg(test)]
mod tests;
