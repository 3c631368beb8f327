//! `cargo xtask bench`: the measurements of `host/openclaw-host/benches`, beside their baselines.

use anyhow::Result;

use crate::languages::{self, Purpose};
use crate::step::run;

/// Runs the named measurements, or all; `--quick` among the names makes them short. Cargo builds the host that they
/// measure, in the release profile.
pub fn run_benches(names: &[&str]) -> Result<()> {
    let all = names.iter().all(|name| name.starts_with('-'));
    if all || names.contains(&"sandbox") {
        languages::build(Purpose::Benchmarks)?;
    }
    if all || names.contains(&"install") {
        languages::build(Purpose::Skills)?;
    }
    let args = ["bench", "--package", "openclaw-host", "--locked", "--bench", "host", "--features", "bench", "--"];
    run("build the host in release and measure it", "cargo", &[&args[..], names].concat())
}
