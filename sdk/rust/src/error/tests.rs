use super::*;
use crate::Denial;

#[test]
fn a_refusal_keeps_its_code_and_reason() {
    let host =
        HostError::Denied(Denial { code: "E_FS_OUTSIDE".into(), reason: "the path leaves the workspace".into() });
    let ToolError::Denied(denial) = ToolError::from(host) else { panic!("not a refusal") };
    assert_eq!((denial.code.as_str(), denial.reason.as_str()), ("E_FS_OUTSIDE", "the path leaves the workspace"));
}

#[test]
fn each_host_error_keeps_its_kind() {
    let text = || "why".to_owned();
    assert!(matches!(HostError::Limit(text()).into(), ToolError::Limit(why) if why == "why"));
    assert!(matches!(HostError::Invalid(text()).into(), ToolError::InvalidArguments(why) if why == "why"));
    assert!(matches!(HostError::Unavailable(text()).into(), ToolError::Unavailable(why) if why == "why"));
    assert!(matches!(HostError::NotFound(text()).into(), ToolError::NotFound(why) if why == "why"));
    assert!(matches!(HostError::Cancelled.into(), ToolError::Cancelled));
    let ToolError::Failed(failure) = HostError::Other(text()).into() else { panic!("not a failure") };
    assert_eq!((failure.message.as_str(), failure.sent), ("why", false));
}

#[test]
fn errors_of_stores_and_settings_keep_their_kind() {
    let ToolError::Denied(denial) = keyvalue::Error::AccessDenied.into() else { panic!("not a refusal") };
    assert_eq!(denial.code, "E_POLICY_DENY");
    assert!(matches!(keyvalue::Error::NoSuchStore.into(), ToolError::NotFound(_)));
    let full = ToolError::from(keyvalue::Error::Other("full".into()));
    assert!(matches!(full, ToolError::Failed(failure) if failure.message == "full"));
    let broken = ToolError::from(config::Error::Io("broken".into()));
    assert!(matches!(broken, ToolError::Failed(failure) if failure.message == "broken" && !failure.sent));
}
