//! The files of a zip archive that a stranger has made: all of them, or none with the reason.
//!
//! Only what a bundle of texts needs is read: stored and deflated files, named in one directory at the end. What two
//! programs could read in two ways is refused: entries that overlap, names that stand twice, headers that contradict the
//! directory.

use std::collections::BTreeMap;

use claw_core::text::is_ignorable;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::error::PackageError;

/// Entries of an archive; that of a whole repository has more than the skill that is wanted of it.
const MAX_ENTRIES: usize = 20_000;
/// Files of a skill. The largest that OpenClaw ships has a few dozen.
const MAX_FILES: usize = 1_000;
/// Bytes of one file.
const MAX_FILE_BYTES: usize = 4 << 20;
/// Bytes of all files. Source: ClawHub's limit of a bundle.
const MAX_TOTAL_BYTES: usize = 50 << 20;
/// Bytes of a name, and folders in each other.
const MAX_NAME_BYTES: usize = 240;
const MAX_DEPTH: usize = 10;

const END: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
const ENTRY: u32 = 0x0201_4b50;
const ENTRY_BYTES: usize = 46;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_BYTES: usize = 30;

/// Who wrote the attributes: a Unix, whose modes are in the upper half.
const BY_UNIX: u16 = 3;
const KIND_BITS: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
/// Set-user-id, set-group-id, sticky.
const SPECIAL_BITS: u32 = 0o7000;

/// A file of a bundle.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Its path, relative, with `/` between its parts.
    pub path: String,
    /// What is in it: text.
    pub text: String,
}

/// One entry of the directory.
struct Entry<'a> {
    name: &'a str,
    made_by: u16,
    flags: u16,
    method: u16,
    crc: u32,
    packed: usize,
    size: usize,
    attributes: u32,
    local: usize,
}

/// Reads all files of an archive, sorted by their paths.
///
/// With `within`, the archive is that of a repository: all lies in one folder of any name, and the files of the folder
/// `within` below that are wanted; the others are not looked at.
///
/// # Errors
/// [`PackageError::Archive`] with the first thing that is not as it should be.
pub fn unpack(bytes: &[u8], within: Option<&str>) -> Result<Vec<Bundled>, PackageError> {
    read(bytes, within).map_err(PackageError::Archive)
}

fn read(bytes: &[u8], within: Option<&str>) -> Result<Vec<Bundled>, String> {
    let (directory, entries) = directory(bytes)?;
    expect_apart(bytes, directory, &entries)?;
    let mut names = BTreeMap::new();
    let mut files = Vec::new();
    let mut total = 0;
    for entry in &entries {
        let Some(path) = wanted(entry.name, within) else { continue };
        check_kind(entry)?;
        let (path, is_folder) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
        if path.is_empty() && is_folder {
            continue;
        }
        check_name(path)?;
        check_place(&mut names, path, is_folder)?;
        if is_folder {
            continue;
        }
        total += entry.size;
        if files.len() == MAX_FILES {
            return Err(format!("it has more than {MAX_FILES} files"));
        }
        if entry.size > MAX_FILE_BYTES {
            return Err(format!("{} has {} bytes; at most {MAX_FILE_BYTES} are taken", shown(path), entry.size));
        }
        if total > MAX_TOTAL_BYTES {
            return Err(format!("its files have more than {MAX_TOTAL_BYTES} bytes together"));
        }
        files.push(Bundled { path: path.to_owned(), text: text(bytes, directory, entry)? });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if files.is_empty() { Err("it has no files".to_owned()) } else { Ok(files) }
}

/// The path of an entry within what is wanted; `None` if it lies elsewhere.
fn wanted<'a>(name: &'a str, within: Option<&str>) -> Option<&'a str> {
    let Some(within) = within else { return Some(name) };
    let (_, path) = name.split_once('/')?;
    let within = within.trim_matches('/');
    if matches!(within, "" | ".") { Some(path) } else { path.strip_prefix(within)?.strip_prefix('/') }
}

// === the directory ===

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

/// Where the directory begins, and what stands in it.
fn directory(bytes: &[u8]) -> Result<(usize, Vec<Entry<'_>>), String> {
    let end = end(bytes).ok_or("it is no zip archive, or its end is missing")?;
    let field = |at: usize| u16_at(bytes, end + at).unwrap_or_default();
    let (disks, here, count) = (field(4) | field(6), field(8), field(10));
    if disks != 0 || here != count {
        return Err("it is one part of several".to_owned());
    }
    let (length, start) = (size_at(bytes, end + 12), size_at(bytes, end + 16));
    let (Some(length), Some(start)) = (length, start) else { return Err("its end is cut off".to_owned()) };
    if count == u16::MAX || start.checked_add(length) != Some(end) {
        return Err("its directory is not where its end says".to_owned());
    }
    let count = usize::from(count);
    if count > MAX_ENTRIES {
        return Err(format!("it has {count} entries; at most {MAX_ENTRIES} are taken"));
    }
    let (mut at, mut entries) = (start, Vec::new());
    for _ in 0..count {
        let (entry, next) = entry(bytes, at).ok_or("its directory is damaged")??;
        entries.push(entry);
        at = next;
    }
    if at != end {
        return Err("its directory has more entries than its end says".to_owned());
    }
    Ok((start, entries))
}

/// Where the record at the end begins: a comment may stand behind it.
fn end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|at| {
        u32_at(bytes, *at) == Some(END) && u16_at(bytes, at + 20).map(usize::from) == Some(bytes.len() - at - END_BYTES)
    })
}

/// One entry, and where the next begins; `None` if the bytes end before it does.
fn entry(bytes: &[u8], at: usize) -> Option<Result<(Entry<'_>, usize), String>> {
    if u32_at(bytes, at)? != ENTRY {
        return None;
    }
    let length = |field: usize| u16_at(bytes, at + field).map(usize::from);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let name_at = at + ENTRY_BYTES;
    let next = name_at + name + extra + comment;
    let name = bytes.get(name_at..name_at + name)?;
    let Ok(name) = std::str::from_utf8(name) else {
        return Some(Err("a name in it is no UTF-8".to_owned()));
    };
    let entry = Entry {
        name,
        made_by: u16_at(bytes, at + 4)? >> 8,
        flags: u16_at(bytes, at + 8)?,
        method: u16_at(bytes, at + 10)?,
        crc: u32_at(bytes, at + 16)?,
        packed: size_at(bytes, at + 20)?,
        size: size_at(bytes, at + 24)?,
        attributes: u32_at(bytes, at + 38)?,
        local: size_at(bytes, at + 42)?,
    };
    Some(Ok((entry, next)))
}

/// Where the bytes of an entry lie; its own header says the same of it as the directory.
fn place(bytes: &[u8], directory: usize, entry: &Entry<'_>) -> Option<std::ops::Range<usize>> {
    let at = entry.local;
    if u32_at(bytes, at)? != LOCAL || u16_at(bytes, at + 8)? != entry.method {
        return None;
    }
    let (name, extra) = (usize::from(u16_at(bytes, at + 26)?), usize::from(u16_at(bytes, at + 28)?));
    let name_at = at + LOCAL_BYTES;
    if bytes.get(name_at..name_at + name)? != entry.name.as_bytes() {
        return None;
    }
    let start = name_at + name + extra;
    let end = start.checked_add(entry.packed)?;
    (end <= directory).then_some(start..end)
}

/// No byte belongs to two entries, and the first of them begins the file: bombs share bytes, and other formats hide
/// before an archive.
fn expect_apart(bytes: &[u8], directory: usize, entries: &[Entry<'_>]) -> Result<(), String> {
    let mut places = Vec::new();
    for entry in entries {
        let place = place(bytes, directory, entry)
            .ok_or_else(|| format!("the header of {} contradicts the directory", shown(entry.name)))?;
        places.push((entry.local, place.end));
    }
    places.sort_unstable();
    let overlap = places.windows(2).any(|pair| pair[0].1 > pair[1].0);
    match places.first() {
        _ if overlap => Err("some of its entries share bytes".to_owned()),
        Some((first, _)) if *first != 0 => Err("something stands before its first entry".to_owned()),
        _ => Ok(()),
    }
}

// === one entry ===

fn check_kind(entry: &Entry<'_>) -> Result<(), String> {
    let name = shown(entry.name);
    let mode = if entry.made_by == BY_UNIX { entry.attributes >> 16 } else { 0 };
    let is_folder = entry.name.ends_with('/');
    match mode & KIND_BITS {
        0 => {}
        REGULAR if !is_folder => {}
        FOLDER if is_folder => {}
        0o120_000 => return Err(format!("{name} is a link")),
        _ => return Err(format!("{name} is neither a file nor a folder")),
    }
    if mode & SPECIAL_BITS != 0 {
        return Err(format!("{name} would run as somebody else (mode {:o})", mode & 0o7777));
    }
    if entry.flags & 1 != 0 {
        return Err(format!("{name} is encrypted"));
    }
    match entry.method {
        0 if entry.packed != entry.size => Err(format!("{name} has another size than it says")),
        0 | 8 if is_folder && entry.size != 0 => Err(format!("{name} is a folder with bytes")),
        0 | 8 => Ok(()),
        method => Err(format!("{name} is packed in a way that is not known ({method})")),
    }
}

/// A name leads nowhere else, can be written on every system, and is what it looks like.
fn check_name(path: &str) -> Result<(), String> {
    let name = shown(path);
    if path.len() > MAX_NAME_BYTES || path.split('/').count() > MAX_DEPTH {
        return Err(format!("{name} is longer or deeper than names are"));
    }
    if path.starts_with('/') {
        return Err(format!("{name} is absolute"));
    }
    for part in path.split('/') {
        if matches!(part, "" | "." | "..") {
            return Err(format!("{name} leads elsewhere"));
        }
        if part.chars().any(|c| c.is_control() || is_ignorable(c) || matches!(c, '\\' | ':')) {
            return Err(format!("{name} has a character that no name may have"));
        }
        if part.ends_with(['.', ' ']) || part.starts_with(' ') {
            return Err(format!("{name} looks like another name"));
        }
    }
    Ok(())
}

/// Each name stands once, whatever its case, and no file lies where a folder is.
fn check_place(names: &mut BTreeMap<String, bool>, path: &str, is_folder: bool) -> Result<(), String> {
    let folded = path.to_lowercase();
    let parents: Vec<_> = folded.match_indices('/').map(|(at, _)| folded[..at].to_owned()).collect();
    for parent in parents {
        if !*names.entry(parent).or_insert(true) {
            return Err(format!("{} lies in a file", shown(path)));
        }
    }
    match names.insert(folded, is_folder) {
        // A folder may stand there for itself, and for what lies in it.
        None => Ok(()),
        Some(true) if is_folder => Ok(()),
        Some(_) => Err(format!("{} stands there twice, or with another case", shown(path))),
    }
}

fn text(bytes: &[u8], directory: usize, entry: &Entry<'_>) -> Result<String, String> {
    let name = shown(entry.name);
    let damaged = || format!("{name} is damaged");
    let packed = &bytes[place(bytes, directory, entry).ok_or_else(damaged)?];
    let plain = match entry.method {
        0 => packed.to_vec(),
        // One byte more than it says would be a lie already.
        _ => decompress_to_vec_with_limit(packed, entry.size)
            .map_err(|_| format!("{name} is damaged, or longer than it says"))?,
    };
    if plain.len() != entry.size || crc32fast::hash(&plain) != entry.crc {
        return Err(damaged());
    }
    match String::from_utf8(plain) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(format!("{name} is no text; a skill of ClawHub has no other files")),
    }
}

/// A name for errors: short, and harmless to look at.
fn shown(name: &str) -> String {
    let mut short = String::new();
    for c in name.chars().take(80) {
        if is_ignorable(c) { short.extend(c.escape_unicode()) } else { short.extend(c.escape_debug()) }
    }
    format!("`{short}`")
}

#[cfg(test)]
pub(crate) mod tests;
