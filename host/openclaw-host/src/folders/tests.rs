use std::os::unix::fs::symlink;

use super::*;

/// A user's home with a host's home in it.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Site {
        let site = Site { folder: tempfile::tempdir().unwrap() };
        for name in ["me/.openclaw-host/scratch", "me/.ssh", "me/.config/x", "me/notes/old", "me/ws/sub", "other"] {
            fs::create_dir_all(site.path(name)).unwrap();
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn off_limits(&self) -> OffLimits {
        OffLimits::new(
            &self.path("me/.openclaw-host"),
            Some(&self.path("me")),
            [self.path("me/ws"), self.path("me/ws-2")].iter().map(PathBuf::as_path),
        )
    }
}

#[track_caller]
fn rule(admitted: Result<PathBuf, FolderError>) -> String {
    match admitted.unwrap_err() {
        FolderError::OffLimits { rule, .. } => rule,
        err => panic!("{err}"),
    }
}

// FS-18
#[test]
fn places_that_hold_more_than_files_can_never_be_granted() {
    let site = Site::new();
    let off_limits = site.off_limits();
    for path in
        ["/", "/proc", "/proc/self", "/sys", "/dev", "/dev/shm", "/run", "/etc", "/boot", "/usr", "/usr/bin", "/var"]
    {
        // Some kernels and containers lack one of them.
        if Path::new(path).exists() {
            assert!(!rule(off_limits.admit(Path::new(path))).is_empty(), "{path}");
        }
    }
    let refused = [
        ("me", "home directory"),
        ("me/.ssh", "hidden"),
        ("me/.config/x", "hidden"),
        ("me/.openclaw-host", "host's own home"),
        ("me/.openclaw-host/scratch", "host's own home"),
        ("me/ws", "workspace"),
        ("me/ws/sub", "workspace"),
    ];
    for (path, expected) in refused {
        let rule = rule(off_limits.admit(&site.path(path)));
        assert!(rule.contains(expected), "{path}: {rule}");
    }
    // What holds the homes.
    assert!(off_limits.admit(site.folder.path()).is_err());
}

#[test]
fn a_plain_folder_can_be_granted() {
    let site = Site::new();
    for path in ["me/notes", "me/notes/old", "other"] {
        assert_eq!(site.off_limits().admit(&site.path(path)).unwrap(), site.path(path));
    }
}

// FS-18: what counts is where a path leads, when it is used.
#[test]
fn a_link_to_a_forbidden_place_is_refused_also_if_it_comes_later() {
    let site = Site::new();
    symlink(site.path("me/.ssh"), site.path("other/keys")).unwrap();
    assert!(rule(site.off_limits().admit(&site.path("other/keys"))).contains("hidden"));
    let mut folders = NamedFolders::new(site.off_limits());
    folders.add("notes", &site.path("me/notes")).unwrap();
    assert_eq!(folders.mountable("notes").unwrap().unwrap(), site.path("me/notes"));
    fs::rename(site.path("me/notes"), site.path("me/old")).unwrap();
    symlink(site.path("me/.ssh"), site.path("me/notes")).unwrap();
    assert!(rule(folders.mountable("notes").unwrap()).contains("hidden"));
}

#[test]
fn names_relative_paths_and_overlaps_are_refused() {
    let site = Site::new();
    let mut folders = NamedFolders::new(site.off_limits());
    for name in ["workspace", "scratch", "", "-a", "A", "a/b", "a b"] {
        assert!(matches!(folders.add(name, &site.path("other")), Err(FolderError::Name { .. })), "{name}");
    }
    assert!(matches!(folders.add("a", Path::new("notes")), Err(FolderError::Relative { .. })));
    assert!(matches!(folders.add("a", &site.path("nowhere")), Err(FolderError::Missing { .. })));
    folders.add("notes", &site.path("me/notes")).unwrap();
    assert!(rule(folders.add("old", &site.path("me/notes/old")).map(|()| PathBuf::new())).contains("`notes`"));
}
