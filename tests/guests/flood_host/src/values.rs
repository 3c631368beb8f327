//! Values that are too large to take.

use std::mem::ManuallyDrop;

use openclaw_sdk::exec::{Command, run};
use openclaw_sdk::workspace::{Change, commit};
use openclaw_sdk::{JsonSchema, ToolError, message};
use serde::Deserialize;

/// Where one large value goes.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Into {
    File,
    Message,
    Stdin,
}

impl Into {
    pub fn send(&self, bytes: usize) -> Result<(), ToolError> {
        match self {
            Into::File => Ok(commit(&[Change::Put(("flood.txt".into(), vec![b'x'; bytes]))])?),
            Into::Message => Ok(message::send("session", &"x".repeat(bytes))?),
            Into::Stdin => program(vec!["/bin/true".to_owned()], vec![b'x'; bytes]),
        }
    }
}

pub fn empty_texts(count: usize) -> Result<(), ToolError> {
    program(vec![String::new(); count], Vec::new())
}

/// The list is small in the guest, and `count` MiB for whoever copies what it names.
pub fn shared_bytes(count: usize) -> Result<(), ToolError> {
    let mut shared = ManuallyDrop::new(vec![b'x'; 1 << 20]);
    let (start, length) = (shared.as_mut_ptr(), shared.len());
    let copy = || {
        // SAFETY: nothing writes to the bytes or frees them: the list of them is never dropped.
        let bytes = unsafe { Vec::from_raw_parts(start, length, length) };
        Change::Put(("flood.txt".to_owned(), bytes))
    };
    let changes: ManuallyDrop<Vec<Change>> = ManuallyDrop::new((0..count).map(|_| copy()).collect());
    Ok(commit(&changes)?)
}

fn program(argv: Vec<String>, stdin: Vec<u8>) -> Result<(), ToolError> {
    let command =
        Command { argv, cwd: None, env: Vec::new(), stdin: Some(stdin), timeout_ms: 1000, max_output_bytes: 1024 };
    run(&command)?;
    Ok(())
}
