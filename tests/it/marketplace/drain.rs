//! Skills that take what there is.

use serde_json::json;

use super::victim::Victim;
use crate::host::Home;
use crate::vitals;

// RS-01, RS-04, RS-10, RS-17, RS-21
#[tokio::test]
pub async fn whatever_it_takes_there_is_an_end_to_it() {
    let victim = Victim::new(Home::new());
    victim.install("photo_shrink");
    let limits = json!({"callSeconds": 2, "memoryMiB": 40, "scratchMiB": 4});
    let victim = victim.restart(&json!({"components": {"photo-shrink": {"limits": limits}}}).to_string());
    let mut client = victim.alone().await;
    let ends = [
        ("disk", "4 MiB, then: "),
        ("reports", ""),
        ("log", "done"),
        ("output", "E_LIMIT_DATA"),
        ("handles", "E_LIMIT_HANDLES"),
        ("memory", "E_LIMIT_MEM"),
        ("cpu", "E_LIMIT_CPU"),
    ];
    for (mode, end) in ends {
        let call = json!({"name": "photo_shrink", "args": {"mode": mode}});
        let answer = client.call("tools.invoke", call).await.unwrap().to_string();
        assert!(answer.contains(end) && answer.len() < 2000, "{mode}: {}", &answer[..answer.len().min(300)]);
        let others = client.call("tools.invoke", json!({"name": "clock", "args": {}})).await.unwrap();
        assert_eq!(others["ok"], true, "{mode}: {others}");
    }
    let logged = vitals::logged_bytes(victim.home.path());
    assert!(logged < 4 << 20, "the flood went into the log: {logged} bytes");
}
