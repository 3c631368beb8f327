//! Finds and signals everything that descends from the supervisor.

use std::collections::HashMap;
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

/// What tells a process apart from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    started: u64,
}

/// Whether this module can work here.
pub(super) fn can_be_listed() -> bool {
    look_at(getpid().as_raw_nonzero().get()).is_some()
}

/// Sends `signal` to every descendant that is there now. One that is being forked meanwhile is missed: repeat.
pub(super) fn signal_all(signal: Signal) {
    let processes = list();
    let own = getpid().as_raw_nonzero().get();
    for (&pid, &process) in &processes {
        if descends_from(own, pid, &processes) {
            signal_one(pid, process, signal);
        }
    }
}

/// Signals through a pidfd, checked after it is open: the number may have gone to a process of somebody else.
fn signal_one(pid: i32, process: Process, signal: Signal) {
    let Some(checked) = Pid::from_raw(pid) else { return };
    let Ok(pidfd) = pidfd_open(checked, PidfdFlags::empty()) else { return };
    if look_at(pid).is_some_and(|now| now.started == process.started) {
        // Fails only if it has ended meanwhile.
        let _ = pidfd_send_signal(&pidfd, signal);
    }
}

fn list() -> HashMap<i32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, look_at(pid)?))).collect()
}

fn look_at(pid: i32) -> Option<Process> {
    parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads a line of `/proc/<pid>/stat`. The name in brackets is the process's own choice and may hold anything.
fn parse(stat: &[u8]) -> Option<Process> {
    let after_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let rest = std::str::from_utf8(&stat[after_name..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // Fields 4 (parent) and 22 (start time) of proc(5); the state, field 3, comes first here.
    let parent = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some(Process { parent, started })
}

fn descends_from(ancestor: i32, pid: i32, processes: &HashMap<i32, Process>) -> bool {
    let mut at = pid;
    // The list is not of one instant, so that numbers that were used again could make it a circle.
    for _ in 0..processes.len() {
        match processes.get(&at) {
            Some(process) if process.parent == ancestor => return true,
            Some(process) => at = process.parent,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests;
