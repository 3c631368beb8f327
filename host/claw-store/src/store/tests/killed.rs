//! The promise of the store, tried the hard way: what was acknowledged outlives `kill -9` at any moment.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::fixture::*;
use crate::{Store, StoreError};

const ROUNDS: usize = 20;
const STORE: &str = "CLAW_STORE_TEST_APPEND_TO";

/// Not a test by itself: the child of the one below, which runs this with `STORE` set and kills it.
#[test]
#[expect(clippy::disallowed_methods, reason = "how the parent tells this process that it is the child")]
fn appends_until_it_is_killed() {
    let Some(path) = std::env::var_os(STORE) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(Path::new(&path), key_of_seal()).unwrap();
        store.accept(inbound("a"), at(1)).await.unwrap();
        let mut out = std::io::stdout();
        loop {
            let long = "x".repeat(700);
            for entry in store.record(&run("a"), entries([notice(&long), notice("y")]), at(2)).await.unwrap() {
                writeln!(out, "\nacknowledged {}", entry.seq.0).unwrap();
            }
            out.flush().unwrap();
        }
    });
}

#[test]
fn every_acknowledged_entry_outlives_kill_9() {
    // ST-01
    let home = TempDir::new().unwrap();
    let path = home.path().join("store.redb");
    let mut random: u64 = std::process::id().into();
    for round in 0..ROUNDS {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let acknowledged = kill_after(&path, (random >> 33) as usize % 40 + 1);
        let store = Store::open(&path, key_of_seal()).unwrap();
        let log = store.transcript(&key("main")).unwrap();
        assert!(log.len() as u64 >= acknowledged, "round {round}: {acknowledged} acknowledged, {} there", log.len());
        assert!(log.iter().zip(1..).all(|(entry, seq)| entry.seq.0 == seq), "round {round}: a gap");
        assert_eq!(store.history(&key("main"), None, newest(1)).unwrap().total, log.len() as u64, "round {round}");
        assert_eq!(store.unfinished_runs().unwrap().len(), 1, "round {round}");
        store.close();
    }
}

/// Lets the child append, kills it after so many lines, and returns the last entry that it was told is durable.
fn kill_after(path: &Path, lines: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::killed::appends_until_it_is_killed", "--nocapture"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = 0;
    let seq = |line: String| line.strip_prefix("acknowledged ").and_then(|seq| seq.parse::<u64>().ok());
    for _ in 0..lines {
        last = output.by_ref().map(Result::unwrap).find_map(seq).unwrap();
    }
    // ST-08: the other process holds the file.
    assert!(matches!(Store::open(path, key_of_seal()), Err(StoreError::AlreadyOpen { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    // What it managed to say before it died counts as well.
    output.map_while(Result::ok).filter_map(seq).last().unwrap_or(last)
}
