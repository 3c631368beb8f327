//! Resident memory: of the host that has nothing to do, and of a worker that waits for its next call.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::home::Home;
use crate::report::{Report, Row};

/// Until what a start has left behind, such as threads without work, is gone.
pub const SETTLES: Duration = Duration::from_secs(2);

pub fn measure(report: &mut Report) -> Result<()> {
    let home = Home::warm("{}")?;
    let host = home.start()?;
    std::thread::sleep(SETTLES);
    ensure!(children(host.pid())?.is_empty(), "the idle host has a worker");
    add(report, "memory.idle_host", host.pid(), Some("≤ 20 MiB"), None)?;
    let called = home.command(&["tool", "call", "clock", "{}"]).output()?;
    ensure!(called.status.success(), "the call failed: {}", String::from_utf8_lossy(&called.stderr));
    std::thread::sleep(SETTLES);
    let workers = children(host.pid())?;
    let [worker] = workers[..] else { anyhow::bail!("after one call there are {} workers", workers.len()) };
    add(report, "memory.idle_worker", worker, None, Some("≤ 8 MiB"))?;
    add(report, "memory.host_beside_worker", host.pid(), None, None)?;
    host.stop()
}

/// Adds what a process takes, with aims for what is resident and for its share of it.
pub fn add(report: &mut Report, path: &str, pid: u32, resident: Option<&str>, share: Option<&str>) -> Result<()> {
    let with_aim = |row: Row, aim: Option<&str>| match aim {
        Some(aim) => row.aim(aim),
        None => row,
    };
    let status = read(pid, "status")?;
    let rss = field(&status, "VmRSS").context("a process has `VmRSS`")?;
    report.add(with_aim(Row::memory(format!("{path}.rss"), rss), resident));
    // Shared pages counted by their share; the file is closed to others than the owner and root.
    match read(pid, "smaps_rollup") {
        Ok(rollup) => {
            let pss = field(&rollup, "Pss").unwrap_or_default();
            report.add(with_aim(Row::memory(format!("{path}.pss"), pss), share));
            let own = field(&rollup, "Private_Clean").unwrap_or_default()
                + field(&rollup, "Private_Dirty").unwrap_or_default();
            report.add(Row::memory(format!("{path}.private"), own));
        }
        Err(err) => report.add(Row::absent(format!("{path}.pss"), format!("{err:#}"))),
    }
    report.add(Row::memory(format!("{path}.anonymous"), field(&status, "RssAnon").unwrap_or_default()));
    report.add(Row::count(format!("{path}.threads"), field(&status, "Threads").unwrap_or_default()));
    Ok(())
}

fn read(pid: u32, name: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{name}");
    fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))
}

/// The number behind `name:`; KiB where the kernel gives a unit.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The processes that a process has started.
pub fn children(parent: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process that ended meanwhile is nobody's child.
        if read(pid, "status").is_ok_and(|status| field(&status, "PPid") == Some(u64::from(parent))) {
            found.push(pid);
        }
    }
    Ok(found)
}
