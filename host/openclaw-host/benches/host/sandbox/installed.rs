//! The host with many installed components: how soon it is ready, and what it takes.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::home::Home;
use crate::memory;
use crate::report::{Report, Row};
use crate::samples::Samples;
use crate::setup::numbered;
use crate::start::starts;

const STARTS: usize = 20;
const FEW: usize = 10;
const MANY: usize = 200;

pub fn measure(report: &mut Report) -> Result<()> {
    let few = with(report, FEW, None)?;
    let many = report.times(MANY).max(2 * FEW);
    with(report, many, Some(&few))?;
    Ok(())
}

fn with(report: &mut Report, count: usize, few: Option<&Samples>) -> Result<Samples> {
    let home = Home::warm_with("{}", &numbered(count)?)?;
    let samples = starts(&home, report.times(STARTS))?;
    let row = Row::time(format!("sandbox.installed_{count}.ready"), &samples);
    report.add(match few {
        Some(few) => row.against("few", few).aim("≤ 1.5× few"),
        None => row,
    });
    let host = home.start()?;
    let listed = home.command(&["--json", "component", "list"]).output()?;
    let listed: Value = serde_json::from_slice(&listed.stdout).context("`component list` prints JSON")?;
    let copies = listed["components"].as_array().into_iter().flatten().filter(|it| is_copy(it)).count();
    ensure!(copies == count, "{copies} of {count} components are installed");
    std::thread::sleep(memory::SETTLES);
    memory::add(report, &format!("sandbox.installed_{count}.host"), host.pid(), None, None)?;
    host.stop()?;
    Ok(samples)
}

fn is_copy(component: &Value) -> bool {
    component["name"].as_str().is_some_and(|name| name.starts_with("numbered-"))
}
