//! What is revoked goes off at once and stays off; what is not goes on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::client::Client;
use crate::host::{Home, test_guest};
use crate::packages::{Publisher, ask_store, package, with_tail};

/// How soon what is revoked must be dead. P12
const SOON: Duration = Duration::from_secs(1);

async fn echo(client: &mut Client) -> Value {
    client.call("tools.invoke", json!({"name": "echo", "args": {"text": "hello"}})).await.unwrap()
}

fn error_of(home: &Home, name: &str) -> String {
    let list = home.json(&["skill", "list"]);
    let package = list["packages"].as_array().unwrap().iter().find(|package| package["name"] == name).unwrap();
    package["error"].as_str().unwrap_or_default().to_owned()
}

fn kinds(home: &Home, kind: &str) -> Vec<Value> {
    let rows = home.json(&["audit", "list", "--kind", kind]);
    rows.as_array().unwrap().iter().map(|row| row["entry"].clone()).collect()
}

// SU-25, P12
#[tokio::test]
async fn what_its_owner_revokes_is_off_at_once_and_at_every_start_until_that_is_taken_back() {
    let home = Home::new().component("echo");
    let running = home.start();
    let mut client = running.connect().await;
    let source = home.source(&package(&[]));
    home.ok(&["skill", "install", &source, "--yes", "--grant-all"]);
    assert_eq!(
        (ask_store(&mut client).await["ok"].clone(), echo(&mut client).await["ok"].clone()),
        (json!(true), json!(true))
    );

    let said = home.ok(&["skill", "revoke", "effects", "--reason", "it phones \u{1b}home"]);
    let digest = home.json(&["skill", "list"])["packages"][0]["digest"].as_str().unwrap().to_owned();
    assert!(said.contains(&format!("`sha256:{digest}` is revoked")), "{said}");
    assert!(client.call("tools.invoke", json!({"name": "ask", "args": {"times": 1}})).await.is_err_or_refused());
    assert_eq!(echo(&mut client).await["ok"], true, "what is not listed goes on");
    let why = error_of(&home, "effects");
    assert!(why.starts_with("E_PKG_REVOKED") && why.ends_with("it phones \\u{1b}home"), "{why}");
    for args in [&["skill", "inspect", &source][..], &["skill", "install", &source, "--yes", "--grant-all"]] {
        assert!(home.no(args).contains("E_PKG_REVOKED"), "{args:?}");
    }
    let listed = home.ok(&["skill", "revocations"]);
    assert!(listed.contains(&digest) && listed.contains("you"), "{listed}");
    let doctor = home.run(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("warn  packages: `effects` is off: E_PKG_REVOKED"), "{doctor}");

    // Other bytes are something else.
    let other = home.source(&with_tail(package(&[]), 1));
    home.ok(&["skill", "inspect", &other]);
    drop(running);
    let running = home.start();
    let mut client = running.connect().await;
    assert!(error_of(&home, "effects").starts_with("E_PKG_REVOKED"));
    assert!(client.call("tools.invoke", json!({"name": "ask", "args": {"times": 1}})).await.is_err_or_refused());
    assert_eq!(echo(&mut client).await["ok"], true);

    home.ok(&["skill", "unrevoke", &digest]);
    assert_eq!(error_of(&home, "effects"), "");
    assert_eq!(ask_store(&mut client).await["ok"], true, "with the grants that it had");
    assert!(home.no(&["skill", "unrevoke", &digest]).contains("has not revoked"));
    let kept = |kind: &str| kinds(&home, kind).iter().map(|it| it["subject"].clone()).collect::<Vec<_>>();
    assert_eq!(kept("revocation"), [format!("sha256:{digest}"), format!("sha256:{digest}")].map(Value::from));
    let off = kinds(&home, "component.refused");
    assert_eq!((&off[0]["component"], &off[0]["code"]), (&json!("effects"), &json!("E_PKG_REVOKED")), "{off:?}");
}

/// A call of what is not there is refused in one way or another.
trait Refused {
    fn is_err_or_refused(&self) -> bool;
}

impl Refused for Result<Value, Value> {
    fn is_err_or_refused(&self) -> bool {
        self.as_ref().map_or(true, |answer| answer["ok"] == false)
    }
}

// P12
#[tokio::test]
async fn a_call_of_what_is_revoked_ends_within_a_second() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let home = Home::new();
    let running = home.start();
    let source = test_guest("probe").display().to_string();
    home.ok(&["skill", "install", &source, "--yes", "--grant", &format!("http http://{authority} GET")]);
    let mut client = running.connect().await;
    let steps = json!([{"wasi": {"op": "http_handle", "authority": authority}}]);
    let call = client.send("tools.invoke", json!({"name": "probe", "args": {"steps": steps}})).await;
    // It hangs at a server that never answers.
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    let mut other = running.connect().await;
    let begun = Instant::now();
    other.call("packages.revoke", json!({"what": "probe", "reason": "it hangs"})).await.unwrap();
    let ended = client.response(&call).await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert!(ended.is_err_or_refused(), "{ended:?}");
}

#[tokio::test]
async fn a_key_is_revoked_with_all_that_it_has_signed_and_no_other_key() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    let (alice, mallory) = (Publisher::new(), Publisher::new());
    let sign = |file: &str, bytes: &[u8], publisher: &Publisher| {
        let folder = home.path().join(format!("incoming-{file}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{file}.wasm")), bytes).unwrap();
        std::fs::write(folder.join(format!("{file}.wasm.minisig")), publisher.sign(bytes)).unwrap();
        std::fs::write(folder.join("minisign.pub"), publisher.key()).unwrap();
        folder.display().to_string()
    };
    let hers = sign("effects", &package(&[]), &mallory);
    let his = sign("echo", &std::fs::read(test_guest("echo")).unwrap(), &alice);
    home.ok(&["skill", "install", &hers, "--yes", "--grant-all"]);
    home.ok(&["skill", "install", &his, "--yes", "--grant-all"]);
    home.ok(&["skill", "revoke", &mallory.key(), "--reason", "stolen"]);
    assert!(error_of(&home, "effects").ends_with("stolen"));
    assert_eq!((error_of(&home, "echo"), echo(&mut client).await["ok"].clone()), (String::new(), json!(true)));
    // Her next version neither.
    let next = sign("effects", &with_tail(package(&[]), 1), &mallory);
    assert!(home.no(&["skill", "inspect", &next]).contains("E_PKG_REVOKED"));
    assert!(home.no(&["skill", "update", "effects"]).contains("E_PKG_REVOKED"));
    home.ok(&["skill", "remove", "effects"]);
    for nothing in ["nobody", "files", "RWnothing", "clawhub:../x"] {
        assert!(home.no(&["skill", "revoke", nothing]).contains("names nothing that can be revoked"), "{nothing}");
    }
}

#[tokio::test]
async fn a_file_of_the_folder_components_is_revoked_by_its_name_too() {
    let home = Home::new().component("echo");
    let running = home.start();
    let mut client = running.connect().await;
    home.ok(&["skill", "revoke", "echo"]);
    let is_off = |answer: Result<Value, Value>| answer.is_err_or_refused();
    assert!(is_off(client.call("tools.invoke", json!({"name": "echo", "args": {"text": "x"}})).await));
    drop(running);
    let running = home.start();
    let mut client = running.connect().await;
    let refused = home.json(&["component", "list"])["refused"][0].clone();
    assert!(refused["error"].as_str().unwrap().starts_with("E_PKG_REVOKED"), "{refused}");
    let what = home.json(&["skill", "revocations"])["revoked"][0]["what"].as_str().unwrap().to_owned();
    home.ok(&["skill", "unrevoke", &what]);
    assert_eq!(echo(&mut client).await["ok"], true);
    drop(running);
    // Nobody may take a damaged list for an empty one.
    std::fs::write(home.path().join("revocations.json"), "{\"revoked\": [").unwrap();
    let refused = home.run(&["run"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("does not say what is revoked"), "{said}");
}

/// A server with a list and its signature.
struct Lists {
    url: String,
    now: Arc<Mutex<(String, String)>>,
}

impl Lists {
    async fn start() -> Lists {
        let now: Arc<Mutex<(String, String)>> = Arc::default();
        let answer = async |State(now): State<Arc<Mutex<(String, String)>>>, uri: Uri| {
            let (text, signature) = now.lock().unwrap().clone();
            match (uri.path(), text.is_empty()) {
                ("/list.json", false) => (StatusCode::OK, text),
                ("/list.json.minisig", false) => (StatusCode::OK, signature),
                _ => (StatusCode::NOT_FOUND, String::new()),
            }
        };
        let app = Router::new().fallback(answer).with_state(Arc::clone(&now));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/list.json", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Lists { url, now }
    }

    fn put(&self, serial: u64, revoked: &[&str], publisher: &Publisher) {
        let revoked: Vec<_> = revoked.iter().map(|what| json!({"what": what, "reason": "found in the wild"})).collect();
        let list = json!({"schema": "openclaw-host.revocations.v1", "serial": serial, "revoked": revoked}).to_string();
        let signature = publisher.sign(list.as_bytes());
        *self.now.lock().unwrap() = (list, signature);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_list_counts_if_its_key_fits_and_it_is_newer() {
    let (lists, keeper, mallory) = (Lists::start().await, Publisher::new(), Publisher::new());
    let feed = json!({"url": lists.url, "key": keeper.key()});
    let home = Home::new().config(&format!("{{packages: {{revocations: {feed}}}}}"));
    let running = home.start();
    let source = home.source(&package(&[]));
    home.ok(&["skill", "install", &source, "--yes", "--grant-all"]);
    let digest = home.json(&["skill", "list"])["packages"][0]["digest"].as_str().unwrap().to_owned();
    assert!(home.no(&["skill", "revocations", "--fetch"]).contains("404"));

    lists.put(7, &[&digest], &mallory);
    assert!(home.no(&["skill", "revocations", "--fetch"]).contains("E_PKG_SIG"));
    assert_eq!(error_of(&home, "effects"), "");
    lists.put(7, &[&digest, "later:kind"], &keeper);
    let said = home.ok(&["skill", "revocations", "--fetch"]);
    assert!(said.contains("serial 7") && said.contains("found in the wild"), "{said}");
    assert!(error_of(&home, "effects").contains("is revoked by the list http://127.0.0.1"));
    // Older, or another one under the same number: what was revoked would come back.
    for serial in [6, 7] {
        lists.put(serial, &[], &keeper);
        let said = home.no(&["skill", "revocations", "--fetch"]);
        assert!(said.contains("an older list"), "{said}");
        assert!(error_of(&home, "effects").starts_with("E_PKG_REVOKED"));
    }
    // The owner cannot take back what the list says.
    assert!(home.no(&["skill", "unrevoke", &digest]).contains("has not revoked"));

    // It is kept: a start without the server knows it.
    drop(running);
    *lists.now.lock().unwrap() = Default::default();
    let running = home.start();
    assert!(error_of(&home, "effects").starts_with("E_PKG_REVOKED"));
    lists.put(8, &[], &keeper);
    home.ok(&["skill", "revocations", "--fetch"]);
    assert_eq!(error_of(&home, "effects"), "");
    assert_eq!(ask_store(&mut running.connect().await).await["ok"], true);
    assert_eq!(kinds(&home, "revocation.list").len(), 2, "each once");
    drop(running);

    // With another key configured, the kept one does not count, and the log says so.
    let feed = json!({"url": lists.url, "key": mallory.key()});
    let home = home.config(&format!("{{packages: {{revocations: {feed}}}}}"));
    let _running = home.start();
    let state = home.json(&["skill", "revocations"])["list"].clone();
    assert_eq!(state["serial"], Value::Null, "{state}");
}
