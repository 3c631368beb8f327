//! The vault: the owner's secrets, sealed in one file, each with the servers it may be sent to.
//!
//! ```text
//! Vault ── current: stat, else read + open ──► entries in memory (zeroed when they go)
//!       └─ change: lock, read again, edit, seal ──► beside the file, sync, rename, sync the folder
//! ```
//! The command line and a running host share the file: every use looks whether it has changed, and every change is
//! made to what is there now, under a lock.
//!
//! Invariant: a value leaves this room only as [`Secret`] or through [`Vault::values`]; nothing here prints, logs or
//! serialises one. A file that cannot be opened stays as it is.

mod audience;
mod entry;
mod error;
mod file;
mod key;
mod seal;
mod vault;

pub use audience::{Audience, AudienceError};
pub use entry::{Info, Secret};
pub use error::{Exposure, VaultError};
pub use file::private;
pub use key::{Key, MIN_PASSPHRASE_CHARS};
pub use vault::{Change, MAX_ENTRIES, MAX_VALUE_BYTES, Vault, is_name};
pub use zeroize::Zeroizing;
