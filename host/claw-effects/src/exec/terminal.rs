//! Terminals: the host keeps one end, the program lives at the other.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use claw_core::effect::Terminal;

/// What a person types to end their input.
pub(super) const END_OF_INPUT: u8 = 4;

/// Opens a terminal of this size; gives the host's end and the program's.
pub(super) fn open(size: Terminal) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the new descriptor is owned by nobody else.
    let host = unsafe { OwnedFd::from_raw_fd(check(libc::posix_openpt(flags))?) };
    let cells = libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: each call takes a descriptor that is open; the size is read before the call returns.
    let program = unsafe {
        check(libc::grantpt(host.as_raw_fd()))?;
        check(libc::unlockpt(host.as_raw_fd()))?;
        check(libc::ioctl(host.as_raw_fd(), libc::TIOCSWINSZ, &cells))?;
        // By descriptor: there may be no `/dev/pts` where the host runs.
        OwnedFd::from_raw_fd(check(libc::ioctl(host.as_raw_fd(), libc::TIOCGPTPEER, flags))?)
    };
    Ok((host, program))
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
