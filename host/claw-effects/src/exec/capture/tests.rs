use super::*;

fn kept(cap: usize, pieces: &[&[u8]]) -> Kept {
    let mut capture = Capture::new(cap);
    pieces.iter().for_each(|piece| capture.push(piece));
    capture.finish()
}

#[test]
fn what_fits_is_kept_whole() {
    assert_eq!(kept(10, &[b"01234", b"56789"]), Kept { bytes: b"0123456789".to_vec(), dropped: 0 });
}

#[test]
fn the_first_and_last_halves_of_more_are_kept_and_the_rest_is_counted() {
    let expected = Kept { bytes: b"0123yzAB".to_vec(), dropped: 30 };
    let all = b"0123456789abcdefghijklmnopqrstuvwxyzAB";
    assert_eq!(kept(8, &[all]), expected);
    let single: Vec<&[u8]> = all.chunks(1).collect();
    assert_eq!(kept(8, &single), expected);
    assert_eq!(kept(8, &[&all[..7], &all[7..]]), expected);
}

#[test]
fn a_cap_of_nothing_or_one_byte_still_counts() {
    assert_eq!(kept(0, &[b"abc"]), Kept { bytes: Vec::new(), dropped: 3 });
    assert_eq!(kept(1, &[b"abc"]), Kept { bytes: b"a".to_vec(), dropped: 2 });
}

#[test]
fn memory_is_bounded_by_the_cap() {
    // EX-34
    let mut capture = Capture::new(1000);
    (0..10_000).for_each(|_| capture.push(&[7; 1000]));
    assert!(capture.tail.capacity() <= 4096, "{}", capture.tail.capacity());
    assert_eq!(capture.finish().dropped, 10_000 * 1000 - 1000);
}

#[test]
fn of_what_nobody_took_in_time_the_end_is_kept() {
    let mut capture = Capture::of_end(4);
    assert!(capture.is_empty());
    capture.push(b"abcdef");
    assert_eq!(capture.take(), Kept { bytes: b"cdef".to_vec(), dropped: 2 });
    assert!(capture.is_empty());
    capture.push(b"gh");
    assert_eq!(capture.take(), Kept { bytes: b"gh".to_vec(), dropped: 0 });
}
