//! The host: its edge (settings, home, log, command line, client) and its middle, where a message goes its way.
//!
//! The modules stand in the order in which a start, and then a message, meets them.

pub mod cli;

pub mod folders;
pub mod home;
pub mod logs;
pub mod settings;

pub mod client;
pub mod doctor;

mod legible;

pub mod app;
mod host;

mod api;
mod crash_point;
mod driver;
mod prompt;
mod run;
mod run_clock;

mod catalog;
mod effects;
mod gate;
mod tool_call;
