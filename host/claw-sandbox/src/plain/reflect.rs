//! Which exports of a plain component are tools.

use claw_policy::Family;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentItem};

use super::{Function, Plain, Signature, Words};
use crate::admission::Refusal;
use crate::channel;
use crate::manifest::{DESCRIPTION_BYTES, SCHEMA_BYTES, SUMMARY_BYTES, TOOLS};

/// Longer names of interfaces and functions together are not taken.
pub(super) const PATH_BYTES: usize = 256;
/// What is left out is named as long as somebody reads it: so many lines, of so many bytes at most.
pub(super) const LINES: usize = 33;
pub(super) const LINE_BYTES: usize = 512;

/// Why an export is none of the component's own functions, if it is not.
pub(crate) fn outside(export: &str) -> Option<&'static str> {
    let begins = |with: &str| export.starts_with(with);
    Some(match () {
        () if begins("wasi:cli/run") => "it starts a program, and a tool is a function that is called",
        () if begins("wasi:http/") => "it serves the web, and nothing here listens for a component",
        () if begins("wasi:") => "it belongs to WASI and is nothing of the component's own",
        () if begins(channel::PACKAGE) => "a channel describes itself: let it export `openclaw:tool/guest` too",
        () if begins("openclaw:") => "this host knows no such world; build it for one that it knows",
        () => return None,
    })
}

/// Reads what a component exports. Runs nothing of it.
///
/// # Errors
/// If there is no tool among it, or more than are taken.
pub(crate) fn reflect(engine: &Engine, component: &Component, words: &Words) -> Result<Plain, Refusal> {
    let ty = component.component_type();
    let mut found = Found { words, functions: Vec::new(), left_out: Vec::new() };
    let mut interfaces = Vec::new();
    for (name, export) in ty.exports(engine) {
        match export.ty {
            ComponentItem::ComponentFunc(function) => found.take(name.to_owned(), &function)?,
            ComponentItem::ComponentInstance(interface) => {
                if let Some(why) = outside(name) {
                    found.leave_out(name, why);
                    continue;
                }
                interfaces.push(name.to_owned());
                for (function, export) in interface.exports(engine) {
                    if let ComponentItem::ComponentFunc(ty) = export.ty {
                        found.take(format!("{name}#{function}"), &ty)?;
                    }
                }
            }
            ComponentItem::Component(_) | ComponentItem::Module(_) | ComponentItem::CoreFunc(_) => {
                found.leave_out(name, "it is no function");
            }
            ComponentItem::Type(_) | ComponentItem::Resource(_) => {}
        }
    }
    let Found { functions, left_out, .. } = found;
    let left_out = named(left_out);
    if functions.is_empty() {
        return Err(Refusal::NoTools { left_out });
    }
    Ok(Plain {
        families: ty.imports(engine).filter_map(|(import, _)| Family::of_import(import)).collect(),
        left_out,
        version: words.version().or_else(|| common_version(&interfaces)).unwrap_or("unversioned").to_owned(),
        summary: summary(words, functions.len()),
        functions,
    })
}

struct Found<'a> {
    words: &'a Words,
    functions: Vec<Function>,
    left_out: Vec<String>,
}

impl Found<'_> {
    fn take(&mut self, path: String, ty: &ComponentFunc) -> Result<(), Refusal> {
        let name = path.rsplit_once('#').map_or(path.as_str(), |(_, name)| name);
        if path.len() > PATH_BYTES {
            self.leave_out(&path, "its name is too long");
            return Ok(());
        }
        if name.starts_with('[') {
            self.leave_out(&path, "it needs a resource, which lives no longer than a call");
            return Ok(());
        }
        let signature = match Signature::of(ty) {
            Ok(signature) => signature,
            Err(need) => {
                self.leave_out(&path, &format!("it needs {need}"));
                return Ok(());
            }
        };
        let schema = signature.schema();
        if schema.len() > SCHEMA_BYTES {
            self.leave_out(&path, &format!("its schema has more than {SCHEMA_BYTES} bytes"));
            return Ok(());
        }
        if self.functions.len() == TOOLS {
            return Err(Refusal::TooComplex { what: "functions that can be tools".to_owned(), most: TOOLS as u64 });
        }
        let description = match self.words.of_function(&path) {
            Some(text) => cut(text, DESCRIPTION_BYTES),
            None => format!("Calls `{path}`, which is `{}`.", signature.words()),
        };
        self.functions.push(Function { path, description, schema });
        Ok(())
    }

    fn leave_out(&mut self, path: &str, why: &str) {
        self.left_out.push(format!("`{}`: {why}", cut(path, PATH_BYTES)));
    }
}

fn named(mut left_out: Vec<String>) -> Vec<String> {
    let more = left_out.len().saturating_sub(LINES - 1);
    left_out.truncate(LINES - 1);
    if more > 0 {
        left_out.push(format!("and {more} more"));
    }
    left_out
}

/// `1.0.0`, if all interfaces that have a version have that one.
fn common_version(interfaces: &[String]) -> Option<&str> {
    let mut versions = interfaces.iter().filter_map(|interface| Some(interface.split_once('@')?.1));
    let common = versions.next().filter(|version| version.len() <= 64)?;
    versions.all(|version| version == common).then_some(common)
}

fn summary(words: &Words, functions: usize) -> String {
    match words.summary() {
        Some(text) => cut(text, SUMMARY_BYTES),
        None if functions == 1 => "One plain function; nothing is said of it.".to_owned(),
        None => format!("{functions} plain functions; nothing is said of the whole."),
    }
}

/// Text with at most `max` bytes.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max - '…'.len_utf8());
    format!("{}…", &text[..end])
}
