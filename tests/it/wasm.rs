//! Pieces of wasm files.

/// A number as wasm writes it: LEB128.
pub fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A section with its length.
pub fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], &number(content.len())[..], content].concat()
}

/// A section that no engine looks at.
pub fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    section(0, &[&number(name.len())[..], name.as_bytes(), data].concat())
}
