//! The component `skill-folder`: makes a card of what a SKILL.md says of itself, and reads a skill for the model.
//!
//! `skill_card` is called by the host alone, with the text and with no folder at all: whoever wrote the text can at most
//! spoil that one card. `skill` is called by the model; the host then mounts the folder of the skill that the call names,
//! to be read, as `/skill`.

mod boundary;
mod card;
mod node;
mod open;
mod parse;
mod plain;
mod show;
mod yaml;

use openclaw_sdk::scope;

openclaw_sdk::export_component! {
    name: "skill-folder",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Reads skills: folders with a SKILL.md.",
    tools: [open::Open, parse::Parse],
    scopes: [scope::folder("skill", scope::Access::Read)],
}
