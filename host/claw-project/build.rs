//! Embeds the SDKs and the WIT packages, which new projects get a copy of.

#![expect(clippy::disallowed_methods, reason = "cargo talks to build scripts through the environment")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What lies in an SDK's folder and is not for those who use it.
const NOT_SDK: [&str; 9] =
    ["examples", "test", "tests", "tests.rs", "node_modules", "target", "build", "__pycache__", "Cargo.lock"];

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the manifest's folder"));
    let root = root.join("../..").canonicalize().expect("the repository has a root");
    let mut list = String::from("&[\n");
    for folder in ["wit", "sdk/rust", "sdk/js", "sdk/python", "sdk/c", "sdk/go"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        if let Err(err) = add(&root, &root.join(folder), &mut list) {
            println!("cargo::error=cannot read `{folder}`: {err}");
        }
    }
    list.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names the output folder"));
    if let Err(err) = fs::write(out.join("sdk.rs"), list) {
        println!("cargo::error=cannot write the list of files: {err}");
    }
}

/// Adds all files below a folder, by their paths in the repository. Links are left out: projects get their own.
fn add(root: &Path, folder: &Path, list: &mut String) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name().to_string_lossy().into_owned();
        if NOT_SDK.contains(&name.as_str()) || name.ends_with(".egg-info") {
            continue;
        }
        if kind.is_dir() {
            add(root, &path, list)?;
        } else if kind.is_file() {
            let shown = path.strip_prefix(root).expect("it was found below the root").display().to_string();
            let _ = writeln!(list, "    ({shown:?}, include_bytes!({path:?})),");
        }
    }
    Ok(())
}
