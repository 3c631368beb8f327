//! Stopwatches and countdowns.

use serde_json::json;

use super::{call, install, text};
use crate::host::Home;

#[tokio::test]
async fn timers_run_on_while_the_host_does_not() {
    let home = Home::new();
    let running = home.start();
    install(&home, "timer", &["kv timers"]);
    let mut client = running.connect().await;
    assert_eq!(text(&call(&mut client, "timers", json!({})).await), "no timer runs");
    let tea = text(&call(&mut client, "timer_start", json!({"name": "tea", "minutes": 4})).await);
    assert_eq!(tea, "`tea` has 4 min left of 4 min");
    text(&call(&mut client, "timer_start", json!({"name": "run"})).await);
    let twice = call(&mut client, "timer_start", json!({"name": "tea"})).await;
    assert_eq!(twice["error"]["code"], "E_MODEL_ARGS", "{twice}");
    drop(running);
    let running = home.start();
    let mut client = running.connect().await;
    let shown = text(&call(&mut client, "timers", json!({})).await);
    assert!(shown.contains("`tea` has 3 min 5") && shown.contains("`run` runs for "), "{shown}");
    let stopped = text(&call(&mut client, "timer_stop", json!({"name": "run"})).await);
    assert!(stopped.starts_with("stopped `run` after "), "{stopped}");
    let gone = call(&mut client, "timer_stop", json!({"name": "run"})).await;
    assert_eq!(gone["error"]["code"], "E_NOT_FOUND", "{gone}");
}

#[tokio::test]
async fn a_countdown_can_be_waited_for() {
    let home = Home::new();
    let running = home.start();
    install(&home, "timer", &["kv timers"]);
    let mut client = running.connect().await;
    text(&call(&mut client, "timer_start", json!({"name": "egg", "minutes": 0.02})).await);
    let waited = text(&call(&mut client, "timer_wait", json!({"name": "egg"})).await);
    assert!(waited.starts_with("`egg` is due: it ran out 0."), "{waited}");
    text(&call(&mut client, "timer_start", json!({"name": "roast", "minutes": 90})).await);
    let left = text(&call(&mut client, "timer_wait", json!({"name": "roast", "seconds": 1})).await);
    assert_eq!(left, "`roast` has 1 h 29 min left of 1 h 30 min");
    text(&call(&mut client, "timer_start", json!({"name": "run"})).await);
    for wrong in [json!({"name": "run"}), json!({"name": "roast", "seconds": 51})] {
        assert_eq!(call(&mut client, "timer_wait", wrong).await["error"]["code"], "E_MODEL_ARGS");
    }
}

#[tokio::test]
async fn without_its_store_nothing_is_timed() {
    let home = Home::new();
    let running = home.start();
    let source = super::wasm("timer").display().to_string();
    assert!(home.run(&["skill", "install", &source, "--yes", "--grant-none"]).status.success());
    let refused = call(&mut running.connect().await, "timer_start", json!({"name": "tea", "minutes": 4})).await;
    assert_eq!(refused["error"]["code"], "E_POLICY_DENY", "{refused}");
}
