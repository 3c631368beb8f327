//! Directives: words in front of a message that hold for its answer alone, and that the model does not see.
//!
//! ```text
//!   /think high /model openai/gpt-5 what is it?
//!   └──── directives, any number ─┘ └ message ┘
//! ```
//! What behind the slash is no such word stays in the message, and so does all of it if nothing or another command
//! follows.

use claw_core::lane::QueueWish;
use claw_model::Thinking;
use claw_store::Preferences;

/// What is preferred for one message, and that message; `None` if there is no directive in front of it.
pub fn split(text: &str) -> Option<(Preferences, &str)> {
    let mut own = Preferences::default();
    let mut rest = text;
    while let Some((name, value, behind)) = words(rest) {
        match name.to_ascii_lowercase().as_str() {
            "/think" if Thinking::named(value).is_some() => own.thinking = Some(value.to_owned()),
            // Models are named with their provider; `/model trains` is about something else.
            "/model" if value.contains('/') => own.model = Some(value.to_owned()),
            "/queue" if QueueWish::is_part(value) => {
                let (parts, behind) = parts(rest[name.len()..].trim_start());
                let Some(wish) = QueueWish::parse(parts).filter(|_| !behind.is_empty()) else { break };
                own.queue = Some(wish.to_string());
                rest = behind;
                continue;
            }
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

/// The words in front that are parts of a wish how to wait, and what follows these.
fn parts(text: &str) -> (&str, &str) {
    let mut end = 0;
    for word in text.split_whitespace().take_while(|word| QueueWish::is_part(word)) {
        end = text[end..].find(word).map_or(end, |at| end + at + word.len());
    }
    (&text[..end], text[end..].trim_start())
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
        check("/Think high what is it?", None, Some("high"), "what is it?");
        check("/model a/b\nfirst line\nsecond /think low", Some("a/b"), None, "first line\nsecond /think low");
        check("/think  low /model a/b  /think off so", Some("a/b"), Some("off"), "so");
    }

    #[test]
    fn how_a_message_waits_is_said_in_front_of_it() {
        let check = |text: &str, queue: &str, rest: &str| {
            let (own, left) = split(text).unwrap();
            assert_eq!((own.queue.as_deref(), left), (Some(queue), rest), "{text}");
        };
        check("/queue collect what is it?", "collect", "what is it?");
        check("/queue collect  debounce:2s cap:5\nwhat?", "collect debounce:2000ms cap:5", "what?");
        check("/queue interrupt interrupted or not?", "interrupt", "interrupted or not?");
        let (own, rest) = split("/think high /queue steer and now?").unwrap();
        assert_eq!((own.thinking.as_deref(), own.queue.as_deref(), rest), (Some("high"), Some("steer"), "and now?"));
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
            "/queue up at the door",
            "/queue collect cap:0 what",
            "/queue collect",
            "/queue collect cap:5 ",
            "/queue collect /status",
            "",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
