//! Finding the lines that a hunk means, as exactly as possible.

use crate::text::Line;

/// How far two lines may differ and still be the same, strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leniency {
    Exact,
    TrailingSpace,
    OuterSpace,
    Punctuation,
}

const LENIENCIES: [Leniency; 4] =
    [Leniency::Exact, Leniency::TrailingSpace, Leniency::OuterSpace, Leniency::Punctuation];

/// The first place at or after `from` where `wanted` stands. A stricter match further down wins over a looser one
/// further up.
pub fn find(lines: &[Line], wanted: &[&str], from: usize) -> Option<usize> {
    let last = lines.len().checked_sub(wanted.len())?;
    LENIENCIES.into_iter().find_map(|leniency| (from..=last).find(|&at| fits(&lines[at..], wanted, leniency)))
}

/// The place of `wanted` at the end of the file, not before `from`.
pub fn find_at_end(lines: &[Line], wanted: &[&str], from: usize) -> Option<usize> {
    let at = lines.len().checked_sub(wanted.len()).filter(|&at| at >= from)?;
    LENIENCIES.into_iter().any(|leniency| fits(&lines[at..], wanted, leniency)).then_some(at)
}

fn fits(lines: &[Line], wanted: &[&str], leniency: Leniency) -> bool {
    wanted.iter().zip(lines).all(|(wanted, line)| same(&line.text, wanted, leniency))
}

fn same(line: &str, wanted: &str, leniency: Leniency) -> bool {
    match leniency {
        Leniency::Exact => line == wanted,
        Leniency::TrailingSpace => line.trim_end() == wanted.trim_end(),
        Leniency::OuterSpace => line.trim() == wanted.trim(),
        Leniency::Punctuation => line.trim().chars().map(plain).eq(wanted.trim().chars().map(plain)),
    }
}

/// The ASCII character that models write where a text has a typographic one.
fn plain(character: char) -> char {
    match character {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        '\u{00a0}' | '\u{2002}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    }
}
