//! What the author of a skill waits for: a line of a new project in Rust is changed while `skill dev` runs, and its tool
//! gives the new answer. Beside it, a bare `cargo build` of the same change in a copy of the project.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::home::{Home, Host};
use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};
use crate::setup::{folder, runtime};

const CHANGES: usize = 20;
/// What the project of `skill new` answers with.
const GREETING: &str = "Hello, ";

/// `skill dev` at work; it ends with this value.
struct Dev {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

pub fn measure(report: &mut Report) -> Result<()> {
    let (runtime, projects, home) = (runtime()?, folder()?, Home::warm("{}")?);
    let names = ["watched", "bare"];
    for name in names {
        let made = author(&home, &["skill", "new", name, "--lang", "rust"]).current_dir(projects.path()).output()?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let [watched, bare] = names.map(|name| projects.path().join(name));
    build(&bare)?;
    let host = home.start()?;
    let mut dev = Dev::start(&home, &watched)?;
    let (mut reloads, mut builds) = (Vec::new(), Vec::new());
    for number in 0..report.times(CHANGES) {
        reloads.push(reload(&mut dev, &runtime, &host, &watched, number)?);
        greet(&bare, number)?;
        let watch = Stopwatch::start();
        build(&bare)?;
        builds.push(watch.elapsed());
    }
    let builds = Samples::new(builds);
    report.add(Row::time("author.bare", &builds));
    report.add(Row::time("author.reload", &Samples::new(reloads)).against("bare", &builds).aim("≤ 2 s"));
    drop(dev);
    host.stop()
}

/// From the save until the new tool has answered.
fn reload(dev: &mut Dev, runtime: &Runtime, host: &Host, project: &Path, number: usize) -> Result<Duration> {
    let greeting = greet(project, number)?;
    let watch = Stopwatch::start();
    let said = dev.line()?;
    ensure!(said.contains("is in force"), "`skill dev` said: {said}");
    let answer = runtime.block_on(call(host))?;
    let took = watch.elapsed();
    ensure!(answer.to_string().contains(&greeting), "another greeting: {answer}");
    Ok(took)
}

/// Changes the line of a project that greets.
fn greet(project: &Path, number: usize) -> Result<String> {
    let source = project.join("src/lib.rs");
    let text = fs::read_to_string(&source)?;
    let at = text.find(GREETING).context("the project of `skill new` greets")?;
    let rest = text[at + GREETING.len()..].trim_start_matches(|character: char| character.is_ascii_digit());
    fs::write(&source, format!("{}{GREETING}{number}{rest}", &text[..at]))?;
    Ok(format!("{GREETING}{number}"))
}

async fn call(host: &Host) -> Result<Value> {
    let body = json!({ "tool": "watched", "args": { "path": "name.txt" } });
    let asked = reqwest::Client::new().post(format!("{}/tools/invoke", host.url)).bearer_auth(&host.token).json(&body);
    Ok(asked.send().await?.error_for_status()?.json().await?)
}

/// What `skill dev` runs, and nothing else.
fn build(project: &Path) -> Result<()> {
    let mut cargo = Command::new("cargo");
    let output = cargo.args(["build", "--target", "wasm32-wasip2"]).current_dir(project).output();
    let output = output.context("cannot run `cargo`")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A command of somebody who has what builds skills.
fn author(home: &Home, args: &[&str]) -> Command {
    let mut command = home.command(args);
    #[expect(clippy::disallowed_methods, reason = "the compilers are those of whoever measures")]
    command.envs(std::env::vars());
    command
}

// === impl Dev ===

impl Dev {
    fn start(home: &Home, project: &Path) -> Result<Dev> {
        fs::create_dir_all(home.path().join("workspace"))?;
        fs::write(home.path().join("workspace/name.txt"), "Ada")?;
        let mut command = author(home, &["skill", "dev", "--yes", "--grant-all"]);
        let log = home.path().join("dev.txt");
        let mut child = command.current_dir(project).stdout(Stdio::piped()).stderr(fs::File::create(&log)?).spawn()?;
        let said = BufReader::new(child.stdout.take().context("its output is piped")?).lines();
        let mut dev = Dev { child, said, log };
        let installed = dev.line()?;
        ensure!(installed.contains("is installed"), "`skill dev` said: {installed}");
        Ok(dev)
    }

    fn line(&mut self) -> Result<String> {
        let line = self.said.next().transpose()?;
        line.with_context(|| format!("`skill dev` ended: {}", fs::read_to_string(&self.log).unwrap_or_default()))
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
