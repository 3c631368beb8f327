//! The crash harness: a host's life with its store, cut off, hindered and damaged at any place, and the account after it.

use std::cell::RefCell;
use std::fs;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::OnceLock;

use claw_fuzz::{Rng, crash_points};
use tempfile::TempDir;

use crate::fixture::*;
use crate::{Store, StoreError};

mod disk;
mod family;
mod killed;
mod story;
mod world;

use disk::{Disk, Fault, explains};
use story::live;
use world::World;

/// Runs of each conversation in one point.
const RUNS: u32 = 2;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// A new store's bytes.
fn empty() -> Vec<u8> {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    let make = || {
        let (home, store) = store();
        store.close();
        fs::read(home.path().join("store.redb")).unwrap()
    };
    EMPTY.get_or_init(make).clone()
}

fn open(disk: &Disk) -> Result<Store, StoreError> {
    Store::with_engine(Path::new("/nowhere/store.redb"), disk.engine(), key_of_seal())
}

/// Compares what is on a disk with the account, as a start of the host would find it.
#[track_caller]
fn check_image(image: &[u8], world: &RefCell<World>) {
    let home = TempDir::new().unwrap();
    let path = home.path().join("store.redb");
    fs::write(&path, image).unwrap();
    let store = Store::open_unchanged(&path, key_of_seal()).unwrap_or_else(|err| panic!("{err:?}"));
    world.borrow_mut().check(&store);
}

/// Brings all to its end, on a disk that works.
fn finish(image: Vec<u8>, rng: &mut Rng, world: &RefCell<World>) {
    let store = open(&Disk::new(image, rng)).unwrap();
    assert!(block_on(live(&store, world, RUNS, false)));
    world.borrow_mut().check_end(&store);
}

/// A life with up to three power cuts, some of them while the store recovers from the one before. Returns how many came
/// while it was at work.
fn power_cuts(rng: &mut Rng, prepare: impl Fn(&Disk)) -> u64 {
    let world = RefCell::new(World::default());
    let mut image = empty();
    let mut at_work = 0;
    for _ in 0..=rng.below(3) {
        let disk = Disk::new(image, rng);
        prepare(&disk);
        disk.strike(Fault::Cut, some_time(rng));
        let together = rng.below(2) == 0;
        match open(&disk) {
            Ok(store) => {
                block_on(live(&store, &world, RUNS, together));
                at_work += disk.struck();
                // The power goes while it is closed, or before.
                if rng.below(2) == 0 {
                    store.close();
                    image = disk.cut();
                } else {
                    image = disk.cut();
                    drop(store);
                }
            }
            Err(err) => {
                assert!(explains(&err), "{err:?}");
                image = disk.cut();
            }
        }
        check_image(&image, &world);
    }
    finish(image, rng, &world);
    at_work
}

/// After how many operations of the disk a fault strikes: soon, or any time in most of the story.
fn some_time(rng: &mut Rng) -> u64 {
    let most = *rng.pick(&[30, 300, 700]);
    1 + rng.below(most) as u64
}

// ST-01, ST-03
#[test]
fn a_power_cut_at_any_write_loses_nothing_that_was_acknowledged() {
    let at_work = std::cell::Cell::new(0);
    let points = crash_points("power cuts", 400, |rng| at_work.set(at_work.get() + power_cuts(rng, |_| {})));
    assert!(points < 20 || at_work.get() > points / 2, "only {} of {points} struck", at_work.get());
}

/// The control of the harness: on a disk that only says that it has synced, it must find losses.
#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let found = (0..20).filter(|seed| {
        let life = || power_cuts(&mut Rng::new(*seed), Disk::lie);
        catch_unwind(AssertUnwindSafe(life)).is_err()
    });
    assert!(found.count() > 10);
}

/// A life on a disk that fails now and then, and loses its power in the end. Returns how often it failed.
fn failures(rng: &mut Rng) -> u64 {
    let world = RefCell::new(World::default());
    let disk = Disk::new(empty(), rng);
    let store = open(&disk).unwrap();
    for _ in 0..=rng.below(3) {
        let length = 1 + rng.below(40) as u64;
        let fault = *rng.pick(&[Fault::Write, Fault::Sync, Fault::Full(length)]);
        disk.strike(fault, some_time(rng));
        block_on(live(&store, &world, RUNS, rng.below(2) == 0));
        disk.heal();
        // ST-04: it goes on by itself with the next write.
        let entry = crate::AuditEntry::new(crate::AuditKind::DecisionAllow, "component:probe", at(3));
        if block_on(store.audit(entry.clone())).is_err() {
            block_on(store.audit(entry)).unwrap();
        }
        world.borrow_mut().check(&store);
    }
    let struck = disk.struck();
    if rng.below(2) == 0 {
        store.close();
    }
    let image = disk.cut();
    check_image(&image, &world);
    finish(image, rng, &world);
    struck
}

// ST-03, ST-04
#[test]
fn a_disk_that_fails_or_is_full_loses_nothing_that_was_acknowledged() {
    let struck = std::cell::Cell::new(0);
    let points = crash_points("failing disks", 300, |rng| struck.set(struck.get() + failures(rng)));
    assert!(points < 20 || struck.get() > points / 2, "only {} of {points} struck", struck.get());
}

/// Where the engine keeps which of its two commits holds, in one bit that nothing else in the file can contradict.
const WHICH_COMMIT: usize = 9;

/// A life that ended well or was cut off, and a file that was damaged afterwards. True if the damage was found.
fn damage(rng: &mut Rng) -> bool {
    let world = RefCell::new(World::default());
    let disk = Disk::new(empty(), rng);
    let store = open(&disk).unwrap();
    let closed = rng.below(2) == 0;
    if !closed {
        disk.strike(Fault::Cut, 1 + rng.below(600) as u64);
    }
    block_on(live(&store, &world, RUNS, false));
    if closed {
        store.close();
    }
    let sound = disk.cut();
    let mut damaged = sound.clone();
    if rng.below(5) == 0 {
        damaged.truncate(rng.below(sound.len()));
    } else {
        // Every third time only in the header, where it can do most.
        let range = if rng.below(3) == 0 { 320 } else { sound.len() };
        for _ in 0..=rng.below(100) {
            let place = rng.below(range);
            if closed || place != WHICH_COMMIT {
                damaged[place] = rng.byte();
            }
        }
    }
    let home = TempDir::new().unwrap();
    let path = home.path().join("store.redb");
    fs::write(&path, &damaged).unwrap();
    match Store::open(&path, key_of_seal()) {
        Ok(store) => {
            world.borrow_mut().check(&store);
            false
        }
        Err(StoreError::Corrupt { .. }) => {
            assert!(fs::read(&path).unwrap() == damaged, "the damaged file was changed");
            true
        }
        Err(other) => panic!("{other:?}"),
    }
}

// ST-06
#[test]
fn a_damaged_file_is_refused_and_left_as_it_is_or_holds_all_that_was_acknowledged() {
    let found = std::cell::Cell::new(0);
    let points = crash_points("damaged files", 200, |rng| found.set(found.get() + u64::from(damage(rng))));
    assert!(points < 20 || found.get() > points / 3, "only {} of {points} were found", found.get());
}
