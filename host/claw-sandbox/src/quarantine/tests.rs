use super::*;

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

// RS-30
#[test]
fn three_crashes_in_a_minute_close_a_component_and_fewer_do_not() {
    let start = Instant::now();
    let mut quarantine = Quarantine::default();
    for second in [0, 40, 70] {
        quarantine.crashed(after(start, second));
        assert_eq!(quarantine.closed(after(start, second)), None, "after {second} s");
    }
    quarantine.crashed(after(start, 71));
    let closed = quarantine.closed(after(start, 71)).expect("40, 70 and 71 lie within a minute");
    assert_eq!(closed, Closed { crashes: 4, left: FIRST });
    assert_eq!(quarantine.closed(after(start, 72)), None, "it is tried again");
}

// RS-30
#[test]
fn a_component_that_crashes_on_trial_is_closed_for_longer_each_time() {
    let mut now = Instant::now();
    let mut quarantine = Quarantine::default();
    quarantine.crashed(now);
    quarantine.crashed(now);
    let mut times = Vec::new();
    for _ in 0..12 {
        quarantine.crashed(now);
        let left = quarantine.closed(now).expect("closed").left;
        times.push(left.as_secs());
        // Long after: the crashes before it no longer count as recent, and still it is on trial.
        now += left + WITHIN;
    }
    assert_eq!(times, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
}

#[test]
fn a_good_call_wipes_the_record() {
    let now = Instant::now();
    let mut quarantine = Quarantine::default();
    for _ in 0..5 {
        quarantine.crashed(now);
    }
    quarantine.worked();
    assert_eq!(quarantine.closed(now), None);
    quarantine.crashed(now);
    assert_eq!(quarantine.closed(now), None);
}
