//! Timers, and how they and spans of time look. Pure; times are milliseconds since 1970.

use openclaw_sdk::ToolError;
use serde::{Deserialize, Serialize};

/// A stopwatch, or a countdown if it is due at some time.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Timer {
    pub started_ms: u64,
    pub due_ms: Option<u64>,
}

impl Timer {
    /// Whether it is a countdown that has run out.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.due_ms.is_some_and(|due_ms| due_ms <= now_ms)
    }

    /// One line about it.
    pub fn show(&self, name: &str, now_ms: u64) -> String {
        match self.due_ms {
            Some(due_ms) if due_ms <= now_ms => format!("`{name}` is due: it ran out {} ago", span(now_ms - due_ms)),
            Some(due_ms) => format!("`{name}` has {} left of {}", span(due_ms - now_ms), span(self.length(due_ms))),
            None => format!("`{name}` runs for {}", span(now_ms.saturating_sub(self.started_ms))),
        }
    }

    /// What is said when it is stopped.
    pub fn stopped(&self, name: &str, now_ms: u64) -> String {
        let ran = span(now_ms.saturating_sub(self.started_ms));
        match self.due_ms {
            Some(due_ms) if due_ms <= now_ms => {
                format!("stopped `{name}` after {ran}; it ran out {} ago", span(now_ms - due_ms))
            }
            Some(due_ms) => format!("stopped `{name}` after {ran}, with {} left", span(due_ms - now_ms)),
            None => format!("stopped `{name}` after {ran}"),
        }
    }

    fn length(&self, due_ms: u64) -> u64 {
        due_ms.saturating_sub(self.started_ms)
    }
}

/// A name without the space around it.
///
/// # Errors
/// [`ToolError::InvalidArguments`] if nothing is left, it is too long, or it has more than one line.
pub fn name(text: &str, max_chars: usize) -> Result<&str, ToolError> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > max_chars || name.contains(|c: char| c.is_control() || c == '`') {
        return Err(ToolError::invalid(format!(
            "a name has 1 to {max_chars} characters, on one line, without backticks"
        )));
    }
    Ok(name)
}

/// A span of time in its two largest units, rounded down: `1 d 3 h`, `3 min 20 s`, `0.4 s`.
pub fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    if seconds < 10 {
        return format!("{seconds}.{} s", ms % 1000 / 100);
    }
    let units = [(86_400, 24, 3_600, "d", "h"), (3_600, 60, 60, "h", "min"), (60, 60, 1, "min", "s")];
    let Some((long, per_long, short, name, smaller)) = units.into_iter().find(|unit| unit.0 <= seconds) else {
        return format!("{seconds} s");
    };
    match seconds / short % per_long {
        0 => format!("{} {name}", seconds / long),
        rest => format!("{} {name} {rest} {smaller}", seconds / long),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        for (ms, told) in [
            (0, "0.0 s"),
            (9_999, "9.9 s"),
            (10_000, "10 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (3_600_000, "1 h"),
            (3_661_000, "1 h 1 min"),
            (86_399_000, "23 h 59 min"),
            (97_200_000, "1 d 3 h"),
            (604_800_000, "7 d"),
        ] {
            assert_eq!(span(ms), told);
        }
    }

    #[test]
    fn a_countdown_is_due_from_its_last_millisecond_on() {
        let tea = Timer { started_ms: 1_000_000, due_ms: Some(1_240_000) };
        assert_eq!(tea.show("tea", 1_040_000), "`tea` has 3 min 20 s left of 4 min");
        assert!(!tea.is_due(1_239_999) && tea.is_due(1_240_000));
        assert_eq!(tea.show("tea", 1_252_000), "`tea` is due: it ran out 12 s ago");
        assert_eq!(tea.stopped("tea", 1_180_000), "stopped `tea` after 3 min, with 1 min left");
        assert_eq!(tea.stopped("tea", 1_300_000), "stopped `tea` after 5 min; it ran out 1 min ago");
    }

    #[test]
    fn a_stopwatch_is_never_due_and_never_runs_backwards() {
        let run = Timer { started_ms: 1_000_000, due_ms: None };
        assert!(!run.is_due(u64::MAX));
        assert_eq!(run.show("run", 1_012_000), "`run` runs for 12 s");
        assert_eq!(run.show("run", 900_000), "`run` runs for 0.0 s", "the clock was set back");
        assert_eq!(run.stopped("run", 1_012_000), "stopped `run` after 12 s");
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(name(" Grüner Tee ", 64).unwrap(), "Grüner Tee");
        for wrong in ["", "  ", "a\nb", "a`b", &"x".repeat(65)] {
            assert!(name(wrong, 64).is_err(), "{wrong}");
        }
    }
}
