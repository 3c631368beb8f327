//! Channel components: those of our world that export the interface of `wit/channel` too. Its functions are called by
//! their types, as those of plain components are.

use claw_core::channel::{Abilities, FETCH, INTERFACE, RECEIVE, SEND, SEND_FILE};
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentInstance, ComponentItem};

use crate::admission::Refusal;
use crate::frame::Callee;
use crate::plain::Signature;

/// Where all versions of the interface, and what a later one may bring beside it, are found.
pub(crate) const PACKAGE: &str = "openclaw:channel/";

/// The functions of the interface: the host's name for it, if it calls it as a tool; its own; its type.
const FUNCTIONS: [(Option<&str>, &str, &str); 5] = [
    (None, "get-abilities", "func() -> record { text-limit: u32, idempotent: bool, edits: bool, file-limit: u32 }"),
    (
        Some(RECEIVE),
        "receive",
        "func(cursor: option<string>) -> result<record { messages: list<record { id: string, chat: string, direct: bool, \
         sender: record { id: string, name: string }, text: string, attachments: list<record { id: string, name: string, \
         media-type: string, size: u64 }>, sent-ms: u64 }>, cursor: string, wait-ms: u32 }, \
         variant { rejected(string), limited(u32), unavailable(string), unknown(string) }>",
    ),
    (
        Some(SEND),
        "send",
        "func(message: record { key: string, chat: string, text: string, reply-to: option<string>, \
         replaces: option<string> }) -> result<string, \
         variant { rejected(string), limited(u32), unavailable(string), unknown(string) }>",
    ),
    (
        Some(SEND_FILE),
        "send-file",
        "func(file: record { key: string, chat: string, name: string, media-type: string, bytes: list<u8>, \
         caption: option<string>, reply-to: option<string> }) -> result<string, \
         variant { rejected(string), limited(u32), unavailable(string), unknown(string) }>",
    ),
    (
        Some(FETCH),
        "fetch",
        "func(attachment: string) -> result<list<u8>, \
         variant { rejected(string), limited(u32), unavailable(string), unknown(string) }>",
    ),
];

/// Where the function is by which a channel tells its abilities.
pub(crate) fn abilities_path() -> String {
    format!("{INTERFACE}#{}", FUNCTIONS[0].1)
}

/// What the interface calls the function that the host calls by this name.
pub(crate) fn function(called: &str) -> Option<&'static str> {
    FUNCTIONS.iter().find(|(name, ..)| *name == Some(called)).map(|(_, function, _)| *function)
}

/// What a worker calls for one of the host's names: these bytes go along, where it sends a file.
pub(crate) fn callee(called: &str, bytes: Vec<u8>) -> Option<Callee> {
    match called {
        SEND_FILE => Some(Callee::SendFile(bytes)),
        FETCH => Some(Callee::Fetch),
        _ => function(called).map(|function| Callee::Function(format!("{INTERFACE}#{function}"))),
    }
}

/// Checks that what a component exports as `export` is the interface. Runs nothing of it.
///
/// # Errors
/// Names the first thing that is not as it should be.
pub(crate) fn check(engine: &Engine, component: &Component, export: &str) -> Result<(), Refusal> {
    let wrong = |why: String| Refusal::Channel { why };
    if export != INTERFACE {
        let export: String = export.chars().take(200).collect();
        return Err(wrong(format!("it exports `{export}`, and this host knows `{INTERFACE}`")));
    }
    let ty = component.component_type();
    let Some(ComponentItem::ComponentInstance(interface)) = ty.get_export(engine, INTERFACE).map(|export| export.ty)
    else {
        return Err(wrong(format!("its export `{INTERFACE}` is no interface")));
    };
    FUNCTIONS.iter().try_for_each(|(_, name, meant)| {
        let found = words(engine, &interface, name).map_err(|why| wrong(format!("its function `{name}` {why}")))?;
        if found == *meant {
            return Ok(());
        }
        Err(wrong(format!("its function `{name}` is `{found}`, and the interface has `{meant}`")))
    })
}

/// A function's type in WIT's words, with what it is made of in its place.
fn words(engine: &Engine, interface: &ComponentInstance, name: &str) -> Result<String, String> {
    match interface.get_export(engine, name).map(|export| export.ty) {
        Some(ComponentItem::ComponentFunc(function)) => {
            Ok(Signature::of(&function).map_err(|need| format!("needs {need}"))?.words())
        }
        _ => Err("is missing".to_owned()),
    }
}

/// What a component said of its abilities.
///
/// # Errors
/// A sentence that names what is wrong.
pub(crate) fn read_abilities(json: &str) -> Result<Abilities, String> {
    let abilities: Abilities =
        serde_json::from_str(json).map_err(|err| format!("what its channel can do is unclear: {err}"))?;
    abilities.check()?;
    Ok(abilities)
}
