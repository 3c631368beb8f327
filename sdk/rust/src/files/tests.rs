use super::*;

#[test]
fn a_path_stays_below_the_workspace_however_it_is_written() {
    assert_eq!(below("a/b.txt"), PathBuf::from("/workspace/a/b.txt"));
    assert_eq!(below("/etc/passwd"), PathBuf::from("/workspace//etc/passwd"));
}
