use super::*;

#[test]
fn an_error_that_leaves_open_what_was_sent_stays_so() {
    let denial = crate::Denial { code: "E_POLICY_DENY".into(), reason: "no".into() };
    let unknown = [ToolError::failed_after_sending("it"), ToolError::Limit("it".into()), ToolError::Cancelled];
    for error in unknown {
        assert!(matches!(Failure::from(error), Failure::Unknown(_)));
    }
    let unsent = [ToolError::failed("it"), ToolError::Unavailable("it".into()), ToolError::Denied(denial)];
    for error in unsent {
        assert!(matches!(Failure::from(error), Failure::Unavailable(_)));
    }
    assert!(matches!(Failure::from(ToolError::invalid("it")), Failure::Rejected(_)));
}
