//! The host with many installed components: how soon it is ready, and what it takes.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::home::Home;
use crate::memory;
use crate::report::{Report, Row};
use crate::samples::Samples;
use crate::setup::test_guest;
use crate::start::starts;

const STARTS: usize = 20;
const FEW: usize = 10;
const MANY: usize = 200;
/// What each copy has another number in the place of.
const NUMBER: &[u8; 3] = b"000";
/// Where the number stands in the guest's bytes: in its own name and in its tool's.
const NAMES: [&[u8]; 2] = [b"numbered-000", b"numbered_000"];

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

/// Different components: one guest with another number in its names each.
fn numbered(count: usize) -> Result<Vec<(String, Vec<u8>)>> {
    let template = test_guest("numbered")?;
    let copies = (0..count).map(|number| {
        let mut wasm = template.clone();
        let digits = format!("{number:03}");
        for name in NAMES {
            let places: Vec<usize> = (0..=wasm.len() - name.len()).filter(|&at| wasm[at..].starts_with(name)).collect();
            ensure!(!places.is_empty(), "`numbered.wasm` does not hold its names as they are");
            for place in places {
                let end = place + name.len();
                wasm[end - NUMBER.len()..end].copy_from_slice(digits.as_bytes());
            }
        }
        Ok((format!("numbered-{digits}"), wasm))
    });
    copies.collect()
}
