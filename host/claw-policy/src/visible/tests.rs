use proptest::prelude::*;

use super::{escape, quote, show, unquote};

#[test]
fn what_cannot_be_seen_is_shown_as_an_escape() {
    // AP-12: line breaks, bidi overrides, zero-width characters and look-alikes.
    assert_eq!(escape("a\nb\r\tc"), "a\\nb\\r\\tc");
    assert_eq!(escape("rm\u{202e}txt"), "rm\\u{202e}txt");
    assert_eq!(escape("g\u{200b}it"), "g\\u{200b}it");
    assert_eq!(escape("g\u{456}t \u{1b}[2K"), "g\\u{456}t \\u{1b}[2K");
    assert_eq!(escape("caf\u{e9} \u{e0041}"), "caf\\u{e9} \\u{e0041}");
}

#[test]
fn an_escape_in_the_text_differs_from_an_escape_of_the_text() {
    assert_ne!(escape("\n"), escape("\\n"));
    assert_ne!(show(""), show("\"\""));
}

#[test]
fn empty_texts_and_outer_spaces_are_visible() {
    assert_eq!(show(""), "\"\"");
    assert_eq!(show("git "), "\"git \"");
    assert_eq!(show("a b"), "a b");
    assert_eq!(show("{\"a\":1}"), "{\"a\":1}");
}

proptest! {
    #[test]
    fn a_quoted_text_can_be_read_back(text in any::<String>()) {
        let quoted = quote(&text);
        prop_assert!(quoted.bytes().all(|b| (b' '..=b'~').contains(&b)));
        prop_assert_eq!(unquote(&quoted[1..quoted.len() - 1]), Some(text));
    }

    #[test]
    fn different_texts_never_look_the_same(a in "[ \\\\\"a\u{430}]{0,4}", b in "[ \\\\\"a\u{430}]{0,4}") {
        prop_assert_eq!(a == b, show(&a) == show(&b));
    }
}
