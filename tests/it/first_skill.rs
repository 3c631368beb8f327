//! The pages of the first five minutes (`docs/skills`), done as they are written: their commands are run in order, their
//! files are written, and what they show is compared. A page that drifts fails.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::host::{Home, Host, PROGRAM, environment};

/// What a page has its reader do.
#[derive(Debug, PartialEq)]
enum Step {
    Run {
        command: String,
        shown: Vec<String>,
    },
    Write {
        file: String,
        text: String,
    },
    StartTheHost,
    /// Said to the offline model.
    Say(String),
}

/// Reads what a page has its reader do until its part `Go on`.
fn steps(page: &str) -> Result<Vec<Step>, String> {
    let (mut steps, mut prose) = (Vec::new(), String::new());
    let mut lines = page.lines().take_while(|line| *line != "## Go on");
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            prose = format!("{prose}{line}\n");
            continue;
        };
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        if prose.contains("Start the host") {
            steps.push(Step::StartTheHost);
        }
        if language == "console" {
            add_commands(&block, &mut steps)?;
        } else {
            let file = prose.rsplit("Into `").next().filter(|rest| rest.len() < prose.len());
            let file = file.and_then(|rest| rest.split('`').next()).ok_or(format!("no file for: {block:?}"))?;
            steps.push(Step::Write { file: file.to_owned(), text: block.join("\n") + "\n" });
        }
        prose.clear();
    }
    steps.extend(prose.split('`').filter(|code| code.starts_with("tool ")).map(|code| Step::Say(code.to_owned())));
    Ok(steps)
}

fn add_commands(block: &[&str], steps: &mut Vec<Step>) -> Result<(), String> {
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step::Run { command: command.to_owned(), shown: Vec::new() }),
            (None, Some(Step::Run { shown, .. })) => shown.push((*line).to_owned()),
            (None, _) => return Err(format!("`{line}` is shown by no command")),
        }
    }
    Ok(())
}

/// Text in which each number is `#`: sizes differ from one version of a compiler to the next.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for character in text.trim().chars() {
        match character {
            '0'..='9' if masked.ends_with('#') => {}
            '.' if masked.ends_with('#') => {}
            '0'..='9' => masked.push('#'),
            other => masked.push(other),
        }
    }
    masked
}

/// Somebody with a new account, who has this repository and what the page says one needs.
struct Reader {
    account: tempfile::TempDir,
    home: Home,
    running: Option<Host>,
}

impl Reader {
    fn new() -> Reader {
        let (account, home) = (tempfile::tempdir().unwrap(), Home::new());
        symlink(home.path(), account.path().join(".openclaw-host")).unwrap();
        let built = account.path().join("openclaw-host/target/release");
        std::fs::create_dir_all(&built).unwrap();
        symlink(PROGRAM, built.join("openclaw-host")).unwrap();
        for part in ["sdk", "wit", "target/tools"] {
            symlink(repository().join(part), account.path().join("openclaw-host").join(part)).unwrap();
        }
        let reader = Reader { account, home, running: None };
        std::fs::write(reader.path("environment"), "").unwrap();
        std::fs::write(reader.path("folder"), reader.account.path().display().to_string()).unwrap();
        reader
    }

    fn path(&self, name: &str) -> PathBuf {
        self.account.path().join(name)
    }

    /// Does it; says what was otherwise than the page has it.
    async fn do_step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            // `cargo xtask` has done that before these tests.
            Step::Run { command, .. } if command.contains("cargo xtask setup --guests") => Ok(()),
            Step::Run { command, shown } => self.run(command, shown),
            Step::Write { file, text } => {
                let folder = std::fs::read_to_string(self.path("folder")).unwrap();
                std::fs::write(Path::new(folder.trim()).join(file), text).map_err(|err| format!("`{file}`: {err}"))
            }
            Step::StartTheHost => {
                self.running = Some(self.home.try_start()?);
                Ok(())
            }
            Step::Say(words) => {
                let running = self.running.as_ref().ok_or("the page has not said how the host is started")?;
                let answer = running.connect().await.ask("said", words).await;
                answer.contains("Hello, Ada!").then_some(()).ok_or(format!("`{words}` was answered with {answer}"))
            }
        }
    }

    /// Runs a command where the ones before have led, with the variables that they have set.
    fn run(&self, command: &str, shown: &[String]) -> Result<(), String> {
        let script = format!(
            "set -e\ncd \"$(cat ~/folder)\"\n. ~/environment\n{command}\npwd > ~/folder\nexport -p > ~/environment\n"
        );
        let output = self.bash().arg("-c").arg(script).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("`{command}` failed: {said}{}", String::from_utf8_lossy(&output.stderr)));
        }
        if !shown.is_empty() && masked(&said) != masked(&shown.join("\n")) {
            return Err(format!("`{command}` shows {said:?}, and the page {shown:?}"));
        }
        Ok(())
    }

    /// A shell in which nothing comes from the network: compilers and packages are those that the other tests use.
    fn bash(&self) -> Command {
        let own = PathBuf::from(environment("HOME").unwrap());
        let of_owner = |name: &str, folder: &str| environment(name).map_or_else(|| own.join(folder), PathBuf::from);
        let mut bash = Command::new("bash");
        bash.env_clear().env("PATH", environment("PATH").unwrap()).env("HOME", self.account.path());
        bash.env("OPENCLAW", self.path("openclaw-host"));
        bash.env("CARGO_HOME", of_owner("CARGO_HOME", ".cargo")).env("RUSTUP_HOME", of_owner("RUSTUP_HOME", ".rustup"));
        bash.env("PYENV_ROOT", of_owner("PYENV_ROOT", ".pyenv"));
        bash.env("CARGO_NET_OFFLINE", "true").env("CARGO_BUILD_BUILD_DIR", repository().join("target/tmp/first-skill"));
        bash.env("NPM_CONFIG_OFFLINE", "true")
            .env("NPM_CONFIG_AUDIT", "false")
            .env("NPM_CONFIG_UPDATE_NOTIFIER", "false");
        bash.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", repository().join("target/tools/wheels"));
        for (name, folder) in [("GOCACHE", "target/tmp/go"), ("ZIG_GLOBAL_CACHE_DIR", "target/tmp/zig")] {
            bash.env(name, repository().join(folder));
        }
        bash
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

async fn follow(page: &str) -> Result<usize, String> {
    let mut reader = Reader::new();
    let steps = steps(page)?;
    for step in &steps {
        reader.do_step(step).await?;
    }
    Ok(steps.len())
}

async fn check(language: &str) {
    let page = std::fs::read_to_string(repository().join(format!("docs/skills/{language}.md"))).unwrap();
    let done = follow(&page).await.unwrap_or_else(|err| panic!("docs/skills/{language}.md: {err}"));
    assert!(done >= 9, "only {done} steps");
}

#[tokio::test]
async fn the_page_for_rust_is_true() {
    check("rust").await;
}

#[tokio::test]
async fn the_page_for_typescript_is_true() {
    check("js").await;
}

#[tokio::test]
async fn the_page_for_python_is_true() {
    check("python").await;
}

#[tokio::test]
async fn the_page_for_c_is_true() {
    check("c").await;
}

#[tokio::test]
async fn the_page_for_go_is_true() {
    check("go").await;
}

#[tokio::test]
async fn a_page_that_drifts_is_noticed() {
    let page =
        "```console\n$ mkdir a && cd a\n```\nInto `b.txt`:\n```txt\nten\n```\n```console\n$ cat b.txt\nten\n```\n";
    assert_eq!(follow(page).await, Ok(3));
    for (from, to, words) in [
        ("\nten\n```\n```", "\neleven\n```\n```", "`cat b.txt` shows \"eleven\\n\", and the page [\"ten\"]"),
        ("cat b.txt", "cat c.txt", "`cat c.txt` failed"),
        ("Into `b.txt`", "As `b.txt`", "no file for"),
        ("$ mkdir", "mkdir", "is shown by no command"),
    ] {
        let said = follow(&page.replacen(from, to, 1)).await.unwrap_err();
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(masked("hello.wasm: 1.7 MB\n"), masked("hello.wasm: 12.75 MB"));
    assert_ne!(masked("hello.wasm: 1.7 MB"), masked("hello.wasm: 1.7 KB"));
}
