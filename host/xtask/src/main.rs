//! `cargo xtask`: everything that building, running and testing openclaw-host takes, in one place.

mod bench;
mod crash;
mod foreign;
mod guards;
mod languages;
mod registry;
mod soak;
mod step;
mod wheels;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::languages::Purpose;
use crate::step::{run, say};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup              add the wasm32-wasip2 target, fetch what tests read; name what else is missing
  setup --guests LIST  the same, and install what builds guests in these languages: rust,js,python,c,go or all
  guests             build the components that ship, the skills, and those that attack
  build [--release]  build the components that ship, and the host
  run [ARGS…]        set up, build and start the host on 127.0.0.1 (ARGS go to `openclaw-host run`)
  test [FILTER…]     set up, build, and run every test
  soak [MINUTES]     fuzz and stress with fresh seeds, each for that long (10 if not said)
  crash --points N [--seed S]  try so many crash points on the store, from a fresh seed if none is said
  spoil [N]          spoil a component N times (10,000 if not said), and install what comes of it
  bench [NAME…]      measure; prints a table and writes target/bench/report.json (--quick: few samples)
  advisories [DIR]   write down what RustSec's database, or a copy of it, knows of the crates in the lock files
  ci                 what CI runs: formatting, lints, guards, test";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["setup"] => setup()
            .and_then(|()| foreign::fetch())
            .map(|()| say("nothing is missing: git, a C compiler and the wasm32-wasip2 target are there")),
        ["setup", "--guests", list] => setup_guests(list),
        ["guests"] => setup().and_then(|()| guests()).and_then(|()| guests_in_other_languages()),
        ["build"] => build(Profile::Dev),
        ["build", "--release"] => build(Profile::Release),
        ["run", rest @ ..] => serve(rest),
        ["test", rest @ ..] => test(rest),
        ["soak"] => setup().and_then(|()| guests()).and_then(|()| soak::run_soak(soak::MINUTES)),
        ["soak", minutes] => soak::minutes(minutes)
            .and_then(|minutes| setup().and_then(|()| guests()).and_then(|()| soak::run_soak(minutes))),
        ["crash", rest @ ..] => crash::points(rest).and_then(|points| crash::run_crash(&points)),
        ["spoil"] => setup().and_then(|()| guests()).and_then(|()| spoil("10000")),
        ["spoil", count] => setup().and_then(|()| guests()).and_then(|()| spoil(count)),
        ["bench", rest @ ..] => setup().and_then(|()| guests()).and_then(|()| bench::run_benches(rest)),
        ["advisories"] => guards::advisories::write(None),
        ["advisories", folder] => guards::advisories::write(Some(folder)),
        ["ci"] => ci(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Profile {
    Dev,
    Release,
}

/// The project's root: two folders above this crate.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("xtask: lies in host/").to_owned()
}

/// Guest workspaces and where their components are gathered: those that ship, those that are installed, those that only
/// tests use, and the examples of the SDK.
const GUESTS: [(&str, &str); 5] = [
    ("components", "target/components"),
    ("skills", "target/skills"),
    ("tests/guests", "target/test-guests"),
    ("tests/marketplace", "target/marketplace"),
    ("sdk/rust/examples", "target/languages"),
];

/// Everything whose format is checked.
const MANIFESTS: [&str; 7] = [
    "Cargo.toml",
    "components/Cargo.toml",
    "skills/Cargo.toml",
    "sdk/rust/Cargo.toml",
    "sdk/rust/examples/Cargo.toml",
    "tests/guests/Cargo.toml",
    "tests/marketplace/Cargo.toml",
];

fn setup() -> Result<()> {
    let installed = step::output("rustup", &["target", "list", "--installed"]);
    match installed {
        Ok(targets) if targets.lines().any(|target| target == "wasm32-wasip2") => {}
        Ok(_) => run("add the WebAssembly target", "rustup", &["target", "add", "wasm32-wasip2"])?,
        Err(_) => {
            bail!("`rustup` is missing; install it from https://rustup.rs, then run `rustup target add wasm32-wasip2`")
        }
    }
    if step::output("cc", &["--version"]).is_err() {
        bail!("a C compiler is missing; on Debian: `apt-get install gcc libc6-dev`");
    }
    if step::output("git", &["--version"]).is_err() {
        bail!("`git` is missing; on Debian: `apt-get install git`");
    }
    Ok(())
}

fn setup_guests(list: &str) -> Result<()> {
    let wanted = languages::list(list)?;
    setup()?;
    for language in wanted {
        say(&format!("install what builds guests in {language}"));
        languages::install(language)?;
    }
    Ok(())
}

/// Skills with C in them. Whatever else is built can do without.
const WITH_C: [&str; 1] = ["sqlite"];

/// Builds what ships with the host, which is all that the host needs.
fn shipped() -> Result<()> {
    build_guests(GUESTS[0], &[])
}

fn guests() -> Result<()> {
    let c_compiler = languages::c_for_cargo();
    if let Err(err) = &c_compiler {
        say(&format!("{} is not built, for want of a C compiler for WebAssembly: {err:#}", WITH_C.join(", ")));
    }
    let compiler: Vec<_> = c_compiler.iter().flatten().map(|(name, tool)| (*name, tool.as_os_str())).collect();
    GUESTS.into_iter().try_for_each(|guests| build_guests(guests, &compiler))
}

fn build_guests((workspace, gathered): (&str, &str), c_compiler: &[(&str, &OsStr)]) -> Result<()> {
    let built = format!("target/guests/{}", workspace.replace('/', "-"));
    let manifest = format!("{workspace}/Cargo.toml");
    let mut args = vec!["build", "--quiet", "--release", "--locked", "--target", "wasm32-wasip2", "--workspace"];
    args.extend(["--manifest-path", &manifest, "--target-dir", &built]);
    if workspace == "skills" && c_compiler.is_empty() {
        WITH_C.iter().for_each(|name| args.extend(["--exclude", name]));
    }
    step::run_with(&format!("build the guests in {workspace}"), "cargo", &args, c_compiler)?;
    gather(&root().join(built).join("wasm32-wasip2/release"), &root().join(gathered))
}

fn guests_in_other_languages() -> Result<()> {
    languages::build(Purpose::Tests)?;
    languages::build(Purpose::Skills)
}

/// Copies each component that changed, so that an unchanged one does not rebuild the host that embeds it.
fn gather(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    let mut found = 0;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            let target = to.join(path.file_name().context("a file has a name")?);
            let bytes = std::fs::read(&path)?;
            if std::fs::read(&target).ok().as_deref() != Some(&bytes) {
                std::fs::write(&target, bytes)?;
            }
            found += 1;
        }
    }
    if found == 0 {
        bail!("no component was built in `{}`", from.display());
    }
    Ok(())
}

fn build(profile: Profile) -> Result<()> {
    setup()?;
    shipped()?;
    let mut args = vec!["build", "--package", "openclaw-host", "--locked"];
    if profile == Profile::Release {
        args.push("--release");
    }
    run("build the host (the first time takes about ten minutes)", "cargo", &args)
}

fn serve(args: &[&str]) -> Result<()> {
    build(Profile::Release)?;
    say("start the host; in a second terminal: target/release/openclaw-host chat");
    let program = root().join("target/release/openclaw-host");
    step::replace(&program, &[&["run"], args].concat())
}

fn test(filter: &[&str]) -> Result<()> {
    setup()?;
    foreign::fetch()?;
    wheels::fetch()?;
    registry::install()?;
    guests()?;
    guests_in_other_languages()?;
    let weakened = weakened_host()?;
    let environment = [("OPENCLAW_TEST_WEAKENED", weakened.as_os_str())];
    if step::output("cargo", &["nextest", "--version"]).is_ok() {
        let args = [&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"], filter].concat();
        step::run_with("build and run the host's tests", "cargo", &args, &environment)?;
    } else {
        let args = [&["test", "--workspace", "--locked", "--no-fail-fast", "--"], filter].concat();
        step::run_with("build and run the host's tests", "cargo", &args, &environment)?;
    }
    if filter.is_empty() {
        for workspace in ["sdk/rust", "sdk/rust/examples", "components", "skills"] {
            let manifest = format!("{workspace}/Cargo.toml");
            let built = format!("target/guests/native-{}", workspace.replace('/', "-"));
            let args = ["test", "--quiet", "--locked", "--manifest-path", &manifest, "--target-dir", &built];
            run(&format!("test {workspace} natively"), "cargo", &args)?;
        }
        let types = ["target/tools/js/node_modules/typescript/bin/tsc", "--project", "sdk/js"];
        run("check the types of sdk/js", "node", &types)?;
        run("test sdk/js natively", "npm", &["--prefix", "sdk/js", "test", "--silent"])?;
        let tests = ["-B", "-m", "unittest", "discover", "--quiet", "-t", "sdk/python", "-s", "sdk/python/tests"];
        run("test sdk/python natively", "python3", &tests)?;
        test_skills()?;
        run("test sdk/go natively", "target/tools/go/bin/go", &["-C", "sdk/go", "test", "./..."])?;
    }
    Ok(())
}

/// The parts of the skills in TypeScript and Python that only compute; those in Rust are tested with their workspace.
fn test_skills() -> Result<()> {
    let tests = ["sdk/js/build.js", "test", "skills/github/shape.test.ts"];
    run("test skills/github natively", "node", &tests)?;
    let tests = ["-B", "-m", "unittest", "discover", "--quiet", "-s", "skills/translate"];
    let sdk = root().join("sdk/python");
    step::run_with("test skills/translate natively", "python3", &tests, &[("PYTHONPATH", sdk.as_os_str())])
}

/// Builds the host with the feature that lets a test switch one wall off, under a file name of its own, so that it can
/// never be taken for the real one. All tests are built along with it: cargo then chooses the same features of all
/// dependencies as for the tests themselves, and builds each only once.
fn weakened_host() -> Result<PathBuf> {
    let args = ["test", "--workspace", "--no-run", "--quiet", "--locked", "--features", "openclaw-host/test-weaken"];
    run("build the host whose walls can be switched off one at a time", "cargo", &args)?;
    let built = root().join("target/debug/openclaw-host");
    let kept = root().join("target/debug/openclaw-host-weakened");
    std::fs::copy(&built, &kept).with_context(|| format!("cannot copy `{}`", built.display()))?;
    Ok(kept)
}

/// Changes a component at random and cuts it off at each of its first bytes; a host is to install each.
fn spoil(count: &str) -> Result<()> {
    if count.parse::<usize>().is_err() {
        bail!("`{count}` is not a whole number: write e.g. `cargo xtask spoil 10000`");
    }
    let environment = [("OPENCLAW_TEST_SPOILT", OsStr::new(count))];
    let tests = ["test", "--locked", "--workspace", "--test", "it", "--", "packages::deceiving::spoilt", "--nocapture"];
    step::run_with(&format!("spoil a component {count} times"), "cargo", &tests, &environment)
}

fn ci() -> Result<()> {
    for manifest in MANIFESTS {
        let args = ["fmt", "--all", "--check", "--manifest-path", manifest];
        run(&format!("check the format of {manifest}"), "cargo", &args)?;
    }
    setup()?;
    guests()?;
    guards::check()?;
    // With the feature, the benchmarks are linted too.
    let args = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--features",
        "openclaw-host/bench",
        "--",
        "-D",
        "warnings",
    ];
    run("lint", "cargo", &args)?;
    test(&[])
}
