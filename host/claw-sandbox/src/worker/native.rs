//! Test builds only: runs the steps of the probe guest as native code of the worker, as a guest would that had broken out
//! of WebAssembly. What is refused here is refused by the operating system's wall alone.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

use claw_core::outcome::ToolOutcome;
use serde_json::{Value, json};

use super::guest::Program;
use crate::frame::{Call, Callee};

/// What a test wants in place of a call: the probe's steps as native code, or a fault in the host's own code.
pub(super) fn instead(program: &Program, call: &Call) -> Option<ToolOutcome> {
    assert!(!call.arguments.contains(r#""fault":"host""#), "the fault that a test asked for");
    let is_probe = matches!(&call.callee, Callee::Tool(tool) if tool == "probe");
    (program.only_os() && is_probe).then(|| run(&call.arguments))
}

/// Runs `{"steps": [...]}`; each step is one of the probe's, by host path or address.
fn run(arguments: &str) -> ToolOutcome {
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
    let steps = arguments["steps"].as_array().cloned().unwrap_or_default();
    let outcomes: Vec<Value> = steps.iter().map(|step| report(step_of(step))).collect();
    ToolOutcome::Done { text: Value::from(outcomes).to_string() }
}

fn report(outcome: io::Result<Value>) -> Value {
    match outcome {
        Ok(value) => json!({ "ok": value }),
        Err(err) => json!({ "error": {"kind": "io", "code": format!("{:?}", err.kind()), "text": err.to_string()} }),
    }
}

fn step_of(step: &Value) -> io::Result<Value> {
    let family = step.as_object().and_then(|step| step.iter().next());
    let (family, op) = family.ok_or(io::ErrorKind::InvalidInput)?;
    let text = |name: &str| op[name].as_str().unwrap_or_default();
    match (family.as_str(), text("op")) {
        ("files", "read") => Ok(json!(std::fs::read_to_string(text("path"))?)),
        ("files", "write") => Ok(json!(std::fs::write(text("path"), text("text"))?)),
        ("files", "list") => Ok(json!(std::fs::read_dir(text("path"))?.count())),
        ("files", "append") => {
            Ok(json!(std::fs::File::options().append(true).open(text("path"))?.write_all(text("text").as_bytes())?))
        }
        ("files", "set_len") => {
            let file = std::fs::File::options().write(true).open(text("path"))?;
            Ok(json!(file.set_len(op["len"].as_u64().unwrap_or_default())?))
        }
        ("files", "hard_link") => Ok(json!(std::fs::hard_link(text("from"), text("to"))?)),
        ("raw", "symlink") => Ok(json!(std::os::unix::fs::symlink(text("target"), text("path"))?)),
        ("files", "rename") => Ok(json!(std::fs::rename(text("from"), text("to"))?)),
        ("files", "remove_file") => Ok(json!(std::fs::remove_file(text("path"))?)),
        ("files", "create_dir") => Ok(json!(std::fs::create_dir(text("path"))?)),
        ("raw", "set_times") => {
            use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
            let then = Timespec { tv_sec: 1, tv_nsec: 0 };
            let times = Timestamps { last_access: then, last_modification: then };
            Ok(json!(utimensat(CWD, text("path"), &times, AtFlags::empty())?))
        }
        ("net", "tcp_connect") => Ok(json!(TcpStream::connect(text("address"))?.peer_addr()?.to_string())),
        ("net", "tcp_listen") => Ok(json!(TcpListener::bind(text("address"))?.local_addr()?.to_string())),
        ("net", "udp_send") => Ok(json!(UdpSocket::bind(text("from"))?.send_to(b"probe", text("to"))?)),
        ("world", "spawn") => Ok(json!(std::process::Command::new(text("program")).status()?.code())),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}
