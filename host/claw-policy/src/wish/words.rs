//! Words of a line, and the known word that a wrong one resembles.

use crate::grant::closing_quote;
use crate::visible;

/// Splits a command into its arguments. Quotes are those of grants; outside of them every character is itself.
pub(super) fn split_words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(' ');
    while !rest.is_empty() {
        let after = if let Some(quoted) = rest.strip_prefix('"') {
            let end = closing_quote(quoted).ok_or("a quote is not closed")?;
            let word = visible::unquote(&quoted[..end]);
            words.push(word.ok_or("inside quotes only printable ASCII and `\\n`, `\\\"`, `\\\\`, `\\u{…}` may stand")?);
            &quoted[end + 1..]
        } else {
            let (word, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
            words.push(word.to_owned());
            after
        };
        if !after.is_empty() && !after.starts_with(' ') {
            return Err("a space must follow the closing quote");
        }
        rest = after.trim_start_matches(' ');
    }
    Ok(words)
}

/// A word that [`split_words`] reads back.
pub(super) fn quote_word(word: &str) -> String {
    let is_bare = !word.is_empty() && !word.starts_with('"') && word.bytes().all(|b| b.is_ascii_graphic());
    if is_bare { word.to_owned() } else { visible::quote(word) }
}

/// The known word that `text` is most likely meant to be.
pub(crate) fn nearest(text: &str, known: &[&'static str]) -> Option<&'static str> {
    let distance = |word: &&'static str| (strsim::damerau_levenshtein(word, text), *word);
    let (edits, word) = known.iter().map(distance).min()?;
    (edits <= 3 && edits < word.len()).then_some(word)
}
