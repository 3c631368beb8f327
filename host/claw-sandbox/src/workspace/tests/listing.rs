use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;

use super::super::{Entry, Kind};
use super::*;

#[test]
fn a_listing_says_kind_and_size_and_is_sorted() {
    let site = Site::new();
    site.file("b.txt", "12345").file("a/x", "").link("c", "../secret/canary.txt");
    let _listener = UnixListener::bind(site.ws("d")).unwrap();
    let listing = site.open(Mode::ReadOnly).list_directory("", 10).unwrap();
    let entry = |path: &str, kind, size| Entry { path: path.to_owned(), kind, size };
    let expect = [
        entry("a", Kind::Directory, 0),
        entry("b.txt", Kind::File, 5),
        entry("c", Kind::Link, 0),
        entry("d", Kind::Special, 0),
    ];
    assert_eq!(listing.entries, expect);
    assert!(!listing.more);
}

#[test]
fn a_cut_listing_has_the_first_entries_and_says_so() {
    // FS-34
    let site = Site::new();
    for number in 0..300 {
        site.file(&format!("d/{number:03}"), "");
    }
    let workspace = site.open(Mode::ReadOnly);
    let listing = workspace.list_directory("d", 3).unwrap();
    let paths: Vec<_> = listing.entries.iter().map(|entry| &*entry.path).collect();
    assert_eq!(paths, ["d/000", "d/001", "d/002"]);
    assert!(listing.more);
    assert!(!workspace.list_directory("d", 300).unwrap().more);
    assert_eq!(workspace.list_directory("d", u32::MAX).unwrap().entries.len(), 300);
    assert!(workspace.list_directory("d", 0).unwrap().more);
}

#[test]
fn names_that_are_not_utf_8_are_listed_and_cannot_open_another_file() {
    // FS-23
    let site = Site::new();
    fs::write(site.ws("").join(OsStr::from_bytes(b"a\xff")), "odd").unwrap();
    fs::write(site.ws("").join("a\u{fffd}"), "replacement").unwrap();
    let workspace = site.read_write();
    let listing = workspace.list_directory("", 10).unwrap();
    let paths: Vec<_> = listing.entries.iter().map(|entry| &*entry.path).collect();
    assert_eq!(paths, ["a\\xff", "a\u{fffd}"]);
    assert_eq!(code(workspace.read_range("a\\xff", 0, 10)), "E_FS_NAME");
    assert_eq!(workspace.read_range("a\u{fffd}", 0, 20).unwrap().bytes, b"replacement");
    assert_eq!(workspace.glob("a*", 10, &never).unwrap(), listing);
    assert_eq!(workspace.grep("odd", None, 10, &never).unwrap().hits[0].path, "a\\xff");
}

#[test]
fn what_a_crash_left_behind_is_hidden() {
    let site = Site::new();
    site.file(".claw-tmp-0123456789abcdef", "left over").file("a", "left alone");
    let workspace = site.open(Mode::ReadOnly);
    assert_eq!(workspace.list_directory("", 10).unwrap().entries.len(), 1);
    assert_eq!(workspace.glob("**", 10, &never).unwrap().entries.len(), 1);
    assert_eq!(workspace.grep("left", None, 10, &never).unwrap().hits.len(), 1);
}
