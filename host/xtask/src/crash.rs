//! `cargo xtask crash`: the crash harness of the store, with as many points as one likes and a fresh seed, and kills of
//! the whole host.

use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};

use anyhow::{Result, bail};

use crate::step::{run_with, say};

/// Points of the store for one kill of the host, which takes a start of it and some conversations.
const POINTS_PER_KILL: u64 = 50;

/// What is to be tried.
#[derive(Debug, PartialEq, Eq)]
pub struct Points {
    count: u64,
    seed: u64,
}

/// Reads the arguments: `--points N`, and `--seed S` unless it shall be a fresh one.
pub fn points(args: &[&str]) -> Result<Points> {
    let number = |text: &str| match text.parse::<u64>() {
        Ok(number) => Ok(number),
        Err(_) => bail!("`{text}` is not a whole number: write e.g. `cargo xtask crash --points 10000`"),
    };
    let (count, seed) = match args {
        ["--points", count] => (number(count)?, RandomState::new().hash_one("crash")),
        ["--points", count, "--seed", seed] => (number(count)?, number(seed)?),
        _ => bail!("write `cargo xtask crash --points N`, and `--seed S` behind it to repeat an earlier run"),
    };
    if count == 0 {
        bail!("at least one point has to be tried");
    }
    Ok(Points { count, seed })
}

/// Tries them.
pub fn run_crash(points: &Points) -> Result<()> {
    let kills = points.count.div_ceil(POINTS_PER_KILL);
    let [count, seed, kills] = [points.count, points.seed, kills].map(|number| number.to_string());
    say(&format!("seed {seed}"));
    let environment = [
        ("OPENCLAW_TEST_CRASH_POINTS", OsStr::new(&count)),
        ("OPENCLAW_TEST_SEED", OsStr::new(&seed)),
        ("OPENCLAW_TEST_KILLS", OsStr::new(&kills)),
    ];
    let tests =
        ["test", "--locked", "--no-fail-fast", "--package", "claw-store", "--lib", "--", "crash::", "--nocapture"];
    run_with(&format!("try {count} crash points on the store"), "cargo", &tests, &environment)?;
    let tests = ["test", "--locked", "--workspace", "--test", "it", "--", "crash::random", "--nocapture"];
    run_with(&format!("kill the host {kills} times at work"), "cargo", &tests, &environment)
}

#[cfg(test)]
mod tests {
    use super::{Points, points};

    #[test]
    fn a_seed_is_taken_or_a_fresh_one() {
        assert_eq!(points(&["--points", "5", "--seed", "7"]).unwrap(), Points { count: 5, seed: 7 });
        let fresh = || points(&["--points", "5"]).unwrap();
        assert_ne!(fresh(), fresh());
        for wrong in [&["--points", "0"][..], &["--points", "many"], &["--points"], &["--seed", "7"], &[]] {
            assert!(points(wrong).is_err(), "{wrong:?}");
        }
    }
}
