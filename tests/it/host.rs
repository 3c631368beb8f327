//! A host under test: the real binary on a home of its own, on a port of its own.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::client::Client;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_openclaw-host");

/// The same program, built so that one of its walls can be switched off and so that it can be made to crash.
pub fn weakened() -> PathBuf {
    let path = environment("OPENCLAW_TEST_WEAKENED");
    path.expect("OPENCLAW_TEST_WEAKENED names the weakened host: run the tests with `cargo xtask test`").into()
}

/// The tests' own environment: where `PATH` and the weakened host come from.
pub fn environment(name: &str) -> Option<std::ffi::OsString> {
    #[expect(clippy::disallowed_methods, reason = "the one place of the tests that reads the environment")]
    std::env::var_os(name)
}

/// A home and what starts on it.
pub struct Home {
    folder: tempfile::TempDir,
    program: PathBuf,
    environment: Vec<(String, String)>,
    /// What `run` is told beside the port.
    arguments: Vec<String>,
}

/// A running host. Dropping it kills it.
pub struct Host {
    child: Child,
    pub url: String,
    pub token: String,
}

impl Home {
    /// A home whose cache is warm, so that a test does not wait for the compiler.
    pub fn new() -> Home {
        let home = Home::cold();
        let warm = warm_home();
        copy(&warm.join("cache.key"), &home.path().join("cache.key"));
        std::fs::create_dir(home.path().join("cache")).unwrap();
        std::fs::set_permissions(home.path().join("cache"), std::fs::Permissions::from_mode(0o700)).unwrap();
        for entry in std::fs::read_dir(warm.join("cache")).unwrap() {
            let path = entry.unwrap().path();
            copy(&path, &home.path().join("cache").join(path.file_name().unwrap()));
        }
        home
    }

    /// A home on which nothing was ever started.
    pub fn cold() -> Home {
        let folder = tempfile::Builder::new().prefix("openclaw-host-test-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Home { folder, program: PROGRAM.into(), environment: Vec::new(), arguments: Vec::new() }
    }

    /// Runs another build of the program.
    pub fn program(mut self, program: PathBuf) -> Home {
        self.program = program;
        self
    }

    /// Sets a variable of the host's environment, which is otherwise empty but for `PATH`.
    pub fn env(mut self, name: &str, value: impl ToString) -> Home {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Answers all requests of components from this list.
    pub fn http_answers(mut self, answers: &Value) -> Home {
        let file = self.path().join("answers.json");
        std::fs::write(&file, answers.to_string()).unwrap();
        self.arguments = vec!["--http-answers".to_owned(), file.display().to_string()];
        self
    }

    /// Removes a variable again.
    pub fn without_env(mut self, name: &str) -> Home {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// Writes the configuration.
    pub fn config(self, text: &str) -> Home {
        std::fs::write(self.path().join("config.json5"), text).unwrap();
        self
    }

    /// Puts a component of the test guests into the home.
    pub fn component(self, name: &str) -> Home {
        self.component_from(name, &test_guest(name))
    }

    /// Puts this file into the home, as the component `name`.
    pub fn component_from(self, name: &str, file: &Path) -> Home {
        let folder = self.path().join("components");
        std::fs::create_dir_all(&folder).unwrap();
        copy(file, &folder.join(format!("{name}.wasm")));
        self
    }

    /// Puts a file into the workspace.
    pub fn file(self, name: &str, text: &str) -> Home {
        let path = self.workspace().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn workspace(&self) -> PathBuf {
        self.path().join("workspace")
    }

    /// The command line on this home.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--home").arg(self.path()).args(args).env_clear().env("PATH", environment("PATH").unwrap());
        command.env("HOME", self.path()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command that prints JSON.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[&["--json"], args].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        let note = String::from_utf8_lossy(&output.stderr);
        serde_json::from_str(&text).unwrap_or_else(|err| panic!("{args:?}: {err}\n{text}\n{note}"))
    }

    /// Starts the host and waits until it says that it is ready.
    #[track_caller]
    pub fn start(&self) -> Host {
        self.try_start().unwrap_or_else(|failed| panic!("the host did not start: {failed}"))
    }

    /// Starts the host; gives what it said if it ends before it is ready.
    pub fn try_start(&self) -> Result<Host, String> {
        let log = std::fs::File::create(self.path().join("stderr.txt")).unwrap();
        let mut child = self
            .command(&["--json", "run", "--port", "0"])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let status = child.wait().unwrap();
            return Err(format!("{status}: {}", self.stderr()));
        };
        assert_eq!(ready["event"], "ready", "{ready}");
        let token = std::fs::read_to_string(ready["tokenFile"].as_str().unwrap()).unwrap().trim().to_owned();
        Ok(Host { child, url: ready["url"].as_str().unwrap().to_owned(), token })
    }

    /// What the last started host printed to standard error.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.path().join("stderr.txt")).unwrap_or_default()
    }
}

impl Host {
    /// Connects as the owner.
    pub async fn connect(&self) -> Client {
        Client::connect(&self.url, &self.token).await
    }

    /// `http://…` of a path.
    pub fn http(&self, path: &str) -> String {
        format!("{}{path}", self.url.replace("ws://", "http://").trim_end_matches('/'))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) {
        let asked = Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        assert!(asked.success() && self.child.wait().unwrap().success());
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Kills it without a warning, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A built component that ships with the host.
pub fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/components").join(format!("{name}.wasm"))
}

/// A component that an SDK built: `cargo xtask test` puts it there, or the reason why it could not be built.
#[track_caller]
pub fn sdk_guest(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/languages").join(format!("{name}.wasm"));
    if !path.exists() {
        let why = std::fs::read_to_string(path.with_extension("not-built"));
        panic!("`{name}` is not built: {}", why.as_deref().unwrap_or("run `cargo xtask guests`"));
    }
    path
}

/// A built component of `tests/guests`.
pub fn test_guest(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-guests").join(format!("{name}.wasm"));
    assert!(path.exists(), "`{}` is not built: run `cargo xtask guests`", path.display());
    path
}

#[track_caller]
fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap_or_else(|err| panic!("{} to {}: {err}", from.display(), to.display()));
}

/// A home on which the host has been started once, shared by all tests of one build of the program.
fn warm_home() -> &'static Path {
    static WARM: OnceLock<PathBuf> = OnceLock::new();
    WARM.get_or_init(|| {
        let built = std::fs::metadata(PROGRAM).unwrap().modified().unwrap();
        let built = built.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("warm-{built}"));
        if !shared.join("cache.key").exists() {
            let home = Home::cold();
            drop(home.start());
            // Tests run in processes of their own: each brings what it made beside the place, whoever is first moves it
            // in, and the others use what is there.
            let brought = shared.with_extension(std::process::id().to_string());
            let copied = Command::new("cp").arg("-a").arg(home.path()).arg(&brought).status().unwrap();
            assert!(copied.success(), "cannot copy to `{}`", brought.display());
            if std::fs::rename(&brought, &shared).is_err() {
                std::fs::remove_dir_all(&brought).unwrap();
            }
        }
        shared
    })
}
