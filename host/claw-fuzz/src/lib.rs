//! What fuzz targets share: choices drawn from bytes, and campaigns with a seeded generator.
//!
//! A *target* is a `fn(&[u8])` in the crate it attacks; it panics if a promise is broken. It never needs a fuzzer:
//! [`Campaign`] runs it in ordinary tests, for a few seconds or, in a soak, for as long as one likes. `fuzz/` hands the
//! same functions to libFuzzer. This crate is in no program that ships.

mod draw;

mod campaign;
mod rng;

mod memory;

pub use campaign::{Campaign, soak_time};
pub use draw::Draw;
pub use memory::{Meter, peak_bytes};
