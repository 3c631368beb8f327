//! Where an attack runs: a host with some guards left out, an owner who approves whatever comes up, and a server.

use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use claw_core::guard::Guard;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::{Client, text_of};
use crate::host::{Home, weakened};

/// What no attack may bring out.
pub const CANARY: &str = "canary-of-the-guards-5b0d1c";

/// What came of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Yes,
    No,
}

impl Held {
    /// The guard has held if the attack did not get through.
    pub fn unless(got_through: bool) -> Held {
        if got_through { Held::No } else { Held::Yes }
    }
}

/// Makes hosts without these guards.
pub struct Lab {
    without: String,
}

impl Lab {
    pub fn without(guards: &[Guard]) -> Lab {
        Lab { without: guards.iter().map(|guard| guard.name()).collect::<Vec<_>>().join(",") }
    }

    /// A home with the probe and a configuration.
    pub fn home(&self, config: &str) -> Home {
        let home = Home::new().component("probe").config(config).program(weakened());
        if self.without.is_empty() { home } else { home.env("OPENCLAW_TEST_WITHOUT", &self.without) }
    }

    /// A home whose probe has these grants and no limits of its own.
    pub fn granted(&self, grants: &[&str]) -> Home {
        self.home(&json!({"grants": {"probe": grants}}).to_string())
    }
}

/// Has the probe try one step; gives what the call answered.
pub async fn try_step(home: &Home, step: Value) -> String {
    ask(home, &format!("tool probe {}", json!({ "steps": [step] }))).await
}

/// Starts the host, says this, and approves whatever comes up.
pub async fn ask(home: &Home, text: &str) -> String {
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", text).await;
    answered(&mut client, || {}).await
}

/// Approves whatever comes up, each time after `thinking`, and gives the answer.
pub async fn answered(client: &mut Client, thinking: impl Fn()) -> String {
    loop {
        let event = client
            .event(|event| {
                let ended = event["event"] == "chat" && event["payload"]["state"] == "final";
                ended || event["event"] == "exec.approval.requested"
            })
            .await;
        if event["event"] == "chat" {
            return text_of(&event["payload"]["message"]);
        }
        thinking();
        let answer = json!({"id": event["payload"]["id"], "decision": "allow-once"});
        client.call("exec.approval.resolve", answer).await.unwrap();
    }
}

/// Keeps the canary as the vault's secret `canary`, for another server than the test's.
pub fn keep_secret(home: &Home) {
    let mut command = home.command(&["secret", "set", "canary", "--for", "https://elsewhere.example"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(CANARY.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A server of plain HTTP that remembers the heads of all requests and answers each with nothing.
pub struct Server {
    /// `127.0.0.1:PORT`.
    pub authority: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = connection.read_u8().await else { break };
                    head.push(byte);
                }
                seen.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
                let _ =
                    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            }
        });
        Server { authority, heads }
    }

    /// Whether a request with this in its head has come; any request contains "".
    pub fn was_sent(&self, text: &str) -> bool {
        self.heads.lock().unwrap().iter().any(|head| head.contains(text))
    }
}
