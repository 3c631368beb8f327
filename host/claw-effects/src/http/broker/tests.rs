use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use claw_core::effect::{AddressClass, HttpRequest, RequestBody};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use super::*;
use crate::dial::TrustRoots;
use crate::dial::tests::{Script, owner, read_head, serve, system};
use crate::http::answers::Answer;
use crate::http::plan::plan_http;

/// A server that answers every request on a connection with `text`, and puts the request into the body for `{}`.
async fn serve_text(text: &'static str) -> (u16, Arc<AtomicUsize>) {
    serve(move |mut stream| async move {
        while let Some(request) = read_head(&mut stream).await {
            let answer = match text.contains("{}") {
                true => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{request}", request.len()),
                false => text.to_owned(),
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

fn plan(url: &str) -> HttpPlan {
    let request = HttpRequest {
        method: "GET".into(),
        url: url.into(),
        headers: vec![("x-guest".into(), b"1".to_vec()), ("Host".into(), b"internal.test".to_vec())],
        body: RequestBody::Whole(Vec::new()),
        first_byte_timeout_ms: 5000,
    };
    plan_http(&request, &HttpLimits::default()).unwrap()
}

fn broker() -> HttpBroker {
    limited(HttpLimits::default())
}

fn limited(limits: HttpLimits) -> HttpBroker {
    HttpBroker::new(limits, system(None))
}

fn scripted(answers: &[&[&str]], port: u16) -> (HttpBroker, Arc<Script>) {
    let (dialer, script) = crate::dial::tests::scripted(answers, port, &TrustRoots::Public);
    (HttpBroker::new(HttpLimits::default(), dialer), script)
}

async fn send_plan(broker: &HttpBroker, plan: HttpPlan, cancel: &CancellationToken) -> Result<HttpAnswer, EffectError> {
    broker.send_plan(plan, None, &owner("probe"), &|_| None, cancel).await
}

async fn send(broker: &HttpBroker, url: &str) -> Result<HttpAnswer, EffectError> {
    send_plan(broker, plan(url), &CancellationToken::new()).await
}

async fn text(mut answer: HttpAnswer) -> Result<String, EffectError> {
    let mut all = Vec::new();
    while let Some(piece) = answer.body.next().await? {
        assert!(!piece.is_empty() && piece.len() <= 64 * 1024);
        all.extend_from_slice(&piece);
    }
    assert_eq!(answer.body.next().await.unwrap(), None);
    Ok(String::from_utf8(all).unwrap())
}

#[track_caller]
fn check_denied(result: Result<HttpAnswer, EffectError>, named: &str) {
    match result {
        Err(EffectError::Denied { code, reason }) => {
            assert_eq!(code, "E_NET_ADDR");
            assert!(reason.contains(named), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_limit(error: EffectError) {
    assert!(matches!(&error, EffectError::Limit(text) if text.starts_with("E_NET_LIMIT")), "{error:?}");
}

#[tokio::test]
async fn the_server_sees_the_host_of_the_url_and_the_path_of_the_plan() {
    // NET-22
    let (port, _) = serve_text("{}").await;
    let (broker, script) = scripted(&[&["8.8.8.8"]], port);
    let url = format!("http://EXAMPLE.test:{port}/a/./b%20c?q=%41");
    let seen = text(send(&broker, &url).await.unwrap()).await.unwrap();
    assert!(seen.starts_with("GET /a/b%20c?q=%41 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: example.test:{port}\r\n")), "{seen}");
    assert!(seen.contains("x-guest: 1\r\n") && !seen.contains("internal.test"), "{seen}");
    assert!(seen.contains("accept-encoding: identity\r\n") && !seen.contains("user-agent"), "{seen}");
    assert_eq!(script.asked(), ["example.test"]);
}

#[tokio::test]
async fn a_name_that_leads_to_a_special_address_is_denied_and_nothing_is_dialled() {
    // NET-10, NET-14: the second lookup gives another answer
    let (port, connections) = serve(|_| pending()).await;
    for answer in ["127.0.0.1", "10.1.2.3", "169.254.169.254"] {
        let (broker, _) = scripted(&[&["8.8.8.8", answer]], port);
        check_denied(send(&broker, &format!("http://example.test:{port}/")).await, answer);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_address_later_is_checked_again() {
    // NET-10
    let (port, connections) = serve_text("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
    let (broker, script) = scripted(&[&["8.8.8.8"], &["127.0.0.1"]], port);
    let url = format!("http://example.test:{port}/");
    assert_eq!(text(send(&broker, &url).await.unwrap()).await.unwrap(), "");
    check_denied(send(&broker, &url).await, "127.0.0.1");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test]
async fn connections_are_used_again_for_the_same_host_only() {
    let (port, connections) = serve_text("{}").await;
    let (broker, script) = scripted(&[&["8.8.8.8"]], port);
    for _ in 0..3 {
        text(send(&broker, &format!("http://one.test:{port}/")).await.unwrap()).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    text(send(&broker, &format!("http://two.test:{port}/")).await.unwrap()).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    assert_eq!(script.asked(), ["one.test", "two.test"]);
}

#[tokio::test]
async fn a_literal_or_localhost_is_dialled_as_the_plan_says() {
    let (port, _) = serve_text("{}").await;
    for host in ["127.0.0.1", "2130706433", "localhost", "a.localhost"] {
        let answer = send(&broker(), &format!("http://{host}:{port}/")).await.unwrap();
        assert_eq!(answer.head.status, 200);
    }
}

#[tokio::test]
async fn the_hosts_own_gateway_is_never_dialled() {
    let (port, connections) = serve(|_| pending()).await;
    let broker = HttpBroker::new(HttpLimits::default(), system(Some(port)));
    for host in ["127.0.0.1", "127.9.9.9", "localhost", "x.localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"] {
        check_denied(send(&broker, &format!("http://{host}:{port}/")).await, "own gateway");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_plan_with_a_false_class_and_a_metadata_name_are_denied() {
    let mut forged = plan("http://127.0.0.1:9/");
    forged.target.address = AddressClass::Public;
    check_denied(send_plan(&broker(), forged, &CancellationToken::new()).await, "ask again");
    // NET-15
    check_denied(send(&broker(), "http://metadata.google.internal/").await, "metadata");
}

#[tokio::test]
async fn a_redirect_goes_back_to_the_guest() {
    // NET-06
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nkeep-alive: 5\r\ncontent-length: 0\r\n\r\n";
    let (port, _) = serve_text(answer).await;
    let answer = send(&broker(), &format!("http://127.0.0.1:{port}/")).await.unwrap();
    assert_eq!(answer.head.status, 302);
    let expected = [("location", "http://127.0.0.1:1/"), ("content-length", "0")];
    assert_eq!(answer.head.headers, expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())));
}

#[tokio::test]
async fn an_endless_body_ends_at_the_cap_and_is_not_unpacked() {
    // NET-33
    let (port, _) = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let piece = format!("{:x}\r\n{}\r\n", 100_000, "z".repeat(100_000));
        while stream.write_all(piece.as_bytes()).await.is_ok() {}
    })
    .await;
    let limits = HttpLimits { max_response_bytes: 1_000_000, ..HttpLimits::default() };
    let broker = limited(limits);
    let mut answer = send(&broker, &format!("http://127.0.0.1:{port}/")).await.unwrap();
    let mut received = 0;
    let error = loop {
        match answer.body.next().await {
            Ok(piece) => received += piece.unwrap().len(),
            Err(error) => break error,
        }
    };
    check_limit(error);
    assert!(received <= 1_000_000, "{received}");
    assert_eq!(answer.body.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_never_answers_or_drips_reaches_a_time_limit() {
    // NET-33
    let (port, _) = serve(|stream| async move {
        let _open = stream;
        pending().await
    })
    .await;
    let mut slow = plan(&format!("http://127.0.0.1:{port}/"));
    slow.first_byte_timeout_ms = 50;
    let error = send_plan(&broker(), slow, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, EffectError::Unanswered(text) if text.starts_with("E_NET_LIMIT")), "{error:?}");

    let (port, _) = serve(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx").await.unwrap();
        pending().await
    })
    .await;
    let limits = HttpLimits { max_total: Duration::from_millis(100), ..HttpLimits::default() };
    let answer = send(&limited(limits), &format!("http://127.0.0.1:{port}/")).await.unwrap();
    let error = text(answer).await.unwrap_err();
    check_limit(error);
}

#[tokio::test]
async fn what_was_never_sent_is_told_from_what_was_not_answered() {
    let (port, connections) = serve(|mut stream| async move {
        read_head(&mut stream).await;
    })
    .await;
    let broken = send(&broker(), &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(&broken, EffectError::Unanswered(text) if text.contains("broke off")), "{broken:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nobody = send(&broker(), &format!("http://127.0.0.1:{free}/")).await.unwrap_err();
    assert!(matches!(&nobody, EffectError::Unavailable(text) if text.contains("could not be reached")), "{nobody:?}");
    let (port, _) = serve(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx").await.unwrap();
    })
    .await;
    let cut = text(send(&broker(), &format!("http://127.0.0.1:{port}/")).await.unwrap()).await.unwrap_err();
    assert!(matches!(&cut, EffectError::Unanswered(_)), "{cut:?}");
}

#[tokio::test]
async fn an_oversized_head_is_refused() {
    // NET-33
    let large = serve_large_head(1, 100_000).await;
    let error = send(&broker(), &format!("http://127.0.0.1:{large}/")).await.unwrap_err();
    check_limit(error);
    for (count, bytes) in [(100_000, 1), (1, 1_000_000)] {
        let port = serve_large_head(count, bytes).await;
        let error = send(&broker(), &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
        check_limit(error);
    }
}

async fn serve_large_head(count: usize, bytes: usize) -> u16 {
    let serve = serve(move |mut stream| async move {
        read_head(&mut stream).await;
        let fields = format!("a: {}\r\n", "x".repeat(bytes)).repeat(count);
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes()).await;
    });
    serve.await.0
}

#[tokio::test]
async fn cancelling_ends_the_wait_and_the_body() {
    let (port, _) = serve_text("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx").await;
    let cancel = CancellationToken::new();
    let url = format!("http://127.0.0.1:{port}/");
    let mut answer = send_plan(&broker(), plan(&url), &cancel).await.unwrap();
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "x");
    cancel.cancel();
    assert_eq!(answer.body.next().await, Err(EffectError::Cancelled));
    assert_eq!(send_plan(&broker(), plan(&url), &cancel).await.unwrap_err(), EffectError::Cancelled);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_its_query_is_not_repeated() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = send(&broker(), &format!("http://127.0.0.1:{port}/?key=secret")).await.unwrap_err();
    let EffectError::Unavailable(text) = error else { panic!("{error:?}") };
    assert!(text.contains("127.0.0.1") && text.contains("refused") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_server_that_lies_about_its_length_gains_nothing() {
    // NET-33
    let (port, _) = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\nx";
        stream.write_all(head.as_bytes()).await.unwrap();
    })
    .await;
    let answer = send(&broker(), &format!("http://127.0.0.1:{port}/")).await.unwrap();
    let error = text(answer).await.unwrap_err();
    assert!(matches!(error, EffectError::Unanswered(_)), "{error:?}");
}

#[tokio::test]
async fn a_component_that_floods_is_busy_and_others_are_not() {
    // NET-35
    let (port, connections) = serve(|stream| async move {
        let _open = stream;
        pending().await
    })
    .await;
    let broker = Arc::new(broker());
    let plan = plan(&format!("http://127.0.0.1:{port}/"));
    let cancel = CancellationToken::new();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (broker, plan, cancel) = (Arc::clone(&broker), plan.clone(), cancel.clone());
        running.spawn(async move { send_plan(&broker, plan, &cancel).await });
    }
    for _ in 0..8 {
        let refused = running.join_next().await.unwrap().unwrap().unwrap_err();
        assert!(matches!(&refused, EffectError::Limit(text) if text.starts_with("E_BUSY")), "{refused:?}");
    }
    let other = broker.slots.take(&owner("other"));
    assert!(other.is_ok());
    cancel.cancel();
    while let Some(ended) = running.join_next().await {
        assert_eq!(ended.unwrap().unwrap_err(), EffectError::Cancelled);
    }
    assert!(connections.load(Ordering::SeqCst) <= 32);
    assert!(broker.slots.take(&owner("probe")).is_ok());
}

#[tokio::test]
async fn an_answer_counts_until_its_body_is_done_with() {
    // NET-35
    let (port, _) = serve_text("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx").await;
    let (broker, url) = (broker(), format!("http://127.0.0.1:{port}/"));
    let mut answers = Vec::new();
    for _ in 0..32 {
        answers.push(send(&broker, &url).await.unwrap());
    }
    let refused = send(&broker, &url).await.unwrap_err();
    assert!(matches!(&refused, EffectError::Limit(text) if text.starts_with("E_BUSY")), "{refused:?}");
    answers.pop();
    assert!(send(&broker, &url).await.is_ok());
}

#[tokio::test]
async fn components_do_not_share_connections_and_few_are_kept() {
    let (port, connections) = serve_text("{}").await;
    let (broker, url) = (broker(), format!("http://127.0.0.1:{port}/"));
    let send_as = async |name: &str| {
        let sent = broker.send_plan(plan(&url), None, &owner(name), &|_| None, &CancellationToken::new()).await;
        text(sent.unwrap()).await.unwrap()
    };
    for name in ["one", "two", "one", "two"] {
        send_as(name).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    for count in 0..2 * MAX_CLIENTS {
        send_as(&format!("many-{count}")).await;
    }
    assert_eq!(broker.clients.lock().unwrap().len(), MAX_CLIENTS);
}

#[tokio::test]
async fn a_secret_reaches_the_server_and_comes_back_masked() {
    // SE-06
    let (port, _) = serve(|mut stream| async move {
        let request = read_head(&mut stream).await.unwrap();
        assert!(request.contains("authorization: Bearer s3cr3t-value\r\n"), "{request}");
        let head = format!("x-echo: s3cr3t-value\r\ncontent-length: {}\r\n", request.len());
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes()).await.unwrap();
        // In two pieces, cut within the secret.
        let (first, second) = request.split_at(request.find("cr3t").unwrap());
        stream.write_all(first.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(second.as_bytes()).await.unwrap();
    })
    .await;
    let mut with_secret = plan(&format!("http://127.0.0.1:{port}/"));
    with_secret.headers.push(("authorization".into(), b"Bearer {{secret:api}}".to_vec()));
    let vault = |name: &str| (name == "api").then(|| Zeroizing::new("s3cr3t-value".to_owned()));
    let cancel = CancellationToken::new();
    let answer = broker().send_plan(with_secret.clone(), None, &owner("probe"), &vault, &cancel).await.unwrap();
    assert_eq!(answer.head.headers, [("x-echo".to_owned(), b"<secret api>".to_vec())]);
    let body = text(answer).await.unwrap();
    assert!(body.contains("authorization: Bearer <secret api>\r\n") && !body.contains("s3cr3t"), "{body}");
    let missing = broker().send_plan(with_secret, None, &owner("probe"), &|_| None, &cancel).await.unwrap_err();
    assert!(matches!(&missing, EffectError::Denied { code, .. } if code == "E_SECRET_SCOPE"), "{missing:?}");
}

#[tokio::test]
async fn a_secret_in_the_path_reaches_the_server_and_comes_back_masked() {
    // SE-06
    let (port, _) = serve(|mut stream| async move {
        let request = read_head(&mut stream).await.unwrap();
        assert!(request.starts_with("GET /bot123:s3cr3t%2Fvalue/send?x=1 HTTP/1.1\r\n"), "{request}");
        let head = format!("location: /bot123:s3cr3t%2Fvalue/x\r\ncontent-length: {}\r\n", request.len());
        stream.write_all(format!("HTTP/1.1 302 Found\r\n{head}\r\n{request}").as_bytes()).await.unwrap();
    })
    .await;
    let with_secret = plan(&format!("http://127.0.0.1:{port}/bot{{{{secret:api}}}}/send?x=1"));
    let vault = |name: &str| (name == "api").then(|| Zeroizing::new("123:s3cr3t/value".to_owned()));
    let cancel = CancellationToken::new();
    let answer = broker().send_plan(with_secret.clone(), None, &owner("probe"), &vault, &cancel).await.unwrap();
    assert_eq!(answer.head.headers, [("location".to_owned(), b"/bot<secret api>/x".to_vec())]);
    let body = text(answer).await.unwrap();
    assert!(body.contains("GET /bot<secret api>/send") && !body.contains("s3cr3t"), "{body}");
    // Of one who never answers, no error says what was sent.
    let (gone, _) = serve(|_| pending()).await;
    let lost = HttpPlan { target: Target { port: gone, ..with_secret.target.clone() }, ..with_secret };
    let short = HttpPlan { first_byte_timeout_ms: 20, ..lost };
    let late = broker().send_plan(short, None, &owner("probe"), &vault, &cancel).await.unwrap_err().to_string();
    assert!(!late.contains("s3cr3t"), "{late}");
}

#[tokio::test]
async fn a_file_answers_a_request_by_its_placeholder() {
    // SE-06
    let url = "https://api.example.test/bot{{secret:api}}/me";
    let answer = Answer { request: format!("GET {url}"), status: 200, headers: vec![], body: "me".into() };
    let broker = broker().answering_from(Answers::new(vec![answer]).unwrap());
    let vault = |name: &str| (name == "api").then(|| Zeroizing::new("s3cr3t".to_owned()));
    let send =
        async |url: &str| broker.send_plan(plan(url), None, &owner("probe"), &vault, &CancellationToken::new()).await;
    assert_eq!(text(send(url).await.unwrap()).await.unwrap(), "me");
    let none = send("https://api.example.test/bot{{secret:api}}/you").await.unwrap_err().to_string();
    assert!(none.contains("`GET https://api.example.test/bot{{secret:api}}/you`"), "{none}");
}

#[tokio::test]
async fn answers_of_a_file_stand_in_for_servers_and_nothing_is_dialled() {
    let (port, connections) = serve(|_| pending()).await;
    let url = format!("http://example.test:{port}/a");
    let answer = |status: u16, body: &'static str| Answer {
        request: format!("GET {url}"),
        status,
        headers: vec![("x-server".into(), "1".into()), ("connection".into(), "close".into())],
        body: body.into(),
    };
    let answers = Answers::new(vec![answer(429, "later"), answer(200, "now")]).unwrap();
    let broker = broker().answering_from(answers);
    for (status, body) in [(429, "later"), (200, "now"), (200, "now")] {
        let answer = send(&broker, &url).await.unwrap();
        assert_eq!(answer.head.status, status);
        let names: Vec<_> = answer.head.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-server", "content-length"]);
        assert_eq!(text(answer).await.unwrap(), body);
    }
    // A streamed body is taken in whole before the answer; one to somewhere else has no answer.
    let parts = futures_util::stream::iter([Ok(Bytes::from_static(b"ab"))]).boxed();
    let post = HttpPlan { method: "POST".into(), body: RequestBody::Streamed { length: Some(2) }, ..plan(&url) };
    let sent = broker.send_plan(post, Some(parts), &owner("probe"), &|_| None, &CancellationToken::new()).await;
    let said = sent.unwrap_err().to_string();
    assert!(said.contains(&format!("there is no answer to `POST {url}`")), "{said}");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}
