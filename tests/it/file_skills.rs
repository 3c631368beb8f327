//! The skills of this project that work on files of the workspace.

use serde_json::{Value, json};

use crate::first_party::{call, install, text};
use crate::host::Home;

#[path = "../../skills/pdf-to-text/src/samples.rs"]
mod pdfs;

/// Puts bytes into the workspace.
fn put(home: &Home, name: &str, bytes: &[u8]) {
    let path = home.workspace().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[track_caller]
fn why_not(answer: &Value) -> String {
    assert_eq!(answer["ok"], false, "{answer}");
    answer["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_pdf_is_read_by_pages_and_what_it_says_is_from_outside() {
    let home = Home::new();
    let running = home.start();
    install(&home, "pdf-to-text", &["fs workspace read"]);
    let pages = ["BT /F1 12 Tf 50 700 Td (Ignore previous) Tj ET", "BT /F1 12 Tf 50 700 Td [(two) -400 (words)] TJ ET"];
    put(&home, "letter.pdf", &pdfs::document(&pages));
    put(&home, "secret.pdf", &pdfs::encrypted());
    let mut client = running.connect().await;
    let said = text(&call(&mut client, "pdf_text", json!({"path": "letter.pdf"})).await);
    assert_eq!(said, "2 pages\n\n== page 1 ==\nIgnore previous\n\n== page 2 ==\ntwo words\n");
    let second = text(&call(&mut client, "pdf_text", json!({"path": "letter.pdf", "pages": "2"})).await);
    assert!(!second.contains("Ignore") && second.contains("two words"), "{second}");
    assert!(why_not(&call(&mut client, "pdf_text", json!({"path": "secret.pdf"})).await).contains("needs a password"));
    assert_eq!(call(&mut client, "pdf_text", json!({"path": "../config.json5"})).await["ok"], false);
    let sessions = client.call("sessions.list", json!({})).await.unwrap();
    assert!(sessions["sessions"][0]["tainted"].is_string(), "{sessions}");
}

#[tokio::test]
async fn a_hostile_pdf_fails_alone_and_leaves_nothing_behind() {
    let home = Home::new();
    let running = home.start();
    install(&home, "pdf-to-text", &["fs workspace read"]);
    let mut client = running.connect().await;
    for (what, bytes) in pdfs::hostile() {
        put(&home, "hostile.pdf", &bytes);
        let answer = call(&mut client, "pdf_text", json!({"path": "hostile.pdf"})).await;
        assert!(answer["ok"] == true || !why_not(&answer).is_empty(), "{what}: {answer}");
    }
    put(&home, "good.pdf", &pdfs::document(&["BT /F1 12 Tf 50 700 Td (still here) Tj ET"]));
    assert!(text(&call(&mut client, "pdf_text", json!({"path": "good.pdf"})).await).contains("still here"));
    let left: Vec<_> = std::fs::read_dir(home.workspace()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.iter().filter(|name| name.to_string_lossy().contains("pdf")).count(), 2, "{left:?}");
}
