//! What a provider wants back with its own message: signed thoughts, each with its place in the reply.

use claw_core::message::Replay;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One item that is sent back as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Bytes of the reply's text that came before it.
    pub(crate) text_at: usize,
    /// Calls of the reply that came before it.
    pub(crate) calls_at: usize,
    /// In the words of the wire format.
    pub(crate) item: Value,
}

/// Packs items for the log; `None` if there are none, or more than a log should hold. A conversation goes on without
/// its thoughts, only less well.
pub(crate) fn pack(origin: &str, kept: &[Kept]) -> Option<Replay> {
    if kept.is_empty() {
        return None;
    }
    let data = serde_json::to_string(kept).expect("replay: JSON values serialize");
    (data.len() <= Replay::MAX_BYTES).then(|| Replay { origin: origin.to_owned(), data })
}

/// The items that came from `origin`; what others wanted back is none of its business.
pub(crate) fn unpack(origin: &str, replay: Option<&Replay>) -> Vec<Kept> {
    let own = replay.filter(|replay| replay.origin == origin);
    own.and_then(|replay| serde_json::from_str(&replay.data).ok()).unwrap_or_default()
}

/// A reply taken apart in the order in which it came.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece<'a, C> {
    Kept(&'a Value),
    /// Never blank.
    Text(&'a str),
    Call(&'a C),
}

/// Puts text, calls and kept items into order. Places that the text no longer has are moved to where it ends.
pub(crate) fn pieces<'a, C>(text: &'a str, calls: &'a [C], kept: &'a [Kept]) -> Vec<Piece<'a, C>> {
    let mut pieces = Vec::with_capacity(calls.len() + kept.len() + 1);
    let (mut said, mut called) = (0, 0);
    let mut advance = |pieces: &mut Vec<Piece<'a, C>>, text_at: usize, calls_at: usize| {
        let text_at = text.floor_char_boundary(text_at.clamp(said, text.len()));
        let part = &text[said..text_at];
        if !part.trim().is_empty() {
            pieces.push(Piece::Text(part));
        }
        let calls_at = calls_at.clamp(called, calls.len());
        pieces.extend(calls[called..calls_at].iter().map(Piece::Call));
        (said, called) = (text_at, calls_at);
    };
    for item in kept {
        advance(&mut pieces, item.text_at, item.calls_at);
        pieces.push(Piece::Kept(&item.item));
    }
    advance(&mut pieces, text.len(), calls.len());
    pieces
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(text_at: usize, calls_at: usize, item: &str) -> Kept {
        Kept { text_at, calls_at, item: json!(item) }
    }

    #[test]
    fn what_is_kept_comes_back_to_its_origin_alone() {
        let items = [kept(0, 0, "a")];
        let replay = pack("anthropic-messages anthropic", &items).unwrap();
        assert_eq!(unpack("anthropic-messages anthropic", Some(&replay)), items);
        assert_eq!(unpack("anthropic-messages other", Some(&replay)), []);
        assert_eq!(unpack("openai-responses anthropic", Some(&replay)), []);
        let broken = Replay { data: "{".to_owned(), ..replay };
        assert_eq!(unpack("anthropic-messages anthropic", Some(&broken)), []);
    }

    #[test]
    fn more_than_a_log_should_hold_is_not_kept() {
        let large = "x".repeat(Replay::MAX_BYTES);
        assert_eq!(pack("o", &[kept(0, 0, &large)]), None);
        assert!(pack("o", &[kept(0, 0, &large[..Replay::MAX_BYTES - 100])]).is_some());
        assert_eq!(pack("o", &[]), None);
    }

    #[test]
    fn pieces_stand_where_they_came_and_bad_places_break_nothing() {
        let shown = |text: &str, calls: &[u8], kept: &[Kept]| -> String {
            let show = |piece: Piece<'_, u8>| match piece {
                Piece::Kept(item) => format!("<{}>", item.as_str().unwrap()),
                Piece::Text(text) => text.to_owned(),
                Piece::Call(call) => format!("({call})"),
            };
            pieces(text, calls, kept).into_iter().map(show).collect()
        };
        let items = [kept(0, 0, "a"), kept(2, 0, "b"), kept(4, 1, "c")];
        assert_eq!(shown("hiho", &[1, 2], &items), "<a>hi<b>ho(1)<c>(2)");
        assert_eq!(shown("hiho", &[1], &[]), "hiho(1)");
        // The text was cut or masked meanwhile.
        assert_eq!(shown("ä", &[], &[kept(1, 9, "a"), kept(0, 0, "b"), kept(9, 0, "c")]), "<a><b>ä<c>");
    }
}
