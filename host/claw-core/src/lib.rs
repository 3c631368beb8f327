//! The vocabulary of openclaw-host and its pure state machines.
//!
//! The modules stand in the order in which a message meets them. Nothing here does IO, knows a clock or spawns a
//! task: time, ids and facts come in as arguments, so the same input always gives the same output.

pub mod id;
pub mod rfc3339;
pub mod span;
pub mod text;

pub mod channel;
pub mod file;
pub mod image;
pub mod inbound;
pub mod label;
pub mod lane;
pub mod message;
pub mod mode;
pub mod route;

pub mod context;
pub mod turn;

pub mod address;
pub mod effect;
pub mod outcome;
pub mod probe;

pub mod grant;

pub mod approval;
pub mod audit;
pub mod checkpoint;
pub mod event;
pub mod outbound;

pub mod guard;
