//! What is typed: read in a thread of its own, and parsed once.

use std::io::{self, BufRead};
use std::path::PathBuf;
use std::thread;

use tokio::sync::mpsc;

use claw_core::approval::Answer;

use crate::api::Slash;

/// One line as it is meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    Empty,
    Quit,
    Help,
    Abort,
    Approve {
        ids: Vec<String>,
        answer: Answer,
    },
    Say(String),
    /// Words, which may be none, and an image.
    Show {
        file: PathBuf,
        text: String,
    },
    /// A command that only the host can know.
    Other(String),
    /// A command whose rest makes no sense; what to say about it.
    Unclear(String),
}

impl Line {
    pub(super) fn parse(line: &str) -> Line {
        let text = line.trim_end();
        if text.trim().is_empty() {
            return Line::Empty;
        }
        // A space in front makes a text of what looks like a command.
        if !text.starts_with('/') {
            return Line::Say(text.to_owned());
        }
        let mut words = text.split_whitespace();
        let command = words.next().unwrap_or_default().to_ascii_lowercase();
        match (command.as_str(), words.next()) {
            ("/quit" | "/exit", None) => Line::Quit,
            ("/help", None) => Line::Help,
            ("/abort" | "/stop", None) => Line::Abort,
            // Never an answer without an id: which call was meant is not for us to guess.
            ("/approve", _) => match Slash::parse(text) {
                Some(Slash::Approve { ids, answer }) => Line::Approve { ids, answer },
                Some(Slash::Malformed(help)) => Line::Unclear(help.to_owned()),
                _ => Line::Say(text.to_owned()),
            },
            ("/image", _) => Line::show(text[command.len()..].trim_start()),
            _ => Line::Other(text.to_owned()),
        }
    }

    /// A file, in quotes if there are spaces in its name, and words.
    fn show(rest: &str) -> Line {
        let (file, text) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or_default(),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        if file.is_empty() {
            return Line::Unclear(r#"write `/image FILE WORDS`, or `/image "A FILE" WORDS`"#.to_owned());
        }
        // No shell has looked at it.
        let home = file.strip_prefix("~/").and_then(|rest| Some(std::env::home_dir()?.join(rest)));
        Line::Show { file: home.unwrap_or_else(|| file.into()), text: text.trim_start().to_owned() }
    }
}

/// Reads standard input line by line until it ends, at most `ahead` lines ahead of whoever takes them.
///
/// A thread, because a read of a terminal cannot be cancelled; it ends with the process.
pub(super) fn spawn_reader(ahead: usize) -> io::Result<mpsc::Receiver<io::Result<String>>> {
    let (tx, rx) = mpsc::channel(ahead);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        for line in io::stdin().lock().lines() {
            if tx.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(rx)
}
