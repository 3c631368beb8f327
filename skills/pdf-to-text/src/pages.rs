//! Which pages are asked for. Pure.

use std::ops::RangeInclusive;

use openclaw_sdk::ToolError;

/// Reads `1,4-6,9-`. Pages count from 1.
///
/// # Errors
/// If a part is no page and no range of pages.
pub fn parse(text: &str) -> Result<Vec<RangeInclusive<usize>>, ToolError> {
    text.split(',').map(|part| range(part.trim()).ok_or_else(|| odd(part))).collect()
}

fn range(part: &str) -> Option<RangeInclusive<usize>> {
    let page = |text: &str| text.trim().parse::<usize>().ok().filter(|page| *page > 0);
    let (first, last) = match part.split_once('-') {
        None => (page(part)?, page(part)?),
        Some((first, "")) => (page(first)?, usize::MAX),
        Some((first, last)) => (page(first)?, page(last)?),
    };
    (first <= last).then_some(first..=last)
}

fn odd(part: &str) -> ToolError {
    ToolError::invalid(format!("`pages` has `{part}`; pages count from 1: `3`, `2-5`, `1,4-6` or `7-`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_single_ranges_or_open() {
        assert_eq!(parse("3").unwrap(), [3..=3]);
        assert_eq!(parse("1, 4-6,9-").unwrap(), [1..=1, 4..=6, 9..=usize::MAX]);
        for text in ["", "0", "-3", "5-2", "1,,2", "one", "1-2-3", "99999999999999999999"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
