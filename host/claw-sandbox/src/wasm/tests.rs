use std::fs;

use super::*;

const OTHER: Digest = Digest([9; 32]);

fn lab() -> (tempfile::TempDir, Cache, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("cache"), [7; 32], 1 << 20).unwrap();
    let path = home.path().join("a.wasm");
    fs::write(&path, b"bytes").unwrap();
    (home, cache, path)
}

/// Makes the cache know the file as it is now, under a digest that its bytes do not have.
fn know(cache: &Cache, path: &Path) {
    let seen = Seen::of(&fs::metadata(path).unwrap());
    cache.know_file(path, &KnownFile { seen, digest: OTHER }).unwrap();
}

#[test]
fn a_known_file_that_has_not_changed_is_not_read() {
    let (_home, cache, path) = lab();
    know(&cache, &path);
    assert_eq!(Wasm::open(&path, &cache).unwrap().digest, OTHER);
}

#[test]
fn a_file_that_changed_in_any_way_is_hashed_anew() {
    let (home, cache, path) = lab();
    let replace = |bytes: &[u8]| {
        let next = home.path().join("next");
        fs::write(&next, bytes).unwrap();
        fs::rename(&next, &path).unwrap();
    };
    let changes: [(&[u8], &dyn Fn()); 3] = [
        (b"longer bytes", &|| fs::write(&path, b"longer bytes").unwrap()),
        (b"sameb", &|| replace(b"sameb")),
        (b"sameb", &|| fs::File::open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap()),
    ];
    for (bytes, change) in changes {
        know(&cache, &path);
        change();
        assert_eq!(Wasm::open(&path, &cache).unwrap().digest, Digest(Sha256::digest(bytes).into()));
    }
}

#[test]
fn a_file_is_known_by_its_path_and_only_with_the_key() {
    let (home, cache, path) = lab();
    know(&cache, &path);
    let record = fs::read_dir(home.path().join("cache")).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(&record).unwrap();
    fs::write(&record, [&good[..good.len() - 1], &[good[good.len() - 1] ^ 1]].concat()).unwrap();
    assert_eq!(cache.known_file(&path), None);
    fs::write(&record, good).unwrap();
    assert!(cache.known_file(&path).is_some());
    assert_eq!(cache.known_file(&path.with_extension("wasm2")), None);
}

/// A change within the same step of the file system's time would not show.
#[test]
fn a_file_that_changed_just_now_is_not_noted() {
    let (_home, cache, path) = lab();
    Wasm::open(&path, &cache).unwrap();
    assert_eq!(cache.known_file(&path), None);
    let mut seen = Seen::of(&fs::metadata(&path).unwrap());
    assert!(!seen.is_settled());
    seen.changed.0 -= 10;
    assert!(seen.is_settled());
    seen.changed.0 += 1000;
    assert!(!seen.is_settled(), "a clock that was set back tells nothing");
}

#[test]
fn bytes_that_are_read_again_are_the_same_or_refused() {
    let (_home, cache, path) = lab();
    let wasm = Wasm::open(&path, &cache).unwrap();
    assert_eq!(&*wasm.read().unwrap(), b"bytes");
    fs::write(&path, b"other").unwrap();
    assert_eq!(wasm.read().unwrap_err().kind(), io::ErrorKind::InvalidData);
    fs::remove_file(&path).unwrap();
    assert_eq!(wasm.read().unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(&*Wasm::new(Bytes::from_static(b"bytes")).read().unwrap(), b"bytes");
}
