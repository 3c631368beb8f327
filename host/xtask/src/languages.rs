//! Guests in languages other than Rust: those that the SDKs make, which are tested, the skills among them, and those
//! that `cargo xtask bench sandbox` measures.
//!
//! Their tools come from npm and PyPI into `target/tools`, each at the version that its SDK names. A guest is built again
//! when what it is made of has changed. One that cannot be built leaves the reason in `NAME.not-built` in its place: its
//! test fails with it, and the benchmark shows it in the guest's place.

mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
pub use claw_project::Language;

use self::tools::Tools;
use crate::root;
use crate::step::{quietly, quietly_with, say};

/// Who needs a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Tests,
    Benchmarks,
    Skills,
}

/// A guest: its file's name, its source, and how the one becomes the other.
struct Guest {
    name: &'static str,
    purpose: Purpose,
    language: Language,
    source: &'static str,
    build: fn(&Tools, &Path, &Path) -> Result<()>,
}

const GUESTS: &[Guest] = &[
    guest("echo-c", Purpose::Benchmarks, Language::C, "tests/languages/c/echo.c", echo_c),
    guest("echo-js", Purpose::Benchmarks, Language::JavaScript, "tests/languages/js/echo.js", echo_javascript),
    guest("echo-python", Purpose::Benchmarks, Language::Python, "tests/languages/python/echo.py", echo_python),
    guest("conformance-js", Purpose::Tests, Language::JavaScript, "tests/conformance/js/conformance.js", javascript),
    guest(
        "conformance-starlingmonkey",
        Purpose::Tests,
        Language::JavaScript,
        "tests/conformance/js/conformance.js",
        starlingmonkey,
    ),
    guest("services-js", Purpose::Tests, Language::JavaScript, "tests/conformance/js/services.js", javascript),
    guest(
        "services-starlingmonkey",
        Purpose::Tests,
        Language::JavaScript,
        "tests/conformance/js/services.js",
        starlingmonkey,
    ),
    guest("services-python", Purpose::Tests, Language::Python, "tests/conformance/python/services.py", python),
    guest("services-c", Purpose::Tests, Language::C, "tests/conformance/c/services.c", c),
    guest("services-go", Purpose::Tests, Language::Go, "tests/conformance/go-services", go),
    guest("slug", Purpose::Tests, Language::JavaScript, "sdk/js/examples/slug/slug.ts", javascript),
    guest(
        "mail_digest",
        Purpose::Tests,
        Language::JavaScript,
        "tests/marketplace/mail_digest/mail_digest.ts",
        javascript,
    ),
    guest("conformance-python", Purpose::Tests, Language::Python, "tests/conformance/python/conformance.py", python),
    guest("conformance-c", Purpose::Tests, Language::C, "tests/conformance/c/conformance.c", c),
    guest("convert", Purpose::Tests, Language::C, "sdk/c/examples/convert/convert.c", c),
    guest("conformance-go", Purpose::Tests, Language::Go, "tests/conformance/go", go),
    guest("line_diff", Purpose::Tests, Language::Go, "sdk/go/examples/line_diff", go),
    guest("github", Purpose::Skills, Language::JavaScript, "skills/github/github.ts", javascript),
    guest("translate", Purpose::Skills, Language::Python, "skills/translate/translate.py", python),
    guest("csv_sums", Purpose::Tests, Language::Python, "sdk/python/examples/csv_sums/csv_sums.py", python),
];

const fn guest(
    name: &'static str,
    purpose: Purpose,
    language: Language,
    source: &'static str,
    build: fn(&Tools, &Path, &Path) -> Result<()>,
) -> Guest {
    Guest { name, purpose, language, source, build }
}

impl Purpose {
    /// Where guests for it are put.
    fn folder(self) -> &'static str {
        match self {
            Purpose::Tests | Purpose::Benchmarks => "target/languages",
            Purpose::Skills => "target/skills",
        }
    }
}

/// Reads `rust,js` or `all`.
///
/// # Errors
/// If a word is no language.
pub fn list(text: &str) -> Result<Vec<Language>> {
    match text {
        "all" => Ok(Language::ALL.to_vec()),
        words => words.split(',').map(|word| word.parse().map_err(anyhow::Error::msg)).collect(),
    }
}

/// Installs what builds guests in a language, unless it is there.
///
/// # Errors
/// If npm or PyPI cannot be reached, or the disk is full. Rust's target is installed by `setup` itself.
pub fn install(language: Language) -> Result<()> {
    Tools::new().install(language)
}

/// The compiler for the C in crates that guests in Rust are made with: what to set in Cargo's environment.
///
/// # Errors
/// As [`install`].
pub fn c_for_cargo() -> Result<[(&'static str, PathBuf); 2]> {
    Tools::new().c_for_cargo()
}

/// Builds those that changed.
///
/// # Errors
/// Only if the project's own files cannot be read or written: a missing tool leaves its reason behind instead.
pub fn build(purpose: Purpose) -> Result<()> {
    let built = root().join(purpose.folder());
    let tools = Tools::new();
    let packages = gather_wit(&root().join("target/languages/wit"))?;
    for guest in GUESTS.iter().filter(|guest| guest.purpose == purpose) {
        let file = |extension: &str| built.join(format!("{}.{extension}", guest.name));
        let made_of = made_of(guest, &packages)?;
        if file("wasm").exists() && fs::read_to_string(file("made-of")).is_ok_and(|known| known == made_of) {
            continue;
        }
        say(&format!("build the guest {} (the first time, its tools are installed)", guest.name));
        remove(&file("wasm"))?;
        remove(&file("not-built"))?;
        match (guest.build)(&tools, &root().join(guest.source), &file("wasm")) {
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
fn made_of(guest: &Guest, packages: &str) -> Result<String> {
    let mut text = include_str!("languages.rs").to_owned() + include_str!("languages/tools.rs") + packages;
    let source = root().join(guest.source);
    match source.parent() {
        Some(folder) if guest.purpose == Purpose::Skills => add_text(folder, &mut text)?,
        _ => add_text(&source, &mut text)?,
    }
    add_text(&root().join("sdk").join(guest.language.word()), &mut text)?;
    Ok(text)
}

/// Adds a file's text, or that of all files in a folder.
fn add_text(path: &Path, text: &mut String) -> Result<()> {
    if !path.is_dir() {
        text.push_str(&read(path)?);
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    entries.sort();
    for entry in entries {
        // Beside the sources lie what was built of them, and the packages of the WIT, which are in already.
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let is_source = !["node_modules", "__pycache__", "build", "target", "wit"].contains(&name.as_ref())
            && [".wasm", ".egg-info"].iter().all(|end| !name.ends_with(end));
        if is_source {
            add_text(&entry, text)?;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))
}

/// Lays the world of the echo guests and all packages out as tools expect them; gives all their text.
fn gather_wit(to: &Path) -> Result<String> {
    let _ = fs::remove_dir_all(to);
    let world = read(&root().join("tests/languages/wit/echo.wit"))?;
    let mut packages = world.clone();
    fs::create_dir_all(to)?;
    fs::write(to.join("echo.wit"), world)?;
    for folder in ["wit", "wit/deps"] {
        let mut folders: Vec<_> = fs::read_dir(root().join(folder))?.collect::<std::io::Result<_>>()?;
        folders.sort_by_key(fs::DirEntry::file_name);
        for package in folders.iter().filter(|package| package.file_name() != "deps") {
            let target = to.join("deps").join(package.file_name());
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

// === With the SDKs ===

fn javascript(tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    javascript_on("qjs", tools, source, wasm)
}

fn starlingmonkey(tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    javascript_on("starlingmonkey", tools, source, wasm)
}

fn javascript_on(engine: &str, tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    // The SDK looks for it by itself.
    tools.jco()?;
    let build = root().join("sdk/js/build.js");
    quietly("node", &[text(&build)?, "build", text(source)?, "--engine", engine, "-o", text(wasm)?])
}

fn python(tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    let (python, package) = (tools.python(Language::Python)?, root().join("sdk/python"));
    // -B: no compiled files beside the sources.
    let args = ["-B", "-m", "openclaw_sdk.build", "build", text(source)?, "-o", text(wasm)?];
    quietly_with(text(&python)?, &args, &[("PYTHONPATH", package.as_os_str())])
}

fn c(tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    by_script(Language::C, tools, source, wasm)
}

fn go(tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    by_script(Language::Go, tools, source, wasm)
}

/// The scripts look for compiler and jco by themselves.
fn by_script(language: Language, tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    tools.python(language)?;
    tools.jco()?;
    let build = root().join("sdk").join(language.word()).join("build.sh");
    quietly(text(&build)?, &[text(source)?, "-o", text(wasm)?])
}

// === For the benchmarks, without an SDK ===

/// The world that the guests are made for.
const WORLD: &str = "echo";

/// C for WASI by Zig's compiler, which brings its own C library; made a component by jco.
fn echo_c(tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    let python = tools.python(Language::C)?;
    let (core, embedded) = (wasm.with_extension("core"), wasm.with_extension("embedded"));
    let mut compile = vec!["-m", "ziglang", "cc", "--target=wasm32-wasi", "-mexec-model=reactor"];
    compile.extend(["-Os", "-s", "-Wall", "-Wextra", "-Werror", "-Wl,-z,stack-size=65536", "-o"]);
    compile.extend([text(&core)?, text(source)?]);
    quietly(text(&python)?, &compile)?;
    let (jco, wit) = (tools.jco()?, wasm.with_file_name("wit"));
    quietly(text(&jco)?, &["embed", text(&core)?, "--wit", text(&wit)?, "-n", WORLD, "-o", text(&embedded)?])?;
    quietly(text(&jco)?, &["new", text(&embedded)?, "--wasi-reactor", "-o", text(wasm)?])
}

/// JavaScript on QuickJS.
fn echo_javascript(tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    let (jco, wit) = (tools.jco()?, wasm.with_file_name("wit"));
    let mut args = vec!["componentize", text(source)?, "-w", text(&wit)?, "-n", WORLD];
    args.extend(["--backend", "qjs", "--backend-qjs-disable-async", "-o", text(wasm)?]);
    quietly(text(&jco)?, &args)
}

/// Python: the whole interpreter, with the guest's modules loaded.
fn echo_python(tools: &Tools, source: &Path, wasm: &Path) -> Result<()> {
    let componentize = tools.python(Language::Python)?.with_file_name("componentize-py");
    let (folder, wit) = (source.with_file_name(""), wasm.with_file_name("wit"));
    let world = ["-d", text(&wit)?, "-w", WORLD];
    let guest = ["componentize", "-p", text(&folder)?, "echo", "-o", text(wasm)?];
    quietly(text(&componentize)?, &[&world[..], &guest].concat())
}

fn text(path: &Path) -> Result<&str> {
    match path.to_str() {
        Some(text) => Ok(text),
        None => bail!("`{}` is not UTF-8", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, list};

    #[test]
    fn languages_are_listed_by_name_or_all_at_once() {
        assert_eq!(list("rust,js").unwrap(), [Language::Rust, Language::JavaScript]);
        assert_eq!(list("all").unwrap(), Language::ALL);
        let unknown = list("js,perl").unwrap_err().to_string();
        assert!(unknown.contains("`perl`") && unknown.contains("python"), "{unknown}");
    }
}
