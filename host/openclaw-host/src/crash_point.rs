//! Places between two steps of a run where a test may end the process as a power cut would. Nothing at all in a real build.

/// Dies here if the test has chosen this pass, by its number, or this place.
#[cfg(feature = "test-weaken")]
pub fn pass(place: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let chosen = CHOSEN.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "exists only in builds for tests")]
        std::env::var("OPENCLAW_TEST_CRASH_AT").ok()
    });
    if let Some(chosen) = chosen {
        let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        eprintln!("crash point {number}: {place}");
        if *chosen == number.to_string() || chosen == place {
            // SAFETY: ends this very process.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
    }
}

/// Does nothing.
#[cfg(not(feature = "test-weaken"))]
pub fn pass(_: &'static str) {}
