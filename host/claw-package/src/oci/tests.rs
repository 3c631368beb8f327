//! A registry that does one thing wrong at a time. What a real one does is tried with a real one, in the host's tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Response as Answer, header};
use axum::{Router, body::Body};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::sigstore::MAX_BUNDLE_BYTES;
use crate::{Document, Fetched, Fetcher, Login, PATIENCE, PackageError, Signatures, Source};

const WASM_BYTES: &[u8] = b"\0asm the component";
/// Between two bytes of a registry that sends them one by one.
const DRIP: Duration = Duration::from_millis(50);

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
    Drips,
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
            Odd::Drips => answer(200, drips()),
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

/// A body that comes byte by byte.
fn drips() -> Body {
    let byte = |at: usize| async move {
        tokio::time::interval_at(tokio::time::Instant::now() + DRIP, DRIP).tick().await;
        WASM_BYTES.get(at..=at).map(|byte| (Ok::<_, std::io::Error>(byte), at + 1))
    };
    Body::from_stream(futures_util::stream::unfold(0, byte))
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
    let pulled = Fetcher::new(&[], PATIENCE).unwrap().fetch(&source, |_| login.clone()).await;
    let seen = seen.lock().unwrap().clone();
    (pulled, seen)
}

// NET-33: each byte is in time, and the whole never is
#[tokio::test]
async fn a_registry_that_sends_byte_by_byte_is_not_waited_for() {
    let (pulled, _) = pull(Odd::Drips, "", None).await;
    assert_eq!(&pulled.unwrap().wasm[..], WASM_BYTES, "with patience it comes");
    let (host, _) = registry(Odd::Drips).await;
    let source = Source::parse(&format!("oci://{host}/tools/weather:1.0")).unwrap();
    let err = Fetcher::new(&[], 4 * DRIP).unwrap().fetch(&source, |_| None).await.unwrap_err();
    assert!(matches!(err, PackageError::Late { .. }) && err.to_string().contains("too slow"), "{err}");
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

/// A registry that keeps what it is given, as the distribution specification has it; it wants a token for pushing.
#[derive(Clone, Default)]
struct Keeping {
    kept: Arc<Mutex<std::collections::BTreeMap<String, Vec<u8>>>>,
    /// Whether it keeps the list of what refers to a manifest.
    keeps_lists: bool,
}

impl Keeping {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(keep).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        host
    }
}

async fn keep(State(registry): State<Keeping>, request: Request) -> Answer<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    if path == "/token" {
        assert!(query.contains("pull"), "{query}");
        return answer(200, r#"{"access_token":"t0ken"}"#);
    }
    let host = parts.headers[header::HOST].to_str().unwrap().to_owned();
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"keeping\"");
        return Answer::builder().status(401).header(header::WWW_AUTHENTICATE, challenge).body(Body::empty()).unwrap();
    }
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec();
    let mut kept = registry.kept.lock().unwrap();
    match parts.method.as_str() {
        "POST" => {
            let location = format!("{path}1?state=x");
            Answer::builder().status(202).header(header::LOCATION, location).body(Body::empty()).unwrap()
        }
        "PUT" if path.contains("/uploads/") => {
            let digest = query.split("digest=sha256%3A").nth(1).unwrap();
            assert!(query.starts_with("state=x&") && digest == hex(&body), "{query}");
            kept.insert(format!("/v2/tools/weather/blobs/sha256:{digest}"), body);
            answer(201, "")
        }
        "PUT" => {
            kept.insert(format!("/v2/tools/weather/manifests/sha256:{}", hex(&body)), body.clone());
            let manifest: Value = serde_json::from_slice(&body).unwrap();
            let subject = manifest["subject"]["digest"].as_str();
            let mut done = answer(201, "");
            if let Some(subject) = subject.filter(|_| registry.keeps_lists) {
                let list = kept.entry(format!("/v2/tools/weather/referrers/{subject}")).or_default();
                let mut known: Vec<Value> = serde_json::from_slice(list).unwrap_or_default();
                let digest = format!("sha256:{}", hex(&body));
                known.push(json!({"digest": digest, "artifactType": manifest["artifactType"], "size": body.len()}));
                *list = serde_json::to_vec(&known).unwrap();
                done.headers_mut().insert("oci-subject", subject.parse().unwrap());
            }
            kept.insert(path, body);
            done
        }
        _ if path.contains("/referrers/") && registry.keeps_lists => {
            let known: Value = kept.get(&path).map(|list| serde_json::from_slice(list).unwrap()).unwrap_or(json!([]));
            let mut index = answer(200, json!({"schemaVersion": 2, "manifests": known}).to_string());
            index.headers_mut().insert(header::CONTENT_TYPE, super::referrers::INDEX.parse().unwrap());
            index
        }
        _ if path.contains("/referrers/") => answer(200, "<html>no such page</html>"),
        _ => match kept.get(&path) {
            Some(body) => answer(200, body.clone()),
            None => answer(404, ""),
        },
    }
}

#[tokio::test]
async fn what_is_published_is_pulled_again_with_its_signature() {
    let registry = Keeping::default();
    let host = registry.start().await;
    let fetcher = Fetcher::new(&[], PATIENCE).unwrap();
    let text = format!("oci://{host}/tools/weather:1.0");
    let Source::Oci(reference) = Source::parse(&text).unwrap() else { panic!() };
    let key = crate::SigningKey::generate().unwrap();
    let signed = (key.sign(WASM_BYTES, "weather 1.0").unwrap(), key.public().unwrap().to_string());
    let wasm = bytes::Bytes::from_static(WASM_BYTES);
    let signatures = Signatures { minisign: Some((signed.0.clone(), Some(signed.1.clone()))), bundle: None };
    let published =
        fetcher.publish(&reference, None, wasm, signatures, Vec::new(), "2026-01-01T00:00:00Z").await.unwrap();
    for text in [text.clone(), format!("{text}@sha256:{}", published.manifest)] {
        let fetched = fetcher.fetch(&Source::parse(&text).unwrap(), |_| None).await.unwrap();
        assert_eq!((&fetched.wasm[..], fetched.digest), (WASM_BYTES, published.component));
        assert_eq!(fetched.signature.as_ref().zip(fetched.key.as_ref()), Some((&signed.0, &signed.1)));
        crate::verify(&fetched.wasm, &signed.0, &key.public().unwrap()).unwrap();
    }
    // One layer of the component's kind, and a configuration that other tools read.
    let kept = registry.kept.lock().unwrap();
    let manifest: Value = serde_json::from_slice(&kept["/v2/tools/weather/manifests/1.0"]).unwrap();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    let config = format!("/v2/tools/weather/blobs/{}", manifest["config"]["digest"].as_str().unwrap());
    let config: Value = serde_json::from_slice(&kept[&config]).unwrap();
    assert_eq!(config["layerDigests"][0], format!("sha256:{}", hex(WASM_BYTES)));
}

#[tokio::test]
async fn bundles_are_found_whether_the_registry_lists_them_or_a_tag_does() {
    for keeps_lists in [true, false] {
        let registry = Keeping { keeps_lists, ..Keeping::default() };
        let text = format!("oci://{}/tools/weather:1.0", registry.start().await);
        let Source::Oci(reference) = Source::parse(&text).unwrap() else { panic!() };
        let fetcher = Fetcher::new(&[], PATIENCE).unwrap();
        let publish = async |bundle: Option<&str>| {
            let signatures = Signatures { minisign: None, bundle: bundle.map(str::to_owned) };
            let wasm = bytes::Bytes::from_static(WASM_BYTES);
            fetcher.publish(&reference, None, wasm, signatures, Vec::new(), "2026-01-01T00:00:00Z").await.unwrap()
        };
        let fetch = async || fetcher.fetch(&Source::Oci(reference.clone()), |_| None).await;
        assert!(!publish(None).await.is_signed);
        assert_eq!(fetch().await.unwrap().bundles, Vec::<String>::new());
        let long = "x".repeat(MAX_BUNDLE_BYTES + 1);
        for bundle in ["one", "two", &long, "two"] {
            assert!(publish(Some(bundle)).await.is_signed);
        }
        let fetched = fetch().await.unwrap();
        let mut bundles = fetched.bundles;
        bundles.dedup();
        assert_eq!(bundles, ["one", "two"], "the one that is too long is none");
        assert_eq!(fetched.manifest, Some(publish(None).await.manifest));

        // More than anybody looks at, and one that is not what the list says.
        for number in 0..20 {
            publish(Some(&number.to_string())).await;
        }
        assert!(fetch().await.unwrap().bundles.len() <= 16);
        let two = hex(b"two");
        let is_of_two = |(path, body): &(&String, &mut Vec<u8>)| {
            path.contains("/manifests/sha256:") && String::from_utf8_lossy(body).contains(&two)
        };
        registry.kept.lock().unwrap().iter_mut().find(is_of_two).unwrap().1.push(b' ');
        assert!(matches!(fetch().await, Err(PackageError::Digest { .. })), "{keeps_lists}");
    }
}

#[tokio::test]
async fn a_readme_is_found_whoever_keeps_the_list_and_nothing_fails_for_it() {
    for keeps_lists in [true, false] {
        let registry = Keeping { keeps_lists, ..Keeping::default() };
        let text = format!("oci://{}/tools/weather:1.0", registry.start().await);
        let Source::Oci(reference) = Source::parse(&text).unwrap() else { panic!() };
        let fetcher = Fetcher::new(&[], PATIENCE).unwrap();
        let wasm = bytes::Bytes::from_static(WASM_BYTES);
        let document = |name: &str| Document { name: name.to_owned(), bytes: format!("about {name}").into_bytes() };
        let documents = vec![document("LICENSE"), document("README.md")];
        let signatures = Signatures { minisign: None, bundle: Some("one".to_owned()) };
        fetcher.publish(&reference, None, wasm, signatures, documents, "2026-01-01T00:00:00Z").await.unwrap();
        let fetch = async || fetcher.fetch(&Source::Oci(reference.clone()), |_| None).await.unwrap();
        let fetched = fetch().await;
        assert_eq!((fetched.readme.as_deref(), fetched.bundles), (Some("about README.md"), vec!["one".to_owned()]));
        // Not what the list says: it is as if there were none.
        let readme = hex(b"about README.md");
        registry.kept.lock().unwrap().retain(|path, _| !path.ends_with(&readme));
        let fetched = fetch().await;
        assert_eq!((fetched.readme, &fetched.wasm[..]), (None, WASM_BYTES));
    }
}
