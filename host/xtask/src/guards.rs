//! The architecture's rules that a compiler does not check: who may depend on what, under which licences, without which
//! known flaws, and who may reach the network.

pub mod advisories;
mod callers;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::step;

/// A crate must not reach these, however indirectly.
const FORBIDDEN: [(&str, &[&str]); 9] = [
    ("claw-core", &["tokio", "redb", "wasmtime", "cedar-policy", "axum", "reqwest"]),
    ("claw-policy", &["tokio", "redb", "wasmtime", "axum", "reqwest"]),
    ("claw-store", &["wasmtime", "cedar-policy", "axum", "reqwest"]),
    ("claw-model", &["wasmtime", "cedar-policy", "redb"]),
    ("claw-gateway", &["wasmtime", "cedar-policy", "redb"]),
    ("claw-effects", &["wasmtime", "redb"]),
    ("claw-sandbox", &["reqwest", "redb", "axum"]),
    ("claw-package", &["wasmtime", "cedar-policy", "redb"]),
    ("claw-vault", &["tokio", "wasmtime", "cedar-policy", "redb", "axum", "reqwest", "tracing"]),
];

/// Siblings stand beside each other; only `openclaw-host` stands above them.
const SIBLINGS: [&str; 7] =
    ["claw-store", "claw-model", "claw-sandbox", "claw-effects", "claw-gateway", "claw-vault", "claw-package"];

/// Licences that may be linked into the program; the same list stands in deny.toml.
const LICENCES: [&str; 14] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "0BSD",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Checks all rules.
pub fn check() -> Result<()> {
    step::say("check who depends on what, under which licences, without known flaws, and who reaches the network");
    callers::check()?;
    advisories::check()?;
    for (package, forbidden) in FORBIDDEN {
        let tree = dependencies(package)?;
        for name in forbidden {
            if tree.iter().any(|dependency| dependency == name) {
                bail!("`{package}` must not depend on `{name}`: `cargo tree -p {package} -i {name}` shows how");
            }
        }
        if let Some(sibling) = SIBLINGS.iter().find(|name| **name != package && tree.iter().any(|it| it == *name)) {
            bail!("`{package}` and `{sibling}` are siblings: put what both need into `claw-core`");
        }
    }
    licences()
}

/// Normal dependencies of a package, with all of theirs.
fn dependencies(package: &str) -> Result<Vec<String>> {
    let tree = step::output("cargo", &["tree", "--locked", "-p", package, "-e", "normal", "--prefix", "none"])?;
    Ok(tree.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

fn licences() -> Result<()> {
    let metadata = step::output("cargo", &["metadata", "--locked", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    for package in metadata["packages"].as_array().context("cargo metadata lists packages")? {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(licence) = package["license"].as_str() else {
            bail!("`{name}` names no licence");
        };
        if !allowed(licence) {
            bail!("`{name}` is under `{licence}`, which is not on the list in deny.toml");
        }
    }
    Ok(())
}

/// Whether one of the alternatives of a licence expression is allowed as a whole.
fn allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let plain = |part: &str| part.trim().trim_matches(['(', ')']).trim().to_owned();
    let all_parts = |alternative: &str| alternative.split(" AND ").all(|part| LICENCES.contains(&plain(part).as_str()));
    // `(A OR B) AND C`: each factor needs an allowed alternative.
    expression.split(" OR ").any(all_parts)
        || expression
            .split(" AND ")
            .all(|factor| factor.split(" OR ").any(|part| LICENCES.contains(&plain(part).as_str())))
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn a_licence_expression_is_allowed_by_one_alternative_or_all_factors() {
        assert!(allowed("MIT OR GPL-3.0"));
        assert!(allowed("MIT/Apache-2.0"));
        assert!(allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(allowed("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT"));
        assert!(!allowed("GPL-3.0"));
        assert!(!allowed("MIT AND GPL-3.0"));
    }
}
