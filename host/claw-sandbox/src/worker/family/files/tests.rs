use super::path::{Form, GuestPath};
use super::refusal::Failed;

fn parsed(text: &str) -> Option<String> {
    GuestPath::parse(text).ok().map(|path| path.as_str().to_owned())
}

#[test]
fn a_path_is_what_its_text_says_without_dots() {
    let cases = [("a", "a"), ("./a//b/", "a/b"), ("a/../b", "b"), ("a/b/../../c", "c"), (".", "."), ("a/..", ".")];
    for (text, expected) in cases {
        assert_eq!(parsed(text).as_deref(), Some(expected), "{text}");
    }
}

// FS-01, FS-02
#[test]
fn a_path_that_leads_out_is_refused_with_its_code() {
    for text in ["..", "../a", "a/../..", "a/../../a", "/", "/etc/passwd", "./../a"] {
        let failed = GuestPath::parse(text).unwrap_err();
        assert!(matches!(failed, Failed::Refused { code: "E_FS_OUTSIDE", .. }), "{text}: {failed:?}");
    }
}

// FS-22
#[test]
fn what_no_file_can_be_called_is_an_error() {
    let long = "n".repeat(256);
    for text in ["", "a\0b", "a\nb", "\u{9b}", long.as_str(), &"d/".repeat(10_000), &"x".repeat(100_000)] {
        assert!(matches!(GuestPath::parse(text), Err(Failed::Code(_))), "{text:?}");
    }
    assert_eq!(parsed(&"n".repeat(255)), Some("n".repeat(255)));
}

#[test]
fn a_slash_or_dots_at_the_end_name_a_directory() {
    for (text, form) in
        [("a", Form::Plain), ("a/", Form::Directory), ("a/.", Form::Directory), ("a/b/..", Form::Directory)]
    {
        assert_eq!(GuestPath::parse(text).unwrap().form, form, "{text}");
    }
}

#[test]
fn a_path_knows_where_it_is_below_the_mount() {
    let below = |base: &str, text: &str| GuestPath::parse(text).unwrap().below(base);
    assert_eq!(below("", "."), "");
    assert_eq!(below("", "a/b"), "a/b");
    assert_eq!(below("a", "."), "a");
    assert_eq!(below(".git", "x/../hooks"), ".git/hooks");
}
