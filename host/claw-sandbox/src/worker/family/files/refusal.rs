//! Why a file operation gave nothing: WASI has only a number for it, the model gets the host's words.

use std::io;

use claw_core::effect::EffectError;
use rustix::io::Errno;
use wasmtime_wasi::ResourceTableError;
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use crate::worker::door::CallState;
use crate::worker::meter::Full;
use crate::workspace::path::quoted;

/// Why a file operation gave nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// A rule refused; nothing happened.
    Refused { wasi: ErrorCode, code: &'static str, reason: String },
    /// An ordinary failure.
    Code(ErrorCode),
    /// The system failed.
    System(io::Error),
    /// A handle is not what it should be, or one too many: the call ends.
    Table(ResourceTableError),
}

impl Failed {
    fn refused(wasi: ErrorCode, code: &'static str, reason: String) -> Failed {
        Failed::Refused { wasi, code, reason }
    }

    /// What the guest gets; the host's own words are kept for the call's outcome.
    pub(super) fn told(self, call: &CallState) -> FsError {
        match self {
            Failed::Refused { wasi, code, reason } => {
                call.refused(EffectError::denied(code, reason));
                FsError::from(wasi)
            }
            Failed::Code(wasi) => FsError::from(wasi),
            Failed::System(err) => match Full::in_error(&err) {
                Some(full) => full_folder(full).told(call),
                None => FsError::from(err),
            },
            Failed::Table(err) => FsError::trap(err),
        }
    }
}

/// The refusal of a write into a full folder.
pub(super) fn full_folder(full: &Full) -> Failed {
    Failed::refused(ErrorCode::Quota, "E_FS_QUOTA", full.to_string())
}

pub(super) fn outside(path: &str) -> Failed {
    let reason = format!("{} leads out of the granted folder", quoted(path));
    Failed::refused(ErrorCode::NotPermitted, "E_FS_OUTSIDE", reason)
}

/// Never says where a link leads: that may be a path of the host.
pub(super) fn link(path: &str) -> Failed {
    let reason = format!(
        "{} is or contains a link; links are read only where they stay inside, and never written through",
        quoted(path)
    );
    Failed::refused(ErrorCode::NotPermitted, "E_FS_LINK", reason)
}

pub(super) fn second_name(path: &str) -> Failed {
    let reason = format!("{} has a second name (hard link) elsewhere; it can be read but not changed", quoted(path));
    Failed::refused(ErrorCode::NotPermitted, "E_FS_LINK", reason)
}

pub(super) fn no_new_links(path: &str) -> Failed {
    let reason = format!("{} cannot be made: components make no links; copy the file instead", quoted(path));
    Failed::refused(ErrorCode::NotPermitted, "E_FS_LINK", reason)
}

pub(super) fn read_only(folder: &str) -> Failed {
    let reason = format!("{} is granted read-only; ask the owner to grant it read-write", quoted(folder));
    Failed::refused(ErrorCode::ReadOnly, "E_FS_READONLY", reason)
}

pub(super) fn special(path: &str) -> Failed {
    let reason = format!("{} is a pipe, socket or device; only files can be opened", quoted(path));
    Failed::refused(ErrorCode::NotPermitted, "E_FS_SPECIAL", reason)
}

pub(super) fn protected(path: &str) -> Failed {
    let reason =
        format!("{} is protected, also in a folder that can be written; ask the owner to change it", quoted(path));
    Failed::refused(ErrorCode::NotPermitted, "E_FS_PROTECTED", reason)
}

/// What a failed system call on a guest's path means to the guest. The path has no `..` and is relative, so only a link
/// can have led out or in circles.
pub(super) fn kernel(errno: Errno, path: &str) -> Failed {
    match errno {
        Errno::XDEV | Errno::LOOP => link(path),
        Errno::NXIO | Errno::NODEV => special(path),
        Errno::MFILE | Errno::NFILE => Failed::Table(ResourceTableError::Full),
        errno => Failed::System(errno.into()),
    }
}

impl From<io::Error> for Failed {
    fn from(err: io::Error) -> Failed {
        Failed::System(err)
    }
}

impl From<ResourceTableError> for Failed {
    fn from(err: ResourceTableError) -> Failed {
        Failed::Table(err)
    }
}
