//! `wasi:filesystem`: files of the granted folders, by the same rules as `openclaw:workspace`.
//!
//! Every name is resolved here, below a directory that is already open and beneath it only; wasmtime's own view is asked
//! for nothing but what concerns a file that is open. Links are followed for reading while they stay inside; what was
//! reached through one cannot be changed. Rules are checked on the opened file, not on its name.

mod change;
mod entries;
mod open;
mod path;
mod refusal;
mod stream;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::HashMap;
use std::fs::File as SystemFile;
use std::sync::{Arc, Weak};

use rustix::fs::OFlags;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, File, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types;
use wasmtime_wasi::p2::{FsError, FsResult};
use wasmtime_wasi::{FsPerms, OpenMode, ResourceTableError};

use self::entries::Entries;
use self::path::GuestPath;
use self::refusal::{Failed, kernel};
use self::stream::{FileWriter, Position};
use crate::limits::OPEN_FILES;
use crate::worker::guest::Guest;
use crate::worker::meter::{Full, Meter};
use crate::worker::mount::Mount;
use crate::workspace::Kind;
use crate::workspace::beneath::{self, Links, Stat};

/// What one call has open, and where that lies.
#[derive(Default)]
pub(in crate::worker) struct Files {
    mounts: Arc<[Mount]>,
    /// By the number of the handle.
    places: HashMap<u32, Place>,
    /// Streams keep a file open when its handle is gone, so the files themselves are counted.
    open: Vec<Weak<dyn Any + Send + Sync>>,
}

/// Where an open file or directory lies.
#[derive(Clone, Debug)]
struct Place {
    /// Which of the mounts.
    mount: usize,
    /// From the mount's root, without links and `..`; empty for the root.
    path: String,
    reach: Reach,
}

/// How something was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// By its own name: its path says where it is.
    Direct,
    /// Through a link: it can be read only.
    Link,
}

/// A path that a guest has named, with the open directory where it starts.
struct Named {
    directory: Arc<SystemFile>,
    relative: GuestPath,
    /// The whole path as if there were no links on it.
    place: Place,
}

impl Files {
    /// The files of a call that is granted these folders.
    pub(in crate::worker) fn new(mounts: Arc<[Mount]>) -> Files {
        Files { mounts, ..Files::default() }
    }

    fn mount(&self, place: &Place) -> &Mount {
        &self.mounts[place.mount]
    }

    fn meter(&self, place: &Place) -> Option<Arc<Meter>> {
        self.mount(place).meter.clone()
    }

    fn perms(&self, place: &Place) -> FsPerms {
        match place.reach {
            Reach::Direct if self.mount(place).write => FsPerms::ReadWrite,
            _ => FsPerms::ReadOnly,
        }
    }

    /// Whether one more may be opened.
    fn make_room(&mut self) -> Result<(), Failed> {
        self.open.retain(|file| file.strong_count() > 0);
        if self.open.len() < OPEN_FILES { Ok(()) } else { Err(Failed::Table(ResourceTableError::Full)) }
    }

    fn keep(&mut self, file: &Arc<SystemFile>, place: &Place) {
        let held: Arc<dyn Any + Send + Sync> = file.clone();
        self.open.push(Arc::downgrade(&held));
        if let Some(meter) = &self.mount(place).meter {
            meter.opened(file);
        }
    }

    /// # Errors
    /// The refusal, if what lies here must not be changed.
    fn expect_changeable(&self, place: &Place) -> Result<(), Failed> {
        let mount = self.mount(place);
        if !mount.write {
            return Err(refusal::read_only(&mount.guest));
        }
        if place.reach == Reach::Link {
            return Err(refusal::link(&place.path));
        }
        if mount.ground.protects(place.names()) {
            return Err(refusal::protected(&place.path));
        }
        Ok(())
    }
}

impl Place {
    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.path.split('/').filter(|name| !name.is_empty())
    }
}

impl Guest {
    /// The path `text` as seen from an open directory.
    fn named(&self, fd: &Resource<Descriptor>, text: &str) -> Result<Named, Failed> {
        let Descriptor::Dir(directory) = self.table.get(fd)? else {
            return Err(Failed::Code(ErrorCode::NotDirectory));
        };
        let base = self.place(fd)?;
        let relative = GuestPath::parse(text)?;
        let place = Place { path: relative.below(&base.path), ..base.clone() };
        Ok(Named { directory: Arc::clone(&directory.dir), relative, place })
    }

    fn place(&self, fd: &Resource<Descriptor>) -> Result<&Place, Failed> {
        self.files.places.get(&fd.rep()).ok_or(Failed::Table(ResourceTableError::NotPresent))
    }

    fn file(&self, fd: &Resource<Descriptor>) -> Result<(&File, &Place), Failed> {
        match self.table.get(fd)? {
            Descriptor::File(file) => Ok((file, self.place(fd)?)),
            Descriptor::Dir(_) => Err(Failed::Code(ErrorCode::IsDirectory)),
        }
    }

    /// A file that is open for writing.
    fn writable(&self, fd: &Resource<Descriptor>) -> Result<FileWriter, Failed> {
        let (file, place) = self.file(fd)?;
        if !self.files.mount(place).write {
            return Err(refusal::read_only(&self.files.mount(place).guest));
        }
        if !file.open_mode.contains(OpenMode::WRITE) {
            return Err(Failed::Code(ErrorCode::BadDescriptor));
        }
        let (meter, call) = (self.files.meter(place), Arc::clone(&self.call));
        Ok(FileWriter { file: Arc::clone(&file.file), meter, call, position: Position::At(0) })
    }

    /// Gives the guest a handle to what was opened.
    fn hand_out(&mut self, descriptor: Descriptor, place: Place) -> Result<Resource<Descriptor>, ResourceTableError> {
        let handle = self.table.push(descriptor)?;
        self.files.places.insert(handle.rep(), place);
        Ok(handle)
    }

    /// Asks wasmtime's view about a file that is opened for looking only.
    fn look_at<T>(
        &mut self,
        fd: &Resource<Descriptor>,
        flags: types::PathFlags,
        text: &str,
        ask: impl FnOnce(&mut Guest, Resource<Descriptor>) -> FsResult<T>,
    ) -> FsResult<T> {
        let looked = self.named(fd, text).and_then(|named| named.find(follow(flags)));
        let (file, ..) = looked.map_err(|failed| failed.told(&self.call))?;
        let file = File::new(SystemFile::from(file), FsPerms::ReadOnly, OpenMode::empty(), true);
        let handle = self.table.push(Descriptor::File(file))?;
        let rep = handle.rep();
        let answer = ask(self, handle);
        self.table.delete(Resource::<Descriptor>::new_own(rep))?;
        answer
    }

    fn told<T>(&self, result: Result<T, Failed>) -> FsResult<T> {
        result.map_err(|failed| failed.told(&self.call))
    }
}

/// What to do about a link at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Follow,
    Stay,
}

fn follow(flags: types::PathFlags) -> Last {
    if flags.contains(types::PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Stay }
}

impl Named {
    /// Finds what the path names, for looking only.
    fn find(&self, last: Last) -> Result<(std::os::fd::OwnedFd, Stat, Reach), Failed> {
        use std::os::fd::AsFd;
        let (file, reach) = self.open(OFlags::PATH | OFlags::CLOEXEC, last)?;
        let stat = rustix::fs::fstat(file.as_fd()).map_err(|errno| kernel(errno, &self.place.path))?;
        let stat = Stat::from(stat);
        if self.relative.form == path::Form::Directory && stat.kind != Kind::Directory {
            return Err(match stat.kind {
                Kind::Link => refusal::link(&self.place.path),
                _ => Failed::Code(ErrorCode::NotDirectory),
            });
        }
        Ok((file, stat, reach))
    }

    /// Opens for reading or looking; prefers the way without links, because what was reached that way can be changed.
    fn open(&self, flags: OFlags, last: Last) -> Result<(std::os::fd::OwnedFd, Reach), Failed> {
        use std::os::fd::AsFd;
        let (directory, path) = (self.directory.as_fd(), self.relative.as_str());
        match beneath::open(directory, path, flags, Links::Refuse) {
            Err(rustix::io::Errno::LOOP) => {}
            opened => {
                return opened.map(|file| (file, self.place.reach)).map_err(|errno| kernel(errno, &self.place.path));
            }
        }
        // A name that ends with `/` is followed whatever the guest says, as everywhere.
        let stay = last == Last::Stay && self.relative.form == path::Form::Plain;
        let flags = if stay { flags | OFlags::NOFOLLOW } else { flags };
        let opened = beneath::open(directory, path, flags, Links::FollowInside);
        opened.map(|file| (file, Reach::Link)).map_err(|errno| kernel(errno, &self.place.path))
    }
}

impl preopens::Host for Guest {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mounts = Arc::clone(&self.files.mounts);
        let mut directories = Vec::with_capacity(mounts.len());
        for (number, mount) in mounts.iter().enumerate() {
            let place = Place { mount: number, path: String::new(), reach: Reach::Direct };
            directories.push((self.hand_out(Descriptor::Dir(mount.root.clone()), place)?, mount.guest.clone()));
        }
        Ok(directories)
    }
}

impl types::Host for Guest {
    fn convert_error_code(&mut self, err: FsError) -> wasmtime::Result<types::ErrorCode> {
        Ok(err.downcast()?.into())
    }

    fn filesystem_error_code(
        &mut self,
        err: Resource<wasmtime_wasi::p2::IoError>,
    ) -> wasmtime::Result<Option<types::ErrorCode>> {
        let io = self.table.get(&err)?.downcast_ref::<std::io::Error>();
        if io.and_then(Full::in_error).is_some() {
            return Ok(Some(types::ErrorCode::Quota));
        }
        types::Host::filesystem_error_code(&mut self.filesystem(), err)
    }
}

impl types::HostDescriptor for Guest {
    fn advise(&mut self, fd: Resource<Descriptor>, offset: u64, len: u64, advice: types::Advice) -> FsResult<()> {
        types::HostDescriptor::advise(&mut self.filesystem(), fd, offset, len, advice)
    }

    fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        types::HostDescriptor::sync_data(&mut self.filesystem(), fd)
    }

    fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<types::DescriptorFlags> {
        types::HostDescriptor::get_flags(&mut self.filesystem(), fd)
    }

    fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<types::DescriptorType> {
        types::HostDescriptor::get_type(&mut self.filesystem(), fd)
    }

    fn set_size(&mut self, fd: Resource<Descriptor>, size: u64) -> FsResult<()> {
        let done = self.writable(&fd).and_then(|writer| writer.set_size(size));
        self.told(done)
    }

    fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let changeable = self.expect_times_changeable(&fd);
        self.told(changeable)?;
        types::HostDescriptor::set_times(&mut self.filesystem(), fd, accessed, modified)
    }

    fn read(&mut self, fd: Resource<Descriptor>, len: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        types::HostDescriptor::read(&mut self.filesystem(), fd, len, offset)
    }

    fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        let writer = self.writable(&fd);
        let written = writer.and_then(|mut writer| {
            writer.position = Position::At(offset);
            Ok(writer.write_some(&bytes)? as u64)
        });
        self.told(written)
    }

    fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<types::DirectoryEntryStream>> {
        let opened = self.named(&fd, ".").and_then(|named| {
            self.files.make_room()?;
            Entries::open(&named)
        });
        let entries = self.told(opened)?;
        self.files.open.push(entries.held());
        let handle = self.table.push(entries)?;
        // The guest's handle says what wasmtime calls it; only this room looks at what is behind.
        Ok(Resource::new_own(handle.rep()))
    }

    fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        types::HostDescriptor::sync(&mut self.filesystem(), fd)
    }

    fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let done = self.named(&fd, &path).and_then(|named| self.files.make_directory(&named));
        self.told(done)
    }

    fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<types::DescriptorStat> {
        types::HostDescriptor::stat(&mut self.filesystem(), fd)
    }

    fn stat_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::DescriptorStat> {
        let ask = |guest: &mut Guest, file| types::HostDescriptor::stat(&mut guest.filesystem(), file);
        self.look_at(&fd, flags, &path, ask)
    }

    fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: types::PathFlags,
        path: String,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let opened = self.named(&fd, &path).and_then(|named| self.files.open_for_times(&named));
        let file = self.told(opened)?;
        let handle = self.table.push(Descriptor::File(file))?;
        let rep = handle.rep();
        let done = types::HostDescriptor::set_times(&mut self.filesystem(), handle, accessed, modified);
        self.table.delete(Resource::<Descriptor>::new_own(rep))?;
        done
    }

    fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: types::PathFlags,
        old_path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let old = self.named(&fd, &old_path);
        let done = old.and_then(|old| Err(self.files.refuse_link(&[&old, &self.named(&new_fd, &new_path)?])));
        self.told(done)
    }

    fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
        how: types::OpenFlags,
        flags: types::DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let wanted = open::Wanted { last: follow(path_flags), how, flags };
        let opened = self.named(&fd, &path).and_then(|named| self.files.open(&named, wanted));
        let (descriptor, place) = self.told(opened)?;
        Ok(self.hand_out(descriptor, place)?)
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.files.places.remove(&fd.rep());
        types::HostDescriptor::drop(&mut self.filesystem(), fd)
    }

    fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        let target = self.named(&fd, &path).and_then(|named| named.read_link());
        self.told(target)
    }

    fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let done = self.named(&fd, &path).and_then(|named| self.files.remove_directory(&named));
        self.told(done)
    }

    fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        old_path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let old = self.named(&fd, &old_path);
        let done = old.and_then(|old| self.files.rename(&old, &self.named(&new_fd, &new_path)?));
        self.told(done)
    }

    fn symlink_at(&mut self, fd: Resource<Descriptor>, _: String, path: String) -> FsResult<()> {
        let done = self.named(&fd, &path).and_then(|named| Err::<(), _>(self.files.refuse_link(&[&named])));
        self.told(done)
    }

    fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let done = self.named(&fd, &path).and_then(|named| self.files.remove_file(&named));
        self.told(done)
    }

    fn read_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: u64,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynInputStream>> {
        types::HostDescriptor::read_via_stream(&mut self.filesystem(), fd, offset)
    }

    fn write_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: u64,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynOutputStream>> {
        self.stream(&fd, Position::At(offset))
    }

    fn append_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynOutputStream>> {
        self.stream(&fd, Position::End)
    }

    fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        types::HostDescriptor::is_same_object(&mut self.filesystem(), a, b)
    }

    fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<types::MetadataHashValue> {
        types::HostDescriptor::metadata_hash(&mut self.filesystem(), fd)
    }

    fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::MetadataHashValue> {
        let ask = |guest: &mut Guest, file| types::HostDescriptor::metadata_hash(&mut guest.filesystem(), file);
        self.look_at(&fd, flags, &path, ask)
    }
}

impl types::HostDirectoryEntryStream for Guest {
    fn read_directory_entry(
        &mut self,
        stream: Resource<types::DirectoryEntryStream>,
    ) -> FsResult<Option<types::DirectoryEntry>> {
        let entries = self.table.get_mut(&Resource::<Entries>::new_borrow(stream.rep()))?;
        let next = entries.next();
        self.told(next)
    }

    fn drop(&mut self, stream: Resource<types::DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Entries>::new_own(stream.rep()))?;
        Ok(())
    }
}

impl Guest {
    fn stream(
        &mut self,
        fd: &Resource<Descriptor>,
        position: Position,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynOutputStream>> {
        let writer = self.writable(fd);
        let mut writer = self.told(writer)?;
        writer.position = position;
        let stream: wasmtime_wasi::p2::DynOutputStream = Box::new(writer);
        Ok(self.table.push(stream)?)
    }

    fn expect_times_changeable(&self, fd: &Resource<Descriptor>) -> Result<(), Failed> {
        let place = self.place(fd)?;
        self.files.expect_changeable(place)?;
        match self.table.get(fd)? {
            Descriptor::File(file) => change::expect_one_name(&file.file, place),
            Descriptor::Dir(_) => Ok(()),
        }
    }
}
