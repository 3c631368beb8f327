//! Spans of time as people write them.

/// Milliseconds of `30s`, `15m`, `12h`, `7d` or `2w`; `None` for anything else, and for nothing at all.
pub fn millis(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit * 1000).filter(|millis| *millis > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_one_number_and_one_unit() {
        for (text, expected) in [("30s", 30_000), ("15m", 900_000), ("12h", 43_200_000), ("7d", 604_800_000)] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        for bad in
            ["", "7", "d", "-1d", "+1d", "1.5h", "0d", "7 d", "7é", "99999999999999999999w", "18446744073709551615w"]
        {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }
}
