use std::os::unix::fs::FileExt;

use tempfile::TempDir;

use super::*;

fn meter(bytes: u64, files: u64) -> (TempDir, Meter) {
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::File::open(folder.path()).unwrap();
    let meter = Meter::new(root.into(), Quota { bytes, files });
    (folder, meter)
}

fn new_file(folder: &TempDir, name: &str) -> Arc<File> {
    Arc::new(File::create_new(folder.path().join(name)).unwrap())
}

fn is_full<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|err| Full::in_error(&err).is_some())
}

// FS-28
#[test]
fn a_folder_holds_its_quota_and_not_a_byte_more() {
    let (folder, meter) = meter(1000, 10);
    let file = new_file(&folder, "a");
    meter.grow(&file, End::At(1000), || file.write_at(&[0; 1000], 0)).unwrap();
    // Overwriting needs no room.
    meter.grow(&file, End::At(1000), || file.write_at(&[1; 500], 500)).unwrap();
    assert!(is_full(meter.grow(&file, End::At(1001), || file.write_at(&[0], 1000))));
    assert!(is_full(meter.grow(&file, End::Appended(1), || file.write_at(&[0], 1000))));
    assert!(is_full(meter.grow(&file, End::At(1 << 40), || file.set_len(1 << 40))));
    assert!(is_full(meter.grow(&file, End::At(u64::MAX), || file.set_len(u64::MAX))));
    assert_eq!(file.metadata().unwrap().len(), 1000);
}

#[test]
fn what_was_removed_makes_room_again_once_nobody_has_it_open() {
    let (folder, meter) = meter(1000, 10);
    let file = new_file(&folder, "a");
    meter.opened(&file);
    meter.grow(&file, End::At(900), || file.set_len(900)).unwrap();
    std::fs::remove_file(folder.path().join("a")).unwrap();
    let other = new_file(&folder, "b");
    assert!(is_full(meter.grow(&other, End::At(900), || other.set_len(900))), "`a` is still open");
    drop(file);
    meter.grow(&other, End::At(900), || other.set_len(900)).unwrap();
}

#[test]
fn files_and_directories_are_counted() {
    let (folder, meter) = meter(1000, 3);
    for name in ["a", "b", "c"] {
        meter.add(|| std::fs::create_dir(folder.path().join(name))).unwrap();
    }
    assert!(is_full(meter.add(|| std::fs::create_dir(folder.path().join("d")))));
    std::fs::remove_dir(folder.path().join("a")).unwrap();
    meter.add(|| std::fs::create_dir(folder.path().join("d"))).unwrap();
}

#[test]
fn what_lay_there_before_the_start_counts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    std::fs::write(folder.path().join("deep/old"), [0; 900]).unwrap();
    let meter = Meter::new(std::fs::File::open(folder.path()).unwrap().into(), Quota { bytes: 1000, files: 10 });
    let file = new_file(&folder, "new");
    assert!(is_full(meter.grow(&file, End::At(101), || file.set_len(101))));
    meter.grow(&file, End::At(100), || file.set_len(100)).unwrap();
}
