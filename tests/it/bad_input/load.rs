//! Many guests that attack at the same time.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{check_goes_on, home};
use crate::host::test_guest;
use crate::vitals::children;

/// Components that spin, each with as many calls as its worker runs at the same time and as many again that wait.
const COMPONENTS: usize = 8;
const CALLS: usize = 8;
/// How long each call spins unless it is stopped, in seconds.
const ATTACK: u32 = 60;
/// Part of the attack: without fairness, an answer waits for the end of all of it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(ATTACK as u64 / 10);
/// A friendly call first starts its worker, which shares the cores with all those that spin.
const FRIENDLY_WITHIN: Duration = Duration::from_secs(ATTACK as u64 / 2);

// RS-24, in short
#[tokio::test]
pub async fn sixty_four_spinning_calls_leave_the_host_answering() {
    let home = home().config(&format!("{{limits: {{callSeconds: {ATTACK}}}}}"));
    let wasm = std::fs::read(test_guest("spin_at_start")).unwrap();
    std::fs::create_dir_all(home.path().join("components")).unwrap();
    let name = |number: usize| format!("spin_at_sta{number:02}");
    for number in 0..COMPONENTS {
        let renamed = super::cores::replace(&wasm, b"spin_at_start", name(number).as_bytes());
        std::fs::write(home.path().join(format!("components/{}.wasm", name(number))), renamed).unwrap();
    }
    let running = home.start();
    let mut client = running.connect().await;
    let session = |component: usize, call: usize| format!("spin-{component}-{call}");
    for (component, call) in (0..COMPONENTS).flat_map(|component| (0..CALLS).map(move |call| (component, call))) {
        let key = session(component, call);
        client.say(&key, &key, &format!("tool {} {{}}", name(component))).await;
    }
    let mut waits = Vec::new();
    for _ in 0..100 {
        let asked = Instant::now();
        client.call("health", json!({})).await.unwrap();
        waits.push(asked.elapsed());
    }
    waits.sort_unstable();
    assert!(waits[98] < ANSWERED_WITHIN, "99 of 100 answers took up to {:?}", waits[98]);
    // Every place for a run is taken, so another run would wait; a direct call of another component works at once.
    let asked = Instant::now();
    let friendly = json!({"name": "read", "args": {"path": "notes.md"}});
    let outcome = client.call("tools.invoke", friendly).await.unwrap();
    assert!(outcome["output"].as_str().unwrap_or_default().contains("milk"), "{outcome}");
    assert!(asked.elapsed() < FRIENDLY_WITHIN, "a friendly call took {:?}", asked.elapsed());
    // Stopping works, and gives everything back.
    for (component, call) in (0..COMPONENTS).flat_map(|component| (0..CALLS).map(move |call| (component, call))) {
        let key = session(component, call);
        client.say(&key, &format!("stop-{key}"), "/stop").await;
        assert_eq!(client.ended(&key).await.unwrap_err()["state"], "aborted");
    }
    check_goes_on(&running).await;
    let workers = children(running.pid()).len();
    assert!(workers <= COMPONENTS + 1, "{workers} workers for {COMPONENTS} components and `files`");
}
