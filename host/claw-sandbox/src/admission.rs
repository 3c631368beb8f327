//! What a component must be before the compiler touches it: a component, of bounded shape, that wants only what this
//! host offers.
//!
//! Runs in the compiler's process: reading a stranger's bytes is not safe work. Whether they are valid WebAssembly, with
//! the features that guests may use, is left to the engine, which knows its own settings.

mod offered;
mod shape;

pub(crate) use self::offered::GUEST;

use serde::{Deserialize, Serialize};
use wasmparser::{ComponentExport, ComponentExternalKind, Parser, Payload};
use wasmtime::Engine;

use self::shape::Shape;
use crate::channel;
use crate::engine::WASM_BYTES;
use crate::plain::{Words, outside};

/// Why a file is not installed as a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// More bytes than are read.
    #[error("it has {} MiB; at most {} MiB are taken", bytes >> 20, WASM_BYTES >> 20)]
    TooLarge {
        /// How many it has.
        bytes: u64,
    },
    /// Not WebAssembly at all.
    #[error("it is {0}; expected is a WebAssembly component")]
    NotWasm(Found),
    /// Machine code that somebody else compiled.
    #[error(
        "it is compiled already, and compiled code of others is never run; install the `.wasm` file that it was made from"
    )]
    Precompiled,
    /// A core module without the component around it.
    #[error(
        "it is a core module; expected is a component: make one of it with `wasm-tools component new MODULE.wasm -o COMPONENT.wasm`{}",
        if *wasi_p1 {
            " and, because it imports WASI preview 1, `--adapt wasi_snapshot_preview1.reactor.wasm`; or build it for \
             `wasm32-wasip2`"
        } else {
            ""
        }
    )]
    CoreModule {
        /// Whether it imports WASI preview 1.
        wasi_p1: bool,
    },
    /// It breaks the format's rules, or needs a feature that guests may not use.
    #[error("it is not valid: {0}")]
    Invalid(String),
    /// It is built in a way that would cost the compiler too much.
    #[error("it has more {what} than the {most} that are taken")]
    TooComplex {
        /// What of it.
        what: String,
        /// How many are taken.
        most: u64,
    },
    /// Strings that are not UTF-8 would be converted by code that has often been wrong.
    #[error("it passes strings as {encoding}; build it so that they are UTF-8")]
    Encoding {
        /// Which encoding.
        encoding: String,
    },
    /// It wants something that this host does not have.
    #[error("missing capability: it needs `{interface}`, and {offer}")]
    Missing {
        /// The interface it imports.
        interface: String,
        /// What there is instead.
        offer: String,
    },
    /// It offers no tools.
    #[error(
        "it offers no tools: it exports neither `{}` nor a function that could be one; build it for the world \
         `openclaw:tool/tool`, or let it export plain functions{}",
        offered::GUEST,
        because(left_out)
    )]
    NoTools {
        /// What it exports instead, each with the reason why that is no tool.
        left_out: Vec<String>,
    },
    /// It offers a channel that is none.
    #[error(
        "its channel is not one that this host can use: {why}; build it with the WIT of this host's `openclaw:channel`"
    )]
    Channel {
        /// What of it is not as it should be.
        why: String,
    },
    /// The compiler ended before it was done.
    #[error("compiling it takes more memory or time than the compiler has")]
    Exhausted,
}

/// What a file is that is not WebAssembly, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Found {
    /// No bytes.
    #[error("an empty file")]
    Nothing,
    /// What a server says instead of what was asked for.
    #[error("a web page (HTML), which is how servers say that something is not there")]
    Page,
    /// The text form.
    #[error("WebAssembly as text; make a binary of it with `wasm-tools parse FILE.wat -o FILE.wasm`")]
    Text,
    /// A program for a processor.
    #[error("a program for one kind of processor (ELF)")]
    Program,
    /// Something that is packed.
    #[error("an archive; install the `.wasm` file that is in it")]
    Archive,
    /// Nobody knows.
    #[error("something else")]
    Other,
}

impl Found {
    fn in_bytes(bytes: &[u8]) -> Found {
        let start = bytes[..bytes.len().min(256)].trim_ascii_start().to_ascii_lowercase();
        let starts = |with: &[&[u8]]| with.iter().any(|it| start.starts_with(it));
        match bytes {
            [] => Found::Nothing,
            [0x7f, b'E', b'L', b'F', ..] => Found::Program,
            [b'P', b'K', 3, 4, ..] | [0x1f, 0x8b, ..] => Found::Archive,
            _ if starts(&[b"<!doctype", b"<html", b"<head", b"<?xml"]) => Found::Page,
            _ if starts(&[b"(component", b"(module", b";;", b"(;"]) => Found::Text,
            _ => Found::Other,
        }
    }
}

impl Refusal {
    /// The stable code shown to people and programs.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::TooLarge { .. } => "E_PKG_SIZE",
            Refusal::TooComplex { .. } | Refusal::Exhausted => "E_PKG_LIMIT",
            Refusal::Missing { .. } => "E_PKG_IMPORT",
            Refusal::NotWasm(_)
            | Refusal::Precompiled
            | Refusal::CoreModule { .. }
            | Refusal::Invalid(_)
            | Refusal::Encoding { .. }
            | Refusal::NoTools { .. }
            | Refusal::Channel { .. } => "E_PKG_FORMAT",
        }
    }
}

fn because(left_out: &[String]) -> String {
    if left_out.is_empty() { String::new() } else { format!(" (left out: {})", left_out.join("; ")) }
}

/// How a component offers its tools.
#[derive(Debug)]
pub(crate) enum Kind {
    /// It describes them itself, through our world.
    Described {
        /// What it exports of a channel's package, if it does.
        channel: Option<String>,
    },
    /// Its functions may be tools; this is what is said of them.
    Plain(Words),
}

/// Looks a file over before it is compiled.
///
/// # Errors
/// Says why it is not compiled.
pub(crate) fn check(wasm: &[u8]) -> Result<Kind, Refusal> {
    check_size(wasm)?;
    check_kind(wasm)?;
    let invalid = |err: wasmparser::BinaryReaderError| Refusal::Invalid(err.to_string());
    let mut shape = Shape::default();
    let mut depth = 0_usize;
    let mut exports = Exports::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(invalid)?;
        shape.take(&payload)?;
        match &payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            // Only what the outermost component wants is wanted from the host; the others want it from each other.
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports.clone() {
                    offered::check(import.map_err(invalid)?.name.name)?;
                }
            }
            Payload::ComponentExportSection(list) if depth == 1 => {
                for export in list.clone() {
                    exports.take(&export.map_err(invalid)?);
                }
            }
            Payload::CustomSection(section) if depth == 1 => exports.words.take(section.name(), section.data()),
            _ => {}
        }
    }
    exports.kind()
}

/// What is known of the outermost component's exports.
#[derive(Default)]
struct Exports {
    is_described: bool,
    channel: Option<String>,
    may_be_tools: bool,
    left_out: Vec<String>,
    words: Words,
}

impl Exports {
    fn take(&mut self, export: &ComponentExport<'_>) {
        let name = export.name.name;
        self.is_described |= name == offered::GUEST;
        if name.starts_with(channel::PACKAGE) {
            self.channel = Some(name.to_owned());
        }
        match (export.kind, outside(name)) {
            (ComponentExternalKind::Func | ComponentExternalKind::Instance, None) => self.may_be_tools = true,
            // The first few say enough.
            (_, Some(why)) if self.left_out.len() < 4 => {
                let name: String = name.chars().take(200).collect();
                self.left_out.push(format!("`{name}`: {why}"));
            }
            _ => {}
        }
    }

    fn kind(self) -> Result<Kind, Refusal> {
        match self {
            Exports { is_described: true, channel, .. } => Ok(Kind::Described { channel }),
            Exports { may_be_tools: true, words, .. } => Ok(Kind::Plain(words)),
            Exports { left_out, .. } => Err(Refusal::NoTools { left_out }),
        }
    }
}

/// The one check that needs no look at the bytes.
pub(crate) fn check_size(wasm: &[u8]) -> Result<(), Refusal> {
    if wasm.len() > WASM_BYTES {
        return Err(Refusal::TooLarge { bytes: wasm.len() as u64 });
    }
    Ok(())
}

/// The binary format's layer field tells a component from a core module.
fn check_kind(wasm: &[u8]) -> Result<(), Refusal> {
    match wasm {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(Refusal::CoreModule { wasi_p1: imports_wasi_p1(wasm) }),
        _ if Engine::detect_precompiled(wasm).is_some() => Err(Refusal::Precompiled),
        _ => Err(Refusal::NotWasm(Found::in_bytes(wasm))),
    }
}

fn imports_wasi_p1(module: &[u8]) -> bool {
    Parser::new(0).parse_all(module).map_while(Result::ok).any(|payload| match payload {
        Payload::ImportSection(imports) => {
            imports.into_imports().flatten().any(|import| import.module == "wasi_snapshot_preview1")
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests;
