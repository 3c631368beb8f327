//! Counts lines, words and characters of a file, and names the words that it uses most.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use openclaw_sdk::scope::{self, Access};
use openclaw_sdk::{JsonSchema, Tool, ToolError, files, json};
use serde::{Deserialize, Serialize};

openclaw_sdk::export_component! {
    name: "word-count",
    version: "0.1.0",
    summary: "Counts lines, words and characters of files.",
    tools: [WordCount],
    scopes: [scope::workspace(Access::Read)],
}

struct WordCount;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Path relative to the workspace.
    path: String,
    /// How many of the most used words to name; 5 if not said.
    top: Option<u8>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Counts {
    lines: usize,
    words: usize,
    characters: usize,
    /// Words in lower case, with how often they occur.
    most_used: Vec<(String, usize)>,
}

impl Tool for WordCount {
    type Args = Args;
    const NAME: &'static str = "word_count";
    const DESCRIPTION: &'static str = "Counts the lines, words and characters of a text file in the workspace and names \
        its most used words. Use it instead of reading a long file only to count.";

    fn call(args: Args) -> Result<String, ToolError> {
        json(&count(&files::read_text(&args.path)?, args.top.unwrap_or(5).into()))
    }
}

fn count(text: &str, top: usize) -> Counts {
    let mut used = BTreeMap::<String, usize>::new();
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()) {
        *used.entry(word.to_lowercase()).or_default() += 1;
    }
    let mut most_used: Vec<_> = used.into_iter().collect();
    // Stable: words that are used as often stay in the order of the alphabet.
    most_used.sort_by_key(|(_, times)| Reverse(*times));
    most_used.truncate(top);
    let words = text.split_whitespace().count();
    Counts { lines: text.lines().count(), words, characters: text.chars().count(), most_used }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_without_regard_to_case_and_punctuation() {
        let counts = count("Tea, tea and it's üppig.\nTEA!\n", 2);
        let most_used = vec![("tea".to_owned(), 3), ("and".to_owned(), 1)];
        assert_eq!(counts, Counts { lines: 2, words: 6, characters: 30, most_used });
    }

    #[test]
    fn an_empty_file_has_nothing() {
        assert_eq!(count("", 5), Counts { lines: 0, words: 0, characters: 0, most_used: Vec::new() });
    }
}
