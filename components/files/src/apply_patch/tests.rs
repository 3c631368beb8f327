use super::*;

#[test]
fn a_path_outside_is_denied_with_the_code_of_the_host() {
    // FS-37
    let error = patch::parse("*** Begin Patch\n*** Add File: ../../x\n+x\n*** End Patch").unwrap_err();
    assert!(matches!(error.into(), ToolError::Denied(denial) if denial.code == "E_FS_OUTSIDE"));
}

#[test]
fn the_summary_lists_added_modified_and_deleted_paths() {
    let outcome = Outcome {
        added: vec!["a".into()],
        modified: vec!["b".into(), "c".into()],
        deleted: vec!["d".into()],
        ..Outcome::default()
    };
    assert_eq!(summary(&outcome), "applied the patch:\nA a\nM b\nM c\nD d\n");
}

#[test]
fn a_move_puts_the_new_file_and_removes_the_old_one() {
    let steps = patch::parse("*** Begin Patch\n*** Update File: a\n*** Move to: b\n*** End Patch").unwrap();
    let outcome = patch::apply::<PatchError>(&steps, |path| Ok((path == "a").then(|| b"x".to_vec()))).unwrap();
    let changes = changes(&outcome);
    assert_eq!(changes.len(), 2);
    assert!(matches!(&changes[0], Change::Remove(path) if path == "a"));
    assert!(matches!(&changes[1], Change::Put((path, bytes)) if path == "b" && bytes == b"x"));
}
