//! A client of a running host: the command line's end of the gateway's WebSocket.
//!
//! One [`Client`] is one connection and has one user at a time, so it needs neither task nor lock: whoever waits for
//! an answer reads the frames, and keeps for later what is not that answer.

mod frame;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::home::{HomeError, RunFile, read_token, token_path};
use crate::settings::Secret;

use frame::Frame;
pub use frame::{Event, Incoming, RequestId, RpcFailure};

/// The protocol version that is spoken.
const PROTOCOL: u32 = 4;

/// How long the host may take to accept a connection; it lives on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the host may take to answer a request that waits for nobody.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest frame that a host may send: the maximum of the protocol, and room for the frame around it.
const MAX_FRAME_BYTES: usize = 26 * 1024 * 1024;

/// Frames kept while an answer is awaited. A host that sends more than this before it answers is broken.
const MAX_KEPT: usize = 65_536;

/// Bytes to and from a host.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Wire for T {}

type Socket = WebSocketStream<Box<dyn Wire>>;

/// A connection on which the gateway has said hello.
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    run_file: RunFile,
    hello: Value,
    next_id: u64,
    /// What arrived while something else was awaited.
    kept: VecDeque<Incoming>,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No host has said in this home that it runs.
    #[error("no host runs in home `{}`", home.display())]
    NotRunning {
        /// The home.
        home: PathBuf,
    },
    /// The process that said so is gone.
    #[error("the host of home `{}` (process {pid}) is gone", home.display())]
    Gone {
        /// The home.
        home: PathBuf,
        /// Its process.
        pid: u32,
    },
    /// Its address does not answer.
    #[error("cannot reach the host at `{url}`")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        #[source]
        err: Box<tungstenite::Error>,
    },
    /// `run.json` or the token cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The host answers the request with an error.
    #[error("`{method}` failed: {failure}")]
    Failed {
        /// The request.
        method: String,
        /// The host's words.
        failure: RpcFailure,
    },
    /// The connection ended.
    #[error("the host closed the connection: {reason}")]
    Closed {
        /// The host's words, or what broke.
        reason: String,
    },
    /// No answer came in time.
    #[error("the host did not answer `{method}` within {} s", after.as_secs())]
    Silent {
        /// The request.
        method: String,
        /// How long it was awaited.
        after: Duration,
    },
    /// The other side does not speak the protocol.
    #[error("the host at `{url}` sent something that is not a gateway frame: {what}")]
    Garbage {
        /// Its address.
        url: String,
        /// What is wrong with it.
        what: String,
    },
}

impl Client {
    /// Connects to the host that runs in the home at `home`.
    ///
    /// # Errors
    /// [`ClientError`] if no host runs there, it cannot be reached, or it refuses the token.
    pub async fn connect(home: &Path) -> Result<Client, ClientError> {
        let run_file = RunFile::read(home)?.ok_or_else(|| ClientError::NotRunning { home: home.to_owned() })?;
        if !run_file.is_alive() {
            return Err(ClientError::Gone { home: home.to_owned(), pid: run_file.pid });
        }
        let token = read_token(&run_file.token_file)?;
        let silent = || ClientError::Silent { method: "connect".to_owned(), after: CONNECT_TIMEOUT };
        timeout(CONNECT_TIMEOUT, Client::dial(run_file, &token)).await.map_err(|_| silent())?
    }

    /// Connects over `stream` to a host of the home at `home` that listens nowhere and runs in this process.
    ///
    /// # Errors
    /// [`ClientError`] if it does not answer, or refuses the token.
    pub async fn over(stream: UnixStream, home: &Path) -> Result<Client, ClientError> {
        let token_file = token_path(home);
        let token = read_token(&token_file)?;
        let run_file = RunFile { pid: std::process::id(), url: "ws://localhost".to_owned(), token_file };
        let url = run_file.url.clone();
        let socket = upgrade(&url, Box::new(stream)).await;
        Client::greet(socket.map_err(|err| ClientError::Unreachable { url, err: Box::new(err) })?, run_file, &token)
            .await
    }

    async fn dial(run_file: RunFile, token: &Secret) -> Result<Client, ClientError> {
        let socket = open_socket(&run_file.url)
            .await
            .map_err(|err| ClientError::Unreachable { url: run_file.url.clone(), err: Box::new(err) })?;
        Client::greet(socket, run_file, token).await
    }

    async fn greet(socket: Socket, run_file: RunFile, token: &Secret) -> Result<Client, ClientError> {
        let mut client = Client { socket, run_file, hello: Value::Null, next_id: 1, kept: VecDeque::new() };
        // The challenge comes first; what it carries concerns clients with a device key only.
        match client.next().await? {
            Incoming::Event(event) if event.name == "connect.challenge" => {}
            _ => return Err(client.garbage("the first frame is not `connect.challenge`")),
        }
        let hello = client.request("connect", connect_params(token)).await?;
        if hello["type"] != "hello-ok" {
            return Err(client.garbage("the answer to `connect` is not `hello-ok`"));
        }
        client.hello = hello;
        Ok(client)
    }

    /// Sends a request and waits for its answer; events that arrive meanwhile are kept for [`Client::next`].
    ///
    /// # Errors
    /// [`ClientError`] if the host refuses, says nothing within 30 s, or goes away.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, ClientError> {
        self.call_within(ANSWER_TIMEOUT, method, params).await
    }

    /// As [`Client::call`], for what takes longer.
    ///
    /// # Errors
    /// [`ClientError`] if the host refuses, says nothing within `limit`, or goes away.
    pub async fn call_within(&mut self, limit: Duration, method: &str, params: Value) -> Result<Value, ClientError> {
        let silent = || ClientError::Silent { method: method.to_owned(), after: limit };
        timeout(limit, self.request(method, params)).await.map_err(|_| silent())?
    }

    async fn request(&mut self, method: &str, params: Value) -> Result<Value, ClientError> {
        let id = self.send(method, params).await?;
        loop {
            match self.receive().await? {
                Incoming::Response { id: answered, result } if answered == id => {
                    return result.map_err(|failure| ClientError::Failed { method: method.to_owned(), failure });
                }
                other if self.kept.len() < MAX_KEPT => self.kept.push_back(other),
                _ => return Err(self.garbage("too many events before an answer")),
            }
        }
    }

    /// Sends a request whose answer, or answers, [`Client::next`] gives.
    ///
    /// # Errors
    /// [`ClientError::Closed`] if the connection is gone.
    pub async fn send(&mut self, method: &str, params: Value) -> Result<RequestId, ClientError> {
        let id = RequestId::nth(self.next_id);
        self.next_id += 1;
        let frame = json!({ "type": "req", "id": id.as_str(), "method": method, "params": params });
        self.socket.send(Message::text(frame.to_string())).await.map_err(|err| closed(&err))?;
        Ok(id)
    }

    /// The next event or answer, in the order in which they arrived. Waits for ever. Cancel-safe.
    ///
    /// # Errors
    /// [`ClientError`] if the connection ends or something that is no frame arrives.
    pub async fn next(&mut self) -> Result<Incoming, ClientError> {
        match self.kept.pop_front() {
            Some(kept) => Ok(kept),
            None => self.receive().await,
        }
    }

    async fn receive(&mut self) -> Result<Incoming, ClientError> {
        loop {
            let message = match self.socket.next().await {
                Some(Ok(message)) => message,
                Some(Err(err)) => return Err(closed(&err)),
                None => return Err(ClientError::Closed { reason: "no reason given".to_owned() }),
            };
            match message {
                Message::Text(text) => {
                    return Frame::parse(&text).map(Incoming::from).map_err(|err| self.garbage(&err.to_string()));
                }
                Message::Close(frame) => {
                    let reason = frame.map(|frame| format!("{} (code {})", frame.reason, u16::from(frame.code)));
                    return Err(ClientError::Closed { reason: reason.unwrap_or_else(|| "no reason given".to_owned()) });
                }
                // Pings are answered by the socket itself while it is read.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                Message::Binary(_) => return Err(self.garbage("a binary frame")),
            }
        }
    }

    /// Says goodbye. Nothing depends on its success.
    pub async fn close(mut self) {
        // A host that is busy must not keep the command from ending.
        let _ = timeout(Duration::from_secs(1), self.socket.close(None)).await;
    }

    /// What the gateway said in its hello.
    pub fn hello(&self) -> &Value {
        &self.hello
    }

    /// Where the host said that it runs.
    pub fn run_file(&self) -> &RunFile {
        &self.run_file
    }

    fn garbage(&self, what: &str) -> ClientError {
        ClientError::Garbage { url: self.run_file.url.clone(), what: what.to_owned() }
    }
}

/// A fresh idempotency key; it is also the run's id.
///
/// # Errors
/// [`HomeError::Random`] if the random source of the system fails.
pub fn idempotency_key() -> Result<String, HomeError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|err| HomeError::Random(err.into()))?;
    Ok(format!("cli-{:032x}", u128::from_be_bytes(bytes)))
}

async fn open_socket(url: &str) -> Result<Socket, tungstenite::Error> {
    let uri: tungstenite::http::Uri = url.parse()?;
    let (Some("ws"), Some(host), Some(port)) = (uri.scheme_str(), uri.host(), uri.port_u16()) else {
        let what = "`run.json` names no address like `ws://127.0.0.1:18789`";
        return Err(tungstenite::Error::Io(io::Error::new(io::ErrorKind::InvalidInput, what)));
    };
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    stream.set_nodelay(true)?;
    upgrade(url, Box::new(stream)).await
}

async fn upgrade(url: &str, stream: Box<dyn Wire>) -> Result<Socket, tungstenite::Error> {
    let limits = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(limits)).await?;
    Ok(socket)
}

fn connect_params(token: &Secret) -> Value {
    json!({
        "minProtocol": PROTOCOL,
        "maxProtocol": PROTOCOL,
        "client": {
            "id": "cli",
            "mode": "cli",
            "version": env!("CARGO_PKG_VERSION"),
            "platform": std::env::consts::OS,
        },
        "role": "operator",
        "scopes": ["operator.admin", "operator.read", "operator.write", "operator.approvals"],
        "caps": ["tool-events", "exec-approvals"],
        "auth": { "token": token.expose() },
    })
}

fn closed(err: &tungstenite::Error) -> ClientError {
    ClientError::Closed { reason: err.to_string() }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
