//! The host's side of one program: start the supervisor, keep the output, tell it when to stop.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use claw_core::effect::{EffectError, ExecEnd, ExecExit, ExecPlan};
use claw_policy::{Action, Permit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::exec::capture::Capture;
use crate::exec::child;
use crate::exec::order::{self, Order, Report};
use crate::exec::plan::PROGRAM_FOLDERS;

/// What the supervisor may need beyond its grace to kill, reap, clean up and report.
const CLEANUP: Duration = Duration::from_secs(10);
/// How long output may still trickle after everything that could write has ended.
const DRAIN: Duration = Duration::from_secs(1);

/// Where things are on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecPaths {
    /// The program whose subcommand `exec-child` calls [`crate::exec_child_main`]; usually the host's own.
    pub launcher: PathBuf,
    /// The agent's workspace; only plans made for it run.
    pub workspace: PathBuf,
    /// An existing folder, private to the host and outside every workspace, for the programs' temporary files.
    pub scratch: PathBuf,
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

async fn run_plan(plan: ExecPlan, paths: &ExecPaths, cancel: &CancellationToken) -> Result<ExecExit, EffectError> {
    check_workspace(&plan, paths)?;
    if cancel.is_cancelled() {
        return Err(EffectError::Cancelled);
    }
    let begun = Instant::now();
    let timeout = Duration::from_millis(plan.timeout_ms);
    let cap = usize::try_from(plan.max_output_bytes).unwrap_or(usize::MAX);
    // Removed here as well as by the supervisor, which outlives a host that is killed.
    let scratch = tempfile::Builder::new()
        .prefix("run-")
        .tempdir_in(&paths.scratch)
        .map_err(|err| EffectError::Unavailable(format!("no folder for temporary files could be made: {err}")))?;
    let program = plan.program.display().to_string();
    let order = order::encode(&make_order(plan, scratch.path().to_owned(), timeout))
        .map_err(|err| EffectError::Other(format!("the order for `{program}` could not be written: {err}")))?;

    let (mut child, control) = spawn(paths)?;
    let (mut stdout, mut stderr) = (Capture::new(cap), Capture::new(cap));
    let output = (child.stdout.take(), child.stderr.take());
    let (Some(from_stdout), Some(from_stderr)) = output else {
        unreachable!("run: both outputs are piped");
    };
    let drain = async { tokio::join!(stdout.fill(from_stdout), stderr.fill(from_stderr)) };
    let verdict = {
        tokio::pin!(drain);
        let conduct = conduct(control, &order, timeout, cancel);
        tokio::pin!(conduct);
        tokio::select! {
            verdict = &mut conduct => {
                let _ = tokio::time::timeout(DRAIN, drain).await;
                verdict
            }
            _ = &mut drain => conduct.await,
        }
    };
    reap(&mut child).await;
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

fn check_workspace(plan: &ExecPlan, paths: &ExecPaths) -> Result<(), EffectError> {
    let workspace = paths
        .workspace
        .canonicalize()
        .map_err(|err| EffectError::Unavailable(format!("the workspace cannot be used: {err}")))?;
    if plan.workspace != workspace || !plan.cwd.starts_with(&workspace) {
        return Err(EffectError::denied("E_EXEC_CWD", "the program was planned for another workspace: ask again"));
    }
    Ok(())
}

fn make_order(plan: ExecPlan, scratch: PathBuf, timeout: Duration) -> Order {
    let temporary = scratch.to_string_lossy().into_owned();
    let mut env: Vec<(String, String)> = [
        ("PATH", PROGRAM_FOLDERS.join(":")),
        ("HOME", temporary.clone()),
        ("TMPDIR", temporary),
        ("LANG", "C.UTF-8".to_owned()),
        ("TERM", "dumb".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    env.retain(|(name, _)| plan.env.iter().all(|(added, _)| added != name));
    env.extend(plan.env);
    Order {
        program: plan.program,
        program_digest: plan.program_digest,
        argv: plan.argv,
        env,
        workspace: plan.workspace,
        cwd: plan.cwd,
        scratch,
        stdin: plan.stdin,
        cpu_seconds: (timeout + child::GRACE).as_secs() + 1,
    }
}

/// Starts the supervisor with an empty environment. Its standard input is the control socket: so nothing has to be
/// inherited beyond 0, 1 and 2, and the spawn needs no code between fork and exec.
fn spawn(paths: &ExecPaths) -> Result<(Child, StdUnixStream), EffectError> {
    let unavailable = |err: io::Error| {
        let launcher = paths.launcher.display();
        EffectError::Unavailable(format!("the supervisor `{launcher}` could not be started: {err}"))
    };
    let (ours, theirs) = StdUnixStream::pair().map_err(unavailable)?;
    ours.set_nonblocking(true).map_err(unavailable)?;
    // The command, and with it this process's copy of `theirs`, ends with this function: the end of the supervisor
    // must close the socket.
    let child = Command::new(&paths.launcher)
        .arg("exec-child")
        .env_clear()
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(unavailable)?;
    Ok((child, ours))
}

/// Gives the order and waits for the report; at the time-out or on `cancel`, tells the supervisor to end it all.
async fn conduct(
    control: StdUnixStream,
    order: &[u8],
    timeout: Duration,
    cancel: &CancellationToken,
) -> Result<ExecEnd, EffectError> {
    let lost = |err: io::Error| EffectError::Unavailable(format!("the program's supervisor was lost: {err}"));
    let stopper = control.try_clone().map_err(lost)?;
    let control = UnixStream::from_std(control).map_err(lost)?;
    let exchange = exchange(control, order);
    tokio::pin!(exchange);
    let stopped = tokio::select! {
        report = &mut exchange => return end_of(report.map_err(lost)?),
        () = tokio::time::sleep(timeout) => ExecEnd::TimedOut,
        () = cancel.cancelled() => ExecEnd::Cancelled,
    };
    // Fails only if the supervisor is gone, and then the exchange ends.
    let _ = stopper.shutdown(Shutdown::Write);
    match tokio::time::timeout(child::GRACE + CLEANUP, exchange).await {
        Ok(Ok(Report::Failed(error))) => Err(error),
        Ok(Ok(Report::Code(_) | Report::Signal(_))) => Ok(stopped),
        // Stopped before the whole order was given: nothing ran.
        Ok(Err(_)) => Ok(stopped),
        Err(_) => Err(EffectError::Other("the program's supervisor did not end it in time".into())),
    }
}

async fn exchange(mut control: UnixStream, order: &[u8]) -> io::Result<Report> {
    control.write_all(order).await?;
    let mut header = [0; 4];
    control.read_exact(&mut header).await?;
    let mut body = vec![0; order::frame_length(header)?];
    control.read_exact(&mut body).await?;
    order::decode(&body)
}

fn end_of(report: Report) -> Result<ExecEnd, EffectError> {
    match report {
        Report::Code(code) => Ok(ExecEnd::Code(code)),
        Report::Signal(signal) => Ok(ExecEnd::Signal(signal)),
        Report::Failed(error) => Err(error),
    }
}

async fn reap(child: &mut Child) {
    // The report is the last thing that a supervisor does; one that stays is broken.
    if tokio::time::timeout(DRAIN, child.wait()).await.is_err() {
        warn!("a program's supervisor did not end and is killed");
        let _ = child.kill().await;
    }
}
