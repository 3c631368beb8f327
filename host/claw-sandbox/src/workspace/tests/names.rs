use proptest::prelude::*;

use super::super::path::{RelPath, shown};
use super::super::protected::Ground;
use super::*;

/// Reading and writing go through the same door.
#[track_caller]
fn check(path: &str, expect: &str) {
    let site = Site::new();
    let workspace = site.read_write();
    let before = site.tree();
    assert_eq!(code(workspace.read_range(path, 0, 10)), expect, "read {path:?}");
    assert_eq!(code(workspace.list_directory(path, 10)), expect, "list {path:?}");
    assert_eq!(code(workspace.commit(vec![put(path, "x")])), expect, "put {path:?}");
    assert_eq!(code(workspace.commit(vec![remove(path)])), expect, "remove {path:?}");
    assert_eq!(site.tree(), before);
}

#[test]
fn paths_that_climb_out_are_outside() {
    // FS-01
    for path in ["../secret/canary.txt", "a/../../secret/canary.txt", "/ws/../secret/canary.txt", ".."] {
        check(path, "E_FS_OUTSIDE");
    }
    for path in ["/workspace/../secret/canary.txt", "a/..", "a/../b", "./../x"] {
        check(path, "E_FS_OUTSIDE");
    }
}

#[test]
fn absolute_paths_are_outside_even_if_they_name_a_file_inside() {
    // FS-02
    let site = Site::new();
    site.file("inside.txt", "x");
    let workspace = site.read_write();
    for path in [PathBuf::from("/etc/passwd"), site.secret("canary.txt"), site.ws("inside.txt"), "/".into()] {
        assert_eq!(code(workspace.read_range(path.to_str().unwrap(), 0, 10)), "E_FS_OUTSIDE", "{path:?}");
    }
    check("/workspacex/a", "E_FS_OUTSIDE");
    check("//etc/passwd", "E_FS_OUTSIDE");
}

#[test]
fn forms_that_other_programs_expand_are_outside() {
    // FS-37
    for path in ["@/etc/passwd", "file:///etc/passwd", "FILE:/etc/passwd", "~root/x", "~/x", "~", "$HOME/x"] {
        check(path, "E_FS_OUTSIDE");
    }
    for path in ["${HOME}/x", "%2e%2e/x", ".%2E/x", "a/%2e%2e%2fx", "..\\x", "a\\..\\x", "C:\\x", "c:/x", "\\\\h\\s"] {
        check(path, "E_FS_OUTSIDE");
    }
}

#[test]
fn bad_names_are_refused_without_being_cut() {
    // FS-22
    check("a\0b", "E_FS_NAME");
    check("a\nb", "E_FS_NAME");
    check("a\u{9b}b", "E_FS_NAME");
    check("a\\b", "E_FS_NAME");
    check(&"n".repeat(256), "E_FS_NAME");
    check(&vec!["n".repeat(255); 16].join("/").replace("n/", "nn/"), "E_FS_NAME");
    check(&"d/".repeat(2_048), "E_FS_NAME");
    check(&"x".repeat(100_000), "E_FS_NAME");
    check(&"d/".repeat(10_000), "E_FS_NAME");
}

#[test]
fn the_longest_legal_names_and_paths_work() {
    // FS-22
    let site = Site::new();
    let workspace = site.read_write();
    let longest = vec!["n".repeat(255); 16].join("/");
    assert_eq!(longest.len(), 4_095);
    for path in ["n".repeat(255), longest] {
        workspace.commit(vec![put(&path, "content")]).unwrap();
        assert_eq!(workspace.read_range(&path, 0, 100).unwrap().bytes, b"content");
        workspace.commit(vec![remove(&path)]).unwrap();
    }
}

#[test]
fn the_empty_path_and_the_dot_are_the_workspace() {
    // FS-22
    let site = Site::new();
    site.file("a", "");
    let workspace = site.read_write();
    for path in ["", ".", "./", "/workspace", "/workspace/", "././/"] {
        assert_eq!(workspace.list_directory(path, 10).unwrap().entries[0].path, "a", "{path:?}");
        assert_eq!(code(workspace.read_range(path, 0, 1)), "invalid");
        assert_eq!(code(workspace.commit(vec![put(path, "")])), "invalid");
    }
}

#[test]
fn both_ways_in_which_models_write_paths_mean_the_same_file() {
    let site = Site::new();
    site.file("a/b.txt", "content");
    let workspace = site.read_write();
    for path in ["a/b.txt", "./a/b.txt", "/workspace/a/b.txt", "a//b.txt", "a/./b.txt", "/workspace//a/b.txt"] {
        assert_eq!(workspace.read_range(path, 0, 100).unwrap().bytes, b"content", "{path}");
    }
}

#[test]
fn names_that_only_look_odd_work() {
    let site = Site::new();
    let workspace = site.read_write();
    for path in ["~backup", "@scope/x", "./~root/x", "...", "a..b", "-rf", " ", "50%", "%2e", "Ünïcödé 🦀", "a:b"]
    {
        workspace.commit(vec![put(path, path)]).unwrap();
        assert_eq!(workspace.read_range(path, 0, 100).unwrap().bytes, path.as_bytes(), "{path}");
    }
}

#[test]
fn a_path_that_ends_like_a_directory_names_no_file() {
    let site = Site::new();
    site.file("a", "");
    let workspace = site.read_write();
    assert_eq!(code(workspace.read_range("a/", 0, 1)), "invalid");
    assert_eq!(code(workspace.commit(vec![put("a/", "")])), "invalid");
    assert_eq!(code(workspace.commit(vec![put("new/", "")])), "invalid");
    assert!(!site.ws("new").exists());
}

#[test]
fn names_that_are_not_text_are_shown_without_confusion() {
    // FS-23
    let names: [&[u8]; 7] = [b"a", b"a\xff", b"a\\xff", b"a\\", b"a\n", b"\\x0a", "a\u{85}".as_bytes()];
    let shown: std::collections::BTreeSet<_> = names.iter().map(|name| shown(name).into_owned()).collect();
    assert_eq!(shown.len(), names.len(), "{shown:?}");
    for text in shown.iter().filter(|text| *text != "a") {
        assert!(RelPath::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn what_parses_is_relative_and_does_not_climb(text in "(/workspace|\\.|\\.\\.|[a~@$%2eE/\\\\:])*") {
        if let Ok(path) = RelPath::parse(&text) {
            prop_assert!(!path.as_str().starts_with('/'));
            prop_assert!(path.components().all(|component| !matches!(component, "" | "." | "..")));
        }
    }

    #[test]
    fn no_text_panics_the_parser(text in any::<String>()) {
        let _ = RelPath::parse(&text).and_then(|path| path.expect_unprotected(Ground::Workspace));
    }

    #[test]
    fn different_names_look_different(one in any::<Vec<u8>>(), other in any::<Vec<u8>>()) {
        prop_assert_eq!(one == other, shown(&one) == shown(&other));
    }
}

#[test]
fn what_tells_the_agent_who_it_is_is_protected_from_those_who_could_be_talked_into_something() {
    // SU-23
    use super::super::protected::Ground;

    let protects = |ground: Ground, path: &str| ground.protects(path.split('/'));
    for path in ["AGENTS.md", "soul.MD", "Memory.md", "BOOTSTRAP.md"] {
        let found = [Ground::Workspace, Ground::Guarded, Ground::Lent].map(|ground| protects(ground, path));
        assert_eq!(found, [false, true, true], "{path}");
    }
    for path in ["memory", "memory/2026-11-22.md"] {
        let found = [Ground::Workspace, Ground::Guarded, Ground::Lent].map(|ground| protects(ground, path));
        assert_eq!(found, [false, false, true], "{path}");
    }
    for path in ["notes.md", "docs/AGENTS.md"] {
        assert!(!protects(Ground::Lent, path), "{path}");
    }
    assert!(protects(Ground::Guarded, "skills/a/SKILL.md"));
}
