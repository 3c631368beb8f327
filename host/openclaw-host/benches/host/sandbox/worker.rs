//! A worker process: from its spawn to its first reply, and what it takes while it waits for calls.

use std::path::Path;

use anyhow::{Result, ensure};
use tokio::runtime::Runtime;

use super::{ECHO, echo};
use crate::caller::Caller;
use crate::home::Home;
use crate::memory;
use crate::report::{Report, Row};
use crate::setup::{TRUE, spawns};

const FIRST_CALLS: usize = 50;

pub fn measure(report: &mut Report, runtime: &Runtime, folder: &Path) -> Result<()> {
    let count = report.times(FIRST_CALLS);
    let spawn = spawns(count, TRUE, &[])?;
    let caller = Caller::set_up(runtime, folder, echo()?)?;
    let first = runtime.block_on(caller.first_calls(count))?;
    report.add(Row::time("sandbox.worker.first_reply", &first).against("spawn", &spawn).aim("≤ 12 ms"));
    runtime.block_on(caller.sandbox.stop());
    idle(report)
}

/// A worker of the real host, whose pages it shares.
fn idle(report: &mut Report) -> Result<()> {
    let home = Home::warm_with("{}", &[("echo".to_owned(), echo()?.wasm)])?;
    let host = home.start()?;
    let called = home.command(&["tool", "call", "echo", ECHO]).output()?;
    ensure!(called.status.success(), "the call failed: {}", String::from_utf8_lossy(&called.stderr));
    std::thread::sleep(memory::SETTLES);
    let workers = memory::children(host.pid())?;
    let [worker] = workers[..] else { anyhow::bail!("after one call there are {} workers", workers.len()) };
    memory::add(report, "sandbox.worker.idle", worker, None, Some("≤ 8 MiB"))?;
    host.stop()
}
