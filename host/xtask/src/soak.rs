//! `cargo xtask soak`: the fuzz targets and the stress tests, for long and with fresh seeds.

use std::ffi::OsStr;

use anyhow::{Context, Result, bail};

use crate::step::{output, root_entries, run, run_with, say};

/// How long each target and test goes on if nobody says.
pub const MINUTES: u64 = 10;
/// A week: whoever says more means something else.
const MOST_MINUTES: u64 = 7 * 24 * 60;

/// Reads the argument.
pub fn minutes(text: &str) -> Result<u64> {
    match text.parse() {
        Ok(minutes @ 1..=MOST_MINUTES) => Ok(minutes),
        _ => bail!("`{text}` is not a number of minutes from 1 to {MOST_MINUTES}: write e.g. `cargo xtask soak 60`"),
    }
}

/// Runs each fuzz target and each stress test for `minutes`; then each target in libFuzzer, if cargo-fuzz is there.
pub fn run_soak(minutes: u64) -> Result<()> {
    let time = minutes.to_string();
    let environment = [("OPENCLAW_TEST_SOAK", OsStr::new(&time))];
    // The tests of a crate run side by side, the crates one after the other.
    let fuzz = ["test", "--workspace", "--locked", "--no-fail-fast", "--lib", "--", "fuzz::"];
    run_with(&format!("fuzz each crate for {minutes} min with a fresh seed"), "cargo", &fuzz, &environment)?;
    let stress = ["test", "--workspace", "--locked", "--test", "it", "--", "soak::"];
    run_with(&format!("stress the host for {minutes} min"), "cargo", &stress, &environment)?;
    if let Some(missing) = missing_for_libfuzzer() {
        say(&format!("not run in libFuzzer, which follows coverage: {missing}"));
        return Ok(());
    }
    for target in root_entries("fuzz/fuzz_targets")? {
        let target = target.file_stem().and_then(OsStr::to_str).context("a target has a name")?.to_owned();
        let seconds = format!("-max_total_time={}", minutes * 60);
        let args = ["+nightly", "fuzz", "run", &target, "--", &seconds];
        run(&format!("fuzz `{target}` in libFuzzer for {minutes} min"), "cargo", &args)?;
    }
    Ok(())
}

fn missing_for_libfuzzer() -> Option<&'static str> {
    if output("cargo", &["fuzz", "--version"]).is_err() {
        return Some("cargo-fuzz is missing; `cargo install cargo-fuzz` adds it");
    }
    let nightly = output("rustup", &["toolchain", "list"]).is_ok_and(|list| list.contains("nightly"));
    (!nightly).then_some("a nightly compiler is missing; `rustup toolchain install nightly` adds it")
}

#[cfg(test)]
mod tests {
    use super::minutes;

    #[test]
    fn a_soak_takes_whole_minutes_and_at_most_a_week() {
        assert_eq!(minutes("60").ok(), Some(60));
        for text in ["0", "-1", "1h", "", "10081"] {
            assert!(minutes(text).is_err(), "{text}");
        }
    }
}
