//! The commands on what is to be sent over channels; there is nothing here, as no channel is set up.

use serde_json::json;

use crate::host::Home;

#[tokio::test]
async fn the_outbox_is_listed_and_what_is_not_there_is_told() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    assert_eq!(home.json(&["outbox", "list"]), json!({"messages": [], "nextCursor": null}));
    assert_eq!(
        String::from_utf8(home.run(&["outbox", "list", "--state", "dead"]).stdout).unwrap(),
        "nothing is to be sent\n"
    );
    for command in ["retry", "drop"] {
        let told = home.run(&["outbox", command, "7", "8"]);
        assert_eq!(told.status.code(), Some(1));
        let text = String::from_utf8(told.stdout).unwrap();
        assert!(text.contains(": 0\n") && text.contains(": 7, it is not there\n") && text.contains(": 8,"), "{text}");
        assert_eq!(home.json(&["outbox", command, "--all"]), json!({"done": 0, "left": []}));
        for wrong in [&["outbox", command][..], &["outbox", command, "7", "--all"], &["outbox", command, "x"]] {
            assert_eq!(home.run(wrong).status.code(), Some(2), "{wrong:?}");
        }
    }
    let state = home.run(&["outbox", "list", "--state", "lost"]);
    let why = String::from_utf8(state.stderr).unwrap();
    assert!(!state.status.success() && why.contains("`lost` is no state; there are waiting, sending, dead"), "{why}");
    for params in [json!({}), json!({"ids": []}), json!({"ids": [1], "all": true}), json!({"ids": [1], "force": true})]
    {
        let refused = client.call("outbox.retry", params.clone()).await.unwrap_err();
        assert_eq!(refused["code"], "INVALID_REQUEST", "{params}");
    }
}
