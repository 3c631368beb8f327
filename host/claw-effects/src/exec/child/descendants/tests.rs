use super::*;

const STAT: &[u8] =
    b"42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 200 18446744073709551615";

#[test]
fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
    assert_eq!(parse(STAT), Some(Process { parent: 7, started: 987_654 }));
}

#[test]
fn a_cut_line_is_no_process() {
    assert_eq!(parse(&STAT[..30]), None);
    assert_eq!(parse(b""), None);
}

#[test]
fn descent_is_followed_over_generations_and_ends_in_a_circle() {
    let processes = [(2, 1), (3, 2), (4, 3), (5, 6), (6, 5), (7, 99)];
    let processes: HashMap<i32, Process> =
        processes.into_iter().map(|(pid, parent)| (pid, Process { parent, started: 0 })).collect();
    let descendants: Vec<i32> = (2..=7).filter(|&pid| descends_from(1, pid, &processes)).collect();
    assert_eq!(descendants, [2, 3, 4]);
}
