//! The guests in C, JavaScript and Python that `cargo xtask bench sandbox` measures.
//!
//! Their tools come from npm and PyPI into `target/tools`, each at the version that its requirements in
//! `tests/languages` name. A guest is built again when what it is made of has changed. One that cannot be built leaves
//! the reason in `target/languages/NAME.not-built`, and the benchmark shows that in its place.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::root;
use crate::step::{quietly, say};

/// A guest: its component's name, what it is made of below `tests/languages`, and how.
struct Guest {
    name: &'static str,
    sources: &'static [&'static str],
    build: fn(&Places, &Path) -> Result<()>,
}

const GUESTS: [Guest; 3] = [
    Guest { name: "echo-c", sources: &["c/echo.c", "c/requirements.txt", "js/package.json"], build: c },
    Guest { name: "echo-js", sources: &["js/echo.js", "js/package.json"], build: javascript },
    Guest { name: "echo-python", sources: &["python/echo.py", "python/requirements.txt"], build: python },
];

/// The world that the guests are made for.
const WORLD: &str = "echo";

/// Where everything is.
struct Places {
    sources: PathBuf,
    tools: PathBuf,
    /// The world's packages in the one folder that the tools expect.
    wit: PathBuf,
}

/// Builds those that changed.
///
/// # Errors
/// Only if the project's own files cannot be read or written: a missing tool leaves its reason behind instead.
pub fn build() -> Result<()> {
    let built = root().join("target/languages");
    let places =
        Places { sources: root().join("tests/languages"), tools: root().join("target/tools"), wit: built.join("wit") };
    let packages = gather_wit(&places)?;
    for guest in &GUESTS {
        let file = |extension: &str| built.join(format!("{}.{extension}", guest.name));
        let made_of = made_of(&places, guest, &packages)?;
        if file("wasm").exists() && fs::read_to_string(file("made-of")).is_ok_and(|known| known == made_of) {
            continue;
        }
        say(&format!("build the guest {} (the first time, its tools are installed)", guest.name));
        remove(&file("wasm"))?;
        remove(&file("not-built"))?;
        match (guest.build)(&places, &file("wasm")) {
            Ok(()) => fs::write(file("made-of"), made_of)?,
            Err(err) => {
                say(&format!("{} is not built: {err:#}", guest.name));
                fs::write(file("not-built"), format!("{err:#}"))?;
            }
        }
    }
    Ok(())
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("cannot remove `{}`", file.display()))
        }
        _ => Ok(()),
    }
}

/// Everything that a guest depends on, the steps in this file too, to tell whether it changed.
fn made_of(places: &Places, guest: &Guest, packages: &str) -> Result<String> {
    let mut text = include_str!("languages.rs").to_owned() + packages;
    for source in guest.sources {
        text += &read(&places.sources.join(source))?;
    }
    Ok(text)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))
}

/// Lays the world and the packages that it needs out as tools expect them; gives all their text.
fn gather_wit(places: &Places) -> Result<String> {
    let _ = fs::remove_dir_all(&places.wit);
    let world = read(&places.sources.join("wit/echo.wit"))?;
    let mut packages = world.clone();
    fs::create_dir_all(&places.wit)?;
    fs::write(places.wit.join("echo.wit"), world)?;
    for folder in ["wit", "wit/deps"] {
        let mut folders: Vec<_> = fs::read_dir(root().join(folder))?.collect::<std::io::Result<_>>()?;
        folders.sort_by_key(fs::DirEntry::file_name);
        for package in folders.iter().filter(|package| package.file_name() != "deps") {
            let target = places.wit.join("deps").join(package.file_name());
            fs::create_dir_all(&target)?;
            for file in fs::read_dir(package.path())? {
                let file = file?;
                let text = read(&file.path())?;
                packages += &text;
                fs::write(target.join(file.file_name()), text)?;
            }
        }
    }
    Ok(packages)
}

/// C for WASI by Zig's compiler, which brings its own C library; made a component by jco.
fn c(places: &Places, wasm: &Path) -> Result<()> {
    let python = virtual_environment(places, "c")?;
    let (core, embedded) = (wasm.with_extension("core"), wasm.with_extension("embedded"));
    let source = places.sources.join("c/echo.c");
    let mut compile = vec!["-m", "ziglang", "cc", "--target=wasm32-wasi", "-mexec-model=reactor"];
    compile.extend(["-Os", "-s", "-Wall", "-Wextra", "-Werror", "-Wl,-z,stack-size=65536", "-o"]);
    compile.extend([text(&core)?, text(&source)?]);
    quietly(text(&python)?, &compile)?;
    let jco = jco(places)?;
    let wit = text(&places.wit)?;
    quietly(text(&jco)?, &["embed", text(&core)?, "--wit", wit, "-n", WORLD, "-o", text(&embedded)?])?;
    quietly(text(&jco)?, &["new", text(&embedded)?, "--wasi-reactor", "-o", text(wasm)?])
}

/// JavaScript on QuickJS.
fn javascript(places: &Places, wasm: &Path) -> Result<()> {
    let (jco, source) = (jco(places)?, places.sources.join("js/echo.js"));
    let mut args = vec!["componentize", text(&source)?, "-w", text(&places.wit)?, "-n", WORLD];
    args.extend(["--backend", "qjs", "--backend-qjs-disable-async", "-o", text(wasm)?]);
    quietly(text(&jco)?, &args)
}

/// Python: the whole interpreter, with the guest's modules loaded.
fn python(places: &Places, wasm: &Path) -> Result<()> {
    let componentize = virtual_environment(places, "python")?.with_file_name("componentize-py");
    let folder = places.sources.join("python");
    let world = ["-d", text(&places.wit)?, "-w", WORLD];
    let guest = ["componentize", "-p", text(&folder)?, "echo", "-o", text(wasm)?];
    quietly(text(&componentize)?, &[&world[..], &guest].concat())
}

/// Installs jco with npm, unless this version of it is there.
fn jco(places: &Places) -> Result<PathBuf> {
    let (folder, wanted) = (places.tools.join("js"), places.sources.join("js/package.json"));
    let installed = folder.join("node_modules/.bin/jco");
    let same =
        fs::read_to_string(folder.join("package.json")).is_ok_and(|known| read(&wanted).is_ok_and(|it| it == known));
    if !(same && installed.exists()) {
        fs::create_dir_all(&folder)?;
        fs::copy(&wanted, folder.join("package.json"))?;
        quietly("npm", &["install", "--no-audit", "--no-fund", "--prefix", text(&folder)?])?;
    }
    Ok(installed)
}

/// Installs what a language's `requirements.txt` names into an environment of its own; gives its Python.
fn virtual_environment(places: &Places, language: &str) -> Result<PathBuf> {
    let (folder, wanted) = (places.tools.join(language), places.sources.join(language).join("requirements.txt"));
    let (python, kept) = (folder.join("bin/python"), folder.join("installed.txt"));
    let wanted_text = read(&wanted)?;
    if fs::read_to_string(&kept).ok().as_deref() != Some(&wanted_text) {
        quietly("python3", &["-m", "venv", text(&folder)?])?;
        quietly(text(&python)?, &["-m", "pip", "install", "--quiet", "-r", text(&wanted)?])?;
        fs::write(kept, wanted_text)?;
    }
    Ok(python)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("`{}` is not UTF-8", path.display()))
}
