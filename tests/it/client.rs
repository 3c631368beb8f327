//! A plain WebSocket client of the gateway, as any program could write one.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Long enough for a loaded machine; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Events that came while something else was awaited.
    events: Vec<Value>,
    next: u64,
}

impl Client {
    pub async fn connect(url: &str, token: &str) -> Client {
        Client::with_params(url, connect_params(token)).await
    }

    /// Connects as a client that may do less than its owner.
    pub async fn with_scopes(url: &str, token: &str, scopes: &[&str]) -> Client {
        let mut params = connect_params(token);
        params["scopes"] = json!(scopes);
        Client::with_params(url, params).await
    }

    async fn with_params(url: &str, params: Value) -> Client {
        let mut client = Client::open(url).await;
        let challenge = client.event(|event| event["event"] == "connect.challenge").await;
        assert!(challenge["payload"]["nonce"].is_string());
        let hello = client.call("connect", params).await.unwrap();
        assert_eq!((&hello["type"], &hello["protocol"]), (&json!("hello-ok"), &json!(4)));
        client
    }

    /// Opens the socket and says nothing.
    pub async fn open(url: &str) -> Client {
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Client { socket, events: Vec::new(), next: 0 }
    }

    /// Sends a request and waits for its response.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send(method, params).await;
        self.response(&id).await
    }

    /// Sends a request; its response is to be awaited with [`Client::response`].
    pub async fn send(&mut self, method: &str, params: Value) -> String {
        self.next += 1;
        let id = format!("t{}", self.next);
        self.text(&json!({"type": "req", "id": id, "method": method, "params": params}).to_string()).await;
        id
    }

    pub async fn text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub async fn response(&mut self, id: &str) -> Result<Value, Value> {
        let answered = async {
            loop {
                let frame = self.frame().await.expect("the connection closed before the response");
                if frame["type"] == "res" && frame["id"] == id {
                    return if frame["ok"] == true {
                        Ok(frame["payload"].clone())
                    } else {
                        Err(frame["error"].clone())
                    };
                }
                self.events.push(frame);
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.expect("no response in time")
    }

    /// Waits for the first event that `wanted` likes; events that came before are looked at first.
    pub async fn event(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(position) = self.events.iter().position(&wanted) {
            return self.events.remove(position);
        }
        // The host's ticks come for ever: it is the event that has to come in time, not just any frame.
        let found = async {
            loop {
                let frame = self.frame().await.expect("the connection closed before the event");
                if wanted(&frame) {
                    return frame;
                }
                self.events.push(frame);
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("no such event in time; there were {:#?}", self.events))
    }

    /// The events that came and were not waited for.
    pub fn seen(&self) -> &[Value] {
        &self.events
    }

    /// The next frame; `None` when the connection has closed.
    pub async fn frame(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("no frame in time");
            match message {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The code with which the server closes.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("no close in time") {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("closed without a code: {other:?}"),
            }
        }
    }

    /// Sends a chat message and gives its run.
    pub async fn say(&mut self, session: &str, run: &str, text: &str) -> String {
        let params = json!({"sessionKey": session, "message": text, "idempotencyKey": run});
        let accepted = self.call("chat.send", params).await.unwrap();
        assert_eq!(accepted["runId"], run, "{accepted}");
        assert_ne!(accepted["duplicate"], true, "a run of this name was there before");
        run.to_owned()
    }

    /// Waits for the end of a run: the text of its final chat event, or its error.
    pub async fn ended(&mut self, run: &str) -> Result<String, Value> {
        let ends = ["final", "error", "aborted"];
        let event = self
            .event(|event| {
                let payload = &event["payload"];
                event["event"] == "chat" && payload["runId"] == run && ends.iter().any(|end| payload["state"] == *end)
            })
            .await;
        let payload = &event["payload"];
        match payload["state"].as_str() {
            Some("final") => Ok(text_of(&payload["message"])),
            _ => Err(payload.clone()),
        }
    }

    /// Sends a message and waits for the answer.
    pub async fn ask(&mut self, run: &str, text: &str) -> String {
        self.ask_in("main", run, text).await
    }

    /// The same in another conversation.
    pub async fn ask_in(&mut self, session: &str, run: &str, text: &str) -> String {
        self.say(session, run, text).await;
        self.ended(run).await.unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Waits for a card of this run.
    pub async fn card(&mut self, run: &str) -> Value {
        let event = self
            .event(|event| event["event"] == "exec.approval.requested" && event["payload"]["request"]["runId"] == run)
            .await;
        event["payload"].clone()
    }
}

pub fn connect_params(token: &str) -> Value {
    json!({
        "minProtocol": 4, "maxProtocol": 4,
        "client": {"id": "cli", "mode": "cli", "version": "test", "platform": "linux"},
        "role": "operator",
        "scopes": ["operator.admin", "operator.read", "operator.write", "operator.approvals"],
        "caps": ["tool-events"],
        "auth": {"token": token},
    })
}

/// The text of a chat message.
pub fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        parts => parts.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str()).collect(),
    }
}
