//! Crash points: trying one story with many faults, each of which can be tried again alone.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::campaign::{SEED, SEED_VARIABLE, environment};
use crate::rng::Rng;

/// How many points all tests of the crash harness try together, instead of [`POINTS`].
const POINTS_VARIABLE: &str = "OPENCLAW_TEST_CRASH_POINTS";
/// So many in ordinary tests.
const POINTS: u64 = 1000;

/// Tries this test's share of the crash points, `share` of each thousand and at least one, and says how many those were.
/// The numbers of a point are those of its seed, so that it can be repeated without those before it.
///
/// # Panics
/// If `point` does; says the seed that repeats it.
pub fn crash_points(name: &str, share: u64, point: impl Fn(&mut Rng)) -> u64 {
    let seed = environment(SEED_VARIABLE).unwrap_or(SEED);
    let points = share_of(environment(POINTS_VARIABLE).unwrap_or(POINTS), share);
    for number in 0..points {
        let seed = seed.wrapping_add(number);
        let tried = catch_unwind(AssertUnwindSafe(|| point(&mut Rng::new(seed))));
        if let Err(panic) = tried {
            eprintln!("crash point {number} of `{name}` failed; again: cargo xtask crash --points 1 --seed {seed}");
            resume_unwind(panic);
        }
    }
    println!("{name}: {points} crash points from seed {seed}");
    points
}

fn share_of(points: u64, share: u64) -> u64 {
    points.saturating_mul(share).div_ceil(1000).max(1)
}

#[cfg(test)]
mod tests;
