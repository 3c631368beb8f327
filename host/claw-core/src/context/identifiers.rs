//! The words of a text that only help when they are exact: addresses, paths, numbers, names of things.

use std::collections::HashSet;

/// The shortest word that can be one.
const MIN: usize = 4;
/// Longer ones are data.
const MAX: usize = 200;

/// The identifiers of a text, each once, in the order of their first appearance.
pub fn identifiers(text: &str) -> Vec<&str> {
    let mut known = HashSet::new();
    let breaks = |ch: char| {
        ch.is_whitespace() || matches!(ch, '"' | '\'' | '`' | '(' | ')' | '<' | '>' | '{' | '}' | '[' | ']' | ',' | ';')
    };
    let words = text.split(breaks).map(|word| word.trim_matches(['.', ':', '!', '?', '*', '…']));
    words.filter(|word| (MIN..=MAX).contains(&word.len()) && is_identifier(word) && known.insert(*word)).collect()
}

fn is_identifier(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let is_address =
        word.contains("://") || word.split_once('@').is_some_and(|(who, at)| !who.is_empty() && at.contains('.'));
    let is_path = word.contains('/')
        && letters > 0
        // One part alone is a command rather than a folder.
        && (word.starts_with(['/', '.', '~']) && word.rfind('/') > Some(0) || word.rsplit('/').next().is_some_and(|name| name.contains('.')));
    let is_file = word.rsplit_once('.').is_some_and(|(name, kind)| {
        name.len() > 1
            && (1..=5).contains(&kind.len())
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && kind.bytes().any(|byte| byte.is_ascii_lowercase())
    });
    let is_number = digits >= MIN;
    let is_code = digits > 0
        && letters > 0
        && (word.contains(['-', '_', '#']) || word.bytes().any(|byte| byte.is_ascii_uppercase()));
    let is_name = word.contains('_') && letters > 2;
    is_address || is_path || is_file || is_number || is_code || is_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_words_are_found_and_prose_is_not() {
        let text = "Please pay invoice INV-2024-0815 (see https://shop.example/o/77?x=1), write to ada@lovelace.example, \
                    edit src/main.rs and `/etc/hosts`; the commit is 3f9a2c77, the account 4711, and MAX_SIZE stays. \
                    Then say well-known things, either/or, e.g. nothing, or /compact. INV-2024-0815 again.";
        assert_eq!(
            identifiers(text),
            [
                "INV-2024-0815",
                "https://shop.example/o/77?x=1",
                "ada@lovelace.example",
                "src/main.rs",
                "/etc/hosts",
                "3f9a2c77",
                "4711",
                "MAX_SIZE",
            ]
        );
    }
}
