//! The component `web`: fetches pages. `body`, `page` and `show` are pure.

mod body;
mod fetch;
mod page;
mod show;

use openclaw_sdk::scope;

openclaw_sdk::export_component! {
    name: "web",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Fetches pages of the web as Markdown or text.",
    tools: [fetch::WebFetch],
    scopes: [scope::http("*", &["GET"])],
}
