//! Who may do what: grants, Cedar policies, and the permits that come from them.
//!
//! Does no IO and knows no clock: the same policies, subject, facts and action always give the same decision. A
//! [`Permit`] has no public constructor, so holding one proves that a decision was made for exactly its action.

mod action;
mod permit;

pub use action::{Action, ToolInvocation};
pub use permit::Permit;
