use claw_core::effect::{HttpRequest, RequestBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::*;
use crate::dial::tests::{owner, read_head, serve, system};
use crate::http::{HttpAnswer, HttpBroker, HttpLimits, plan_http};

/// A server that answers with `first` before it reads, and gives all that came after the head once the other side has
/// hung up.
async fn server(first: &'static str) -> (String, mpsc::UnboundedReceiver<Vec<u8>>) {
    let (sender, received) = mpsc::unbounded_channel();
    let serving = serve(move |mut stream| {
        let sender = sender.clone();
        async move {
            let mut body = Vec::new();
            // A body that breaks at once takes the head with it.
            if read_head(&mut stream).await.is_some() {
                stream.write_all(first.as_bytes()).await.unwrap();
                let _ = stream.read_to_end(&mut body).await;
            }
            let _ = sender.send(body);
        }
    });
    (format!("http://127.0.0.1:{}/", serving.await.0), received)
}

async fn send(url: &str, length: Option<u64>, parts: RequestParts) -> Result<HttpAnswer, EffectError> {
    let limits = HttpLimits { max_request_bytes: 1000, ..HttpLimits::default() };
    let request = HttpRequest {
        method: "POST".into(),
        url: url.into(),
        headers: Vec::new(),
        body: RequestBody::Streamed { length },
        first_byte_timeout_ms: 20_000,
    };
    let plan = plan_http(&request, &limits)?;
    let broker = HttpBroker::new(limits, system(None));
    broker.send_plan(plan, Some(parts), &owner("probe"), &|_| None, &CancellationToken::new()).await
}

fn parts(parts: Vec<Result<Bytes, EffectError>>) -> RequestParts {
    stream::iter(parts).boxed()
}

fn check_limit(result: Result<HttpAnswer, EffectError>) {
    let error = result.unwrap_err();
    assert!(matches!(&error, EffectError::Limit(text) if text.starts_with("E_NET_LIMIT")), "{error:?}");
}

#[tokio::test]
async fn a_body_that_becomes_too_long_is_cut_off_and_never_ended() {
    let (url, mut received) = server("").await;
    let piece = || Ok(Bytes::from_static(&[b'x'; 400]));
    check_limit(send(&url, None, parts(vec![piece(), piece(), piece()])).await);
    let body = received.recv().await.unwrap();
    assert!(!body.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&body));
    // Longer than it said.
    check_limit(send(&url, Some(500), parts(vec![piece(), piece()])).await);
    assert!(received.recv().await.unwrap().len() < 500);
    check_limit(send(&url, Some(1001), parts(Vec::new())).await);
}

#[tokio::test]
async fn a_body_that_breaks_or_ends_before_its_length_is_never_whole() {
    let (url, mut received) = server("").await;
    let piece = || Ok(Bytes::from_static(b"piece"));
    assert_eq!(
        send(&url, None, parts(vec![piece(), Err(EffectError::Cancelled)])).await.unwrap_err(),
        EffectError::Cancelled
    );
    let body = received.recv().await.unwrap();
    assert!(!body.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&body));
    send(&url, Some(10), parts(vec![piece()])).await.unwrap_err();
    assert!(received.recv().await.unwrap().len() < 10);
}

#[tokio::test]
async fn a_server_that_refuses_early_is_heard_and_gets_no_more() {
    let (url, mut received) = server("HTTP/1.1 413 Content Too Large\r\ncontent-length: 4\r\n\r\nmuch").await;
    let (sender, receiver) = mpsc::channel(1);
    let endless = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let mut answer = send(&url, None, endless.boxed()).await.unwrap();
    assert_eq!(answer.head.status, 413);
    // The guest's side is told, and the answer can still be read.
    sender.closed().await;
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "much");
    drop(answer);
    let body = received.recv().await.unwrap();
    assert!(!body.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&body));
}

#[tokio::test]
async fn a_server_that_accepts_early_gets_the_rest() {
    let (url, _received) = server("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n").await;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, EffectError>>(1);
    let open = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let answer = send(&url, None, open.boxed()).await.unwrap();
    for _ in 0..10 {
        sender.send(Ok(Bytes::from_static(b"more"))).await.unwrap();
    }
    drop(answer);
    sender.closed().await;
}
