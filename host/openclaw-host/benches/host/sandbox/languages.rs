//! The same tool in four languages: a fresh call, the first one of a new worker, and what is done once at install.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use super::{ECHO, echo};
use crate::caller::{Called, Caller, calls};
use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};
use crate::setup::built;

const FIRST_CALLS: usize = 20;

/// A language whose guest `cargo xtask bench sandbox` has built, if its tools could be had.
struct Language {
    /// In the report.
    name: &'static str,
    component: &'static str,
    tool: &'static str,
    /// Calls of a full run; slow ones are made less often.
    calls: usize,
    /// What a fresh call should take.
    aim: &'static str,
}

const BUILT: [Language; 3] = [
    Language { name: "c", component: "echo-c", tool: "echo_c", calls: 5000, aim: "≤ 2× bare" },
    Language { name: "quickjs", component: "echo-js", tool: "echo_js", calls: 2000, aim: "≤ 0.4 ms" },
    Language { name: "python", component: "echo-python", tool: "echo_python", calls: 1000, aim: "≤ 2.5 ms" },
];

pub fn measure(report: &mut Report, runtime: &Runtime, folder: &Path) -> Result<()> {
    let rust = Language { name: "rust", component: "echo", tool: "echo", calls: 5000, aim: "≤ 2× bare" };
    language(report, runtime, folder, &rust, echo()?)?;
    for guest in &BUILT {
        match wasm(guest) {
            Ok(wasm) => {
                let Language { component, tool, .. } = *guest;
                let arguments = ECHO.to_owned();
                let called = Called { component, wasm, tool, arguments, grants: Vec::new(), mounts: Vec::new() };
                language(report, runtime, folder, guest, called)?;
            }
            Err(why) => report.add(Row::absent(format!("sandbox.{}.fresh", guest.name), format!("not built: {why}"))),
        }
    }
    Ok(())
}

/// The guest's bytes, or why there are none.
fn wasm(guest: &Language) -> Result<Vec<u8>, String> {
    let file = |extension: &str| built("languages").join(format!("{}.{extension}", guest.component));
    std::fs::read(file("wasm")).map_err(|_| {
        let why = std::fs::read_to_string(file("not-built"));
        why.map_or_else(|_| "run `cargo xtask bench sandbox`".to_owned(), |why| why.trim().to_owned())
    })
}

fn language(report: &mut Report, runtime: &Runtime, folder: &Path, guest: &Language, called: Called) -> Result<()> {
    let (name, count) = (guest.name, report.times(guest.calls));
    // A cache of its own, in which nothing is compiled yet.
    let folder = folder.join(name);
    std::fs::create_dir(&folder)?;
    let watch = Stopwatch::start();
    let caller = Caller::set_up(runtime, &folder, called).with_context(|| format!("the guest in {name}"))?;
    let install = watch.elapsed();
    runtime.block_on(caller.call())?;
    let cold = watch.elapsed();
    let caller = Arc::new(caller);
    let bare = caller.bare_calls(count)?;
    report.add(Row::time(format!("sandbox.{name}.bare"), &bare));
    let (fresh, _) = runtime.block_on(calls(&caller, 1, count))?;
    let row = Row::time(format!("sandbox.{name}.fresh"), &fresh).against("bare", &bare).p99_against("bare", &bare);
    report.add(row.aim(guest.aim));
    let first = runtime.block_on(caller.first_calls(report.times(FIRST_CALLS)))?;
    report.add(Row::time(format!("sandbox.{name}.first"), &first));
    report.add(Row::time(format!("sandbox.{name}.install"), &Samples::new(vec![install])));
    report.add(Row::time(format!("sandbox.{name}.install_and_first"), &Samples::new(vec![cold])));
    runtime.block_on(caller.sandbox.stop());
    Ok(())
}
