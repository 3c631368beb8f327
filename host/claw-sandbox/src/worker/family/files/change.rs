//! Making, removing and moving: always in a directory that was opened without following any link.

use std::fs::File as SystemFile;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;
use wasmtime_wasi::OpenMode;
use wasmtime_wasi::filesystem::File;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::path::{Form, GuestPath};
use super::refusal::{self, Failed, kernel};
use super::{Files, Last, Named, Place};
use crate::workspace::beneath::{self, Links, NEW_DIRECTORY, Names, Stat};
use crate::workspace::{Kind, path};

impl Files {
    pub(super) fn make_directory(&self, named: &Named) -> Result<(), Failed> {
        let (parent, name) = self.parent(named)?;
        if named.place.names().count() > path::MAX_DEPTH {
            return Err(Failed::Code(ErrorCode::NameTooLong));
        }
        let make = || rustix::fs::mkdirat(&parent, name, NEW_DIRECTORY).map_err(io::Error::from);
        match self.meter(&named.place) {
            Some(meter) => Ok(meter.add(make)?),
            None => Ok(make()?),
        }
    }

    pub(super) fn remove_file(&self, named: &Named) -> Result<(), Failed> {
        let (parent, name) = self.parent(named)?;
        expect_form(&parent, named, name)?;
        if named.relative.form == Form::Directory {
            return Err(Failed::Code(ErrorCode::IsDirectory));
        }
        rustix::fs::unlinkat(&parent, name, AtFlags::empty()).map_err(|errno| kernel(errno, &named.place.path))
    }

    pub(super) fn remove_directory(&self, named: &Named) -> Result<(), Failed> {
        let (parent, name) = self.parent(named)?;
        expect_form(&parent, named, name)?;
        rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR).map_err(|errno| kernel(errno, &named.place.path))
    }

    /// Moves within one folder. Between folders it would carry a file past the rules of one of them, so programs copy.
    pub(super) fn rename(&self, old: &Named, new: &Named) -> Result<(), Failed> {
        let (from, old_name) = self.parent(old)?;
        let (to, new_name) = self.parent(new)?;
        if old.place.mount != new.place.mount {
            return Err(Failed::Code(ErrorCode::CrossDevice));
        }
        expect_form(&from, old, old_name)?;
        let failed = |errno| kernel(errno, &old.place.path);
        let moved = beneath::look(from.as_fd(), old_name).map_err(failed)?;
        if moved.kind == Kind::Directory {
            let ground = self.mount(&old.place).ground;
            for place in [&old.place, &new.place] {
                if ground.protects_tree(place.names()) {
                    return Err(refusal::protected(&place.path));
                }
            }
        } else if new.relative.form == Form::Directory {
            return Err(Failed::Code(ErrorCode::NotDirectory));
        }
        if new.place.names().count() > path::MAX_DEPTH {
            return Err(Failed::Code(ErrorCode::NameTooLong));
        }
        rustix::fs::renameat(&from, old_name, &to, new_name).map_err(failed)
    }

    /// The refusal of a new link between these, or to somewhere.
    pub(super) fn refuse_link(&self, named: &[&Named]) -> Failed {
        let refused = named.iter().find_map(|named| self.expect_changeable(&named.place).err());
        let last = named.last().expect("files: a link has a place");
        refused.unwrap_or_else(|| refusal::no_new_links(&last.place.path))
    }

    /// Opens something whose times may be changed. A link is not followed, and cannot be changed itself.
    pub(super) fn open_for_times(&self, named: &Named) -> Result<File, Failed> {
        self.expect_changeable(&named.place)?;
        let (_, stat, reach) = named.find(Last::Stay)?;
        let place = Place { reach, ..named.place.clone() };
        self.expect_changeable(&place)?;
        match stat.kind {
            Kind::File | Kind::Directory => {}
            Kind::Link => return Err(refusal::link(&place.path)),
            Kind::Special => return Err(refusal::special(&place.path)),
        }
        let opened = beneath::open(named.directory.as_fd(), named.relative.as_str(), beneath::READ, Links::Refuse);
        let opened = SystemFile::from(opened.map_err(|errno| kernel(errno, &place.path))?);
        expect_one_name(&opened, &place)?;
        Ok(File::new(opened, self.perms(&place), OpenMode::READ, true))
    }

    /// Opens the directory in which something is to be changed, after asking the rules for its whole path.
    fn parent<'a>(&self, named: &'a Named) -> Result<(OwnedFd, &'a str), Failed> {
        self.expect_changeable(&named.place)?;
        // The directory that the guest stands in cannot be changed as an entry of another.
        let (parent, name) = named.relative.split().ok_or(Failed::Code(ErrorCode::Busy))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = beneath::open(named.directory.as_fd(), parent, flags, Links::Refuse);
        Ok((parent.map_err(|errno| kernel(errno, &named.place.path))?, name))
    }
}

impl Named {
    /// What a link says, if that is the guest's to know.
    pub(super) fn read_link(&self) -> Result<String, Failed> {
        let (link, stat, _) = self.find(Last::Stay)?;
        if stat.kind != Kind::Link {
            return Err(Failed::Code(ErrorCode::Invalid));
        }
        let failed = |errno| kernel(errno, &self.place.path);
        let target = rustix::fs::readlinkat(&link, "", Vec::new()).map_err(failed)?;
        let target = target.into_string().map_err(|_| Failed::Code(ErrorCode::IllegalByteSequence))?;
        let around = self.place.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        match GuestPath::parse(format!("{around}/{target}").trim_start_matches('/')) {
            Ok(_) if !target.starts_with('/') => Ok(target),
            _ => Err(refusal::link(&self.place.path)),
        }
    }
}

/// A name that was written with `/` at its end must be a directory's, and no link to one.
fn expect_form(parent: &OwnedFd, named: &Named, name: &str) -> Result<(), Failed> {
    if named.relative.form == Form::Plain {
        return Ok(());
    }
    let stat = beneath::look(parent.as_fd(), name).map_err(|errno| kernel(errno, &named.place.path))?;
    match stat.kind {
        Kind::Directory => Ok(()),
        Kind::Link => Err(refusal::link(&named.place.path)),
        Kind::File | Kind::Special => Err(Failed::Code(ErrorCode::NotDirectory)),
    }
}

/// The content of a file with a second name belongs to that name's folder as well, which may be anywhere.
pub(super) fn expect_one_name(file: &SystemFile, place: &Place) -> Result<(), Failed> {
    let stat = Stat::from(rustix::fs::fstat(file).map_err(|errno: Errno| kernel(errno, &place.path))?);
    match (stat.kind, stat.names) {
        (Kind::File, Names::Several) => Err(refusal::second_name(&place.path)),
        _ => Ok(()),
    }
}
