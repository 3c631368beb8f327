use claw_core::effect::EffectError;

use super::*;

#[test]
fn a_kernel_without_the_needed_landlock_runs_nothing_and_the_error_names_it() {
    // EX-22
    for (abi, named) in [(0, "Linux 6.2 or newer"), (1, "it has ABI 1"), (2, "it has ABI 2")] {
        let error = EffectError::from(check_abi(abi).unwrap_err());
        let EffectError::Unavailable(text) = error else { panic!("{error:?}") };
        assert!(text.starts_with("E_EXEC_UNSUPPORTED: ") && text.contains(named), "{text}");
    }
    assert!(check_abi(3).is_ok() && check_abi(7).is_ok() && check_abi(99).is_ok());
}

#[test]
fn every_right_of_the_newest_known_abi_is_handled() {
    // EX-20: 17 rights in landlock 0.4.7. A new right must be looked at before it is allowed in the workspace.
    assert_eq!(AccessFs::from_all(KNOWN_ABI), BitFlags::<AccessFs>::all());
    assert_eq!(BitFlags::<AccessFs>::all().len(), 17);
}
