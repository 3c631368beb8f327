use std::os::unix::fs::{PermissionsExt, symlink};

use claw_core::id::ToolName;

use super::*;
use crate::manifest::{Manifest, ToolManifest};

fn described() -> Described {
    let tool = ToolManifest {
        name: ToolName::parse("a_tool").unwrap(),
        description: String::new(),
        schema: "{}".into(),
        untrusted_output: false,
    };
    let (name, version, summary) = ("a".into(), "1".into(), String::new());
    Described::Itself(Manifest { name, version, summary, tools: vec![tool], scopes: Vec::new(), channel: None })
}

fn stored() -> (tempfile::TempDir, Cache, Digest) {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("cache"), [7; 32], 1 << 20).unwrap();
    let component = Digest([1; 32]);
    cache.put_code(&component, b"code").unwrap();
    cache.seal(&component, b"code", described()).unwrap();
    (home, cache, component)
}

#[test]
fn what_was_stored_is_found_again() {
    let (_home, cache, component) = stored();
    assert_eq!(cache.described(&component), Some(described()));
    assert!(cache.code(&component).is_some());
    assert!(cache.code(&Digest([2; 32])).is_none());
}

// RS-28
#[test]
fn code_that_changed_is_never_handed_out() {
    let (_home, cache, component) = stored();
    let path = cache.path(&component, "cwasm");
    for changed in [&b"codf"[..], b"cod", b"codee", b""] {
        fs::write(&path, changed).unwrap();
        assert!(cache.code(&component).is_none(), "{changed:?}");
    }
    let elsewhere = path.with_extension("elsewhere");
    fs::write(&elsewhere, b"code").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(cache.code(&component).is_none(), "a link");
}

#[test]
fn a_record_that_was_changed_or_moved_or_made_with_another_key_does_not_hold() {
    let (_home, cache, component) = stored();
    let path = cache.path(&component, "record");
    let good = fs::read(&path).unwrap();
    for position in [0, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[position] ^= 1;
        fs::write(&path, bad).unwrap();
        assert_eq!(cache.described(&component), None);
    }
    let other = Digest([9; 32]);
    fs::write(cache.path(&other, "record"), &good).unwrap();
    assert_eq!(cache.described(&other), None);
    fs::write(&path, &good).unwrap();
    let stranger = Cache::open(&cache.directory, [8; 32], 0).unwrap();
    assert_eq!(stranger.described(&component), None);
    assert!(cache.described(&component).is_some());
}

// RS-28
#[test]
fn what_another_engine_compiled_is_not_found() {
    let (_home, cache, component) = stored();
    let other = Cache { directory: cache.directory.clone(), engine: "wasmtime-99.0.0/1", ..cache };
    assert_eq!(other.described(&component), None);
    assert!(other.code(&component).is_none());
    // Nor under its name: the seal names the engine too.
    for kind in ["record", "cwasm"] {
        let ours = Cache { directory: other.directory.clone(), engine: ENGINE_VERSION, ..other };
        fs::copy(ours.path(&component, kind), other.path(&component, kind)).unwrap();
    }
    assert!(other.code(&component).is_none());
}

// RS-28
#[test]
fn code_that_is_swapped_after_the_check_is_not_what_was_handed_out() {
    let (_home, cache, component) = stored();
    let mut handed_out = cache.code(&component).unwrap();
    let path = cache.path(&component, "cwasm");
    let evil = path.with_extension("evil");
    fs::write(&evil, b"evil").unwrap();
    fs::rename(&evil, &path).unwrap();
    let mut mapped = Vec::new();
    io::Seek::rewind(&mut handed_out).unwrap();
    handed_out.read_to_end(&mut mapped).unwrap();
    assert_eq!(mapped, b"code");
    assert!(cache.code(&component).is_none());
}

#[test]
fn a_directory_that_others_may_enter_is_not_used() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("cache");
    fs::create_dir(&directory).unwrap();
    for mode in [0o755, 0o770, 0o701] {
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
        assert!(Cache::open(&directory, [7; 32], 0).is_err(), "{mode:o}");
    }
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(Cache::open(&directory, [7; 32], 0).is_ok());
    let link = home.path().join("link");
    symlink(&directory, &link).unwrap();
    assert!(Cache::open(&link, [7; 32], 0).is_err(), "a link");
}

#[test]
fn the_longest_unused_components_make_room_and_needed_ones_stay() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("cache"), [7; 32], 2500).unwrap();
    let components = [1, 2, 3, 4].map(|byte| Digest([byte; 32]));
    for (age, component) in components.iter().enumerate() {
        cache.put_code(component, &[0; 700]).unwrap();
        cache.seal(component, &[0; 700], described()).unwrap();
        for kind in ["record", "cwasm"] {
            let used = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000 + age as u64);
            File::open(cache.path(component, kind)).unwrap().set_modified(used).unwrap();
        }
    }
    let left = || components.map(|component| cache.described(&component).is_some());
    // Using one makes it the last to go.
    assert!(cache.code(&components[1]).is_some());
    cache.make_room(&HashSet::from([components[0]]));
    assert_eq!(left(), [true, true, false, true]);
    // What is needed stays, even if it alone is too much.
    let tight = Cache { directory: cache.directory.clone(), most_bytes: 0, ..cache };
    tight.make_room(&HashSet::from([components[0]]));
    assert!(tight.described(&components[0]).is_some() && tight.described(&components[1]).is_none());
}
