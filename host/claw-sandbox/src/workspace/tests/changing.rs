use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use super::super::change::{self, Moment, Replacing};
use super::super::protected::Ground;
use super::super::{MAX_CHANGES, MAX_COMMIT_BYTES};
use super::*;

/// The refused change must also take the harmless one before it down with it.
#[track_caller]
fn check_refused(site: &Site, changes: Vec<Change>, expect: &str) {
    let before = site.tree();
    let changes = [vec![put("harmless/new", "x")], changes].concat();
    assert_eq!(code(site.read_write().commit(changes.clone())), expect, "{changes:?}");
    assert_eq!(site.tree(), before, "{changes:?}");
}

/// Runs a commit that another program disturbs at `moment`, and expects that nothing but the disturbance remains.
#[track_caller]
fn check_disturbed(site: &Site, changes: Vec<Change>, how: Replacing, moment: Moment, disturb: &dyn Fn()) {
    let root = fs::File::open(site.ws("")).unwrap();
    let mut came = false;
    let result = change::commit(root.as_fd(), Ground::Workspace, changes, how, &mut |now| {
        if now == moment {
            disturb();
            came = true;
        }
    });
    assert_eq!(code(result), "io");
    assert!(came, "the moment came");
}

/// Early and late, on file systems of either kind.
fn disturbances() -> impl Iterator<Item = (Replacing, Moment)> {
    let moments = [Moment::Stage(0), Moment::Stage(3), Moment::Place(0), Moment::Place(3)];
    moments.into_iter().flat_map(|moment| [(Replacing::Swap, moment), (Replacing::TwoRenames, moment)])
}

#[test]
fn file_systems_that_cannot_swap_two_files_are_served_too() {
    let site = Site::new();
    site.file("a", "before").file("b", "before");
    let root = fs::File::open(site.ws("")).unwrap();
    let changes = vec![put("a", "after"), remove("b"), put("c", "after")];
    change::commit(root.as_fd(), Ground::Workspace, changes, Replacing::TwoRenames, &mut |_| {}).unwrap();
    assert_eq!(fs::read(site.ws("a")).unwrap(), b"after");
    assert_eq!(fs::read_dir(site.ws("")).unwrap().count(), 2, "temporary files are gone");
}

#[test]
fn files_are_created_replaced_and_removed_together() {
    let site = Site::new();
    site.file("old", "before").file("gone", "x");
    let workspace = site.read_write();
    workspace
        .commit(vec![put("new/deep/a", "1"), put("/workspace/old", "after"), remove("gone"), put("new/b", "")])
        .unwrap();
    assert_eq!(fs::read(site.ws("new/deep/a")).unwrap(), b"1");
    assert_eq!(fs::read(site.ws("new/b")).unwrap(), b"");
    assert_eq!(fs::read(site.ws("old")).unwrap(), b"after");
    let mut names: Vec<_> = fs::read_dir(site.ws("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["new", "old"], "temporary files are gone");
    workspace.commit(Vec::new()).unwrap();
}

#[test]
fn a_replaced_file_keeps_its_permissions_but_no_set_user_id() {
    let site = Site::new();
    for (path, mode, expect) in [("script", 0o755, 0o755), ("private", 0o600, 0o600), ("suid", 0o4755, 0o755)] {
        site.file(path, "old");
        fs::set_permissions(site.ws(path), fs::Permissions::from_mode(mode)).unwrap();
        site.read_write().commit(vec![put(path, "new")]).unwrap();
        let after = fs::metadata(site.ws(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(after, expect, "{path}");
    }
}

#[test]
fn a_read_only_workspace_stays_as_it_is() {
    // FS-10, FS-12
    let site = Site::new();
    site.file("a", "x");
    let before = site.tree();
    let workspace = site.open(Mode::ReadOnly);
    for changes in [vec![put("a", "y")], vec![put("b", "y")], vec![remove("a")], vec![put("d/e", "")], vec![]] {
        assert_eq!(code(workspace.commit(changes)), "E_FS_READONLY");
    }
    assert_eq!(site.tree(), before);
}

#[test]
fn nothing_is_written_through_links() {
    // FS-03, FS-04, FS-06, FS-08
    let site = Site::new();
    site.file("real/a", "x").link("out", "../secret").link("f", "../secret/canary.txt");
    site.link("new", "../secret/created.txt").link("abs", "/etc").link("in", "real").link("inner", "real/a");
    for path in ["out/x", "out/canary.txt", "f", "f/", "out", "out/", "out//", "new", "abs/x", "in/a", "in/b", "inner"]
    {
        check_refused(&site, vec![put(path, "y")], "E_FS_LINK");
        check_refused(&site, vec![remove(path)], "E_FS_LINK");
    }
    check_refused(&site, vec![put("out/sub/x", "y")], "E_FS_LINK");
    assert!(!site.secret("created.txt").exists());
}

#[test]
fn files_with_a_second_name_are_not_changed() {
    // FS-14
    let site = Site::new();
    fs::hard_link(site.secret("canary.txt"), site.ws("a")).unwrap();
    check_refused(&site, vec![put("a", "y")], "E_FS_LINK");
    check_refused(&site, vec![remove("a")], "E_FS_LINK");
}

#[test]
fn protected_names_are_not_changed_however_they_are_spelt() {
    // FS-24, FS-26
    let site = Site::new();
    site.file(".env", "KEY=1").file(".git/hooks/pre-commit", "").file(".openclaw.json", "").file(".git/config", "");
    for path in [".env", ".git/hooks/pre-commit", ".openclaw.json", ".git/config"] {
        check_refused(&site, vec![remove(path)], "E_FS_PROTECTED");
        check_refused(&site, vec![put(path, "")], "E_FS_PROTECTED");
    }
    let more = [
        ".ENV",
        ".env/x",
        "sub/.env",
        ".e\u{200d}nv",
        ".env.",
        ".openclaw",
        ".OpenClaw-state/x",
        "a/.openclawx",
        ".env.local",
        ".envrc",
    ];
    let git = [".git", "sub/.git", ".GIT/hoo\u{212a}s/x", ".git/hook\u{17f}/x", ".git/hooks", ".git /hooks/x"];
    let nested = ["sub/.git/config", ".git/config.worktree", ".git/commondir", ".git/modules/m/hooks/x"];
    for path in [&more[..], &git, &nested, &[".claw-tmp-1", "a/.claw-tmp-2/x"]].concat() {
        check_refused(&site, vec![put(path, "")], "E_FS_PROTECTED");
    }
}

#[test]
fn names_beside_the_protected_ones_work() {
    let site = Site::new();
    for path in ["x.env", "env", ".gitignore", "hooks/x", ".github/config", "config", ".git/description", "openclaw"] {
        site.read_write().commit(vec![put(path, "")]).unwrap();
    }
}

#[test]
fn reading_protected_files_is_allowed() {
    let site = Site::new();
    site.file(".openclaw.json", "{}");
    assert_eq!(site.open(Mode::ReadOnly).read_range(".openclaw.json", 0, 10).unwrap().bytes, b"{}");
}

#[test]
fn changes_that_make_no_sense_are_refused() {
    let site = Site::new();
    site.file("d/a", "x").file("f", "x");
    check_refused(&site, vec![put("d", "")], "invalid");
    check_refused(&site, vec![remove("d")], "invalid");
    check_refused(&site, vec![put("f/x", "")], "invalid");
    check_refused(&site, vec![remove("absent")], "not-found");
    check_refused(&site, vec![remove("absent/x")], "not-found");
    check_refused(&site, vec![put("n", "1"), put("./n", "2")], "invalid");
    check_refused(&site, vec![remove("f"), put("f", "2")], "invalid");
    check_refused(&site, vec![put("n/m", ""), put("n", "")], "invalid");
    check_refused(&site, vec![remove("f"), put("f/x", "")], "invalid");
    check_refused(&site, vec![put("../x", "")], "E_FS_OUTSIDE");
    check_refused(&site, vec![put(&format!("{}x", "d/".repeat(64)), "")], "limit");
}

#[test]
fn too_many_or_too_large_changes_are_refused_and_the_largest_legal_ones_work() {
    let site = Site::new();
    let numbered = |count| (0..count).map(|number| put(&format!("f{number}"), "x")).collect::<Vec<_>>();
    check_refused(&site, numbered(MAX_CHANGES), "limit");
    check_refused(&site, vec![Change::Put("big".to_owned(), vec![0; MAX_COMMIT_BYTES])], "limit");
    let workspace = site.read_write();
    workspace.commit(numbered(MAX_CHANGES)).unwrap();
    workspace.commit(vec![Change::Put("big".to_owned(), vec![0; MAX_COMMIT_BYTES])]).unwrap();
    assert_eq!(workspace.list_directory("", 1_000).unwrap().entries.len(), MAX_CHANGES + 1);
}

#[test]
fn a_commit_that_fails_half_way_leaves_the_tree_byte_identical() {
    let site = Site::new();
    site.file("replaced", "before").file("removed", "before").file("last", "before");
    fs::set_permissions(site.ws("replaced"), fs::Permissions::from_mode(0o751)).unwrap();
    let changes = || {
        vec![put("replaced", "after"), remove("removed"), put("made/deep/created", "after"), put("blocked", "after")]
    };
    let before = site.tree();
    for (how, moment) in disturbances() {
        // Another program takes the place of the new file; it must stay, and all else be as it was.
        check_disturbed(&site, changes(), how, moment, &|| fs::write(site.ws("blocked"), "theirs").unwrap());
        assert_eq!(fs::read(site.ws("blocked")).unwrap(), b"theirs");
        fs::remove_file(site.ws("blocked")).unwrap();
        assert_eq!(site.tree(), before, "{how:?} {moment:?}");
    }
    let changes = || vec![put("replaced", "after"), remove("removed"), put("new", "after"), put("last", "after")];
    for (how, moment) in disturbances() {
        // Another program replaces a file that the commit was to replace: its version wins.
        check_disturbed(&site, changes(), how, moment, &|| {
            fs::write(site.ws("theirs"), "theirs").unwrap();
            fs::rename(site.ws("theirs"), site.ws("last")).unwrap();
        });
        assert_eq!(fs::read(site.ws("last")).unwrap(), b"theirs");
        fs::write(site.ws("last"), "before").unwrap();
        assert_eq!(site.tree(), before, "{how:?} {moment:?}");
    }
}

#[test]
fn a_link_that_appears_during_a_commit_is_neither_followed_nor_lost() {
    // FS-08, FS-15
    let site = Site::new();
    site.file("a", "before").file("b", "before");
    let secret = || fs::read(site.secret("canary.txt")).unwrap();
    for changes in [vec![put("a", "1"), put("b", "2")], vec![put("a", "1"), remove("b")]] {
        check_disturbed(&site, changes, Replacing::Swap, Moment::Place(1), &|| {
            fs::remove_file(site.ws("b")).unwrap();
            symlink("../secret/canary.txt", site.ws("b")).unwrap();
        });
        assert_eq!(fs::read(site.ws("a")).unwrap(), b"before");
        assert_eq!(fs::read_link(site.ws("b")).unwrap(), Path::new("../secret/canary.txt"));
        assert_eq!(secret(), CANARY);
        fs::remove_file(site.ws("b")).unwrap();
        site.file("b", "before");
    }
}

#[test]
fn a_directory_that_becomes_a_link_during_a_commit_is_not_followed() {
    // FS-15
    let site = Site::new();
    site.file("d/a", "before");
    let root = fs::File::open(site.ws("")).unwrap();
    let result =
        change::commit(root.as_fd(), Ground::Workspace, vec![put("d/b", "x")], Replacing::Swap, &mut |moment| {
            if moment == Moment::Stage(0) {
                fs::rename(site.ws("d"), site.ws("moved")).unwrap();
                symlink("../secret", site.ws("d")).unwrap();
            }
        });
    assert_eq!(code(result), "E_FS_LINK");
    assert_eq!(fs::read_dir(site.secret("")).unwrap().count(), 1);
}

#[test]
fn readers_see_the_old_or_the_new_file_and_never_none() {
    let site = Site::new();
    site.file("a", "old old");
    let workspace = site.read_write();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for content in ["new new new", "old old"].repeat(20) {
                workspace.commit(vec![put("a", content)]).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            let bytes = workspace.read_range("a", 0, 100).unwrap().bytes;
            assert!(bytes == b"old old" || bytes == b"new new new");
        }
    });
}

#[test]
fn a_file_sixty_four_levels_deep_is_written_and_found() {
    let site = Site::new();
    let path = format!("{}x", "d/".repeat(63));
    let workspace = site.read_write();
    workspace.commit(vec![put(&path, "x")]).unwrap();
    assert_eq!(workspace.glob("**/x", 10, &never).unwrap().entries[0].path, path);
}

#[test]
fn what_a_crash_left_behind_is_removed_a_day_later() {
    let site = Site::new();
    site.file("a/.claw-tmp-0123456789abcdef", "left").file("a/kept", "kept").file(".claw-tmp-1", "left");
    fs::create_dir(site.ws("a/.claw-tmp-directory")).unwrap();
    let now = fs::metadata(site.ws("a/kept")).unwrap().mtime().unsigned_abs();
    site.read_write().sweep(now + 3600);
    assert!(site.ws("a/.claw-tmp-0123456789abcdef").exists(), "its commit may be under way");
    site.open(Mode::ReadOnly).sweep(now + 2 * 86_400);
    assert!(site.ws(".claw-tmp-1").exists(), "a read-only workspace stays as it is");
    site.read_write().sweep(now + 2 * 86_400);
    assert!(!site.ws("a/.claw-tmp-0123456789abcdef").exists() && !site.ws(".claw-tmp-1").exists());
    assert!(site.ws("a/kept").exists() && site.ws("a/.claw-tmp-directory").exists());
}
