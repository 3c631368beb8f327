//! HTTP: one request to one checked address.
//!
//! A name may only lead to public addresses, and the address that was checked is the one that is dialled. A literal
//! address of any other kind is dialled only because the permit shows that somebody named it. Redirects go back to the
//! guest: each hop is a request of its own.

mod address;
mod body;
mod broker;
mod lookup;
mod plan;

pub use body::HttpBody;
pub use broker::{HttpAnswer, HttpBroker};
pub use plan::{HttpLimits, plan_http};
