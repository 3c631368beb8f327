//! Slash commands that the host itself obeys. They never reach the model.

use claw_core::approval::Answer;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slash {
    /// `/approve ID once|deny`.
    Approve { id: String, answer: Answer },
    /// `/stop`: ends the conversation's runs.
    Stop,
    /// A command whose rest makes no sense; the text says how it is written.
    Malformed(&'static str),
}

impl Slash {
    /// Reads a message; `None` if it is not one of the host's commands.
    pub(super) fn parse(text: &str) -> Option<Slash> {
        let mut words = text.split_whitespace();
        match words.next()? {
            "/approve" => {
                let (id, answer, rest) = (words.next(), words.next(), words.next());
                let answer = match answer {
                    Some("once" | "allow-once") => Some(Answer::Once),
                    Some("deny") => Some(Answer::Deny),
                    _ => None,
                };
                Some(match (id, answer, rest) {
                    (Some(id), Some(answer), None) => Slash::Approve { id: id.to_owned(), answer },
                    _ => Slash::Malformed("write `/approve ID once` or `/approve ID deny`; the card shows the id"),
                })
            }
            "/stop" if words.next().is_none() => Some(Slash::Stop),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_read_whole_or_not_at_all() {
        let approve = |answer| Some(Slash::Approve { id: "ab12".to_owned(), answer });
        assert_eq!(Slash::parse(" /approve ab12 once\n"), approve(Answer::Once));
        assert_eq!(Slash::parse("/approve ab12 allow-once"), approve(Answer::Once));
        assert_eq!(Slash::parse("/approve ab12 deny"), approve(Answer::Deny));
        for bad in ["/approve", "/approve ab12", "/approve ab12 yes", "/approve ab12 once and more"] {
            assert!(matches!(Slash::parse(bad), Some(Slash::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn other_text_is_for_the_model() {
        for text in ["approve ab12 once", "please /approve ab12 once", "/stop that", "/other", ""] {
            assert_eq!(Slash::parse(text), None, "{text}");
        }
        assert_eq!(Slash::parse("/stop"), Some(Slash::Stop));
    }
}
