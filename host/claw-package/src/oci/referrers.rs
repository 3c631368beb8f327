//! Bundles of Sigstore and documents for people in a registry: artifacts that name the component's manifest as their
//! subject.
//!
//! A registry lists them itself, as version 1.1 of the distribution specification has it, or their publishers keep the list
//! under the tag `sha256-DIGEST`.

use bytes::Bytes;
use claw_core::id::Digest;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::push::EMPTY;
use super::{Layer, MANIFEST, MAX_TEXT_BYTES, Repository, digest_of};
use crate::document::{Document, MAX_DOCUMENT_BYTES, is_readme};
use crate::error::PackageError;
use crate::fetch::body;
use crate::sigstore::MAX_BUNDLE_BYTES;

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The kind of what is published; that of older bundles differs behind it.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const BUNDLES: &str = "application/vnd.dev.sigstore.bundle";
/// Our kind: a layer for each document, which is named as other tools name files.
const DOCUMENTS: &str = "application/vnd.openclaw-host.documents.v1";
const TEXT: &str = "text/plain; charset=utf-8";
const TITLE: &str = "org.opencontainers.image.title";
/// Bundles of one component that are read: whoever may write to the registry could add any number.
const MAX_BUNDLES: usize = 16;
/// The header with which a registry says that it keeps the list.
const KEEPS_LIST: &str = "oci-subject";

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Referrer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Referrer {
    digest: String,
    #[serde(default)]
    artifact_type: String,
}

impl Repository<'_> {
    /// What refers to a manifest, in the order in which the registry lists it.
    pub(super) async fn referrers(&mut self, manifest: &Digest) -> Result<Vec<Referrer>, PackageError> {
        let Some(index) = self.list(manifest).await? else { return Ok(Vec::new()) };
        let index: Index = serde_json::from_slice(&index)
            .map_err(|err| self.strange(format!("its list of referrers cannot be read ({err})")))?;
        Ok(index.manifests)
    }

    /// The bundles among them: at most 16, without those that are too long to be ones.
    pub(super) async fn bundles(&mut self, referrers: &[Referrer]) -> Result<Vec<String>, PackageError> {
        let is_bundle = |it: &&Referrer| it.artifact_type.starts_with(BUNDLES);
        let mut bundles = Vec::new();
        for referrer in referrers.iter().filter(is_bundle).take(MAX_BUNDLES) {
            let layers = self.layers_of(referrer).await?;
            for layer in layers.iter().filter(|layer| layer.media_type.starts_with(BUNDLES)) {
                match self.blob(layer, MAX_BUNDLE_BYTES).await {
                    Ok(bytes) => bundles.push(String::from_utf8_lossy(&bytes).into_owned()),
                    Err(PackageError::TooLong { .. }) => {}
                    Err(err) => return Err(err),
                }
            }
        }
        Ok(bundles)
    }

    /// The README of the first documents among them.
    pub(super) async fn readme(&mut self, referrers: &[Referrer]) -> Result<Option<String>, PackageError> {
        let documents = referrers.iter().find(|it| it.artifact_type == DOCUMENTS);
        let Some(documents) = documents else { return Ok(None) };
        let layers = self.layers_of(documents).await?;
        let is_readme = |layer: &&Layer| layer.annotations.get(TITLE).is_some_and(|name| is_readme(name));
        let Some(layer) = layers.iter().find(is_readme) else { return Ok(None) };
        let bytes = self.blob(layer, MAX_DOCUMENT_BYTES).await?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The layers of what refers, which is what the list says; none if it is not there.
    async fn layers_of(&mut self, referrer: &Referrer) -> Result<Vec<Layer>, PackageError> {
        let expected = referrer.digest.strip_prefix("sha256:").and_then(|hex| Digest::parse(hex).ok());
        let Some(expected) = expected else { return Ok(Vec::new()) };
        let Some(manifest) = self.manifest(&referrer.digest).await? else { return Ok(Vec::new()) };
        let actual = digest_of(&manifest);
        if actual != expected {
            return Err(PackageError::Digest { expected, actual });
        }
        self.layers(&manifest)
    }

    /// The list of what refers to a manifest, from the registry or from the tag; `None` if nothing does.
    async fn list(&mut self, manifest: &Digest) -> Result<Option<Bytes>, PackageError> {
        let response = self.get(&format!("referrers/sha256:{manifest}"), INDEX).await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        match response.status() {
            StatusCode::OK if kind.is_some_and(|kind| kind.starts_with(INDEX)) => {
                body(response, MAX_TEXT_BYTES).await.map(Some)
            }
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) => {
                Err(self.status(status, "the list of referrers"))
            }
            status if status.is_server_error() => Err(self.status(status, "the list of referrers")),
            // Registries that do not know this path say so in many ways, some with a page for people.
            _ => self.kept_list(manifest).await,
        }
    }

    async fn kept_list(&mut self, manifest: &Digest) -> Result<Option<Bytes>, PackageError> {
        let tag = tag(manifest);
        let response = self.get(&format!("manifests/{tag}"), INDEX).await?;
        match response.status() {
            StatusCode::OK => body(response, MAX_TEXT_BYTES).await.map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(self.status(status, &tag)),
        }
    }

    /// Pushes a bundle that refers to a manifest of so many bytes.
    pub(super) async fn put_bundle(
        &mut self,
        manifest: &Digest,
        bytes: usize,
        bundle: String,
    ) -> Result<(), PackageError> {
        let layer = self.put_blob(BUNDLE, bundle.into()).await?;
        self.put_referrer(manifest, bytes, BUNDLE, &[layer]).await
    }

    /// Pushes documents that refer to a manifest of so many bytes.
    pub(super) async fn put_documents(
        &mut self,
        manifest: &Digest,
        bytes: usize,
        documents: Vec<Document>,
    ) -> Result<(), PackageError> {
        let mut layers = Vec::new();
        for Document { name, bytes } in documents {
            let mut layer = self.put_blob(TEXT, bytes.into()).await?;
            layer["annotations"] = json!({ TITLE: name });
            layers.push(layer);
        }
        self.put_referrer(manifest, bytes, DOCUMENTS, &layers).await
    }

    async fn put_referrer(
        &mut self,
        manifest: &Digest,
        bytes: usize,
        kind: &str,
        layers: &[Value],
    ) -> Result<(), PackageError> {
        let config = self.put_blob(EMPTY, Bytes::from_static(b"{}")).await?;
        let subject = json!({"mediaType": MANIFEST, "digest": format!("sha256:{manifest}"), "size": bytes});
        let referrer = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind,
            "config": config, "layers": layers, "subject": subject,
        });
        let referrer = Bytes::from(referrer.to_string());
        let digest = format!("sha256:{}", digest_of(&referrer));
        let response = self.put(&digest, MANIFEST, referrer.clone()).await?;
        if response.headers().contains_key(KEEPS_LIST) {
            return Ok(());
        }
        let described = json!({"mediaType": MANIFEST, "digest": digest, "size": referrer.len(), "artifactType": kind});
        let known = self.kept_list(manifest).await?;
        let known: Value = known.and_then(|known| serde_json::from_slice(&known).ok()).unwrap_or_default();
        let mut all = known["manifests"].as_array().cloned().unwrap_or_default();
        all.retain(|it| it["digest"] != digest.as_str());
        all.push(described);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": all});
        self.put(&tag(manifest), INDEX, index.to_string().into()).await.map(drop)
    }

    /// Puts a manifest or a list under a tag or its digest.
    pub(super) async fn put(
        &mut self,
        reference: &str,
        kind: &'static str,
        bytes: Bytes,
    ) -> Result<Response, PackageError> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let put = |client: &Client| client.put(url.clone()).header(CONTENT_TYPE, kind).body(bytes.clone());
        let response = self.call(put).await?;
        match response.status() {
            StatusCode::CREATED => Ok(response),
            status => Err(self.status(status, reference)),
        }
    }
}

fn tag(manifest: &Digest) -> String {
    format!("sha256-{manifest}")
}
