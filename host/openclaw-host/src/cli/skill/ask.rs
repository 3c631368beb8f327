//! What the owner says to an offer: by flags, or asked one by one.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Value;

use super::Choice;
use super::show::{self, items};
use crate::cli::output::word;
use crate::cli::{Exit, Failure};
use crate::legible;
use crate::terminal;

/// What is given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) grants: Vec<String>,
    /// What the version before was given stays.
    pub(super) keeps: bool,
    pub(super) other_publisher: bool,
}

/// Finds out what the owner wants.
///
/// # Errors
/// If the owner says no, or if somebody would have to be asked and there is no terminal.
pub(super) fn ask(offer: &Value, choice: &Choice) -> Result<Answer, Failure> {
    let is_other = offer["installed"]["otherPublisher"] == true;
    let asked_for = || items(&offer["asks"]).filter(|ask| ask["asksEachTime"] != true);
    let is_plain = !offer["installed"].is_null()
        && items(&offer["installed"]["more"]).next().is_none()
        && offer["installed"]["saysOtherwise"] != true
        && !is_other;
    // Nobody has to decide again what is decided already.
    let keeps = choice.grant_kept || is_plain && !choice.speaks_of_grants();
    let said = match choice {
        Choice { grant, .. } if !grant.is_empty() => Some(grant.clone()),
        Choice { grant_all: true, .. } => Some(asked_for().map(|ask| word(&ask["grant"])).collect()),
        Choice { grant_none: true, .. } => Some(Vec::new()),
        _ if keeps || asked_for().next().is_none() => Some(Vec::new()),
        _ => None,
    };
    let has_said_all = said.is_some() && (choice.yes || is_plain) && (!is_other || choice.accept_publisher);
    if let (Some(grants), true) = (&said, has_said_all) {
        return Ok(Answer { grants: grants.clone(), keeps, other_publisher: choice.accept_publisher });
    }
    if !io::stdin().is_terminal() {
        let text = show::offer(offer);
        let message = format!("{text}\ninstalling it needs your answers, and there is no terminal to ask");
        let hint = "`--yes` installs it, with `--grant GRANT`, `--grant-all`, `--grant-none` or `--grant-kept`; \
                    another publisher needs `--accept-publisher`";
        return Err(Failure::message(Exit::Usage, message).hint(hint));
    }
    let mut terminal = Terminal;
    terminal.say(&format!("{}\n", show::offer(offer)))?;
    let grants = match said {
        Some(grants) => grants,
        None => each(&mut terminal, asked_for())?,
    };
    let publisher = if is_other { "although it comes from another publisher " } else { "" };
    let kept = if keeps { "what it was given before".to_owned() } else { format!("{} grant(s)", grants.len()) };
    match terminal.question(&format!("Install it {publisher}with {kept}? [y/N] "))?.as_str() {
        "y" | "yes" => Ok(Answer { grants, keeps, other_publisher: is_other }),
        _ => Err(Failure::message(Exit::Failed, "nothing was installed")),
    }
}

fn each<'a>(terminal: &mut Terminal, asks: impl Iterator<Item = &'a Value>) -> Result<Vec<String>, Failure> {
    let mut grants = Vec::new();
    for ask in asks {
        let less = &ask["less"];
        let words = legible::line(&word(&ask["words"])).into_owned();
        let question = match less.is_null() {
            true => format!("May it {words}? [y/N] "),
            false => format!("May it {words}? [y/N], or [l]ess: {} ", legible::line(&word(&less["words"]))),
        };
        match terminal.question(&question)?.as_str() {
            "y" | "yes" => grants.push(word(&ask["grant"])),
            "l" | "less" if !less.is_null() => grants.push(word(&less["grant"])),
            _ => {}
        }
    }
    Ok(grants)
}

/// The owner's terminal: questions go to standard error, so that the answer of the command stays alone.
pub(super) struct Terminal;

impl Terminal {
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        io::stderr().write_all(text.as_bytes())
    }

    pub(super) fn question(&mut self, text: &str) -> io::Result<String> {
        // What was typed before the question was seen is no answer to it.
        terminal::forget_typed(&io::stdin())?;
        self.say(text)?;
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.trim().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offer(installed: Value) -> Value {
        let ask = |grant: &str, each: bool, given: bool| json!({"grant": grant, "words": grant, "asksEachTime": each, "given": given, "less": null});
        let given = !installed.is_null();
        json!({
            "name": "weather", "installed": installed,
            "asks": [ask("kv cache", false, given), ask("http * GET", true, false)],
        })
    }

    fn said(offer: &Value, choice: Choice) -> Option<Vec<String>> {
        let kept = |keeps: bool| keeps.then(|| "(kept)".to_owned());
        ask(offer, &choice).ok().map(|answer| answer.grants.into_iter().chain(kept(answer.keeps)).collect())
    }

    // SU-05: tests have no terminal, so whatever would have to be asked is refused
    #[test]
    fn flags_and_what_was_given_before_can_say_all_and_nothing_else_can() {
        let new = offer(Value::Null);
        let all = || Choice { grant_all: true, ..Choice::default() };
        assert_eq!(said(&new, Choice::default()), None);
        assert_eq!(said(&new, all()), None, "not without a yes");
        assert_eq!(said(&new, Choice { yes: true, ..all() }), Some(vec!["kv cache".to_owned()]), "what can be given");
        let none = Choice { yes: true, grant_none: true, ..Choice::default() };
        assert_eq!(said(&new, none), Some(Vec::new()));
        let installed = |more: &[&str], says: bool, other: bool| json!({"version": "1", "more": more, "less": [], "saysOtherwise": says, "otherPublisher": other});
        let plain = offer(installed(&[], false, false));
        assert_eq!(said(&plain, Choice::default()), Some(vec!["(kept)".to_owned()]));
        let none = Choice { grant_none: true, ..Choice::default() };
        assert_eq!(said(&plain, none), Some(Vec::new()), "unless they are spoken of");
        let kept = Choice { yes: true, grant_kept: true, ..Choice::default() };
        assert_eq!(said(&offer(installed(&["kv b"], false, false)), kept), Some(vec!["(kept)".to_owned()]));
        for held in [installed(&["kv b"], false, false), installed(&[], true, false), installed(&[], false, true)] {
            assert_eq!(said(&offer(held), Choice::default()), None);
        }
        let other = offer(installed(&[], false, true));
        assert_eq!(said(&other, Choice { yes: true, ..all() }), None, "a yes does not mean the publisher");
        assert!(said(&other, Choice { yes: true, accept_publisher: true, ..all() }).is_some());
    }
}
