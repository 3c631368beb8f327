//! Asking a person for a text that nobody else should see.

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

use claw_vault::Zeroizing;

/// No line is longer; a terminal hands over at most 4 KiB of one, but pasted text comes here key by key.
const MAX_LINE_BYTES: usize = claw_vault::MAX_VALUE_BYTES;

/// Asks on the controlling terminal, and reads one line that it does not show.
///
/// # Errors
/// If there is no terminal (`ENXIO`), or the person pressed Ctrl-C or Ctrl-D ([`io::ErrorKind::Interrupted`]).
pub fn ask(prompt: &str) -> io::Result<Zeroizing<String>> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let _silent = Silent::new(&terminal)?;
    (&terminal).write_all(prompt.as_bytes())?;
    let line = read_line(&mut &terminal);
    (&terminal).write_all(b"\n")?;
    line
}

/// Drops what was typed at a terminal and not read yet.
///
/// # Errors
/// If it is no terminal.
pub fn forget_typed(terminal: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as it is borrowed.
    match unsafe { libc::tcflush(terminal.as_raw_fd(), libc::TCIFLUSH) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Edits a line out of what is typed: the terminal does it no longer, so that it shows nothing.
fn read_line(keys: &mut impl Read) -> io::Result<Zeroizing<String>> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const CTRL_H: u8 = 8;
    const CTRL_U: u8 = 21;
    const DELETE: u8 = 127;
    // The whole capacity at once: growing would leave copies behind that nobody zeroes.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE_BYTES));
    let mut key = Zeroizing::new([0]);
    loop {
        match (keys.read(&mut *key)?, key[0]) {
            (0, _) | (_, CTRL_C | CTRL_D) => {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "nothing was entered"));
            }
            (_, b'\r' | b'\n') => break,
            (_, CTRL_U) => line.clear(),
            (_, DELETE | CTRL_H) => {
                // The last character, which may have several bytes.
                while line.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            (_, byte) if line.len() < MAX_LINE_BYTES => line.push(byte),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the line is longer than 64 KiB")),
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A terminal that shows nothing and hands over each key, until this is dropped.
struct Silent<'a> {
    terminal: &'a File,
    before: libc::termios,
}

impl Silent<'_> {
    fn new(terminal: &File) -> io::Result<Silent<'_>> {
        let mut before = MaybeUninit::uninit();
        // SAFETY: the descriptor is open, and the pointer is valid for a write of one `termios`.
        if unsafe { libc::tcgetattr(terminal.as_raw_fd(), before.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded, so it has filled it in.
        let before = unsafe { before.assume_init() };
        let mut silent = before;
        // Ctrl-C comes as a key, too: as a signal it would leave the terminal silent.
        silent.c_lflag &= !(libc::ECHO | libc::ICANON | libc::ISIG);
        set(terminal, &silent)?;
        Ok(Silent { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // Nothing is left to be done if the terminal has gone away.
        let _ = set(self.terminal, &self.before);
    }
}

fn set(terminal: &File, mode: &libc::termios) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the reference is valid for the call.
    match unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSAFLUSH, mode) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(mut keys: &[u8]) -> io::Result<Zeroizing<String>> {
        read_line(&mut keys)
    }

    #[test]
    fn a_line_is_what_was_typed_and_not_taken_back() {
        assert_eq!(*typed(b"hunter2\r").unwrap(), "hunter2");
        assert_eq!(*typed(b"wrong\x15righ\xc3\xa4\x7ft\n").unwrap(), "right");
        assert_eq!(*typed(b"\x7f\x08ok\nrest").unwrap(), "ok");
    }

    #[test]
    fn a_line_that_was_given_up_is_no_line() {
        for keys in [&b"abc\x03"[..], b"abc\x04", b"abc"] {
            assert_eq!(typed(keys).unwrap_err().kind(), io::ErrorKind::Interrupted);
        }
        assert_eq!(typed(b"\xff\n").unwrap_err().kind(), io::ErrorKind::InvalidData);
        let long = vec![b'x'; MAX_LINE_BYTES + 1];
        assert_eq!(typed(&long).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
