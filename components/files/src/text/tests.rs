use super::*;

#[test]
fn cutting_and_joining_keeps_every_byte() {
    for text in ["", "\n", "a", "a\n", "a\r\nb", "a\nb\r\nc\n", "\u{feff}a\r\n\r\n", "a\rb\n", "\u{feff}"] {
        assert_eq!(Lines::parse(text).join(), text, "{text:?}");
    }
}

#[test]
fn a_new_line_ends_as_most_of_the_file_does() {
    let mut lines = Lines::parse("a\r\nb\r\nc\n");
    lines.lines.insert(1, Line { text: "new".into(), ending: None });
    assert_eq!(lines.join(), "a\r\nnew\r\nb\r\nc\n");
}

#[test]
fn a_file_without_final_newline_stays_so() {
    let mut lines = Lines::parse("a\nb");
    lines.lines.push(Line { text: "c".into(), ending: None });
    assert_eq!(lines.join(), "a\nb\nc");
}

#[test]
fn the_dominant_ending_is_that_of_most_lines() {
    assert_eq!(Ending::dominant("a\r\nb\r\nc\n"), Ending::CrLf);
    assert_eq!(Ending::dominant("a\nb\r\n"), Ending::Lf);
    assert_eq!(Ending::dominant(""), Ending::Lf);
}
