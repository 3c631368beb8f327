use super::*;

#[global_allocator]
static METER: Meter = Meter;

#[test]
fn the_peak_counts_also_what_is_free_again() {
    let peak = peak_bytes(|| {
        drop(std::hint::black_box(vec![0_u8; 1 << 20]));
        drop(std::hint::black_box(vec![0_u8; 3 << 20]));
    });
    assert!((3 << 20..4 << 20).contains(&peak), "{peak}");
}
