//! What a host holds, read from outside: that an attack has left nothing behind.

use std::path::Path;

use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::client::{Client, PATIENCE};
use crate::host::Host;

/// Descriptors of which a healthy host may have some more than before: connections and a worker of another component.
const MORE_DESCRIPTORS: usize = 12;
/// What a host may grow by for good reasons: caches, the store, the allocator's own slack.
const MORE_MEMORY_KIB: u64 = 48 << 10;

/// A host's processes, descriptors and memory at one time.
#[derive(Clone, Copy, Debug)]
pub struct Vitals {
    workers: usize,
    descriptors: usize,
    memory_kib: u64,
}

impl Vitals {
    pub fn of(host: &Host) -> Vitals {
        let pid = host.pid();
        Vitals {
            workers: children(pid).len(),
            descriptors: descriptors(pid),
            memory_kib: memory_kib(pid, "VmRSS:").expect("the host runs"),
        }
    }

    /// Waits until the host holds about as much as before, and not more processes than it has components in use.
    pub async fn check_regained(&self, host: &Host, client: &mut Client) {
        let until = Instant::now() + PATIENCE;
        loop {
            timeout_at(until, client.call("health", json!({}))).await.expect("no answer in time").unwrap();
            let now = Vitals::of(host);
            let workers = now.workers <= self.workers + 1;
            let descriptors = now.descriptors <= self.descriptors + MORE_DESCRIPTORS;
            let memory = now.memory_kib <= self.memory_kib + MORE_MEMORY_KIB;
            if workers && descriptors && memory {
                return;
            }
            assert!(Instant::now() < until, "the host keeps more than it had: {self:?}, now {now:?}");
        }
    }
}

/// The processes that a process has started and that still live.
pub fn children(pid: u32) -> Vec<u32> {
    // One that has just ended has none.
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

/// How many descriptors a process has open.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// A size of a process in KiB, as `/proc` names it: `VmRSS:` for now, `VmHWM:` for the most it ever had. None
/// if it has ended.
pub fn memory_kib(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Bytes of all files in the home's folder of logs.
pub fn logged_bytes(home: &Path) -> u64 {
    let files = std::fs::read_dir(home.join("logs")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file() && !path.is_symlink()).map(|path| path.metadata().unwrap().len()).sum()
}
