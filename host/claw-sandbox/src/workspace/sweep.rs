//! Removing what commits have left behind that a crash cut off.

use std::os::fd::BorrowedFd;

use rustix::fs::AtFlags;

use super::path::TEMP_PREFIX;
use super::{Kind, tree};

/// Younger ones may belong to a commit under way, or hold what the owner still wants back.
const AGE_SECONDS: i128 = 24 * 60 * 60;
/// As many entries as a search looks at.
const MAX_VISITED: usize = super::walk::MAX_VISITED;

/// See [`super::Workspace::sweep`].
pub(super) fn sweep(root: BorrowedFd<'_>, now: u64) {
    tree::visit(root, MAX_VISITED, &mut |directory, name, stat| {
        let left_behind = stat.kind == Kind::File && name.to_bytes().starts_with(TEMP_PREFIX.as_bytes());
        if left_behind && i128::from(now) - stat.changed > AGE_SECONDS {
            // What cannot be removed is hidden from every listing all the same.
            let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
        }
    });
}
