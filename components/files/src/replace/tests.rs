use super::*;

fn edits(pairs: &[(&str, &str)]) -> Vec<Replacement> {
    pairs.iter().map(|&(old, new)| Replacement { old: old.into(), new: new.into() }).collect()
}

#[track_caller]
fn check(file: &str, pairs: &[(&str, &str)], expected: &str) {
    assert_eq!(replace(file, &edits(pairs)).unwrap(), expected);
}

#[track_caller]
fn check_error(file: &str, pairs: &[(&str, &str)], expected: ReplaceError) {
    assert_eq!(replace(file, &edits(pairs)).unwrap_err(), expected);
}

#[test]
fn each_edit_looks_at_the_file_as_it_was() {
    check("one two", &[("two", "one"), ("one", "two")], "two one");
}

#[test]
fn crlf_matches_lf_and_is_kept() {
    check("a\r\nb\r\nc\r\n", &[("a\nb\n", "x\ny\nz\n")], "x\r\ny\r\nz\r\nc\r\n");
    check("a\r\nb\r\n", &[("a", "x")], "x\r\nb\r\n");
    check("a\r\nb\r\n", &[("\nb", "\nc")], "a\r\nc\r\n");
    check("a\nb\n", &[("a\r\nb", "x\r\ny")], "x\ny\n");
}

#[test]
fn lines_that_are_not_touched_keep_mixed_endings() {
    check("a\nb\r\nc\nd\r\n", &[("c", "x")], "a\nb\r\nx\nd\r\n");
}

#[test]
fn a_byte_order_mark_stays_first() {
    check("\u{feff}a\n", &[("a", "b")], "\u{feff}b\n");
}

#[test]
fn text_that_does_not_occur_is_refused_with_its_edit() {
    check_error("abc", &[("a", "x"), ("z", "y")], ReplaceError::Missing { index: 1 });
}

#[test]
fn text_that_occurs_twice_is_refused_with_the_count() {
    check_error("a b a b a", &[("a", "x")], ReplaceError::Ambiguous { index: 0, count: 3 });
    check_error("aaa", &[("aa", "x")], ReplaceError::Ambiguous { index: 0, count: 2 });
    check_error("éé", &[("é", "e")], ReplaceError::Ambiguous { index: 0, count: 2 });
}

#[test]
fn edits_that_overlap_are_refused() {
    check_error("abcd", &[("bcd", "x"), ("ab", "y")], ReplaceError::Overlap { first: 1, second: 0 });
    check("abcd", &[("ab", "x"), ("cd", "y")], "xy");
}

#[test]
fn edits_that_change_nothing_are_refused() {
    check_error("abc", &[("", "x")], ReplaceError::Empty { index: 0 });
    check_error("a\r\n", &[("a\n", "a\r\n")], ReplaceError::Same { index: 0 });
}
