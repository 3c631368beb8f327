//! A guest that spins: how soon it ends when it is cancelled, and how long after its deadline.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use claw_sandbox::{CallLimits, Running, Signal};
use tokio::runtime::Runtime;

use super::plain_call;
use crate::caller::Caller;
use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};

const CALLS: usize = 100;
const DEADLINE: Duration = Duration::from_millis(50);

pub fn measure(report: &mut Report, runtime: &Runtime, folder: &Path) -> Result<()> {
    let caller = Caller::set_up(runtime, folder, plain_call("spin_forever", "spin_forever", "{}".to_owned())?)?;
    let count = report.times(CALLS);
    let cancelled = runtime.block_on(cancelled(&caller, count))?;
    report.add(Row::time("sandbox.cancel.asked", &cancelled).aim("≤ 25 ms"));
    let late = runtime.block_on(past_deadline(&caller, count))?;
    report.add(Row::time("sandbox.cancel.past_deadline", &late).aim("≤ 25 ms"));
    runtime.block_on(caller.sandbox.stop());
    Ok(())
}

async fn cancelled(caller: &Caller, count: usize) -> Result<Samples> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let mut running = caller.start(CallLimits::default()).await?;
        // Until it spins; a guest has no way to say so.
        let early = tokio::time::timeout(DEADLINE, running.next()).await;
        ensure!(early.is_err(), "the guest does not spin: {early:?}");
        let watch = Stopwatch::start();
        running.cancel().await;
        ended(&mut running).await?;
        times.push(watch.elapsed());
    }
    Ok(Samples::new(times))
}

async fn past_deadline(caller: &Caller, count: usize) -> Result<Samples> {
    let wall_ms = u64::try_from(DEADLINE.as_millis()).expect("cancel: the deadline is short");
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let mut running = caller.start(CallLimits { wall_ms, ..CallLimits::default() }).await?;
        let watch = Stopwatch::start();
        ended(&mut running).await?;
        times.push(watch.elapsed().saturating_sub(DEADLINE));
    }
    Ok(Samples::new(times))
}

async fn ended(running: &mut Running) -> Result<()> {
    loop {
        if let Signal::Done { outcome, .. } = running.next().await {
            ensure!(!outcome.is_done(), "a guest that never returns has returned");
            return Ok(());
        }
    }
}
