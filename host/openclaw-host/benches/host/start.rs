//! From the spawn to the line that says `ready`, with a warm cache.

use anyhow::Result;

use crate::home::Home;
use crate::report::{Report, Row};
use crate::samples::Samples;
use crate::setup::{TRUE, spawns};

const STARTS: usize = 20;

pub fn measure(report: &mut Report) -> Result<()> {
    let spawn = spawns(STARTS, TRUE, &[])?;
    report.add(Row::time("start.spawn", &spawn));
    let home = Home::warm("{}")?;
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let host = home.start()?;
        times.push(host.ready_after);
        host.stop()?;
    }
    report.add(Row::time("start.ready", &Samples::new(times)).against("spawn", &spawn).aim("≤ 30 ms"));
    Ok(())
}
