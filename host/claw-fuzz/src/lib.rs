//! What fuzz targets share: choices drawn from bytes, and campaigns with a seeded generator.
//!
//! A *target* is a `fn(&[u8])` in the crate it attacks; it panics if a promise is broken. It never needs a fuzzer:
//! [`Campaign`] runs it in ordinary tests, for a few seconds or, in a soak, for as long as one likes. `fuzz/` hands the
//! same functions to libFuzzer. [`crash_points`] tries a story with many faults. This crate is in no program that ships.

mod draw;

mod campaign;
mod points;
mod rng;

mod memory;

pub use campaign::{Campaign, soak_time};
pub use draw::Draw;
pub use memory::{Meter, peak_bytes};
pub use points::crash_points;
pub use rng::Rng;
