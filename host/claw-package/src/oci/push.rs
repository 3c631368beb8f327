//! Publishing a component to a registry.

use bytes::Bytes;
use claw_core::id::Digest;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::{Value, json};

use super::{KEY, MANIFEST, Repository, SIGNATURE, WASM, digest_of};
use crate::document::Document;
use crate::error::PackageError;
use crate::fetch::{Login, Signatures, may_lead};
use crate::shape::Shape;
use crate::source::OciReference;

/// The configuration of an artifact that is a component, as the tools of WebAssembly's registries have it.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// That of our second artifact, which has none.
pub(super) const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The digest of its manifest: what `@sha256:…` means in a reference.
    pub manifest: Digest,
    /// The digest of the component.
    pub component: Digest,
    /// Whether a signature was published with it.
    pub is_signed: bool,
}

/// Pushes a component; what it is signed with and what people read of it are artifacts of their own.
pub(crate) async fn push(
    client: &Client,
    reference: &OciReference,
    login: Option<Login>,
    wasm: Bytes,
    signatures: Signatures,
    documents: Vec<Document>,
    created: &str,
) -> Result<Published, PackageError> {
    let mut repository = Repository::open(client, reference, login, "pull,push").await?;
    let component = digest_of(&wasm);
    let shape = Shape::read(&wasm).unwrap_or_default();
    let config = json!({
        "created": created,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [format!("sha256:{component}")],
        "component": {"exports": shape.exports, "imports": shape.imports},
    });
    let config = repository.put_blob(CONFIG, config.to_string().into()).await?;
    let layer = repository.put_blob(WASM, wasm).await?;
    let manifest = manifest(None, &config, &[layer]);
    let (digest, bytes) = (digest_of(&manifest), manifest.len());
    repository.put(&reference.tag, MANIFEST, manifest).await?;
    let Signatures { minisign, bundle } = signatures;
    let is_signed = minisign.is_some() || bundle.is_some();
    if let Some((signature, key)) = minisign {
        let config = repository.put_blob(EMPTY, Bytes::from_static(b"{}")).await?;
        let mut layers = vec![repository.put_blob(SIGNATURE, signature.into()).await?];
        if let Some(key) = key {
            layers.push(repository.put_blob(KEY, key.into()).await?);
        }
        let tag = format!("sha256-{digest}.minisig");
        repository.put(&tag, MANIFEST, super::push::manifest(Some(SIGNATURE), &config, &layers)).await?;
    }
    if let Some(bundle) = bundle {
        repository.put_bundle(&digest, bytes, bundle).await?;
    }
    if !documents.is_empty() {
        repository.put_documents(&digest, bytes, documents).await?;
    }
    Ok(Published { manifest: digest, component, is_signed })
}

fn manifest(kind: Option<&str>, config: &Value, layers: &[Value]) -> Bytes {
    let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    if let Some(kind) = kind {
        manifest["artifactType"] = json!(kind);
    }
    manifest.to_string().into()
}

impl Repository<'_> {
    /// Uploads bytes that the registry does not have yet, and gives what a manifest says of them.
    pub(super) async fn put_blob(&mut self, kind: &str, bytes: Bytes) -> Result<Value, PackageError> {
        let digest = format!("sha256:{}", digest_of(&bytes));
        let described = json!({"mediaType": kind, "digest": digest, "size": bytes.len()});
        let url = self.url(&format!("blobs/{digest}"))?;
        if self.call(|client| client.head(url.clone())).await?.status() == StatusCode::OK {
            return Ok(described);
        }
        let begin = self.url("blobs/uploads/")?;
        let begun = self.call(|client| client.post(begin.clone()).header("content-length", "0")).await?;
        let mut upload = self.upload_url(&begun)?;
        upload.query_pairs_mut().append_pair("digest", &digest);
        let put = |client: &Client| {
            client.put(upload.clone()).header(CONTENT_TYPE, "application/octet-stream").body(bytes.clone())
        };
        let done = self.call(put).await?;
        match done.status() {
            StatusCode::CREATED => Ok(described),
            status => Err(self.status(status, "an upload")),
        }
    }

    /// Where an upload goes: the same registry, or another place that is as safe.
    fn upload_url(&self, begun: &Response) -> Result<Url, PackageError> {
        if begun.status() != StatusCode::ACCEPTED {
            return Err(self.status(begun.status(), "an upload"));
        }
        let location = begun.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| self.base.join(location).ok());
        url.filter(|url| may_lead(&self.base, url))
            .ok_or_else(|| self.strange("it does not say where an upload goes".to_owned()))
    }
}
