//! Requests of a guest through the broker, beside the same requests by an HTTP client: small and large answers.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use claw_effects::{Dialer, HttpBroker, HttpLimits, TrustRoots, plan_http};
use claw_policy::Action;
use claw_sandbox::{Answerer, CallLimits, Signal};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::caller::{Called, Caller};
use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};
use crate::setup::test_guest;

const WARM_UP: usize = 5;
/// The answers: name, bytes, and requests of a full run.
const SMALL: (&str, usize, usize) = ("small", 1 << 10, 2000);
const LARGE: (&str, usize, usize) = ("large", 10 << 20, 100);

pub fn measure(report: &mut Report, runtime: &Runtime, folder: &Path) -> Result<()> {
    let origin = runtime.block_on(serve())?;
    for (name, bytes, requests) in [SMALL, LARGE] {
        let count = report.times(requests) + WARM_UP;
        let url = format!("{origin}/{name}");
        let direct = runtime.block_on(direct(&url, bytes, count))?;
        let direct_row = Row::time(format!("sandbox.http.{name}.direct"), &direct);
        let guest = Arc::new(Guest::set_up(runtime, folder, &origin, &url, bytes, count)?);
        let through = match runtime.block_on(guest.requests()) {
            Ok(through) => through,
            Err(err) => {
                report.add(direct_row);
                report.add(Row::absent(format!("sandbox.http.{name}.broker"), format!("failed: {err:#}")));
                continue;
            }
        };
        let row = Row::time(format!("sandbox.http.{name}.broker"), &through).against("direct", &direct);
        // What matters of a large answer is how fast it comes.
        let (direct_row, row) = match name == LARGE.0 {
            true => (direct_row.rate(bytes), row.rate_against(bytes, "direct", &direct).aim("≥ 0.8× the rate")),
            false => (direct_row, row),
        };
        report.add(direct_row);
        report.add(row);
        runtime.block_on(guest.caller.sandbox.stop());
    }
    Ok(())
}

/// A server that answers at once; it ends with the runtime.
async fn serve() -> Result<String> {
    let [small, large] = [SMALL, LARGE].map(|(_, bytes, _)| Bytes::from(vec![b'x'; bytes]));
    let router = Router::new().route("/small", get(async move || small)).route("/large", get(async move || large));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(origin)
}

async fn direct(url: &str, bytes: usize, count: usize) -> Result<Samples> {
    let client = reqwest::Client::builder().http1_only().no_proxy().build()?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let watch = Stopwatch::start();
        let body = client.get(url).send().await?.error_for_status()?.bytes().await?;
        times.push(watch.elapsed());
        ensure!(body.len() == bytes, "the server sent {} bytes", body.len());
    }
    Ok(Samples::new(times.split_off(WARM_UP)))
}

/// A guest that sends the same request over and over in one call, and what answers it.
struct Guest {
    caller: Caller,
    broker: HttpBroker,
    count: usize,
}

impl Guest {
    fn set_up(runtime: &Runtime, folder: &Path, origin: &str, url: &str, bytes: usize, count: usize) -> Result<Guest> {
        let called = Called {
            component: "effects",
            wasm: test_guest("effects")?,
            tool: "fetch",
            arguments: serde_json::json!({ "url": url, "bytes": bytes, "times": count }).to_string(),
            grants: vec![format!("http {origin} GET")],
            mounts: Vec::new(),
        };
        let dialer = Dialer::new(None, &TrustRoots::Public)?;
        let broker = HttpBroker::new(HttpLimits::default(), dialer);
        Ok(Guest { caller: Caller::set_up(runtime, folder, called)?, broker, count })
    }

    /// The times between one request's arrival and the next one's: decision, server, body, and guest.
    async fn requests(self: &Arc<Guest>) -> Result<Samples> {
        let mut running = self.caller.start(CallLimits::default()).await?;
        let mut times = Vec::with_capacity(self.count);
        let mut asked: Option<Stopwatch> = None;
        loop {
            match running.next().await {
                Signal::Effect { effect, request } => {
                    if let Some(asked) = asked.replace(Stopwatch::start()) {
                        times.push(asked.elapsed());
                    }
                    let (guest, answerer) = (Arc::clone(self), running.answerer());
                    tokio::spawn(async move {
                        if let Err(err) = guest.answer(&answerer, effect, request).await {
                            answerer.answer(effect, Err(EffectError::Other(format!("{err:#}")))).await;
                        }
                    });
                }
                Signal::Done { outcome, .. } => {
                    ensure!(outcome.is_done(), "the call failed: {}", outcome.text());
                    times.push(asked.context("the guest has sent no request")?.elapsed());
                    return Ok(Samples::new(times.split_off(WARM_UP)));
                }
                Signal::Progress { .. } | Signal::Log { .. } => {}
            }
        }
    }

    /// As the host does it, without the journal and without a recording.
    async fn answer(&self, answerer: &Answerer, effect: u32, request: EffectRequest) -> Result<()> {
        let EffectRequest::Http(request) = request else { anyhow::bail!("the guest asks for {request:?}") };
        let plan = plan_http(&request, &HttpLimits::default())?;
        let permit = self.caller.permit(Action::SendRequest(plan))?;
        let (owner, cancel) = (&self.caller.component.name, CancellationToken::new());
        let mut answer = self.broker.send(permit, None, owner, &|_| None, &cancel).await?;
        let sink = answerer.answer_with_body(effect, EffectReply::Http(answer.head)).await;
        while let Some(chunk) = answer.body.next().await? {
            sink.send(chunk).await?;
        }
        sink.end(Ok(())).await;
        Ok(())
    }
}
