//! One sandboxed call: decision, round trip to a live worker, a fresh instance, its outcome.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use claw_sandbox::{Mount, Place};

use crate::caller::{Called, Caller, calls};
use crate::report::{Report, Row};
use crate::samples::Samples;
use crate::setup::{TRUE, bubblewrap, component, folder, runtime, spawns};

const WARM_UP: usize = 200;
const CALLS: usize = 5000;
const SPAWNS: usize = 500;
const FIRST_CALLS: usize = 50;

/// The calls that are measured: component, tool and arguments. `clock` needs nothing of the host; `read` opens a file.
const TOOLS: [(&str, &str, &str); 2] = [("clock", "clock", "{}"), ("files", "read", r#"{"path":"small.txt"}"#)];

pub fn measure(report: &mut Report) -> Result<()> {
    let count = report.times(CALLS);
    let spawn = spawns(report.times(SPAWNS), TRUE, &[])?;
    report.add(Row::time("call.spawn", &spawn));
    let bubblewrap = bubblewrap(report, "call.bubblewrap", report.times(SPAWNS))?;
    let round_trip = round_trip(count)?;
    report.add(Row::time("call.round_trip", &round_trip));
    let folder = folder()?;
    std::fs::write(folder.path().join("small.txt"), "milk\neggs\nbread\n")?;
    let runtime = runtime()?;
    for (component, tool, arguments) in TOOLS {
        let caller = Caller::set_up(&runtime, folder.path(), called(component, tool, arguments, folder.path())?)?;
        let caller = Arc::new(caller);
        let bare = caller.bare_calls(count)?;
        report.add(Row::time(format!("call.{tool}.bare"), &bare));
        let decisions = Samples::of(WARM_UP, count, || caller.decide().map(drop))?;
        report.add(Row::time(format!("call.{tool}.decide"), &decisions));
        for callers in [1, 2, 8] {
            let (samples, took) = runtime.block_on(calls(&caller, callers, count))?;
            let name = if callers == 1 { "sandboxed".to_owned() } else { format!("sandboxed_by_{callers}") };
            let mut row = Row::time(format!("call.{tool}.{name}"), &samples).rate_of(&samples, took);
            if callers == 1 {
                row = row.against("bare", &bare).against("round_trip", &round_trip).against("spawn", &spawn);
                if let Some(bubblewrap) = &bubblewrap {
                    row = row.against("bubblewrap", bubblewrap);
                }
                row = row.aim("≤ 2.5× bare, ≤ 1/40 of bubblewrap");
            }
            report.add(row);
        }
        let first = runtime.block_on(caller.first_calls(report.times(FIRST_CALLS)))?;
        report.add(Row::time(format!("call.{tool}.first"), &first).against("spawn", &spawn));
        runtime.block_on(caller.sandbox.stop());
    }
    Ok(())
}

fn called(name: &'static str, tool: &'static str, arguments: &str, folder: &Path) -> Result<Called> {
    let mount = Mount { guest: "/workspace".to_owned(), host: folder.to_owned(), write: true, place: Place::Workspace };
    let (grants, mounts) = match name {
        "files" => (vec!["fs workspace read-write".to_owned()], vec![mount]),
        _ => (Vec::new(), Vec::new()),
    };
    Ok(Called { component: name, wasm: component(name)?, tool, arguments: arguments.to_owned(), grants, mounts })
}

/// A byte to another process and back: on this machine, no call into another process is quicker.
fn round_trip(count: usize) -> Result<Samples> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let copy = OwnedFd::from(theirs.try_clone()?);
    let mut echo = Command::new("/bin/cat").stdin(OwnedFd::from(theirs)).stdout(copy).spawn()?;
    let samples = Samples::of(WARM_UP, count, || {
        ours.write_all(&[1])?;
        ours.read_exact(&mut [0])
    });
    drop(ours);
    echo.wait()?;
    Ok(samples?)
}
