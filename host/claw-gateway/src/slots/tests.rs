use super::*;

const LOOPBACK: &str = "127.0.0.1";

fn take(slots: &Arc<Slots>, address: &str) -> Option<Slot> {
    slots.take(address.parse().unwrap())
}

// GW-31
#[test]
fn one_address_cannot_take_every_place() {
    let slots = Slots::new(3, 1);
    let first = take(&slots, "192.0.2.1").unwrap();
    assert!(take(&slots, "192.0.2.1").is_none());
    let _second = take(&slots, "192.0.2.2").unwrap();
    drop(first);
    assert!(take(&slots, "192.0.2.1").is_some());
}

#[test]
fn loopback_is_bounded_by_the_total() {
    let slots = Slots::new(2, 1);
    let held = (take(&slots, LOOPBACK).unwrap(), take(&slots, "::ffff:127.0.0.1").unwrap());
    assert!(take(&slots, LOOPBACK).is_none());
    drop(held);
    assert!(take(&slots, LOOPBACK).is_some());
}

#[test]
fn nothing_is_kept_of_an_address_that_left() {
    let slots = Slots::new(2, 1);
    drop(take(&slots, "192.0.2.1"));
    assert!(slots.taken.lock().unwrap().by_address.is_empty());
}
