//! Who may do what: grants, Cedar policies, and the permits that come from them.
//!
//! Does no IO and knows no clock: the same policies, subject, facts and action always give the same decision. A
//! [`Permit`] has no public constructor, so holding one proves that a decision was made for exactly its action.

mod visible;

mod action;
mod declared;
mod given;
mod grant;
mod preset;
mod program;
mod subject;

mod engine;
mod policy;

// Questions that people ask about policies.
mod wish;

mod ability;
mod table;

mod card;
mod choice;
mod permit;

#[cfg(test)]
mod fixture;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;

pub use ability::Ability;
pub use action::{Action, ToolInvocation};
pub use card::{MAX_CARD_BYTES, card_len, render_markdown};
pub use declared::{Declared, Family};
pub use given::{Given, GivenGrants};
pub use grant::{
    Access, ExecGrant, Folder, FsGrant, Grant, GrantError, Grants, HttpGrant, Name, NetGrant, SecretGrant,
    SessionsGrant,
};
pub use permit::Permit;
pub use policy::{
    Ask, Decision, Denial, Explanation, Loaded, Policy, PolicyError, PolicyFile, Position, Remedy, Verdict,
};
pub use preset::{Preset, PresetError, SCHEMA};
pub use subject::{Facts, Subject, Trust};
pub use table::{Row, Table, TableError, Who};
pub use wish::{ACTIONS, Asked, Circumstances, Wish, WishError};
