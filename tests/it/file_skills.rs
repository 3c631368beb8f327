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

/// A picture in BMP of one colour, or only its head.
fn bmp(width: u32, height: u32, is_whole: bool) -> Vec<u8> {
    let row = (3 * width).next_multiple_of(4);
    let size = u64::from(row) * u64::from(height);
    let mut bytes = b"BM".to_vec();
    bytes.extend((54 + size as u32 % (1 << 31)).to_le_bytes());
    bytes.extend([0; 4]);
    [54, 40, width, height].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes.extend(std::iter::repeat_n(0x7f, if is_whole { size as usize } else { 0 }));
    bytes
}

#[tokio::test]
async fn a_picture_is_resized_into_a_new_file_and_none_is_replaced_unasked() {
    let home = Home::new();
    let running = home.start();
    install(&home, "image", &["fs workspace read-write"]);
    put(&home, "in/photo.bmp", &bmp(400, 300, true));
    let mut client = running.connect().await;
    let resize = json!({"path": "in/photo.bmp", "width": 100, "format": "png"});
    let said = text(&call(&mut client, "image_resize", resize.clone()).await);
    assert!(said.starts_with("`in/photo-100x75.png`: PNG, 100 x 75 pixels"), "{said}");
    let info = text(&call(&mut client, "image_info", json!({"path": "in/photo-100x75.png"})).await);
    assert!(info.starts_with("PNG, 100 x 75 pixels"), "{info}");
    let made = home.workspace().join("in/photo-100x75.png");
    std::fs::write(&made, "mine").unwrap();
    assert!(why_not(&call(&mut client, "image_resize", resize.clone()).await).contains("is there already"));
    assert_eq!(std::fs::read(&made).unwrap(), b"mine");
    let mut replace = resize;
    replace["overwrite"] = true.into();
    text(&call(&mut client, "image_resize", replace).await);
    assert!(std::fs::read(&made).unwrap().starts_with(b"\x89PNG"));
    let outside = json!({"path": "in/photo.bmp", "width": 9, "output": "../out.png"});
    assert_eq!(call(&mut client, "image_resize", outside).await["ok"], false);
    assert!(!home.path().join("out.png").exists());
}

#[tokio::test]
async fn a_picture_that_is_too_large_is_refused_with_what_would_help() {
    let home = Home::new();
    let running = home.start();
    install(&home, "image", &["fs workspace read-write"]);
    put(&home, "bomb.bmp", &bmp(12_000, 10_000, false));
    put(&home, "large.bmp", &bmp(9_000, 9_000, false));
    let mut client = running.connect().await;
    let bomb = why_not(&call(&mut client, "image_resize", json!({"path": "bomb.bmp", "width": 9})).await);
    assert!(bomb.contains("12000 x 10000") && bomb.contains("at most 100 million pixels"), "{bomb}");
    let large = why_not(&call(&mut client, "image_resize", json!({"path": "large.bmp", "width": 9})).await);
    assert!(large.contains("components.image.limits.memoryMiB"), "{large}");
    assert_eq!(std::fs::read_dir(home.workspace()).unwrap().filter(|it| is_picture(it)).count(), 2);
}

fn is_picture(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| !entry.path().is_dir() && !entry.file_name().to_string_lossy().ends_with(".md"))
}
