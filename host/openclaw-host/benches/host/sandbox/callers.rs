//! A call of the smallest guest by 1 to 64 callers at a time, beside the same calls without a sandbox.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use tokio::runtime::Runtime;

use super::echo;
use crate::caller::{Caller, calls};
use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};
use crate::setup::{TRUE, bubblewrap, spawns};

const CALLS: usize = 5000;
const SPAWNS: usize = 500;
const CALLERS: [usize; 4] = [1, 2, 8, 64];

pub fn measure(report: &mut Report, runtime: &Runtime, folder: &Path) -> Result<()> {
    let count = report.times(CALLS);
    let spawn = spawns(report.times(SPAWNS), TRUE, &[])?;
    report.add(Row::time("sandbox.spawn", &spawn));
    let bubblewrap = bubblewrap(report, "sandbox.bubblewrap", report.times(SPAWNS))?;
    let caller = Arc::new(Caller::set_up(runtime, folder, echo()?)?);
    let bare = caller.bare_calls(count)?;
    report.add(Row::time("sandbox.callers.bare", &bare));
    let bare_by_2 = bare_by(&caller, 2, count)?;
    report.add(Row::time("sandbox.callers.bare_by_2", &bare_by_2));
    for callers in CALLERS {
        let (samples, took) = runtime.block_on(calls(&caller, callers, count))?;
        let mut row = Row::time(format!("sandbox.callers.{callers}"), &samples).rate_of(&samples, took);
        row = match callers {
            1 => row.against("bare", &bare).against("spawn", &spawn),
            2 => row.against("bare", &bare_by_2).p99_against("bare", &bare_by_2).aim("p50 ≤ 2× bare, p99 ≤ 5× bare"),
            _ => row,
        };
        if let (1, Some(bubblewrap)) = (callers, &bubblewrap) {
            row = row.against("bubblewrap", bubblewrap);
        }
        report.add(row);
    }
    runtime.block_on(caller.sandbox.stop());
    Ok(())
}

/// Calls without the sandbox by several threads at a time, each with an engine of its own.
fn bare_by(caller: &Caller, threads: usize, count: usize) -> Result<Samples> {
    let each = count.div_ceil(threads);
    let work = || {
        let bare = caller.bare()?;
        let mut times = Vec::with_capacity(each);
        for _ in 0..each {
            let watch = Stopwatch::start();
            caller.call_bare(&bare)?;
            times.push(watch.elapsed());
        }
        anyhow::Ok(times)
    };
    let times = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a bare caller failed"))?).collect()
    });
    let times: Result<Vec<Vec<_>>> = times;
    Ok(Samples::new(times?.concat()))
}
