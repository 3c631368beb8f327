//! Runs the calls of a recorded run again: the same components, the same seeds and clocks, the recorded answers. What
//! comes out must be the same, byte for byte; the first difference is told.
//!
//! Nothing is done to the world: each effect is answered from the recording, and folders are copies that are thrown
//! away. Files are as they are now, not as they were then.

use std::io;
use std::path::{Path, PathBuf};

use claw_core::effect::EffectReply;
use claw_core::id::{CallId, RunId};
use claw_core::label::Labels;
use claw_core::message::{Entry, Message, ToolCall};
use claw_core::mode::Mode;
use claw_core::outcome::ToolOutcome;
use claw_policy::{Action, Decision, Facts, ToolInvocation};
use claw_sandbox::{CallFacts, Ground, Mount, Running, Signal};
use claw_store::StoreError;
use tempfile::TempDir;

use crate::catalog::Installed;
use crate::host::{Host, now};
use crate::recording::{self, Recording};
use crate::tool_call;

/// What a copy of a folder may hold; larger ones cannot be replayed with.
const COPY_BYTES: u64 = 64 << 20;
const COPY_FILES: usize = 10_000;

/// One call, run again.
pub struct Replayed {
    /// The call.
    pub call: ToolCall,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of running a call again.
pub enum Verdict {
    /// The same bytes.
    Same,
    /// The first difference.
    Differs(String),
    /// Why it could not be run again.
    Impossible(String),
}

/// Runs the recorded calls of a run again, in their order. Calls that never reached a component have no recording and
/// are left out.
///
/// # Errors
/// [`StoreError`] if the run cannot be read; [`StoreError::UnknownRun`] if there is none.
pub async fn replay(host: &Host, run: &RunId) -> Result<Vec<Replayed>, StoreError> {
    let store = host.store_of_run(run)?;
    let row = store.run(run)?.ok_or_else(|| StoreError::UnknownRun { run: run.clone() })?;
    let entries = store.run_entries(run)?;
    let recordings = store.recordings(run)?;
    let facts = Facts {
        session: row.session,
        run: run.clone(),
        origin: row.origin,
        person_present: false,
        labels: Labels::default(),
        mode: Mode::Act,
        at: now(),
    };
    let mut replayed = Vec::new();
    for call in calls(&entries) {
        let Some((_, bytes)) = recordings.iter().find(|(id, _)| *id == call.id) else { continue };
        let verdict = match (Recording::decode(bytes), outcome(&entries, &call.id)) {
            (Some(recording), Some(outcome)) => one(host, &facts, &call, recording, outcome).await,
            (None, _) => Verdict::Impossible("it was recorded by another release".to_owned()),
            (_, None) => Verdict::Impossible("its outcome was not recorded".to_owned()),
        };
        replayed.push(Replayed { call, verdict });
    }
    Ok(replayed)
}

fn calls(entries: &[Entry]) -> Vec<ToolCall> {
    let calls = entries.iter().flat_map(|entry| match &entry.message {
        Message::Assistant { calls, .. } => calls.clone(),
        _ => Vec::new(),
    });
    calls.collect()
}

fn outcome<'a>(entries: &'a [Entry], call: &CallId) -> Option<&'a ToolOutcome> {
    entries.iter().find_map(|entry| match &entry.message {
        Message::Tool { call: answered, outcome, .. } if answered == call => Some(outcome),
        _ => None,
    })
}

async fn one(host: &Host, facts: &Facts, call: &ToolCall, recording: Recording, then: &ToolOutcome) -> Verdict {
    if let Some(lacks) = recording.lacks {
        return Verdict::Impossible(lacks);
    }
    let catalog = host.catalog();
    let Some(tool) = catalog.tool(&call.tool) else {
        return Verdict::Impossible(format!("no installed component offers `{}` any more", call.tool));
    };
    let installed = catalog.owner(tool);
    if installed.component.digest != recording.component {
        let (then, now) = (recording.component.short(), installed.component.digest.short());
        return Verdict::Impossible(format!(
            "component `{}` was {then} then and is {now} now",
            installed.component.name
        ));
    }
    let scratch = host.about.home.join("scratch");
    let mounts = tool_call::mounts(host, installed, facts, true);
    let copied = tokio::task::spawn_blocking(move || copies(&scratch, mounts)).await;
    let (_copies, mounts) = match copied.unwrap_or_else(|err| Err(io::Error::other(err))) {
        Ok(copied) => copied,
        Err(err) => return Verdict::Impossible(format!("its folders cannot be copied: {err}")),
    };
    match start(host, facts, call, &recording, installed, mounts).await {
        Ok(running) => compare(running, recording, then).await,
        Err(why) => Verdict::Impossible(why),
    }
}

async fn start(
    host: &Host,
    facts: &Facts,
    call: &ToolCall,
    recording: &Recording,
    installed: &Installed,
    mounts: Vec<Mount>,
) -> Result<Running, String> {
    let invocation =
        ToolInvocation { call: call.id.clone(), tool: call.tool.clone(), arguments: call.arguments.clone() };
    let permit = match host.policy(&facts.session).decide(&installed.subject(), facts, Action::CallTool(invocation)) {
        Decision::Allow(permit) => permit,
        Decision::Ask(_) => return Err("the policies would ask before this call".to_owned()),
        Decision::Deny(denial) => return Err(format!("{}: {}", denial.code, denial.reason)),
    };
    let facts = CallFacts {
        run: facts.run.clone(),
        session: facts.session.clone(),
        origin: facts.origin,
        seed: recording.seed,
        begins: recording.begins,
        clock: Some(recording.clock.clone()),
        file: Vec::new(),
    };
    let ground = Ground { mounts, config: installed.settings.config.clone() };
    let limits = installed.settings.call_limits(host.limits.call);
    let started = host.sandbox.start(&installed.component, permit, facts, &ground, limits).await;
    started.map_err(|err| err.to_string())
}

/// Answers from the recording until the call ends, or asks for something else than it did.
async fn compare(mut running: Running, recording: Recording, then: &ToolOutcome) -> Verdict {
    let answerer = running.answerer();
    let mut answered = 0;
    loop {
        match running.next().await {
            Signal::Effect { effect, request } => {
                let what = recording::describe(&request);
                let Some(kept) = recording.effects.iter().find(|kept| kept.number == effect) else {
                    return Verdict::Differs(format!("it asks for `{what}` as effect {effect}; it did not then"));
                };
                if kept.request != recording::digest(&request) {
                    let then = &kept.what;
                    return Verdict::Differs(format!(
                        "effect {effect} was `{then}` then and is `{what}` now, or differs in its details"
                    ));
                }
                answered += 1;
                match (&kept.answer, &kept.body) {
                    (Ok(reply @ EffectReply::Http(_)), Some(body)) => {
                        let sink = answerer.answer_with_body(effect, reply.clone()).await;
                        let body = bytes::Bytes::copy_from_slice(body);
                        // A guest that stops reading ends the body; what it returns is compared anyway.
                        tokio::spawn(async move {
                            let sent = if body.is_empty() { Ok(()) } else { sink.send(body).await };
                            sink.end(sent).await;
                        });
                    }
                    (Ok(EffectReply::Http(_)), None) => {
                        return Verdict::Impossible(format!("the body behind effect {effect} was too large to keep"));
                    }
                    (answer, _) => answerer.answer(effect, answer.clone()).await,
                }
            }
            Signal::Progress { .. } | Signal::Log { .. } => {}
            Signal::Done { outcome, .. } if answered < recording.effects.len() => {
                let (then, now) = (recording.effects.len(), answered);
                return Verdict::Differs(format!(
                    "it asked for {then} effects then and for {now} now: {}",
                    outcome.text()
                ));
            }
            Signal::Done { outcome, .. } => return same(then, &outcome),
        }
    }
}

fn same(then: &ToolOutcome, now: &ToolOutcome) -> Verdict {
    if then == now {
        return Verdict::Same;
    }
    let (then, now) = (then.text(), now.text());
    let at = then.bytes().zip(now.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| {
        let from = text.floor_char_boundary(at.saturating_sub(20));
        let to = text.floor_char_boundary((at + 40).min(text.len()));
        text[from..to].to_owned()
    };
    Verdict::Differs(format!("its result differs from byte {at} on: `{}` then, `{}` now", around(&then), around(&now)))
}

/// Copies of the folders, which live as long as the first part of the result.
fn copies(scratch: &Path, mounts: Vec<Mount>) -> io::Result<(TempDir, Vec<Mount>)> {
    let place = tempfile::Builder::new().prefix("replay-").tempdir_in(scratch)?;
    let mut left = Left { bytes: COPY_BYTES, files: COPY_FILES };
    let mut copied = Vec::new();
    for (number, mount) in mounts.into_iter().enumerate() {
        let host = place.path().join(number.to_string());
        copy(&mount.host, &host, &mut left)?;
        copied.push(Mount { host, ..mount });
    }
    Ok((place, copied))
}

struct Left {
    bytes: u64,
    files: usize,
}

/// Copies folders, files and links; a link in a copy leads where it led before, which the sandbox still refuses.
fn copy(from: &Path, to: &PathBuf, left: &mut Left) -> io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        let too_large = || io::Error::other(format!("they hold more than {COPY_FILES} files or {COPY_BYTES} bytes"));
        left.files = left.files.checked_sub(1).ok_or_else(too_large)?;
        if kind.is_dir() {
            copy(&entry.path(), &target, left)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, target)?;
        } else if kind.is_file() {
            left.bytes = left.bytes.checked_sub(entry.metadata()?.len()).ok_or_else(too_large)?;
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
