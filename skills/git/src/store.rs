//! A repository's objects, loose and in packs.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::ZlibDecoder;
use openclaw_sdk::ToolError;

use crate::object::{Commit, Entry, Id, Kind, Object, parse_tree};
use crate::pack::{Base, Pack, apply};

/// Larger ones are not read: a call has 64 MiB, and nobody reads the difference of such files.
pub const MAX_OBJECT_BYTES: u64 = 8 << 20;
/// Each takes two of the 100 files that a call may hold open.
const MAX_PACKS: usize = 40;
/// Objects that need another pack's objects, one after the other.
const MAX_DEPTH: usize = 8;

pub struct Store {
    objects: PathBuf,
    packs: Vec<Pack>,
    /// Commits whose parents were not fetched.
    shallow: HashSet<Id>,
    borrows: bool,
}

/// The repository is not as it should be.
pub fn broken(why: &str) -> ToolError {
    ToolError::failed(format!("cannot read the repository: {why}"))
}

impl Store {
    /// Opens what is in a folder `.git`.
    ///
    /// # Errors
    /// If there are too many packs, or one is broken.
    pub fn open(git: &Path) -> Result<Store, ToolError> {
        let objects = git.join("objects");
        let listed = fs::read_dir(objects.join("pack")).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut indexes: Vec<_> = listed.filter(|path| path.extension().is_some_and(|end| end == "idx")).collect();
        indexes.sort();
        if indexes.len() > MAX_PACKS {
            return Err(broken(&format!("it has {} packs; `git gc` makes one of them", indexes.len())));
        }
        let packs = indexes.iter().map(|index| Pack::open(index)).collect::<Result<_, _>>()?;
        let shallow = fs::read_to_string(git.join("shallow")).unwrap_or_default();
        let borrows = objects.join("info/alternates").exists();
        Ok(Store { objects, packs, shallow: shallow.lines().filter_map(Id::parse).collect(), borrows })
    }

    /// # Errors
    /// If the object is missing, too large or broken.
    pub fn read(&self, id: &Id) -> Result<Object, ToolError> {
        self.read_within(id, MAX_DEPTH)
    }

    fn read_within(&self, id: &Id, depth: usize) -> Result<Object, ToolError> {
        for pack in &self.packs {
            let Some(offset) = pack.find(id)? else { continue };
            let mut chain = pack.chain(offset)?;
            let mut object = match chain.base {
                Base::Here(object) => object,
                Base::Elsewhere(_) if depth == 0 => return Err(broken("its packs need each other too often")),
                Base::Elsewhere(base) => self.read_within(&base, depth - 1)?,
            };
            while let Some(delta) = chain.deltas.pop() {
                object.bytes = apply(&object.bytes, &delta)?;
            }
            return Ok(object);
        }
        self.read_loose(id)
    }

    fn read_loose(&self, id: &Id) -> Result<Object, ToolError> {
        let name = id.to_string();
        let file = match File::open(self.objects.join(&name[..2]).join(&name[2..])) {
            Ok(file) => file,
            Err(err) if err.kind() == ErrorKind::NotFound => return Err(self.missing(id)),
            Err(err) => return Err(broken(&format!("object {}: {err}", id.short()))),
        };
        let mut bytes = Vec::new();
        // The head, e.g. `commit 123` and NUL, has a few bytes more.
        let read = ZlibDecoder::new(BufReader::new(file)).take(MAX_OBJECT_BYTES + 64).read_to_end(&mut bytes);
        let odd = || broken(&format!("object {} is broken or too large", id.short()));
        read.map_err(|_| odd())?;
        let end = bytes.iter().take(64).position(|byte| *byte == 0).ok_or_else(odd)?;
        let (kind, size) = str::from_utf8(&bytes[..end]).ok().and_then(|head| head.split_once(' ')).ok_or_else(odd)?;
        let kind = Kind::named(kind.as_bytes()).ok_or_else(odd)?;
        if size.parse() != Ok(bytes.len() - end - 1) {
            return Err(odd());
        }
        bytes.drain(..=end);
        Ok(Object { kind, bytes })
    }

    fn missing(&self, id: &Id) -> ToolError {
        let why = match self.borrows {
            true => "; it borrows objects of another repository (`objects/info/alternates`), which is not read",
            false => "",
        };
        broken(&format!("object {} is not there{why}", id.short()))
    }

    /// Up to two objects whose names begin with these digits.
    pub fn with_prefix(&self, digits: &str) -> Result<Vec<Id>, ToolError> {
        let digits = digits.to_lowercase();
        let filled = |fill: &str| Id::parse(&format!("{digits}{}", fill.repeat(40 - digits.len())));
        let (Some(low), Some(high)) = (filled("0"), filled("f")) else { return Ok(Vec::new()) };
        let mut found: Vec<Id> = Vec::new();
        for pack in &self.packs {
            found.extend(pack.between(&low, &high)?);
        }
        let loose = fs::read_dir(self.objects.join(&digits[..2])).into_iter().flatten().flatten();
        let loose = loose.filter_map(|entry| Id::parse(&format!("{}{}", &digits[..2], entry.file_name().to_str()?)));
        found.extend(loose.filter(|id| (low..=high).contains(id)));
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// The commit itself, or the one that a tag names.
    pub fn commit(&self, id: &Id) -> Result<(Id, Commit), ToolError> {
        let mut id = *id;
        for _ in 0..MAX_DEPTH {
            let object = self.read(&id)?;
            match object.kind {
                Kind::Commit => {
                    let mut commit = Commit::parse(&object.bytes)?;
                    if self.shallow.contains(&id) {
                        commit.parents.clear();
                    }
                    return Ok((id, commit));
                }
                Kind::Tag => {
                    let text = String::from_utf8_lossy(&object.bytes);
                    let named = text.lines().next().and_then(|line| Id::parse(line.strip_prefix("object ")?));
                    id = named.ok_or_else(|| broken("a tag names nothing"))?;
                }
                Kind::Tree | Kind::Blob => break,
            }
        }
        Err(ToolError::invalid(format!("{} is no commit", id.short())))
    }

    pub fn tree(&self, id: &Id) -> Result<std::collections::BTreeMap<String, Entry>, ToolError> {
        let object = self.read(id)?;
        match object.kind {
            Kind::Tree => parse_tree(&object.bytes),
            _ => Err(broken(&format!("object {} is no tree", id.short()))),
        }
    }

    /// What a path names in a tree; `None` if nothing.
    pub fn entry(&self, tree: &Id, path: &str) -> Result<Option<Entry>, ToolError> {
        let mut entry = Entry { mode: crate::object::DIRECTORY, id: *tree };
        for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
            if entry.mode != crate::object::DIRECTORY {
                return Ok(None);
            }
            match self.tree(&entry.id)?.get(name) {
                Some(found) => entry = *found,
                None => return Ok(None),
            }
        }
        Ok(Some(entry))
    }
}
