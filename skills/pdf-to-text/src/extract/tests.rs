use super::*;
use crate::{pages, samples};

#[track_caller]
fn read(bytes: Vec<u8>, wanted: &str) -> String {
    text(bytes, Some(&pages::parse(wanted).unwrap())).unwrap()
}

#[track_caller]
fn why_not(bytes: impl Into<Vec<u8>>) -> String {
    match text(bytes.into(), None) {
        Err(ToolError::Failed(failure)) => failure.message,
        other => panic!("{other:?}"),
    }
}

const TWO: [&str; 2] = [
    "BT /F1 12 Tf 50 700 Td (Dear Ada,) Tj 0 -14 Td [(the) -400 (sum is) -300 (caf\\351 9)] TJ ET",
    "BT /F1 12 Tf 50 700 Td (The end) Tj ET",
];

#[test]
fn pages_have_their_text_in_lines_and_words() {
    let text = text(samples::document(&TWO), None).unwrap();
    assert_eq!(text, "2 pages\n\n== page 1 ==\nDear Ada,\nthe sum is café 9\n\n== page 2 ==\nThe end\n");
}

#[test]
fn only_the_pages_that_are_asked_for_are_read() {
    assert_eq!(read(samples::document(&TWO), "2-"), "2 pages\n\n== page 2 ==\nThe end\n");
    let none = text(samples::document(&TWO), Some(&[3..=9]));
    assert!(matches!(none, Err(ToolError::InvalidArguments(why)) if why.contains("the document has 2")));
}

#[test]
fn a_scan_says_that_it_has_no_text() {
    let text = text(samples::document(&["600 0 0 800 0 0 cm /I1 Do", TWO[1]]), None).unwrap();
    assert!(text.contains("== page 1 ==\n(no text, only pictures)") && !text.contains("None of these"), "{text}");
    let scan = read(samples::document(&["600 0 0 800 0 0 cm /I1 Do"]), "1");
    assert!(scan.contains("None of these pages has text"), "{scan}");
}

#[test]
fn a_long_document_comes_in_parts() {
    let page = format!("BT /F1 1 Tf 10 790 Td {} ET", "(0123456789) Tj 0 -2 Td ".repeat(6000));
    let document = samples::document(&[&page, &page]);
    let first = text(document.clone(), None).unwrap();
    assert!(first.len() <= MAX_TEXT_BYTES + 100 && first.contains("go on with page 2"), "{}", first.len());
    assert!(read(document, "2").contains("== page 2 ==\n0123456789"));
    let endless = format!("BT /F1 1 Tf 10 790 Td {} ET", "(0123456789) Tj 0 -2 Td ".repeat(20_000));
    let cut = text(samples::document(&[&endless]), None).unwrap();
    assert!(cut.len() <= MAX_TEXT_BYTES + 100 && cut.contains("the rest of page 1 is cut"), "{}", cut.len());
}

#[test]
fn what_cannot_be_read_says_why() {
    assert!(why_not(samples::encrypted()).contains("needs a password"));
    for bytes in [&b""[..], b"%PDF-1.7\n%%EOF", b"<html>", &[0; 4096]] {
        assert!(why_not(bytes).contains("no PDF, or it is broken"), "{bytes:?}");
    }
}

#[test]
fn hostile_documents_end_in_text_or_an_error() {
    for (what, bytes) in samples::hostile() {
        match text(bytes, None) {
            Ok(text) => assert!(text.len() < 2 * MAX_TEXT_BYTES, "{what}"),
            Err(ToolError::Failed(_)) => {}
            Err(err) => panic!("{what}: {err:?}"),
        }
    }
}
