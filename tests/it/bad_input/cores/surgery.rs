//! Adds to the sections of a component's first core module. Knows no more of the format than that takes.

use crate::wasm;

const HEADER_BYTES: usize = 8;
/// A core module among the sections of a component.
const CORE_MODULE: u8 = 1;

const TYPES: u8 = 1;
const IMPORTS: u8 = 2;
const FUNCTIONS: u8 = 3;
const TABLES: u8 = 4;
const MEMORIES: u8 = 5;
const START: u8 = 8;
const ELEMENTS: u8 = 9;
const CODE: u8 = 10;
const DATA_COUNT: u8 = 12;

const FUNC_REF: u8 = 0x70;

/// What is added.
#[derive(Default)]
pub struct Patch {
    /// The first size of the module's own memory, in pages of 64 KiB.
    pub first_memory: Option<u32>,
    /// Further memories, by their first size in pages of 64 KiB.
    pub memories: Vec<u32>,
    /// Further tables, by their first size in elements.
    pub tables: Vec<u32>,
    /// How many functions a further, passive element segment lists.
    pub elements: u32,
    /// A start function.
    pub start: Option<Body>,
}

/// What a start function does.
pub enum Body {
    /// Never returns.
    Spin,
    /// Takes the limit off the module's own table and grows it; traps if that works.
    GrowTable { elements: u32 },
}

type Sections = Vec<(u8, Vec<u8>)>;

impl Patch {
    /// The component with this added.
    pub fn apply(&self, component: &[u8]) -> Vec<u8> {
        let mut sections = split(component);
        let (_, module) = sections.iter_mut().find(|(id, _)| *id == CORE_MODULE).expect("a core module");
        let mut inner = split(module);
        self.patch(&mut inner);
        *module = join(&module[..HEADER_BYTES], &inner);
        join(&component[..HEADER_BYTES], &sections)
    }

    fn patch(&self, sections: &mut Sections) {
        if let Some(pages) = self.first_memory {
            let (_, memories) = sections.iter_mut().find(|(id, _)| *id == MEMORIES).expect("a memory");
            *memories = [&[1, 0], &leb(pages)[..]].concat();
        }
        for pages in &self.memories {
            add(sections, MEMORIES, &[&[0], &leb(*pages)[..]].concat());
        }
        for elements in &self.tables {
            add(sections, TABLES, &[&[FUNC_REF, 0], &leb(*elements)[..]].concat());
        }
        if self.elements > 0 {
            let functions = vec![0; self.elements as usize];
            add(sections, ELEMENTS, &[&[1, 0], &leb(self.elements)[..], &functions].concat());
        }
        if let Some(body) = &self.start {
            let signature = count(sections, TYPES);
            add(sections, TYPES, &[0x60, 0, 0]);
            let function = imported_functions(sections) + count(sections, FUNCTIONS);
            add(sections, FUNCTIONS, &leb(signature));
            if matches!(body, Body::GrowTable { .. }) {
                let (_, tables) = sections.iter_mut().find(|(id, _)| *id == TABLES).expect("a table");
                assert_eq!(tables[..3], [1, FUNC_REF, 1], "one table of functions with a limit");
                let (first_size, _) = read(&tables[3..]);
                *tables = [&[1, FUNC_REF, 0], &leb(first_size)[..]].concat();
            }
            let code = body.code();
            add(sections, CODE, &[&leb(u32::try_from(code.len()).unwrap())[..], &code].concat());
            assert!(sections.iter().all(|(id, _)| *id != START), "it has a start function already");
            insert(sections, START, leb(function));
        }
    }
}

impl Body {
    fn code(&self) -> Vec<u8> {
        // No locals.
        let mut code = vec![0];
        match self {
            // loop br 0 end
            Body::Spin => code.extend([0x03, 0x40, 0x0c, 0x00, 0x0b]),
            Body::GrowTable { elements } => {
                // ref.null func, i32.const elements, table.grow 0, i32.const -1, i32.ne, if unreachable end
                code.extend([0xd0, FUNC_REF, 0x41]);
                code.extend(signed_leb(*elements));
                code.extend([0xfc, 0x0f, 0x00, 0x41, 0x7f, 0x47, 0x04, 0x40, 0x00, 0x0b]);
            }
        }
        code.push(0x0b);
        code
    }
}

fn split(module: &[u8]) -> Sections {
    let mut rest = &module[HEADER_BYTES..];
    let mut sections = Vec::new();
    while let Some((id, after)) = rest.split_first() {
        let (size, after) = read(after);
        let (body, after) = after.split_at(size as usize);
        sections.push((*id, body.to_vec()));
        rest = after;
    }
    sections
}

fn join(header: &[u8], sections: &Sections) -> Vec<u8> {
    let mut joined = header.to_vec();
    for (id, body) in sections {
        joined.push(*id);
        joined.extend(leb(u32::try_from(body.len()).unwrap()));
        joined.extend(body);
    }
    joined
}

fn count(sections: &Sections, id: u8) -> u32 {
    sections.iter().find(|(it, _)| *it == id).map_or(0, |(_, body)| read(body).0)
}

/// Adds an item to a section that begins with the number of its items.
fn add(sections: &mut Sections, id: u8, item: &[u8]) {
    match sections.iter_mut().find(|(it, _)| *it == id) {
        Some((_, body)) => {
            let (count, items) = read(body);
            *body = [&leb(count + 1)[..], items, item].concat();
        }
        None => insert(sections, id, [&leb(1)[..], item].concat()),
    }
}

/// Puts a section where the format wants it: in the order of the ids, but the count of data before the code.
fn insert(sections: &mut Sections, id: u8, body: Vec<u8>) {
    let rank = |id: u8| match id {
        DATA_COUNT => CODE * 2 - 1,
        id => id * 2,
    };
    let at = sections.iter().position(|(it, _)| *it != 0 && rank(*it) > rank(id)).unwrap_or(sections.len());
    sections.insert(at, (id, body));
}

/// The module imports nothing but functions.
fn imported_functions(sections: &Sections) -> u32 {
    let Some((_, body)) = sections.iter().find(|(id, _)| *id == IMPORTS) else { return 0 };
    let (count, mut rest) = read(body);
    for _ in 0..count {
        for _ in ["module", "name"] {
            let (length, after) = read(rest);
            rest = &after[length as usize..];
        }
        assert_eq!(rest[0], 0, "an import that is no function");
        rest = read(&rest[1..]).1;
    }
    count
}

fn read(bytes: &[u8]) -> (u32, &[u8]) {
    let length = 1 + bytes.iter().position(|byte| byte & 0x80 == 0).expect("a number ends");
    let digits = bytes[..length].iter().rev();
    (digits.fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f)), &bytes[length..])
}

fn leb(number: u32) -> Vec<u8> {
    wasm::number(number as usize)
}

/// As [`leb`], with a last byte whose sign bit is clear.
fn signed_leb(number: u32) -> Vec<u8> {
    let mut bytes = leb(number);
    if bytes.last().is_some_and(|byte| byte & 0x40 != 0) {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push(0);
    }
    bytes
}
