use std::collections::BTreeSet;

use super::*;

#[test]
fn each_guard_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = Guard::ALL.into_iter().map(Guard::name).collect();
    assert_eq!(names.len(), Guard::ALL.len());
}

#[cfg(not(feature = "test-weaken"))]
#[test]
fn in_a_real_build_each_guard_is_up_before_the_program_runs() {
    const ALL_UP: bool = {
        let mut index = 0;
        while index < Guard::ALL.len() {
            assert!(Guard::ALL[index].is_up());
            index += 1;
        }
        environment().is_none()
    };
    const { assert!(ALL_UP) };
}
