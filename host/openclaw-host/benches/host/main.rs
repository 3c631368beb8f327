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

mod call;
mod exec;
mod install;
mod memory;
mod sandbox;
mod start;
mod store;
mod turn;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::report::{Effort, Report};

/// One group of measurements.
type Section = fn(&mut Report) -> Result<()>;

const SECTIONS: [(&str, Section); 8] = [
    ("call", call::measure),
    ("sandbox", sandbox::measure),
    ("turn", turn::measure),
    ("start", start::measure),
    ("memory", memory::measure),
    ("exec", exec::measure),
    ("install", install::measure),
    ("store", store::measure),
];

fn main() -> ExitCode {
    // Cargo adds a flag of its own that says that this is a benchmark.
    let (flags, names): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|arg| arg.starts_with('-'));
    let effort = if flags.iter().any(|flag| flag == "--quick") { Effort::Quick } else { Effort::Full };
    match run(&names, effort) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(names: &[String], effort: Effort) -> Result<()> {
    let known = SECTIONS.map(|(name, _)| name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("nothing is measured under the name `{unknown}`; there are: {}", known.join(", "));
    }
    let mut report = Report::begin(effort);
    for (name, section) in SECTIONS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            section(&mut report)?;
        }
    }
    report.write()
}
