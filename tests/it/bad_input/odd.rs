//! Results that try to look like something else.

use serde_json::json;

use super::{check_goes_on, home};

// RS-23: what a guest says of itself is its own failure, never the host's.
#[tokio::test]
pub async fn an_odd_result_is_taken_as_what_it_is() {
    let home = home().component("odd_results");
    let running = home.start();
    let mut client = running.connect().await;
    let kinds = [
        ("empty", "ok"),
        ("control", "ok"),
        ("bidi", "ok"),
        ("forged-failure", "ok"),
        ("forged-message", "ok"),
        ("forged-denial", "E_POLICY_DENY"),
        ("malformed-denial", "E_POLICY_DENY"),
        ("forged-limit", "E_LIMIT_DATA"),
        ("forged-cancel", "E_CANCELLED"),
        ("sent-failure", "E_TOOL"),
    ];
    for (kind, code) in kinds {
        let outcome =
            client.call("tools.invoke", json!({"name": "odd_results", "args": {"kind": kind}})).await.unwrap();
        assert_eq!(outcome["error"]["code"].as_str().unwrap_or("ok"), code, "{kind}: {outcome}");
    }
    check_goes_on(&running).await;
}
