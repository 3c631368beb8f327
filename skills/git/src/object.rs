//! What Git keeps: commits, trees and what they are called. Pure.

use std::collections::BTreeMap;
use std::fmt;

use openclaw_sdk::ToolError;

/// A directory in a tree.
pub const DIRECTORY: u32 = 0o040_000;
/// Another repository's commit in a tree.
pub const SUBMODULE: u32 = 0o160_000;
/// A symbolic link in a tree.
pub const LINK: u32 = 0o120_000;

/// The name of an object: its SHA-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub [u8; 20]);

impl Id {
    /// Reads 40 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Id> {
        if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut id = [0; 20];
        for (byte, at) in id.iter_mut().zip((0..40).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Id(id))
    }

    /// Its first digits, which are enough for people.
    pub fn short(&self) -> String {
        self.to_string()[..10].to_owned()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    /// Reads a loose object's word for it.
    pub fn named(name: &[u8]) -> Option<Kind> {
        match name {
            b"commit" => Some(Kind::Commit),
            b"tree" => Some(Kind::Tree),
            b"blob" => Some(Kind::Blob),
            b"tag" => Some(Kind::Tag),
            _ => None,
        }
    }
}

pub struct Object {
    pub kind: Kind,
    pub bytes: Vec<u8>,
}

/// Who did something, and when.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub email: String,
    /// Seconds since 1970 in UTC.
    pub seconds: i64,
    /// Minutes that the clock there was ahead of UTC.
    pub offset: i64,
}

#[derive(Debug)]
pub struct Commit {
    pub tree: Id,
    pub parents: Vec<Id>,
    pub author: Person,
    pub committer: Person,
    pub message: String,
}

impl Commit {
    /// # Errors
    /// If it names no tree.
    pub fn parse(bytes: &[u8]) -> Result<Commit, ToolError> {
        let text = String::from_utf8_lossy(bytes);
        let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let (mut tree, mut parents) = (None, Vec::new());
        let (mut author, mut committer) = (Person::default(), Person::default());
        for line in head.lines() {
            match line.split_once(' ') {
                Some(("tree", id)) => tree = Id::parse(id),
                Some(("parent", id)) => parents.extend(Id::parse(id)),
                Some(("author", who)) => author = Person::parse(who),
                Some(("committer", who)) => committer = Person::parse(who),
                _ => {}
            }
        }
        let tree = tree.ok_or_else(|| ToolError::failed("a commit is broken: it names no tree"))?;
        Ok(Commit { tree, parents, author, committer, message: message.to_owned() })
    }

    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

impl Person {
    /// Reads `Ada <ada@example.org> 1700000000 +0100`. What is missing is empty.
    fn parse(text: &str) -> Person {
        let (who, when) = text.rsplit_once('>').unwrap_or((text, ""));
        let (name, email) = who.split_once('<').unwrap_or((who, ""));
        let mut when = when.split_whitespace();
        let seconds = when.next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
        let zone: i64 = when.next().and_then(|zone| zone.parse().ok()).unwrap_or(0);
        let offset = zone / 100 * 60 + zone % 100;
        Person { name: name.trim().to_owned(), email: email.trim().to_owned(), seconds, offset }
    }

    /// The day there, e.g. `2026-03-01`.
    pub fn day(&self) -> String {
        let (year, month, day) = date(self.local().div_euclid(86_400));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Day, time and zone there, e.g. `2026-03-01 15:04 +0100`.
    pub fn when(&self) -> String {
        let minutes = self.local().rem_euclid(86_400) / 60;
        let (sign, offset) = (if self.offset < 0 { '-' } else { '+' }, self.offset.abs());
        let (hour, minute) = (minutes / 60, minutes % 60);
        format!("{} {hour:02}:{minute:02} {sign}{:02}{:02}", self.day(), offset / 60, offset % 60)
    }

    fn local(&self) -> i64 {
        // No commit is from another geological age; a broken one may say so.
        const AGES: i64 = 1 << 40;
        self.seconds.clamp(-AGES, AGES) + self.offset.clamp(-1440, 1440) * 60
    }
}

/// Year, month and day of a day since 1970, in the Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Years that begin in March have the leap day at their end; 719,468 days are from March of the year 0 to 1970.
    let days = days + 719_468;
    let (era, in_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + later, month, day)
}

/// What stands in a tree under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub mode: u32,
    pub id: Id,
}

/// # Errors
/// If the tree ends in the middle of an entry.
pub fn parse_tree(mut bytes: &[u8]) -> Result<BTreeMap<String, Entry>, ToolError> {
    let mut entries = BTreeMap::new();
    while !bytes.is_empty() {
        let (entry, rest) = parse_entry(bytes).ok_or_else(|| ToolError::failed("a tree is broken"))?;
        entries.insert(entry.0, entry.1);
        bytes = rest;
    }
    Ok(entries)
}

fn parse_entry(bytes: &[u8]) -> Option<((String, Entry), &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let end = space + bytes[space..].iter().position(|byte| *byte == 0)?;
    let mode = u32::from_str_radix(str::from_utf8(&bytes[..space]).ok()?, 8).ok()?;
    let id = Id(*bytes.get(end + 1..)?.first_chunk()?);
    let name = String::from_utf8_lossy(&bytes[space + 1..end]).into_owned();
    Some(((name, Entry { mode, id }), &bytes[end + 21..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_they_were_there() {
        let person = Person::parse("Ada Lovelace <ada@example.org> 1709251140 +0130");
        assert_eq!((person.name.as_str(), person.email.as_str()), ("Ada Lovelace", "ada@example.org"));
        assert_eq!(person.when(), "2024-03-01 01:29 +0130");
        assert_eq!(Person::parse("x <> 951782400 -0000").when(), "2000-02-29 00:00 +0000");
        assert_eq!(Person::parse("x <> -1 -0100").when(), "1969-12-31 22:59 -0100");
        assert_eq!(Person::parse("nobody"), Person { name: "nobody".into(), ..Person::default() });
        assert!(!Person::parse("x <> 9223372036854775807 +99999").when().is_empty());
    }

    #[test]
    fn broken_objects_are_errors() {
        assert!(Commit::parse(b"tree 12\n\nx").is_err());
        for bytes in [&b"100644 a"[..], b"100644 a\0short", b"9 a\0aaaaaaaaaaaaaaaaaaaa"] {
            assert!(parse_tree(bytes).is_err(), "{bytes:?}");
        }
        assert!(Id::parse(&"g".repeat(40)).is_none() && Id::parse(&"é".repeat(20)).is_none());
    }
}
