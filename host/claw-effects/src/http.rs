//! HTTP: one request to one checked address.
//!
//! HTTP/1.1 only, so that a connection carries one exchange at a time and no frame of a protocol underneath costs the
//! host memory. Redirects go back to the guest: each hop is a request of its own.

mod answers;
mod body;
mod broker;
mod plan;
mod upload;

pub use answers::{Answer, Answers};
pub use body::HttpBody;
pub use broker::{HttpAnswer, HttpBroker};
pub use plan::{HttpLimits, plan_http};
pub use upload::RequestParts;
