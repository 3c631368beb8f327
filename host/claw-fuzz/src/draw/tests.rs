use super::*;

#[test]
fn the_same_bytes_give_the_same_choices_and_no_bytes_the_first() {
    let choices = |data| {
        let mut draw = Draw::new(data);
        (draw.below(3), draw.pick(&["a", "b"]), draw.joined(&["x", "y"], 3), draw.byte(), draw.text())
    };
    assert_eq!(choices(b"\x05\x01\x02\x00\x01\x07rest\xff"), (2, "b", "xy".into(), 7, "rest\u{fffd}".into()));
    assert_eq!(choices(b""), (0, "a", String::new(), 0, String::new()));
}
