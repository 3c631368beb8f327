//! SQLite's own way to files, narrowed to reading: it would try to write before it reads, and be refused.

use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

use rusqlite::ffi::{
    SQLITE_CANTOPEN, SQLITE_OPEN_CREATE, SQLITE_OPEN_READONLY, SQLITE_OPEN_READWRITE, sqlite3_file, sqlite3_vfs,
    sqlite3_vfs_find, sqlite3_vfs_register,
};

/// The way without locks, which WASI does not have.
const WITHOUT_LOCKS: &CStr = c"unix-none";
const NAME: &CStr = c"reading";

/// Its name, to open a database with. `None` if SQLite was built without the way that it narrows.
pub fn name() -> Option<&'static CStr> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    REGISTERED.get_or_init(register).then_some(NAME)
}

fn register() -> bool {
    // SAFETY: what SQLite finds lives as long as the program, and so does the copy, which is leaked for that. All else in
    // it stays as it was, so that its functions see what they expect.
    unsafe {
        let found = sqlite3_vfs_find(WITHOUT_LOCKS.as_ptr());
        if found.is_null() {
            return false;
        }
        let narrowed = sqlite3_vfs { zName: NAME.as_ptr(), xOpen: Some(open), pNext: std::ptr::null_mut(), ..*found };
        sqlite3_vfs_register(Box::leak(Box::new(narrowed)), 0) == 0
    }
}

/// Opens any file for reading only, whatever is asked for.
unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    path: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    opened: *mut c_int,
) -> c_int {
    let flags = flags & !(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_READONLY;
    // SAFETY: the arguments are SQLite's own, for a file of the size that the copy has from the original.
    unsafe {
        let original = sqlite3_vfs_find(WITHOUT_LOCKS.as_ptr());
        match original.as_ref().and_then(|original| original.xOpen) {
            Some(open) => open(original, path, file, flags, opened),
            None => SQLITE_CANTOPEN,
        }
    }
}
