use super::*;

#[track_caller]
fn view(first: usize, max_lines: usize, file: &[u8]) -> View {
    let whole = feed_in(file.len().max(1), first, max_lines, file);
    // Where the host cuts the file must not matter. Not `assert_eq`: nobody wants to read 50 KiB of bytes.
    assert!(whole == feed_in(1, first, max_lines, file));
    whole
}

fn feed_in(chunk: usize, first: usize, max_lines: usize, file: &[u8]) -> View {
    let mut window = Window::new(first, max_lines);
    file.chunks(chunk).for_each(|chunk| window.feed(chunk));
    window.finish()
}

#[track_caller]
fn check(first: usize, max_lines: usize, file: &str, shown: &str, lines: usize, end: End) {
    let view = view(first, max_lines, file.as_bytes());
    assert_eq!(String::from_utf8(view.bytes).unwrap(), shown);
    assert_eq!((view.lines, view.end), (lines, end));
}

#[test]
fn a_small_file_is_shown_whole() {
    check(1, 10, "a\nb\n", "a\nb", 2, End::File { lines: 2 });
    check(1, 10, "a\nb", "a\nb", 2, End::File { lines: 2 });
    check(1, 10, "a\r\nb\r\n", "a\r\nb", 2, End::File { lines: 2 });
    check(1, 10, "", "", 0, End::File { lines: 0 });
}

#[test]
fn empty_lines_are_lines() {
    check(1, 10, "a\n\n\n", "a\n\n", 3, End::File { lines: 3 });
    check(1, 10, "\n", "", 1, End::File { lines: 1 });
    check(2, 1, "a\n\nb\n", "", 1, End::Lines);
}

#[test]
fn a_window_starts_and_ends_where_asked() {
    check(2, 2, "a\nb\nc\nd\n", "b\nc", 2, End::Lines);
    check(3, 2, "a\nb\nc\nd\n", "c\nd", 2, End::File { lines: 4 });
    check(0, 1, "a\nb\n", "a", 1, End::Lines);
}

#[test]
fn past_the_end_nothing_is_shown_but_the_lines_are_counted() {
    let view = view(9, 1, b"a\nb");
    assert_eq!((view.lines, view.end), (0, End::File { lines: 2 }));
}

#[test]
fn a_line_that_does_not_fit_is_left_for_the_next_call() {
    let line = format!("{}\n", "x".repeat(MAX_BYTES / 2));
    let view = view(1, 10, line.repeat(3).as_bytes());
    assert_eq!((view.lines, view.end), (1, End::Bytes));
    assert_eq!(view.bytes.len(), MAX_BYTES / 2);
}

#[test]
fn a_line_longer_than_the_window_is_cut() {
    let view = view(1, 10, "x".repeat(MAX_BYTES + 1).as_bytes());
    assert_eq!((view.lines, view.end, view.bytes.len()), (1, End::LongLine, MAX_BYTES));
}

#[test]
fn a_window_is_never_longer_than_the_cap() {
    let view = view(1, usize::MAX, "x\n".repeat(MAX_LINES + 5).as_bytes());
    assert_eq!((view.lines, view.end), (MAX_LINES, End::Lines));
}
