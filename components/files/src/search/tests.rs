use super::*;

#[test]
fn each_kind_of_entry_is_told_apart() {
    let line = |kind| entry_line(&Entry { path: "a".into(), kind, size: 7 });
    assert_eq!(line(Kind::File), "a (7 bytes)");
    assert_eq!(line(Kind::Directory), "a/");
    assert_eq!(line(Kind::Link), "a (link)");
    assert_eq!(line(Kind::Special), "a (special)");
}

#[test]
fn a_list_that_was_cut_says_so() {
    let lines = |more| show::lines(["a".to_owned()], more, "look closer", "[none]");
    assert_eq!(lines(false), "a\n");
    assert_eq!(lines(true), "a\n[more were found: look closer]\n");
    assert_eq!(show::lines([], false, "look closer", "[none]"), "[none]");
    let long = show::lines(std::iter::repeat_n("x".repeat(999), 100), false, "look closer", "[none]");
    assert!(long.len() <= 51 * 1024 && long.ends_with("[more were found: look closer]\n"));
}
