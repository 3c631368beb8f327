//! The host's side of one program: start the supervisor, keep the output, tell it when to stop.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use claw_core::effect::{EffectError, ExecEnd, ExecExit, ExecPlan};
use claw_core::guard::{self, Guard};
use claw_policy::{Action, Permit};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::exec::capture::Capture;
use crate::exec::child;
use crate::exec::order::{self, Input, Order, Report};
use crate::exec::plan::PROGRAM_FOLDERS;

/// What the supervisor may need beyond its grace to kill, reap, clean up and report.
const CLEANUP: Duration = Duration::from_secs(10);
/// How long output may still trickle after everything that could write has ended.
pub(super) const DRAIN: Duration = Duration::from_secs(1);

/// Where things are on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecPaths {
    /// The program whose subcommand `exec-child` calls [`crate::exec_child_main`]; usually the host's own.
    pub launcher: PathBuf,
    /// The workspaces of the agents; only plans made for one of them run.
    pub workspaces: Vec<PathBuf>,
    /// An existing folder, private to the host and outside every workspace, for the programs' temporary files.
    pub scratch: PathBuf,
    /// Where each program gets a cgroup of its own, from [`crate::prepare_cgroups`]; `None` leaves the limits that
    /// count for each process alone.
    pub cgroups: Option<PathBuf>,
}

/// Runs the permitted program in its sandbox and waits for the end of it and of everything it started.
///
/// The program is digested again at its start and must be the one that was decided on. `cancel` ends it early.
///
/// Cancel-safe: if the future is dropped, the supervisor ends the program and cleans up by itself.
/// # Errors
/// [`EffectError::Denied`] with `E_EXEC_CHANGED` or `E_EXEC_CWD` if the program or the directory are no longer what
/// was decided on; [`EffectError::Unavailable`] with `E_EXEC_UNSUPPORTED` if the kernel lacks a wall;
/// [`EffectError::Invalid`] with `E_EXEC_START` if the program cannot be started; [`EffectError::Cancelled`] if it was
/// cancelled before its start. A program that started always gives an [`ExecExit`].
pub async fn run_exec(permit: Permit, paths: &ExecPaths, cancel: &CancellationToken) -> Result<ExecExit, EffectError> {
    match permit.into_action() {
        Action::RunProgram(plan) => run_plan(plan, paths, cancel).await,
        other => Err(EffectError::Other(format!("a permit for `{}` does not run a program", other.name()))),
    }
}

/// Runs a plan that was permitted, or that is the host's own.
pub(super) async fn run_plan(
    plan: ExecPlan,
    paths: &ExecPaths,
    cancel: &CancellationToken,
) -> Result<ExecExit, EffectError> {
    if plan.background.is_some() {
        return Err(EffectError::Other("a program for the background is not waited for".to_owned()));
    }
    if cancel.is_cancelled() {
        return Err(EffectError::Cancelled);
    }
    let begun = Instant::now();
    let timeout = Duration::from_millis(plan.timeout_ms);
    let cap = usize::try_from(plan.max_output_bytes).unwrap_or(usize::MAX);
    let program = plan.program.display().to_string();
    let streams = Streams { input: None, stdout: Stdio::piped(), stderr: Stdio::piped() };
    let mut supervised = Supervised::launch(plan, paths, timeout, streams)?;
    let (mut stdout, mut stderr) = (Capture::new(cap), Capture::new(cap));
    let output = (supervised.child.stdout.take(), supervised.child.stderr.take());
    let (Some(from_stdout), Some(from_stderr)) = output else {
        unreachable!("run: both outputs are piped");
    };
    let drain = async { tokio::join!(stdout.fill(from_stdout), stderr.fill(from_stderr)) };
    let verdict = {
        tokio::pin!(drain);
        let conduct = supervised.conduct(timeout, cancel);
        tokio::pin!(conduct);
        tokio::select! {
            verdict = &mut conduct => {
                let _ = tokio::time::timeout(DRAIN, drain).await;
                verdict
            }
            _ = &mut drain => conduct.await,
        }
    };
    supervised.reap().await;
    let ended = verdict?;
    let (stdout, stderr) = (stdout.finish(), stderr.finish());
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    debug!(%program, ?ended, duration_ms, "program ended");
    Ok(ExecExit {
        ended,
        stdout: stdout.bytes,
        stderr: stderr.bytes,
        stdout_dropped: stdout.dropped,
        stderr_dropped: stderr.dropped,
        duration_ms,
    })
}

/// What a supervisor is started with.
pub(super) struct Streams {
    /// The program's standard input; without it, what the plan holds.
    pub input: Option<OwnedFd>,
    pub stdout: Stdio,
    pub stderr: Stdio,
}

/// A started supervisor. Dropping it ends the program.
pub(super) struct Supervised {
    pub child: Child,
    control: UnixStream,
    order: Vec<u8>,
    // Removed here as well as by the supervisor, which outlives a host that is killed.
    _scratch: TempDir,
}

impl Supervised {
    /// Starts the supervisor of a program that may take `time`.
    pub(super) fn launch(
        plan: ExecPlan,
        paths: &ExecPaths,
        time: Duration,
        streams: Streams,
    ) -> Result<Supervised, EffectError> {
        check_workspace(&plan, paths)?;
        let scratch = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&paths.scratch)
            .map_err(|err| EffectError::Unavailable(format!("no folder for temporary files could be made: {err}")))?;
        let program = plan.program.display().to_string();
        let order = make_order(plan, paths, scratch.path().to_owned(), time, streams.input.is_some());
        let order = order::encode(&order)
            .map_err(|err| EffectError::Other(format!("the order for `{program}` could not be written: {err}")))?;
        let (child, control) = spawn(paths, streams)?;
        let control = UnixStream::from_std(control).map_err(lost)?;
        Ok(Supervised { child, control, order, _scratch: scratch })
    }

    /// Gives the order; the answer is [`Report::Started`] or why nothing was.
    pub(super) async fn start(&mut self) -> io::Result<Report> {
        self.control.write_all(&std::mem::take(&mut self.order)).await?;
        self.report().await
    }

    /// Waits for the next report.
    async fn report(&mut self) -> io::Result<Report> {
        let mut header = [0; 4];
        self.control.read_exact(&mut header).await?;
        let mut body = vec![0; order::frame_length(header)?];
        self.control.read_exact(&mut body).await?;
        order::decode(&body)
    }

    /// Gives the order and waits for the end; at the time-out or on `cancel`, ends it all.
    async fn conduct(&mut self, timeout: Duration, cancel: &CancellationToken) -> Result<ExecEnd, EffectError> {
        let first = tokio::select! {
            report = self.start() => report.map_err(lost)?,
            () = tokio::time::sleep(timeout) => return self.stop().await.and(Ok(ExecEnd::TimedOut)),
            () = cancel.cancelled() => return self.stop().await.and(Ok(ExecEnd::Cancelled)),
        };
        match end_of(first)? {
            Some(ended) => Ok(ended),
            None => {
                let gently = CancellationToken::new();
                tokio::select! {
                    ended = self.conclude(timeout, &gently) => ended,
                    // Somebody waits for it, as for no other end.
                    () = cancel.cancelled() => self.stop_now().await.and(Ok(ExecEnd::Cancelled)),
                }
            }
        }
    }

    /// Waits for the end of a started program; at the time-out or on `cancel`, ends it all.
    pub(super) async fn conclude(
        &mut self,
        timeout: Duration,
        cancel: &CancellationToken,
    ) -> Result<ExecEnd, EffectError> {
        tokio::select! {
            report = self.report() => {
                let ended = end_of(report.map_err(lost)?)?;
                ended.ok_or_else(|| EffectError::Other("the program's supervisor reported out of turn".into()))
            }
            () = tokio::time::sleep(timeout) => self.stop().await.and(Ok(ExecEnd::TimedOut)),
            () = cancel.cancelled() => self.stop().await.and(Ok(ExecEnd::Cancelled)),
        }
    }

    /// As [`Supervised::stop`], with less time for the program to end by itself.
    async fn stop_now(&mut self) -> Result<(), EffectError> {
        let _ = self.control.write_all(&[child::HURRIED]).await;
        self.stop().await
    }

    /// Tells the supervisor to end it all, and waits until it has.
    async fn stop(&mut self) -> Result<(), EffectError> {
        // Fails only if the supervisor is gone, and then there is no report either.
        let _ = self.control.shutdown().await;
        // What it says may be the rest of a report of which this side has read a part: only its end counts.
        let end = async { while let Ok(1..) = self.control.read(&mut [0; 1024]).await {} };
        let late = |_| EffectError::Other("the program's supervisor did not end it in time".into());
        tokio::time::timeout(child::GRACE + CLEANUP, end).await.map_err(late)
    }

    /// Collects the supervisor.
    pub(super) async fn reap(&mut self) {
        // The report is the last thing that a supervisor does; one that stays is broken.
        if tokio::time::timeout(DRAIN, self.child.wait()).await.is_err() {
            warn!("a program's supervisor did not end and is killed");
            let _ = self.child.kill().await;
        }
    }
}

fn lost(err: io::Error) -> EffectError {
    EffectError::Unavailable(format!("the program's supervisor was lost: {err}"))
}

/// How a program ended; nothing if it runs.
pub(super) fn end_of(report: Report) -> Result<Option<ExecEnd>, EffectError> {
    match report {
        Report::Started => Ok(None),
        Report::Code(code) => Ok(Some(ExecEnd::Code(code))),
        Report::Signal(signal) => Ok(Some(ExecEnd::Signal(signal))),
        Report::MemoryLimit => Ok(Some(ExecEnd::MemoryLimit)),
        Report::Failed(error) => Err(error),
    }
}

fn check_workspace(plan: &ExecPlan, paths: &ExecPaths) -> Result<(), EffectError> {
    // One that cannot be found is nobody's.
    let mut workspaces = paths.workspaces.iter().filter_map(|workspace| workspace.canonicalize().ok());
    if !workspaces.any(|workspace| workspace == plan.workspace) || !plan.cwd.starts_with(&plan.workspace) {
        return Err(EffectError::denied("E_EXEC_CWD", "the program was planned for another workspace: ask again"));
    }
    Ok(())
}

fn make_order(plan: ExecPlan, paths: &ExecPaths, scratch: PathBuf, time: Duration, passed: bool) -> Order {
    let terminal = plan.background.is_some_and(|background| background.terminal.is_some());
    let env = drop_env(&plan.env, &scratch, if terminal { "xterm-256color" } else { "dumb" });
    Order {
        program: plan.program,
        program_digest: plan.program_digest,
        argv: plan.argv,
        env,
        workspace: plan.workspace,
        reads: plan.reads,
        cwd: plan.cwd,
        scratch,
        stdin: match (terminal, passed) {
            (true, _) => Input::Terminal,
            (false, true) => Input::Passed,
            (false, false) => Input::Bytes(plan.stdin),
        },
        cgroups: paths.cgroups.clone(),
        cpu_seconds: (time + child::GRACE).as_secs() + 1,
    }
}

/// The whole environment of a program: a fixed base and `added`, and nothing of the host's.
fn drop_env(added: &[(String, String)], scratch: &Path, terminal: &str) -> Vec<(String, String)> {
    let temporary = scratch.to_string_lossy().into_owned();
    let mut env: Vec<(String, String)> = [
        ("PATH", PROGRAM_FOLDERS.join(":")),
        ("HOME", temporary.clone()),
        ("TMPDIR", temporary),
        ("LANG", "C.UTF-8".to_owned()),
        ("TERM", terminal.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    env.retain(|(name, _)| added.iter().all(|(other, _)| other != name));
    env.extend_from_slice(added);
    if !Guard::ExecEnvironment.is_up() {
        #[expect(clippy::disallowed_methods, reason = "exists only in builds for tests")]
        env.extend(std::env::vars());
    }
    env
}

/// Starts the supervisor with an empty environment. Its standard input is the control socket: so nothing has to be
/// inherited beyond 0, 1 and 2, and the spawn needs no code between fork and exec.
fn spawn(paths: &ExecPaths, streams: Streams) -> Result<(Child, StdUnixStream), EffectError> {
    let unavailable = |err: io::Error| {
        let launcher = paths.launcher.display();
        EffectError::Unavailable(format!("the supervisor `{launcher}` could not be started: {err}"))
    };
    let (ours, theirs) = StdUnixStream::pair().map_err(unavailable)?;
    ours.set_nonblocking(true).map_err(unavailable)?;
    order::send_opening(&ours, streams.input.as_ref()).map_err(unavailable)?;
    // The command, and with it this process's copy of `theirs`, ends with this function: the end of the supervisor
    // must close the socket.
    let child = Command::new(&paths.launcher)
        .arg("exec-child")
        .env_clear()
        .envs(guard::environment())
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(streams.stdout)
        .stderr(streams.stderr)
        .spawn()
        .map_err(unavailable)?;
    Ok((child, ours))
}
