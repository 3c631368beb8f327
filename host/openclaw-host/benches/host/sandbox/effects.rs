//! The sandbox's share of an effect: from the guest's question to the host and back, answered at once.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use claw_core::effect::{EffectReply, EffectRequest, KvOperation, KvReply};
use claw_sandbox::{CallLimits, Signal};
use tokio::runtime::Runtime;

use super::plain_call;
use crate::caller::Caller;
use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};

/// A call may ask for 4,096.
const QUESTIONS: usize = 4000;
const WARM_UP: usize = 20;

pub fn measure(report: &mut Report, runtime: &Runtime, folder: &Path) -> Result<()> {
    let count = report.times(QUESTIONS) + WARM_UP;
    let caller = Caller::set_up(runtime, folder, plain_call("effects", "ask", format!(r#"{{"times":{count}}}"#))?)?;
    let samples = runtime.block_on(round_trips(&caller))?;
    report.add(Row::time("sandbox.effect.round_trip", &samples));
    runtime.block_on(caller.sandbox.stop());
    Ok(())
}

/// The times between one question's arrival and the next one's: answer, guest, and question.
async fn round_trips(caller: &Caller) -> Result<Samples> {
    let mut running = caller.start(CallLimits::default()).await?;
    let answerer = running.answerer();
    let mut times = Vec::new();
    let mut asked: Option<Stopwatch> = None;
    loop {
        match running.next().await {
            Signal::Effect { effect, request: EffectRequest::Kv(request) } => {
                if let Some(asked) = asked.replace(Stopwatch::start()) {
                    times.push(asked.elapsed());
                }
                let reply = match request.operation {
                    KvOperation::Open => KvReply::Done,
                    KvOperation::Get { .. } => KvReply::Value(None),
                    other => bail!("the guest asks for {other:?}"),
                };
                answerer.answer(effect, Ok(EffectReply::Kv(reply))).await;
            }
            Signal::Done { outcome, .. } => {
                ensure!(outcome.is_done(), "the call failed: {}", outcome.text());
                ensure!(times.len() > WARM_UP, "the guest asked {} times", times.len());
                return Ok(Samples::new(times.split_off(WARM_UP)));
            }
            Signal::Effect { request, .. } => bail!("the guest asks for {request:?}"),
            Signal::Progress { .. } | Signal::Log { .. } => {}
        }
    }
}
