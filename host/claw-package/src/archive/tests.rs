use miniz_oxide::deflate::compress_to_vec;

use super::*;

/// An entry as its author wants it; the rest is as it should be.
#[derive(Clone)]
pub struct Part {
    name: Vec<u8>,
    local_name: Option<Vec<u8>>,
    bytes: Vec<u8>,
    method: u16,
    flags: u16,
    mode: u32,
    size: Option<u32>,
    crc: Option<u32>,
}

pub fn part(name: &str, bytes: &[u8]) -> Part {
    let (name, bytes) = (name.as_bytes().to_vec(), bytes.to_vec());
    Part { name, local_name: None, bytes, method: 8, flags: 0, mode: 0, size: None, crc: None }
}

pub fn zip(parts: &[Part]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let u16s = |out: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|it| out.extend(it.to_le_bytes()));
    let u32s = |out: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|it| out.extend(it.to_le_bytes()));
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let short = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap();
    for part in parts {
        let packed = if part.method == 8 { compress_to_vec(&part.bytes, 6) } else { part.bytes.clone() };
        let size = part.size.unwrap_or(length(&part.bytes));
        let crc = part.crc.unwrap_or_else(|| crc32fast::hash(&part.bytes));
        let local = length(&out);
        let local_name = part.local_name.as_ref().unwrap_or(&part.name);
        u32s(&mut out, &[LOCAL]);
        u16s(&mut out, &[20, part.flags, part.method, 0, 0]);
        u32s(&mut out, &[crc, length(&packed), size]);
        u16s(&mut out, &[short(local_name), 0]);
        out.extend(local_name);
        out.extend(&packed);
        u32s(&mut directory, &[ENTRY]);
        u16s(&mut directory, &[BY_UNIX << 8, 20, part.flags, part.method, 0, 0]);
        u32s(&mut directory, &[crc, length(&packed), size]);
        u16s(&mut directory, &[short(&part.name), 0, 0, 0, 0]);
        u32s(&mut directory, &[part.mode << 16, local]);
        directory.extend(&part.name);
    }
    let (start, count) = (length(&out), u16::try_from(parts.len()).unwrap());
    out.extend(&directory);
    u32s(&mut out, &[END]);
    u16s(&mut out, &[0, 0, count, count]);
    u32s(&mut out, &[length(&directory), start]);
    u16s(&mut out, &[0]);
    out
}

#[track_caller]
fn refused(parts: &[Part], why: &str) {
    let err = unpack(&zip(parts), None).map(|files| files.len()).unwrap_err().to_string();
    assert!(err.starts_with("E_PKG_ARCHIVE: ") && err.contains(why), "{why}: {err}");
}

#[test]
fn a_bundle_of_texts_is_read_whole() {
    let stored = Part { method: 0, mode: 0o100_755, ..part("scripts/now.sh", b"echo rain\n") };
    let folder = Part { method: 0, mode: 0o040_755, ..part("scripts/", b"") };
    let archive = zip(&[part("SKILL.md", "# Wetter ☔".as_bytes()), folder, stored, part("empty", b"")]);
    let files = unpack(&archive, None).unwrap();
    let read: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    assert_eq!(read, [("SKILL.md", "# Wetter ☔"), ("empty", ""), ("scripts/now.sh", "echo rain\n")]);
    // With a comment behind it, as archives of repositories have one.
    let mut commented = archive.clone();
    let at = commented.len() - 2;
    commented[at..].copy_from_slice(&3_u16.to_le_bytes());
    commented.extend(b"abc");
    assert_eq!(unpack(&commented, None).unwrap().len(), 3);
}

#[test]
fn of_a_repository_only_the_wanted_folder_is_read() {
    let image = part("repo-1a2b/logo.png", &[0xff, 0, 0xd8]);
    let archive = zip(&[image, part("repo-1a2b/skills/tide/SKILL.md", b"x"), part("repo-1a2b/skills/tides/y", b"")]);
    let paths = |within| unpack(&archive, Some(within)).map(|files| files[0].path.clone());
    assert_eq!(paths("skills/tide").unwrap(), "SKILL.md");
    assert_eq!(paths("/skills/tide/").unwrap(), "SKILL.md");
    assert!(paths("skill").unwrap_err().to_string().contains("no files"));
    assert!(paths(".").unwrap_err().to_string().contains("is no text"));
}

// FS-31
#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../x", "a/../../x", "/etc/passwd", "//x", "a//b", "./x", "a/./b", "..", "C:\\x", "a\\..\\b", "a:b"] {
        refused(&[part("SKILL.md", b""), part(name, b"x")], "");
    }
    refused(&[part("../x", b"")], "leads elsewhere");
    refused(&[part("/x", b"")], "is absolute");
    refused(&[part("a\u{200b}b", b"")], "no name may have");
    refused(&[part("a\nb", b"")], "no name may have");
    refused(&[part("a\u{202e}b", b"")], "`a\\u{202e}b`");
    refused(&[part("SKILL.md ", b"")], "looks like another");
    refused(&[part(&"x".repeat(241), b"")], "longer or deeper");
    refused(&[part(&"x/".repeat(11), b"")], "longer or deeper");
    refused(&[Part { name: b"a\xff".to_vec(), ..part("", b"") }], "no UTF-8");
}

// FS-31
#[test]
fn links_devices_and_other_peoples_modes_are_refused() {
    let with = |mode: u32| [part("SKILL.md", b""), Part { mode, ..part("x", b"/etc/passwd") }];
    refused(&with(0o120_777), "is a link");
    for kind in [0o020_644, 0o060_644, 0o010_644, 0o140_644, 0o040_755] {
        refused(&with(kind), "neither a file nor a folder");
    }
    for mode in [0o104_755, 0o102_755, 0o101_755] {
        refused(&with(mode), "as somebody else");
    }
}

#[test]
fn a_name_stands_once_whatever_its_case() {
    refused(&[part("a", b"1"), part("a", b"2")], "twice");
    refused(&[part("SKILL.md", b"1"), part("skill.MD", b"2")], "another case");
    refused(&[part("Straße", b"1"), part("STRAßE", b"2")], "another case");
    refused(&[part("a", b""), part("a/b", b"")], "lies in a file");
    refused(&[part("a/b", b""), part("A", b"")], "twice");
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    refused(&[part("big", &vec![0x20; MAX_FILE_BYTES + 1])], "at most");
    // It says that it is small.
    refused(&[Part { size: Some(10), ..part("liar", &vec![0x20; 1 << 20]) }], "longer than it says");
    let many: Vec<_> = (0..=MAX_FILES).map(|number| part(&number.to_string(), b"")).collect();
    refused(&many, "more than 1000 files");
    let block = vec![0x20; MAX_FILE_BYTES];
    let heavy: Vec<_> = (0..13).map(|number| part(&number.to_string(), &block)).collect();
    refused(&heavy, "bytes together");
    // Two entries of the directory over the same bytes.
    let mut shared = zip(&[part("a", b"x"), part("b", b"x")]);
    let second = shared.windows(4).rposition(|it| it == ENTRY.to_le_bytes()).unwrap();
    shared[second + 42..second + 46].copy_from_slice(&0_u32.to_le_bytes());
    assert!(unpack(&shared, None).map(|files| files.len()).unwrap_err().to_string().contains("contradicts"));
    let name = second + ENTRY_BYTES;
    shared[name] = b'a';
    assert!(unpack(&shared, None).map(|files| files.len()).unwrap_err().to_string().contains("share bytes"));
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    refused(&[Part { local_name: Some(b"b".to_vec()), ..part("a", b"") }], "contradicts the directory");
    refused(&[Part { crc: Some(1), ..part("a", b"text") }], "damaged");
    refused(&[Part { size: Some(9), ..part("a", b"text") }], "damaged");
    refused(&[Part { method: 0, size: Some(9), ..part("a", b"text") }], "another size");
    refused(&[Part { flags: 1, ..part("a", b"") }], "encrypted");
    refused(&[Part { method: 12, ..part("a", b"") }], "not known");
    refused(&[part("a", b"\xff\xfe")], "is no text");
    refused(&[part("a", b"\0asm")], "is no text");
    refused(&[], "no files");
    let good = zip(&[part("a", b"x")]);
    let before = [b"#!/bin/sh\n".as_slice(), &good].concat();
    assert!(unpack(&before, None).is_err());
    for no_archive in [b"".as_slice(), b"<!doctype html>", b"PK\x05\x06", &[0; 100]] {
        assert!(unpack(no_archive, None).is_err());
    }
}

// Whatever is changed or cut off, the answer is files or a reason, never a panic.
#[test]
fn mutations_of_an_archive_are_read_or_refused() {
    let good = zip(&[part("SKILL.md", b"some words, some words"), Part { method: 0, ..part("a/b", b"text") }]);
    (0..good.len()).for_each(|at| assert!(unpack(&good[..at], None).is_err(), "cut off at {at}"));
    for at in 0..good.len() {
        for bits in [1, 0x80, 0xff] {
            let mut other = good.clone();
            other[at] ^= bits;
            if let Ok(files) = unpack(&other, None) {
                assert!(files.iter().all(|file| check_name(&file.path).is_ok() && file.text.len() < 100));
            }
        }
    }
}
