//! Everything that a guest can import, function by function, and what it gives to a component without grants.
//!
//! The functions come from `wit/` and from the imports of the built probe, so that a new one without a row here fails.

mod table;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldId, WorldItem};

use self::table::{OURS, WASI};
use crate::client::Client;
use crate::host::{Home, test_guest};

/// What a function gives to a component that is granted nothing.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// This step of the probe is refused with one of these codes: the host's, or the interface's own.
    Denied { step: &'static str, codes: &'static [&'static str] },
    /// This step of the probe is refused or gives an empty value.
    Nothing { step: &'static str },
    /// It needs a handle, and this function, which is refused, is the only one that gives such a handle.
    NoHandle { from: &'static str },
    /// It reaches nothing, for this reason.
    Harmless { why: &'static str },
}

/// Interface, function (`*` for all that have no row of their own), and what it gives.
pub type Row = (&'static str, &'static str, Expect);

type Function = (String, String);

fn functions(resolve: &Resolve, world: WorldId) -> BTreeSet<Function> {
    let mut found = BTreeSet::new();
    for (key, item) in &resolve.worlds[world].imports {
        match item {
            WorldItem::Interface { id, .. } => {
                let name = resolve.id_of(*id).unwrap_or_else(|| panic!("an interface without a name: {key:?}"));
                let name = name.split('@').next().unwrap().to_owned();
                found.extend(resolve.interfaces[*id].functions.keys().map(|function| (name.clone(), function.clone())));
            }
            WorldItem::Function(function) => {
                found.insert(("world".to_owned(), function.name.clone()));
            }
            WorldItem::Type { .. } => {}
        }
    }
    found
}

/// The functions that the world of tools imports.
fn of_the_world() -> BTreeSet<Function> {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let mut resolve = Resolve::default();
    // In the order in which they need each other.
    let needed = ["types", "manifest", "session", "exec", "workspace", "net", "secrets", "llm", "message", "sessions"];
    let deps = ["deps/keyvalue", "deps/config", "deps/logging"];
    for folder in needed.iter().chain(&deps) {
        resolve.push_path(wit.join(folder)).unwrap_or_else(|err| panic!("{folder}: {err:#}"));
    }
    let (tool, _) = resolve.push_path(wit.join("tool")).unwrap();
    let world = resolve.select_world(&[tool], Some("tool")).unwrap();
    functions(&resolve, world)
}

/// The functions that the built probe imports.
fn of_the_probe() -> BTreeSet<Function> {
    match decode(&std::fs::read(test_guest("probe")).unwrap()).unwrap() {
        DecodedWasm::Component(resolve, world) => functions(&resolve, world),
        DecodedWasm::WitPackage(..) => panic!("the probe is no component"),
    }
}

fn row<'a>(rows: &'a [Row], interface: &str, function: &str) -> Option<&'a Row> {
    let of = |wanted: &str| rows.iter().find(|row| row.0 == interface && row.1 == wanted);
    of(function).or_else(|| of("*"))
}

/// The functions that have no row.
fn without_row(functions: &BTreeSet<Function>, rows: &[Row]) -> Vec<String> {
    let missing = functions.iter().filter(|(interface, function)| row(rows, interface, function).is_none());
    missing.map(|(interface, function)| format!("{interface} {function}")).collect()
}

// CG-01
#[test]
fn each_function_of_the_world_has_a_row_and_is_called_by_the_probe() {
    let world = of_the_world();
    assert_eq!(without_row(&world, OURS), Vec::<String>::new(), "add a row to tests/it/imports/table.rs");
    let unused: Vec<_> = world.difference(&of_the_probe()).cloned().collect();
    assert_eq!(unused, [], "add a step to tests/guests/probe");
    for (interface, function, _) in OURS {
        let known = world.contains(&((*interface).to_owned(), (*function).to_owned()));
        assert!(known, "`{interface} {function}` has a row, but the world does not have it");
    }
}

// CG-01
#[test]
fn each_function_of_wasi_that_the_probe_calls_has_a_row() {
    let wasi: BTreeSet<_> = of_the_probe().difference(&of_the_world()).cloned().collect();
    assert_eq!(without_row(&wasi, WASI), Vec::<String>::new(), "add a row to tests/it/imports/table.rs");
    for (interface, _, _) in WASI {
        assert!(wasi.iter().any(|(used, _)| used == interface), "the probe calls nothing of `{interface}`");
    }
}

#[test]
fn a_function_without_a_row_is_named() {
    let mut world = of_the_world();
    world.insert(("openclaw:exec/exec".to_owned(), "shell".to_owned()));
    world.insert(("openclaw:root/root".to_owned(), "become".to_owned()));
    assert_eq!(without_row(&world, OURS), ["openclaw:exec/exec shell", "openclaw:root/root become"]);
}

// CG-01
#[test]
fn what_is_not_tried_has_its_reason() {
    for (interface, function, expect) in OURS.iter().chain(WASI) {
        if let Expect::Harmless { why } = expect {
            assert!(!why.is_empty(), "{interface} {function}: why is it harmless?");
        }
        let Expect::NoHandle { from } = expect else { continue };
        let (giver, name) = from.split_once(' ').unwrap_or((interface, from));
        let given = row(OURS, giver, name).or_else(|| row(WASI, giver, name));
        let refused = matches!(given, Some((_, _, Expect::Denied { .. })));
        assert!(refused, "{interface} {function}: `{from}` is not refused");
    }
}

// CG-01, NET-01, EX-01, P1
#[tokio::test]
async fn a_component_without_grants_is_refused_every_capability() {
    let home = Home::new().component("probe").file("secret.txt", "canary");
    let running = home.start();
    // Nobody who may answer is connected, so nobody is asked.
    let mut client = Client::with_scopes(&running.url, &running.token, &["operator.read", "operator.write"]).await;
    let steps_of = |row: &Row| match row.2 {
        Expect::Denied { step, .. } | Expect::Nothing { step } => Some((*row, step)),
        Expect::NoHandle { .. } | Expect::Harmless { .. } => None,
    };
    let tried: Vec<_> = OURS.iter().chain(WASI).filter_map(steps_of).collect();
    let steps: Vec<Value> = tried.iter().map(|(_, step)| serde_json::from_str(step).expect(step)).collect();
    let answer = client.ask("r1", &format!("tool probe {}", json!({ "steps": steps }))).await;
    let outcomes: Vec<Value> = serde_json::from_str(answer.strip_prefix("probe: ").expect(&answer)).unwrap();
    assert_eq!(outcomes.len(), tried.len());
    let wrong: Vec<_> = tried.iter().zip(&outcomes).filter_map(|((row, _), outcome)| complaint(row, outcome)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn complaint((interface, function, expect): &Row, outcome: &Value) -> Option<String> {
    let error = &outcome["error"];
    let told = |text: &Value| text.as_str().unwrap_or_default().to_owned();
    let (kind, code, text) = (told(&error["kind"]), told(&error["code"]), told(&error["text"]));
    let is_fine = match expect {
        // `wasi:http` has no place for the host's codes: they stand in the text.
        Expect::Denied { codes, .. } => {
            let codes = codes.iter().chain(&["E_APPR_UNAVAILABLE"]);
            codes.into_iter().any(|wanted| code == *wanted || kind == "interface" && text.contains(wanted))
        }
        Expect::Nothing { .. } => {
            let empty = match &outcome["ok"] {
                Value::Null => outcome.get("ok").is_some(),
                Value::Array(items) => items.is_empty(),
                _ => false,
            };
            empty || kind == "denied" || kind == "not-found"
        }
        Expect::NoHandle { .. } | Expect::Harmless { .. } => true,
    };
    (!is_fine).then(|| format!("{interface} {function}: expected {expect:?}, got {outcome}"))
}
