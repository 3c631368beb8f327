//! The skill `web-search`: results of a search engine that its owner chooses. `parse` is pure.
//!
//! Settings (`components.web-search.config`): `engine` is `searxng` (default, with `url`, the address of an instance that
//! gives JSON), `brave` (with the secret `brave-search`) or `duckduckgo` (instant answers, no key).

mod parse;

use openclaw_sdk::{JsonSchema, Tool, ToolError, config, scope, secrets};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "web-search",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Searches the web with SearXNG, Brave or DuckDuckGo.",
    tools: [WebSearch],
    scopes: [
        scope::http_paths("https://api.search.brave.com", &["GET"], &["/res/v1/"]),
        scope::http("https://api.duckduckgo.com", &["GET"]),
        scope::http("*", &["GET"]),
        scope::secret("brave-search"),
    ],
}

/// Results that a model reads.
const MAX_RESULTS: u8 = 20;

struct WebSearch;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchArgs {
    /// What to search for.
    query: String,
    /// How many results: 1 to 20. Default: 5.
    count: Option<u8>,
}

impl Tool for WebSearch {
    type Args = SearchArgs;
    const NAME: &'static str = "web_search";
    const DESCRIPTION: &'static str =
        "Searches the web and gives titles, addresses and short excerpts of the best results.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: SearchArgs) -> Result<String, ToolError> {
        let count = args.count.unwrap_or(5);
        if !(1..=MAX_RESULTS).contains(&count) || args.query.trim().is_empty() {
            return Err(ToolError::invalid(format!("`query` must say something, and `count` be 1 to {MAX_RESULTS}")));
        }
        let query = args.query.trim();
        let results = match config::get("engine")?.as_deref() {
            None | Some("searxng") => searxng(query)?,
            Some("brave") => brave(query, count)?,
            Some("duckduckgo") => duckduckgo(query)?,
            Some(other) => {
                return Err(ToolError::Unavailable(format!(
                    "`components.web-search.config.engine` is `{other}`; it can be `searxng`, `brave` or `duckduckgo`"
                )));
            }
        };
        Ok(parse::show(query, &results[..results.len().min(usize::from(count))]))
    }
}

fn searxng(query: &str) -> Result<Vec<parse::Found>, ToolError> {
    let missing =
        "set `components.web-search.config.url` to the address of a SearXNG instance, e.g. `https://search.example`";
    let base = config::get("url")?.ok_or_else(|| ToolError::Unavailable(missing.to_owned()))?;
    let url = fetch::url(&format!("{}/search", base.trim_end_matches('/')), &[("q", query), ("format", "json")])?;
    parse::searxng(&fetch::get_json(&url, &[])?)
}

fn brave(query: &str, count: u8) -> Result<Vec<parse::Found>, ToolError> {
    let key = secrets::get("brave-search")?.placeholder();
    let count = count.to_string();
    let url = fetch::url("https://api.search.brave.com/res/v1/web/search", &[("q", query), ("count", &count)])?;
    let headers = [("accept", "application/json"), ("x-subscription-token", key.as_str())];
    parse::brave(&fetch::get_json(&url, &headers)?)
}

fn duckduckgo(query: &str) -> Result<Vec<parse::Found>, ToolError> {
    let pairs = [("q", query), ("format", "json"), ("no_html", "1"), ("skip_disambig", "1")];
    parse::duckduckgo(&fetch::get_json(&fetch::url("https://api.duckduckgo.com/", &pairs)?, &[])?)
}
