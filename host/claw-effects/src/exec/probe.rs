//! Tries the walls out: the host's own program runs in the sandbox of any program and attempts what it must not do.
//!
//! What it attempts comes from the tables that the walls are built from, so that nothing is built and not tried.

mod attempts;
mod rights;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use claw_core::effect::{EffectError, ExecEnd, ExecRequest};
use claw_core::probe::{ProbeOutcome, ProbeResult};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::exec::order;
use crate::exec::plan::{ExecLimits, plan_exec};
use crate::exec::run::{ExecPaths, run_plan};

pub(super) use attempts::attempt_all;

/// What the program is called with after `exec-child`.
pub(super) const WORD: &str = "probe";
/// What the attempts may take together.
const TIMEOUT_MS: u64 = 30_000;

/// What the attempts are aimed at.
#[derive(Debug, Serialize, Deserialize)]
struct Range {
    /// A folder outside the workspace.
    outside: PathBuf,
    /// A listening TCP port of this machine.
    port: u16,
    /// A process outside the sandbox.
    victim: i32,
    /// The host.
    host: i32,
}

/// Runs every attempt in a sandbox made by `launcher`, as any program's would be, and says what came of each.
///
/// Makes folders and a process of its own and leaves nothing behind.
/// # Errors
/// Those of [`crate::run_exec`]: [`EffectError::Unavailable`] with `E_EXEC_UNSUPPORTED` if the kernel lacks a wall
/// without which no program is run.
pub async fn containment_probe(launcher: &Path) -> Result<Vec<ProbeResult>, EffectError> {
    let unavailable = |err: io::Error| EffectError::Unavailable(format!("the walls could not be tried out: {err}"));
    let ground = tempfile::tempdir().map_err(unavailable)?;
    let root = ground.path().canonicalize().map_err(unavailable)?;
    let (workspace, scratch, outside) = (root.join("workspace"), root.join("scratch"), root.join("outside"));
    for folder in [&workspace, &scratch, &outside] {
        fs::create_dir(folder).map_err(unavailable)?;
    }
    let targets = Targets::place(&outside).map_err(unavailable)?;
    let launcher = launcher.canonicalize().map_err(unavailable)?;
    let mut results = attempts(&launcher, &workspace, scratch, &targets).await?;
    results.extend(targets.untouched());
    Ok(results)
}

/// Runs the attempts in the sandbox.
async fn attempts(
    launcher: &Path,
    workspace: &Path,
    scratch: PathBuf,
    targets: &Targets,
) -> Result<Vec<ProbeResult>, EffectError> {
    let broken = |what: String| EffectError::Other(format!("the walls could not be tried out: {what}"));
    let request = ExecRequest {
        argv: vec![launcher.to_string_lossy().into_owned(), "exec-child".to_owned(), WORD.to_owned()],
        cwd: String::new(),
        env: Vec::new(),
        stdin: order::encode(&targets.range).map_err(|err| broken(err.to_string()))?,
        timeout_ms: TIMEOUT_MS,
        max_output_bytes: 1024 * 1024,
    };
    let plan = plan_exec(&request, None, workspace, &ExecLimits::default())?;
    let paths =
        ExecPaths { launcher: launcher.to_owned(), workspaces: vec![workspace.to_owned()], scratch, cgroups: None };
    let exit = run_plan(plan, &paths, &CancellationToken::new()).await?;
    if exit.ended != ExecEnd::Code(0) {
        let said = String::from_utf8_lossy(&exit.stderr).into_owned();
        return Err(broken(format!("the probe ended with {:?}: {said}", exit.ended)));
    }
    order::receive(&mut exit.stdout.as_slice()).map_err(|err| broken(format!("the probe's report is broken: {err}")))
}

/// What the attempts are aimed at, and how to see whether one of them hit.
struct Targets {
    range: Range,
    victim: Child,
    tcp: TcpListener,
    unix: UnixListener,
}

impl Targets {
    fn place(outside: &Path) -> io::Result<Targets> {
        fs::write(outside.join("file"), "untouched")?;
        fs::create_dir(outside.join("folder"))?;
        fs::write(outside.join("program"), "#!/bin/sh\n")?;
        fs::set_permissions(outside.join("program"), fs::Permissions::from_mode(0o755))?;
        let tcp = TcpListener::bind(("127.0.0.1", 0))?;
        tcp.set_nonblocking(true)?;
        let unix = UnixListener::bind(outside.join("socket"))?;
        unix.set_nonblocking(true)?;
        // It waits for its input, which is never given, and ends with the probe.
        let victim = Command::new("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true).spawn()?;
        let pid = |pid: u32| i32::try_from(pid).expect("probe: the kernel's numbers are ints");
        let range = Range {
            outside: outside.to_owned(),
            port: tcp.local_addr()?.port(),
            victim: pid(victim.id().unwrap_or_default()),
            host: pid(std::process::id()),
        };
        Ok(Targets { range, victim, tcp, unix })
    }

    /// What the host sees when all is over.
    fn untouched(mut self) -> Vec<ProbeResult> {
        let outside = &self.range.outside;
        let mut names: Vec<_> = fs::read_dir(outside)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let files = names == ["file", "folder", "program", "socket"]
            && fs::read(outside.join("file")).is_ok_and(|content| content == b"untouched");
        let silent = self.tcp.accept().is_err() && self.unix.accept().is_err();
        let alive = self.victim.try_wait().is_ok_and(|ended| ended.is_none());
        [
            ("EX-20", "files outside are as they were", files),
            ("EX-25", "no server was reached", silent),
            ("EX-30", "the other process lives", alive),
        ]
        .map(|(id, what, held)| ProbeResult {
            id: id.to_owned(),
            what: what.to_owned(),
            result: if held { ProbeOutcome::Pass } else { ProbeOutcome::Fail },
            detail: "seen from outside".to_owned(),
        })
        .into()
    }
}
