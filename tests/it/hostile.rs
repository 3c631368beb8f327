//! Each hostile guest and the test that holds against it. A guest under `tests/guests` without a line here, or a line
//! without its test, does not compile.

use crate::bad_input::{attacks, cores, guests, odd};
use crate::packages;
use crate::sandbox::channel;

/// Takes `guest => path::of::its::test`.
macro_rules! hostile_guests {
    ($($guest:ident => $test:path,)+) => {
        const LISTED: &[&str] = &[$(stringify!($guest)),+];
        const _: &[fn()] = &[$($test),+];
    };
}
pub(crate) use hostile_guests;

hostile_guests! {
    deep_recursion => guests::a_guest_that_never_stops_calling_itself_runs_out_of_stack,
    fickle => packages::a_package_that_tells_another_story_later_stays_off,
    flood_host => attacks::a_value_too_large_to_take_is_refused_before_it_is_copied,
    flood_output => guests::a_guest_that_floods_is_cut_short,
    grow_memory => guests::a_guest_that_takes_all_memory_meets_its_limit,
    keep_state => attacks::what_a_call_leaves_in_memory_is_gone_in_the_next,
    many_handles => guests::a_guest_that_never_closes_anything_runs_out_of_handles,
    odd_channel => channel::what_only_looks_like_a_channel_is_refused,
    odd_results => odd::an_odd_result_is_taken_as_what_it_is,
    return_garbage => guests::a_component_that_describes_itself_with_nonsense_stays_off_and_is_listed,
    spin_at_start => cores::a_guest_that_spins_before_its_own_code_runs_is_ended,
    spin_forever => guests::a_guest_that_never_returns_is_ended_by_its_deadline,
    trap => guests::a_guest_that_crashes_fails_that_call_and_the_next_one_starts_afresh,
    undeclared => packages::what_is_imported_and_not_asked_for_is_said_and_never_works,
}

/// The members of the guests' workspace; what is not among them is not built.
const MEMBERS: &str = include_str!("../guests/Cargo.toml");
/// Guests that attack nobody: the tool of the tests, which does only what it is told, those of the benchmarks, the one
/// that show what the SDK can do, and those that know nothing of our world.
const HARMLESS: [&str; 12] = [
    "probe",
    "board",
    "channel",
    "echo",
    "effects",
    "numbered",
    "conformance",
    "services",
    "command",
    "plain",
    "plain_fetch",
    "plain_program",
];

const _: () = assert!(
    all_listed(MEMBERS.as_bytes(), &[LISTED, &HARMLESS]),
    "a guest in tests/guests/Cargo.toml has no line in hostile.rs"
);

/// Whether each quoted name in the list of members is in one of the lists. Runs when the tests are compiled.
pub const fn all_listed(manifest: &[u8], lists: &[&[&str]]) -> bool {
    let mut at = after(manifest, b"members = [");
    while manifest[at] != b']' {
        if manifest[at] == b'"' {
            let start = at + 1;
            at = start;
            while manifest[at] != b'"' {
                at += 1;
            }
            if !is_listed(manifest, start, at, lists) {
                return false;
            }
        }
        at += 1;
    }
    true
}

const fn is_listed(manifest: &[u8], start: usize, end: usize, lists: &[&[&str]]) -> bool {
    let mut index = 0;
    while index < lists.len() {
        if names(manifest, start, end, lists[index]) {
            return true;
        }
        index += 1;
    }
    false
}

const fn names(manifest: &[u8], start: usize, end: usize, known: &[&str]) -> bool {
    let mut index = 0;
    while index < known.len() {
        if is_at(manifest, start, end, known[index].as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn is_at(manifest: &[u8], start: usize, end: usize, name: &[u8]) -> bool {
    if end > manifest.len() || end - start != name.len() {
        return false;
    }
    let mut index = 0;
    while index < name.len() {
        if manifest[start + index] != name[index] {
            return false;
        }
        index += 1;
    }
    true
}

const fn after(manifest: &[u8], text: &[u8]) -> usize {
    let mut at = 0;
    while !is_at(manifest, at, at + text.len(), text) {
        at += 1;
    }
    at + text.len()
}

#[test]
fn a_guest_without_a_test_is_noticed() {
    let lists: &[&[&str]] = &[LISTED, &HARMLESS];
    assert!(all_listed(b"members = [\n    \"probe\",\n    \"trap\",\n]\n", lists));
    assert!(!all_listed(b"members = [\n    \"trap\",\n    \"brand_new\",\n]\n", lists));
    assert!(!all_listed(b"members = [\"trap_\"]", lists));
}
