//! Every entry of a tree, without following links and without holding more than one directory open.

use std::ffi::CStr;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::beneath::{self, Links, Stat};
use super::{Kind, path};

/// How much of the tree was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// All of it.
    Whole,
    /// Something was left out: too many entries, nested too deep, or in a directory that cannot be opened.
    Part,
}

/// Calls `each` with every entry below `root`, at most `budget` of them, with the directory that it lies in.
pub(crate) fn visit(root: BorrowedFd<'_>, budget: usize, each: &mut dyn FnMut(BorrowedFd<'_>, &CStr, Stat)) -> Seen {
    let (mut left, mut seen) = (budget, Seen::Whole);
    let mut waiting = vec![Vec::from(*b".")];
    while let Some(directory) = waiting.pop() {
        let opened = match beneath::open(root, directory.as_slice(), beneath::DIRECTORY, Links::Refuse) {
            Ok(opened) => opened,
            // Gone since it was listed.
            Err(Errno::NOENT) => continue,
            Err(_) => {
                seen = Seen::Part;
                continue;
            }
        };
        let read = beneath::read_directory(opened.as_fd(), |name, _| {
            if left == 0 {
                seen = Seen::Part;
                return ControlFlow::Break(());
            }
            left -= 1;
            let Ok(stat) = beneath::look(opened.as_fd(), name) else { return ControlFlow::Continue(()) };
            each(opened.as_fd(), name, stat);
            if stat.kind == Kind::Directory {
                waiting.push([directory.as_slice(), b"/", name.to_bytes()].concat());
            }
            ControlFlow::Continue(())
        });
        if read.is_err() || waiting.iter().any(|path| path.len() > path::MAX_PATH_BYTES) {
            seen = Seen::Part;
            waiting.retain(|path| path.len() <= path::MAX_PATH_BYTES);
        }
    }
    seen
}
