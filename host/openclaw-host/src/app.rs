//! The application: built from settings, then run, then drained. The only place that knows all rooms.

mod build;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use claw_core::event::{HostEvent, RunEnd};
use claw_core::id::RunId;
use claw_gateway::Gateway;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api};
use crate::audit;
use crate::channels;
use crate::cli::{Failure, Start};
use crate::driver::{Driver, DriverEvent};
use crate::engine;
use crate::host::{Host, now};
use crate::incognito;
use crate::models;
use crate::owner_policies::OwnerPolicies;
use crate::queue;
use crate::retention;
use crate::run;

pub use self::build::{installed, look_into_store, open_store, program, store_failure, store_path};

/// How long runs at work may go on after a stop; what is cut off goes on at the next start.
const GRACE: Duration = Duration::from_secs(10);
/// Commands and driver events that may wait; senders wait beyond that.
const WAITING: usize = 1024;

/// Runs the host until a signal stops it.
///
/// # Errors
/// Says why it cannot start.
pub fn serve(mut start: Start) -> Result<(), Failure> {
    give_large_blocks_back();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(worker_threads()).enable_all().build()?;
    runtime.block_on(async {
        let app = App::build(&mut start).await?;
        // Its only client hears the signals, and stops it by leaving.
        let Some(addr) = app.gateway.local_addr() else {
            app.run(None).await;
            return Ok(());
        };
        // Whoever hears that it is ready may stop it.
        let signals = Signals::listen()?;
        let _announced = start.announce(addr)?;
        app.run(Some(signals)).await;
        Ok(())
    })
}

/// Blocks from 128 KiB on go back to the system as soon as they are free. By itself, glibc learns from the first large
/// message that blocks of its size are common, and from then on keeps room for them.
fn give_large_blocks_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number of the allocator's own, while there is only this thread.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

/// Gives all free memory back to the system, small blocks as well: what many conversations took is in many of them.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: looks only at what is free.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// One thread for each two processors: the others have the store's writer and the workers to run, and a turn that stays on
/// one thread waits for no other to wake up. With 50 conversations on two processors, a turn takes a fifth less of them.
fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |all| all.get() / 2).clamp(1, 4)
}

struct App {
    host: Arc<Host>,
    policies: OwnerPolicies,
    gateway: Gateway,
    driver: mpsc::Receiver<DriverEvent>,
}

impl App {
    /// Serves until a signal, or until its only client has left, then drains.
    async fn run(self, mut signals: Option<Signals>) {
        let App { host, policies, gateway, driver } = self;
        let (stop, cut_off) = (CancellationToken::new(), CancellationToken::new());
        engine::warn();
        let driver = tokio::spawn(Driver::new(Arc::clone(&host), driver).run(stop.clone(), cut_off.clone()));
        let workspaces = host.agents.all().map(|agent| (agent.id.clone(), agent.workspace.clone())).collect();
        if let Err(err) = host.checkpoints.take_up(&workspaces).await {
            tracing::error!(error = &err as &dyn std::error::Error, "what cut-off calls have changed cannot be noted");
        }
        take_up(&host).await;
        channels::take_up(&host).await;
        tokio::task::spawn_blocking({
            let store = host.store.clone();
            move || audit::check(&store)
        });
        tokio::spawn(policies.follow(Arc::clone(&host), stop.clone()));
        tokio::spawn(Arc::clone(&host).follow_revocations(stop.clone()));
        tokio::spawn(retention::follow(Arc::clone(&host), stop.clone()));
        tokio::spawn(incognito::follow(Arc::clone(&host), stop.clone()));
        // Not before the driver: the last runs can still find out how a key is.
        let keys = tokio::spawn(models::follow(Arc::clone(&host), cut_off.clone()));
        tokio::spawn(Arc::clone(&host.checkpoints).follow(stop.clone()));
        let (commands, receiver) = mpsc::channel(WAITING);
        let api = Api::new(Arc::clone(&host));
        api.settle_commands().await;
        let channels =
            tokio::spawn(channels::follow(Arc::clone(&host), Arc::clone(&api), stop.clone(), cut_off.clone()));
        let api = tokio::spawn(api.serve(receiver, cut_off.clone()));
        let mut gateway = tokio::spawn(gateway.serve(commands, host.events.clone(), stop.clone()));
        tokio::select! {
            signal = next(&mut signals) => tracing::info!(signal, "stopping"),
            _ = &mut gateway, if signals.is_none() => tracing::info!("stopping, as the only client has left"),
        }
        // Polled to its end, it must not be polled again.
        let gateway = if gateway.is_finished() { None } else { Some(gateway) };
        host.tell(HostEvent::Shutdown { reason: "stop" });
        stop.cancel();
        let patience = tokio::spawn({
            let cut_off = cut_off.clone();
            async move {
                tokio::select! {
                    () = tokio::time::sleep(GRACE) => {}
                    _ = next(&mut signals) => {}
                }
                cut_off.cancel();
            }
        });
        match driver.await {
            Ok(0) => tracing::info!("stopped"),
            Ok(left) => {
                tracing::warn!(left, "stopped; runs that were cut off go on at the next start, but for incognito ones")
            }
            Err(err) => tracing::error!(error = %err, "the lane driver failed"),
        }
        // What is being sent when the host stops gets to its end, or is sent once more by the next start.
        let _ = channels.await;
        cut_off.cancel();
        patience.abort();
        let gateway = async {
            if let Some(gateway) = gateway {
                let _ = gateway.await;
            }
        };
        let _ = tokio::join!(api, gateway, keys);
        host.sandbox.stop().await;
        host.processes.stop_all().await;
        // The last clone closes the store; the writer has flushed by then whatever it acknowledged.
        host.store.clone().close();
    }
}

/// Takes up what the last stop or crash cut off.
async fn take_up(host: &Arc<Host>) {
    let unfinished = match host.store.unfinished_runs() {
        Ok(unfinished) => unfinished,
        Err(err) => return tracing::error!(error = %err, "unfinished runs cannot be read"),
    };
    for row in unfinished {
        if row.source.channel == api::DIRECT {
            let message =
                "the host stopped during this direct tool call: it may or may not have taken effect".to_owned();
            run::end_unstarted(host, row.run, RunEnd::Failed { kind: "unknown".to_owned(), message }).await;
            continue;
        }
        match host.store.begin_attempt(&row.run, now()).await {
            Ok(attempt) if attempt > run::ATTEMPTS => {
                let message = format!(
                    "the host stopped {attempt} times during this run, so it is not tried again; {}send the message \
                     once more if you want that",
                    unknown_outcomes(host, &row.run)
                );
                run::end_unstarted(host, row.run, RunEnd::Failed { kind: RunEnd::LOST.to_owned(), message }).await;
            }
            Ok(attempt) => {
                tracing::info!(run = %row.run, session = %row.session, attempt, "a cut-off run goes on");
                let _ = host.driver.send(DriverEvent::Arrived(row.session, row.run, queue::taken_up(), None)).await;
            }
            Err(err) => tracing::error!(run = %row.run, error = %err, "a cut-off run cannot go on"),
        }
    }
}

/// What a person has to know of a run that is given up: its calls that may have taken effect.
fn unknown_outcomes(host: &Host, run: &RunId) -> String {
    match run::unknown_outcomes(&host.store, run) {
        Ok(calls) if calls.is_empty() => String::new(),
        Ok(calls) => {
            let calls: Vec<_> = calls.iter().map(|(call, tool)| format!("`{tool}` ({})", call.as_str())).collect();
            format!("of these calls nobody knows whether they took effect: {}; look first, then ", calls.join(", "))
        }
        Err(err) => format!("which of its calls took effect cannot be read ({err}); look first, then "),
    }
}

/// The signals that stop the host. Those that come once this is there wait to be taken.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// The next signal; never, if none is listened for.
async fn next(signals: &mut Option<Signals>) -> &'static str {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "terminate",
        }
    }
}

#[cfg(test)]
mod tests;
