//! The cases, each by the number it has in the list of attacks.

use std::time::Duration;

use claw_core::effect::{EffectError, NetMessage, NetReply};
use claw_effects::{Connection, HttpAnswer, HttpLimits, NetLimits};
use futures_util::SinkExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use crate::guest::{Guest, Refused};
use crate::network::FORBIDDEN;
use crate::servers::{Servers, always, read_head};

/// No case may take longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// An answer of the public server.
const FINE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nfine";
/// A name that leads to the public server.
const GOOD: (&str, &[&[&str]]) = ("good.test", &[&["93.184.216.34"]]);

macro_rules! cases {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn())),*] };
}

/// Every case with its name.
pub const ALL: &[(&str, fn())] = cases![
    what_is_granted_is_reached_and_no_proxy_is_asked,
    canaries_are_reached_by_a_grant_for_their_address,
    without_a_grant_no_name_is_looked_up,
    other_hosts_schemes_and_ports_are_not_looked_up_or_dialled,
    a_redirect_is_left_to_the_guest,
    a_name_that_leads_inward_later_is_refused,
    a_name_that_leads_inward_is_refused_even_if_allowed,
    every_spelling_of_this_machine_is_refused,
    a_websocket_needs_its_own_grant,
    cancelling_closes_a_download_and_a_websocket_within_a_second,
];

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let result = runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("the case hangs") });
    // The next case listens on the same addresses.
    runtime.shutdown_timeout(PATIENCE);
    result
}

async fn text(answer: Result<HttpAnswer, Refused>) -> String {
    let mut answer = answer.unwrap();
    let mut all = Vec::new();
    while let Some(piece) = answer.body.next().await.unwrap() {
        all.extend_from_slice(&piece);
    }
    String::from_utf8(all).unwrap()
}

#[track_caller]
fn check_policy<T: std::fmt::Debug>(result: Result<T, Refused>, what: &str) {
    assert!(matches!(result, Err(Refused::Policy)), "{what}: {result:?}");
}

#[track_caller]
fn check_denied<T: std::fmt::Debug>(result: Result<T, Refused>, expected: &str, what: &str) {
    match result {
        Err(Refused::Effect(EffectError::Denied { code, .. })) => assert_eq!(code, expected, "{what}"),
        other => panic!("{what}: {other:?}"),
    }
}

fn what_is_granted_is_reached_and_no_proxy_is_asked() {
    // NET-27: the environment of these cases names a proxy
    block_on(async {
        let servers = Servers::start(&[GOOD], always(FINE)).await;
        let guest = Guest::granted(["http http://good.test GET", "net tcp://good.test:443"]);
        for _ in 0..2 {
            assert_eq!(text(guest.get("http://good.test/").await).await, "fine");
        }
        let mut plain = guest.connect("tcp://good.test:443").await.unwrap();
        plain.send(NetMessage::Binary(b"hello\r\n\r\n".to_vec())).await.unwrap();
        let answer = plain.receive(4096, PATIENCE).await.unwrap();
        assert_eq!(answer, NetReply::Message(NetMessage::Binary(FINE.into())));
        assert_eq!((servers.served(), servers.caught()), (3, 0));
        assert_eq!(servers.resolver.asked(), ["good.test"; 3]);
    });
}

fn canaries_are_reached_by_a_grant_for_their_address() {
    // NET-15: only the literal address opens it. Also the proof that the canaries count.
    block_on(async {
        let servers = Servers::start(&[], always(FINE)).await;
        let guest = Guest::unbound();
        for (count, address) in FORBIDDEN.into_iter().enumerate() {
            let url = std::net::SocketAddr::new(address, 80);
            // They hang up without a word: before the request is written, or after.
            let answer = guest.get(&format!("http://{url}/")).await;
            let Err(Refused::Effect(error)) = &answer else { panic!("{url}: {answer:?}") };
            assert!(matches!(error, EffectError::Unavailable(_) | EffectError::Unanswered(_)), "{url}: {answer:?}");
            assert_eq!(servers.caught(), count + 1);
        }
    });
}

fn without_a_grant_no_name_is_looked_up() {
    // NET-01
    block_on(async {
        let servers = Servers::start(&[GOOD], always(FINE)).await;
        let guest = Guest::granted([]);
        for scheme in ["http", "https"] {
            check_policy(guest.get(&format!("{scheme}://good.test/")).await, scheme);
        }
        for scheme in ["ws", "wss", "tcp", "tls"] {
            check_policy(guest.connect(&format!("{scheme}://good.test:443")).await, scheme);
        }
        assert_eq!((servers.served(), servers.caught()), (0, 0));
        assert!(servers.resolver.asked().is_empty());
    });
}

fn other_hosts_schemes_and_ports_are_not_looked_up_or_dialled() {
    // NET-02, NET-03, NET-17, NET-31
    block_on(async {
        let servers = Servers::start(&[GOOD, ("evil.test", &[&["93.184.216.34"]])], always(FINE)).await;
        let guest = Guest::granted(["http https://good.test GET /v1/"]);
        let outside = [
            "https://other.test/v1/",
            "https://sub.good.test/v1/",
            "http://good.test/v1/",
            "https://good.test.evil.test/v1/",
            "https://notgood.test/v1/",
            "https://evil.test/good.test/v1/",
            "https://evil.test?x=https://good.test/v1/",
            "https://good.test:80/v1/",
            "https://good.test:22/v1/",
            "https://good.test:8443/v1/",
            "https://good.test/V1/",
            "https://good.test/v1",
            "https://xn--god-8bb.test/v1/",
        ];
        for url in outside {
            check_policy(guest.get(url).await, url);
        }
        let malformed = [
            "https://good.test@evil.test/v1/",
            "https://evil.test#good.test/v1/",
            "https://good.test:0443/v1/",
            "https://good.test:0/v1/",
            "https://good.test:65536/v1/",
            "https://good.test:443junk/v1/",
            "https://good.test/v1/../admin",
            "https://good.test/v1/%2e%2e/admin",
            "https://good.test/v1/%252e%252e/admin",
            "https://good.test//v1/x",
            "https://good.test/v1;a=/../admin",
            "https://good.test/v1\\..\\admin",
        ];
        for url in malformed {
            check_denied(guest.get(url).await, "E_NET_URL", url);
        }
        assert_eq!((servers.served(), servers.caught()), (0, 0));
        assert!(servers.resolver.asked().is_empty());
    });
}

fn a_redirect_is_left_to_the_guest() {
    // NET-06, NET-08: nothing of the request, its credentials included, goes anywhere else
    block_on(async {
        let hop = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n";
        let servers = Servers::start(&[GOOD, ("other.test", GOOD.1)], always(hop)).await;
        let guest = Guest::granted(["http http://good.test GET", "net ws://good.test"]);
        let answer = guest.get("http://good.test/").await.unwrap();
        assert_eq!(answer.head.status, 302);
        check_policy(guest.get("http://169.254.169.254/latest").await, "the next hop");
        let websocket = guest.connect("ws://good.test/").await;
        assert!(matches!(websocket, Err(Refused::Effect(EffectError::Unavailable(_)))), "{websocket:?}");
        assert_eq!((servers.served(), servers.caught()), (2, 0));
        assert_eq!(servers.resolver.asked(), ["good.test"; 2]);
    });
}

fn a_name_that_leads_inward_later_is_refused() {
    // NET-10
    block_on(async {
        let script: &[&[&str]] = &[&["93.184.216.34"], &["127.0.0.1"], &["93.184.216.34", "127.0.0.1"], &["::1"]];
        let servers = Servers::start(&[("turns.test", script)], always(FINE)).await;
        let guest = Guest::granted(["http http://turns.test GET", "net tcp://turns.test:80"]);
        assert_eq!(text(guest.get("http://turns.test/").await).await, "fine");
        check_denied(guest.get("http://turns.test/").await, "E_NET_ADDR", "second");
        check_denied(guest.connect("tcp://turns.test:80").await, "E_NET_ADDR", "third");
        check_denied(guest.connect("tcp://turns.test:80").await, "E_NET_ADDR", "fourth");
        assert_eq!((servers.served(), servers.caught()), (1, 0));
        assert_eq!(servers.resolver.asked(), ["turns.test"; 4]);
    });
}

fn a_name_that_leads_inward_is_refused_even_if_allowed() {
    // NET-10, NET-14, NET-15
    block_on(async {
        let addresses = FORBIDDEN.map(|address| address.to_string());
        let lists: Vec<[&str; 1]> = addresses.iter().map(|address| [address.as_str()]).collect();
        let names: Vec<String> = (0..lists.len()).map(|count| format!("inward-{count}.test")).collect();
        let answers: Vec<[&[&str]; 1]> = lists.iter().map(|list| [list.as_slice()]).collect();
        let mut script: Vec<(&str, &[&[&str]])> =
            names.iter().zip(&answers).map(|(name, lists)| (name.as_str(), lists.as_slice())).collect();
        script.extend([("metadata.google.internal", GOOD.1), ("metadata.goog", GOOD.1)]);
        let servers = Servers::start(&script, always(FINE)).await;
        let guest = Guest::unbound();
        for name in &names {
            check_denied(guest.get(&format!("http://{name}/")).await, "E_NET_ADDR", name);
            check_denied(guest.get(&format!("https://{name}/")).await, "E_NET_ADDR", name);
            for scheme in ["ws", "wss", "tcp", "tls"] {
                check_denied(guest.connect(&format!("{scheme}://{name}:443")).await, "E_NET_ADDR", name);
            }
        }
        // A grant for the name of a metadata service opens nothing, and the name is not even looked up.
        let guest = Guest::granted(["http http://metadata.google.internal GET", "net tcp://metadata.goog:80"]);
        check_policy(guest.get("http://metadata.google.internal/").await, "metadata");
        check_policy(guest.connect("tcp://metadata.goog:80").await, "metadata");
        assert_eq!((servers.served(), servers.caught()), (0, 0));
        assert_eq!(servers.resolver.asked().len(), 6 * names.len());
    });
}

fn every_spelling_of_this_machine_is_refused() {
    // NET-12, NET-15
    block_on(async {
        let servers = Servers::start(&[GOOD], always(FINE)).await;
        let guest = Guest::granted(["http http://good.test GET", "net tcp://good.test:80"]);
        let hosts = [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "localhost",
            "LOCALHOST.",
            "foo.localhost",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "192.168.77.1",
            "169.254.169.254",
            "2852039166",
            "100.100.100.200",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
        ];
        for host in hosts {
            check_policy(guest.get(&format!("http://{host}/")).await, host);
            check_policy(guest.connect(&format!("tcp://{host}:80")).await, host);
        }
        assert_eq!((servers.served(), servers.caught()), (0, 0));
        assert!(servers.resolver.asked().is_empty());
    });
}

fn a_websocket_needs_its_own_grant() {
    // NET-30
    block_on(async {
        let servers = Servers::start(&[GOOD], |stream| async move {
            let mut socket = accept_async(stream).await.unwrap();
            socket.send(Message::text("hello")).await.unwrap();
        })
        .await;
        let guest = Guest::granted(["http http://good.test GET", "http https://good.test GET"]);
        for url in ["ws://good.test/", "wss://good.test/"] {
            check_policy(guest.connect(url).await, url);
        }
        assert_eq!(servers.served(), 0);
        let guest = Guest::granted(["net ws://good.test"]);
        let mut socket = guest.connect("ws://good.test/x").await.unwrap();
        let hello = NetReply::Message(NetMessage::Text("hello".into()));
        assert_eq!(socket.receive(0, PATIENCE).await.unwrap(), hello);
        check_policy(guest.get("http://good.test/").await, "http with a grant for ws");
    });
}

/// A download that does not end before its reader does.
async fn flood_with_bytes(mut stream: TcpStream) {
    read_head(&mut stream).await.unwrap();
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n").await;
    while stream.write_all(&[0; 65536]).await.is_ok() {}
}

/// Reads until that fails.
async fn read_on(mut download: HttpAnswer) -> EffectError {
    loop {
        match download.body.next().await {
            Ok(piece) => assert!(piece.is_some()),
            Err(err) => return err,
        }
    }
}

async fn receive_on(mut socket: Connection) -> EffectError {
    loop {
        match socket.receive(0, PATIENCE).await {
            Ok(reply) => assert!(matches!(reply, NetReply::Message(_)), "{reply:?}"),
            Err(err) => return err,
        }
    }
}

async fn flood_with_messages(stream: TcpStream) {
    let mut socket = accept_async(stream).await.unwrap();
    while socket.send(Message::binary(vec![0; 1000])).await.is_ok() {}
}

fn cancelling_closes_a_download_and_a_websocket_within_a_second() {
    // NET-37
    block_on(async {
        let (closed, mut was_closed) = tokio::sync::mpsc::unbounded_channel();
        let _servers = Servers::start(&[GOOD], move |stream| {
            let closed = closed.clone();
            async move {
                match stream.local_addr().unwrap().port() {
                    80 => flood_with_bytes(stream).await,
                    _ => flood_with_messages(stream).await,
                }
                closed.send(()).unwrap();
            }
        })
        .await;
        let mut guest = Guest::granted(["http http://good.test GET", "net ws://good.test:443"]);
        // No other limit may end them first.
        guest.limit(
            HttpLimits { max_response_bytes: u64::MAX, ..HttpLimits::default() },
            NetLimits { max_total_bytes: u64::MAX, ..NetLimits::default() },
        );
        let mut download = guest.get("http://good.test/").await.unwrap();
        download.body.next().await.unwrap();
        let mut socket = guest.connect("ws://good.test:443").await.unwrap();
        socket.receive(1, PATIENCE).await.unwrap();
        let (started, start) = oneshot::channel();
        let reading = tokio::spawn(async move {
            started.send(()).unwrap();
            tokio::join!(read_on(download), receive_on(socket))
        });
        start.await.unwrap();
        let cancelled = Instant::now();
        guest.cancel.cancel();
        assert_eq!(reading.await.unwrap(), (EffectError::Cancelled, EffectError::Cancelled));
        was_closed.recv().await.unwrap();
        was_closed.recv().await.unwrap();
        assert!(cancelled.elapsed() < Duration::from_secs(1), "{:?}", cancelled.elapsed());
    });
}
