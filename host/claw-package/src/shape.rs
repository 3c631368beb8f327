//! What a component imports and exports, read from its bytes.

use wasmparser::{Parser, Payload};

/// The names at a component's outer edge, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// What it wants from its host, e.g. `wasi:http/outgoing-handler@0.2.3`.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

impl Shape {
    /// Reads them; `None` if the bytes are no component.
    pub fn read(wasm: &[u8]) -> Option<Shape> {
        if !Parser::is_component(wasm) {
            return None;
        }
        let mut shape = Shape::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.checked_sub(1)?,
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        shape.imports.push(import.ok()?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        shape.exports.push(export.ok()?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Some(shape)
    }
}
