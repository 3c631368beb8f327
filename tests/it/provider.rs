//! A model provider under the test's control: it speaks the four wire formats as the real ones do, plays a script, and
//! keeps what it was asked. Whoever asks beyond the end of the script gets status 418.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response, Uri, header};
use axum::routing::post;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::client::PATIENCE;

mod speech;

/// The variable in which the host finds the key, and the key.
pub const KEY_VARIABLE: &str = "TEST_PROVIDER_KEY";
pub const KEY: &str = "sk-canary-7f3a9b51c2d84e60";

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wire {
    OpenAi,
    Responses,
    Anthropic,
    Gemini,
}

pub const WIRES: [Wire; 4] = [Wire::OpenAi, Wire::Responses, Wire::Anthropic, Wire::Gemini];

/// What a reply holds.
pub enum Reply {
    /// Text, in these pieces.
    Say(Vec<String>),
    /// One tool call; its arguments are sent in two pieces.
    Call { tool: String, arguments: String },
    /// Tool calls, each in one piece.
    Calls(Vec<(String, String)>),
}

/// One answer of the script.
pub enum Answer {
    Whole(Reply),
    /// Stops after its first piece until [`Provider::release`].
    Held(Reply),
    /// Stops after each piece but the last, each time until [`Provider::release`].
    Steps(Reply),
    /// Says that it has ended because there was no more room for it, or because it was declined.
    Full(Reply),
    Declined(Reply),
    /// Ends before it says that it has ended.
    Cut(Reply),
    /// The same, after it has stopped like [`Answer::Held`].
    Broken(Reply),
    /// Says `…`, and then nothing for ever.
    Hang,
    /// An error in the format's own shape.
    Fail {
        status: u16,
        message: String,
        retry_after: Option<u32>,
    },
}

/// One request as it came in.
#[derive(Clone)]
pub struct Asked {
    /// Which request it is, from 0.
    pub number: usize,
    pub wire: Wire,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
    pub at: Instant,
}

/// A running provider. Dropping it stops it.
pub struct Provider {
    base: String,
    stage: Arc<Stage>,
    serving: JoinHandle<()>,
}

struct Stage {
    /// Without a script, the model obeys.
    script: Option<Mutex<VecDeque<Answer>>>,
    asked: Mutex<Vec<Asked>>,
    released: Semaphore,
    /// A permit for each hanging answer that nobody listens to any more.
    unheard: Semaphore,
}

/// Notes that a hanging answer has lost its listener.
struct Listened(Arc<Stage>);

impl Drop for Listened {
    fn drop(&mut self) {
        self.0.unheard.add_permits(1);
    }
}

pub fn say(pieces: &[&str]) -> Reply {
    Reply::Say(pieces.iter().map(ToString::to_string).collect())
}

pub fn call(tool: &str, arguments: &str) -> Reply {
    Reply::Call { tool: tool.to_owned(), arguments: arguments.to_owned() }
}

pub fn calls(calls: &[(String, String)]) -> Reply {
    Reply::Calls(calls.to_vec())
}

pub fn fail(status: u16, message: &str) -> Answer {
    Answer::Fail { status, message: message.to_owned(), retry_after: None }
}

// === impl Provider ===

impl Provider {
    /// Starts a provider that will give these answers, in this order.
    pub async fn start(script: impl IntoIterator<Item = Answer>) -> Provider {
        Provider::on(Some(Mutex::new(script.into_iter().collect()))).await
    }

    /// Starts a model that does whatever any text in its context tells it as `OBEY TOOL {…}`, each once, and then
    /// answers what one tells it as `REPLY "…"`. It speaks the format of OpenAI.
    pub async fn obedient() -> Provider {
        Provider::on(None).await
    }

    async fn on(script: Option<Mutex<VecDeque<Answer>>>) -> Provider {
        let stage = Arc::new(Stage {
            script,
            asked: Mutex::default(),
            released: Semaphore::new(0),
            unheard: Semaphore::new(0),
        });
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .route("/v1/responses", post(answer))
            .route("/v1/messages", post(answer))
            .route("/v1/models/m-1:streamGenerateContent", post(answer))
            // Images make a prompt longer than this server expects.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&stage));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Provider { base, stage, serving }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        self.base.trim_end_matches("/v1")
    }

    /// A configuration that asks this provider in this format.
    pub fn config(&self, wire: Wire) -> String {
        self.config_with(wire, "{}")
    }

    /// The same with other `limits`.
    pub fn config_with(&self, wire: Wire, limits: &str) -> String {
        let wire = match wire {
            Wire::OpenAi => "openai-chat",
            Wire::Responses => "openai-responses",
            Wire::Anthropic => "anthropic-messages",
            Wire::Gemini => "gemini",
        };
        format!(
            "{{models: {{default: 'local/m-1', providers: {{local: {{wire: '{wire}', baseUrl: '{}', apiKeyEnv: \
             '{KEY_VARIABLE}'}}}}}}, limits: {limits}, logging: {{level: 'trace'}}}}",
            self.base
        )
    }

    /// Lets a held answer go on.
    pub fn release(&self) {
        self.stage.released.add_permits(1);
    }

    /// Waits until the host has hung up on a hanging answer.
    pub async fn hung_up(&self) {
        let unheard = tokio::time::timeout(PATIENCE, self.stage.unheard.acquire());
        unheard.await.expect("the host still listens").unwrap().forget();
    }

    /// All requests until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.stage.asked.lock().unwrap().clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

// === impl Asked ===

impl Asked {
    /// The system prompt.
    pub fn system(&self) -> &str {
        match self.wire {
            Wire::OpenAi => {
                assert_eq!(self.body["messages"][0]["role"], "system", "{}", self.body);
                self.body["messages"][0]["content"].as_str().unwrap()
            }
            Wire::Responses => self.body["instructions"].as_str().unwrap(),
            Wire::Anthropic => self.body["system"][0]["text"].as_str().unwrap(),
            Wire::Gemini => self.body["systemInstruction"]["parts"][0]["text"].as_str().unwrap(),
        }
    }

    /// The conversation without the system prompt.
    pub fn messages(&self) -> &[Value] {
        let messages = |field: &str| self.body[field].as_array().unwrap();
        match self.wire {
            Wire::OpenAi => &messages("messages")[1..],
            Wire::Responses => messages("input"),
            Wire::Anthropic => messages("messages"),
            Wire::Gemini => messages("contents"),
        }
    }

    /// The names of the tools on offer. Each must have a description and the schema of an object.
    #[track_caller]
    pub fn tools(&self) -> Vec<&str> {
        let tools = match self.wire {
            Wire::Gemini => &self.body["tools"][0]["functionDeclarations"],
            _ => &self.body["tools"],
        };
        let tools = tools.as_array().unwrap().iter();
        let tools = tools.map(|tool| {
            let (tool, schema) = match self.wire {
                Wire::OpenAi => (&tool["function"], &tool["function"]["parameters"]),
                Wire::Responses => (tool, &tool["parameters"]),
                Wire::Anthropic => (tool, &tool["input_schema"]),
                Wire::Gemini => (tool, &tool["parametersJsonSchema"]),
            };
            assert!(tool["description"].as_str().is_some_and(|text| !text.is_empty()), "{tool}");
            assert_eq!(schema["type"], "object", "{tool}");
            tool["name"].as_str().unwrap()
        });
        tools.collect()
    }

    /// What the last message says about the only call of the message before it, which answered the request before:
    /// checked for the format's shape.
    #[track_caller]
    pub fn result(&self) -> &str {
        let [.., asked, answered] = self.messages() else { panic!("no call in {}", self.body) };
        let id = json!(call_id(self.number - 1));
        // Servers parse the history: the arguments are a text that holds an object.
        let check_arguments = |text: &Value| {
            let arguments: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            assert!(arguments.is_object(), "{asked}");
        };
        match self.wire {
            Wire::OpenAi => {
                let call = &asked["tool_calls"][0];
                assert_eq!((&asked["role"], &call["type"]), (&json!("assistant"), &json!("function")), "{asked}");
                assert_eq!(call["id"], id, "{asked}");
                check_arguments(&call["function"]["arguments"]);
                assert_eq!((&answered["role"], &answered["tool_call_id"]), (&json!("tool"), &id));
                answered["content"].as_str().unwrap()
            }
            Wire::Responses => {
                assert_eq!((&asked["type"], &asked["call_id"]), (&json!("function_call"), &id), "{asked}");
                check_arguments(&asked["arguments"]);
                assert_eq!((&answered["type"], &answered["call_id"]), (&json!("function_call_output"), &id));
                answered["output"].as_str().unwrap()
            }
            Wire::Gemini => {
                let (part, answer) = (&asked["parts"][0], &answered["parts"][0]["functionResponse"]);
                assert_eq!((&asked["role"], &answered["role"]), (&json!("model"), &json!("user")), "{asked}");
                assert_eq!((&part["functionCall"]["id"], &answer["id"]), (&id, &id), "{asked}");
                assert!(part["functionCall"]["args"].is_object(), "{asked}");
                assert_eq!(part["thoughtSignature"], speech::SIGNATURE, "the API refuses a call without its signature");
                let response = &answer["response"];
                response["output"].as_str().or(response["error"].as_str()).unwrap()
            }
            Wire::Anthropic => {
                let call = &asked["content"][0];
                assert_eq!((&asked["role"], &call["type"]), (&json!("assistant"), &json!("tool_use")), "{asked}");
                assert_eq!(call["id"], id, "{asked}");
                assert!(call["input"].is_object(), "{asked}");
                let block = &answered["content"][0];
                assert_eq!((&answered["role"], &block["type"]), (&json!("user"), &json!("tool_result")));
                assert_eq!(block["tool_use_id"], id);
                block["content"].as_str().unwrap()
            }
        }
    }
}

// === The server ===

/// The id of the only call in the answer to this request. The host must hand it back as it came.
fn call_id(number: usize) -> String {
    format!("call_01A-{number}")
}

async fn answer(
    State(stage): State<Arc<Stage>>,
    uri: Uri,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response<Body> {
    let body: Value = serde_json::from_slice(&body).expect("the host sends JSON");
    let path = uri.path().to_owned();
    let wire = match path.rsplit(['/', ':']).next() {
        Some("messages") => Wire::Anthropic,
        Some("responses") => Wire::Responses,
        Some("streamGenerateContent") => Wire::Gemini,
        _ => Wire::OpenAi,
    };
    let number = {
        let mut asked = stage.asked.lock().unwrap();
        let number = asked.len();
        asked.push(Asked { number, wire, path, headers, body, at: Instant::now() });
        number
    };
    let answer = match &stage.script {
        Some(script) => script.lock().unwrap().pop_front(),
        None => Some(Answer::Whole(obey(&stage.asked.lock().unwrap()[number].body))),
    };
    let (reply, end) = match answer {
        Some(Answer::Whole(reply)) => (reply, End::Whole),
        Some(Answer::Held(reply)) => (reply, End::Held),
        Some(Answer::Steps(reply)) => (reply, End::Steps),
        Some(Answer::Full(reply)) => (reply, End::Full),
        Some(Answer::Declined(reply)) => (reply, End::Declined),
        Some(Answer::Cut(reply)) => (reply, End::Cut),
        Some(Answer::Broken(reply)) => (reply, End::Broken),
        Some(Answer::Hang) => (say(&["…"]), End::Hang),
        Some(Answer::Fail { status, message, retry_after }) => {
            return speech::failure(wire, status, &message, retry_after);
        }
        None => return speech::failure(wire, 418, "the script of the test is over", None),
    };
    let pieces = match &reply {
        Reply::Say(pieces) => pieces.len(),
        Reply::Call { .. } => 2,
        Reply::Calls(calls) => calls.len(),
    };
    let mut chunks = speech::chunks(wire, &call_id(number), &reply);
    match end {
        End::Whole | End::Held | End::Steps => {}
        End::Full | End::Declined => speech::end_early(wire, end == End::Declined, &mut chunks),
        End::Cut | End::Broken => drop(chunks.pop()),
        End::Hang => chunks.truncate(2),
    }
    let listened = (end == End::Hang).then(|| Listened(Arc::clone(&stage)));
    let sent = futures_util::stream::iter(chunks.into_iter().enumerate()).then(move |(index, chunk)| {
        let stage = Arc::clone(&stage);
        async move {
            // The first chunk opens the reply, the second is its first piece.
            let stops = match end {
                End::Held | End::Broken => index == 2,
                End::Steps => (2..=pieces).contains(&index),
                End::Whole | End::Full | End::Declined | End::Cut | End::Hang => false,
            };
            if stops {
                stage.released.acquire().await.unwrap().forget();
            }
            Ok::<_, Infallible>(chunk)
        }
    });
    let body = match end {
        End::Hang => {
            let held = sent.chain(futures_util::stream::pending()).inspect(move |_| {
                let _held = &listened;
            });
            Body::from_stream(held)
        }
        _ => Body::from_stream(sent),
    };
    Response::builder().header(header::CONTENT_TYPE, "text/event-stream; charset=utf-8").body(body).unwrap()
}

/// The first order in the context that has not been followed, if there is one.
fn obey(body: &Value) -> Reply {
    let messages = body["messages"].as_array().unwrap();
    let calls = messages.iter().flat_map(|message| message["tool_calls"].as_array()).flatten();
    let done: Vec<_> = calls
        .map(|call| {
            let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
            (call["function"]["name"].as_str().unwrap().to_owned(), arguments)
        })
        .collect();
    let said = messages.iter().filter(|message| message["role"] != "assistant").map(|message| &message["content"]);
    let mut texts = Vec::new();
    said.chain([&body["tools"]]).for_each(|value| add_texts(value, &mut texts));
    let texts = texts.into_iter();
    for order in texts.clone().flat_map(|text| text.match_indices("OBEY ").map(|(at, word)| &text[at + word.len()..])) {
        let Some((tool, rest)) = order.split_once(' ') else { continue };
        let mut arguments = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let Some(Ok(arguments)) = arguments.next() else { continue };
        if !done.contains(&(tool.to_owned(), arguments.clone())) {
            return call(tool, &arguments.to_string());
        }
    }
    let answer = texts
        .filter_map(|text| text.split("REPLY ").nth(1))
        .find_map(|rest| serde_json::Deserializer::from_str(rest).into_iter::<String>().next()?.ok());
    match answer {
        // In small pieces, as models speak.
        Some(answer) => Reply::Say(answer.split_inclusive(['/', ' ', '?']).map(str::to_owned).collect()),
        None => say(&["It is ", "done."]),
    }
}

/// All texts in a value: what tools say of themselves and their arguments is in the context as well.
fn add_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| add_texts(value, texts)),
        Value::Object(members) => members.values().for_each(|value| add_texts(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Whole,
    Held,
    Steps,
    Full,
    Declined,
    Cut,
    Broken,
    Hang,
}
