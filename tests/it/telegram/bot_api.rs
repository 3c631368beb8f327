//! A Bot API server under the test's control: it speaks the real one's wire format, and keeps what it was sent.
//!
//! Source: <https://core.telegram.org/bots/api>.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use claw_core::image::ImageKind;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Nobody waits longer for something to happen here.
const PATIENCE: Duration = Duration::from_secs(60);
/// Tags that `sendMessage` takes with `parse_mode` HTML, as far as a bot of ours writes them.
const TAGS: [&str; 7] = ["b", "i", "s", "a", "code", "pre", "blockquote"];

/// What a call meets instead of its answer.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// 429, with the seconds to wait.
    Flood(u32),
    /// An error of the API, by its code and words.
    Refused(u16, &'static str),
    /// A page of the proxy before it, with this status.
    Page(u16),
    /// The connection breaks before anything is done.
    Dropped,
    /// It is done, and the connection breaks before the answer.
    LostAnswer,
}

pub struct BotApi {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
    /// Counts what has happened.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    token: String,
    /// Not yet confirmed, in order.
    updates: VecDeque<Value>,
    next_update: i64,
    next_message: i64,
    chats: BTreeSet<i64>,
    /// Groups that are supergroups now, by their old ids.
    moved: BTreeMap<i64, i64>,
    /// By method.
    troubles: BTreeMap<String, VecDeque<Trouble>>,
    /// As they stand now; each with its `message_id`.
    sent: Vec<Value>,
    /// Messages that somebody has deleted.
    deleted: BTreeSet<i64>,
    /// The bytes of the files among them, by the ids of their messages.
    files: BTreeMap<i64, Vec<u8>>,
    /// Files that people have sent, by their ids.
    uploads: BTreeMap<String, Vec<u8>>,
    /// Those of them that were asked for.
    fetched: Vec<String>,
    edits: usize,
    polls: u64,
    confirmed: i64,
}

/// One request.
struct Asked {
    method: String,
    path: String,
    /// Its JSON, or the fields of its form.
    fields: Value,
    /// The file in its form: which field, and what is in it.
    file: Option<FormFile>,
}

/// The name of a field, and what is in the file.
type FormFile = (String, Vec<u8>);

/// How a call ends.
enum End {
    Answer(u16, Value),
    Page(u16),
    File(Vec<u8>),
    Nothing,
}

impl BotApi {
    pub async fn start(token: &str) -> BotApi {
        let inner = Inner { token: token.to_owned(), next_update: 1000, next_message: 1, ..Inner::default() };
        let (inner, changed) = (Arc::new(Mutex::new(inner)), watch::Sender::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let api = BotApi { url, inner, changed };
        let server = Server { inner: Arc::clone(&api.inner), changed: api.changed.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        api
    }

    /// Somebody writes to the bot, in a private chat if the number is positive.
    pub fn say(&self, chat: i64, text: &str) -> i64 {
        self.message(chat, json!({ "text": text }))
    }

    /// The same with other fields of a message.
    pub fn message(&self, chat: i64, fields: Value) -> i64 {
        let kind = if chat > 0 { "private" } else { "group" };
        let mut message = json!({
            "date": 1_700_000_000, "chat": {"id": chat, "type": kind},
            "from": {"id": chat.abs(), "is_bot": false, "first_name": "Ada"},
        });
        message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut inner = self.lock();
        inner.chats.insert(chat);
        let id = inner.take_message_id();
        message["message_id"] = id.into();
        let number = inner.next_update;
        inner.next_update += 1;
        inner.updates.push_back(json!({"update_id": number, "message": message}));
        drop(inner);
        self.changed.send_modify(|count| *count += 1);
        id
    }

    /// What is in a file that a message of somebody names.
    pub fn upload(&self, file_id: &str, content: &[u8]) {
        self.lock().uploads.insert(file_id.to_owned(), content.to_vec());
    }

    /// The ids of the files that were asked for.
    pub fn fetched(&self) -> Vec<String> {
        self.lock().fetched.clone()
    }

    /// What is in the file of a message that was sent.
    pub fn file(&self, message: &Value) -> Vec<u8> {
        self.lock().files[&message["message_id"].as_i64().unwrap()].clone()
    }

    /// A chat that has written nothing can be written to.
    pub fn join(&self, chat: i64) {
        self.lock().chats.insert(chat);
    }

    /// A group becomes a supergroup, with another id.
    pub fn upgrade(&self, from: i64, to: i64) {
        let mut inner = self.lock();
        inner.chats.remove(&from);
        inner.chats.insert(to);
        inner.moved.insert(from, to);
    }

    /// The next calls of a method that have not met trouble meet these, one each.
    pub fn trouble(&self, method: &str, troubles: impl IntoIterator<Item = Trouble>) {
        self.lock().troubles.entry(method.to_owned()).or_default().extend(troubles);
    }

    /// Somebody deletes a message.
    pub fn delete(&self, id: i64) {
        self.lock().deleted.insert(id);
    }

    /// How often a message was changed.
    pub fn edits(&self) -> usize {
        self.lock().edits
    }

    /// Waits until a message that was sent says so.
    pub async fn shows(&self, text: &str) -> Vec<Value> {
        self.until(|inner| inner.sent.iter().any(|sent| sent["text"] == text)).await;
        self.sent()
    }

    /// What was sent, once it is so.
    pub async fn once(&self, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        self.until(|inner| holds(&inner.sent)).await;
        self.sent()
    }

    /// What `sendMessage` was given and has shown, in order, as `editMessageText` has changed it.
    pub fn sent(&self) -> Vec<Value> {
        self.lock().sent.clone()
    }

    /// Waits until so many messages have been shown, and gives them.
    pub async fn sent_at_least(&self, count: usize) -> Vec<Value> {
        self.until(|inner| inner.sent.len() >= count).await;
        self.sent()
    }

    /// The number below which all updates have been confirmed.
    pub fn confirmed(&self) -> i64 {
        self.lock().confirmed
    }

    /// Waits until nothing is left that has not been confirmed.
    pub async fn all_confirmed(&self) {
        self.until(|inner| inner.updates.is_empty()).await;
    }

    async fn until(&self, is_so: impl Fn(&Inner) -> bool) {
        let mut changed = self.changed.subscribe();
        let so = changed.wait_for(|_| is_so(&self.lock()));
        tokio::time::timeout(PATIENCE, so).await.expect("it happens in time").unwrap();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

#[derive(Clone)]
struct Server {
    inner: Arc<Mutex<Inner>>,
    changed: watch::Sender<u64>,
}

impl Server {
    async fn serve(self, mut stream: TcpStream) {
        while let Some(asked) = read_request(&mut stream).await {
            let end = self.answer(&asked).await;
            self.changed.send_modify(|count| *count += 1);
            let (status, kind, text) = match end {
                End::Answer(status, answer) => (status, "application/json", answer.to_string().into_bytes()),
                End::Page(status) => (status, "text/html", b"<html>nginx</html>".to_vec()),
                End::File(content) => (200, "application/octet-stream", content),
                End::Nothing => return,
            };
            let length = text.len();
            let head = format!("HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
            if stream.write_all(&[head.as_bytes(), &text].concat()).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&self, asked: &Asked) -> End {
        let token = self.inner.lock().unwrap().token.clone();
        let behind = |start| asked.path.strip_prefix(start).and_then(|rest| rest.split_once('/'));
        if let (Some((given, path)), "GET") = (behind("/file/bot"), asked.method.as_str()) {
            let content =
                path.strip_prefix("photos/").and_then(|id| self.inner.lock().unwrap().uploads.get(id).cloned());
            return content.filter(|_| given == token).map_or(End::Page(404), End::File);
        }
        let Some((given, method)) = behind("/bot") else {
            return refusal(404, "Not Found");
        };
        if given != token {
            return refusal(401, "Unauthorized");
        }
        let trouble = self.inner.lock().unwrap().troubles.get_mut(method).and_then(VecDeque::pop_front);
        match trouble {
            Some(Trouble::Flood(seconds)) => {
                let words = format!("Too Many Requests: retry after {seconds}");
                let parameters = json!({"retry_after": seconds});
                End::Answer(
                    429,
                    json!({"ok": false, "error_code": 429, "description": words, "parameters": parameters}),
                )
            }
            Some(Trouble::Refused(code, words)) => refusal(code, words),
            Some(Trouble::Page(status)) => End::Page(status),
            Some(Trouble::Dropped) => End::Nothing,
            Some(Trouble::LostAnswer) => {
                self.call(method, asked).await;
                End::Nothing
            }
            None => self.call(method, asked).await,
        }
    }

    async fn call(&self, method: &str, asked: &Asked) -> End {
        let body = &asked.fields;
        match method {
            "getUpdates" => self.get_updates(body).await,
            "sendMessage" => self.inner.lock().unwrap().send_message(body),
            "sendPhoto" => self.inner.lock().unwrap().send_file("photo", asked),
            "sendDocument" => self.inner.lock().unwrap().send_file("document", asked),
            "getFile" => self.inner.lock().unwrap().get_file(body),
            "editMessageText" => self.inner.lock().unwrap().edit_message(body),
            _ => refusal(404, "Not Found"),
        }
    }

    /// Waits for updates as long as it is asked to, or until somebody else polls.
    async fn get_updates(&self, body: &Value) -> End {
        let offset = body["offset"].as_i64().unwrap_or(0);
        let limit = body["limit"].as_u64().unwrap_or(100) as usize;
        let wait = Duration::from_secs(body["timeout"].as_u64().unwrap_or(0));
        let poll = {
            let mut inner = self.inner.lock().unwrap();
            inner.polls += 1;
            inner.confirmed = inner.confirmed.max(offset);
            inner.updates.retain(|update| update["update_id"].as_i64() >= Some(offset));
            inner.polls
        };
        self.changed.send_modify(|count| *count += 1);
        let mut changed = self.changed.subscribe();
        let is_over = |_: &u64| {
            let inner = self.inner.lock().unwrap();
            inner.polls != poll || !inner.updates.is_empty()
        };
        // A poll that ends without updates has none to give.
        let _ = tokio::time::timeout(wait, changed.wait_for(is_over)).await;
        let inner = self.inner.lock().unwrap();
        if inner.polls != poll {
            let words =
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
            return refusal(409, words);
        }
        let updates: Vec<&Value> = inner.updates.iter().take(limit).collect();
        End::Answer(200, json!({"ok": true, "result": updates}))
    }
}

impl Inner {
    fn send_message(&mut self, body: &Value) -> End {
        if let Some(refusal) = self.refuses(body) {
            return refusal;
        }
        let id = self.take_message_id();
        let mut sent = body.clone();
        sent["message_id"] = id.into();
        self.sent.push(sent);
        shown(id, body)
    }

    fn send_file(&mut self, field: &str, asked: &Asked) -> End {
        if let Some(refusal) = self.refuses_chat(&asked.fields) {
            return refusal;
        }
        let Some((_, content)) = asked.file.as_ref().filter(|(name, content)| name == field && !content.is_empty())
        else {
            return refusal(400, "Bad Request: there is no file in the request");
        };
        if field == "photo" && ImageKind::of(content).is_none() {
            return refusal(400, "Bad Request: IMAGE_PROCESS_FAILED");
        }
        if field == "photo" && content.len() > 10_000_000 {
            return refusal(413, "Request Entity Too Large");
        }
        let id = self.take_message_id();
        let mut sent = asked.fields.clone();
        sent["message_id"] = id.into();
        self.sent.push(sent);
        self.files.insert(id, content.clone());
        shown(id, &asked.fields)
    }

    fn get_file(&mut self, body: &Value) -> End {
        let id = body["file_id"].as_str().unwrap_or_default().to_owned();
        self.fetched.push(id.clone());
        let Some(content) = self.uploads.get(&id) else {
            return refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable");
        };
        let path = format!("photos/{id}");
        let file = json!({"file_id": id, "file_unique_id": id, "file_size": content.len(), "file_path": path});
        End::Answer(200, json!({"ok": true, "result": file}))
    }

    fn edit_message(&mut self, body: &Value) -> End {
        if let Some(refusal) = self.refuses(body) {
            return refusal;
        }
        let id = body["message_id"].as_i64().unwrap_or_default();
        let is_it = |sent: &&mut Value| sent["message_id"] == id && sent["chat_id"] == body["chat_id"];
        let Some(sent) = self.sent.iter_mut().find(is_it).filter(|_| !self.deleted.contains(&id)) else {
            return refusal(400, "Bad Request: message to edit not found");
        };
        if sent["text"] == body["text"] && sent["parse_mode"] == body["parse_mode"] {
            let words = "Bad Request: message is not modified: specified new message content and reply markup are exactly \
                         the same as a current content and reply markup of the message";
            return refusal(400, words);
        }
        *sent = body.clone();
        self.edits += 1;
        shown(id, body)
    }

    /// Where the real one would send nothing.
    fn refuses_chat(&self, body: &Value) -> Option<End> {
        let chat = body["chat_id"].as_i64().unwrap_or_default();
        if let Some(to) = self.moved.get(&chat) {
            let words = "Bad Request: group chat was upgraded to a supergroup chat";
            let parameters = json!({"migrate_to_chat_id": to});
            let answer = json!({"ok": false, "error_code": 400, "description": words, "parameters": parameters});
            return Some(End::Answer(400, answer));
        }
        (!self.chats.contains(&chat)).then(|| refusal(400, "Bad Request: chat not found"))
    }

    /// What the real one would not take.
    fn refuses(&self, body: &Value) -> Option<End> {
        let text = body["text"].as_str().unwrap_or_default();
        if let Some(refusal) = self.refuses_chat(body) {
            return Some(refusal);
        }
        if text.trim().is_empty() {
            return Some(refusal(400, "Bad Request: message text is empty"));
        }
        if text.encode_utf16().count() > 4096 {
            return Some(refusal(400, "Bad Request: message is too long"));
        }
        if body["parse_mode"] == "HTML" && !is_html(text) {
            return Some(refusal(400, "Bad Request: can't parse entities: Unsupported start tag at byte offset 0"));
        }
        None
    }

    fn take_message_id(&mut self) -> i64 {
        self.next_message += 1;
        self.next_message - 1
    }
}

/// The message as the answer shows it.
fn shown(id: i64, body: &Value) -> End {
    let chat = json!({"id": body["chat_id"], "type": "private"});
    let shown = json!({"message_id": id, "date": 1_700_000_001, "chat": chat, "text": body["text"]});
    End::Answer(200, json!({"ok": true, "result": shown}))
}

fn refusal(code: u16, words: &str) -> End {
    End::Answer(code, json!({"ok": false, "error_code": code, "description": words}))
}

/// Whether all tags are known and closed in order.
fn is_html(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for rest in text.split('<').skip(1) {
        let Some((tag, _)) = rest.split_once('>') else { return false };
        let is_fine = match tag.strip_prefix('/') {
            Some(name) => open.pop() == Some(name),
            None => {
                open.push(tag.split(' ').next().unwrap_or_default());
                open.last().is_some_and(|name| TAGS.contains(name))
            }
        };
        if !is_fine {
            return false;
        }
    }
    open.is_empty()
}

/// The next request on a connection.
async fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let head = until(stream, b"\r\n\r\n").await?;
    let (first, headers) = head.split_once("\r\n")?;
    let (method, path) = first.split_once(' ')?;
    let (method, path) = (method.to_owned(), path.split(' ').next()?.to_owned());
    let header = |name: &str| headers.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let body = match (header("content-length: "), header("transfer-encoding: ")) {
        (_, Some(_)) => chunks(stream).await?,
        (length, None) => {
            let mut body = vec![0; length.map_or(Some(0), |length| length.parse().ok())?];
            stream.read_exact(&mut body).await.ok()?;
            body
        }
    };
    let kind = header("content-type: ").unwrap_or_default();
    let (fields, file) = match kind.strip_prefix("multipart/form-data; boundary=") {
        Some(boundary) => form(&body, boundary)?,
        None if body.is_empty() => (Value::Null, None),
        None => (serde_json::from_slice(&body).ok()?, None),
    };
    Some(Asked { method, path, fields, file })
}

async fn until(stream: &mut TcpStream, end: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(end) {
        text.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(text).ok()
}

async fn chunks(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(until(stream, b"\r\n").await?.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).await.ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

/// The fields of a form, as the JSON that the API also takes, and its file.
fn form(body: &[u8], boundary: &str) -> Option<(Value, Option<FormFile>)> {
    let find = |in_: &[u8], what: &[u8]| in_.windows(what.len()).position(|window| window == what);
    let separator = format!("\r\n--{boundary}");
    let (mut fields, mut file) = (json!({}), None);
    // As if there were a line before the first part.
    let mut rest = &[b"\r\n", body].concat()[..];
    rest = &rest[find(rest, separator.as_bytes())? + separator.len()..];
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, separator.as_bytes())?;
        let (part, behind) = part.split_at(end);
        rest = &behind[separator.len()..];
        let head_end = find(part, b"\r\n\r\n")?;
        let (head, content) = (str::from_utf8(&part[..head_end]).ok()?, &part[head_end + 4..]);
        let value = |key: &str| Some(head.split_once(&format!("; {key}=\""))?.1.split_once('"')?.0.to_owned());
        let name = value("name")?;
        match value("filename") {
            Some(file_name) => {
                let kind = head.lines().find_map(|line| line.strip_prefix("content-type: "))?;
                fields["file"] = json!({"field": name, "name": file_name, "type": kind});
                file = Some((name, content.to_vec()));
            }
            None => {
                let text = str::from_utf8(content).ok()?;
                let is_text = name == "caption";
                fields[name] = if is_text { text.into() } else { serde_json::from_str(text).unwrap_or(text.into()) };
            }
        }
    }
    (rest.strip_prefix(b"--").is_some()).then_some((fields, file))
}
