//! A provider on a loopback port that answers as told and keeps what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::{Credential, Model, ModelFacts, ProviderConfig, Secret, WireFormat};

pub(crate) const KEY: &str = "sk-secret-0123";

/// How one request is answered.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    pieces: Vec<String>,
    end: End,
}

enum End {
    Clean,
    Broken,
    /// The body never ends; when it is dropped, the sender is too.
    Never(mpsc::Sender<Infallible>),
}

impl Answer {
    pub(crate) fn stream(text: &str) -> Self {
        let headers = vec![("content-type", "text/event-stream; charset=utf-8")];
        Answer { status: 200, headers, pieces: vec![text.to_owned()], end: End::Clean }
    }

    pub(crate) fn error(status: u16, text: &str) -> Self {
        Answer { status, headers: vec![], pieces: vec![text.to_owned()], end: End::Clean }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn char_by_char(mut self) -> Self {
        self.pieces = self.pieces.concat().chars().map(String::from).collect();
        self
    }

    pub(crate) fn broken(mut self) -> Self {
        self.end = End::Broken;
        self
    }

    /// The receiver ends when the server drops the body.
    pub(crate) fn endless(mut self) -> (Self, mpsc::Receiver<Infallible>) {
        let (tx, rx) = mpsc::channel(1);
        self.end = End::Never(tx);
        (self, rx)
    }

    fn into_response(self) -> Response {
        let pieces = stream::iter(self.pieces).map(|piece| Ok(Bytes::from(piece)));
        let end = match self.end {
            End::Clean => stream::empty().boxed(),
            End::Broken => stream::once(async {
                // The server writes out what it has when the body makes it wait; else the pieces would be lost too.
                tokio::task::yield_now().await;
                Err(std::io::Error::other("cut"))
            })
            .boxed(),
            End::Never(guard) => stream::once(async move {
                let _guard = guard;
                std::future::pending().await
            })
            .boxed(),
        };
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from_stream(pieces.chain(end))).unwrap()
    }
}

/// One request as it arrived.
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

pub(crate) struct FakeProvider {
    pub(crate) address: String,
    pub(crate) asked: mpsc::UnboundedReceiver<Asked>,
}

type Script = Arc<(Mutex<VecDeque<Answer>>, mpsc::UnboundedSender<Asked>)>;

impl FakeProvider {
    /// Answers the requests in order; more requests than answers are answered with 418.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let (tx, asked) = mpsc::unbounded_channel();
        let script: Script = Arc::new((Mutex::new(answers.into_iter().collect()), tx));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(answer).with_state(script);
        tokio::spawn(async move { axum::serve(listener, router).await });
        FakeProvider { address, asked }
    }

    pub(crate) fn config(&self, wire: WireFormat) -> ProviderConfig {
        config(wire, &format!("http://{}/v1", self.address))
    }

    pub(crate) fn model(&self, wire: WireFormat) -> Model {
        Model::http(self.config(wire)).unwrap()
    }

    /// How many requests came that were not looked at yet.
    pub(crate) fn unseen(&mut self) -> usize {
        std::iter::from_fn(|| self.asked.try_recv().ok()).count()
    }
}

pub(crate) fn credential(name: &str, key: &str) -> Credential {
    Credential { name: name.to_owned(), key: Secret::new(key), source: format!("the key `{name}`") }
}

pub(crate) fn config(wire: WireFormat, base_url: &str) -> ProviderConfig {
    ProviderConfig {
        id: "fake".to_owned(),
        wire,
        base_url: base_url.to_owned(),
        key_header: wire.key_header(),
        keys: vec![credential("default", KEY)],
        key_use: crate::KeyUse::Spread,
        facts: ModelFacts::default(),
        others: std::collections::BTreeMap::default(),
        model: "m-1".to_owned(),
        idle_timeout: Duration::from_secs(100_000),
        retries: 2,
        extra_roots: Vec::new(),
    }
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let at = Instant::now();
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1024 * 1024).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let _ = script.1.send(Asked { path: parts.uri.to_string(), headers: parts.headers, body, at });
    let answer = script.0.lock().unwrap().pop_front();
    answer.unwrap_or_else(|| Answer::error(418, "no more answers")).into_response()
}
