//! What skills of real campaigns did, done again by the skills in `tests/marketplace`: each is installed by somebody who
//! says yes to all that it asks for, acts in the real host against canaries on loopback, and the test shows what happened
//! instead.

mod change;
mod drain;
mod theft;
mod victim;
mod words;

use std::collections::BTreeSet;
use std::path::Path;

use crate::hostile::{all_listed, hostile_guests};

hostile_guests! {
    coin_price => theft::keys_and_wallets_are_out_of_reach,
    daily_quote => change::an_update_that_asks_for_more_waits,
    daily_quote_2 => change::an_update_that_steals_gets_nothing_out,
    daily_quote_3 => change::an_update_that_asks_for_more_waits,
    forecast => theft::what_was_read_leaves_by_an_allowed_server_only_if_a_person_says_so,
    link_check => theft::names_and_datagrams_carry_nothing_out,
    mail_digest => words::orders_in_an_answer_open_nothing,
    note_search => words::orders_in_the_words_of_a_tool_are_shown_and_open_nothing,
    photo_shrink => drain::whatever_it_takes_there_is_an_end_to_it,
    second_brain => change::nothing_of_it_is_there_tomorrow,
    solana_helper => words::prerequisites_are_shown_and_never_done,
    task_board => words::it_cannot_speak_as_the_host_or_answer_for_its_owner,
    weathre => words::a_name_that_is_almost_anothers_is_told,
}

/// What is in the workspace of the gallery; what is not among its members is not built.
const MEMBERS: &str = include_str!("../marketplace/Cargo.toml");
const README: &str = include_str!("../marketplace/README.md");

const _: () = assert!(
    all_listed(MEMBERS.as_bytes(), &[LISTED, &["loot"]]),
    "a skill in tests/marketplace/Cargo.toml has no line in marketplace.rs"
);

/// Those that are not in Rust are no members: they are found by their folders.
#[test]
fn each_skill_of_the_gallery_has_a_test_and_a_line_that_says_what_it_does_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/marketplace");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir() && entry.file_name() != "loot");
    let names: BTreeSet<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let listed: BTreeSet<_> = LISTED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names, listed);
    for name in names {
        assert_eq!(README.matches(&format!("| `{name}` |")).count(), 1, "{name} in tests/marketplace/README.md");
    }
}
