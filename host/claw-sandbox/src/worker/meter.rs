//! How much lies in a component's own folder, and the limit of it.
//!
//! The count only grows between two looks at the tree: what was removed is noticed by looking again, which happens when
//! the count has reached the limit. Files that were removed while a call holds them open count until it closes them.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use claw_core::guard::Guard;

use crate::frame::Quota;
use crate::workspace::tree::{self, Seen};

/// Counts one folder. Shared by all calls of the worker; there is one worker per component.
pub(super) struct Meter {
    root: OwnedFd,
    quota: Quota,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    bytes: u64,
    files: u64,
    /// Files that calls have opened, to find those that have no name any more.
    opened: Vec<Weak<File>>,
}

/// The folder is full; the text is for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Full(String);

impl Meter {
    /// Looks at the whole tree.
    pub(super) fn new(root: OwnedFd, quota: Quota) -> Meter {
        let meter = Meter { root, quota, used: Mutex::default() };
        meter.count(&mut meter.used.lock().unwrap_or_else(PoisonError::into_inner));
        meter
    }

    /// Notes an open file.
    pub(super) fn opened(&self, file: &Arc<File>) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.opened.retain(|known| known.strong_count() > 0);
        used.opened.push(Arc::downgrade(file));
    }

    /// Changes a file's content so that it ends at `end` at most, if there is room for that.
    ///
    /// # Errors
    /// [`Full`] inside of the error; nothing happened then. Else those of `act`.
    pub(super) fn grow<T>(&self, file: &File, end: End, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let before = file.metadata()?.len();
        let end = match end {
            End::At(end) => end,
            End::Appended(bytes) => before.saturating_add(bytes),
        };
        self.make_room(&mut used, end.saturating_sub(before), 0)?;
        let done = act();
        // What was really written: a write may stop half-way.
        let after = file.metadata().map_or(end, |metadata| metadata.len());
        used.bytes = used.bytes.saturating_add(after.saturating_sub(before));
        done
    }

    /// Makes one more file or directory, if there is room for it.
    ///
    /// # Errors
    /// [`Full`] inside of the error; nothing happened then. Else those of `act`.
    pub(super) fn add<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.make_room(&mut used, 0, 1)?;
        let done = act()?;
        used.files += 1;
        Ok(done)
    }

    fn make_room(&self, used: &mut Used, bytes: u64, files: u64) -> io::Result<()> {
        let fits = |used: &Used| {
            used.bytes.saturating_add(bytes) <= self.quota.bytes && used.files.saturating_add(files) <= self.quota.files
        };
        if bytes == 0 && files == 0 || fits(used) || !Guard::FsQuota.is_up() {
            return Ok(());
        }
        // A file that could never fit needs no look.
        if bytes <= self.quota.bytes {
            self.count(used);
            if fits(used) {
                return Ok(());
            }
        }
        let (mib, most) = (self.quota.bytes >> 20, self.quota.files);
        Err(io::Error::other(Full(format!(
            "the component's own folder may hold {mib} MiB in {most} files, and this does not fit; remove what is not \
             needed, or the owner can raise `limits.scratchMiB` of the component"
        ))))
    }

    fn count(&self, used: &mut Used) {
        (used.bytes, used.files) = (0, 0);
        let budget = usize::try_from(self.quota.files).unwrap_or(usize::MAX).saturating_add(1);
        let seen = tree::visit(self.root.as_fd(), budget, &mut |_, _, stat| {
            used.bytes = used.bytes.saturating_add(stat.size);
            used.files += 1;
        });
        if seen == Seen::Part {
            // What cannot be counted must not grow.
            used.files = u64::MAX;
            used.bytes = u64::MAX;
        }
        let nameless = used.opened.iter().filter_map(Weak::upgrade).filter_map(|file| {
            use std::os::unix::fs::MetadataExt;
            file.metadata().ok().filter(|metadata| metadata.nlink() == 0)
        });
        used.bytes = nameless.fold(used.bytes, |bytes, metadata| bytes.saturating_add(metadata.len()));
    }
}

/// Where a changed file will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At this offset, if it is beyond the present end.
    At(u64),
    /// This many bytes behind the present end.
    Appended(u64),
}

impl Full {
    /// The refusal in an error, if it is one.
    pub(super) fn in_error(err: &io::Error) -> Option<&Full> {
        err.get_ref()?.downcast_ref()
    }
}

#[cfg(test)]
mod tests;
