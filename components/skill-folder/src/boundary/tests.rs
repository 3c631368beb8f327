use super::{Parts, split};

#[test]
fn a_file_falls_into_frontmatter_and_body() {
    let parts = |frontmatter, body| Some(Parts { frontmatter, body });
    assert_eq!(split("---\nname: a\n---\n\n# A\n"), parts("name: a\n", "# A\n"));
    assert_eq!(split("\u{feff}---\r\nname: a\r\n---\r\nbody"), parts("name: a\r\n", "body"));
    assert_eq!(split("--- \nname: a\n---"), parts("name: a\n", ""));
    assert_eq!(split("---\n---\nbody\n---\n"), parts("", "body\n---\n"));
}

#[test]
fn without_both_lines_of_dashes_there_is_no_frontmatter() {
    for text in ["", "---", "# A\n---\nname: a\n---\n", "---\nname: a\n", "---\nname: a\n ---\n", "----\na: b\n----\n"]
    {
        assert_eq!(split(text), None, "{text:?}");
    }
}
