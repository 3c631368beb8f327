//! How much memory a piece of code takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting. A test program makes it its own with `#[global_allocator]`.
#[derive(Debug)]
pub struct Meter;

thread_local! {
    static TAKEN: Cell<Taken> = const { Cell::new(Taken { now: 0, peak: 0 }) };
}

/// Bytes of one thread. What another thread frees is missing here, so `now` may be below zero.
#[derive(Clone, Copy)]
struct Taken {
    now: isize,
    peak: isize,
}

fn count(change: isize) {
    // A thread that is ending has nothing left to count with.
    let _ = TAKEN.try_with(|taken| {
        let Taken { now, peak } = taken.get();
        let now = now.saturating_add(change);
        taken.set(Taken { now, peak: peak.max(now) });
    });
}

// SAFETY: the system's allocator does everything; counting allocates nothing.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: passed on to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `work` on this thread and says how much more memory it held at most, in bytes. Needs [`Meter`] as the program's
/// allocator.
///
/// # Panics
/// Without it.
pub fn peak_bytes(work: impl FnOnce()) -> usize {
    let before = TAKEN.get().now;
    TAKEN.set(Taken { now: before, peak: before });
    let probe = std::hint::black_box(vec![0_u8; 1]);
    assert!(TAKEN.get().peak > before, "the program's allocator is not a `claw_fuzz::Meter`");
    drop(probe);
    TAKEN.set(Taken { now: before, peak: before });
    work();
    TAKEN.get().peak.saturating_sub(before).unsigned_abs()
}

#[cfg(test)]
mod tests;
