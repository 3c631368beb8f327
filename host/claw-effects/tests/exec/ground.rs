//! Where the cases run: a workspace, permits, and processes that are watched.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claw_core::effect::{EffectError, ExecEnd, ExecExit, ExecPlan, ExecRequest};
use claw_core::id::{AgentId, ComponentName, Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_effects::{ExecLimits, ExecPaths, plan_exec, run_exec};
use claw_policy::{Action, Decision, Facts, Grants, Permit, Policy, PolicyFile, Preset, Subject, Trust};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// No case may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A workspace, a folder for temporary files and a launcher.
pub struct Ground {
    pub _root: TempDir,
    pub paths: ExecPaths,
}

impl Ground {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = root.path().canonicalize().unwrap();
        let paths = ExecPaths {
            launcher: this_program(),
            workspaces: vec![at.join("ws")],
            scratch: at.join("scratch"),
            cgroups: None,
        };
        fs::create_dir(&paths.workspaces[0]).unwrap();
        fs::create_dir(&paths.scratch).unwrap();
        Ground { _root: root, paths }
    }

    pub fn plan(&self, argv: &[&str]) -> ExecPlan {
        let request = ExecRequest {
            argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
            cwd: String::new(),
            env: Vec::new(),
            stdin: Vec::new(),
            timeout_ms: 30_000,
            max_output_bytes: 100_000,
        };
        plan_exec(&request, None, &self.paths.workspaces[0], &ExecLimits::default()).unwrap()
    }

    pub fn probe(&self, args: &[&str]) -> ExecPlan {
        let program = this_program();
        self.plan(&[&[program.to_str().unwrap(), "probe"], args].concat())
    }

    pub fn run(&self, plan: ExecPlan) -> Result<ExecExit, EffectError> {
        block_on(run_exec(permit(plan), &self.paths, &CancellationToken::new()))
    }

    /// What a probe printed.
    pub fn output(&self, args: &[&str]) -> String {
        let exit = self.run(self.probe(args)).unwrap();
        assert_eq!(exit.ended, ExecEnd::Code(0), "{exit:?}");
        String::from_utf8(exit.stdout).unwrap()
    }

    /// A named pipe in the workspace.
    pub fn named_pipe(&self) -> PathBuf {
        self.pipe("pids")
    }

    /// A named pipe of this name in the workspace.
    pub fn pipe(&self, name: &str) -> PathBuf {
        let path = self.paths.workspaces[0].join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        path
    }

    pub fn scratch_is_empty(&self) -> bool {
        fs::read_dir(&self.paths.scratch).unwrap().next().is_none()
    }
}

pub fn this_program() -> PathBuf {
    std::env::current_exe().unwrap().canonicalize().unwrap()
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let result = runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("the case hangs") });
    runtime.shutdown_background();
    result
}

pub fn permit(plan: ExecPlan) -> Permit {
    let everything = PolicyFile { name: "test".into(), text: "permit (principal, action, resource);".into() };
    let policy = Policy::load(Preset::Trusting, &[everything]).unwrap();
    let scopes = Grants::parse(["exec **"]).unwrap();
    let subject = Subject {
        component: ComponentName::parse("probe").unwrap(),
        publisher: "openclaw".to_owned(),
        digest: Digest([0; 32]),
        trust: Trust::Shipped,
        declared: scopes.clone().into(),
        grants: scopes.into(),
    };
    let facts = Facts {
        session: SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap(),
        run: RunId::parse("run-1").unwrap(),
        origin: Origin::Owner,
        person_present: true,
        labels: Labels::default(),
        mode: claw_core::mode::Mode::Act,
        at: Timestamp(0),
    };
    match policy.decide(&subject, &facts, Action::RunProgram(plan)) {
        Decision::Allow(permit) => permit,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub fn check_denied(result: Result<ExecExit, EffectError>, expected: &str) {
    match result {
        Err(EffectError::Denied { code, .. }) => assert_eq!(code, expected),
        other => panic!("{other:?}"),
    }
}

/// A process that was alive when it told its number; nothing if it was gone before somebody could take hold of it.
pub struct Process(Option<rustix::fd::OwnedFd>);

/// Waits for numbers in a named pipe and takes hold of the processes.
pub fn processes(pipe: &Path) -> Vec<Process> {
    let mut pids = String::new();
    fs::File::open(pipe).unwrap().read_to_string(&mut pids).unwrap();
    let open = |pid: &str| match pidfd_open(Pid::from_raw(pid.parse().unwrap()).unwrap(), PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => Process(None),
        opened => Process(Some(opened.unwrap())),
    };
    pids.split(' ').map(open).collect()
}

pub fn ends_within(process: &Process, time: Duration) -> bool {
    let Some(pidfd) = &process.0 else { return true };
    let timeout = Timespec::try_from(time).unwrap();
    poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&timeout)).unwrap() == 1
}
