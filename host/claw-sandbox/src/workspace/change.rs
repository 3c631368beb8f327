//! Changing files: all of a transaction or nothing of it.
//!
//! ```text
//! plan     look at every place; refuse what must not be written; nothing is touched yet
//! stage    make missing directories, write every new file beside its place under a temporary name, sync it
//! place    rename in order; the earlier file goes to a temporary name, so that every step can be undone
//! finish   sync the directories, then remove what was replaced        (or: undo the steps from the last to the first)
//! ```
//! Renames never follow links, and every parent is opened without following any, so a tree that is changed meanwhile
//! makes a step fail but leads none outside.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::fs::{AtFlags, OFlags, RenameFlags};
use rustix::io::Errno;

use super::beneath::{self, Links, NEW_DIRECTORY, NEW_FILE};
use super::path::TEMP_PREFIX;
use super::plan::{Act, Existing, Planned, plan};
use super::protected::Ground;
use super::{Change, FileError};

/// Where a transaction is, for tests that disturb it there. The number counts changes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before the new file of this change is written beside its place.
    Stage(usize),
    /// Before the renames of this change.
    Place(usize),
}

/// How a new file takes the place of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replacing {
    /// The two change places at once; the place is never empty.
    Swap,
    /// The earlier one moves away first, where the file system cannot swap (9p, NFS): for a moment the place is empty.
    TwoRenames,
}

/// See [`super::Workspace::commit`]. Starts with `replacing` and falls back if it has to. `watch` is called at every
/// [`Moment`].
pub(super) fn commit(
    root: BorrowedFd<'_>,
    ground: Ground,
    changes: Vec<Change>,
    replacing: Replacing,
    watch: &mut dyn FnMut(Moment),
) -> Result<(), FileError> {
    let plan = plan(root, ground, changes)?;
    let mut work =
        Work { root, replacing, directories: BTreeMap::new(), made: Vec::new(), steps: Vec::new(), temps: Vec::new() };
    match work.perform(plan, watch) {
        Ok(()) => {
            work.finish();
            Ok(())
        }
        Err(err) => Err(work.undo(err)),
    }
}

/// A transaction under way.
struct Work<'a> {
    root: BorrowedFd<'a>,
    replacing: Replacing,
    /// Open directories by path.
    directories: BTreeMap<String, Rc<OwnedFd>>,
    /// Directories that were made, outer before inner.
    made: Vec<Place>,
    steps: Vec<Step>,
    /// Temporary names that may exist.
    temps: Vec<Place>,
}

/// A name in an open directory.
#[derive(Clone)]
struct Place {
    directory: Rc<OwnedFd>,
    name: String,
}

/// A rename that was made, with what undoing it takes.
struct Step {
    place: Place,
    undo: Undo,
    quoted: String,
}

enum Undo {
    /// A new file came into an empty place.
    Delete,
    /// The earlier file has this temporary name, and a new one its place.
    SwapBack(Place),
    /// The earlier file has this temporary name, and its place is empty.
    MoveBack(Place),
}

/// A name that no other transaction uses.
fn temporary_name() -> Result<String, FileError> {
    let number = getrandom::u64().map_err(|err| FileError::Io(format!("the system gives no random numbers: {err}")))?;
    Ok(format!("{TEMP_PREFIX}{number:016x}"))
}

/// File systems that cannot swap or keep from replacing say so in one of these ways.
fn is_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}

// === impl Work ===

impl Work<'_> {
    fn perform(&mut self, plan: Vec<Planned>, watch: &mut dyn FnMut(Moment)) -> Result<(), FileError> {
        let mut staged = Vec::with_capacity(plan.len());
        for (index, planned) in plan.iter().enumerate() {
            watch(Moment::Stage(index));
            staged.push(self.stage(planned)?);
        }
        for (index, (planned, (place, temp))) in plan.into_iter().zip(staged).enumerate() {
            watch(Moment::Place(index));
            let quoted = planned.path.quoted();
            match planned.act {
                Act::Create(_) => self.create(place, temp, quoted)?,
                Act::Replace(_, existing) => self.replace(place, temp, existing, quoted)?,
                Act::Remove(existing) => self.remove(place, temp, existing, quoted)?,
            }
        }
        self.sync_directories()
    }

    /// Opens the place's directory and writes the new file beside the place. A removal only gets a name to move to.
    fn stage(&mut self, planned: &Planned) -> Result<(Place, Place), FileError> {
        let quoted = planned.path.quoted();
        let directory = self.directory(&planned.directory).map_err(|errno| beneath::refusal(errno, &quoted))?;
        let place = Place { directory, name: planned.name.clone() };
        let temp = Place { directory: Rc::clone(&place.directory), name: temporary_name()? };
        let (bytes, permissions) = match &planned.act {
            Act::Create(bytes) => (bytes, NEW_FILE),
            Act::Replace(bytes, existing) => (bytes, existing.permissions),
            Act::Remove(_) => {
                self.temps.push(temp.clone());
                return Ok((place, temp));
            }
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let failed = |err: std::io::Error| FileError::Io(format!("cannot write {quoted}: {err}"));
        let file =
            rustix::fs::openat(&*temp.directory, &temp.name, flags, permissions).map_err(|err| failed(err.into()))?;
        self.temps.push(temp.clone());
        let mut file = File::from(file);
        file.write_all(bytes).map_err(failed)?;
        // Without this a power cut after the rename could leave an empty file in the place.
        file.sync_all().map_err(failed)?;
        Ok((place, temp))
    }

    /// Opens a directory, making it and its parents if they are missing.
    fn directory(&mut self, path: &str) -> rustix::io::Result<Rc<OwnedFd>> {
        if let Some(directory) = self.directories.get(path) {
            return Ok(Rc::clone(directory));
        }
        let from_root = if path.is_empty() { "." } else { path };
        let directory = match beneath::open(self.root, from_root, beneath::DIRECTORY, Links::Refuse) {
            Err(Errno::NOENT) if !path.is_empty() => {
                let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
                self.make_directory(parent, name)?
            }
            result => Rc::new(result?),
        };
        self.directories.insert(path.to_owned(), Rc::clone(&directory));
        Ok(directory)
    }

    fn make_directory(&mut self, parent: &str, name: &str) -> rustix::io::Result<Rc<OwnedFd>> {
        let parent = self.directory(parent)?;
        match rustix::fs::mkdirat(&*parent, name, NEW_DIRECTORY) {
            Ok(()) => self.made.push(Place { directory: Rc::clone(&parent), name: name.to_owned() }),
            // Somebody else made it meanwhile, so it is not ours to undo.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        Ok(Rc::new(beneath::open(parent.as_fd(), name, beneath::DIRECTORY, Links::Refuse)?))
    }

    fn create(&mut self, place: Place, temp: Place, quoted: String) -> Result<(), FileError> {
        temp.rename_to_empty(&place).map_err(|errno| changed_meanwhile(errno, &quoted))?;
        self.steps.push(Step { place, undo: Undo::Delete, quoted });
        Ok(())
    }

    fn replace(&mut self, place: Place, temp: Place, existing: Existing, quoted: String) -> Result<(), FileError> {
        if self.replacing == Replacing::Swap {
            match temp.swap(&place) {
                Ok(()) => {
                    let step = Step { place, undo: Undo::SwapBack(temp.clone()), quoted: quoted.clone() };
                    self.steps.push(step);
                    return temp.expect(existing, &quoted);
                }
                Err(errno) if is_unsupported(errno) => self.replacing = Replacing::TwoRenames,
                Err(errno) => return Err(changed_meanwhile(errno, &quoted)),
            }
        }
        let aside = Place { directory: Rc::clone(&place.directory), name: temporary_name()? };
        self.temps.push(aside.clone());
        self.remove(place.clone(), aside.clone(), existing, quoted.clone())?;
        temp.rename_to_empty(&place).map_err(|errno| changed_meanwhile(errno, &quoted))?;
        let step = self.steps.last_mut().expect("workspace: the removal was recorded");
        step.undo = Undo::SwapBack(aside);
        Ok(())
    }

    fn remove(&mut self, place: Place, temp: Place, existing: Existing, quoted: String) -> Result<(), FileError> {
        place.rename_to_empty(&temp).map_err(|errno| changed_meanwhile(errno, &quoted))?;
        self.steps.push(Step { place, undo: Undo::MoveBack(temp.clone()), quoted: quoted.clone() });
        temp.expect(existing, &quoted)
    }

    /// Makes the renames last before the earlier files are removed.
    fn sync_directories(&self) -> Result<(), FileError> {
        let parents_of_made = self.made.iter().map(|made| &made.directory);
        for directory in self.directories.values().chain(parents_of_made) {
            match rustix::fs::fsync(&**directory) {
                // Some network file systems cannot sync directories; there is nothing better to do on them.
                Err(errno) if is_unsupported(errno) => {}
                Err(errno) => {
                    return Err(FileError::Io(format!(
                        "cannot make the changes last: {}",
                        std::io::Error::from(errno)
                    )));
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn finish(self) {
        self.temps.iter().for_each(Place::discard);
    }

    /// Puts everything back and gives the error to report.
    fn undo(mut self, err: FileError) -> FileError {
        let mut stuck = Vec::new();
        while let Some(step) = self.steps.pop() {
            if step.undo(self.replacing).is_err() {
                // Its temporary name is then the only copy of the earlier content.
                if let Undo::SwapBack(old) | Undo::MoveBack(old) = &step.undo {
                    self.temps.retain(|temp| temp.name != old.name);
                    stuck.push(format!("{} (earlier content: `{}` beside it)", step.quoted, old.name));
                } else {
                    stuck.push(step.quoted);
                }
            }
        }
        self.temps.iter().for_each(Place::discard);
        for made in self.made.iter().rev() {
            // Fails if somebody put something in meanwhile; then it has to stay.
            let _ = rustix::fs::unlinkat(&*made.directory, &made.name, AtFlags::REMOVEDIR);
        }
        if stuck.is_empty() {
            return err;
        }
        FileError::Io(format!("{err}; and these could not be put back: {}", stuck.join(", ")))
    }
}

/// A rename failed although its place was fine when it was looked at.
fn changed_meanwhile(errno: Errno, quoted: &str) -> FileError {
    match errno {
        Errno::EXIST | Errno::NOENT | Errno::NOTDIR | Errno::ISDIR => {
            FileError::Io(format!("another program changed {quoted} during the commit; nothing was changed, try again"))
        }
        errno => FileError::Io(format!("cannot put {quoted} in place: {}", std::io::Error::from(errno))),
    }
}

// === impl Step ===

impl Step {
    fn undo(&self, replacing: Replacing) -> rustix::io::Result<()> {
        let old = match &self.undo {
            Undo::Delete => {
                return rustix::fs::unlinkat(&*self.place.directory, &self.place.name, AtFlags::empty());
            }
            Undo::MoveBack(old) => return old.rename_to_empty(&self.place),
            Undo::SwapBack(old) => old,
        };
        let put_back = match replacing {
            Replacing::Swap => old.swap(&self.place),
            Replacing::TwoRenames => old.rename(&self.place, RenameFlags::empty()),
        };
        match put_back {
            // Somebody removed the new file; the earlier one comes back all the same.
            Err(Errno::NOENT) => old.rename_to_empty(&self.place),
            result => result,
        }
    }
}

// === impl Place ===

impl Place {
    fn swap(&self, other: &Place) -> rustix::io::Result<()> {
        self.rename(other, RenameFlags::EXCHANGE)
    }

    /// Renames to a name that nothing has yet.
    fn rename_to_empty(&self, other: &Place) -> rustix::io::Result<()> {
        match self.rename(other, RenameFlags::NOREPLACE) {
            Err(errno) if is_unsupported(errno) => match beneath::look(other.directory.as_fd(), &other.name) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => self.rename(other, RenameFlags::empty()),
                Err(errno) => Err(errno),
            },
            result => result,
        }
    }

    fn rename(&self, other: &Place, flags: RenameFlags) -> rustix::io::Result<()> {
        rustix::fs::renameat_with(&*self.directory, &self.name, &*other.directory, &other.name, flags)
    }

    /// Whether the file that was moved away is the one that was looked at.
    fn expect(&self, existing: Existing, quoted: &str) -> Result<(), FileError> {
        match beneath::look(self.directory.as_fd(), &self.name) {
            Ok(stat) if stat.identity == existing.identity => Ok(()),
            Ok(_) => Err(changed_meanwhile(Errno::EXIST, quoted)),
            Err(errno) => Err(changed_meanwhile(errno, quoted)),
        }
    }

    /// Removes a temporary name if it exists. What cannot be removed is hidden from every listing.
    fn discard(&self) {
        let _ = rustix::fs::unlinkat(&*self.directory, &self.name, AtFlags::empty());
    }
}
