use std::collections::BTreeMap;

use super::*;

#[test]
fn a_value_becomes_json_text() {
    assert_eq!(json(&BTreeMap::from([("a", 1)])).unwrap(), r#"{"a":1}"#);
}

#[test]
fn a_value_without_json_form_is_an_error_and_not_a_trap() {
    let outcome = json(&BTreeMap::from([(vec![1], 1)]));
    assert!(matches!(outcome, Err(ToolError::Failed(Failure { sent: false, .. }))));
}
