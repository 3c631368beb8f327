//! Embeds the components that ship, as `cargo xtask guests` has gathered them, and names the engine that is linked in.

#![expect(clippy::disallowed_methods, reason = "cargo talks to build scripts through the environment")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

fn main() {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the manifest's folder"));
    let gathered = manifest.join("../../target/components");
    println!("cargo::rerun-if-changed={}", gathered.display());
    name_engine(&manifest.join("../../Cargo.lock"));
    let mut list = String::from("&[\n");
    for name in ["clock", "exec", "files", "sessions", "skill-folder", "telegram", "web"] {
        let path = gathered.join(format!("{}.wasm", name.replace('-', "_")));
        println!("cargo::rerun-if-changed={}", path.display());
        let Ok(path) = path.canonicalize() else {
            println!("cargo::error=`{name}.wasm` has not been built: run `cargo xtask guests` first");
            return;
        };
        // Hashed here, so that a start neither reads nor maps what it does not run.
        let digest: [u8; 32] = match std::fs::read(&path) {
            Ok(wasm) => Sha256::digest(wasm).into(),
            Err(err) => {
                println!("cargo::error=cannot read `{}`: {err}", path.display());
                return;
            }
        };
        let _ = writeln!(list, "    ({name:?}, include_bytes!({path:?}), {digest:?}),");
    }
    list.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names the output folder"));
    write(&out.join("shipped.rs"), &list);
}

/// The engine does not say its version itself.
fn name_engine(lock: &Path) {
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(lock).unwrap_or_default();
    let version = text.split_once("\nname = \"wasmtime\"\nversion = \"").and_then(|(_, rest)| rest.split_once('"'));
    match version {
        Some((version, _)) => println!("cargo::rustc-env=ENGINE_VERSION={version}"),
        None => println!("cargo::error=`{}` names no version of wasmtime", lock.display()),
    }
}

fn write(path: &Path, text: &str) {
    if let Err(err) = std::fs::write(path, text) {
        println!("cargo::error=cannot write `{}`: {err}", path.display());
    }
}
