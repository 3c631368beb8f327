//! The same life in a process of its own, which is killed.

use std::cell::RefCell;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use claw_fuzz::{Rng, crash_points};
use tempfile::TempDir;

use super::world::World;
use super::{RUNS, block_on, live};
use crate::Store;
use crate::fixture::*;

const HOME: &str = "CLAW_STORE_TEST_LIVE_IN";

/// Not a test by itself: the child of the one below, which runs this with `HOME` set and kills it.
#[test]
#[expect(clippy::disallowed_methods, reason = "how the parent tells this process that it is the child")]
fn lives_until_it_is_killed() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let home = Path::new(&home);
    let store = Store::open(&home.join("store.redb"), key_of_seal()).unwrap();
    let ledger = File::options().create(true).append(true).open(home.join("ledger")).unwrap();
    let world = World::with_ledger(ledger);
    assert!(block_on(live(&store, &RefCell::new(world), RUNS, true)));
}

/// A life that is killed and taken up again until it is done. Returns how often it was killed.
fn kills(rng: &mut Rng) -> usize {
    let home = TempDir::new().unwrap();
    let (mut world, mut read) = (World::default(), 0);
    let mut killed = 0;
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::killed::lives_until_it_is_killed", "--nocapture"])
            .env(HOME, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (ended, end) = mpsc::channel::<()>();
        let mut output = child.stdout.take().unwrap();
        let watcher = thread::spawn(move || {
            drop(std::io::copy(&mut output, &mut std::io::sink()));
            drop(ended);
        });
        // Each time it may live longer, so that it gets to its end.
        let lifetime = Duration::from_micros(rng.below(20_000 + 10_000 * killed) as u64);
        if end.recv_timeout(lifetime) == Err(RecvTimeoutError::Timeout) {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        watcher.join().unwrap();
        let store = Store::open(&home.path().join("store.redb"), key_of_seal()).unwrap();
        let ledger = std::fs::read_to_string(home.path().join("ledger")).unwrap_or_default();
        world.read(&ledger[read..]);
        read = ledger.len();
        if status.success() {
            world.check_end(&store);
            return killed;
        }
        assert_eq!(status.code(), None, "it failed by itself");
        world.check(&store);
        killed += 1;
    }
}

// ST-01
#[test]
fn a_kill_at_any_time_loses_nothing_and_repeats_nothing() {
    let killed = std::cell::Cell::new(0);
    let points = crash_points("kills of a process", 60, |rng| killed.set(killed.get() + kills(rng)));
    assert!(killed.get() as u64 >= points, "{} kills in {points} points", killed.get());
}
