//! The skill `timer`: stopwatches and countdowns by name, kept in a store. `span` is pure.

mod span;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openclaw_sdk::{JsonSchema, NoArgs, Tool, ToolError, keyvalue, scope, serde_json, session};
use serde::Deserialize;

use crate::span::{Timer, span};

openclaw_sdk::export_component! {
    name: "timer",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Keeps stopwatches and countdowns.",
    tools: [Start, Stop, List, Wait],
    scopes: [scope::store(STORE)],
}

const STORE: &str = "timers";
/// More are no longer looked through.
const MAX_TIMERS: usize = 100;
const MAX_NAME_CHARS: usize = 64;
/// A week: whoever counts longer wants a calendar.
const MAX_MINUTES: f64 = 7.0 * 24.0 * 60.0;
/// A call has 60 seconds if its owner says nothing else.
const MAX_WAIT_SECONDS: u64 = 50;
/// A wait looks this often whether it was stopped.
const STEP: Duration = Duration::from_millis(500);

struct Start;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StartArgs {
    /// What the timer is for, e.g. `tea`: 1 to 64 characters.
    name: String,
    /// Length of a countdown in minutes, e.g. 0.5: more than 0, at most 10080. Without it, a stopwatch is started.
    minutes: Option<f64>,
}

impl Tool for Start {
    type Args = StartArgs;
    const NAME: &'static str = "timer_start";
    const DESCRIPTION: &'static str = "Starts a countdown of some minutes, or a stopwatch. It rings no bell: look at \
        `timers` later, or wait for a short one with `timer_wait`.";

    fn call(args: StartArgs) -> Result<String, ToolError> {
        let name = span::name(&args.name, MAX_NAME_CHARS)?;
        let now = now_ms();
        let due_ms = match args.minutes {
            Some(minutes) if minutes > 0.0 && minutes <= MAX_MINUTES => Some(now + (minutes * 60_000.0).ceil() as u64),
            Some(minutes) => {
                let range = format!("`minutes` is {minutes}; it can be more than 0 and at most {MAX_MINUTES}");
                return Err(ToolError::invalid(range));
            }
            None => None,
        };
        let store = Store::open()?;
        if let Some(known) = store.get(name)?.filter(|known| !known.is_due(now)) {
            let shown = known.show(name, now);
            return Err(ToolError::invalid(format!("{shown}; stop it first, or choose another name")));
        }
        if store.names()?.len() >= MAX_TIMERS {
            return Err(ToolError::Limit(format!("there are {MAX_TIMERS} timers; stop some first")));
        }
        let timer = Timer { started_ms: now, due_ms };
        store.set(name, &timer)?;
        Ok(timer.show(name, now))
    }
}

struct Stop;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StopArgs {
    /// The timer's name.
    name: String,
}

impl Tool for Stop {
    type Args = StopArgs;
    const NAME: &'static str = "timer_stop";
    const DESCRIPTION: &'static str = "Stops a timer, forgets it, and tells how long it ran.";

    fn call(args: StopArgs) -> Result<String, ToolError> {
        let store = Store::open()?;
        let timer = store.known(&args.name);
        // Also one that cannot be read.
        store.bucket.delete(args.name.trim())?;
        Ok(timer?.stopped(args.name.trim(), now_ms()))
    }
}

struct List;

impl Tool for List {
    type Args = NoArgs;
    const NAME: &'static str = "timers";
    const DESCRIPTION: &'static str =
        "Tells which stopwatches and countdowns run, for how long, and which countdowns are due.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        let store = Store::open()?;
        let now = now_ms();
        let mut lines = Vec::new();
        for name in store.names()? {
            lines.extend(store.get(&name)?.map(|timer| timer.show(&name, now)));
        }
        Ok(if lines.is_empty() { "no timer runs".to_owned() } else { lines.join("\n") })
    }
}

struct Wait;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitArgs {
    /// Name of a countdown.
    name: String,
    /// How long to wait at most: 1 to 50. Default: 50.
    seconds: Option<u64>,
}

impl Tool for Wait {
    type Args = WaitArgs;
    const NAME: &'static str = "timer_wait";
    const DESCRIPTION: &'static str = "Waits until a countdown has run out, at most 50 seconds; tells what is left if it \
        has not.";

    fn call(args: WaitArgs) -> Result<String, ToolError> {
        let seconds = args.seconds.unwrap_or(MAX_WAIT_SECONDS);
        if !(1..=MAX_WAIT_SECONDS).contains(&seconds) {
            return Err(ToolError::invalid(format!("`seconds` is {seconds}; it can be 1 to {MAX_WAIT_SECONDS}")));
        }
        let name = args.name.trim();
        let timer = Store::open()?.known(name)?;
        let Some(due_ms) = timer.due_ms else {
            return Err(ToolError::invalid(format!("`{name}` is a stopwatch; only a countdown can be waited for")));
        };
        let until = due_ms.min(now_ms() + seconds * 1000);
        while let Some(left) = until.checked_sub(now_ms()).filter(|left| *left > 0) {
            if session::is_cancelled() {
                return Err(ToolError::Cancelled);
            }
            session::progress(None, &format!("`{name}`: {} left", span(due_ms.saturating_sub(now_ms()))));
            std::thread::sleep(STEP.min(Duration::from_millis(left)));
        }
        Ok(timer.show(name, now_ms()))
    }
}

/// The timers, each under its name.
struct Store {
    bucket: keyvalue::Bucket,
}

impl Store {
    fn open() -> Result<Store, ToolError> {
        Ok(Store { bucket: keyvalue::open(STORE)? })
    }

    fn get(&self, name: &str) -> Result<Option<Timer>, ToolError> {
        let Some(bytes) = self.bucket.get(name)? else { return Ok(None) };
        let odd =
            |err| ToolError::failed(format!("what is kept of `{name}` cannot be read: {err}; `timer_stop` forgets it"));
        serde_json::from_slice(&bytes).map(Some).map_err(odd)
    }

    fn known(&self, name: &str) -> Result<Timer, ToolError> {
        let name = name.trim();
        self.get(name)?
            .ok_or_else(|| ToolError::NotFound(format!("no timer has the name `{name}`; `timers` lists them")))
    }

    fn set(&self, name: &str, timer: &Timer) -> Result<(), ToolError> {
        Ok(self.bucket.set(name, openclaw_sdk::json(timer)?.as_bytes())?)
    }

    fn names(&self) -> Result<Vec<String>, ToolError> {
        let (mut names, mut cursor) = (Vec::new(), None);
        loop {
            let listed = self.bucket.list_keys(cursor)?;
            names.extend(listed.keys);
            cursor = listed.cursor;
            if cursor.is_none() {
                return Ok(names);
            }
        }
    }
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the one place where the skill learns the time")]
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
