use super::*;

#[test]
fn the_kind_follows_the_media_type() {
    for (content_type, kind) in [
        ("text/html; charset=utf-8", Kind::Html),
        ("TEXT/HTML", Kind::Html),
        ("application/xhtml+xml", Kind::Html),
        ("application/json", Kind::Text),
        ("application/problem+json", Kind::Text),
        ("text/markdown", Kind::Text),
        ("image/png", Kind::Other),
        ("application/octet-stream", Kind::Other),
    ] {
        assert_eq!(Kind::of(Some(content_type), b""), kind, "{content_type}");
    }
}

#[test]
fn without_a_media_type_the_first_bytes_decide() {
    assert_eq!(Kind::of(None, b"\xef\xbb\xbf \n<!DOCTYPE html><p>"), Kind::Html);
    assert_eq!(Kind::of(None, b"plain"), Kind::Text);
    assert_eq!(Kind::of(None, b"\x89PNG\0"), Kind::Other);
}

#[test]
fn characters_follow_the_header_then_the_page() {
    assert_eq!(decode(Some("text/html; charset=UTF-8"), "é".as_bytes()), "é");
    assert_eq!(decode(Some("text/html; charset=\"ISO-8859-1\""), b"\xe9\x80"), "é€");
    assert_eq!(decode(Some("text/html"), b"<meta charset='windows-1252'>\x93"), "<meta charset='windows-1252'>“");
    let old = b"<meta http-equiv=x content=\"text/html; charset=latin1\">\xe9";
    assert!(decode(None, old).ends_with('é'));
}

#[test]
fn byte_order_marks_win() {
    assert_eq!(decode(Some("text/html; charset=latin1"), b"\xff\xfea\0\xe9\0"), "aé");
    assert_eq!(decode(None, b"\xfe\xff\0a\0"), "a");
    assert_eq!(decode(None, b"\xef\xbb\xbfa"), "a");
}

#[test]
fn malformed_bytes_become_replacement_characters() {
    assert_eq!(decode(None, b"a\xff"), "a\u{fffd}");
    assert_eq!(decode(None, b"\xff\xfe\0\xd8"), "\u{fffd}");
}
