use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use rustix::fs::{CWD, RenameFlags};

use super::*;

#[test]
fn a_range_is_cut_at_the_end_of_the_file_and_at_the_limit() {
    let site = Site::new();
    site.file("a", "0123456789").file("large", vec![7; 5 << 20]);
    let workspace = site.open(Mode::ReadOnly);
    let read = |path, offset, max| workspace.read_range(path, offset, max).unwrap();
    assert_eq!(read("a", 2, 3).bytes, b"234");
    assert_eq!(read("a", 8, 100).bytes, b"89");
    assert_eq!(read("a", 8, 100).size, 10);
    assert_eq!(read("a", 10, 1).bytes, b"");
    assert_eq!(read("a", u64::MAX, u64::MAX).bytes, b"");
    assert_eq!(read("a", 0, 0).bytes, b"");
    assert_eq!(read("large", 0, u64::MAX).bytes.len(), 4 << 20);
    assert_eq!(read("large", 4 << 20, u64::MAX).bytes.len(), 1 << 20);
}

#[test]
fn what_is_not_there_is_not_found_and_what_is_no_file_is_invalid() {
    let site = Site::new();
    site.file("d/a", "");
    let workspace = site.open(Mode::ReadOnly);
    assert_eq!(code(workspace.read_range("absent", 0, 1)), "not-found");
    assert_eq!(code(workspace.read_range("absent/a", 0, 1)), "not-found");
    assert_eq!(code(workspace.read_range("d", 0, 1)), "invalid");
    assert_eq!(code(workspace.read_range("d/a/b", 0, 1)), "invalid");
    assert_eq!(code(workspace.list_directory("d/a", 1)), "invalid");
    assert_eq!(code(workspace.list_directory("absent", 1)), "not-found");
}

#[test]
fn links_are_followed_while_they_stay_inside() {
    let site = Site::new();
    site.file("d/a", "content").link("f", "d/a").link("dir", "d").link("d/up", "../d/a");
    let workspace = site.open(Mode::ReadOnly);
    for path in ["f", "dir/a", "d/up", "dir/up"] {
        assert_eq!(workspace.read_range(path, 0, 100).unwrap().bytes, b"content", "{path}");
    }
    assert_eq!(workspace.list_directory("dir", 10).unwrap().entries[0].path, "dir/a");
}

#[test]
fn links_that_lead_outside_are_refused_without_saying_where() {
    // FS-03, FS-06, FS-08
    let site = Site::new();
    site.link("out", "../secret").link("abs", "/etc").link("f", "../secret/canary.txt").link("root", "/");
    site.link("new", "../secret/created.txt").link("loop", "loop").link("inner", "out").link("proc", "/proc/self/cwd");
    let workspace = site.open(Mode::ReadOnly);
    for path in ["out/canary.txt", "abs/passwd", "f", "f/", "new", "loop", "inner/canary.txt", "proc/Cargo.toml"] {
        assert_eq!(code(workspace.read_range(path, 0, 100)), "E_FS_LINK", "{path}");
    }
    for path in ["out", "out/", "out//", "abs", "root", "inner", "loop", "out/sub"] {
        assert_eq!(code(workspace.list_directory(path, 100)), "E_FS_LINK", "{path}");
    }
}

#[test]
fn a_link_to_the_absolute_path_of_a_file_inside_is_refused() {
    // FS-02: host paths mean nothing here, not even in a link.
    let site = Site::new();
    site.file("a", "").link("abs", site.ws("a").to_str().unwrap());
    assert_eq!(code(site.open(Mode::ReadOnly).read_range("abs", 0, 1)), "E_FS_LINK");
}

#[test]
fn special_files_are_refused_at_once() {
    // FS-20
    let site = Site::new();
    rustix::fs::mkfifoat(CWD, site.ws("fifo"), rustix::fs::Mode::RWXU).unwrap();
    let _listener = UnixListener::bind(site.ws("socket")).unwrap();
    let workspace = site.read_write();
    let start = Instant::now();
    for path in ["fifo", "socket"] {
        assert_eq!(code(workspace.read_range(path, 0, 1)), "E_FS_SPECIAL", "read {path}");
        assert_eq!(code(workspace.commit(vec![put(path, "")])), "E_FS_SPECIAL", "put {path}");
        assert_eq!(code(workspace.commit(vec![remove(path)])), "E_FS_SPECIAL", "remove {path}");
    }
    assert!(workspace.grep("x", None, 10, &never).unwrap().hits.is_empty());
    assert!(start.elapsed() < Duration::from_secs(1), "something waited for the other end of a pipe");
}

#[test]
fn hard_linked_files_can_be_read() {
    // FS-14
    let site = Site::new();
    site.file("a", "content");
    fs::hard_link(site.ws("a"), site.secret("other")).unwrap();
    assert_eq!(site.open(Mode::ReadOnly).read_range("a", 0, 100).unwrap().bytes, b"content");
}

#[test]
fn nothing_outside_is_read_or_written_while_a_directory_and_a_link_are_swapped() {
    // FS-15
    let site = Site::new();
    site.file("d/canary.txt", "harmless").link("spare", "../secret");
    let before = site.tree();
    let workspace = site.read_write();
    let done = AtomicBool::new(false);
    let running = || !done.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20_000 {
                rustix::fs::renameat_with(CWD, site.ws("d"), CWD, site.ws("spare"), RenameFlags::EXCHANGE).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            while running() {
                match workspace.read_range("d/canary.txt", 0, 100) {
                    Ok(slice) => assert_eq!(slice.bytes, b"harmless"),
                    Err(err) => assert!(matches!(err, FileError::Denied { code: "E_FS_LINK", .. }), "{err}"),
                }
                if let Ok(listing) = workspace.list_directory("d", 10) {
                    assert!(listing.entries.iter().all(|entry| entry.size != CANARY.len() as u64));
                }
                assert!(workspace.grep("outside", None, 10, &never).unwrap().hits.is_empty());
            }
        });
        scope.spawn(|| {
            while running() {
                let written = workspace.commit(vec![put("d/new/file", "x")]);
                let _ = written.and_then(|()| workspace.commit(vec![remove("d/new/file")]));
            }
        });
    });
    let mut after = site.tree();
    after.retain(|path, _| path.starts_with(site.secret("")));
    let secret = before.into_iter().filter(|(path, _)| path.starts_with(site.secret(""))).collect();
    assert_eq!(after, secret);
}

#[test]
fn a_whole_file_is_read_up_to_a_size_by_the_same_rules() {
    let site = Site::new();
    site.file("a/b.txt", "hello").link("inside", "a/b.txt").link("outside", "../secret/canary.txt");
    let workspace = site.read_write();
    for path in ["a/b.txt", "inside", "/workspace/a/b.txt"] {
        assert_eq!(workspace.read_whole(path, 5).unwrap(), b"hello", "{path}");
    }
    assert!(matches!(workspace.read_whole("a/b.txt", 4), Err(FileError::Limit(_))));
    for path in ["outside", "../secret/canary.txt", "/etc/passwd", "~/x"] {
        assert!(matches!(workspace.read_whole(path, 99), Err(FileError::Denied { .. })), "{path}");
    }
    assert!(matches!(workspace.read_whole("a", 99), Err(FileError::Invalid(_))));
    assert!(matches!(workspace.read_whole("none", 99), Err(FileError::NotFound(_))));
}
