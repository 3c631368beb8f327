use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use claw_core::event::{HostEvent, RunEnd};
use claw_core::id::{RunId, Timestamp};
use claw_core::message::Usage;
use claw_gateway::{Auth, Gateway, GatewayConfig, GatewayError, GatewayLimits, Secret};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{PATIENCE, TestHost, session};

fn config(bind: &str, auth: Auth) -> GatewayConfig {
    GatewayConfig {
        bind: bind.parse().unwrap(),
        auth,
        version: "1".to_owned(),
        tick: Duration::from_secs(30),
        limits: GatewayLimits::default(),
        routes: claw_core::route::Routes::default(),
    }
}

// GW-01
#[tokio::test]
async fn an_open_gateway_stays_on_loopback() {
    for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = Gateway::bind(config(bind, Auth::None)).await.unwrap_err();
        assert!(matches!(refused, GatewayError::ExposedWithoutAuth { .. }), "{bind}: {refused}");
        assert!(refused.to_string().contains("set a gateway token"), "{refused}");
    }
    for blank in ["", " \n"] {
        let refused = Gateway::bind(config("127.0.0.1:0", Auth::Token(Secret::new(blank)))).await.unwrap_err();
        assert!(matches!(refused, GatewayError::EmptyToken), "{refused}");
    }
    assert!(Gateway::bind(config("127.0.0.1:0", Auth::None)).await.is_ok());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = Gateway::bind(config("127.0.0.1:0", Auth::None)).await.unwrap();
    let addr: SocketAddr = first.local_addr().unwrap();
    let second = Gateway::bind(config(&addr.to_string(), Auth::None)).await.unwrap_err();
    assert!(matches!(second, GatewayError::PortTaken { addr: taken } if taken == addr), "{second}");
    let elsewhere = Gateway::bind(config("192.0.2.1:0", Auth::Token(Secret::new("x")))).await.unwrap_err();
    assert!(matches!(elsewhere, GatewayError::Bind { .. }), "{elsewhere}");
}

#[tokio::test]
async fn a_stopping_gateway_says_goodbye() {
    let host = TestHost::start().await;
    let mut client = host.connected(&["read"], &[]).await;
    let mut stranger = host.client().await;
    host.shutdown.cancel();
    client.event(|event| event["event"] == "shutdown").await;
    assert_eq!(client.closed().await, (1012, "service restart".to_owned()));
    assert_eq!(stranger.closed().await, (1012, "service restart".to_owned()));
    timeout(PATIENCE, host.serving).await.expect("serve returns").unwrap();
    assert!(TcpStream::connect(host.address).await.is_err());
}

#[tokio::test]
async fn ticks_come_without_being_asked_for() {
    let host = TestHost::with(GatewayLimits::default(), Duration::from_millis(20)).await;
    let mut client = host.connected(&[], &[]).await;
    client.event(|event| event["event"] == "tick" && event["seq"] == 1).await;
    client.event(|event| event["event"] == "tick" && event["seq"] == 2).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let limits = GatewayLimits { buffered_bytes: 64 * 1024, ..GatewayLimits::default() };
    let host = TestHost::with(limits, Duration::from_secs(30)).await;
    let mut client = host.connected(&["read"], &[]).await;
    // Far more than the sockets between the two take in.
    for number in 0..500 {
        let end = RunEnd::Done { text: "x".repeat(60_000), usage: Usage::default() };
        let run = RunId::parse(&format!("r{number}")).unwrap();
        let event = HostEvent::RunEnded { run, session: session("main"), end: Arc::new(end), at: Timestamp(1) };
        host.events.send(event).unwrap();
    }
    assert_eq!(client.closed().await, (1008, "slow consumer".to_owned()));
    let mut other = host.connected(&["read"], &[]).await;
    assert_eq!(other.request("health", serde_json::json!({})).await["ok"], true);
}

// GW-13
#[tokio::test]
async fn a_frame_over_the_maximum_closes_only_its_own_connection() {
    let limits = GatewayLimits { frame_bytes: 128 * 1024, ..GatewayLimits::default() };
    let host = TestHost::with(limits, Duration::from_secs(30)).await;
    let (mut bad, mut good) = (host.connected(&["read"], &[]).await, host.connected(&["read"], &[]).await);
    bad.send("x".repeat(200 * 1024)).await;
    assert_eq!(bad.closed().await, (1009, "payload too large".to_owned()));
    assert_eq!(good.request("health", serde_json::json!({})).await["ok"], true);
    bad = host.connected(&["read"], &[]).await;
    bad.send_binary().await;
    assert_eq!(bad.closed().await.0, 1003);
}

// GW-31
#[tokio::test]
async fn more_connections_than_places_are_closed_at_once() {
    let limits = GatewayLimits { connections: 1, ..GatewayLimits::default() };
    let host = TestHost::with(limits, Duration::from_secs(30)).await;
    let first = host.connected(&["read"], &[]).await;
    let mut second = TcpStream::connect(host.address).await.unwrap();
    assert_eq!(timeout(PATIENCE, second.read(&mut [0; 8])).await.expect("closed at once").unwrap_or(0), 0);
    drop(first);
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_closed() {
    let limits = GatewayLimits { pong_window: Duration::from_millis(50), ..GatewayLimits::default() };
    let host = TestHost::with(limits, Duration::from_secs(30)).await;
    let mut mute = TcpStream::connect(host.address).await.unwrap();
    crate::harness::handshake_and_stay_mute(&mut mute, host.address).await;
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, mute.read_to_end(&mut all)).await.expect("a mute peer is closed");
    let text = String::from_utf8_lossy(&all);
    assert!(text.contains("no answer to ping"), "{text}");
}
