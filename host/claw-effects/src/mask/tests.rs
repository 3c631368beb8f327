use super::*;

const SECRET: &str = "sk-Zz 9/+~\u{e4}:token";

fn mask(secrets: &[(&str, &str)]) -> Mask {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), Zeroizing::new((*value).to_owned()));
    Mask::new(secrets.iter().map(owned).collect())
}

/// Passes `text` through in pieces of every size and checks that it comes out the same way as in one piece.
#[track_caller]
fn check(mask: &Mask, text: &str, expected: &str) {
    assert_eq!(mask.text(text), expected);
    for size in 1..=text.len() {
        let mut stream = mask.stream();
        let mut out: Vec<u8> = text.as_bytes().chunks(size).flat_map(|piece| stream.push(piece)).collect();
        out.extend(stream.finish());
        assert_eq!(String::from_utf8(out).unwrap(), expected, "pieces of {size}");
    }
}

#[test]
fn a_secret_is_hidden_wherever_the_pieces_are_cut() {
    // SE-06
    let mask = mask(&[("api", SECRET)]);
    check(&mask, &format!("a{SECRET}b{SECRET}{SECRET}"), "a<secret api>b<secret api><secret api>");
    check(&mask, "sk-Zz 9/+~ and sk-", "sk-Zz 9/+~ and sk-");
    check(&mask, &format!("sk-Zsk-{SECRET}"), "sk-Zsk-<secret api>");
    check(&mask, "", "");
}

#[test]
fn encoded_forms_are_hidden() {
    // SE-06
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    let mask = mask(&[("api", SECRET)]);
    check(&mask, "x?k=sk-Zz%209%2F%2B~%C3%A4%3Atoken&", "x?k=<secret api>&");
    check(&mask, "x?k=sk-Zz%209%2f%2b~%c3%a4%3atoken&", "x?k=<secret api>&");
    check(&mask, "x?k=sk-Zz+9%2F%2B~%C3%A4%3Atoken&", "x?k=<secret api>&");
    for before in ["", "u", "us", "use", "user:"] {
        for after in ["", ":", "::", ":::"] {
            let text = format!("{before}{SECRET}{after}");
            for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                let masked = mask.text(&encoded);
                assert!(masked.contains("<secret api>"), "{encoded} {masked}");
                // At most the characters shared with a neighbour are left: less than one byte at each end.
                assert!(masked.len() <= "<secret api>".len() + 8 + 8, "{encoded} {masked}");
                check(&mask, &encoded, &masked.clone());
            }
        }
    }
}

#[test]
fn a_secret_inside_json_is_hidden() {
    let mask = mask(&[("pem", "-----BEGIN KEY-----\n\"a\\b\"\t")]);
    check(&mask, r#"{"key":"-----BEGIN KEY-----\n\"a\\b\"\t"}"#, r#"{"key":"<secret pem>"}"#);
}

#[test]
fn a_secret_that_begins_with_another_is_hidden_as_a_whole() {
    let mask = mask(&[("short", "abcd"), ("long", "abcdefgh")]);
    check(&mask, "abcdefgh abcdefg abcd", "<secret long> <secret short>efg <secret short>");
}

#[test]
fn very_short_values_are_left_alone_and_nothing_is_shown() {
    let mask = mask(&[("pin", "123"), ("empty", ""), ("key", "hidden-value")]);
    check(&mask, "123", "123");
    assert_eq!(format!("{mask:?}"), r#"Mask(["<secret key>"])"#);
    assert!(self::mask(&[("pin", "123")]).is_empty());
    let mut stream = mask.stream();
    stream.push(b"hidden-val");
    assert!(!format!("{stream:?}").contains("hidden"), "{stream:?}");
}

#[test]
fn a_stream_holds_back_no_more_than_a_secret() {
    let mask = mask(&[("key", &"a".repeat(100))]);
    let mut stream = mask.stream();
    let passed: usize = (0..1000).map(|_| stream.push(b"aaaaaaaaab").len()).sum();
    assert_eq!(passed, 10_000);
}
