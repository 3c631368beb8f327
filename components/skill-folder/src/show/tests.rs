use super::{block, excerpt, line};

#[test]
fn what_is_hidden_is_shown() {
    let tags = "a\u{e0069}\u{e0067}b\u{200b}c\u{202e}d\u{1b}[31me\u{fe01}";
    assert_eq!(block(tags), "a\\u{e0069}\\u{e0067}b\\u{200b}c\\u{202e}d\\u{1b}[31me\\u{fe01}");
    assert_eq!(line(" a\r\n\tb \u{2028}c"), "a b c");
    assert_eq!(excerpt(&"x\n".repeat(100)).len(), 39);
}

#[test]
fn ordinary_text_is_not_touched() {
    for text in ["Grüße,\n\t天気 👩‍🔧 ⚙️", "{\"a\": 1}"] {
        assert!(matches!(block(text), std::borrow::Cow::Borrowed(_)), "{text}");
    }
    assert_eq!(block("a\r\nb"), "a\nb");
}
