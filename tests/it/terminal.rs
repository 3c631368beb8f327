//! A terminal of a command's own, with somebody at its other end.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// Starts a command with a terminal of its own, at which `before` has been typed already; gives the other end of it.
pub fn on_terminal(mut command: Command, before: &str) -> (Child, File) {
    let (mut ours, mut theirs) = (0, 0);
    let none = std::ptr::null_mut();
    // SAFETY: both pointers are valid for a write; the rest is optional.
    assert_eq!(unsafe { libc::openpty(&mut ours, &mut theirs, none, none.cast(), none.cast()) }, 0);
    // SAFETY: both descriptors are new and nobody else's.
    let (ours, theirs) = unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
    let mut ours = File::from(ours);
    ours.write_all(before.as_bytes()).unwrap();
    let copy = || theirs.try_clone().unwrap();
    command.stdin(copy()).stdout(copy()).stderr(copy());
    let terminal = theirs.as_raw_fd();
    // SAFETY: only calls that are safe after a fork.
    unsafe {
        command.pre_exec(move || {
            if libc::setsid() < 0 || libc::ioctl(terminal, libc::TIOCSCTTY, 0) < 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    (command.spawn().unwrap(), ours)
}

/// Types `keys` once the command has asked with `question`, and gives all that the terminal showed.
pub fn typed(child: Child, terminal: File, question: &str, keys: &str) -> (String, Option<i32>) {
    typed_in_turn(child, terminal, &[(question, keys)])
}

/// Types the keys of each step once the command has asked with its question.
pub fn typed_in_turn(mut child: Child, mut terminal: File, steps: &[(&str, &str)]) -> (String, Option<i32>) {
    let mut shown = Vec::new();
    let mut chunk = [0; 1024];
    let mut steps = steps.iter();
    let mut next = steps.next();
    // The last reader of a terminal gets an error when the other end is closed.
    while let Ok(count @ 1..) = terminal.read(&mut chunk) {
        shown.extend_from_slice(&chunk[..count]);
        if let Some((question, keys)) = next
            && String::from_utf8_lossy(&shown).contains(question)
        {
            terminal.write_all(keys.as_bytes()).unwrap();
            next = steps.next();
        }
    }
    (String::from_utf8_lossy(&shown).into_owned(), child.wait().unwrap().code())
}
