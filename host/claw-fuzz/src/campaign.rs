//! Running a target on many inputs, and keeping the one that broke it.

mod input;

use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::rng::Rng;

/// Whichever of both comes first ends a campaign in ordinary tests.
const CASES: u64 = 10_000;
const TIME: Duration = Duration::from_secs(2);
/// The seed in ordinary tests: they must not fail by chance.
pub(crate) const SEED: u64 = 0x0c1a;

/// Minutes that every campaign and every soak test goes on for, instead of its usual bound.
const SOAK_VARIABLE: &str = "OPENCLAW_TEST_SOAK";
/// A seed to use instead of the usual or a fresh one: that of a run that failed.
pub(crate) const SEED_VARIABLE: &str = "OPENCLAW_TEST_SEED";

/// One target, and where its inputs come from.
#[derive(Debug)]
pub struct Campaign {
    name: &'static str,
    target: fn(&[u8]),
    examples: Vec<Vec<u8>>,
}

impl Campaign {
    /// A campaign of random bytes for the target that `fuzz/fuzz_targets` has under `name`.
    pub fn new(name: &'static str, target: fn(&[u8])) -> Campaign {
        Campaign { name, target, examples: Vec::new() }
    }

    /// Also changes these: inputs that are valid as they are, for targets that refuse most random bytes at once.
    #[must_use]
    pub fn examples(self, examples: Vec<Vec<u8>>) -> Campaign {
        Campaign { examples, ..self }
    }

    /// Runs the target on every file of `fuzz/corpus/NAME`, on the examples, and then on generated inputs: some seconds
    /// with one seed, or for [`soak_time`] with a fresh one.
    ///
    /// # Panics
    /// If the target does; says how to run it again on the same input.
    pub fn run(self) {
        for (path, input) in kept(self.name) {
            self.try_on(&input, &path.display().to_string());
        }
        for (number, input) in self.examples.iter().enumerate() {
            self.try_on(input, &format!("example {number}"));
        }
        let soak = soak_time();
        let seed = environment(SEED_VARIABLE).unwrap_or_else(|| if soak.is_some() { fresh_seed() } else { SEED });
        let (time, cases) = soak.map_or((TIME, CASES), |time| (time, u64::MAX));
        #[expect(clippy::disallowed_methods, reason = "only bounds how much is tested")]
        let started = Instant::now();
        let mut done = 0;
        while done < cases && started.elapsed() < time {
            // Each case has a generator of its own, so that one alone can be made again.
            let mut rng = Rng::new(seed ^ Rng::new(done).next());
            let input = input::generate(&mut rng, &self.examples);
            self.try_on(&input, &format!("case {done} with {SEED_VARIABLE}={seed}"));
            done += 1;
        }
        println!("fuzz target `{}`: {done} cases in {:.1} s, seed {seed}", self.name, started.elapsed().as_secs_f64());
    }

    #[track_caller]
    fn try_on(&self, input: &[u8], what: &str) {
        if catch_unwind(AssertUnwindSafe(|| (self.target)(input))).is_ok() {
            return;
        }
        let name = self.name;
        match keep(name, input) {
            Ok(path) => panic!(
                "fuzz target `{name}` failed on {what}; the input is in `{}`: move it to `fuzz/corpus/{name}/`, under a \
                 name that says what it is, to have every test run try it first",
                path.display()
            ),
            Err(err) => panic!("fuzz target `{name}` failed on {what} (and the input cannot be kept: {err})"),
        }
    }
}

/// How long a soak test goes on, if this is a soak.
///
/// # Panics
/// If the variable for it does not hold whole minutes.
pub fn soak_time() -> Option<Duration> {
    environment(SOAK_VARIABLE).map(|minutes| Duration::from_secs(minutes.saturating_mul(60)))
}

pub(crate) fn environment(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads how long and from what seed to test")]
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("`{name}` must be a whole number, not `{value}`")))
}

/// Another one in every process.
fn fresh_seed() -> u64 {
    RandomState::new().hash_one(SEED)
}

/// The project's root: two folders above this crate.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("campaign: the crate lies in host/")
}

/// The inputs that broke the target once, in a stable order.
fn kept(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("fuzz/corpus").join(name);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().filter_map(|path| std::fs::read(&path).ok().map(|input| (path, input))).collect()
}

fn keep(name: &str, input: &[u8]) -> std::io::Result<PathBuf> {
    let folder = root().join("target/fuzz-failures").join(name);
    std::fs::create_dir_all(&folder)?;
    let mut number = Rng::new(input.len() as u64).next();
    input.iter().for_each(|byte| number = Rng::new(number ^ u64::from(*byte)).next());
    let path = folder.join(format!("{number:016x}"));
    std::fs::write(&path, input)?;
    Ok(path)
}

#[cfg(test)]
mod tests;
