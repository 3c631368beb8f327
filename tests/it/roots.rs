//! Certificates of the owner's own authority.

use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::host::Home;

const ANSWER: &str = "HTTP/1.1 404 No\r\ncontent-length: 9\r\nconnection: close\r\n\r\nI am here";

/// A certificate for `127.0.0.1` with its key, and the PEM of the new authority that gave it.
pub fn certified() -> (Certificate, KeyPair, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root_key = KeyPair::generate().unwrap();
    let root = params.self_signed(&root_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = own.signed_by(&key, &Issuer::new(params, root_key)).unwrap();
    (certificate, key, root)
}

/// Starts a TLS server for `127.0.0.1` with a certificate of a new authority; gives its port and the authority's PEM.
async fn serve() -> (u16, String) {
    let (certificate, key, root) = certified();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever does not believe the certificate ends the handshake.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            let _ = stream.write_all(ANSWER.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, root)
}

/// What a component and a model get of the server.
async fn reach(port: u16, home: Home, network: &str) -> [String; 2] {
    let origin = format!("https://127.0.0.1:{port}");
    let url = format!("{origin}/");
    let grants = json!({"probe": [format!("http {origin} GET")]});
    let provider = json!({"own": {"wire": "openai-chat", "baseUrl": origin}});
    let models = json!({"default": "own/m", "providers": provider});
    let home = home.component("probe").config(&format!("{{models: {models}, grants: {grants}, network: {network}}}"));
    let running = home.start();
    let mut client = running.connect().await;
    let steps = json!({"steps": [{"host": {"op": "http", "url": url}}]});
    let outcome = client.call("tools.invoke", json!({"name": "probe", "args": steps})).await.unwrap();
    client.say("main", "r1", "hello").await;
    let failed = client.ended("r1").await.unwrap_err();
    [outcome["output"].to_string(), failed.to_string()]
}

#[tokio::test]
async fn a_server_of_the_owners_own_is_believed_once_its_authority_is() {
    let (port, root) = serve().await;
    let home = Home::new();
    std::fs::write(home.path().join("own.pem"), root).unwrap();
    let [component, model] = reach(port, home, "{extraRoots: ['own.pem']}").await;
    assert!(component.contains("404") && component.contains("I am here"), "{component}");
    assert!(model.contains("I am here"), "{model}");

    let [component, model] = reach(port, Home::new(), "{}").await;
    assert!(!component.contains("404"), "{component}");
    assert!(!model.contains("I am here"), "{model}");
}

#[test]
fn a_root_that_is_none_is_refused_before_anything_starts() {
    let home = Home::new().config("{network: {extraRoots: ['none.pem', 'odd.pem']}}");
    std::fs::write(home.path().join("odd.pem"), "odd").unwrap();
    let failed = home.try_start().err().unwrap();
    assert!(failed.contains("`network.extraRoots[0]`") && failed.contains("none.pem"), "{failed}");
    assert!(failed.contains("`network.extraRoots[1]`") && failed.contains("BEGIN CERTIFICATE"), "{failed}");
}
