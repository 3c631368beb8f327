//! Offers a channel whose types are not those of the interface.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "odd" });
}

use bindings::exports::openclaw::channel::guest::{Abilities, Batch, Failure, Guest, Outgoing, OutgoingFile};
use openclaw_sdk::{NoArgs, Tool, ToolError};

openclaw_sdk::export_component! {
    name: "odd_channel",
    version: "0.1.0",
    summary: "Offers a channel of other types.",
    tools: [Odd],
    scopes: [],
}

struct Odd;

impl Tool for Odd {
    type Args = NoArgs;
    const NAME: &'static str = "odd";
    const DESCRIPTION: &'static str = "Says that it is odd.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        Ok("odd".into())
    }
}

impl Guest for Odd {
    fn get_abilities() -> Abilities {
        Abilities { text_limit: 1, idempotent: false, edits: false, file_limit: 0 }
    }

    fn receive(_: Option<String>) -> Result<Batch, Failure> {
        Ok(Batch { messages: Vec::new(), cursor: String::new(), wait_ms: 0 })
    }

    fn send(_: Outgoing) -> Result<u64, Failure> {
        Ok(1)
    }

    fn send_file(_: OutgoingFile) -> Result<String, Failure> {
        Ok(String::new())
    }

    fn fetch(_: String) -> Result<Vec<u8>, Failure> {
        Ok(Vec::new())
    }
}

#[cfg(target_family = "wasm")]
bindings::export!(Odd with_types_in bindings);
