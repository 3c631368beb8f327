//! What several measurements are made with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use claw_core::id::{AgentId, ComponentName, Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::mode::Mode;
use claw_policy::{Facts, Grants, Subject, Trust};

use crate::report::{Report, Row};
use crate::samples::Samples;

/// The program that is measured.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_openclaw-host");

/// A program that does nothing.
pub const TRUE: &str = "/bin/true";

/// A namespace, mounts and a process, in the usual tool for that.
const BUBBLEWRAP: [&str; 5] = ["--unshare-all", "--ro-bind", "/", "/", TRUE];

/// A runtime like the host's own.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// A folder on the disk on which the project lies: in memory, a durable write would cost nothing.
pub fn folder() -> Result<tempfile::TempDir> {
    let parent = env!("CARGO_TARGET_TMPDIR");
    tempfile::Builder::new().prefix("bench-").tempdir_in(parent).with_context(|| format!("cannot use `{parent}`"))
}

/// The bytes of a component that ships.
pub fn component(name: &str) -> Result<Vec<u8>> {
    guest(&built("components").join(format!("{name}.wasm")))
}

/// The bytes of a component that only tests and benchmarks use.
pub fn test_guest(name: &str) -> Result<Vec<u8>> {
    guest(&built("test-guests").join(format!("{name}.wasm")))
}

fn guest(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read `{}`: run `cargo xtask guests`", path.display()))
}

/// What each copy of `numbered` has another number in the place of.
const NUMBER: &[u8; 3] = b"000";
/// Where the number stands in the guest's bytes: in its own name and in its tool's.
const NAMES: [&[u8]; 2] = [b"numbered-000", b"numbered_000"];

/// Different components: one guest with another number in its names each.
pub fn numbered(count: usize) -> Result<Vec<(String, Vec<u8>)>> {
    let template = test_guest("numbered")?;
    let copies = (0..count).map(|number| {
        let mut wasm = template.clone();
        let digits = format!("{number:03}");
        for name in NAMES {
            let places: Vec<usize> = (0..=wasm.len() - name.len()).filter(|&at| wasm[at..].starts_with(name)).collect();
            ensure!(!places.is_empty(), "`numbered.wasm` does not hold its names as they are");
            for place in places {
                let end = place + name.len();
                wasm[end - NUMBER.len()..end].copy_from_slice(digits.as_bytes());
            }
        }
        Ok((format!("numbered-{digits}"), wasm))
    });
    copies.collect()
}

/// A folder of what was built.
pub fn built(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").join(folder)
}

/// A component that ships, with these grants.
pub fn subject(component: &ComponentName, digest: Digest, grants: &[&str]) -> Result<Subject> {
    Ok(Subject {
        component: component.clone(),
        publisher: "openclaw-host".to_owned(),
        digest,
        trust: Trust::Shipped,
        declared: Grants::parse(grants.iter().copied())?.into(),
        grants: Grants::parse(grants.iter().copied())?.into(),
    })
}

/// A run that the owner started.
pub fn facts() -> Result<Facts> {
    let agent = AgentId::parse("main")?;
    Ok(Facts {
        session: SessionKey::parse("main", &agent)?,
        run: RunId::parse("bench")?,
        origin: Origin::Owner,
        person_present: true,
        labels: Labels::default(),
        mode: Mode::Act,
        at: Timestamp(0),
    })
}

/// Starts a program and waits for its end, many times.
pub fn spawns(count: usize, program: &str, args: &[&str]) -> Result<Samples> {
    Samples::of(20, count, || {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().with_context(|| format!("cannot run `{program}`"))?;
        ensure!(status.success(), "`{program}` ended with {status}");
        Ok(())
    })
}

/// Adds the row of bubblewrap around a program that does nothing; gives its times if it works here.
pub fn bubblewrap(report: &mut Report, path: &str, count: usize) -> Result<Option<Samples>> {
    match Command::new("bwrap").args(BUBBLEWRAP).output() {
        Err(_) => report.add(Row::absent(path, "bubblewrap is not installed")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            report.add(Row::absent(path, format!("bubblewrap does not work here: {said}")));
        }
        Ok(_) => {
            let samples = spawns(count, "bwrap", &BUBBLEWRAP)?;
            report.add(Row::time(path, &samples));
            return Ok(Some(samples));
        }
    }
    Ok(None)
}
