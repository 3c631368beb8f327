//! Running other programs, with a line that says what and how long.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::root;

/// Prints one progress line.
pub fn say(what: &str) {
    eprintln!("==> {what}");
}

/// Runs a program in the project's root and says what for and how long it took.
pub fn run(what: &str, program: &str, args: &[&str]) -> Result<()> {
    run_with(what, program, args, &[])
}

/// Like [`run`], with additions to the environment.
pub fn run_with(what: &str, program: &str, args: &[&str], environment: &[(&str, &OsStr)]) -> Result<()> {
    say(what);
    #[expect(clippy::disallowed_methods, reason = "a person wants to know how long a step took")]
    let started = Instant::now();
    let status = Command::new(program)
        .args(args)
        .envs(environment.iter().copied())
        .current_dir(root())
        .status()
        .with_context(|| format!("cannot run `{program}`"))?;
    if !status.success() {
        bail!("{what}: `{program} {}` failed ({status})", args.join(" "));
    }
    eprintln!("    done in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Runs a program quietly and gives its standard output.
pub fn output(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program).args(args).current_dir(root()).stderr(Stdio::null()).output()?;
    if !output.status.success() {
        bail!("`{program} {}` failed ({})", args.join(" "), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs a program in the project's root without showing what it says, unless it fails.
pub fn quietly(program: &str, args: &[&str]) -> Result<()> {
    quietly_with(program, args, &[])
}

/// Like [`quietly`], with additions to the environment.
pub fn quietly_with(program: &str, args: &[&str], environment: &[(&str, &OsStr)]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(args).envs(environment.iter().copied()).current_dir(root()).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot run `{program}`"))?;
    if !output.status.success() {
        let said = [output.stderr, output.stdout].map(|said| String::from_utf8_lossy(&said).trim().to_owned());
        let said = said.iter().find(|said| !said.is_empty()).map_or("it says nothing", |said| tail(said));
        bail!("`{program} {}` failed ({}): {said}", args.join(" "), output.status);
    }
    Ok(())
}

/// The last bytes of a long text: tools name the reason at the end.
fn tail(said: &str) -> &str {
    &said[said.ceil_char_boundary(said.len().saturating_sub(1000))..]
}

/// What lies in a folder of the project, in a stable order.
pub fn root_entries(folder: &str) -> Result<Vec<PathBuf>> {
    let folder = root().join(folder);
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Becomes another program.
pub fn replace(program: &Path, args: &[&str]) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let err = Command::new(program).args(args).exec();
    Err(err).with_context(|| format!("cannot start `{}`", program.display()))
}
