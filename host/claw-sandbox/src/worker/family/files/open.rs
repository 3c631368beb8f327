//! Opening: look first, open, and look again at what was opened.

use std::fs::File as SystemFile;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use wasmtime_wasi::OpenMode;
use wasmtime_wasi::filesystem::{Descriptor, Dir, File};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{DescriptorFlags, OpenFlags};

use super::path::Form;
use super::refusal::{self, Failed, kernel};
use super::{Files, Last, Named, Place, change};
use crate::workspace::Kind;
use crate::workspace::beneath::{self, Links, Stat};

/// What a guest wants to open a path for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) last: Last,
    pub(super) how: OpenFlags,
    pub(super) flags: DescriptorFlags,
}

/// Somebody may make and remove the file between two looks; a guest that competes with itself gets an error.
const ATTEMPTS: usize = 16;

impl Wanted {
    fn expect_sound(self) -> Result<(), Failed> {
        let synced = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        let makes = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
        if self.flags.intersects(synced) {
            return Err(Failed::Code(ErrorCode::Unsupported));
        }
        if self.how.contains(OpenFlags::DIRECTORY) && self.how.intersects(makes) {
            return Err(Failed::Code(ErrorCode::Invalid));
        }
        Ok(())
    }

    fn changes(self) -> bool {
        self.flags.contains(DescriptorFlags::WRITE) || self.how.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
    }

    /// For the kernel; never with `TRUNC`, because a file is cut only after it was looked at.
    fn access(self) -> (OFlags, OpenMode) {
        let write = self.flags.contains(DescriptorFlags::WRITE) || self.how.contains(OpenFlags::TRUNCATE);
        let (access, mode) = match (write, self.flags.contains(DescriptorFlags::READ)) {
            (true, true) => (OFlags::RDWR, OpenMode::READ | OpenMode::WRITE),
            (true, false) => (OFlags::WRONLY, OpenMode::WRITE),
            (false, _) => (OFlags::RDONLY, OpenMode::READ),
        };
        // Without `NONBLOCK`, opening a pipe waits for somebody at its other end for ever.
        (access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC, mode)
    }
}

impl Files {
    /// Opens what a guest has named.
    pub(super) fn open(&mut self, named: &Named, wanted: Wanted) -> Result<(Descriptor, Place), Failed> {
        wanted.expect_sound()?;
        self.make_room()?;
        let (descriptor, place) =
            if wanted.changes() { self.open_to_change(named, wanted)? } else { self.open_to_read(named, wanted)? };
        match &descriptor {
            Descriptor::File(file) => self.keep(&file.file, &place),
            Descriptor::Dir(directory) => self.keep(&directory.dir, &place),
        }
        Ok((descriptor, place))
    }

    fn open_to_read(&self, named: &Named, wanted: Wanted) -> Result<(Descriptor, Place), Failed> {
        // Opening a device can already act on it, so look before opening it for reading, and again after that.
        let (_, looked, _) = named.find(wanted.last)?;
        expect_openable(looked, wanted, &named.place)?;
        let (flags, mode) = wanted.access();
        let (opened, reach) = named.open(flags, wanted.last)?;
        let stat = Stat::from(rustix::fs::fstat(&opened).map_err(|errno| kernel(errno, &named.place.path))?);
        expect_openable(stat, wanted, &named.place)?;
        let place = Place { reach, ..named.place.clone() };
        let perms = self.perms(&place);
        let opened = SystemFile::from(opened);
        let descriptor = if stat.kind == Kind::Directory {
            let changing = wanted.flags.contains(DescriptorFlags::MUTATE_DIRECTORY);
            let mode = if changing { mode | OpenMode::WRITE } else { mode };
            Descriptor::Dir(Dir::new(opened, perms, mode, true))
        } else {
            Descriptor::File(File::new(opened, perms, mode, true))
        };
        Ok((descriptor, place))
    }

    fn open_to_change(&self, named: &Named, wanted: Wanted) -> Result<(Descriptor, Place), Failed> {
        let place = named.place.clone();
        self.expect_changeable(&place)?;
        let (flags, mode) = wanted.access();
        let mut opened = None;
        for _ in 0..ATTEMPTS {
            opened = self.open_or_create(named, wanted, flags)?;
            if opened.is_some() {
                break;
            }
        }
        let opened = SystemFile::from(opened.ok_or(Failed::Code(ErrorCode::Busy))?);
        let stat = Stat::from(rustix::fs::fstat(&opened).map_err(|errno| kernel(errno, &place.path))?);
        expect_openable(stat, wanted, &place)?;
        change::expect_one_name(&opened, &place)?;
        if wanted.how.contains(OpenFlags::TRUNCATE) && stat.size > 0 {
            opened.set_len(0)?;
        }
        Ok((Descriptor::File(File::new(opened, self.perms(&place), mode, true)), place))
    }

    /// Opens the file that is there, or makes it; `None` if somebody else was quicker with the opposite.
    fn open_or_create(&self, named: &Named, wanted: Wanted, flags: OFlags) -> Result<Option<OwnedFd>, Failed> {
        let (directory, path) = (named.directory.as_fd(), named.relative.as_str());
        let failed = |errno| kernel(errno, &named.place.path);
        let looked = beneath::open(directory, path, OFlags::PATH | OFlags::CLOEXEC, Links::Refuse);
        match looked {
            Ok(_) if wanted.how.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE) => {
                return Err(Failed::Code(ErrorCode::Exist));
            }
            Ok(looked) => {
                let stat = Stat::from(rustix::fs::fstat(&looked).map_err(failed)?);
                expect_openable(stat, wanted, &named.place)?;
                if named.relative.form == Form::Directory {
                    return Err(Failed::Code(ErrorCode::NotDirectory));
                }
            }
            Err(Errno::NOENT) if wanted.how.contains(OpenFlags::CREATE) => {
                return self.create(named, flags);
            }
            Err(errno) => return Err(failed(errno)),
        }
        match beneath::open(directory, path, flags, Links::Refuse) {
            Ok(opened) => Ok(Some(opened)),
            Err(Errno::NOENT) if wanted.how.contains(OpenFlags::CREATE) => Ok(None),
            Err(errno) => Err(failed(errno)),
        }
    }

    fn create(&self, named: &Named, flags: OFlags) -> Result<Option<OwnedFd>, Failed> {
        if named.relative.form == Form::Directory {
            return Err(Failed::Code(ErrorCode::IsDirectory));
        }
        let make = || Ok(beneath::create(named.directory.as_fd(), named.relative.as_str(), flags));
        let made = match self.meter(&named.place) {
            Some(meter) => meter.add(make)?,
            None => make()?,
        };
        match made {
            Ok(made) => Ok(Some(made)),
            Err(Errno::EXIST) => Ok(None),
            Err(errno) => Err(kernel(errno, &named.place.path)),
        }
    }
}

/// Whether something of this kind may be opened in this way.
fn expect_openable(stat: Stat, wanted: Wanted, place: &Place) -> Result<(), Failed> {
    match stat.kind {
        Kind::Special => Err(refusal::special(&place.path)),
        // Reached only where the guest asked not to follow it.
        Kind::Link => Err(Failed::Code(ErrorCode::Loop)),
        Kind::Directory if wanted.changes() => Err(Failed::Code(ErrorCode::IsDirectory)),
        Kind::File if wanted.how.contains(OpenFlags::DIRECTORY) => Err(Failed::Code(ErrorCode::NotDirectory)),
        Kind::Directory | Kind::File => Ok(()),
    }
}
