use super::*;

fn fetched<'a>(content_type: &'a str, body: &'a [u8]) -> Fetched<'a> {
    Fetched { url: "https://a.test/", status: 200, content_type: Some(content_type), body, is_cut: false }
}

#[test]
fn a_page_comes_with_its_address_status_and_title() {
    let text = show(&fetched("text/html", b"<title>T</title><h1>H</h1>"), Mode::Markdown, 100);
    assert_eq!(text, "URL: https://a.test/\nStatus: 200\nContent-Type: text/html\nTitle: T\n\n# H");
    let text = show(&fetched("text/html", b"<title>T</title><h1>H</h1>"), Mode::Text, 100);
    assert!(text.ends_with("\n\nH"), "{text}");
}

#[test]
fn json_is_shown_as_it_is_and_images_are_not_shown() {
    assert!(show(&fetched("application/json", b"{\"a\":1}"), Mode::Markdown, 100).ends_with("\n\n{\"a\":1}"));
    assert!(show(&fetched("image/png", b"\x89PNG"), Mode::Markdown, 100).ends_with("[not text, 4 bytes; not shown]"));
}

#[test]
fn long_content_is_cut_between_characters() {
    let text = show(&fetched("text/plain; charset=utf-8", "ééé".as_bytes()), Mode::Text, 2);
    assert!(text.ends_with("éé\n\n[cut: 2 of 3 characters shown]"), "{text}");
}

#[test]
fn a_body_that_was_not_read_to_its_end_says_so() {
    let text = show(&Fetched { is_cut: true, ..fetched("text/plain", b"abc") }, Mode::Text, 100);
    assert!(text.ends_with("[cut: only the first 3 bytes were read]"), "{text}");
}
