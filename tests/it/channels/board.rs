//! A bulletin board under the test's control, which the guest `board` makes a chat service of.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A line that was put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub chat: String,
    pub key: String,
    pub reply_to: String,
    /// As it stands now.
    pub text: String,
    /// When it came, and when it was changed.
    pub shown: Vec<Instant>,
}

pub struct Board {
    pub url: String,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<Lines>,
    changed: Notify,
}

#[derive(Default)]
struct Lines {
    /// What people have written.
    written: Vec<String>,
    /// How far each reading asked to go on.
    asked: Vec<usize>,
    sent: Vec<Sent>,
    /// Lines that somebody has taken away, by their place.
    gone: Vec<usize>,
    /// What the next lines are answered with; 0 takes the line and never answers.
    answers: VecDeque<u16>,
    /// How often reading fails.
    failures: usize,
}

impl Board {
    pub async fn start() -> Board {
        let inner: Arc<Inner> = Arc::default();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Board { url, inner }
    }

    /// What stands in the configuration beside other things: the grant, the setting and the owner `ada`.
    pub fn config(&self, more: &str) -> String {
        let url = &self.url;
        format!(
            "{{grants: {{board: ['http {url} GET,POST']}}, components: {{board: {{config: {{api: '{url}'}}}}}}, \
             channels: {{board: {{owner: ['ada']}}}}, {more}}}"
        )
    }

    /// Somebody writes.
    pub fn write(&self, chat: &str, person: &str, kind: &str, text: &str) {
        let mut state = self.inner.state.lock().unwrap();
        let line = format!("{}\t{chat}\t{person}\t{kind}\t{text}\n", state.written.len() + 1);
        state.written.push(line);
        drop(state);
        self.inner.changed.notify_waiters();
    }

    /// The owner writes to the assistant.
    pub fn say(&self, chat: &str, text: &str) {
        self.write(chat, "ada", "direct", text);
    }

    /// The next lines that the host sends are answered so.
    pub fn answer(&self, statuses: &[u16]) {
        self.inner.state.lock().unwrap().answers.extend(statuses);
    }

    /// Somebody takes a line away; it stays among what was sent.
    pub fn take_away(&self, place: usize) {
        self.inner.state.lock().unwrap().gone.push(place);
    }

    /// Waits until all of [`Board::answer`] were given.
    pub async fn answered(&self) {
        self.when(|state| state.answers.is_empty().then_some(())).await;
    }

    /// What was sent, once it is so.
    pub async fn once(&self, holds: impl Fn(&[Sent]) -> bool) -> Vec<Sent> {
        self.when(|state| holds(&state.sent).then(|| state.sent.clone())).await
    }

    /// What was sent, once there is as much.
    pub async fn sent(&self, count: usize) -> Vec<Sent> {
        self.when(|state| (state.sent.len() >= count).then(|| state.sent.clone())).await
    }

    /// What was sent, once a line ends so.
    pub async fn until(&self, end: &str) -> Vec<Sent> {
        let has_it = |state: &Lines| state.sent.iter().any(|sent| sent.text.ends_with(end));
        self.when(|state| has_it(state).then(|| state.sent.clone())).await
    }

    /// The next times that the host reads, it gets an error.
    pub fn fail_reading(&self, times: usize) {
        self.inner.state.lock().unwrap().failures = times;
    }

    /// Waits until the host has asked for what comes after a line.
    pub async fn asked(&self, after: usize) {
        self.when(|state| state.asked.contains(&after).then_some(())).await;
    }

    async fn when<T>(&self, holds: impl Fn(&Lines) -> Option<T>) -> T {
        let found = async {
            loop {
                let changed = self.inner.changed.notified();
                let mut changed = std::pin::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = holds(&self.inner.state.lock().unwrap()) {
                    return found;
                }
                changed.await;
            }
        };
        let patience = std::time::Duration::from_secs(60);
        tokio::time::timeout(patience, found).await.unwrap_or_else(|_| {
            panic!("it did not come to that: {:?}", self.inner.state.lock().unwrap().sent);
        })
    }
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<String> {
    let respond = |status: u16, text: String| Response::builder().status(status).body(text).unwrap();
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    if method == Method::GET {
        let after: usize = uri.path().rsplit('/').next().unwrap().parse().unwrap();
        let fails = {
            let mut state = inner.state.lock().unwrap();
            state.asked.push(after);
            let fails = state.failures > 0;
            state.failures = state.failures.saturating_sub(1);
            fails
        };
        inner.changed.notify_waiters();
        if fails {
            return respond(500, String::new());
        }
        loop {
            let changed = inner.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            {
                let state = inner.state.lock().unwrap();
                if state.written.len() > after {
                    return respond(200, state.written[after..].concat());
                }
            }
            changed.as_mut().await;
        }
    }
    let replaces = header("x-replaces");
    let line = Sent {
        chat: uri.path().trim_start_matches('/').to_owned(),
        key: header("x-key"),
        reply_to: header("x-reply-to"),
        text: String::from_utf8(body.to_vec()).unwrap(),
        shown: vec![Instant::now()],
    };
    let (status, count) = {
        let mut state = inner.state.lock().unwrap();
        let status = state.answers.pop_front().unwrap_or(200);
        let place =
            replaces.strip_prefix("line-").map_or(state.sent.len(), |number| number.parse::<usize>().unwrap() - 1);
        let status = if state.gone.contains(&place) { 404 } else { status };
        if status == 200 || status == 0 {
            match state.sent.get_mut(place) {
                Some(sent) => {
                    sent.shown.extend(line.shown);
                    sent.text = line.text;
                }
                None => state.sent.push(line),
            }
        }
        (status, place + 1)
    };
    inner.changed.notify_waiters();
    match status {
        0 => std::future::pending().await,
        200 => respond(200, format!("line-{count}")),
        status => respond(status, "no".to_owned()),
    }
}
