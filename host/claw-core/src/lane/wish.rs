//! How somebody wants messages to wait, in words: `collect debounce:2s cap:5 drop:old`.

use std::fmt;
use std::time::Duration;

use super::{DropPolicy, QueueMode, Queueing};

/// The longest [`Queueing::debounce`]: later, nobody would know any more what is waited for.
pub const LONGEST_DEBOUNCE: Duration = Duration::from_secs(600);
/// The highest [`Queueing::cap`]: more messages than a model could answer together.
pub const MOST_WAITING: usize = 1000;

/// What is wanted; the rest is as usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueWish {
    /// See [`Queueing::mode`].
    pub mode: Option<QueueMode>,
    /// See [`Queueing::debounce`]; at most [`LONGEST_DEBOUNCE`], in whole milliseconds.
    pub debounce: Option<Duration>,
    /// See [`Queueing::cap`]; 1 to [`MOST_WAITING`].
    pub cap: Option<usize>,
    /// See [`Queueing::drop`].
    pub drop: Option<DropPolicy>,
}

impl QueueWish {
    /// Reads a wish, each part at most once; `None` for anything else, and for nothing at all.
    pub fn parse(text: &str) -> Option<QueueWish> {
        let mut wish = QueueWish::default();
        for word in text.split_whitespace() {
            let is_new = match word.split_once(':') {
                None => wish.mode.replace(QueueMode::named(word)?).is_none(),
                Some(("debounce", span)) => wish.debounce.replace(read_span(span)?).is_none(),
                Some(("cap", count)) => {
                    let count = count.parse().ok().filter(|count| (1..=MOST_WAITING).contains(count));
                    wish.cap.replace(count?).is_none()
                }
                Some(("drop", name)) => {
                    let known = DropPolicy::ALL.into_iter().find(|policy| policy.as_str() == name);
                    wish.drop.replace(known?).is_none()
                }
                Some(_) => return None,
            };
            if !is_new {
                return None;
            }
        }
        (wish != QueueWish::default()).then_some(wish)
    }

    /// Whether a word is meant as a part of a wish, rightly written or not.
    pub fn is_part(word: &str) -> bool {
        let name = word.split_once(':').map(|(name, _)| name);
        QueueMode::named(word).is_some() || matches!(name, Some("debounce" | "cap" | "drop"))
    }

    /// The wish, and what is usual where it says nothing.
    pub fn or(self, usual: Queueing) -> Queueing {
        Queueing {
            mode: self.mode.unwrap_or(usual.mode),
            debounce: self.debounce.unwrap_or(usual.debounce),
            cap: self.cap.unwrap_or(usual.cap),
            drop: self.drop.unwrap_or(usual.drop),
        }
    }
}

/// As `parse` reads it.
impl fmt::Display for QueueWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.mode.map(|mode| mode.as_str().to_owned()),
            self.debounce.map(|span| format!("debounce:{}ms", span.as_millis())),
            self.cap.map(|cap| format!("cap:{cap}")),
            self.drop.map(|policy| format!("drop:{}", policy.as_str())),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

fn read_span(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    let span = Duration::from_millis(digits.parse::<u64>().ok()?.checked_mul(millis)?);
    (span <= LONGEST_DEBOUNCE).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_read_as_it_is_written_and_leaves_the_rest_as_usual() {
        for (text, again) in [
            ("collect", "collect"),
            ("collect  debounce:2s cap:5 drop:old", "collect debounce:2000ms cap:5 drop:old"),
            ("drop:new debounce:10m steer", "steer debounce:600000ms drop:new"),
            ("debounce:0ms", "debounce:0ms"),
        ] {
            let wish = QueueWish::parse(text).unwrap();
            assert_eq!(wish.to_string(), again);
            assert_eq!(QueueWish::parse(again), Some(wish));
        }
        let usual =
            Queueing { mode: QueueMode::Steer, debounce: Duration::from_secs(1), cap: 20, drop: DropPolicy::New };
        let wanted = QueueWish::parse("cap:5 collect").unwrap().or(usual);
        assert_eq!(wanted, Queueing { mode: QueueMode::Collect, cap: 5, ..usual });
    }

    #[test]
    fn what_is_no_wish_is_not_half_read() {
        for bad in [
            "",
            "loudly",
            "collect steer",
            "cap:0",
            "cap:1001",
            "cap:5 cap:6",
            "cap:",
            "drop:all",
            "debounce:2",
            "debounce:11m",
            "debounce:é",
            "debounce:99999999999999999999m",
            "collect what",
            "queue:collect",
        ] {
            assert_eq!(QueueWish::parse(bad), None, "{bad}");
        }
        assert!(QueueWish::is_part("cap:x") && QueueWish::is_part("steer") && !QueueWish::is_part("what"));
    }
}
