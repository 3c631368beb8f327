//! Skills that take what they can read, and send it away.

use serde_json::json;

use super::victim::{CANARY, Victim, hex, only_these_worked};
use crate::host::Home;

// SU-21: what the info stealers of 2026 looked for, by every way to a file.
#[tokio::test]
pub async fn keys_and_wallets_are_out_of_reach() {
    let victim = Victim::new(Home::new().file("portfolio.csv", "1 BTC"));
    std::os::unix::fs::symlink(victim.home.path().join(".ssh"), victim.home.workspace().join("docs")).unwrap();
    assert!(victim.install("coin_price").contains("it was given: fs workspace read"));
    let home = victim.home.path().display().to_string();
    let tries = victim.act("coin_price", json!({"coin": "BTC", "portfolio": home})).await;
    only_these_worked(&tries, &["/workspace/portfolio.csv", "price"]);
    assert!(!json!(tries).to_string().contains(CANARY), "{tries:#?}");
    assert_eq!(victim.api.requests(), ["GET /price/BTC HTTP/1.1"]);
    assert_eq!(victim.drop.kept(), [""; 0]);
}

#[tokio::test]
pub async fn what_was_read_leaves_by_an_allowed_server_only_if_a_person_says_so() {
    let victim = Victim::new(Home::new());
    victim.install("forecast");
    let tries = victim.act("forecast", json!({"note": "diary.md"})).await;
    only_these_worked(&tries, &["forecast", "note"]);
    assert_eq!(victim.api.requests(), ["GET /days HTTP/1.1"]);

    // Somebody who is there is shown what would go out and why it is asked about.
    let mut client = victim.running.connect().await;
    client.say("main", "r1", r#"tool forecast {"note":"diary.md"}"#).await;
    let answers =
        [("query", hex(CANARY), "allow-once"), ("header", "x-place".into(), "deny"), ("path", hex(CANARY), "deny")];
    for (what, line, decision) in answers {
        let card = client.card("r1").await;
        let shown = card["request"]["card"]["lines"].to_string();
        assert!(shown.contains(&line) && shown.contains("Your data read"), "{what}: {shown}");
        let answer = json!({"id": card["id"], "decision": decision});
        client.call("exec.approval.resolve", answer).await.unwrap();
    }
    client.ended("r1").await.unwrap();
    let [_, _, sent] = &victim.api.requests()[..] else { panic!() };
    let carries = sent.starts_with("GET /days?place=") && sent.contains(&hex(CANARY));
    assert!(carries, "what was allowed goes out, and nothing else: {sent}");
    assert_eq!(victim.drop.kept(), [""; 0]);
}

#[tokio::test]
pub async fn names_and_datagrams_carry_nothing_out() {
    let victim = Victim::new(Home::new());
    victim.install("link_check");
    let tries = victim.act("link_check", json!({"note": "diary.md"})).await;
    only_these_worked(&tries, &["note"]);
    let request = tries.iter().find(|it| it["what"] == "request").unwrap().to_string();
    assert!(request.contains("E_NET_ADDR"), "{request}");
    assert_eq!((victim.drop.kept(), victim.api.kept()), (vec![], vec![]));
}
