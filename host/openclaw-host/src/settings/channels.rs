//! The section `channels`.

use std::collections::BTreeMap;

use claw_core::id::ComponentName;
use serde_json::json;

use super::ChannelSettings;
use super::issue::Issue;
use super::resolve::{Merge, Origin};

/// Bytes of an id on a service.
const ID_BYTES: usize = 256;

impl Merge<'_> {
    /// The channels, by the names of their components.
    pub(super) fn channels(&mut self) -> BTreeMap<ComponentName, ChannelSettings> {
        let mut channels = BTreeMap::new();
        for (name, file) in &self.file.config.channels {
            let path = format!("channels.{name}");
            let name = match ComponentName::parse(name) {
                Ok(name) if crate::channels::RESERVED.contains(&name.as_str()) => {
                    let message = format!("`{name}` means something else to the host; give the component another name");
                    self.complain(Issue::error(path, message));
                    continue;
                }
                Ok(name) => name,
                Err(err) => {
                    self.complain(Issue::error(path, err.to_string()));
                    continue;
                }
            };
            for (index, id) in file.owner.iter().enumerate() {
                if id.is_empty() || id.len() > ID_BYTES || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
                    let message = format!("an id has 1 to {ID_BYTES} bytes and no spaces");
                    self.complain(Issue::error(format!("{path}.owner[{index}]"), message));
                }
            }
            if file.owner.is_empty() {
                let message = "nobody is answered there; write to it, and it tells you the id to put here";
                self.complain(Issue::warning(format!("{path}.owner"), message));
            }
            self.note(format!("{path}.owner"), json!(file.owner), Origin::File);
            self.note(format!("{path}.streaming"), json!(file.streaming), Origin::File);
            let settings = ChannelSettings { owner: file.owner.iter().cloned().collect(), streaming: file.streaming };
            channels.insert(name, settings);
        }
        channels
    }
}
