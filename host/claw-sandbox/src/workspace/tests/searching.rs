use std::cell::Cell;
use std::os::fd::AsFd;

use super::super::walk::{Reach, Walk};
use super::super::{Hit, MAX_RESULTS};
use super::*;

#[track_caller]
fn check_glob(pattern: &str, expect: &[&str]) {
    let site = Site::new();
    site.file("a.rs", "").file("a/b.rs", "").file("a/c/d.rs", "").file("a/c.txt", "").file(".git/x.rs", "");
    site.file("a-b/e.rs", "").file("a/.git/y.rs", "").link("out", "../secret").link("in", "a");
    let listing = site.open(Mode::ReadOnly).glob(pattern, 100, &never).unwrap();
    let paths: Vec<_> = listing.entries.iter().map(|entry| &*entry.path).collect();
    assert_eq!(paths, expect, "{pattern}");
    assert!(!listing.more);
}

#[test]
fn globs_match_whole_paths_and_enter_neither_links_nor_git() {
    check_glob("**", &["a", "a/b.rs", "a/c", "a/c/d.rs", "a/c.txt", "a-b", "a-b/e.rs", "a.rs", "in", "out"]);
    check_glob("*.rs", &["a.rs"]);
    check_glob("**/*.rs", &["a/b.rs", "a/c/d.rs", "a-b/e.rs", "a.rs"]);
    check_glob("a/*", &["a/b.rs", "a/c", "a/c.txt"]);
    check_glob("a/**/*.rs", &["a/b.rs", "a/c/d.rs"]);
    check_glob("/workspace/a/c/*", &["a/c/d.rs"]);
    check_glob("./a/c", &["a/c"]);
    check_glob("a/{b,c}.[rt]*", &["a/b.rs", "a/c.txt"]);
    check_glob("?.rs", &["a.rs"]);
    for pattern in ["out/**", "out/*", "in/*", ".git/**", "a/.git/*", "absent/**", "a.rs/*"] {
        check_glob(pattern, &[]);
    }
}

#[test]
fn patterns_that_point_outside_or_make_no_sense_are_refused() {
    // FS-01, FS-02, FS-37
    let site = Site::new();
    let workspace = site.open(Mode::ReadOnly);
    for pattern in ["../**", "a/../../secret/*", "/etc/*", "~/*", "file:///*", "%2e%2e/*", "..\\*"] {
        assert_eq!(code(workspace.glob(pattern, 10, &never)), "E_FS_OUTSIDE", "{pattern}");
        assert_eq!(code(workspace.grep("x", Some(pattern), 10, &never)), "E_FS_OUTSIDE", "{pattern}");
    }
    for pattern in ["", "/workspace", "[a", "{a", "a\\*", "a\0"] {
        assert_eq!(code(workspace.glob(pattern, 10, &never)), "invalid", "{pattern}");
    }
    for pattern in ["(", "(a)\\1", "(?=a)"] {
        assert_eq!(code(workspace.grep(pattern, None, 10, &never)), "invalid", "{pattern}");
    }
    let long = "a".repeat(5_000);
    assert_eq!(code(workspace.glob(&long, 10, &never)), "limit");
    assert_eq!(code(workspace.grep(&long, None, 10, &never)), "limit");
    assert_eq!(code(workspace.grep("((a{100}){100}){100}", None, 10, &never)), "limit");
}

#[test]
fn lines_are_found_in_order_and_counted_from_one() {
    let site = Site::new();
    site.file("b", "x\nfind me\r\n\nfind me too").file("a/z", "find").file("a.txt", "find").file("c", "find\n");
    let workspace = site.open(Mode::ReadOnly);
    let hits = workspace.grep("^find", None, 100, &never).unwrap();
    let found: Vec<_> = hits.hits.iter().map(|hit| (&*hit.path, hit.line, &*hit.text)).collect();
    let expect =
        [("a/z", 1, "find"), ("a.txt", 1, "find"), ("b", 2, "find me"), ("b", 4, "find me too"), ("c", 1, "find")];
    assert_eq!(found, expect);
    assert!(!hits.more);
    let ends = workspace.grep("me$", None, 100, &never).unwrap();
    assert_eq!(ends.hits, [Hit { path: "b".to_owned(), line: 2, text: "find me".to_owned() }]);
    let globbed = workspace.grep("find", Some("a/**"), 100, &never).unwrap();
    assert_eq!(globbed.hits.len(), 1);
}

#[test]
fn a_cut_search_has_the_first_hits_and_says_so() {
    let site = Site::new();
    site.file("a", "x\n".repeat(10)).file("b", "x\n");
    let workspace = site.open(Mode::ReadOnly);
    let hits = workspace.grep("x", None, 4, &never).unwrap();
    assert_eq!((hits.hits.len(), hits.more), (4, true));
    let hits = workspace.grep("x", None, 11, &never).unwrap();
    assert_eq!((hits.hits.len(), hits.more), (11, false));
    assert!(workspace.glob("*", 1, &never).unwrap().more);
    assert!(!workspace.glob("*", 2, &never).unwrap().more);
    assert!(workspace.glob("*", 0, &never).unwrap().more);
}

#[test]
fn answers_are_bounded_whatever_the_guest_asks_for() {
    let site = Site::new();
    site.file("lines", "x\n".repeat(20_000)).file("wide", format!("y{}\n", "y".repeat(600)).repeat(9_000));
    let workspace = site.open(Mode::ReadOnly);
    let hits = workspace.grep("x", None, u32::MAX, &never).unwrap();
    assert_eq!((hits.hits.len(), hits.more), (MAX_RESULTS as usize, true));
    let hits = workspace.grep("y", None, u32::MAX, &never).unwrap();
    assert!(hits.hits.iter().all(|hit| hit.text.len() == 512));
}

#[test]
fn a_long_line_is_cut_between_characters() {
    let site = Site::new();
    site.file("a", "ä".repeat(600)).file("b", [b"x".as_slice(), &[0xff; 600]].concat());
    let hits = site.open(Mode::ReadOnly).grep("..", None, 10, &never).unwrap().hits;
    assert_eq!(hits[0].text, "ä".repeat(256));
    assert!(hits[1..].iter().all(|hit| hit.text.len() <= 512));
}

#[test]
fn binary_and_huge_files_are_passed_over() {
    let site = Site::new();
    let late_nul = [b"find".as_slice(), &[b'x'; 10_000], b"\0"].concat();
    site.file("early", b"find\0").file("late", late_nul).file("text", "find");
    site.file("huge", [b"find\n".as_slice(), &vec![b'x'; 8 << 20]].concat());
    let hits = site.open(Mode::ReadOnly).grep("find", None, 10, &never).unwrap().hits;
    assert_eq!(hits.iter().map(|hit| &*hit.path).collect::<Vec<_>>(), ["text"]);
}

#[test]
fn links_are_not_searched() {
    // FS-03
    let site = Site::new();
    site.link("out", "../secret").link("f", "../secret/canary.txt");
    assert!(site.open(Mode::ReadOnly).grep("canary", None, 10, &never).unwrap().hits.is_empty());
}

#[test]
fn a_stopped_search_ends_at_the_next_entry() {
    let site = Site::new();
    for number in 0..100 {
        site.file(&format!("{number}"), "x\n".repeat(5_000));
    }
    let workspace = site.open(Mode::ReadOnly);
    for allowed in [0, 50, 150] {
        let polls = Cell::new(0);
        let stop = || polls.replace(polls.get() + 1) >= allowed;
        assert_eq!(code(workspace.glob("*", 100, &stop)), "cancelled", "{allowed}");
        assert_eq!(polls.get(), allowed + 1);
        polls.set(0);
        assert_eq!(code(workspace.grep("y", None, 100, &stop)), "cancelled", "{allowed}");
        assert_eq!(polls.get(), allowed + 1);
    }
    // While one file is searched, too: 100 entries read, the first visited, then its lines.
    let polls = Cell::new(0);
    let stop = || polls.replace(polls.get() + 1) >= 103;
    assert_eq!(code(workspace.grep("y", None, 100, &stop)), "cancelled");
}

#[test]
fn a_tree_too_deep_gives_what_was_found_or_says_that_it_ended_early() {
    let site = Site::new();
    let deep = "d/".repeat(70);
    site.file(&format!("{deep}deepest"), "find").file("a", "find");
    let workspace = site.open(Mode::ReadOnly);
    assert_eq!(code(workspace.glob("**/deepest", 10, &never)), "limit");
    assert_eq!(code(workspace.grep("find", Some("**/deepest"), 10, &never)), "limit");
    let listing = workspace.glob("**", 100, &never).unwrap();
    assert_eq!((listing.entries.len(), listing.more), (65, true));
    assert!(workspace.grep("find", None, 10, &never).unwrap().more);
    // Naming the directory helps.
    assert_eq!(workspace.glob(&format!("{deep}*"), 10, &never).unwrap().entries.len(), 1);
}

#[test]
fn a_walk_ends_when_its_budget_is_used_up() {
    let site = Site::new();
    site.file("a/1", "").file("a/2", "").file("b/3", "").file("c", "");
    let root = fs::File::open(site.ws("")).unwrap();
    let count = |budget| {
        let mut walk = Walk::below(root.as_fd(), "", budget, &never).unwrap();
        let mut count = 0;
        while walk.next().unwrap().is_some() {
            count += 1;
        }
        (count, walk.reach())
    };
    assert_eq!(count(6), (6, Reach::Whole));
    assert_eq!(count(5), (5, Reach::Cut));
    assert_eq!(count(2), (2, Reach::Cut));
    assert_eq!(count(0), (0, Reach::Cut));
}

#[test]
fn a_large_tree_is_walked() {
    let site = Site::new();
    for directory in 0..20 {
        fs::create_dir(site.ws(&format!("{directory:02}"))).unwrap();
        for file in 0..1_000 {
            fs::File::create(site.ws(&format!("{directory:02}/{file:03}"))).unwrap();
        }
    }
    let workspace = site.open(Mode::ReadOnly);
    let listing = workspace.glob("**/999", 1_000, &never).unwrap();
    assert_eq!((listing.entries.len(), listing.more), (20, false));
    let listing = workspace.glob("**", u32::MAX, &never).unwrap();
    assert_eq!((listing.entries.len(), listing.more), (MAX_RESULTS as usize, true));
}
