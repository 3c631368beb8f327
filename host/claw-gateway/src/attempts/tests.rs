use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

// GW-03
#[test]
fn ten_failures_in_a_minute_lock_an_address_for_five() {
    let (mut attempts, start, peer) = (Attempts::default(), Instant::now(), ip("192.0.2.1"));
    for _ in 0..9 {
        attempts.failed(peer, start);
    }
    assert_eq!(attempts.locked(peer, start), None);
    attempts.failed(peer, start);
    assert_eq!(attempts.locked(peer, start), Some(LOCKOUT));
    assert_eq!(attempts.locked(ip("192.0.2.2"), start), None);
    assert_eq!(attempts.locked(peer, start + LOCKOUT), None);
}

#[test]
fn slow_guessing_starts_a_new_window() {
    let (mut attempts, start, peer) = (Attempts::default(), Instant::now(), ip("192.0.2.1"));
    for _ in 0..9 {
        attempts.failed(peer, start);
    }
    attempts.failed(peer, start + WINDOW + Duration::from_secs(1));
    assert_eq!(attempts.locked(peer, start + WINDOW + Duration::from_secs(1)), None);
}

#[test]
fn loopback_is_slowed_down_and_never_locked_out() {
    let (mut attempts, now, peer) = (Attempts::default(), Instant::now(), ip("::ffff:127.0.0.1"));
    let delays: Vec<u128> = (0..7).map(|_| attempts.failed(peer, now).as_millis()).collect();
    assert_eq!(delays, [250, 500, 1000, 2000, 4000, 5000, 5000]);
    (0..100).for_each(|_| assert_eq!(attempts.failed(peer, now), LONGEST_DELAY));
    assert_eq!(attempts.locked(peer, now), None);
    attempts.succeeded(ip("127.0.0.1"));
    assert_eq!(attempts.failed(peer, now), FIRST_DELAY);
}

#[test]
fn many_addresses_do_not_fill_the_memory() {
    let (mut attempts, now) = (Attempts::default(), Instant::now());
    for number in 0..(REMEMBERED as u32 + 100) {
        attempts.failed(IpAddr::from(std::net::Ipv4Addr::from(0x0b00_0000 + number)), now);
    }
    assert!(attempts.seen.len() <= REMEMBERED);
}
