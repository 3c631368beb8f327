//! The real program, with real components, real redb and real kernel walls, driven from outside.

mod client;
mod host;
mod policies;
mod policy_commands;
mod provider;
mod terminal;
mod vitals;

mod approvals;
mod audit;
mod bad_input;
mod conformance;
mod crash;
mod families;
mod files;
mod first_party;
mod guards;
mod hostile;
mod imports;
mod labels;
mod marketplace;
mod obedient;
mod owner;
mod packages;
mod providers;
mod revocations;
mod roots;
mod runs;
mod sandbox;
mod sdk_examples;
mod secrets;
mod skills;
mod soak;
mod uploads;
mod walls;
mod way;
