//! Fuzz targets: what a hostile worker, a stranger's file and a guest's path can make the sandbox do.

use std::io;

use crate::engine;
use crate::frame::{self, FromWorker, ToWorker};
use crate::manifest::Manifest;

/// Bytes of a file that is not a component, at which an engine that looks further than the first ones is noticed.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// What a worker sends, as the host reads it: length, body, length, body. It ends, decoded or refused, and what was
/// decoded is one frame and no other.
pub fn frames(data: &[u8]) {
    read_all::<FromWorker>(data);
    // The worker takes the host for hostile as well.
    read_all::<ToWorker>(data);
}

fn read_all<T: serde::Serialize + serde::de::DeserializeOwned>(data: &[u8]) {
    let mut stream = io::Cursor::new(data);
    while let Ok(Some(decoded)) = frame::read::<T>(&mut stream) {
        let encoded = frame::encode(&decoded).expect("a frame that was read can be written");
        let again: T = frame::decode(&encoded[4..]).expect("a frame that was written can be read");
        // Numbers can be written in more bytes than they need, so what is compared is the second writing.
        assert_eq!(frame::encode(&again).ok().as_ref(), Some(&encoded), "a frame changes when it is written and read");
    }
}

/// A manifest as it comes from a worker: what decodes has been checked, whatever the worker checked.
pub fn manifest(data: &[u8]) {
    let Ok(manifest) = frame::decode::<Manifest>(data) else { return };
    assert_eq!(manifest.check(), Ok(()), "a manifest that breaks the rules was taken: {manifest:?}");
    let encoded = frame::encode(&manifest).expect("a checked manifest fits into a frame");
    assert_eq!(frame::decode::<Manifest>(&encoded[4..]).ok(), Some(manifest));
}

/// A file that is to be installed: it is refused with words, or compiled; nothing else happens.
pub fn admission(data: &[u8]) {
    match engine::compile(data) {
        Ok(compiled) => {
            assert!(data.starts_with(HEADER), "something else than a component was compiled");
            assert!(compiled.code.len() <= engine::COMPILED_BYTES);
        }
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}

pub use crate::workspace::fuzz::path;

#[cfg(test)]
mod tests;
