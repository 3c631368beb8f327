use super::*;

const PAGE: &str = "<!doctype html><html><head><title> A &amp;\n B </title><style>p{}</style></head><body>\
    <nav><a href=/>Home</a></nav><h1>Hello</h1><p>One <b>bold</b> &lt;word&gt; and a <a href=\"/x\">link</a>.</p>\
    <script>if (a < b) { document.write('<p>evil</p>') }</script><ul><li>first<li>second</ul>\
    <footer>imprint</footer></body></html>";

#[test]
fn the_outline_has_the_title_and_what_readers_see() {
    let outline = outline(PAGE);
    assert_eq!(outline.title, "A & B");
    assert_eq!(outline.text, "Hello\n\nOne bold <word> and a link.\n\nfirst\nsecond");
}

#[test]
fn markdown_keeps_headings_links_and_lists() {
    let markdown = markdown(PAGE, &outline(PAGE)).unwrap();
    assert!(markdown.starts_with("# Hello\n"), "{markdown}");
    assert!(markdown.contains("**bold**") && markdown.contains("[link](/x)"), "{markdown}");
    assert!(markdown.contains("first") && markdown.contains("second"), "{markdown}");
    for hidden in ["evil", "Home", "imprint", "p{}", "A &"] {
        assert!(!markdown.contains(hidden), "{hidden} in {markdown}");
    }
}

#[test]
fn a_page_nested_too_deeply_is_only_text() {
    let deep = format!("{}deep{}", "<div>".repeat(100_000), "</div>".repeat(100_000));
    let outline = outline(&deep);
    assert_eq!(outline.text, "deep");
    assert_eq!(markdown(&deep, &outline), None);
}

#[test]
fn a_long_flat_page_is_not_deep() {
    let flat = "<p>a<br><li>b".repeat(1_000);
    assert!(outline(&flat).depth == 0);
    assert!(markdown(&flat, &outline(&flat)).is_some());
}

#[test]
fn pages_that_are_cut_or_broken_still_give_their_text() {
    assert_eq!(outline("<p>a<p>b<scr").text, "a\nb");
    assert_eq!(outline("<head><title>t</title><body>x").text, "x");
    assert_eq!(outline("</div></p>a").text, "a");
    assert_eq!(outline("").text, "");
}
