use super::*;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], &number(content.len())[..], content].concat()
}

/// A section that is a list of equal items.
fn repeated(id: u8, count: usize, item: &[u8]) -> Vec<u8> {
    section(id, &[number(count), item.repeat(count)].concat())
}

/// A component with one core module of these sections.
fn with_module(sections: &[Vec<u8>]) -> Vec<u8> {
    [COMPONENT, &section(1, &[MODULE, &sections.concat()].concat())].concat()
}

/// A component with one core function of this body.
fn with_code(locals: &[u8], code: &[u8]) -> Vec<u8> {
    let body = [locals, code, &[0x0b]].concat();
    let bodies = [number(1), number(body.len()), body].concat();
    with_module(&[section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0]), section(10, &bodies)])
}

fn text(text: &str) -> Vec<u8> {
    [number(text.len()), text.as_bytes().to_vec()].concat()
}

/// A component that imports an empty instance under this name.
fn importing(name: &str) -> Vec<u8> {
    let instance_type = section(7, &[1, 0x42, 0]);
    let import = section(10, &[&[1, 0x00], &text(name)[..], &[0x05, 0]].concat());
    [COMPONENT, &instance_type, &import].concat()
}

#[track_caller]
fn refused(wasm: &[u8]) -> Refusal {
    check(wasm).map(drop).expect_err("it was to be refused")
}

#[track_caller]
fn too_complex(wasm: &[u8], what: &str) {
    let refusal = refused(wasm);
    assert!(matches!(&refusal, Refusal::TooComplex { what: found, .. } if found == what), "{what}: {refusal:?}");
    assert_eq!(refusal.code(), "E_PKG_LIMIT");
}

// RS-19
#[test]
fn a_file_of_100_mb_is_refused_before_it_is_read() {
    let refusal = refused(&vec![0; 100_000_000]);
    assert_eq!((refusal.code(), refusal), ("E_PKG_SIZE", Refusal::TooLarge { bytes: 100_000_000 }));
}

// SU-12
#[test]
fn what_is_no_component_is_told_what_it_is_and_what_to_do() {
    for (junk, found) in [
        (&b""[..], Found::Nothing),
        (b"\0asm", Found::Other),
        (b"#!/bin/sh\n", Found::Other),
        (b"\0asm\x02\0\0\0", Found::Other),
        (b"\x7fELF\x02\x01\x01\0", Found::Program),
        (b"\r\n <!DOCTYPE html><title>404</title>", Found::Page),
        (b"(component)", Found::Text),
        (b";; by hand\n(module)", Found::Text),
        (b"PK\x03\x04\x14\0", Found::Archive),
        (b"\x1f\x8b\x08\0", Found::Archive),
    ] {
        assert_eq!(refused(junk), Refusal::NotWasm(found), "{junk:?}");
    }
    assert_eq!(refused(MODULE), Refusal::CoreModule { wasi_p1: false });
    let import = [&[1][..], &text("wasi_snapshot_preview1"), &text("fd_write"), &[0, 0]].concat();
    let preview1 = [MODULE, &section(1, &[1, 0x60, 0, 0]), &section(2, &import)].concat();
    let refusal = refused(&preview1);
    assert_eq!(refusal, Refusal::CoreModule { wasi_p1: true });
    assert!(refusal.to_string().contains("wasm-tools component new") && refusal.to_string().contains("--adapt"));
}

// RS-28
#[test]
fn code_that_somebody_else_compiled_is_refused_as_such() {
    let compiled = crate::engine::precompile(&with_module(&[])).unwrap();
    assert_eq!(refused(&compiled), Refusal::Precompiled);
}

// RS-19
#[test]
fn a_million_functions_are_refused() {
    let types = section(1, &[1, 0x60, 0, 0]);
    too_complex(&with_module(&[types, repeated(3, 1_000_000, &[0])]), "functions");
}

// RS-19
#[test]
fn too_many_locals_are_refused_however_they_are_grouped() {
    too_complex(&with_code(&[&[1][..], &number(50_001), &[0x7f]].concat(), &[]), "locals in a function");
    let groups = [number(1000), [number(51), vec![0x7f]].concat().repeat(1000)].concat();
    too_complex(&with_code(&groups, &[]), "locals in a function");
    assert_eq!(
        refused(&with_code(&[&[1][..], &number(50_000), &[0x7f]].concat(), &[])),
        Refusal::NoTools { left_out: Vec::new() }
    );
}

// RS-19
#[test]
fn blocks_nested_a_hundred_thousand_deep_are_refused() {
    let nested = |depth| [[0x02, 0x40].repeat(depth), vec![0x0b; depth]].concat();
    too_complex(&with_code(&[0], &nested(100_000)), "blocks inside each other");
    assert_eq!(refused(&with_code(&[0], &nested(9_000))), Refusal::NoTools { left_out: Vec::new() });
    // One after another they are no deeper.
    assert_eq!(refused(&with_code(&[0], &nested(1).repeat(20_000))), Refusal::NoTools { left_out: Vec::new() });
}

// RS-19
#[test]
fn a_branch_table_of_a_million_is_refused() {
    let code = [vec![0x41, 0, 0x0e], number(1_000_000), vec![0; 1_000_001]].concat();
    too_complex(&with_code(&[0], &code), "targets of a branch");
}

// RS-06
#[test]
fn too_many_tables_memories_segments_and_entries_are_refused() {
    too_complex(&with_module(&[repeated(4, 65, &[0x70, 0, 1])]), "tables in a module");
    too_complex(&with_module(&[repeated(5, 5, &[0, 1])]), "memories in a module");
    too_complex(&with_module(&[repeated(11, 100_001, &[1, 0])]), "data segments");
    too_complex(&with_module(&[repeated(9, 100_001, &[1, 0, 0])]), "element segments");
    let entries = [&[1, 1, 0][..], &number(10_000_000), &vec![0; 10_000_000]].concat();
    too_complex(&with_module(&[section(9, &entries)]), "table entries");
    too_complex(&with_module(&[repeated(1, 20_001, &[0x60, 0, 0])]), "types");
    let many = [COMPONENT, &section(1, MODULE).repeat(65)].concat();
    too_complex(&many, "modules");
}

// I-47: code that converts strings between encodings has often been wrong.
#[test]
fn strings_that_are_not_utf8_are_refused() {
    // `canon lower` of function 0 with one option, the encoding.
    let lower = |encoding| [COMPONENT, &section(8, &[1, 0x01, 0x00, 0, 1, encoding])].concat();
    assert!(matches!(refused(&lower(1)), Refusal::Encoding { .. }));
    assert!(matches!(refused(&lower(2)), Refusal::Encoding { .. }));
    assert_eq!(refused(&lower(0)), Refusal::NoTools { left_out: Vec::new() });
}

#[test]
fn an_import_that_is_not_offered_is_named() {
    let refusal = refused(&importing("openclaw:memory/memory@0.1.0"));
    assert_eq!(refusal.code(), "E_PKG_IMPORT");
    assert!(
        refusal
            .to_string()
            .starts_with("missing capability: it needs `openclaw:memory/memory@0.1.0`, and this host offers ")
    );
    assert_eq!(refused(&importing("wasi:io/poll@0.2.3")), Refusal::NoTools { left_out: Vec::new() });
    // What an inner component wants, the outer one gives.
    let inner = [COMPONENT, &section(4, &importing("acme:other/thing"))].concat();
    assert_eq!(refused(&inner), Refusal::NoTools { left_out: Vec::new() });
}

#[test]
fn cut_and_damaged_components_are_refused_without_a_panic() {
    let whole = with_code(&[&[1][..], &number(5), &[0x7f]].concat(), &[0x41, 0, 0x1a]);
    for end in 8..whole.len() {
        assert!(check(&whole[..end]).is_err());
    }
    for position in 8..whole.len() {
        for value in [0x00, 0x7f, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[position] = value;
            assert!(check(&damaged).is_err());
        }
    }
}

/// A component that exports one function under each of these names.
fn plain(names: &[String]) -> Vec<u8> {
    let module_export = section(7, &[&[1][..], &text("f"), &[0, 0]].concat());
    let code = section(10, &[1, 2, 0, 0x0b]);
    let module = [MODULE, &section(1, &[1, 0x60, 0, 0]), &section(3, &[1, 0]), &module_export, &code].concat();
    let alias = [&[1, 0, 0, 1, 0][..], &text("f")].concat();
    let exports = names.iter().flat_map(|name| [&[0][..], &text(name), &[1, 0, 0]].concat());
    let exports: Vec<u8> = exports.collect();
    [
        COMPONENT,
        &section(1, &module),
        &section(2, &[1, 0, 0, 0]),
        &section(6, &alias),
        &section(7, &[1, 0x40, 0, 1, 0]),
        &section(8, &[1, 0, 0, 0, 0, 0]),
        &section(11, &[number(names.len()), exports].concat()),
    ]
    .concat()
}

#[test]
fn as_many_plain_functions_as_tools_are_taken_and_no_more() {
    let names = |count: usize| (0..count).map(|at| format!("f{at}")).collect::<Vec<_>>();
    let offered = crate::engine::compile(&plain(&names(64))).unwrap().plain.unwrap();
    assert_eq!((offered.functions.len(), offered.left_out.len()), (64, 0));
    for many in [65, 10_000] {
        let refusal = crate::engine::compile(&plain(&names(many))).err().unwrap();
        assert_eq!(
            (refusal.code(), refusal.to_string().contains("functions that can be tools")),
            ("E_PKG_LIMIT", true)
        );
    }
    let long = crate::engine::compile(&plain(&["f".repeat(257), "g".to_owned()])).unwrap().plain.unwrap();
    assert_eq!((long.functions.len(), long.left_out.len()), (1, 1));
    assert!(long.left_out[0].ends_with("its name is too long") && long.left_out[0].len() < 300);
    let only = crate::engine::compile(&plain(&["f".repeat(257)])).err().unwrap();
    assert!(matches!(&only, Refusal::NoTools { left_out } if left_out.len() == 1), "{only}");
}
