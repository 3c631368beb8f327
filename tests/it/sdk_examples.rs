//! The examples of the SDKs, in the real host.

use serde_json::{Value, json};

use crate::host::{Home, sdk_guest};

/// What a tool of an example gives on a workspace that holds these files.
async fn call(component: &str, tool: &str, files: &[(&str, &str)], args: Value) -> Value {
    let home = Home::new().component_from(component, &sdk_guest(&component.replace('-', "_")));
    let home = files.iter().fold(home, |home, (name, text)| home.file(name, text));
    let home = home.config(&json!({"grants": {component: ["fs workspace read"]}}).to_string());
    let running = home.start();
    let invoked = json!({"name": tool, "args": args});
    let mut answer = running.connect().await.call("tools.invoke", invoked).await.unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    answer["output"].take()
}

fn parsed(output: &Value) -> Value {
    serde_json::from_str(output.as_str().unwrap()).unwrap_or_else(|err| panic!("{err}: {output}"))
}

#[tokio::test]
async fn word_count_in_rust_counts_a_file() {
    let file = ("notes.md", "Tea and milk.\nMilk and sugar.\n");
    let counts = parsed(&call("word-count", "word_count", &[file], json!({"path": "notes.md", "top": 2})).await);
    assert_eq!(
        counts,
        json!({"lines": 2, "words": 6, "characters": 30, "most_used": [["and", 2], ["milk", 2]]}),
        "{counts}"
    );
}

#[tokio::test]
async fn csv_sums_in_python_adds_exactly() {
    let file = ("costs.csv", "what,net,tax\ntea,0.10,1\nmilk,0.20,\n");
    let sums = parsed(&call("csv-sums", "csv_sums", &[file], json!({"path": "costs.csv"})).await);
    assert_eq!(sums, json!({"rows": 2, "sums": {"net": "0.30", "tax": "1"}}));
}

#[tokio::test]
async fn slug_in_typescript_makes_a_name() {
    let name = call("slug", "slug", &[], json!({"title": "Übers Meer: 20\u{a0}000 Lieues!", "max_length": 20})).await;
    assert_eq!(name, "uebers-meer-20-000");
}

#[tokio::test]
async fn convert_in_c_converts() {
    let args = json!({"amount": 212, "from": "F", "to": "C"});
    assert_eq!(call("convert", "convert", &[], args).await, "212 F = 100 C");
}

#[tokio::test]
async fn line_diff_in_go_shows_what_changed() {
    let files = [("a.txt", "milk\neggs\nbread\n"), ("b.txt", "milk\nham\nbread\n")];
    let shown = call("line-diff", "line_diff", &files, json!({"old": "a.txt", "new": "b.txt", "context": 0})).await;
    assert_eq!(shown, "1 lines gone, 1 lines new\n…\n-eggs\n+ham\n…\n");
}
