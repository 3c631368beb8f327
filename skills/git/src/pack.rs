//! Packs: many objects in one file, most as differences to others, and an index that says where each is.
//! Source: Git's `gitformat-pack`, version 2 of both files.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::ZlibDecoder;
use openclaw_sdk::ToolError;

use crate::object::{Id, Kind, Object};
use crate::store::{MAX_OBJECT_BYTES, broken};

/// Where the names begin in an index: after its head and a table of 256 sums.
const NAMES: u64 = 8 + 4 * 256;
/// Git makes chains of 50 differences, on request of 4,095.
const MAX_CHAIN: usize = 4095;

pub struct Pack {
    index: File,
    data: File,
    /// How many names begin with this byte or a smaller one.
    sums: Vec<u32>,
}

/// Where an object's base is.
pub enum Base {
    Here(Object),
    Elsewhere(Id),
}

/// Differences to a base, to be applied from the last to the first.
pub struct Chain {
    pub base: Base,
    pub deltas: Vec<Vec<u8>>,
}

impl Pack {
    /// Opens an index and the pack beside it.
    ///
    /// # Errors
    /// If one cannot be read or is no such file.
    pub fn open(index: &Path) -> Result<Pack, ToolError> {
        let open = |path: &Path| File::open(path).map_err(|err| broken(&format!("cannot open a pack: {err}")));
        let (file, data) = (open(index)?, open(&index.with_extension("pack"))?);
        let mut head = vec![0; NAMES as usize];
        read_at(&file, 0, &mut head)?;
        if !head.starts_with(b"\xfftOc\0\0\0\x02") {
            return Err(broken("the index of a pack has an unknown format"));
        }
        let sums: Vec<u32> = head[8..].chunks_exact(4).map(u32_of).collect();
        if !sums.is_sorted() {
            return Err(broken("the index of a pack is broken"));
        }
        Ok(Pack { index: file, data, sums })
    }

    /// Where the object is in the pack, if it is.
    pub fn find(&self, id: &Id) -> Result<Option<u64>, ToolError> {
        let at = self.first_from(id)?;
        match at < self.count() && self.name(at)? == *id {
            true => self.offset(at).map(Some),
            false => Ok(None),
        }
    }

    /// Up to two names that lie between these.
    pub fn between(&self, low: &Id, high: &Id) -> Result<Vec<Id>, ToolError> {
        let first = self.first_from(low)?;
        let names = (first..self.count().min(first.saturating_add(2))).map(|at| self.name(at));
        Ok(names.collect::<Result<Vec<_>, _>>()?.into_iter().filter(|name| name <= high).collect())
    }

    fn count(&self) -> u32 {
        self.sums[255]
    }

    /// The number of the first name that is not smaller.
    fn first_from(&self, id: &Id) -> Result<u32, ToolError> {
        let byte = usize::from(id.0[0]);
        let (mut low, mut high) = (if byte == 0 { 0 } else { self.sums[byte - 1] }, self.sums[byte]);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.name(middle)? < *id { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    fn name(&self, at: u32) -> Result<Id, ToolError> {
        let mut name = [0; 20];
        read_at(&self.index, NAMES + 20 * u64::from(at), &mut name)?;
        Ok(Id(name))
    }

    fn offset(&self, at: u32) -> Result<u64, ToolError> {
        let count = u64::from(self.count());
        let mut short = [0; 4];
        read_at(&self.index, NAMES + 24 * count + 4 * u64::from(at), &mut short)?;
        let short = u32::from_be_bytes(short);
        if short < 1 << 31 {
            return Ok(short.into());
        }
        let mut long = [0; 8];
        read_at(&self.index, NAMES + 28 * count + 8 * u64::from(short & !(1 << 31)), &mut long)?;
        Ok(u64::from_be_bytes(long))
    }

    /// Reads what is at an offset, down to an object that is whole.
    pub fn chain(&self, mut offset: u64) -> Result<Chain, ToolError> {
        let (mut deltas, mut bytes) = (Vec::new(), 0);
        while deltas.len() <= MAX_CHAIN {
            let mut file = &self.data;
            file.seek(SeekFrom::Start(offset)).map_err(|_| broken("a pack is broken"))?;
            let mut reader = BufReader::with_capacity(4096, file);
            let (kind, size) = head(&mut reader)?;
            // The chain is in memory as a whole.
            bytes += size;
            if bytes > 2 * MAX_OBJECT_BYTES {
                return Err(broken("an object is too large"));
            }
            let whole = match kind {
                1 => Some(Kind::Commit),
                2 => Some(Kind::Tree),
                3 => Some(Kind::Blob),
                4 => Some(Kind::Tag),
                _ => None,
            };
            if let Some(kind) = whole {
                return Ok(Chain { base: Base::Here(Object { kind, bytes: inflate(reader, size)? }), deltas });
            }
            let base = match kind {
                6 => Ok(back(&mut reader)?),
                7 => Err(Id(take(&mut reader)?)),
                _ => return Err(broken("a pack has an unknown kind of object")),
            };
            deltas.push(inflate(reader, size)?);
            match base {
                Ok(back) if back > 0 && back <= offset => offset -= back,
                Ok(_) => return Err(broken("a pack is broken")),
                Err(id) => return Ok(Chain { base: Base::Elsewhere(id), deltas }),
            }
        }
        Err(broken("a pack has too long a chain of differences"))
    }
}

fn read_at(mut file: &File, at: u64, bytes: &mut [u8]) -> Result<(), ToolError> {
    let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(bytes));
    read.map_err(|err| broken(&format!("cannot read the index of a pack: {err}")))
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn take<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], ToolError> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(|_| broken("a pack ends early"))?;
    Ok(bytes)
}

/// An object's kind and size: three and four bits, then seven at a time, the smallest first.
fn head(reader: &mut impl Read) -> Result<(u8, u64), ToolError> {
    let [mut byte] = take(reader)?;
    let (kind, mut size, mut shift) = (byte >> 4 & 7, u64::from(byte & 15), 4);
    while byte & 0x80 != 0 {
        [byte] = take(reader)?;
        if shift > 56 {
            return Err(broken("a pack is broken"));
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    Ok((kind, size))
}

/// How far back the base is: seven bits at a time, the largest first, each but the last one more than it says.
fn back(reader: &mut impl Read) -> Result<u64, ToolError> {
    let [mut byte] = take(reader)?;
    let mut back = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        [byte] = take(reader)?;
        let more = back.checked_add(1).and_then(|back| back.checked_mul(128));
        back = more.ok_or_else(|| broken("a pack is broken"))? | u64::from(byte & 0x7f);
    }
    Ok(back)
}

fn inflate(reader: BufReader<&File>, size: u64) -> Result<Vec<u8>, ToolError> {
    if size > MAX_OBJECT_BYTES {
        return Err(broken(&format!("an object of {} MiB is too large", size >> 20)));
    }
    let mut bytes = Vec::new();
    let read = ZlibDecoder::new(reader).take(size + 1).read_to_end(&mut bytes);
    match read.is_ok() && bytes.len() as u64 == size {
        true => Ok(bytes),
        false => Err(broken("an object in a pack is broken")),
    }
}

/// Makes an object of its base and the difference to it.
///
/// # Errors
/// If the difference does not fit the base.
pub fn apply(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, ToolError> {
    let made = try_apply(base, delta);
    made.ok_or_else(|| broken("an object in a pack does not fit its base"))
}

fn try_apply(base: &[u8], mut delta: &[u8]) -> Option<Vec<u8>> {
    let (from, to) = (number(&mut delta)?, number(&mut delta)?);
    if from != base.len() as u64 || to > MAX_OBJECT_BYTES {
        return None;
    }
    let mut made = Vec::with_capacity(usize::try_from(to).ok()?);
    while let Some((code, rest)) = delta.split_first() {
        delta = rest;
        if code & 0x80 == 0 {
            let (added, rest) = delta.split_at_checked(usize::from(*code)).filter(|_| *code > 0)?;
            made.extend_from_slice(added);
            delta = rest;
        } else {
            let (start, length) = (part(&mut delta, code & 15, 4)?, part(&mut delta, code >> 4 & 7, 3)?);
            let length = if length == 0 { 0x1_0000 } else { length };
            made.extend_from_slice(base.get(start..start.checked_add(length)?)?);
        }
        if made.len() as u64 > to {
            return None;
        }
    }
    (made.len() as u64 == to).then_some(made)
}

/// A number of those of `count` bytes that the bits name.
fn part(delta: &mut &[u8], bits: u8, count: u8) -> Option<usize> {
    let mut number = 0;
    for at in (0..count).filter(|at| bits & 1 << at != 0) {
        let (byte, rest) = delta.split_first()?;
        number |= usize::from(*byte) << (8 * at);
        *delta = rest;
    }
    Some(number)
}

fn number(delta: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = delta.split_first()?;
        *delta = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_copies_and_adds() {
        let delta = [11, 9, 0x91, 6, 5, 4, b'!', b'a', b'b', b'c'];
        assert_eq!(apply(b"Hello world", &delta).unwrap(), b"world!abc");
    }

    #[test]
    fn a_difference_that_does_not_fit_is_an_error() {
        let cases: [&[u8]; 7] = [
            &[],
            &[10, 9, 0x91, 6, 5],
            &[11, 5, 0x91, 8, 5],
            &[11, 9, 0x91, 6, 5],
            &[11, 1, 0],
            &[11, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x91, 6, 5],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ];
        for delta in cases {
            assert!(apply(b"Hello world", delta).is_err(), "{delta:?}");
        }
    }
}
