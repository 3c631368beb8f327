use std::collections::BTreeMap;

use super::*;

type Files = BTreeMap<String, Vec<u8>>;

fn files(entries: &[(&str, &str)]) -> Files {
    entries.iter().map(|&(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect()
}

/// Patches a small tree. Nothing but the returned outcome can carry a change, so an error leaves everything untouched.
fn run(tree: &Files, patch: &str) -> Result<(Files, Outcome), PatchError> {
    let outcome = apply::<PatchError>(&parse(patch)?, |path| Ok(tree.get(path).cloned()))?;
    let mut after = tree.clone();
    for (path, bytes) in &outcome.files {
        match bytes {
            Some(bytes) => after.insert(path.clone(), bytes.clone()),
            None => after.remove(path),
        };
    }
    Ok((after, outcome))
}

fn wrap(steps: &str) -> String {
    format!("*** Begin Patch\n{steps}\n*** End Patch\n")
}

#[track_caller]
fn check(before: &[(&str, &str)], steps: &str, after: &[(&str, &str)]) -> Outcome {
    let (tree, outcome) = run(&files(before), &wrap(steps)).unwrap();
    let text = |tree: &Files| -> Vec<(String, String)> {
        tree.iter().map(|(path, bytes)| (path.clone(), String::from_utf8(bytes.clone()).unwrap())).collect()
    };
    assert_eq!(text(&tree), text(&files(after)));
    outcome
}

#[track_caller]
fn check_update(before: &str, hunks: &str, after: &str) {
    check(&[("f", before)], &format!("*** Update File: f\n{hunks}"), &[("f", after)]);
}

#[track_caller]
fn check_error(before: &[(&str, &str)], steps: &str, expected: &str) {
    let error = run(&files(before), &wrap(steps)).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn one_patch_adds_changes_moves_and_deletes() {
    let outcome = check(
        &[("src/a.rs", "fn a() {\n    1\n}\n"), ("old.txt", "keep\ndrop\n"), ("gone.txt", "x\n")],
        "*** Add File: docs/new.md\n+# New\n+\n+text\n\
         *** Update File: src/a.rs\n@@ fn a() {\n-    1\n+    2\n }\n\
         *** Update File: old.txt\n*** Move to: sub/new.txt\n keep\n-drop\n+stay\n\
         *** Delete File: gone.txt",
        &[("docs/new.md", "# New\n\ntext\n"), ("src/a.rs", "fn a() {\n    2\n}\n"), ("sub/new.txt", "keep\nstay\n")],
    );
    assert_eq!(outcome.added, ["docs/new.md"]);
    assert_eq!(outcome.modified, ["src/a.rs", "sub/new.txt"]);
    assert_eq!(outcome.deleted, ["gone.txt"]);
}

#[test]
fn several_hunks_apply_in_order() {
    check_update("a\nb\nc\nd\ne\n", "@@\n-a\n+A\n b\n@@\n d\n-e\n+E", "A\nb\nc\nd\nE\n");
}

#[test]
fn a_later_hunk_is_looked_for_after_the_one_before() {
    check_update("x\nx\nx\n", "@@\n-x\n+1\n@@\n-x\n+2", "1\n2\nx\n");
}

#[test]
fn headers_narrow_the_place_down() {
    let file = "class A\n  def f\n    x\nclass B\n  def f\n    x\n";
    check_update(file, "@@ class B\n@@   def f\n-    x\n+    y", "class A\n  def f\n    x\nclass B\n  def f\n    y\n");
}

#[test]
fn lines_without_context_go_after_the_header_or_to_the_end() {
    check_update("a\nb\n", "@@ a\n+new", "a\nnew\nb\n");
    check_update("a\nb\n", "@@\n+new", "a\nb\nnew\n");
    check_update("", "+first", "first\n");
}

#[test]
fn the_end_of_file_marker_takes_the_last_place() {
    check_update("x\ny\nx\n", "@@\n-x\n+z\n*** End of File", "x\ny\nz\n");
    check_error(
        &[("f", "x\ny\n")],
        "*** Update File: f\n@@\n-x\n+z\n*** End of File",
        "`f`: these lines do not occur at the end of the file; read the file again:\nx",
    );
}

#[test]
fn crlf_and_byte_order_marks_are_kept() {
    check_update("\u{feff}a\r\nb\r\nc\r\n", " a\n-b\n+B\n+B2\n c", "\u{feff}a\r\nB\r\nB2\r\nc\r\n");
}

#[test]
fn a_patch_with_crlf_changes_a_file_with_lf() {
    let patch = wrap("*** Update File: f\n-a\n+b\n*** Add File: g\n+new").replace('\n', "\r\n");
    let (tree, _) = run(&files(&[("f", "a\n")]), &patch).unwrap();
    assert_eq!(tree, files(&[("f", "b\n"), ("g", "new\n")]));
}

#[test]
fn a_missing_final_newline_stays_missing() {
    check_update("a\nb", "-b\n+c\n+d", "a\nc\nd");
    check_update("a\nb", "-a\n+x\n b", "x\nb");
}

#[test]
fn matching_grows_looser_only_where_it_must() {
    // Trailing space, then indentation, then typographic punctuation; kept lines keep the file's own spelling.
    check_update("a  \nb\n", " a\n-b\n+c", "a  \nc\n");
    check_update("    a\n\tb\n", " a\n-b\n+c", "    a\nc\n");
    check_update("“a” – it’s\u{a0}b\n1\n", " \"a\" - it's b\n-1\n+2", "“a” – it’s\u{a0}b\n2\n");
    // The exact line further down wins over the loose one further up.
    check_update("  a\na\n", "-a\n+b", "  a\nb\n");
}

#[test]
fn empty_lines_in_hunks_are_kept_lines() {
    check_update("a\n\nb\n", " a\n\n-b\n+c", "a\n\nc\n");
    check(
        &[("f", "a\n"), ("g", "b\n")],
        "*** Update File: f\n-a\n+A\n\n*** Update File: g\n-b\n+B\n",
        &[("f", "A\n"), ("g", "B\n")],
    );
}

#[test]
fn steps_see_what_earlier_steps_did() {
    check(&[("f", "a\n")], "*** Update File: f\n-a\n+b\n*** Update File: f\n-b\n+c", &[("f", "c\n")]);
    check(&[("f", "a\n")], "*** Delete File: f\n*** Add File: f\n+b", &[("f", "b\n")]);
}

#[test]
fn a_file_can_move_without_a_change() {
    check(&[("f", "a\n")], "*** Update File: f\n*** Move to: g", &[("g", "a\n")]);
}

#[test]
fn adding_or_moving_onto_a_file_is_refused() {
    check_error(&[("f", "a\n")], "*** Add File: f\n+b", "`f` already exists; use `*** Update File:` or another path");
    check_error(
        &[("f", "a\n"), ("g", "b\n")],
        "*** Update File: f\n*** Move to: g\n-a\n+b",
        "`g` already exists; use `*** Update File:` or another path",
    );
}

#[test]
fn a_failing_hunk_leaves_everything_untouched() {
    check_error(
        &[("f", "a\n"), ("g", "b\n")],
        "*** Update File: f\n-a\n+A\n*** Add File: h\n+h\n*** Update File: g\n-wrong\n+B",
        "`g`: these lines do not occur after the hunk before; read the file again:\nwrong",
    );
}

#[test]
fn files_that_are_missing_or_not_text_are_named() {
    check_error(&[], "*** Delete File: f", "`f` does not exist");
    check_error(&[], "*** Update File: f\n-a\n+b", "`f` does not exist");
    let tree = Files::from([("f".to_owned(), vec![0xff])]);
    let error = run(&tree, &wrap("*** Update File: f\n-a\n+b")).unwrap_err();
    assert_eq!(error, PatchError::NotText { path: "f".into() });
}

#[test]
fn paths_that_lead_outside_are_refused() {
    // FS-37
    for path in ["../x", "a/../../x", "/etc/passwd", "..", "..\\x", "./../x"] {
        for step in ["Add File", "Update File", "Delete File"] {
            let error = parse(&wrap(&format!("*** {step}: {path}"))).unwrap_err();
            assert!(matches!(error, PatchError::Outside { .. }), "{step} {path}: {error}");
        }
        let error = parse(&wrap(&format!("*** Update File: f\n*** Move to: {path}\n-a\n+b"))).unwrap_err();
        assert!(matches!(error, PatchError::Outside { .. }), "move to {path}: {error}");
    }
    assert!(parse(&wrap("*** Delete File: a..b/..c")).is_ok());
}

#[test]
fn hunks_that_change_nothing_are_refused() {
    for hunk in ["", "@@", "@@ header", " kept", "@@\n kept\n@@\n-a\n+b"] {
        let error = parse(&wrap(&format!("*** Update File: f\n{hunk}"))).unwrap_err();
        assert!(matches!(error, PatchError::EmptyHunk { .. }), "{hunk:?}: {error}");
    }
}

#[test]
fn malformed_patches_name_the_line() {
    let error = |input: &str| parse(input).unwrap_err();
    assert_eq!(error(""), PatchError::NoBegin);
    assert_eq!(error("*** Update File: f"), PatchError::NoBegin);
    assert_eq!(error("*** Begin Patch"), PatchError::NoEnd);
    assert_eq!(error("*** Begin Patch\n*** Delete File: f"), PatchError::NoEnd);
    assert_eq!(error(&wrap("")), PatchError::Empty);
    assert_eq!(error(&wrap("*** Delete File: ")), PatchError::NoPath { line: 2 });
    assert_eq!(error(&wrap("*** Copy File: f")), PatchError::UnknownStep { line: 2, found: "*** Copy File: f".into() });
    assert_eq!(error(&wrap("*** Add File: f\n+a\nb")), PatchError::AddLine { line: 4, found: "b".into() });
    assert_eq!(error(&wrap("*** Update File: f\nabc")), PatchError::HunkLine { line: 3, found: "abc".into() });
}
