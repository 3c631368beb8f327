//! Each guard of the sandbox is seen to be what stops its attack: with it nothing happens, without it the attack gets
//! through (AU-06). In a build that exists only for this.

mod attacks;
mod lab;

use claw_core::guard::Guard;

use self::lab::{Held, Lab};

/// A test for each guard; one without an attack does not compile. `behind` is what stands behind the guard and stops
/// the same attack: left out too, and seen to hold alone.
macro_rules! controls {
    ($($name:ident: $guard:ident, behind [$($behind:ident),*];)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                check(Guard::$guard, &[$(Guard::$behind),*], attacks::$name).await;
            }
        )*

        const _: fn(Guard) = |guard| match guard {
            $(Guard::$guard => {})*
        };
    };
}

controls! {
    a_worker_reads_what_was_not_granted: WorkerLandlock, behind [];
    a_worker_sends_a_datagram: WorkerSeccomp, behind [];
    a_program_reads_what_was_not_granted: ExecLandlock, behind [];
    a_program_changes_an_owner: ExecSeccomp, behind [];
    a_guest_sets_a_variable_of_its_choice: ExecVariables, behind [];
    a_program_reads_the_hosts_environment: ExecEnvironment, behind [];
    a_program_leaves_another_behind: ExecDescendants, behind [];
    a_program_is_replaced_while_a_person_thinks: ExecDigest, behind [];
    a_guest_writes_a_protected_file: FsProtected, behind [];
    a_guest_writes_a_file_with_a_second_name: FsSecondNames, behind [];
    a_guest_follows_a_link_out: FsLinks, behind [WorkerLandlock];
    a_guest_fills_its_own_folder: FsQuota, behind [];
    a_guest_reaches_this_machine: NetAddress, behind [];
    a_guest_steps_out_of_a_servers_folder: NetPath, behind [];
    a_guest_sends_a_field_of_the_hosts: NetHeader, behind [];
    a_guest_uses_what_it_never_declared: PolicyScope, behind [];
    a_guest_computes_without_end: CpuBudget, behind [];
    a_guest_takes_more_memory: MemoryLimit, behind [];
    a_guest_holds_more_handles: HandleLimit, behind [];
    a_guest_asks_for_more_effects: EffectLimit, behind [];
    a_cached_record_is_forged: CacheSeal, behind [];
    a_guest_sends_a_secret_elsewhere: SecretAudience, behind [];
    a_tool_repeats_a_secret: SecretMask, behind [];
    a_guest_has_an_image_shown: LiveLinks, behind [];
}

async fn check(guard: Guard, behind: &[Guard], attack: impl AsyncFn(&Lab) -> Held) {
    let name = guard.name();
    let with_all = attack(&Lab::without(&[])).await;
    assert_eq!(with_all, Held::Yes, "`{name}` does not stop its attack");
    if !behind.is_empty() {
        for left_out in [&[guard][..], behind] {
            assert_eq!(attack(&Lab::without(left_out)).await, Held::Yes, "{left_out:?} did not leave one that holds");
        }
    }
    let without = attack(&Lab::without(&[&[guard], behind].concat())).await;
    assert_eq!(without, Held::No, "something else stops the attack on `{name}`: its test would not notice if it broke");
}

/// Whether the words by which tests weaken a host are in a program.
fn can_be_weakened(program: impl AsRef<std::path::Path>) -> bool {
    let program = std::fs::read(program).unwrap();
    program.windows(14).any(|bytes| bytes == b"OPENCLAW_TEST_")
}

#[cfg(not(feature = "test-weaken"))]
#[test]
fn the_program_itself_can_not_be_weakened() {
    assert!(!can_be_weakened(crate::host::PROGRAM));
}

#[test]
fn the_program_that_can_be_weakened_says_so() {
    assert!(can_be_weakened(crate::host::weakened()));
}
