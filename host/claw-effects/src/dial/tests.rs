use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use claw_core::id::ComponentName;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;

use super::*;
pub(crate) use lookup::tests::Script;
pub(crate) use tls::tests::Authority;

/// A dialer that asks the operating system.
pub(crate) fn system(own_port: Option<u16>) -> Dialer {
    Dialer::new(own_port, &TrustRoots::Public).unwrap()
}

/// A dialer whose lookups are answered by a script; what passes the check is reached at `port` of this machine.
pub(crate) fn scripted(answers: &[&[&str]], port: u16, roots: &TrustRoots) -> (Dialer, Arc<Script>) {
    let script = Script::new(answers, ([127, 0, 0, 1], port).into());
    let lookup = Lookup::Scripted(Arc::clone(&script));
    (Dialer { lookup, ..Dialer::new(None, roots).unwrap() }, script)
}

/// A server that gives each connection to `answer` and counts them.
pub(crate) async fn serve<F, A>(answer: A) -> (u16, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
    A: Fn(TcpStream) -> F + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(stream));
        }
    });
    (port, connections)
}

/// The head of a request; nothing once the connection is closed.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// A component.
pub(crate) fn owner(name: &str) -> ComponentName {
    ComponentName::parse(name).unwrap()
}

#[test]
fn errors_inside_io_errors_are_found_and_told_once() {
    let refusal = LookupError::OwnGateway { name: "example.test".into() };
    let wrapped = io::Error::other(io::Error::other(refusal));
    assert_eq!(chain(&wrapped), "`example.test` leads to the host's own gateway");
    assert!(matches!(explain("example.test", &wrapped), EffectError::Denied { code, .. } if code == "E_NET_ADDR"));
}
