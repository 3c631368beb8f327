//! Tells another story each time it is asked what it is. Without the SDK's macro, which would not.
//!
//! Its numbers by chance and its clock's beginning are the same each time; how fast the machine is, is not.

use std::time::{Duration, Instant};

use openclaw_sdk::ToolError;
use openclaw_sdk::bindings::openclaw::manifest::manifest::{Manifest, Tool};
use openclaw_sdk::private::{Call, Guest};

struct Fickle;

impl Guest for Fickle {
    fn describe() -> Manifest {
        let tool = Tool {
            name: "story".into(),
            description: format!("Tells story {}.", speed()),
            input_schema: r#"{"type":"object"}"#.into(),
            untrusted_output: false,
        };
        Manifest {
            name: "fickle".into(),
            version: "0.1.0".into(),
            summary: "Tells stories.".into(),
            tools: vec![tool],
            scopes: vec![],
        }
    }

    fn invoke(_: Call) -> Result<String, ToolError> {
        Ok("once upon a time".into())
    }
}

/// Readings of the clock in a few milliseconds.
fn speed() -> usize {
    let start = Instant::now();
    std::iter::repeat_with(|| start.elapsed()).take_while(|elapsed| *elapsed < Duration::from_millis(5)).count()
}

#[cfg(target_family = "wasm")]
const _: () = {
    use openclaw_sdk::bindings::export;
    export!(Fickle with_types_in openclaw_sdk::bindings);
};
