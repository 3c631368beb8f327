//! A disk without room while the host is at work.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::effects;
use crate::host::{Home, Host, PROGRAM};
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, call, say};

/// Lets no file of the host grow beyond this, from now on.
fn room(host: &Host, bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    let pid = libc::pid_t::try_from(host.pid()).unwrap();
    // SAFETY: reads one structure and gives back none.
    let set = unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, &raw const limit, std::ptr::null_mut()) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

/// A host that meets the limit as a full disk: with an error instead of a signal.
fn home() -> Home {
    let home = Home::new().config("{policy: {preset: 'trusting'}}");
    let program = home.path().join("host");
    std::fs::write(&program, format!("#!/bin/sh\ntrap '' XFSZ\nexec {PROGRAM} \"$@\"\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    home.program(program)
}

// ST-04
#[tokio::test]
async fn a_message_that_finds_no_room_is_refused_and_taken_once_there_is_room_again() {
    let home = home();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("before", "hello").await;
    room(&running, 1);
    let params = json!({"sessionKey": "main", "message": "hello", "idempotencyKey": "r1"});
    let refused = client.call("chat.send", params).await.unwrap_err();
    assert!(refused.to_string().contains("is full"), "{refused}");
    room(&running, libc::RLIM_INFINITY);
    // What its run has begun meanwhile was told to nobody.
    client.ask("r2", "hello").await;
    let is_of = |run: &'static str| move |event: &&serde_json::Value| event["payload"]["runId"] == run;
    assert_eq!(client.seen().iter().find(is_of("r1")), None);
    assert!(client.seen().iter().any(|event| is_of("r2")(&event)));
    client.ask("r1", "hello").await;
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    assert_eq!(history["messages"].as_array().unwrap().len(), 6, "{history}");
}

// ST-04, P13
#[tokio::test]
async fn a_run_that_ran_out_of_room_goes_on_when_its_message_is_sent_again() {
    let effect = r#"{"argv":["tee","-a","effects.log"],"stdin":"effect\n"}"#;
    let script = [
        Answer::Whole(call("exec", effect)),
        Answer::Held(say(&["It is ", "done."])),
        Answer::Whole(say(&["It was done."])),
    ];
    let provider = Provider::start(script).await;
    let config = provider.config(Wire::OpenAi).replacen('{', "{policy: {preset: 'trusting'}, ", 1);
    let home = home().env(KEY_VARIABLE, KEY).config(&config);
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "do it").await;
    client.event(|event| event["event"] == "chat" && event["payload"]["state"] == "delta").await;
    room(&running, 1);
    provider.release();
    let failed = client.ended("r1").await.unwrap_err();
    assert!(failed.to_string().contains("cannot record"), "{failed}");
    room(&running, libc::RLIM_INFINITY);

    assert_eq!(client.ask("r1", "do it").await, "It was done.");
    assert_eq!(effects(&home), 1);
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let messages = history["messages"].as_array().unwrap();
    let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "toolResult", "assistant"], "{history}");
}
