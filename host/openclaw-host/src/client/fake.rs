//! A tiny gateway for tests: it shakes hands as documented, then answers each request as it was told.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::home::{Announcement, Home};

/// One thing that the gateway does about a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Ok(Value),
    Failure {
        code: &'static str,
        details: Value,
    },
    /// A run ended without an answer: payload and error in one frame.
    Ended(Value),
    Event(&'static str, Value),
    Raw(&'static str),
    Close(&'static str),
}

/// A gateway that runs until it is dropped.
pub(crate) struct FakeGateway {
    pub(crate) home: Home,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
    _announcement: Announcement,
    _folder: tempfile::TempDir,
}

impl FakeGateway {
    /// Starts a gateway whose `script` says what it does about each request after `connect`.
    pub(crate) async fn start(script: impl FnMut(&str, &Value) -> Vec<Reply> + Send + 'static) -> FakeGateway {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(&folder.path().join("home")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let announcement = home.announce(listener.local_addr().unwrap()).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, script, home.token().expose().to_owned(), Arc::clone(&requests)));
        FakeGateway { home, requests, _announcement: announcement, _folder: folder }
    }

    /// The requests that came, `connect` among them.
    pub(crate) fn requests(&self) -> Vec<(String, Value)> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    listener: TcpListener,
    mut script: impl FnMut(&str, &Value) -> Vec<Reply>,
    token: String,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        send(
            &mut socket,
            json!({ "type": "event", "event": "connect.challenge", "payload": { "nonce": "n", "ts": 1 } }),
        )
        .await;
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            let frame: Value = serde_json::from_str(&text).unwrap();
            let method = frame["method"].as_str().unwrap().to_owned();
            requests.lock().unwrap().push((method.clone(), frame["params"].clone()));
            let replies = match method.as_str() {
                "connect" => vec![greet(&frame["params"], &token)],
                method => script(method, &frame["params"]),
            };
            for reply in replies {
                perform(&mut socket, &frame["id"], reply).await;
            }
        }
    }
}

fn greet(params: &Value, token: &str) -> Reply {
    if params["auth"]["token"] == token {
        Reply::Ok(json!({ "type": "hello-ok", "protocol": 4, "server": { "version": "0", "connId": "c" } }))
    } else {
        Reply::Failure { code: "INVALID_REQUEST", details: json!({ "code": "AUTH_TOKEN_MISMATCH" }) }
    }
}

async fn perform(socket: &mut WebSocketStream<TcpStream>, id: &Value, reply: Reply) {
    match reply {
        Reply::Ok(payload) => send(socket, json!({ "type": "res", "id": id, "ok": true, "payload": payload })).await,
        Reply::Failure { code, details } => {
            let retryable = code == "UNAVAILABLE" && details.is_null();
            let error = json!({ "code": code, "message": "no", "details": details, "retryable": retryable });
            send(socket, json!({ "type": "res", "id": id, "ok": false, "error": error })).await;
        }
        Reply::Ended(payload) => {
            let error = json!({ "code": "UNAVAILABLE", "message": payload["summary"] });
            send(socket, json!({ "type": "res", "id": id, "ok": false, "payload": payload, "error": error })).await;
        }
        Reply::Event(name, payload) => {
            send(socket, json!({ "type": "event", "event": name, "payload": payload, "seq": 1 })).await
        }
        Reply::Raw(text) => socket.send(Message::text(text)).await.unwrap(),
        Reply::Close(reason) => {
            let frame = CloseFrame { code: 1012.into(), reason: reason.into() };
            // The client may be faster.
            let _ = socket.close(Some(frame)).await;
        }
    }
}

async fn send(socket: &mut WebSocketStream<TcpStream>, frame: Value) {
    // A client that has what it wanted may be gone.
    let _ = socket.send(Message::text(frame.to_string())).await;
}
