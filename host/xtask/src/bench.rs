//! `cargo xtask bench`: the measurements of `host/openclaw-host/benches`, beside their baselines.

use anyhow::Result;

use crate::step::run;

/// Runs the named measurements, or all.
pub fn run_benches(names: &[&str]) -> Result<()> {
    let args = ["bench", "--package", "openclaw-host", "--locked", "--bench", "host", "--features", "bench", "--"];
    run("measure", "cargo", &[&args[..], names].concat())
}
