use std::future::pending;
use std::sync::atomic::Ordering;
use std::time::Duration;

use claw_core::effect::{ConnectRequest, NetMessage, NetReply};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Asked, Response as Answer};
use tokio_tungstenite::{accept_async, accept_hdr_async};
use zeroize::Zeroizing;

use super::*;
use crate::dial::TrustRoots;
use crate::dial::tests::Authority;
use crate::dial::tests::{owner, read_head, scripted, serve, system};
use crate::net::plan_connect;

const SOON: Duration = Duration::from_secs(5);

fn plan(url: &str) -> ConnectPlan {
    plan_connect(&ConnectRequest { url: url.into(), headers: Vec::new(), protocols: Vec::new() }).unwrap()
}

fn broker(limits: NetLimits) -> NetBroker {
    NetBroker::new(limits, system(None))
}

async fn open(broker: &NetBroker, plan: ConnectPlan, cancel: &CancellationToken) -> Result<Connection, EffectError> {
    broker.connect_plan(plan, &owner("probe"), &|_| None, cancel).await
}

/// A connection to a server of this machine.
async fn connect(scheme: &str, port: u16, limits: NetLimits) -> Connection {
    let plan = plan(&format!("{scheme}://127.0.0.1:{port}"));
    open(&broker(limits), plan, &CancellationToken::new()).await.unwrap()
}

/// A server that sends every message back.
async fn serve_echo() -> u16 {
    serve(|stream| async move {
        let mut socket = accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                return;
            }
        }
    })
    .await
    .0
}

fn text(text: &str) -> NetMessage {
    NetMessage::Text(text.into())
}

#[track_caller]
fn check_limit<T: std::fmt::Debug>(result: Result<T, EffectError>) {
    assert!(matches!(&result, Err(EffectError::Limit(text)) if text.starts_with("E_NET_LIMIT")), "{result:?}");
}

#[track_caller]
fn check_address<T: std::fmt::Debug>(result: Result<T, EffectError>) {
    assert!(matches!(&result, Err(EffectError::Denied { code, .. }) if code == "E_NET_ADDR"), "{result:?}");
}

#[tokio::test]
async fn messages_go_both_ways() {
    let mut socket = connect("ws", serve_echo().await, NetLimits::default()).await;
    assert_eq!(socket.protocol(), "");
    for message in [text("hällo"), NetMessage::Binary(vec![0; 1024 * 1024]), text("")] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.receive(0, SOON).await.unwrap(), NetReply::Message(message));
    }
    assert_eq!(socket.receive(0, Duration::ZERO).await.unwrap(), NetReply::Nothing);
    assert!(matches!(socket.shutdown().await, Err(EffectError::Invalid(_))));
    socket.close(3001, "bye").await.unwrap();
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_two_ends_are_closed_apart() {
    let (port, _) = serve(|mut stream: TcpStream| async move {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        all.reverse();
        stream.write_all(&all).await.unwrap();
    })
    .await;
    let mut plain = connect("tcp", port, NetLimits::default()).await;
    assert!(matches!(plain.send(text("text")).await, Err(EffectError::Invalid(_))));
    plain.send(NetMessage::Binary(b"abc".to_vec())).await.unwrap();
    plain.shutdown().await.unwrap();
    let first = plain.receive(2, SOON).await.unwrap();
    assert_eq!(first, NetReply::Message(NetMessage::Binary(b"cb".to_vec())));
    let second = plain.receive(u64::MAX, SOON).await.unwrap();
    assert_eq!(second, NetReply::Message(NetMessage::Binary(b"a".to_vec())));
    for _ in 0..2 {
        let closed = NetReply::Closed { code: 1000, reason: String::new() };
        assert_eq!(plain.receive(1, SOON).await.unwrap(), closed);
    }
    assert!(matches!(plain.send(NetMessage::Binary(vec![1])).await, Err(EffectError::Unavailable(_))));
}

#[tokio::test]
async fn tls_without_a_farewell_is_a_broken_connection() {
    let authority = Authority::new();
    let acceptor = authority.issue("good.test").acceptor();
    let (port, _) = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            stream.write_all(b"half").await.unwrap();
            stream.flush().await.unwrap();
            // Somebody on the way cuts the connection: TLS did not end.
            stream.get_mut().0.shutdown().await.unwrap();
        }
    })
    .await;
    let (dialer, script) = scripted(&[&["8.8.8.8"]], port, &authority.roots());
    let broker = NetBroker::new(NetLimits::default(), dialer);
    let mut socket = open(&broker, plan("tls://good.test:993"), &CancellationToken::new()).await.unwrap();
    let half = NetReply::Message(NetMessage::Binary(b"half".to_vec()));
    assert_eq!(socket.receive(100, SOON).await.unwrap(), half);
    assert!(matches!(socket.receive(100, SOON).await.unwrap(), NetReply::Closed { code: 1006, .. }));
    assert_eq!(script.asked(), ["good.test"]);
}

#[tokio::test]
async fn the_handshake_is_that_of_the_plan_and_secrets_come_back_masked() {
    // NET-22, SE-06
    fn answer(asked: &Asked, mut answer: Answer) -> Result<Answer, ErrorResponse> {
        let header = |name: &str| asked.headers()[name].to_str().unwrap();
        assert_eq!(asked.uri().to_string(), "/x%20y?q=1");
        assert!(header("host").starts_with("127.0.0.1:"));
        assert_eq!(header("authorization"), "Bearer s3cr3t-value");
        assert_eq!(header("sec-websocket-protocol"), "v2, v1");
        answer.headers_mut().insert("sec-websocket-protocol", "v1".parse().unwrap());
        Ok(answer)
    }
    let (port, _) = serve(|stream| async move {
        let mut socket = accept_hdr_async(stream, answer).await.unwrap();
        socket.send(Message::text("you are s3cr3t-value")).await.unwrap();
        socket.send(Message::binary(&b"s3cr3t-value"[..])).await.unwrap();
        socket.close(None).await.unwrap();
    })
    .await;
    let request = ConnectRequest {
        url: format!("ws://127.0.0.1:{port}/x%20y?q=1"),
        headers: vec![("Authorization".into(), b"Bearer {{secret:api}}".to_vec())],
        protocols: vec!["v2".into(), "v1".into()],
    };
    let vault = |name: &str| (name == "api").then(|| Zeroizing::new("s3cr3t-value".to_owned()));
    let broker = broker(NetLimits::default());
    let plan = plan_connect(&request).unwrap();
    let mut socket = broker.connect_plan(plan, &owner("probe"), &vault, &CancellationToken::new()).await.unwrap();
    assert_eq!(socket.protocol(), "v1");
    assert_eq!(socket.receive(0, SOON).await.unwrap(), NetReply::Message(text("you are <secret api>")));
    let masked = NetReply::Message(NetMessage::Binary(b"<secret api>".to_vec()));
    assert_eq!(socket.receive(0, SOON).await.unwrap(), masked);
    let closed = NetReply::Closed { code: 1005, reason: String::new() };
    assert_eq!(socket.receive(0, SOON).await.unwrap(), closed);
    assert!(!format!("{socket:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_the_connection_with_1009() {
    // NET-30
    let (told, was_told) = tokio::sync::oneshot::channel();
    let told = std::sync::Mutex::new(Some(told));
    let (port, _) = serve(move |stream| {
        let told = told.lock().unwrap().take().unwrap();
        async move {
            let mut socket = accept_async(stream).await.unwrap();
            socket.send(Message::text("x".repeat(1001))).await.unwrap();
            if let Some(Ok(Message::Close(Some(frame)))) = socket.next().await {
                told.send(u16::from(frame.code)).unwrap();
            }
        }
    })
    .await;
    let limits = NetLimits { max_message_bytes: 1000, ..NetLimits::default() };
    let mut socket = connect("ws", port, limits).await;
    check_limit(socket.send(text(&"x".repeat(1001))).await);
    check_limit(socket.receive(0, SOON).await);
    assert_eq!(was_told.await.unwrap(), 1009);
    assert!(matches!(socket.receive(0, SOON).await.unwrap(), NetReply::Closed { code: 1006, .. }));
}

#[tokio::test]
async fn a_connection_carries_only_so_much() {
    // NET-30
    let limits = NetLimits { max_total_bytes: 10_000, ..NetLimits::default() };
    let mut socket = connect("ws", serve_echo().await, limits.clone()).await;
    let mut echoes = 0;
    let error = loop {
        if let Err(error) = socket.send(text(&"x".repeat(1000))).await {
            break error;
        }
        match socket.receive(0, SOON).await {
            Ok(reply) => assert!(matches!(reply, NetReply::Message(_)), "{reply:?}"),
            Err(error) => break error,
        }
        echoes += 1;
    };
    check_limit::<()>(Err(error));
    assert!(echoes < 5, "{echoes}");

    let (port, _) = serve(|mut stream| async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} }).await;
    let mut plain = connect("tcp", port, limits).await;
    let mut received = 0;
    let error = loop {
        match plain.receive(1000, SOON).await {
            Ok(NetReply::Message(NetMessage::Binary(bytes))) => received += bytes.len(),
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    check_limit::<()>(Err(error));
    assert!(received <= 10_000, "{received}");
}

#[tokio::test]
async fn a_server_that_takes_nothing_reaches_a_time_limit() {
    // NET-33
    let (port, _) = serve(|stream| async move {
        let _open = stream;
        pending().await
    })
    .await;
    let limits = NetLimits { max_wait: Duration::from_millis(100), ..NetLimits::default() };
    let mut plain = connect("tcp", port, limits).await;
    assert_eq!(plain.receive(1, Duration::MAX).await.unwrap(), NetReply::Nothing);
    let error = loop {
        if let Err(error) = plain.send(NetMessage::Binary(vec![0; 1024 * 1024])).await {
            break error;
        }
    };
    check_limit::<()>(Err(error));
}

#[tokio::test]
async fn cancelling_ends_every_wait() {
    // NET-37
    let (port, _) = serve(|mut stream| async move {
        let _ = read_head(&mut stream).await;
        pending().await
    })
    .await;
    let cancel = CancellationToken::new();
    let broker = broker(NetLimits::default());
    let mut plain = open(&broker, plan(&format!("tcp://127.0.0.1:{port}")), &cancel).await.unwrap();
    let shaking = open(&broker, plan(&format!("ws://127.0.0.1:{port}")), &cancel);
    let (shaken, received, ()) = tokio::join!(shaking, plain.receive(1, SOON), async { cancel.cancel() });
    assert_eq!(shaken.unwrap_err(), EffectError::Cancelled);
    assert_eq!(received.unwrap_err(), EffectError::Cancelled);
    assert!(matches!(plain.receive(1, SOON).await.unwrap(), NetReply::Closed { code: 1006, .. }));
}

#[tokio::test]
async fn names_are_checked_for_connections_too() {
    // NET-10, NET-15
    let (port, connections) = serve(|_| pending()).await;
    for scheme in ["ws", "wss", "tcp", "tls"] {
        let (dialer, _) = scripted(&[&["8.8.8.8", "127.0.0.1"]], port, &TrustRoots::Public);
        let broker = NetBroker::new(NetLimits::default(), dialer);
        let cancel = CancellationToken::new();
        check_address(open(&broker, plan(&format!("{scheme}://example.test:{port}")), &cancel).await);
        let metadata = plan(&format!("{scheme}://metadata.google.internal:{port}"));
        check_address(open(&broker, metadata, &cancel).await);
        let broker = NetBroker::new(NetLimits::default(), system(Some(port)));
        for host in ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"] {
            check_address(open(&broker, plan(&format!("{scheme}://{host}:{port}")), &cancel).await);
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_does_not_open_a_websocket_is_unavailable() {
    // NET-06: a redirect is not followed
    let answers = [
        "HTTP/1.1 302 Found\r\nlocation: ws://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n",
        "nonsense\r\n\r\n",
    ];
    for answer in answers {
        let (port, _) = serve(move |mut stream| async move {
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let plan = plan(&format!("ws://127.0.0.1:{port}"));
        let refused = open(&broker(NetLimits::default()), plan, &CancellationToken::new()).await;
        assert!(matches!(refused, Err(EffectError::Unavailable(_))), "{answer}: {refused:?}");
    }
    let (port, _) = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(format!("HTTP/1.1 101 x\r\na: {}\r\n\r\n", "x".repeat(1_000_000)).as_bytes()).await;
    })
    .await;
    let endless = plan(&format!("ws://127.0.0.1:{port}"));
    check_limit(open(&broker(NetLimits::default()), endless, &CancellationToken::new()).await);
}

#[tokio::test]
async fn a_component_has_32_connections_at_most() {
    // NET-35
    let (port, _) = serve(|stream| async move {
        let _open = stream;
        pending().await
    })
    .await;
    let broker = broker(NetLimits::default());
    let plan = plan(&format!("tcp://127.0.0.1:{port}"));
    let cancel = CancellationToken::new();
    let mut all = Vec::new();
    for _ in 0..32 {
        all.push(open(&broker, plan.clone(), &cancel).await.unwrap());
    }
    let refused = open(&broker, plan.clone(), &cancel).await.unwrap_err();
    assert!(matches!(&refused, EffectError::Limit(text) if text.starts_with("E_BUSY")), "{refused:?}");
    all.pop();
    assert!(open(&broker, plan, &cancel).await.is_ok());
}

#[tokio::test]
async fn only_codes_that_a_program_may_use_close_a_websocket() {
    let port = serve_echo().await;
    for (code, reason) in [(1001, ""), (1006, ""), (5000, ""), (1000, &*"x".repeat(124))] {
        let socket = connect("ws", port, NetLimits::default()).await;
        assert!(matches!(socket.close(code, reason).await, Err(EffectError::Invalid(_))), "{code}");
    }
}
