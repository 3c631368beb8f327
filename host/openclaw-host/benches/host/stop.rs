//! A stop: from its order until the run has ended, and until the program that it ran is gone.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use openclaw_host::client::{Client, Incoming};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};

use crate::home::Home;
use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};
use crate::setup::runtime;

const WARM_UP: usize = 3;
const STOPS: usize = 60;
/// What each run waits for.
const CHILD: [&str; 2] = ["sleep", "4711"];
const AIM: &str = "≤ 100 ms";

/// What is stopped: name and shell script.
const KINDS: [(&str, &str); 2] =
    [("program", "sleep 4711 & wait"), ("stubborn", "trap '' TERM; sleep 4711 & wait; sleep 4711")];

pub fn measure(report: &mut Report) -> Result<()> {
    let runtime = runtime()?;
    let home = Home::warm("{}")?;
    let host = home.start()?;
    for (kind, script) in KINDS {
        let words = format!("tool exec {}", json!({ "argv": ["sh", "-c", script] }));
        let stops = report.times(STOPS);
        let (mut runs, mut deaths) = (Vec::new(), Vec::new());
        runtime.block_on(async {
            let mut client = Client::connect(home.path()).await?;
            for number in 0..WARM_UP + stops {
                let (run, death) = stop(&mut client, host.pid(), &format!("{kind}-{number}"), &words).await?;
                runs.push(run);
                deaths.push(death);
            }
            client.close().await;
            anyhow::Ok(())
        })?;
        for (what, times) in [("run", &mut runs), ("child", &mut deaths)] {
            report.add(Row::time(format!("stop.{kind}.{what}"), &Samples::new(times.split_off(WARM_UP))).aim(AIM));
        }
    }
    host.stop()
}

/// Starts a run, stops it once its program has a child, and gives how long the run and that child lived on.
async fn stop(client: &mut Client, host: u32, run: &str, words: &str) -> Result<(Duration, Duration)> {
    let params = json!({ "sessionKey": run, "message": words, "idempotencyKey": run });
    client.send("chat.send", params).await?;
    let id = loop {
        match client.next().await? {
            Incoming::Event(event) if event.name == "exec.approval.requested" => break event.payload["id"].clone(),
            Incoming::Response { result, .. } => drop(result.context("the host refused")?),
            Incoming::Event(_) => {}
        }
    };
    // A shell is always asked about.
    client.send("exec.approval.resolve", json!({ "id": id, "decision": "allow-once" })).await?;
    let child = loop {
        match descendant(host) {
            Some(child) => break child,
            None => tokio::task::yield_now().await,
        }
    };
    let process = pidfd_open(Pid::from_raw(child).context("a process has no number")?, PidfdFlags::empty())?;
    let watch = Stopwatch::start();
    let death = thread::spawn(move || {
        let watch = Stopwatch::start();
        poll(&mut [PollFd::new(&process, PollFlags::IN)], None).map(|_| watch.elapsed())
    });
    client.send("chat.abort", json!({ "sessionKey": run })).await?;
    aborted(client, run).await?;
    let ended = watch.elapsed();
    let Ok(death) = death.join() else { bail!("the watch over the child failed") };
    Ok((ended, death?))
}

async fn aborted(client: &mut Client, run: &str) -> Result<()> {
    loop {
        match client.next().await? {
            Incoming::Event(event) if event.name == "chat" && event.payload["runId"] == run => {
                let state: &Value = &event.payload["state"];
                if state == "aborted" {
                    return Ok(());
                }
                ensure!(state != "final" && state != "error", "the run ended by itself: {}", event.payload);
            }
            Incoming::Response { result, .. } => drop(result.context("the host refused")?),
            Incoming::Event(_) => {}
        }
    }
}

/// The process that the run waits for, somewhere below the host.
fn descendant(host: u32) -> Option<i32> {
    let mut all = vec![host];
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if line.split(|byte| *byte == 0).take(CHILD.len()).eq(CHILD.map(str::as_bytes)) {
            return i32::try_from(*pid).ok();
        }
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let lists: Vec<_> =
            tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok()).collect();
        all.extend(lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|pid| pid.parse::<u32>().ok()));
        next += 1;
    }
    None
}
