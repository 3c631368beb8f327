//! Lists as text for the model.

/// Bytes of a list that are shown. 50 KiB is some 12,000 tokens.
const MAX_BYTES: usize = 50 * 1024;

/// Joins lines until the cap, and says what to do where some are missing. `more` says whether the host has more than
/// it gave, `hint` how to see them, `none` what no line at all means.
pub fn lines(lines: impl IntoIterator<Item = String>, more: bool, hint: &str, none: &str) -> String {
    let mut text = String::new();
    let mut cut = more;
    for line in lines {
        if text.len() + line.len() + 1 > MAX_BYTES {
            cut = true;
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    if cut {
        text.push_str(&format!("[more were found: {hint}]\n"));
    }
    if text.is_empty() { none.to_owned() } else { text }
}
