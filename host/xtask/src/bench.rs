//! `cargo xtask bench`: the measurements of `host/openclaw-host/benches`, beside their baselines.

use anyhow::Result;

use crate::step::run;

/// Runs the named measurements, or all. Cargo builds the host that they measure, in the release profile.
pub fn run_benches(names: &[&str]) -> Result<()> {
    let args = ["bench", "--package", "openclaw-host", "--locked", "--bench", "host", "--features", "bench", "--"];
    run("build the host in release and measure it", "cargo", &[&args[..], names].concat())
}
