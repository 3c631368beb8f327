//! Slash commands that the host itself obeys. They never reach the model.

use claw_core::approval::{Always, Answer};

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slash {
    /// `/approve ID... once|deny|pause`, `/approve ID always`.
    Approve { ids: Vec<String>, answer: Answer },
    /// `/approve more`: the conversation may ask as often again.
    More,
    /// `/stop`: ends the conversation's runs.
    Stop,
    /// A command whose rest makes no sense; the text says how it is written.
    Malformed(&'static str),
    /// `/skill` without a skill that can be started; the text names those that can.
    NoSkill(String),
}

impl Slash {
    /// Reads a message; `None` if it is not one of the host's commands. A space in front makes it a text.
    pub fn parse(text: &str) -> Option<Slash> {
        if !text.starts_with('/') {
            return None;
        }
        let mut words = text.split_whitespace();
        match words.next()? {
            "/approve" => {
                let words: Vec<_> = words.collect();
                Some(match words.as_slice() {
                    ["more"] => Slash::More,
                    words => read_approve(words).unwrap_or(Slash::Malformed(HELP)),
                })
            }
            "/stop" if words.next().is_none() => Some(Slash::Stop),
            _ => None,
        }
    }
}

const HELP: &str = "write `/approve ID once`, `/approve ID always`, `/approve ID deny` or `/approve ID pause`; the card \
                    shows the id. Several ids can have one answer, but not `always`, behind which can stand the number \
                    of a choice, `uses N` and `for 7d`";

/// Ids, and behind them the answer.
fn read_approve(words: &[&str]) -> Option<Slash> {
    let is_id = |word: &&&str| word.bytes().all(|digit| digit.is_ascii_hexdigit());
    let count = words.iter().take_while(is_id).count().max(1);
    let (ids, answer) = words.split_at_checked(count)?;
    let answer = read_answer(answer)?;
    let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
    (ids.len() == 1 || !matches!(answer, Answer::Always(_))).then_some(Slash::Approve { ids, answer })
}

fn read_answer(words: &[&str]) -> Option<Answer> {
    match words {
        ["once" | "allow-once"] => Some(Answer::Once),
        ["always" | "allow-always", terms @ ..] => read_always(terms).map(Answer::Always),
        ["deny"] => Some(Answer::Deny),
        ["pause"] => Some(Answer::Pause),
        _ => None,
    }
}

fn read_always(mut words: &[&str]) -> Option<Always> {
    let mut always = Always::default();
    if let [number, rest @ ..] = words
        && let Ok(number) = number.parse::<u8>()
    {
        always.choice = number.checked_sub(1)?;
        words = rest;
    }
    loop {
        match words {
            [] => return Some(always),
            ["uses", count, rest @ ..] => {
                always.uses = Some(count.parse().ok().filter(|count| *count > 0)?);
                words = rest;
            }
            ["for", span, rest @ ..] => {
                always.for_ms = Some(claw_core::span::millis(span)?);
                words = rest;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_read_whole_or_not_at_all() {
        let approve = |answer| Some(Slash::Approve { ids: vec!["ab12".to_owned()], answer });
        assert_eq!(Slash::parse("/approve  ab12 once\n"), approve(Answer::Once));
        assert_eq!(Slash::parse("/approve ab12 allow-once"), approve(Answer::Once));
        assert_eq!(Slash::parse("/approve ab12 deny"), approve(Answer::Deny));
        assert_eq!(Slash::parse("/approve ab12 pause"), approve(Answer::Pause));
        assert_eq!(Slash::parse("/approve ab12 always"), approve(Answer::Always(Always::default())));
        let long = Always { choice: 1, uses: Some(5), for_ms: Some(7 * 24 * 60 * 60 * 1000) };
        assert_eq!(Slash::parse("/approve ab12 always 2 uses 5 for 7d"), approve(Answer::Always(long)));
        let both = vec!["ab12".to_owned(), "cd34".to_owned()];
        assert_eq!(Slash::parse("/approve ab12 cd34 deny"), Some(Slash::Approve { ids: both, answer: Answer::Deny }));
        assert_eq!(Slash::parse("/approve more"), Some(Slash::More));
        for bad in ["/approve ab12 always 0", "/approve ab12 always uses 0", "/approve ab12 always for ever"] {
            assert!(matches!(Slash::parse(bad), Some(Slash::Malformed(_))), "{bad}");
        }
        for bad in [
            "/approve",
            "/approve once",
            "/approve ab12",
            "/approve ab12 cd34 always",
            "/approve ab12 yes",
            "/approve ab12 once and more",
        ] {
            assert!(matches!(Slash::parse(bad), Some(Slash::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn other_text_is_for_the_model() {
        for text in [
            "approve ab12 once",
            "please /approve ab12 once",
            " /approve ab12 once",
            " /stop",
            "/stop that",
            "/other",
            "",
        ] {
            assert_eq!(Slash::parse(text), None, "{text}");
        }
        assert_eq!(Slash::parse("/stop"), Some(Slash::Stop));
    }
}
