//! What the sandbox costs: guests in several languages, many callers, effects, requests, cancelling, many components.
//!
//! Calls are fresh ones: each gets an instance of its own, as every call of the host does.

mod callers;
mod cancel;
mod effects;
mod http;
mod installed;
mod languages;
mod worker;

use anyhow::Result;

use crate::caller::Called;
use crate::report::Report;
use crate::setup::{folder, runtime, test_guest};

pub fn measure(report: &mut Report) -> Result<()> {
    let runtime = runtime()?;
    let folder = folder()?;
    callers::measure(report, &runtime, folder.path())?;
    languages::measure(report, &runtime, folder.path())?;
    effects::measure(report, &runtime, folder.path())?;
    http::measure(report, &runtime, folder.path())?;
    cancel::measure(report, &runtime, folder.path())?;
    worker::measure(report, &runtime, folder.path())?;
    installed::measure(report)
}

/// A call of a test guest that is granted nothing.
fn plain_call(component: &'static str, tool: &'static str, arguments: String) -> Result<Called> {
    let wasm = test_guest(component)?;
    Ok(Called { component, wasm, tool, arguments, grants: Vec::new(), mounts: Vec::new() })
}

/// The smallest call: a short text, given back.
fn echo() -> Result<Called> {
    plain_call("echo", "echo", ECHO.to_owned())
}

/// The arguments of every `echo`, whatever its language.
const ECHO: &str = r#"{"text":"milk, eggs and bread"}"#;
