//! The WebAssembly engine that the program was built with, and what is known to be wrong with it.

use semver::Version;

use crate::advisories::Advisories;

/// Its version, from the lock file.
pub const VERSION: &str = env!("ENGINE_VERSION");
/// Its crates; all have the same version.
const CRATES: [&str; 3] = ["wasmtime", "wasmtime-wasi", "wasmtime-wasi-http"];

/// The ids of the flaws that a version is known to have.
pub fn flaws(version: &str, known: &Advisories) -> Vec<String> {
    let version = Version::parse(version).expect("engine: cargo takes no other versions");
    CRATES.iter().flat_map(|name| known.of(name, &version)).map(|it| it.id.clone()).collect()
}

/// Puts the flaws of this program's engine into the log.
pub fn warn() {
    let flaws = flaws(VERSION, &Advisories::known());
    if !flaws.is_empty() {
        let flaws = flaws.join(", ");
        tracing::warn!(wasmtime = VERSION, flaws, "the engine has known flaws; install a newer openclaw-host");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SU-26
    #[test]
    fn an_engine_below_a_patch_is_named_with_the_flaw_and_this_one_has_none() {
        let known = Advisories::known();
        assert_eq!(flaws(VERSION, &known), Vec::<String>::new());
        let flaws = |version| flaws(version, &known).join(" ");
        assert!(flaws("48.0.3").contains("RUSTSEC-2026-0327") && !flaws("48.0.4").contains("RUSTSEC-2026-0327"));
        // Of its part for files.
        assert!(flaws("48.0.2").contains("RUSTSEC-2026-0314") && !flaws("36.0.16").contains("RUSTSEC-2026-0314"));
        // Those before 39 never had it.
        assert!(flaws("39.0.0").contains("RUSTSEC-2026-0327") && !flaws("36.0.17").contains("RUSTSEC-2026-0327"));
    }
}
