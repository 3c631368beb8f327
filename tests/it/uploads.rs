//! Request bodies that stream: whole or not at all, and no faster than the server reads.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::client::PATIENCE;
use crate::host::{Home, Host};
use crate::vitals::{children, memory_kib};

const MIB: u64 = 1 << 20;
/// What host and worker may each grow by during an upload: far less than the upload.
const MORE_MEMORY_KIB: u64 = 16 << 10;
const LARGE: u64 = 32 * MIB;
const GRANTED: &str = r#"permit (principal, action == Action::"http.request", resource) when { context.granted };"#;

/// A request as a server has read it.
struct Request {
    head: String,
    body: Vec<u8>,
    /// Whether the body has ended as HTTP says, and not with the connection.
    is_whole: bool,
}

fn read_head(stream: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

fn read_body(stream: &mut impl BufRead, head: String) -> Request {
    let mut body = Vec::new();
    let is_whole = match head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        Some(length) => {
            let length = length.parse().unwrap();
            stream.take(length).read_to_end(&mut body).is_ok_and(|read| read as u64 == length)
        }
        None => read_chunks(stream, &mut body).is_ok(),
    };
    Request { head, body, is_whole }
}

fn read_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        if stream.take(length + 2).read_to_end(body)? as u64 != length + 2 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        body.truncate(body.len() - 2);
        if length == 0 {
            return Ok(());
        }
    }
}

/// Answers one connection after another with `status`, as long as the requests are whole; gives them all once a `GET`
/// has come.
fn server(pause: impl FnMut() + Send + 'static) -> (String, JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    (authority, std::thread::spawn(move || serve(&listener, pause)))
}

fn serve(listener: &TcpListener, mut pause: impl FnMut()) -> Vec<Request> {
    let mut requests = Vec::new();
    loop {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = BufReader::new(stream);
        let Ok(head) = read_head(&mut stream) else { continue };
        if head.starts_with("GET") {
            answer(stream.get_mut(), "200 OK");
            return requests;
        }
        pause();
        let request = read_body(&mut stream, head);
        if request.is_whole {
            answer(stream.get_mut(), "200 OK");
        }
        requests.push(request);
    }
}

fn answer(stream: &mut TcpStream, status: &str) {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
}

fn home(authority: &str) -> Home {
    let grants = json!(["fs workspace read-write", format!("http http://{authority} GET,POST")]);
    let home = Home::new().component("probe").config(&format!("{{ grants: {{ probe: {grants} }} }}"));
    // As the component reads the workspace and talks to a server, the preset would ask before its second request.
    let policies = home.path().join("policies");
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("mine.cedar"), GRANTED).unwrap();
    home
}

/// What each of the steps gives, or how the call failed.
async fn probe(host: &Host, steps: Value) -> Result<Vec<Value>, Value> {
    let mut client = host.connect().await;
    let answer = client.call("tools.invoke", json!({"name": "probe", "args": {"steps": steps}})).await.unwrap();
    match answer["output"].as_str() {
        Some(text) if answer["ok"] == true => Ok(serde_json::from_str(text).unwrap()),
        _ => Err(answer),
    }
}

fn upload(authority: &str, more: Value) -> Value {
    let mut step = json!({"op": "http_upload", "authority": authority});
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!([{"wasi": step}])
}

/// Tells the server that this was all.
async fn finish(host: &Host, authority: &str) {
    let step = json!([{"host": {"op": "http", "url": format!("http://{authority}/")}}]);
    assert_eq!(probe(host, step).await.unwrap()[0]["ok"]["status"], 200);
}

fn check_body(request: &Request, bytes: u64) {
    assert!(request.is_whole, "{}", request.head);
    assert_eq!(request.body.len() as u64, bytes);
    let is_right = |(n, byte): (usize, &u8)| *byte == (n ^ n >> 8 ^ n >> 16) as u8;
    assert!(request.body.iter().enumerate().all(is_right), "the bytes are not those that were written");
}

/// The most memory that the host, and its first worker, ever had, in KiB.
fn peaks(host: &Host) -> [u64; 2] {
    let worker = children(host.pid())[0];
    [host.pid(), worker].map(|pid| memory_kib(pid, "VmHWM:").unwrap())
}

fn check_peaks(before: [u64; 2], after: [u64; 2]) {
    for (before, after) in before.into_iter().zip(after) {
        assert!(after <= before + MORE_MEMORY_KIB, "{before} KiB before, {after} KiB after");
    }
}

#[tokio::test]
async fn a_long_body_arrives_whole_and_waits_for_its_server() {
    // The server reads nothing before the guest has noticed.
    let (stalled, wait) = std::sync::mpsc::channel();
    let (authority, served) = server(move || wait.recv_timeout(PATIENCE).expect("the guest did not stall"));
    let home = home(&authority);
    let running = home.start();
    probe(&running, json!([])).await.unwrap();
    let before = peaks(&running);
    for length in [None, Some(LARGE)] {
        let step = upload(&authority, json!({"bytes": LARGE, "length": length}));
        let note = home.workspace().join("stalled");
        let (given, ()) = tokio::join!(probe(&running, step), async {
            let until = tokio::time::Instant::now() + PATIENCE;
            let written = loop {
                tokio::task::yield_now().await;
                assert!(
                    tokio::time::Instant::now() < until,
                    "the guest wrote all of it to a server that reads nothing"
                );
                match std::fs::read_to_string(&note) {
                    Ok(written) if !written.is_empty() => break written,
                    _ => {}
                }
            };
            assert!(written.parse::<u64>().unwrap() < LARGE - 8 * MIB, "{written}");
            std::fs::remove_file(&note).unwrap();
            stalled.send(()).unwrap();
        });
        assert_eq!(given.unwrap()[0]["ok"], json!({"status": 200, "written": LARGE}));
    }
    check_peaks(before, peaks(&running));
    finish(&running, &authority).await;
    let requests = served.join().unwrap();
    requests.iter().for_each(|request| check_body(request, LARGE));
    assert!(requests[0].head.contains("transfer-encoding: chunked\r\n"), "{}", requests[0].head);
    assert!(requests[1].head.contains(&format!("content-length: {LARGE}\r\n")), "{}", requests[1].head);
}

#[tokio::test]
async fn a_body_that_breaks_never_looks_whole() {
    let (authority, served) = server(|| ());
    let home = home(&authority);
    let running = home.start();
    for end in ["drop", "trap"] {
        // The first is short enough to travel with its request.
        for (bytes, length) in [(10_000, None), (MIB, None), (MIB, Some(2 * MIB))] {
            let step = upload(&authority, json!({"bytes": bytes, "length": length, "end": end}));
            match probe(&running, step).await {
                Ok(given) => assert!(end == "drop" && given[0]["error"].is_object(), "{end}: {given:?}"),
                Err(failed) => assert_eq!(end, "trap", "{failed}"),
            }
        }
    }
    finish(&running, &authority).await;
    let requests = served.join().unwrap();
    assert!(requests.iter().all(|request| !request.is_whole), "a part was taken for the whole");
}

#[tokio::test]
async fn a_body_over_the_limit_is_cut_off_and_one_that_says_so_is_not_sent() {
    let (authority, served) = server(|| ());
    let home = home(&authority);
    let running = home.start();
    for length in [None, Some(65 * MIB)] {
        let step = upload(&authority, json!({"bytes": 65 * MIB, "length": length}));
        let given = probe(&running, step).await.unwrap();
        assert!(given[0]["error"]["text"].as_str().unwrap().contains("ConnectionLimitReached"), "{given:?}");
    }
    finish(&running, &authority).await;
    let requests = served.join().unwrap();
    assert!(requests.len() == 1 && !requests[0].is_whole, "{}", requests.len());
}

// NET-40, with fewer writes: each is a call into the host
#[tokio::test]
async fn writes_of_no_bytes_cost_no_memory() {
    let (authority, served) = server(|| ());
    let home = home(&authority);
    let running = home.start();
    probe(&running, json!([])).await.unwrap();
    let before = peaks(&running);
    for bytes in [10, MIB] {
        let given = probe(&running, upload(&authority, json!({"bytes": bytes, "empty": 100_000}))).await.unwrap();
        assert_eq!(given[0]["ok"], json!({"status": 200, "written": bytes}));
    }
    check_peaks(before, peaks(&running));
    finish(&running, &authority).await;
    let requests = served.join().unwrap();
    check_body(&requests[0], 10);
    check_body(&requests[1], MIB);
}

#[tokio::test]
async fn a_server_that_answers_early_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        read_head(&mut stream).unwrap();
        answer(stream.get_mut(), "413 Content Too Large");
        // Until the other side hangs up, so that the body is never read.
        let (released, wait) = std::sync::mpsc::channel::<()>();
        (stream, released, wait)
    });
    let home = home(&authority);
    let running = home.start();
    let given = probe(&running, upload(&authority, json!({"bytes": LARGE}))).await.unwrap();
    assert_eq!(given[0]["ok"]["status"], 413, "{given:?}");
    assert!(given[0]["ok"]["written"].as_u64().unwrap() < LARGE, "{given:?}");
    drop(served.join().unwrap());
}

#[tokio::test]
async fn a_run_whose_upload_streamed_is_not_replayed() {
    let (authority, _served) = server(|| ());
    let home = home(&authority);
    let running = home.start();
    let mut client = running.connect().await;
    let step = json!({"steps": upload(&authority, json!({"bytes": MIB}))});
    let answer = client.ask("r1", &format!("tool probe {step}")).await;
    assert!(answer.contains("200"), "{answer}");
    let replayed = home.json(&["runs", "replay", "r1"]);
    assert_eq!(replayed["calls"][0]["result"], "impossible", "{replayed}");
    assert!(replayed["calls"][0]["detail"].as_str().unwrap().contains("streamed"), "{replayed}");
}
