//! Grants, Cedar decisions, approvals and the permits that come from them.
