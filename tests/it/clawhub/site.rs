//! A ClawHub under the test's control: it speaks the API as the real one does, and keeps what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A skill there.
#[derive(Clone)]
pub struct Skill {
    pub owner: String,
    /// The last is the latest.
    pub versions: Vec<(String, Vec<u8>)>,
    pub moderation: Value,
    /// What the scanners say; nothing for a site that has none.
    pub verdict: Option<Value>,
    /// Answered instead of the archive, with this status and type.
    pub instead: Option<(u16, &'static str, String)>,
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub what: String,
    pub agent: String,
    pub token: Option<String>,
    pub body: Value,
}

pub struct Site {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    skills: BTreeMap<String, Skill>,
    results: Value,
    /// What comes before anything else.
    refusals: VecDeque<Refusal>,
    files: BTreeMap<String, Vec<u8>>,
    asked: Vec<Asked>,
}

struct Refusal {
    status: u16,
    header: Option<(&'static str, String)>,
    text: String,
}

impl Skill {
    /// A skill that nobody speaks against.
    pub fn new(version: &str, files: &[(&str, &str)]) -> Skill {
        let verdict = json!({"ok": true, "decision": "pass", "reasons": [], "security": {"status": "clean"}});
        Skill {
            owner: "ada".to_owned(),
            versions: vec![(version.to_owned(), zip(files))],
            moderation: Value::Null,
            verdict: Some(verdict),
            instead: None,
        }
    }
}

impl Site {
    pub async fn start() -> Site {
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Site { url, inner }
    }

    pub fn config(&self) -> String {
        format!("{{clawhub: {{url: '{}'}}}}", self.url)
    }

    pub fn put(&self, slug: &str, skill: Skill) {
        self.inner.lock().unwrap().skills.insert(slug.to_owned(), skill);
    }

    pub fn change(&self, slug: &str, change: impl FnOnce(&mut Skill)) {
        change(self.inner.lock().unwrap().skills.get_mut(slug).unwrap());
    }

    pub fn find(&self, results: Value) {
        self.inner.lock().unwrap().results = results;
    }

    /// Keeps a file beside the API.
    pub fn file(&self, path: &str, bytes: Vec<u8>) {
        self.inner.lock().unwrap().files.insert(path.to_owned(), bytes);
    }

    pub fn refuse(&self, status: u16, header: Option<(&'static str, &str)>, text: &str) {
        let header = header.map(|(name, value)| (name, value.to_owned()));
        self.inner.lock().unwrap().refusals.push_back(Refusal { status, header, text: text.to_owned() });
    }

    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.inner.lock().unwrap().asked)
    }
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut inner = inner.lock().unwrap();
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let what = format!("{method} {uri}");
    let asked = Asked {
        what,
        agent: header("user-agent").unwrap_or_default(),
        token: header("authorization"),
        body: body.clone(),
    };
    inner.asked.push(asked);
    if let Some(Refusal { status, header, text }) = inner.refusals.pop_front() {
        let response = Response::builder().status(status).header("content-type", "text/plain; charset=utf-8");
        let response = header.into_iter().fold(response, |response, (name, value)| response.header(name, value));
        return response.body(Body::from(text)).unwrap();
    }
    let (status, kind, bytes) = reply(&inner, &uri, &body).unwrap_or((404, "text/plain", b"Skill not found".to_vec()));
    Response::builder().status(status).header("content-type", kind).body(Body::from(bytes)).unwrap()
}

fn reply(inner: &Inner, uri: &Uri, body: &Value) -> Option<(u16, &'static str, Vec<u8>)> {
    const JSON: &str = "application/json";
    if let Some(bytes) = inner.files.get(uri.path()) {
        return Some((200, "application/zip", bytes.clone()));
    }
    let path = uri.path().strip_prefix("/api/v1/")?;
    let query: BTreeMap<_, _> =
        uri.query().unwrap_or_default().split('&').filter_map(|it| it.split_once('=')).collect();
    let json = |value: Value| Some((200, JSON, value.to_string().into_bytes()));
    match path {
        "search" => json(json!({"results": inner.results})),
        "skills/-/security-verdicts" => {
            let item = &body["items"][0];
            let mut verdict = inner.skills.get(item["slug"].as_str()?)?.verdict.clone()?;
            verdict["requestedVersion"] = item["version"].clone();
            json(json!({"schema": "clawhub.skill.security-verdicts.v1", "items": [verdict]}))
        }
        "download" => {
            let skill = inner.skills.get(*query.get("slug")?)?;
            if let Some((status, kind, text)) = &skill.instead {
                return Some((*status, *kind, text.clone().into_bytes()));
            }
            let wanted = skill.versions.iter().find(|(version, _)| Some(&version.as_str()) == query.get("version"));
            Some((200, "application/zip", wanted?.1.clone()))
        }
        path => {
            let slug = path.strip_prefix("skills/")?;
            let skill = inner.skills.get(slug)?;
            if query.get("ownerHandle").is_some_and(|owner| *owner != skill.owner) {
                return None;
            }
            let latest = skill.versions.last().map(|(version, _)| json!({"version": version, "createdAt": 0}));
            json(json!({
                "skill": {"slug": slug, "displayName": slug, "summary": "…", "tags": {}, "stats": {}},
                "latestVersion": latest, "metadata": null, "owner": {"handle": skill.owner, "image": null},
                "moderation": skill.moderation,
            }))
        }
    }
}

/// An archive of texts.
pub fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes(), 0)).collect();
    zip_of(&entries)
}

/// An archive of entries with their names, bytes and Unix modes, stored as they are.
pub fn zip_of(entries: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let number = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    for (name, bytes, mode) in entries {
        let local = out.len();
        // Version, flags, method, time and date; then checksum, sizes and the length of the name.
        let mut about = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        about.extend(crc32fast::hash(bytes).to_le_bytes());
        about.extend([number(bytes.len()), number(bytes.len()), number(name.len())].concat());
        out.extend([b"PK\x03\x04".as_slice(), &about, name.as_bytes(), bytes].concat());
        directory.extend([b"PK\x01\x02".as_slice(), &[20, 3], &about, &[0; 6]].concat());
        directory.extend([(mode << 16).to_le_bytes(), number(local)].concat());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let end =
        [b"PK\x05\x06".as_slice(), &[0; 4], &count, &count, &number(directory.len()), &number(out.len()), &[0; 2]];
    [out, directory, end.concat()].concat()
}
