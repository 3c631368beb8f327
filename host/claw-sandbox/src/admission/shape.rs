//! How large the parts of a component may be. Each number is far above what compilers emit and far below what costs the
//! engine's compiler minutes or gigabytes.

use wasmparser::{CanonicalFunction, CanonicalOption, ElementItems, FunctionBody, Operator, Payload};

use super::Refusal;

/// Modules and components inside the component; an interpreter brings about 40.
const MODULES: u64 = 64;
/// Functions of all modules together.
const FUNCTIONS: u64 = 200_000;
/// Types of all modules and components together.
const TYPES: u64 = 20_000;
/// Memories, and tables, of one module.
const MEMORIES: u64 = 4;
const TABLES: u64 = 64;
/// Data segments, and element segments, of one module.
const SEGMENTS: u64 = 100_000;
/// Entries of all element segments together.
const ELEMENTS: u64 = 1_000_000;
/// Locals of one function.
const LOCALS: u64 = 50_000;
/// Targets of one branch table.
const BRANCHES: u64 = 100_000;
/// Blocks inside each other in one function: a `switch` of C is one for each case.
const NESTING: u64 = 10_000;

/// What has been counted so far.
#[derive(Default)]
pub(super) struct Shape {
    modules: u64,
    functions: u64,
    types: u64,
    elements: u64,
}

impl Shape {
    /// Counts one part in.
    pub(super) fn take(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                add(&mut self.modules, 1, "modules", MODULES)
            }
            Payload::TypeSection(types) => self.types(types.count()),
            Payload::CoreTypeSection(types) => self.types(types.count()),
            Payload::ComponentTypeSection(types) => self.types(types.count()),
            Payload::FunctionSection(functions) => {
                add(&mut self.functions, functions.count().into(), "functions", FUNCTIONS)
            }
            Payload::MemorySection(memories) => at_most(memories.count().into(), "memories in a module", MEMORIES),
            Payload::TableSection(tables) => at_most(tables.count().into(), "tables in a module", TABLES),
            Payload::DataSection(segments) => at_most(segments.count().into(), "data segments", SEGMENTS),
            Payload::DataCountSection { count, .. } => at_most((*count).into(), "data segments", SEGMENTS),
            Payload::ElementSection(segments) => {
                at_most(segments.count().into(), "element segments", SEGMENTS)?;
                for segment in segments.clone() {
                    let entries = match segment.map_err(invalid)?.items {
                        ElementItems::Functions(functions) => functions.count(),
                        ElementItems::Expressions(_, expressions) => expressions.count(),
                    };
                    add(&mut self.elements, entries.into(), "table entries", ELEMENTS)?;
                }
                Ok(())
            }
            Payload::ComponentCanonicalSection(functions) => {
                functions.clone().into_iter().try_for_each(|function| encoding(&function.map_err(invalid)?))
            }
            Payload::CodeSectionEntry(body) => code(body),
            _ => Ok(()),
        }
    }

    fn types(&mut self, count: u32) -> Result<(), Refusal> {
        add(&mut self.types, count.into(), "types", TYPES)
    }
}

fn code(body: &FunctionBody<'_>) -> Result<(), Refusal> {
    let mut locals = 0;
    for group in body.get_locals_reader().map_err(invalid)? {
        add(&mut locals, group.map_err(invalid)?.0.into(), "locals in a function", LOCALS)?;
    }
    let mut operators = body.get_operators_reader().map_err(invalid)?;
    let mut depth = 0_u64;
    while !operators.eof() {
        match operators.read().map_err(invalid)? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                add(&mut depth, 1, "blocks inside each other", NESTING)?;
            }
            Operator::End => depth = depth.saturating_sub(1),
            Operator::BrTable { targets } => at_most(targets.len().into(), "targets of a branch", BRANCHES)?,
            _ => {}
        }
    }
    Ok(())
}

fn encoding(function: &CanonicalFunction) -> Result<(), Refusal> {
    let (CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. }) = function else {
        return Ok(());
    };
    for option in options {
        let encoding = match option {
            CanonicalOption::UTF16 => "UTF-16",
            CanonicalOption::CompactUTF16 => "Latin-1 or UTF-16",
            _ => continue,
        };
        return Err(Refusal::Encoding { encoding: encoding.to_owned() });
    }
    Ok(())
}

fn add(sum: &mut u64, more: u64, what: &str, most: u64) -> Result<(), Refusal> {
    *sum = sum.saturating_add(more);
    at_most(*sum, what, most)
}

fn at_most(count: u64, what: &str, most: u64) -> Result<(), Refusal> {
    if count > most { Err(Refusal::TooComplex { what: what.to_owned(), most }) } else { Ok(()) }
}

fn invalid(err: wasmparser::BinaryReaderError) -> Refusal {
    Refusal::Invalid(err.to_string())
}
