//! A host that answers by simple rules, and clients that speak to its gateway.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claw_core::approval::{Approval, ApprovalState, Card};
use claw_core::event::{HostEvent, RunEnd};
use claw_core::id::{AgentId, ApprovalId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp};
use claw_core::message::Usage;
use claw_gateway::{Auth, Call, ChatSend, Command, ErrorCode, Gateway, GatewayConfig, GatewayLimits, RpcError, Secret};
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;

pub const TOKEN: &str = "correct-horse";
/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct TestHost {
    pub address: SocketAddr,
    pub events: broadcast::Sender<HostEvent>,
    pub shutdown: CancellationToken,
    pub serving: JoinHandle<()>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl TestHost {
    pub async fn start() -> Self {
        TestHost::with(GatewayLimits::default(), Duration::from_secs(30)).await
    }

    pub async fn with(limits: GatewayLimits, tick: Duration) -> Self {
        TestHost::serve(Auth::Token(Secret::new(TOKEN)), limits, tick).await
    }

    pub async fn serve(auth: Auth, limits: GatewayLimits, tick: Duration) -> Self {
        let bind = "127.0.0.1:0".parse().unwrap();
        let gateway = Gateway::bind(GatewayConfig {
            bind,
            auth,
            version: "1.2.3".to_owned(),
            tick,
            limits,
            routes: claw_core::route::Routes::default(),
        })
        .await
        .unwrap();
        let address = gateway.local_addr().unwrap();
        let (commands, received) = mpsc::channel(16);
        let (events, _) = broadcast::channel(1024);
        let (shutdown, calls) = (CancellationToken::new(), Arc::default());
        tokio::spawn(answer_all(received, events.clone(), Arc::clone(&calls)));
        let serving = tokio::spawn(gateway.serve(commands, events.clone(), shutdown.clone()));
        TestHost { address, events, shutdown, serving, calls }
    }

    /// The calls that reached the host, as debug text.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    pub async fn client(&self) -> Client {
        Client::open(self.address, None).await
    }

    /// A client that is through the handshake, with these scopes.
    pub async fn connected(&self, scopes: &[&str], caps: &[&str]) -> Client {
        let mut client = self.client().await;
        let hello = client.request("connect", connect(scopes, caps)).await;
        assert_eq!(hello["payload"]["type"], "hello-ok", "{hello}");
        client
    }

    /// Sends a raw HTTP request and reads everything that comes back.
    pub async fn raw(&self, request: &str) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A server that refuses a body it has not read may reset the connection after its answer.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server closes");
        Reply::parse(&String::from_utf8(bytes).unwrap())
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.raw(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{AUTHORIZED}\r\n", self.address)).await
    }

    pub async fn post(&self, path: &str, headers: &str, body: &Value) -> Reply {
        let body = body.to_string();
        let head = format!("Host: {}\r\nContent-Type: application/json\r\n{AUTHORIZED}{headers}", self.address);
        self.raw(&format!("POST {path} HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len())).await
    }
}

pub const AUTHORIZED: &str = "Connection: close\r\nAuthorization: Bearer correct-horse\r\n";

pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let head = head.to_lowercase();
        let body = if head.contains("transfer-encoding: chunked") { dechunked(body) } else { body.to_owned() };
        Reply { status, head, body }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|err| panic!("{err}: {}", self.body))
    }
}

fn dechunked(mut body: &str) -> String {
    let mut all = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        all.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    all
}

// === host ===

async fn answer_all(
    mut commands: mpsc::Receiver<Command>,
    events: broadcast::Sender<HostEvent>,
    calls: Arc<Mutex<Vec<String>>>,
) {
    while let Some(Command { caller, call, reply }) = commands.recv().await {
        let source = &caller.source;
        calls.lock().unwrap().push(format!("{}:{} {call:?}", source.channel, source.account));
        let _ = reply.send(answer(&call));
        if let Call::Agent(turn) = call {
            play(&events, &turn);
        }
    }
}

fn answer(call: &Call) -> Result<Value, RpcError> {
    Ok(match call {
        Call::Agent(turn) if turn.text == "again" => json!({"runId": turn.run, "status": "ok"}),
        Call::Agent(turn) if turn.text == "twice" => json!({"runId": turn.run, "status": "in_flight"}),
        Call::Agent(turn) => json!({"runId": turn.run, "sessionKey": turn.session, "status": "accepted"}),
        Call::AgentWait { run, .. } => json!({"runId": run, "status": "ok", "text": "from before", "endedAt": 1}),
        Call::ChatSend(send) => json!({"runId": send.run, "status": "started"}),
        Call::ChatHistory(history) if history.session.as_str().contains("known") => {
            json!({"messages": [{"role": "user", "content": "x"}]})
        }
        Call::ChatHistory(_) => json!({"messages": []}),
        Call::AgentsList => json!({"agents": [{"id": "main"}, {"id": "work"}]}),
        Call::ApprovalList => json!([]),
        Call::ApprovalGet { .. } => return Err(RpcError::new(ErrorCode::ApprovalNotFound, "no such approval")),
        Call::ToolsInvoke(call) if call.name.as_str() == "nope" => {
            json!({"ok": false, "error": {"code": "E_TOOL_UNKNOWN", "message": "no tool `nope`"}})
        }
        Call::ToolsInvoke(call) => json!({"ok": true, "toolName": call.name, "output": call.args}),
        _ => json!({"ok": true}),
    })
}

/// Plays a run: `hold` never ends, `fail` fails, `ask` shows a card; everything else is answered `Hello`.
fn play(events: &broadcast::Sender<HostEvent>, turn: &ChatSend) {
    let (run, session) = (turn.run.clone(), turn.session.clone());
    if matches!(turn.text.as_str(), "again" | "twice" | "hold") {
        return;
    }
    let tell = |event: HostEvent| drop(events.send(event));
    tell(HostEvent::RunStarted { run: run.clone(), session: session.clone(), at: Timestamp(1000) });
    if turn.text == "ask" {
        tell(HostEvent::ApprovalRequested {
            approvals: [approval(&run, &session)].into(),
            card: "May I run `ls`?".into(),
        });
    }
    for delta in ["Hel", "lo"] {
        tell(HostEvent::TextDelta { run: run.clone(), session: session.clone(), delta: delta.into() });
    }
    let end = match turn.text.as_str() {
        "fail" => RunEnd::Failed { kind: "rate_limit".to_owned(), message: "too many requests".to_owned() },
        _ => RunEnd::Done {
            text: "Hello".to_owned(),
            usage: Usage { input_tokens: 5, output_tokens: 2, ..Usage::default() },
        },
    };
    tell(HostEvent::RunEnded { run, session, end: Arc::new(end), at: Timestamp(1250) });
}

pub fn approval(run: &RunId, session: &SessionKey) -> Approval {
    Approval {
        id: ApprovalId::from_random(9),
        session: session.clone(),
        run: run.clone(),
        call: CallId::parse("c").unwrap(),
        component: ComponentName::parse("shell").unwrap(),
        build: Digest([8; 32]),
        digest: Digest([2; 32]),
        card: Card { action: "exec.run".to_owned(), title: "Run `ls`".to_owned(), lines: Vec::new() },
        argv: vec!["ls".to_owned()],
        cwd: None,
        choices: Vec::new(),
        created: Timestamp(1),
        expires: Timestamp(2),
        state: ApprovalState::Pending,
    }
}

pub fn session(key: &str) -> SessionKey {
    SessionKey::parse(key, &AgentId::parse("main").unwrap()).unwrap()
}

// === WebSocket client ===

pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The payload of `connect.challenge`.
    pub challenge: Value,
    /// Events that came while something else was waited for.
    pub events: Vec<Value>,
    number: u32,
}

impl Client {
    pub async fn open(address: SocketAddr, origin: Option<&str>) -> Self {
        let mut request = format!("ws://{address}/any/path").into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
        }
        let (socket, _) = timeout(PATIENCE, connect_async(request)).await.expect("a prompt upgrade").unwrap();
        let mut client = Client { socket, challenge: Value::Null, events: Vec::new(), number: 0 };
        let first = client.frame().await.unwrap();
        assert_eq!(first["event"], "connect.challenge");
        client.challenge = first["payload"].clone();
        client
    }

    pub async fn send(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    pub async fn send_binary(&mut self) {
        self.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    }

    /// The next text frame, or why the connection was closed.
    pub async fn frame(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("something arrives") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(WsError::Io(_) | WsError::Protocol(_) | WsError::ConnectionClosed)) | None => {
                    return Err(None);
                }
                Some(Err(err)) => panic!("{err}"),
            }
        }
    }

    /// The response with this id; events before it are kept.
    pub async fn response(&mut self, id: &str) -> Value {
        loop {
            let frame = self.frame().await.expect("the connection stays open");
            if frame["type"] == "event" {
                self.events.push(frame);
            } else {
                assert_eq!(frame["id"], id, "{frame}");
                return frame;
            }
        }
    }

    pub async fn request(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let id = format!("q{}", self.number);
        self.send(json!({"type": "req", "id": id, "method": method, "params": params}).to_string()).await;
        self.response(&id).await
    }

    /// The next event that satisfies `wanted`; others are kept.
    pub async fn event(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(found) = self.events.iter().find(|event| wanted(event)) {
            return found.clone();
        }
        loop {
            let frame = self.frame().await.expect("the connection stays open");
            self.events.push(frame.clone());
            if frame["type"] == "event" && wanted(&frame) {
                return frame;
            }
        }
    }

    /// Reads until the connection is closed; code and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.frame().await {
                Ok(_) => {}
                Err(Some(frame)) => return (frame.code.into(), frame.reason.as_str().to_owned()),
                Err(None) => return (0, "no close frame".to_owned()),
            }
        }
    }

    /// Adds the proof of a device to `connect` parameters.
    pub fn prove(&self, mut params: Value, version: &str) -> Value {
        let key = SigningKey::from_bytes(&[3; 32]);
        let public = key.verifying_key().to_bytes();
        let id = format!("{:x}", Sha256::digest(public));
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let scopes: Vec<&str> = params["scopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let (signed_at, nonce) = (&self.challenge["ts"], self.challenge["nonce"].as_str().unwrap());
        let mut signed = format!(
            "{version}|{id}|{}|{}|operator|{}|{signed_at}|{}|{nonce}",
            text("/client/id"),
            text("/client/mode"),
            scopes.join(","),
            text("/auth/token"),
        );
        if version == "v3" {
            signed.push_str("|linux|");
        }
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes());
        let public = URL_SAFE_NO_PAD.encode(public);
        params["device"] =
            json!({"id": id, "publicKey": public, "signature": signature, "signedAt": signed_at, "nonce": nonce});
        params
    }
}

/// Good parameters for `connect`.
pub fn connect(scopes: &[&str], caps: &[&str]) -> Value {
    let scopes: Vec<String> = scopes.iter().map(|scope| format!("operator.{scope}")).collect();
    json!({
        "minProtocol": 4, "maxProtocol": 4, "role": "operator", "scopes": scopes, "caps": caps,
        "client": {"id": "test", "version": "1", "platform": "Linux", "mode": "test"},
        "auth": {"token": TOKEN},
    })
}

/// Goes through the handshake by hand: a real client would answer pings by itself.
pub async fn handshake_and_stay_mute(stream: &mut TcpStream, address: SocketAddr) {
    let upgrade = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let request = json!({"type": "req", "id": "1", "method": "connect", "params": connect(&["read"], &[])}).to_string();
    // A masked text frame; the mask of zeros leaves the text as it is.
    let length = u16::try_from(request.len()).unwrap().to_be_bytes();
    let frame = [&[0x81, 0xfe, length[0], length[1], 0, 0, 0, 0], request.as_bytes()].concat();
    stream.write_all(&frame).await.unwrap();
}
