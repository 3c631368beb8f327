//! A package as its owner sees it before deciding.

use serde_json::Value;

use crate::cli::output::word;
use crate::{catalog, legible};

/// Everything that matters of an offer, as text. What comes from the package is on one line, escaped and not too long.
pub(super) fn offer(offer: &Value) -> String {
    let mut text = format!("{} {}: {}\n\n", line(&offer["name"]), line(&offer["version"]), line(&offer["summary"]));
    let size = offer["bytes"].as_u64().unwrap_or(0).div_ceil(1024);
    let mut fact = |label: &str, value: String| text.push_str(&format!("{label:<11}{value}\n"));
    fact("From", format!("{}, {size} KiB", line(&offer["source"])));
    fact("SHA256", line(&offer["digest"]));
    fact("Publisher", publisher(offer));
    for tool in items(&offer["tools"]) {
        let outside = if tool["untrustedOutput"] == true { " (brings in content from outside)" } else { "" };
        // What is cut here is cut for the model, too.
        let description = cut(&tool["description"], "are shown neither here nor to a model");
        fact("Tool", format!("{}: {description}{outside}", line(&tool["name"])));
    }
    if let Some(readme) = offer["readme"].as_str() {
        let size = readme.len().div_ceil(1024);
        fact("README", format!("{size} KiB, which nobody has signed; `skill inspect --readme` prints it"));
    }
    text.push('\n');
    text.push_str(&if offer["families"].is_null() { scopes(offer) } else { imports(offer) });
    text.push_str(&undeclared(offer));
    text.push_str(&left_out(offer));
    text.push_str(&changes(&offer["installed"]));
    let findings: Vec<_> = items(&offer["findings"]).collect();
    if !findings.is_empty() {
        text.push_str("\nLooked over, this deserves a second thought:\n");
        findings.iter().for_each(|it| text.push_str(&format!("  ! {}\n", line(&it["what"]))));
    }
    text
}

/// What it says of itself at length, harmless to look at.
pub(super) fn readme(offer: &Value) -> String {
    match offer["readme"].as_str() {
        Some(readme) => format!("{}\n", legible::block(readme).trim_end()),
        None => "it has no README\n".to_owned(),
    }
}

/// A text of the package's as one line that a terminal obeys nothing in.
fn line(value: &Value) -> String {
    cut(value, "are not shown")
}

fn cut(value: &Value, unseen: &str) -> String {
    let text = word(value);
    let shown = catalog::shown(&text);
    match text.len() - shown.len() {
        0 => legible::line(shown).into_owned(),
        more => format!("{} [{more} bytes more {unseen}; `--json` has them]", legible::line(shown)),
    }
}

fn publisher(offer: &Value) -> String {
    let signed = &offer["signed"];
    if signed.is_null() {
        return "unknown: nobody who is known has signed it".to_owned();
    }
    let key = line(&signed["key"]);
    let new =
        if signed["isNewKey"] == true { "; the key came along with it, so it only says that of itself" } else { "" };
    match line(&signed["comment"]).as_str() {
        _ if !key.starts_with("sigstore") => format!("minisign {key}{new}"),
        "" => format!("{key}{new}"),
        place => format!("{key} ({place})"),
    }
}

fn scopes(offer: &Value) -> String {
    let asks: Vec<_> = items(&offer["asks"]).collect();
    if asks.is_empty() {
        return "It asks for nothing: it can compute and answer, no more.\n".to_owned();
    }
    let mut text = "It asks to:\n".to_owned();
    for (number, ask) in (1..).zip(asks) {
        let each = if ask["asksEachTime"] == true { " (you are asked each time)" } else { "" };
        let given = if ask["given"] == true { " (given to the version before)" } else { "" };
        text.push_str(&format!("  {number}. {}{each}{given}\n", line(&ask["words"])));
    }
    text
}

/// What a plain component can be given: it says nothing of itself, so this is read from its bytes.
fn imports(offer: &Value) -> String {
    let families: Vec<_> = items(&offer["families"]).map(|it| word(&it["words"])).collect();
    if families.is_empty() {
        return "It has no manifest, and imports nothing that could be granted: it can compute and answer, no more.\n"
            .to_owned();
    }
    format!(
        "It has no manifest, so it does not say what it wants. It imports: {}.\nNothing of that works until you grant it \
         by name: `--grant GRANT`, or `openclaw-host component grants {} --add GRANT`.\n",
        families.join(", "),
        line(&offer["name"])
    )
}

/// What it imports and does not ask for: nobody can grant that.
fn undeclared(offer: &Value) -> String {
    let import = |it: &Value| format!("{} (`{}`)", word(&it["words"]), line(&it["import"]));
    let imports: Vec<_> = items(&offer["undeclared"]).map(import).collect();
    match imports.as_slice() {
        [] => String::new(),
        imports => format!("It imports, and does not ask for: {}. It can never use that.\n", imports.join(", ")),
    }
}

fn left_out(offer: &Value) -> String {
    let lines = items(&offer["leftOut"]).map(|it| format!("  - {}\n", line(it)));
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("\nLeft out, since no tool can be made of it:\n{lines}") }
}

fn changes(installed: &Value) -> String {
    if installed.is_null() {
        return String::new();
    }
    let mut text = format!("\nInstalled is version {}. Compared with it:\n", line(&installed["version"]));
    let before = text.len();
    for (key, sign) in [("more", '+'), ("less", '-')] {
        items(&installed[key]).for_each(|grant| text.push_str(&format!("  {sign} {}\n", line(grant))));
    }
    if installed["saysOtherwise"] == true {
        text.push_str("  ~ it says something else of itself or its tools\n");
    }
    for it in items(&installed["differences"]) {
        text.push_str(&format!("    {}:\n", line(&it["what"])));
        for (key, sign) in [("before", '-'), ("now", '+')] {
            let lines = items(&it[key]).map(|it| format!("      {sign} {}\n", line(it)));
            text.extend(lines);
        }
    }
    if installed["otherPublisher"] == true {
        let before = line(&installed["publisher"]);
        text.push_str(&format!("  ~ it comes from another publisher; the installed one is: {before}\n"));
    }
    if text.len() == before {
        text.push_str("    it asks for nothing more and says the same\n");
    }
    text
}

pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // SU-27, SU-20
    #[test]
    fn whatever_a_package_says_is_short_and_inert() {
        let hostile = "\u{1b}[2J\u{9b}31m\r\nIt asks for nothing.\n<b>safe</b> \u{202e}gpj.exe [x](https://e.example)";
        let long = hostile.to_owned() + &"\u{1b}[A".repeat(350_000);
        for text in [hostile, &long] {
            let said = offer(&json!({
                "name": text, "version": text, "summary": text, "bytes": 1, "source": text, "digest": text,
                "signed": {"key": format!("sigstore:{text}"), "comment": text},
                "tools": [{"name": text, "description": text}],
                "asks": [{"words": text, "grant": text}],
                "undeclared": [{"words": "files", "import": text}],
                "leftOut": [text],
                "findings": [{"kind": "name", "what": text}],
                "installed": {
                    "version": text, "publisher": text, "otherPublisher": true, "more": [text], "less": [text],
                    "differences": [{"what": text, "before": [text], "now": [text]}],
                },
            }));
            assert!(!said.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{said:.2000}");
            assert!(!said.lines().any(|line| line.starts_with("It asks for nothing")), "{said:.2000}");
            assert!(said.contains(r"\u{1b}[2J") && said.len() < 120 << 10, "{}", said.len());
            assert_eq!(said.contains("bytes more are not shown"), text.len() > 1024);
        }
    }

    #[test]
    fn what_fits_is_shown_whole() {
        assert_eq!(line(&json!("x".repeat(1024))), "x".repeat(1024));
        assert!(line(&json!("x".repeat(1025))).ends_with("x [1 bytes more are not shown; `--json` has them]"));
    }
}
