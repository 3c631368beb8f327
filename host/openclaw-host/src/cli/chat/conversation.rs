//! What a chat knows of its conversation: the runs it started, the calls that wait, and what was shown of each run.

use std::collections::BTreeMap;
use std::io::{self, Write};

use claw_core::id::SessionKey;
use serde_json::Value;

use super::view::View;
use crate::cli::card::{Surface, Waiting};
use crate::cli::output::{Format, word};
use crate::client::Event;
use crate::export::content_text;
use crate::legible;

/// Characters of a tool's arguments that an aside shows.
const MAX_ASIDE: usize = 160;

pub(super) struct Conversation<W> {
    session: SessionKey,
    view: View<W>,
    format: Format,
    /// The runs that this chat started and that have not ended.
    runs: Vec<String>,
    /// What was streamed of each run that has not ended, whoever started it.
    streamed: BTreeMap<String, String>,
    waiting: Vec<String>,
    failed: usize,
}

impl<W: Write> Conversation<W> {
    pub(super) fn new(session: SessionKey, view: View<W>, format: Format) -> Self {
        let (runs, waiting) = (Vec::new(), Vec::new());
        Conversation { session, view, format, runs, streamed: BTreeMap::new(), waiting, failed: 0 }
    }

    pub(super) fn session(&self) -> &SessionKey {
        &self.session
    }

    /// Whether a run that this chat started has not ended.
    pub(super) fn is_busy(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Whether a call waits for its owner.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn runs(&self) -> Vec<String> {
        self.runs.clone()
    }

    /// How many runs ended without an answer.
    pub(super) fn failed_runs(&self) -> usize {
        self.failed
    }

    pub(super) fn started(&mut self, run: &str) {
        self.runs.push(run.to_owned());
    }

    /// The host did not take the run.
    pub(super) fn refused(&mut self, run: &str) {
        self.forget(run);
        self.failed += 1;
    }

    pub(super) fn answered(&mut self, approval: &str) {
        self.waiting.retain(|id| id != approval);
    }

    /// A call that waited before this chat began.
    pub(super) fn found_waiting(&mut self, waiting: Waiting) -> io::Result<()> {
        if waiting.session == self.session.as_str() { self.show_card(&waiting) } else { Ok(()) }
    }

    pub(super) fn typed(&mut self) {
        self.view.typed();
    }

    pub(super) fn prompt(&mut self) -> io::Result<()> {
        if self.is_busy() && !self.is_waiting() { Ok(()) } else { self.view.prompt() }
    }

    /// Says something in the chat's own name.
    pub(super) fn tell(&mut self, text: &str) -> io::Result<()> {
        match self.format {
            Format::Text => self.view.line(text),
            Format::Json => {
                eprintln!("{text}");
                Ok(())
            }
        }
    }

    /// Takes an event of the host; those of other conversations change nothing.
    pub(super) fn take(&mut self, event: &Event) -> io::Result<()> {
        let payload = &event.payload;
        let is_ours = |key: &Value| key.as_str() == Some(self.session.as_str());
        let concerns = match event.name.as_str() {
            "chat" | "agent" => is_ours(&payload["sessionKey"]),
            "exec.approval.requested" => Waiting::read(payload).session == self.session.as_str(),
            "exec.approval.resolved" => {
                payload["id"].as_str().is_some_and(|id| self.waiting.iter().any(|known| known == id))
            }
            "shutdown" => true,
            _ => false,
        };
        if !concerns {
            return Ok(());
        }
        if self.format == Format::Json {
            let line = serde_json::json!({ "event": event.name, "payload": payload });
            self.view.line(&line.to_string())?;
        }
        match event.name.as_str() {
            "agent" => self.take_agent(payload),
            "chat" => self.take_chat(payload),
            "exec.approval.requested" => self.show_card(&Waiting::read(payload)),
            "exec.approval.resolved" => self.take_resolved(payload),
            _ => self.aside(&format!("the host stops: {}", word(&payload["reason"]))),
        }
    }

    /// Text is taken from here and not from `chat`: there, cards stand between it, which are shown by their own event.
    fn take_agent(&mut self, payload: &Value) -> io::Result<()> {
        let data = &payload["data"];
        match payload["stream"].as_str() {
            Some("assistant") => {
                let whole = data["text"].as_str().unwrap_or_default();
                let streamed = self.streamed.entry(word(&payload["runId"])).or_default();
                // The whole text so far, not the delta: the host may leave out frames when we are slow.
                let new = rest(streamed, whole).to_owned();
                streamed.push_str(&new);
                self.text(&new)
            }
            Some("tool") => self.take_tool(data),
            // What the host says: who answers instead of whom, what an answer lacks, what a component tells.
            Some("notice") if self.format == Format::Text => self.view.line(data["text"].as_str().unwrap_or_default()),
            _ => Ok(()),
        }
    }

    fn take_tool(&mut self, data: &Value) -> io::Result<()> {
        let name = word(&data["name"]);
        match data["phase"].as_str() {
            Some("start") => {
                self.aside(&format!("· {name} {}", legible::beginning(&arguments(&data["args"]), MAX_ASIDE)))
            }
            Some("result") if data["isError"] == true => {
                let why = content_text(&data["result"]["content"]);
                self.aside(&format!("· {name} failed: {}", legible::beginning(&why, MAX_ASIDE)))
            }
            Some("result") => self.aside(&format!("· {name} done")),
            _ => Ok(()),
        }
    }

    fn take_chat(&mut self, payload: &Value) -> io::Result<()> {
        let run = word(&payload["runId"]);
        match payload["state"].as_str() {
            Some("final") => {
                let whole = content_text(&payload["message"]["content"]);
                let rest = rest(self.streamed.get(&run).map_or("", String::as_str), &whole).to_owned();
                self.text(&rest)?;
            }
            Some("aborted") => {
                self.count_failure(&run);
                self.aside("· stopped")?;
            }
            Some("error") => {
                self.count_failure(&run);
                let why = payload["errorMessage"].as_str().unwrap_or("the host gives no reason");
                if self.format == Format::Text {
                    self.view.line(&format!("error: {why}"))?;
                }
            }
            _ => return Ok(()),
        }
        self.forget(&run);
        if self.format == Format::Text {
            self.view.end_line()?;
            self.prompt()?;
        }
        Ok(())
    }

    fn take_resolved(&mut self, payload: &Value) -> io::Result<()> {
        self.answered(&word(&payload["id"]));
        let what = match payload["decision"].as_str() {
            Some("allow-once") => "allowed once",
            Some("allow-always") => "allowed for good",
            Some("deny") => "denied",
            _ => "no longer waiting",
        };
        let id = word(&payload["id"]);
        self.aside(&format!("· {what}: {}", id.get(..8).unwrap_or(&id)))
    }

    fn show_card(&mut self, waiting: &Waiting) -> io::Result<()> {
        self.waiting.push(waiting.id.clone());
        if self.format == Format::Json {
            return Ok(());
        }
        self.view.line(waiting.to_text(Surface::Chat).trim_end())?;
        self.prompt()
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if self.format == Format::Text { self.view.text(text) } else { Ok(()) }
    }

    fn aside(&mut self, text: &str) -> io::Result<()> {
        if self.format == Format::Text { self.view.aside(text) } else { Ok(()) }
    }

    fn count_failure(&mut self, run: &str) {
        if self.runs.iter().any(|known| known == run) {
            self.failed += 1;
        }
    }

    fn forget(&mut self, run: &str) {
        self.runs.retain(|known| known != run);
        self.streamed.remove(run);
    }

    #[cfg(test)]
    pub(super) fn into_view(self) -> View<W> {
        self.view
    }
}

/// What of the whole answer has not been shown.
fn rest<'a>(shown: &str, whole: &'a str) -> &'a str {
    match whole.strip_prefix(shown) {
        Some(rest) => rest,
        // The answer may be just the last of several things that were said.
        None if shown.ends_with(whole) => "",
        None => whole,
    }
}

fn arguments(args: &Value) -> String {
    match args {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
