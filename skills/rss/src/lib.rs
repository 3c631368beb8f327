//! The skill `rss`: what is new in feeds, RSS and Atom. `items` is pure.

mod items;

use openclaw_sdk::{JsonSchema, Tool, ToolError, scope};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "rss",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Reads news feeds.",
    tools: [Feed],
    scopes: [scope::http("*", &["GET"])],
}

/// Items that a model reads.
const MAX_ITEMS: u8 = 50;

struct Feed;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FeedArgs {
    /// Address of the feed.
    url: String,
    /// How many items, the newest first: 1 to 50. Default: 10.
    count: Option<u8>,
}

impl Tool for Feed {
    type Args = FeedArgs;
    const NAME: &'static str = "feed";
    const DESCRIPTION: &'static str = "Reads a news feed (RSS, Atom or JSON Feed): titles, dates, addresses and short texts \
        of its newest items.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: FeedArgs) -> Result<String, ToolError> {
        let count = args.count.unwrap_or(10);
        if !(1..=MAX_ITEMS).contains(&count) {
            return Err(ToolError::invalid(format!("`count` is {count}; it can be 1 to {MAX_ITEMS}")));
        }
        let accept =
            "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5";
        let body = fetch::get(&fetch::url(&args.url, &[])?, &[("accept", accept)])?;
        items::show(&body, usize::from(count))
    }
}
