//! Programs that live past the call that started them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use claw_core::effect::{Background, EffectError, ExecEnd, ExecPlan, ProcessProgress, Terminal};
use claw_core::id::{AgentId, ComponentName, SessionKey};
use claw_effects::{ExecPaths, ProcessOwner, Processes};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio_util::sync::CancellationToken;

use crate::cases::cases;
use crate::ground::{Ground, block_on, ends_within, permit, processes, this_program};

pub const ALL: &[(&str, fn())] = cases![
    a_background_program_is_written_to_and_read,
    what_nobody_read_in_time_is_counted,
    a_killed_program_takes_everything_along,
    a_program_ends_when_its_time_is_over,
    stopping_the_host_ends_all,
    a_killed_host_takes_its_background_programs_along,
    a_process_exists_only_for_its_owner,
    one_owner_has_eight_at_a_time,
    a_program_that_cannot_start_is_no_process,
    a_terminal_has_a_size_and_a_session,
];

const TTL: u64 = 60_000;

fn owner(component: &str, session: &str) -> ProcessOwner {
    ProcessOwner {
        component: ComponentName::parse(component).unwrap(),
        session: SessionKey::parse(session, &AgentId::parse("main").unwrap()).unwrap(),
    }
}

fn background(plan: ExecPlan, ttl_ms: u64) -> ExecPlan {
    ExecPlan { background: Some(Background { ttl_ms, terminal: None }), ..plan }
}

struct Stage {
    ground: Ground,
    processes: Processes,
    owner: ProcessOwner,
    never: CancellationToken,
}

impl Stage {
    fn new() -> Self {
        let ground = Ground::new();
        let processes = Processes::new(ground.paths.clone());
        Stage { ground, processes, owner: owner("probe", "main"), never: CancellationToken::new() }
    }

    async fn spawn(&self, plan: ExecPlan) -> Result<String, EffectError> {
        self.processes.spawn(permit(plan), &self.owner, &self.never).await
    }

    async fn spawn_probe(&self, args: &[&str]) -> String {
        self.spawn(background(self.ground.probe(args), TTL)).await.unwrap()
    }

    async fn poll(&self, id: &str) -> Result<ProcessProgress, EffectError> {
        self.processes.poll(&self.owner, id, 30_000, &self.never).await
    }

    /// Everything until its end.
    async fn finish(&self, id: &str) -> (String, ExecEnd) {
        let mut output = Vec::new();
        loop {
            let progress = self.poll(id).await.unwrap();
            output.extend(progress.stdout);
            if let Some(ended) = progress.ended {
                return (String::from_utf8_lossy(&output).into_owned(), ended);
            }
        }
    }

    /// Output until it holds `wanted`.
    async fn read_until(&self, id: &str, wanted: &str) -> String {
        let mut output = String::new();
        while !output.contains(wanted) {
            let progress = self.poll(id).await.unwrap();
            output.push_str(&String::from_utf8_lossy(&progress.stdout));
            assert_eq!(progress.ended, None, "{output}");
        }
        output
    }
}

fn a_background_program_is_written_to_and_read() {
    let stage = Stage::new();
    block_on(async {
        let mut plan = background(stage.ground.probe(&["cat"]), TTL);
        plan.stdin = b"first\n".to_vec();
        let id = stage.spawn(plan).await.unwrap();
        assert_eq!(stage.processes.attach(&stage.owner, &id), Ok(id.clone()));
        stage.read_until(&id, "first\n").await;
        let nothing = stage.processes.poll(&stage.owner, &id, 1, &stage.never).await.unwrap();
        assert_eq!((nothing.stdout.len(), nothing.ended), (0, None));
        stage.processes.write(&stage.owner, &id, b"second\n", false).unwrap();
        stage.read_until(&id, "second\n").await;
        assert_eq!(stage.processes.all(&stage.owner).len(), 1);
        stage.processes.write(&stage.owner, &id, b"third\n", true).unwrap();
        assert_eq!(stage.finish(&id).await, ("third\n".to_owned(), ExecEnd::Code(0)));
        // Its end was read.
        assert!(matches!(stage.poll(&id).await, Err(EffectError::NotFound(_))));
        assert_eq!(stage.processes.all(&stage.owner), []);
        assert!(stage.ground.scratch_is_empty());
    });
}

fn what_nobody_read_in_time_is_counted() {
    let stage = Stage::new();
    block_on(async {
        let id = stage.spawn_probe(&["flood", "4"]).await;
        while stage.processes.all(&stage.owner)[0].ended.is_none() {
            tokio::task::yield_now().await;
        }
        let progress = stage.poll(&id).await.unwrap();
        assert_eq!((progress.stdout.len(), progress.stderr.len()), (256 << 10, 256 << 10));
        assert!(progress.stdout.ends_with(b"last\n"));
        assert_eq!(progress.dropped, (8 << 20) + 11 - (512 << 10));
        assert_eq!(progress.ended, Some(ExecEnd::Code(0)));
    });
}

fn a_killed_program_takes_everything_along() {
    // EX-39
    let stage = Stage::new();
    let pipe = stage.ground.named_pipe();
    block_on(async {
        let id = stage.spawn_probe(&["stay", pipe.to_str().unwrap()]).await;
        let found = tokio::task::spawn_blocking(move || processes(&pipe)).await.unwrap();
        stage.processes.kill(&stage.owner, &id).await.unwrap();
        assert!(ends_within(&found[0], Duration::ZERO));
        assert_eq!(stage.finish(&id).await.1, ExecEnd::Signal(9));
    });
}

fn a_program_ends_when_its_time_is_over() {
    let stage = Stage::new();
    block_on(async {
        let id = stage.spawn(background(stage.ground.plan(&["sleep", "1000"]), 1_000)).await.unwrap();
        assert_eq!(stage.finish(&id).await.1, ExecEnd::TimedOut);
    });
}

fn stopping_the_host_ends_all() {
    let stage = Stage::new();
    let pipe = stage.ground.named_pipe();
    block_on(async {
        stage.spawn_probe(&["stay", pipe.to_str().unwrap()]).await;
        let found = tokio::task::spawn_blocking(move || processes(&pipe)).await.unwrap();
        stage.processes.stop_all().await;
        assert!(ends_within(&found[0], Duration::ZERO));
        let late = stage.spawn(background(stage.ground.probe(&["cat"]), TTL)).await;
        assert!(matches!(late, Err(EffectError::Unavailable(_))), "{late:?}");
    });
}

fn a_killed_host_takes_its_background_programs_along() {
    // EX-38, EX-39
    let ground = Ground::new();
    let pipe = ground.named_pipe();
    let mut host = Command::new(this_program())
        .arg("background-host")
        .args([&ground.paths.workspaces[0], &ground.paths.scratch])
        .spawn()
        .unwrap();
    let found = processes(&pipe);
    let host_fd = pidfd_open(Pid::from_raw(host.id() as i32).unwrap(), PidfdFlags::empty()).unwrap();
    assert!(!ends_within(&found[0], Duration::ZERO));
    pidfd_send_signal(&host_fd, Signal::KILL).unwrap();
    host.wait().unwrap();
    assert!(ends_within(&found[0], Duration::from_secs(5)));
}

/// The part of a host that is killed while a program runs in its background.
pub fn be_a_host(workspace: &str, scratch: &str) {
    let (workspace, scratch) = (PathBuf::from(workspace), PathBuf::from(scratch));
    let pipe = workspace.join("pids");
    let mut stage = Stage::new();
    stage.ground.paths = ExecPaths { launcher: this_program(), workspaces: vec![workspace], scratch, cgroups: None };
    stage.processes = Processes::new(stage.ground.paths.clone());
    block_on(async {
        let id = stage.spawn_probe(&["stay", pipe.to_str().unwrap()]).await;
        panic!("the program ended first: {:?}", stage.finish(&id).await);
    });
}

fn a_process_exists_only_for_its_owner() {
    let stage = Stage::new();
    block_on(async {
        let id = stage.spawn_probe(&["cat"]).await;
        assert_eq!(id.len(), 32);
        for stranger in [owner("other", "main"), owner("probe", "agent:main:other")] {
            let unknown = stage.processes.attach(&stranger, "0").unwrap_err();
            assert!(matches!(unknown, EffectError::NotFound(_)));
            assert_eq!(stage.processes.attach(&stranger, &id), Err(unknown.clone()));
            assert_eq!(stage.processes.poll(&stranger, &id, 0, &stage.never).await, Err(unknown.clone()));
            assert_eq!(stage.processes.write(&stranger, &id, b"x", false), Err(unknown.clone()));
            assert_eq!(stage.processes.kill(&stranger, &id).await, Err(unknown));
            assert_eq!(stage.processes.all(&stranger), []);
        }
        stage.processes.kill(&stage.owner, &id).await.unwrap();
    });
}

fn one_owner_has_eight_at_a_time() {
    let stage = Stage::new();
    block_on(async {
        let mut ids = Vec::new();
        for _ in 0..8 {
            ids.push(stage.spawn_probe(&["cat"]).await);
        }
        let ninth = stage.spawn(background(stage.ground.probe(&["cat"]), TTL)).await;
        let Err(EffectError::Limit(text)) = ninth else { panic!("{ninth:?}") };
        assert!(text.starts_with("E_EXEC_LIMIT: "), "{text}");
        stage.processes.kill(&stage.owner, &ids[0]).await.unwrap();
        ids.push(stage.spawn_probe(&["cat"]).await);
        stage.processes.stop_all().await;
    });
}

fn a_program_that_cannot_start_is_no_process() {
    let stage = Stage::new();
    let path = stage.ground.paths.workspaces[0].join("garbage");
    std::fs::copy("/bin/cat", &path).unwrap();
    let plan = background(stage.ground.plan(&[path.to_str().unwrap()]), TTL);
    std::fs::write(&path, "changed").unwrap();
    block_on(async {
        let refused = stage.spawn(plan).await;
        assert!(matches!(&refused, Err(EffectError::Denied { code, .. }) if code == "E_EXEC_CHANGED"), "{refused:?}");
        assert_eq!(stage.processes.all(&stage.owner), []);
        let waited_for = stage.spawn(stage.ground.plan(&["true"])).await;
        assert!(matches!(waited_for, Err(EffectError::Other(_))), "{waited_for:?}");
    });
    let refused = stage.ground.run(background(stage.ground.plan(&["true"]), TTL));
    assert!(matches!(refused, Err(EffectError::Other(_))), "{refused:?}");
}

fn a_terminal_has_a_size_and_a_session() {
    let stage = Stage::new();
    let script = "test -t 0 && test -t 1 && test -t 2 && stty size && echo $TERM && read line && echo got $line && cat";
    block_on(async {
        let mut plan = stage.ground.plan(&["sh", "-c", script]);
        let terminal = Some(Terminal { columns: 132, rows: 43 });
        plan.background = Some(Background { ttl_ms: TTL, terminal });
        let id = stage.spawn(plan.clone()).await.unwrap();
        stage.read_until(&id, "43 132\r\nxterm-256color\r\n").await;
        stage.processes.write(&stage.owner, &id, b"hello\n", false).unwrap();
        stage.read_until(&id, "got hello\r\n").await;
        // Ctrl-D ends the input of `cat`.
        stage.processes.write(&stage.owner, &id, b"", true).unwrap();
        assert_eq!(stage.finish(&id).await.1, ExecEnd::Code(0));
        // Ctrl-C reaches the program: the terminal controls its session.
        let id = stage.spawn(plan).await.unwrap();
        stage.read_until(&id, "xterm-256color").await;
        stage.processes.write(&stage.owner, &id, b"\x03", false).unwrap();
        assert_eq!(stage.finish(&id).await.1, ExecEnd::Signal(2));
    });
}
