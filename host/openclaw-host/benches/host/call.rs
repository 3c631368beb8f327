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
use crate::setup::{TRUE, bubblewrap, component, folder, runtime, spawns, test_guest};

const WARM_UP: usize = 200;
const CALLS: usize = 5000;
const SPAWNS: usize = 500;
const FIRST_CALLS: usize = 50;

/// The calls that are measured: their rows, component, tool and arguments. `clock` needs nothing of the host; `read` opens a
/// file; `plain` calls a function by its types.
const TOOLS: [[&str; 4]; 3] = [
    ["clock", "clock", "clock", "{}"],
    ["read", "files", "read", r#"{"path":"small.txt"}"#],
    ["plain", "plain", "plain_divide", r#"{"dividend":1,"divisor":4}"#],
];

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
    for [row, component, tool, arguments] in TOOLS {
        let caller = Caller::set_up(&runtime, folder.path(), called(component, tool, arguments, folder.path())?)?;
        let caller = Arc::new(caller);
        let bare = caller.bare_calls(count)?;
        report.add(Row::time(format!("call.{row}.bare"), &bare));
        let decisions = Samples::of(WARM_UP, count, || caller.decide().map(drop))?;
        report.add(Row::time(format!("call.{row}.decide"), &decisions));
        for callers in [1, 2, 8] {
            let (samples, took) = runtime.block_on(calls(&caller, callers, count))?;
            let name = if callers == 1 { "sandboxed".to_owned() } else { format!("sandboxed_by_{callers}") };
            let mut measured = Row::time(format!("call.{row}.{name}"), &samples).rate_of(&samples, took);
            if callers == 1 {
                measured = measured.against("bare", &bare).against("round_trip", &round_trip).against("spawn", &spawn);
                if let Some(bubblewrap) = &bubblewrap {
                    measured = measured.against("bubblewrap", bubblewrap);
                }
                measured = measured.aim("≤ 2.5× bare, ≤ 1/40 of bubblewrap");
            }
            report.add(measured);
        }
        let first = runtime.block_on(caller.first_calls(report.times(FIRST_CALLS)))?;
        report.add(Row::time(format!("call.{row}.first"), &first).against("spawn", &spawn));
        runtime.block_on(caller.sandbox.stop());
    }
    Ok(())
}

fn called(name: &'static str, tool: &'static str, arguments: &str, folder: &Path) -> Result<Called> {
    let mount = Mount { guest: "/workspace".to_owned(), host: folder.to_owned(), write: true, place: Place::Workspace };
    let wasm = if name == "plain" { test_guest(name)? } else { component(name)? };
    let (grants, mounts) = match name {
        "files" => (vec!["fs workspace read-write".to_owned()], vec![mount]),
        _ => (Vec::new(), Vec::new()),
    };
    Ok(Called { component: name, wasm, tool, arguments: arguments.to_owned(), grants, mounts })
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
