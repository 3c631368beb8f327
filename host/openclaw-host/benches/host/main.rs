//! What the host costs, each figure beside what it is to be compared with. Run with `cargo xtask bench [NAME…] [--quick]`;
//! docs/performance.md explains the rows.
//!
//! Prints a table and writes `target/bench/report.json`. Aims are printed beside the figures and never asserted: a
//! loaded machine is not a defect.

mod report;
mod samples;

mod caller;
mod home;
mod model_server;
mod setup;

mod author;
mod call;
mod exec;
mod install;
mod load;
mod memory;
mod sandbox;
mod start;
mod stop;
mod store;
mod turn;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::report::{Effort, Report};

/// Fewer samples.
const QUICK: &str = "--quick";

/// One group of measurements.
type Section = fn(&mut Report) -> Result<()>;

const SECTIONS: [(&str, Section); 11] = [
    ("call", call::measure),
    ("sandbox", sandbox::measure),
    ("turn", turn::measure),
    ("load", load::measure),
    ("start", start::measure),
    ("memory", memory::measure),
    ("exec", exec::measure),
    ("install", install::measure),
    ("author", author::measure),
    ("store", store::measure),
    ("stop", stop::measure),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    // Cargo adds a flag of its own that says that this is a benchmark.
    let args: Vec<&str> = args.iter().map(String::as_str).filter(|arg| *arg != "--bench").collect();
    let known = SECTIONS.map(|(name, _)| name);
    if let Some(unknown) = args.iter().find(|arg| **arg != QUICK && !known.contains(*arg)) {
        bail!("nothing is measured under the name `{unknown}`; there are: {}, and {QUICK}", known.join(", "));
    }
    let names: Vec<&str> = args.iter().copied().filter(|arg| *arg != QUICK).collect();
    let effort = if names.len() < args.len() { Effort::Quick } else { Effort::Full };
    let mut report = Report::begin(effort);
    for (name, section) in SECTIONS {
        if names.is_empty() || names.contains(&name) {
            section(&mut report)?;
        }
    }
    report.write()
}
