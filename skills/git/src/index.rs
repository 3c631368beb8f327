//! The index: which files a repository knows, and how they were when it last looked. Pure.
//! Source: Git's `gitformat-index`, versions 2 to 4.

use std::collections::BTreeMap;

use openclaw_sdk::ToolError;

use crate::object::{Entry, Id};
use crate::store::broken;

/// A file that the index knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub entry: Entry,
    /// When it was last changed, in seconds and nanoseconds, and its size, both cut to 32 bits.
    pub changed: (u32, u32),
    pub size: u32,
    /// Whether it is meant not to be among the files.
    pub left_out: bool,
}

#[derive(Default)]
pub struct Index {
    pub files: BTreeMap<String, Known>,
    /// Files in which two changes meet that nobody has brought together yet.
    pub conflicts: Vec<String>,
}

/// # Errors
/// If it ends early or has a format that is not read.
pub fn parse(bytes: &[u8]) -> Result<Index, ToolError> {
    let version = match bytes.get(..8) {
        Some([b'D', b'I', b'R', b'C', 0, 0, 0, version @ 2..=4]) => *version,
        _ => return Err(broken("its index has an unknown format")),
    };
    let mut left = &bytes[8..];
    let mut index = Index::default();
    let mut path = Vec::new();
    let odd = || broken("its index ends early");
    for _ in 0..u32::from_be_bytes(take(&mut left).ok_or_else(odd)?) {
        let before = left.len();
        let (known, stage) = head(&mut left).ok_or_else(odd)?;
        read_path(&mut left, &mut path, version, before).ok_or_else(odd)?;
        let name = String::from_utf8_lossy(&path).into_owned();
        if stage == 0 {
            index.files.insert(name, known);
        } else if index.conflicts.last() != Some(&name) {
            index.conflicts.push(name);
        }
    }
    Ok(index)
}

fn take<const N: usize>(left: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(*bytes)
}

/// What stands before the path, and which side of a conflict it is.
fn head(left: &mut &[u8]) -> Option<(Known, u16)> {
    let stat: [u8; 40] = take(left)?;
    let id = Id(take(left)?);
    let flags = u16::from_be_bytes(take(left)?);
    let more = if flags & 0x4000 != 0 { u16::from_be_bytes(take(left)?) } else { 0 };
    let number = |at: usize| u32::from_be_bytes([stat[at], stat[at + 1], stat[at + 2], stat[at + 3]]);
    let entry = Entry { mode: number(24), id };
    let known = Known { entry, changed: (number(8), number(12)), size: number(36), left_out: more & 0x4000 != 0 };
    Some((known, flags >> 12 & 3))
}

/// From version 4 on, only how many bytes of the path before go and which come; earlier the path and NULs up to eight.
fn read_path(left: &mut &[u8], path: &mut Vec<u8>, version: u8, before: usize) -> Option<()> {
    if version == 4 {
        let [mut byte]: [u8; 1] = take(left)?;
        let mut gone = usize::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            [byte] = take(left)?;
            gone = gone.checked_add(1)?.checked_mul(128)? | usize::from(byte & 0x7f);
        }
        path.truncate(path.len().checked_sub(gone)?);
    } else {
        path.clear();
    }
    let end = left.iter().position(|byte| *byte == 0)?;
    path.extend_from_slice(&left[..end]);
    *left = &left[end..];
    let nuls = if version == 4 { 1 } else { 8 - (before - left.len()) % 8 };
    *left = left.get(nuls..)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_index_is_an_error() {
        for bytes in
            [&b""[..], b"DIRC\0\0\0\x05\0\0\0\0", b"DIRC\0\0\0\x02\xff\xff\xff\xff", b"DIRC\0\0\0\x04\0\0\0\x01"]
        {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
        assert!(parse(b"DIRC\0\0\0\x02\0\0\0\0").unwrap().files.is_empty());
    }
}
