//! What a plain component's custom sections say of it.

use serde_json::Value;

/// Sections with more are not read.
const SECTION_BYTES: usize = 1 << 20;

/// Text from custom sections: `package-docs`, as WIT tools write it, and the notes that registries show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    docs: Value,
    version: Option<String>,
    description: Option<String>,
}

impl Words {
    /// Takes one custom section in. What makes no sense is left out: none of it has to be there.
    pub(crate) fn take(&mut self, section: &str, data: &[u8]) {
        let text = || std::str::from_utf8(data).ok().map(str::trim).filter(|text| !text.is_empty());
        match section {
            _ if data.len() > SECTION_BYTES => {}
            // The first byte is the format's version: before 1, a function's documentation was a text alone.
            "package-docs" => {
                if let Some((0 | 1, json)) = data.split_first() {
                    self.docs = serde_json::from_slice(json).unwrap_or_default();
                }
            }
            "version" => self.version = text().map(str::to_owned),
            "description" => self.description = text().map(str::to_owned),
            _ => {}
        }
    }

    /// The version, if it is one word.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref().filter(|text| text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic()))
    }

    /// What is said of the whole.
    pub(super) fn summary(&self) -> Option<&str> {
        let worlds = || self.worlds().find_map(|world| text(&world["docs"]));
        self.description.as_deref().or_else(|| text(&self.docs["docs"])).or_else(worlds)
    }

    /// What is said of the function at a path.
    pub(super) fn of_function(&self, path: &str) -> Option<&str> {
        let Some((interface, function)) = path.rsplit_once('#') else {
            return self
                .worlds()
                .find_map(|world| text(&world["func_exports"][path]).or_else(|| text(&world["funcs"][path])));
        };
        let whole = interface.split('@').next().unwrap_or(interface);
        let last = whole.rsplit_once('/').map_or(whole, |(_, last)| last);
        let of_package = [last, whole].map(|name| &self.docs["interfaces"][name]["funcs"][function]);
        let inline = || {
            self.worlds().find_map(|world| {
                let lists = ["interface_exports", "interfaces"];
                lists.iter().find_map(|list| text(&world[*list][interface]["funcs"][function]))
            })
        };
        of_package.into_iter().find_map(text).or_else(inline)
    }

    fn worlds(&self) -> impl Iterator<Item = &Value> {
        self.docs["worlds"].as_object().into_iter().flatten().map(|(_, world)| world)
    }
}

/// A text, or one under `docs`.
fn text(value: &Value) -> Option<&str> {
    let text = value.as_str().or_else(|| value["docs"].as_str())?.trim();
    (!text.is_empty()).then_some(text)
}
