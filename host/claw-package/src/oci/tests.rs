//! A registry that does one thing wrong at a time. What a real one does is tried with a real one, in the host's tests.

use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{Response as Answer, header};
use axum::{Router, body::Body};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{Fetched, Fetcher, Login, PackageError, Source};

const WASM_BYTES: &[u8] = b"\0asm the component";

/// What is wrong with a registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Odd {
    Nothing,
    WantsToken,
    LyingBlob,
    Truncated,
    Redirects,
    RedirectsInside,
    TwoLayers,
    NoJson,
    Huge,
    Missing,
}

#[derive(Clone)]
struct Registry {
    odd: Odd,
    host: String,
    seen: Arc<Mutex<Vec<String>>>,
}

fn hex(bytes: &[u8]) -> String {
    super::digest_of(bytes).to_string()
}

fn manifest(odd: Odd) -> Vec<u8> {
    let size = if odd == Odd::Huge { 1 << 40 } else { WASM_BYTES.len() };
    let layer = json!({"mediaType": "application/wasm", "digest": format!("sha256:{}", hex(WASM_BYTES)), "size": size});
    let layers = if odd == Odd::TwoLayers { vec![layer.clone(), layer] } else { vec![layer] };
    let config = json!({"mediaType": "application/vnd.wasm.config.v0+json", "digest": "sha256:00", "size": 2});
    json!({"schemaVersion": 2, "mediaType": super::MANIFEST, "config": config, "layers": layers}).to_string().into()
}

fn answer(status: u16, body: impl Into<Body>) -> Answer<Body> {
    Answer::builder().status(status).body(body.into()).unwrap()
}

async fn serve(State(registry): State<Registry>, request: Request) -> Answer<Body> {
    let Registry { odd, host, seen } = registry;
    let path = request.uri().path().to_owned();
    let asked = request.headers().get(header::AUTHORIZATION).map(|it| it.to_str().unwrap().to_owned());
    seen.lock().unwrap().push(format!("{path} {}", asked.as_deref().unwrap_or("-")));
    if path == "/token" {
        assert!(request.uri().query().unwrap().contains("scope=repository%3Atools%2Fweather%3Apull"));
        return answer(200, r#"{"token":"t0ken"}"#);
    }
    if odd == Odd::WantsToken && asked.as_deref() != Some("Bearer t0ken") {
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"registry\"");
        return Answer::builder().status(401).header(header::WWW_AUTHENTICATE, challenge).body(Body::empty()).unwrap();
    }
    let redirect = |to: String| Answer::builder().status(307).header(header::LOCATION, to).body(Body::empty()).unwrap();
    match path.strip_prefix("/v2/tools/weather/") {
        Some("manifests/1.0") if odd == Odd::NoJson => answer(200, "<html>"),
        Some("manifests/1.0") if odd == Odd::Missing => answer(404, ""),
        Some("manifests/1.0") => answer(200, manifest(odd)),
        Some(blob) if blob.starts_with("blobs/") => match odd {
            Odd::LyingBlob => answer(200, "something else"),
            Odd::Truncated => {
                Answer::builder().status(200).header(header::CONTENT_LENGTH, WASM_BYTES.len()).body(cut_off()).unwrap()
            }
            Odd::Redirects => redirect(format!("http://{host}/elsewhere")),
            Odd::RedirectsInside => redirect("file:///etc/passwd".to_owned()),
            _ => answer(200, WASM_BYTES),
        },
        _ if path == "/elsewhere" => answer(200, WASM_BYTES),
        _ => answer(404, ""),
    }
}

/// A body that breaks off.
fn cut_off() -> Body {
    Body::from_stream(futures_util::stream::iter([Ok(&WASM_BYTES[..5]), Err(std::io::Error::other("cut off"))]))
}

async fn registry(odd: Odd) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let seen = Arc::default();
    let router =
        Router::new().fallback(serve).with_state(Registry { odd, host: host.clone(), seen: Arc::clone(&seen) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (host, seen)
}

async fn pull(odd: Odd, suffix: &str, login: Option<Login>) -> (Result<Fetched, PackageError>, Vec<String>) {
    let (host, seen) = registry(odd).await;
    let source = Source::parse(&format!("oci://{host}/tools/weather:1.0{suffix}")).unwrap();
    let pulled = Fetcher::new(&[]).unwrap().fetch(&source, |_| login.clone()).await;
    let seen = seen.lock().unwrap().clone();
    (pulled, seen)
}

#[tokio::test]
async fn a_component_comes_whole_with_and_without_a_token_and_over_a_redirect() {
    for odd in [Odd::Nothing, Odd::WantsToken, Odd::Redirects] {
        let (pulled, _) = pull(odd, "", None).await;
        let fetched = pulled.unwrap();
        assert_eq!((&fetched.wasm[..], fetched.signature), (WASM_BYTES, None), "{odd:?}");
    }
    let digest = format!("@sha256:{}", hex(&manifest(Odd::Nothing)));
    let (_, seen) = pull(Odd::Nothing, &digest, None).await;
    assert_eq!(seen.len(), 1, "asked by digest, and there is no such manifest: {seen:?}");
    let login = Login { user: "me".to_owned(), password: "pw".to_owned() };
    let (pulled, seen) = pull(Odd::WantsToken, "", Some(login)).await;
    pulled.unwrap();
    assert!(seen.iter().any(|line| line == "/token Basic bWU6cHc="), "{seen:?}");
    assert!(seen.last().unwrap().ends_with("Bearer t0ken"), "{seen:?}");
}

// SU-01, SU-13
#[tokio::test]
async fn a_registry_that_lies_or_breaks_off_gives_nothing() {
    let wrong = format!("@sha256:{}", "ab".repeat(32));
    for (odd, suffix, why) in [
        (Odd::LyingBlob, "", "E_PKG_DIGEST"),
        (Odd::Truncated, "", "cannot fetch"),
        (Odd::RedirectsInside, "", "answered 307"),
        (Odd::TwoLayers, "", "exactly one layer"),
        (Odd::NoJson, "", "manifest cannot be read"),
        (Odd::Huge, "", "E_PKG_SIZE"),
        (Odd::Missing, "", "answered 404"),
        (Odd::Nothing, wrong.as_str(), "answered 404"),
    ] {
        let (pulled, _) = pull(odd, suffix, None).await;
        let err = pulled.unwrap_err();
        assert!(err.to_string().contains(why), "{odd:?}: {err}");
    }
}
