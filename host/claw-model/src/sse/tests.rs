use proptest::prelude::*;

use super::*;

fn parse(pieces: &[&[u8]]) -> Vec<String> {
    let mut parser = SseParser::default();
    pieces.iter().flat_map(|piece| parser.push(piece).unwrap()).collect()
}

const STREAM: &str = "\u{feff}: hello\r\nevent: ping\r\ndata: {}\r\n\r\nretry: 5\ndata:one\ndata: two\ndata\n\n\
                      id: 7\rdata: grüße €\r\r\n\n: end\n\ndata: [DONE]\n\n";

fn expected() -> Vec<String> {
    ["{}", "one\ntwo\n", "grüße €", "[DONE]"].map(str::to_owned).to_vec()
}

#[test]
fn all_line_ends_comments_and_multi_line_data_are_understood() {
    assert_eq!(parse(&[STREAM.as_bytes()]), expected());
}

#[test]
fn a_stream_split_in_two_at_any_byte_gives_the_same_events() {
    for at in 0..=STREAM.len() {
        let (left, right) = STREAM.as_bytes().split_at(at);
        assert_eq!(parse(&[left, right]), expected(), "split at {at}");
    }
}

#[test]
fn a_stream_fed_byte_by_byte_gives_the_same_events() {
    let bytes: Vec<&[u8]> = STREAM.as_bytes().chunks(1).collect();
    assert_eq!(parse(&bytes), expected());
}

#[test]
fn an_event_without_its_empty_line_is_not_delivered() {
    assert!(parse(&[b"data: half\n"]).is_empty());
    assert!(parse(&[b"data: half"]).is_empty());
}

#[test]
fn a_line_over_the_limit_is_refused_in_one_piece_and_in_many() {
    let line = vec![b'x'; MAX_EVENT_BYTES + 1];
    assert_eq!(SseParser::default().push(&line), Err(SseError::EventTooLong));
    let mut parser = SseParser::default();
    let refused = line.chunks(4096).find_map(|piece| parser.push(piece).err());
    assert_eq!(refused, Some(SseError::EventTooLong));
    assert!(SseParser::default().push(&line[1..]).is_ok());
}

#[test]
fn many_data_lines_of_one_event_are_refused_above_the_limit() {
    let line = format!("data: {}\n", "x".repeat(MAX_EVENT_BYTES / 4));
    let mut parser = SseParser::default();
    let results: Vec<bool> = (0..5).map(|_| parser.push(line.as_bytes()).is_ok()).collect();
    assert_eq!(results, [true, true, true, false, false]);
}

#[test]
fn an_endless_stream_of_comments_is_refused() {
    let comments = format!(":{}\n", "x".repeat(1022)).repeat(1024);
    let mut parser = SseParser::default();
    let refused = (0..=64).find_map(|_| parser.push(comments.as_bytes()).err());
    assert_eq!(refused, Some(SseError::StreamTooLong));
}

proptest! {
    #[test]
    fn any_bytes_cut_anywhere_parse_alike_and_never_panic(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), any::<u8>()], 0..200),
        cut in 0usize..200,
    ) {
        let (left, right) = bytes.split_at(cut.min(bytes.len()));
        prop_assert_eq!(parse(&[&bytes]), parse(&[left, right]));
    }
}
