//! The skill `web-search` with the engines whose addresses are fixed, and answers in their form.

use serde_json::{Value, json};

use super::{call, install, put_secret, text};
use crate::host::Home;

const BRAVE: &str = "GET https://api.search.brave.com/res/v1/web/search?q=rust+%26+iron&count=2";
const DUCK: &str = "GET https://api.duckduckgo.com/?q=rust&format=json&no_html=1&skip_disambig=1";
const BRAVE_GRANTS: [&str; 2] = ["http https://api.search.brave.com GET /res/v1/", "secret brave-search"];

/// The skill in a host that answers requests from this list, set to this engine.
fn with_engine(engine: &str, grants: &[&str], answers: &Value) -> Home {
    let home = Home::new().http_answers(answers);
    put_secret(&home, "brave-search", "k-1234567890", "https://api.search.brave.com");
    let running = home.start();
    install(&home, "web-search", grants);
    drop(running);
    home.config(&json!({"components": {"web-search": {"config": {"engine": engine}}}}).to_string())
}

#[tokio::test]
async fn brave_is_asked_with_the_key_and_its_results_are_shown() {
    let result = |n: u8| {
        json!({"type": "search_result", "title": format!("Iron <strong>oxide</strong> {n}"),
            "url": format!("https://r.example/{n}"), "description": "Rust &amp; iron.", "age": "2 days ago"})
    };
    let answers = json!([
        {"request": BRAVE, "json": {"type": "search", "query": {"original": "rust & iron"},
            "web": {"type": "search", "results": [result(1), result(2), result(3)]}}},
        {"request": BRAVE, "json": {"type": "search", "query": {"original": "rust & iron"}}},
        {"request": BRAVE, "status": 429, "headers": {"retry-after": "1"}, "json": {"type": "ErrorResponse"}},
        {"request": BRAVE, "json": {"web": {"results": "none"}}},
    ]);
    let home = with_engine("brave", &BRAVE_GRANTS, &answers);
    let running = home.start();
    let mut client = running.connect().await;
    let query = json!({"query": "rust & iron", "count": 2});
    let told = text(&call(&mut client, "web_search", query.clone()).await);
    assert!(told.contains("1. Iron oxide 1\n   https://r.example/1\n   Rust & iron."), "{told}");
    assert!(told.contains("https://r.example/2") && !told.contains("https://r.example/3"), "{told}");
    let nothing = text(&call(&mut client, "web_search", query.clone()).await);
    assert!(nothing.contains("nothing was found for `rust & iron`"), "{nothing}");
    let busy = call(&mut client, "web_search", query.clone()).await;
    assert!(busy["error"]["message"].as_str().unwrap().contains("try again in 1 s"), "{busy}");
    let strange = call(&mut client, "web_search", query).await;
    assert!(strange["error"]["message"].as_str().unwrap().contains("results"), "{strange}");
    // The key goes along and is nowhere else.
    let record = home.json(&["audit", "list", "--component", "web-search"]).to_string();
    assert!(record.contains("brave-search") && !record.contains("k-1234567890"), "{record}");
}

#[tokio::test]
async fn brave_is_not_asked_with_a_key_that_was_not_granted() {
    let home = with_engine("brave", &BRAVE_GRANTS[..1], &json!([{"request": BRAVE, "json": {}}]));
    let running = home.start();
    let query = json!({"query": "rust & iron", "count": 2});
    let refused = call(&mut running.connect().await, "web_search", query).await;
    assert_eq!((&refused["ok"], &refused["error"]["code"]), (&json!(false), &json!("E_POLICY_DENY")), "{refused}");
}

#[tokio::test]
async fn the_instant_answers_of_duckduckgo_are_shown_with_their_groups() {
    let topic = |name: &str| {
        json!({"FirstURL": format!("https://duckduckgo.com/{name}"), "Icon": {"URL": ""}, "Result": "",
            "Text": format!("{name} - What {name} is.")})
    };
    let answers = json!([{"request": DUCK, "headers": {"content-type": "application/x-javascript"}, "json": {
        "AbstractText": "A language.", "AbstractURL": "https://en.example/Rust", "Heading": "Rust", "Type": "A",
        "RelatedTopics": [topic("Cargo"), {"Name": "See also", "Topics": [topic("Iron")]}],
    }}]);
    let home = with_engine("duckduckgo", &["http https://api.duckduckgo.com GET"], &answers);
    let running = home.start();
    let told = text(&call(&mut running.connect().await, "web_search", json!({"query": "rust"})).await);
    assert!(told.contains("1. Rust\n   https://en.example/Rust\n   A language."), "{told}");
    assert!(told.contains("2. Cargo") && told.contains("3. Iron\n   https://duckduckgo.com/Iron"), "{told}");
}
