//! Makes the host work: values too large to take, calls that cost next to nothing, and handles of every type.

mod handles;
mod headers;
mod streams;
mod values;

use openclaw_sdk::{JsonSchema, Tool, ToolError, log, scope, session};
use serde::Deserialize;
use wasip2::clocks::monotonic_clock;
use wasip2::random::random;

openclaw_sdk::export_component! {
    name: "flood_host",
    version: "0.1.0",
    summary: "Makes the host work.",
    tools: [FloodHost],
    scopes: [
        scope::workspace(scope::Access::ReadWrite),
        scope::exec(&["**"]),
        scope::http("*", &["POST"]),
        scope::messages(),
    ],
}

struct FloodHost;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FloodArgs {
    /// What to do.
    with: Flood,
    /// How often, or for a single value how much.
    count: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Flood {
    /// The cheapest imports, in a loop.
    Clock,
    RandomByte,
    IsCancelled,
    EmptyLog,
    /// Lines of text.
    LogLines,
    /// One line of this many bytes.
    LongLine,
    /// One value of this many bytes.
    Value(values::Into),
    /// A list of this many empty texts.
    EmptyTexts,
    /// A list of this many values, each the same mebibyte of memory.
    SharedBytes,
    /// This many random bytes at once.
    RandomBytes,
    Handle(handles::Kind),
    Headers(headers::How),
    /// Writes of no bytes.
    NoBytes(streams::Kind),
}

impl Tool for FloodHost {
    type Args = FloodArgs;
    const NAME: &'static str = "flood_host";
    const DESCRIPTION: &'static str = "Makes the host work and tells how far it got.";

    fn call(FloodArgs { with, count }: FloodArgs) -> Result<String, ToolError> {
        let line = || log::log(log::Level::Warn, "flood", "a line of a flood");
        match with {
            Flood::Clock => (0..count).for_each(|_| _ = monotonic_clock::now()),
            Flood::RandomByte => (0..count).for_each(|_| drop(random::get_random_bytes(1))),
            Flood::IsCancelled => (0..count).for_each(|_| _ = session::is_cancelled()),
            Flood::EmptyLog => (0..count).for_each(|_| log::log(log::Level::Trace, "", "")),
            Flood::LogLines => (0..count).for_each(|_| line()),
            Flood::LongLine => log::log(log::Level::Error, "", &"x".repeat(count)),
            Flood::Value(into) => into.send(count)?,
            Flood::EmptyTexts => values::empty_texts(count)?,
            Flood::SharedBytes => values::shared_bytes(count)?,
            Flood::RandomBytes => return Ok(format!("got {} bytes", random::get_random_bytes(count as u64).len())),
            Flood::Handle(kind) => kind.take(count),
            Flood::Headers(how) => return how.build(count),
            Flood::NoBytes(kind) => kind.write(count)?,
        }
        Ok(format!("did it {count} times"))
    }
}
