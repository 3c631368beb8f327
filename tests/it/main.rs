//! The real program, with real components, real redb and real kernel walls, driven from outside.

mod client;
mod host;
mod provider;

mod bad_input;
mod crash;
mod providers;
mod sandbox;
mod walls;
mod way;
