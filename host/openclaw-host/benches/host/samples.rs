//! Times, and what is said of many of them. The only part of the benchmarks that reads the clock.

use std::time::{Duration, Instant};

/// A running watch.
pub struct Stopwatch(Instant);

/// Many times of the same work, sorted.
#[derive(Clone)]
pub struct Samples(Vec<Duration>);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Samples {
    /// # Panics
    /// If there are none.
    pub fn new(mut times: Vec<Duration>) -> Samples {
        assert!(!times.is_empty(), "samples: something was measured");
        times.sort_unstable();
        Samples(times)
    }

    /// Measures `count` runs after `warm_up` others.
    pub fn of<E>(warm_up: usize, count: usize, mut work: impl FnMut() -> Result<(), E>) -> Result<Samples, E> {
        for _ in 0..warm_up {
            work()?;
        }
        let timed = |_| {
            let watch = Stopwatch::start();
            work().map(|()| watch.elapsed())
        };
        Ok(Samples::new((0..count).map(timed).collect::<Result<_, E>>()?))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn p50(&self) -> Duration {
        self.quantile(50)
    }

    pub fn p99(&self) -> Duration {
        self.quantile(99)
    }

    fn quantile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }
}
