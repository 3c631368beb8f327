//! Asks the host for the same thing over and over: what an effect costs.

use openclaw_sdk::http::{BodyEnd, Request};
use openclaw_sdk::{JsonSchema, Tool, ToolError, keyvalue, scope};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "effects",
    version: "0.1.0",
    summary: "Asks the host for the same thing over and over.",
    tools: [Ask, Fetch],
    scopes: [scope::store("notes"), scope::http("*", &["GET"])],
}

struct Ask;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskArgs {
    /// How often.
    times: u32,
}

impl Tool for Ask {
    type Args = AskArgs;
    const NAME: &'static str = "ask";
    const DESCRIPTION: &'static str = "Reads a value that is not there from a store.";

    fn call(args: AskArgs) -> Result<String, ToolError> {
        let refused = |err| ToolError::Unavailable(format!("the store cannot be read: {err:?}"));
        let store = keyvalue::open("notes").map_err(refused)?;
        for _ in 0..args.times {
            store.get("milk").map_err(refused)?;
        }
        Ok(format!("asked {} times", args.times))
    }
}

struct Fetch;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FetchArgs {
    url: String,
    /// Of the answer's body.
    bytes: usize,
    /// How often.
    times: u32,
}

impl Tool for Fetch {
    type Args = FetchArgs;
    const NAME: &'static str = "fetch";
    const DESCRIPTION: &'static str = "Fetches a URL and checks the length of what comes.";

    fn call(args: FetchArgs) -> Result<String, ToolError> {
        for _ in 0..args.times {
            let response = Request::new("GET", &args.url).send(args.bytes)?;
            if response.status != 200 || response.body.len() != args.bytes || response.end != BodyEnd::Complete {
                let got = response.body.len();
                return Err(ToolError::Unavailable(format!("status {}, {got} bytes", response.status)));
            }
        }
        Ok(format!("fetched {} times", args.times))
    }
}
