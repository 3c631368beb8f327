//! Conversations as text for the model.

use openclaw_sdk::sessions::{Page, Summary};

/// One line for each.
pub fn list(found: &[Summary]) -> String {
    if found.is_empty() {
        return "there are none".to_owned();
    }
    let line = |summary: &Summary| {
        let mut line = summary.key.clone();
        for part in [&summary.title, &summary.state] {
            if !part.is_empty() {
                line.push_str(" | ");
                line.push_str(part);
            }
        }
        line
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Who said what, and where to read on.
pub fn page(page: &Page) -> String {
    if page.entries.is_empty() {
        return "nothing was said".to_owned();
    }
    let mut text = page.entries.iter().map(|entry| format!("{}: {}", entry.role, entry.text)).collect::<Vec<_>>();
    if let Some(before) = page.before {
        text.insert(0, format!("[there is more: before={before}]"));
    }
    text.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(key: &str, title: &str, state: &str) -> Summary {
        Summary { key: key.into(), title: title.into(), updated_ms: 0, state: state.into() }
    }

    #[test]
    fn a_line_has_what_there_is_to_say() {
        let found = [summary("agent:main:main", "", ""), summary("agent:main:subagent:1", "look", "running")];
        assert_eq!(list(&found), "agent:main:main\nagent:main:subagent:1 | look | running");
        assert_eq!(list(&[]), "there are none");
    }
}
