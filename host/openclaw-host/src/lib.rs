//! The host: its edge (settings, home, log, command line, client) and its middle, where a message goes its way.
//!
//! The modules stand in the order in which a start, and then a message, meets them.

pub mod cli;

pub mod folders;
pub mod home;
pub mod logs;
pub mod settings;

mod advisories;
mod causes;
mod engine;
mod terminal;
pub mod vault;

pub mod client;
pub mod doctor;
mod selftest;

mod exec_approvals;
mod export;
mod legible;

mod agents;
mod answers;
pub mod app;
mod host;
mod provider_key;

mod api;
mod channels;
mod crash_point;
mod driver;
mod images;
mod incognito;
mod prompt;
mod queue;
mod run;
mod run_clock;
mod ways;

mod audit;
mod backup;
mod budget;
mod catalog;
mod checkpoints;
mod effects;
mod fences;
mod gate;
mod gauge;
mod hub;
mod labels;
mod lineage;
mod masking;
mod mode;
mod models;
mod offers;
mod owner_policies;
mod packages;
mod recording;
mod replay;
mod retention;
mod revocations;
mod rights;
mod skills;
mod spending;
mod summary;
mod tasks;
mod tool_call;
mod tool_search;
