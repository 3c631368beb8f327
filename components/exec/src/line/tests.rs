use super::*;

#[track_caller]
fn check(text: &str, argv: &[&str]) {
    let words = argv.iter().map(|&word| word.to_owned()).collect();
    assert_eq!(Line::parse(text), Line::Plain(words), "{text:?}");
}

#[test]
fn plain_lines_are_split_into_arguments() {
    check("ls -la src", &["ls", "-la", "src"]);
    check("  git\tstatus  \n", &["git", "status"]);
    check("a@b c:d e/f g.h i,j k=l +m %n", &["a@b", "c:d", "e/f", "g.h", "i,j", "k=l", "+m", "%n"]);
    check("grep -n a#b f~", &["grep", "-n", "a#b", "f~"]);
    check("echo grüße", &["echo", "grüße"]);
}

#[test]
fn quotes_and_backslashes_join_words_as_in_a_shell() {
    check(r#"git commit -m "two words""#, &["git", "commit", "-m", "two words"]);
    check(r#"echo 'a "b" $c' d\ e"#, &["echo", r#"a "b" $c"#, "d e"]);
    check(r#"echo "a\"b\\c\d" ''x"" ''"#, &["echo", r#"a"b\c\d"#, "x", ""]);
    check(r"grep 'a|b' f\*", &["grep", "a|b", "f*"]);
    check("printf 'a\nb'", &["printf", "a\nb"]);
    check("'/opt/my tool' x", &["/opt/my tool", "x"]);
}

#[test]
fn shell_syntax_needs_a_shell() {
    for text in [
        "a | b",
        "a && b",
        "a; b",
        "a & b",
        "a &",
        "a > f",
        "a < f",
        "a 2>&1",
        "(a)",
        "{ a; }",
        "echo $A",
        "echo ${A}",
        "echo $(b)",
        "echo `b`",
        "echo \"$A\"",
        "echo \"`b`\"",
        "ls *.rs",
        "ls ?",
        "ls [ab]",
        "ls {a,b}",
        "ls ~/x",
        "~/bin/x",
        "a\nb",
        "a \\\nb",
        "a # comment",
        "# comment",
        "A=1 b",
        "A+=1 b",
        "_a=b",
        "! a",
        "cd src",
        "exit 1",
        "for x in a",
        ". ./env",
        "'' x",
        "a\u{7}",
    ] {
        assert_eq!(Line::parse(text), Line::Shell, "{text:?}");
    }
}

#[test]
fn an_open_quote_is_left_to_the_shell_to_complain_about() {
    for text in ["echo 'a", "echo \"a", "echo a\\"] {
        assert_eq!(Line::parse(text), Line::Shell, "{text:?}");
    }
}

#[test]
fn an_empty_line_runs_nothing() {
    assert_eq!(Line::argv(" \n\t "), None);
}

#[test]
fn a_shell_gets_the_line_unchanged() {
    assert_eq!(Line::argv(" a | b\n").unwrap(), ["sh", "-c", " a | b\n"]);
}
