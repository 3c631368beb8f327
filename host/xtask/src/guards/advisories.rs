//! No lock file names a version with a known flaw, unless it is put up with until a day.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use semver::Version;
use serde_json::Value;

use self::known::{Advisories, Advisory};
use crate::{root, step};

/// The program reads the same file in the same way.
#[path = "../../../openclaw-host/src/advisories.rs"]
mod known;

/// What is known, beside the lock file.
const FILE: &str = "advisories.json";
/// Where more is known.
const DATABASE: &str = "https://github.com/rustsec/advisory-db";

/// All lock files of what ships, is installed or tests.
const LOCKS: [&str; 8] = [
    "Cargo.lock",
    "components/Cargo.lock",
    "fuzz/Cargo.lock",
    "sdk/rust/Cargo.lock",
    "sdk/rust/examples/Cargo.lock",
    "skills/Cargo.lock",
    "tests/guests/Cargo.lock",
    "tests/marketplace/Cargo.lock",
];

/// Checks all lock files.
pub fn check() -> Result<()> {
    let known = Advisories::known();
    let today = step::output("date", &["-u", "+%F"])?;
    for lock in LOCKS {
        let text = std::fs::read_to_string(root().join(lock)).with_context(|| format!("cannot read `{lock}`"))?;
        check_lock(&text, &known, today.trim()).with_context(|| format!("`{lock}`"))?;
    }
    Ok(())
}

fn check_lock(lock: &str, known: &Advisories, today: &str) -> Result<()> {
    for (name, version) in packages(lock)? {
        for Advisory { id, .. } in known.of(&name, &version) {
            match known.waived.iter().find(|waiver| waiver.id == *id) {
                Some(waiver) if is_day(&waiver.until) && *today <= *waiver.until => {}
                Some(waiver) => bail!(
                    "`{name}` {version} has {id}, which was put up with until {}: update it, or say in `{FILE}` why not",
                    waiver.until
                ),
                None => bail!(
                    "`{name}` {version} has {id}: `cargo update {name}`, or put it among `waived` in `{FILE}` with a day \
                     and a reason"
                ),
            }
        }
    }
    Ok(())
}

/// `2026-11-22`: such texts sort as the days do.
fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// The crates of a lock file.
fn packages(lock: &str) -> Result<Vec<(String, Version)>> {
    let mut packages = Vec::new();
    let mut lines = lock.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(name) = quoted(line, "name = ") else { continue };
        let version = lines.peek().and_then(|line| quoted(line, "version = "));
        let version = version.with_context(|| format!("`{name}` has no version"))?;
        packages.push((name.to_owned(), Version::parse(version)?));
    }
    if packages.is_empty() {
        bail!("it names no crates");
    }
    Ok(packages)
}

fn quoted<'a>(line: &'a str, before: &str) -> Option<&'a str> {
    line.strip_prefix(before)?.strip_prefix('"')?.strip_suffix('"')
}

/// Writes down what a copy of the database knows of the crates in the lock files; gets one if none is named.
pub fn write(database: Option<&str>) -> Result<()> {
    let folder = match database {
        Some(folder) => folder.into(),
        None => {
            let folder = root().join("target/advisory-db");
            let _ = std::fs::remove_dir_all(&folder);
            let to = folder.display().to_string();
            step::run("get the database of RustSec", "git", &["clone", "--quiet", "--depth", "1", DATABASE, &to])?;
            folder
        }
    };
    let mut names = BTreeSet::new();
    for lock in LOCKS {
        names.extend(packages(&std::fs::read_to_string(root().join(lock))?)?.into_iter().map(|(name, _)| name));
    }
    let path = root().join(FILE);
    let mut known = Advisories::read(&std::fs::read_to_string(&path)?)?;
    known.advisories.clear();
    for name in &names {
        known.advisories.extend(of(&folder, name)?);
    }
    if known.advisories.is_empty() {
        bail!("`{}` knows nothing of any of {} crates: it is no copy of {DATABASE}", folder.display(), names.len());
    }
    let one_a_line = |list: Vec<String>| match list.as_slice() {
        [] => "[]".to_owned(),
        lines => format!("[\n    {}\n  ]", lines.join(",\n    ")),
    };
    let line = serde_json::to_string::<Value>;
    let lines = |list: &Value| -> Result<String> {
        let list = list.as_array().into_iter().flatten();
        Ok(one_a_line(list.map(line).collect::<Result<_, _>>()?))
    };
    let value = serde_json::to_value(&known)?;
    let text = format!(
        "{{\n  \"waived\": {},\n  \"advisories\": {}\n}}\n",
        lines(&value["waived"])?,
        lines(&value["advisories"])?
    );
    std::fs::write(&path, text)?;
    step::say(&format!("`{FILE}` knows {} flaws of {} crates", known.advisories.len(), names.len()));
    Ok(())
}

/// What the database knows of a crate, the oldest first.
fn of(database: &Path, name: &str) -> Result<Vec<Advisory>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(database.join("crates").join(name)).into_iter().flatten() {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        all.extend(advisory(name, &text).with_context(|| format!("cannot read `{}`", path.display()))?);
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

/// What an entry says, if it counts: not one that was withdrawn, or that only says that nobody looks after the crate.
fn advisory(name: &str, text: &str) -> Result<Option<Advisory>> {
    let head = text.split("```").nth(1).context("it has no head")?;
    let field = |key: &str| head.lines().find_map(|line| quoted(line, key));
    if field("withdrawn = ").is_some() || matches!(field("informational = "), Some("unmaintained" | "notice")) {
        return Ok(None);
    }
    let list = |key: &str| -> Result<Vec<semver::VersionReq>> {
        let Some((_, rest)) = head.split_once(&format!("\n{key} = [")) else { return Ok(Vec::new()) };
        let (list, _) = rest.split_once(']').context("a list has no end")?;
        list.split('"').skip(1).step_by(2).map(|range| Ok(range.parse()?)).collect()
    };
    let id = field("id = ").context("it has no id")?.to_owned();
    Ok(Some(Advisory { id, name: name.to_owned(), patched: list("patched")?, unaffected: list("unaffected")? }))
}

#[cfg(test)]
mod tests {
    use super::known::Waiver;
    use super::*;

    const LOCK: &str =
        "[[package]]\nname = \"tea\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"cup\"\nversion = \"0.1.0\"\n";

    fn known(ranges: &str) -> Advisories {
        let text = format!("```toml\n[advisory]\nid = \"RUSTSEC-1\"\n\n[versions]\n{ranges}\n```\n\n# Spilt\n");
        Advisories { waived: Vec::new(), advisories: Vec::from_iter(advisory("tea", &text).unwrap()) }
    }

    fn said(known: &Advisories, today: &str) -> String {
        check_lock(LOCK, known, today).map_or_else(|err| err.to_string(), |()| "good".to_owned())
    }

    // SU-26
    #[test]
    fn a_lock_with_a_version_that_has_a_known_flaw_is_refused() {
        for (ranges, is_flawed) in [
            ("patched = [\">= 1.2.4\"]", true),
            ("patched = [\">= 1.2.3\"]", false),
            ("patched = []", true),
            ("patched = [\n    \">= 0.9.1, < 1.0.0\",\n    \">= 1.3.0\",\n]\nunaffected = []", true),
            ("patched = [\">= 1.3.0\"]\nunaffected = [\"< 1.2.4\"]", false),
        ] {
            let said = said(&known(ranges), "2026-11-22");
            assert_eq!(said.starts_with("`tea` 1.2.3 has RUSTSEC-1: "), is_flawed, "{ranges}: {said}");
        }
        assert!(packages("").is_err() && packages("name = \"tea\"\n").is_err());
    }

    // SU-26
    #[test]
    fn a_flaw_is_put_up_with_until_a_day() {
        let waived = |until: &str| {
            let waiver = Waiver { id: "RUSTSEC-1".to_owned(), until: until.to_owned(), why: "cold tea".to_owned() };
            Advisories { waived: vec![waiver], ..known("patched = [\">= 2\"]") }
        };
        assert_eq!(said(&waived("2026-11-22"), "2026-11-22"), "good");
        assert!(said(&waived("2026-11-22"), "2026-11-23").contains("put up with until 2026-11-22"));
        for never in ["", "never", "9999", "2026-11-2x", "2026-11-222"] {
            assert!(said(&waived(never), "2026-11-22").contains("put up with until"), "{never}");
        }
        let without = r#"{"waived": [{"id": "RUSTSEC-1", "why": "x"}], "advisories": []}"#;
        assert!(Advisories::read(without).is_err(), "a day is needed");
    }

    #[test]
    fn what_was_withdrawn_or_is_no_flaw_does_not_count() {
        for more in ["withdrawn = \"2026-01-01\"", "informational = \"unmaintained\"", "informational = \"notice\""] {
            let text = format!("```toml\n[advisory]\nid = \"RUSTSEC-1\"\n{more}\n\n[versions]\npatched = []\n```\n");
            assert!(advisory("tea", &text).unwrap().is_none(), "{more}");
        }
        let unsound = "```toml\n[advisory]\nid = \"RUSTSEC-1\"\ninformational = \"unsound\"\n```\n";
        assert!(advisory("tea", unsound).unwrap().is_some());
        assert!(advisory("tea", "no head").is_err() && advisory("tea", "```toml\n```").is_err());
    }

    // SU-26
    #[test]
    fn nothing_that_is_locked_here_has_a_known_flaw() {
        check().unwrap();
    }
}
