use super::*;

#[test]
fn there_is_an_attempt_for_every_right_of_the_crate() {
    // EX-20: a new right in a new version of the crate fails here
    let outside = tempfile::tempdir().unwrap();
    let unthought = BitFlags::<AccessFs>::all()
        .iter()
        .filter(|&right| right != AccessFs::Refer && attempt(right, &outside.path().join("missing")).is_none());
    assert_eq!(unthought.collect::<Vec<_>>(), []);
    assert_eq!(all(), BitFlags::<AccessFs>::all());
}

#[test]
fn a_right_is_kept_from_its_version_on() {
    assert!(is_kept(AccessFs::Execute, 1));
    assert!(!is_kept(AccessFs::Truncate, 2) && is_kept(AccessFs::Truncate, 3));
    assert!(!is_kept(AccessFs::IoctlDev, 4) && is_kept(AccessFs::IoctlDev, 5));
    assert!(!is_kept(AccessFs::ResolveUnix, 8) && is_kept(AccessFs::ResolveUnix, 9));
    assert!(!is_kept(AccessFs::Execute, 0));
}
