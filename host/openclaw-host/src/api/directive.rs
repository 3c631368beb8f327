//! Directives: words in front of a message that hold for its answer alone, and that the model does not see.
//!
//! ```text
//!   /think high /model openai/gpt-5 what is it?
//!   └──── directives, any number ─┘ └ message ┘
//! ```
//! What behind the slash is no such word stays in the message, and so does all of it if nothing or another command
//! follows.

use claw_model::Thinking;
use claw_store::Preferences;

/// What is preferred for one message, and that message; `None` if there is no directive in front of it.
pub fn split(text: &str) -> Option<(Preferences, &str)> {
    let mut own = Preferences::default();
    let mut rest = text;
    while let Some((name, value, behind)) = words(rest) {
        match name {
            "/think" if Thinking::named(value).is_some() => own.thinking = Some(value.to_owned()),
            // Models are named with their provider; `/model trains` is about something else.
            "/model" if value.contains('/') => own.model = Some(value.to_owned()),
            _ => break,
        }
        rest = behind;
    }
    (!own.is_empty() && !rest.starts_with('/')).then_some((own, rest))
}

/// A word, the one behind it, and what follows these; `None` unless there is something of each.
fn words(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once(char::is_whitespace)?;
    let (value, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    (!rest.is_empty()).then_some((name, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, model: Option<&str>, thinking: Option<&str>, rest: &str) {
        let (own, left) = split(text).unwrap();
        assert_eq!((own.model.as_deref(), own.thinking.as_deref(), own.queue), (model, thinking, None), "{text}");
        assert_eq!(left, rest, "{text}");
    }

    #[test]
    fn directives_are_taken_from_the_front_of_a_message() {
        check("/think high what is it?", None, Some("high"), "what is it?");
        check("/model a/b\nfirst line\nsecond /think low", Some("a/b"), None, "first line\nsecond /think low");
        check("/think  low /model a/b  /think off so", Some("a/b"), Some("off"), "so");
    }

    #[test]
    fn what_is_no_directive_stays_in_the_message() {
        for text in [
            "what /think high",
            " /think high what",
            "/think hard about it",
            "/think high",
            "/think high  ",
            "/model trains are fun",
            "/model a/b",
            "/think high /status",
            "/think high /unknown words follow",
            "/thinking high what",
            "/queue collect what",
            "",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
