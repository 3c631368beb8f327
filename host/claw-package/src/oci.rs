//! Pulling a component from a registry, as the OCI distribution specification has it: one layer `application/wasm`.
//!
//! A signature is an artifact of its own, under the tag `sha256-DIGEST.minisig` of the same repository, where DIGEST is
//! that of the component's manifest. Bundles of Sigstore and documents for people refer to the manifest, see
//! [`referrers`].

mod push;
mod referrers;

use std::collections::BTreeMap;

use bytes::Bytes;
use claw_core::id::Digest;
use reqwest::header::{ACCEPT, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use crate::MAX_BYTES;
use crate::error::PackageError;
use crate::fetch::{Fetched, Login, body, digest_of, may_lead};
use crate::source::{OciReference, is_this_machine};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const WASM: &str = "application/wasm";
const SIGNATURE: &str = "application/vnd.openclaw-host.minisig";
const KEY: &str = "application/vnd.openclaw-host.minisign.pub";
pub use push::Published;
pub(crate) use push::push;

/// Manifests, tokens, signatures and keys.
const MAX_TEXT_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// One registry's repository, and what opened it.
struct Repository<'a> {
    client: &'a Client,
    reference: &'a OciReference,
    /// The registry.
    base: Url,
    login: Option<Login>,
    /// What the registry's token service gave.
    token: Option<String>,
    /// What a token has to be good for: `pull` or `pull,push`.
    wants: &'static str,
}

/// Fetches a component with its signature.
pub(crate) async fn pull(
    client: &Client,
    reference: &OciReference,
    login: Option<Login>,
) -> Result<Fetched, PackageError> {
    let mut repository = Repository::open(client, reference, login, "pull").await?;
    let manifest = repository.manifest(&reference.reference()).await?;
    let manifest = manifest.ok_or_else(|| repository.status(StatusCode::NOT_FOUND, &reference.reference()))?;
    let actual = digest_of(&manifest);
    if let Some(expected) = reference.digest.filter(|expected| *expected != actual) {
        return Err(PackageError::Digest { expected, actual });
    }
    let layers = repository.layers(&manifest)?;
    let mut components = layers.iter().filter(|layer| layer.media_type == WASM);
    let (Some(layer), None) = (components.next(), components.next()) else {
        return Err(repository.strange(format!("the artifact has not exactly one layer `{WASM}`")));
    };
    let wasm = repository.blob(layer, MAX_BYTES).await?;
    let (mut signature, mut key) = (None, None);
    if let Some(manifest) = repository.manifest(&format!("sha256-{actual}.minisig")).await? {
        for layer in repository.layers(&manifest)? {
            let text = match layer.media_type.as_str() {
                SIGNATURE => &mut signature,
                KEY => &mut key,
                _ => continue,
            };
            let bytes = repository.blob(&layer, MAX_TEXT_BYTES).await?;
            *text = Some(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    let referrers = repository.referrers(&actual).await?;
    let bundles = repository.bundles(&referrers).await?;
    // It decides nothing, so nothing fails for it.
    let readme = repository.readme(&referrers).await.ok().flatten();
    Ok(Fetched { digest: digest_of(&wasm), wasm, signature, key, bundles, readme, manifest: Some(actual) })
}

impl<'a> Repository<'a> {
    /// Finds out how the registry is spoken with: always encrypted, or on this machine plain if it knows no other way.
    async fn open(
        client: &'a Client,
        reference: &'a OciReference,
        login: Option<Login>,
        wants: &'static str,
    ) -> Result<Repository<'a>, PackageError> {
        let host = &reference.host;
        let url = |scheme: &str| {
            Url::parse(&format!("{scheme}://{host}/")).map_err(|_| {
                let what = "its name is no host".to_owned();
                PackageError::Protocol { host: host.clone(), what }
            })
        };
        let mut base = url("https")?;
        if is_this_machine(&base) && client.get(base.clone()).send().await.is_err() {
            base = url("http")?;
        }
        Ok(Repository { client, reference, base, login, token: None, wants })
    }

    /// A manifest's bytes; `None` if there is none.
    async fn manifest(&mut self, reference: &str) -> Result<Option<Bytes>, PackageError> {
        let response = self.get(&format!("manifests/{reference}"), MANIFEST).await?;
        match response.status() {
            StatusCode::OK => body(response, MAX_TEXT_BYTES).await.map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(self.status(status, reference)),
        }
    }

    fn layers(&self, manifest: &[u8]) -> Result<Vec<Layer>, PackageError> {
        let manifest: Manifest = serde_json::from_slice(manifest)
            .map_err(|err| self.strange(format!("its manifest cannot be read ({err})")))?;
        Ok(manifest.layers)
    }

    /// A layer's bytes, which are those that the manifest names.
    async fn blob(&mut self, layer: &Layer, limit: usize) -> Result<Bytes, PackageError> {
        let expected = layer.digest.strip_prefix("sha256:").and_then(|hex| Digest::parse(hex).ok());
        let expected = expected.ok_or_else(|| self.strange("a layer has no sha256 digest".to_owned()))?;
        if layer.size > limit as u64 {
            return Err(PackageError::TooLong { limit });
        }
        let response = self.get(&format!("blobs/sha256:{expected}"), "*/*").await?;
        if response.status() != StatusCode::OK {
            return Err(self.status(response.status(), &format!("the layer {}", expected.short())));
        }
        let bytes = body(response, limit).await?;
        let actual = digest_of(&bytes);
        if actual == expected { Ok(bytes) } else { Err(PackageError::Digest { expected, actual }) }
    }

    async fn get(&mut self, path: &str, accept: &str) -> Result<Response, PackageError> {
        let url = self.url(path)?;
        self.call(|client| client.get(url.clone()).header(ACCEPT, accept)).await
    }

    fn url(&self, path: &str) -> Result<Url, PackageError> {
        let url = self.base.join(&format!("v2/{}/{path}", self.reference.repository));
        url.map_err(|_| self.strange("its name is no path".to_owned()))
    }

    /// Asks the registry, and once more with a token if it wants one.
    async fn call(&mut self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Response, PackageError> {
        let response = self.ask(request(self.client)).await?;
        if response.status() != StatusCode::UNAUTHORIZED || self.token.is_some() {
            return Ok(response);
        }
        let Some(challenge) = Challenge::read(response.headers()) else { return Ok(response) };
        self.token = Some(self.fetch_token(&challenge).await?);
        self.ask(request(self.client)).await
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Response, PackageError> {
        let request = match (&self.token, &self.login) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(login)) => request.basic_auth(&login.user, Some(&login.password)),
            (None, None) => request,
        };
        self.send(request).await
    }

    async fn fetch_token(&self, challenge: &Challenge) -> Result<String, PackageError> {
        let mut url = Url::parse(&challenge.realm)
            .ok()
            .filter(|url| may_lead(&self.base, url))
            .ok_or_else(|| self.strange("its token service is not encrypted".to_owned()))?;
        let scope = format!("repository:{}:{}", self.reference.repository, self.wants);
        let service = challenge.service.iter().map(|service| ("service", service.as_str()));
        url.query_pairs_mut().extend_pairs(service.chain([("scope", scope.as_str())]));
        let request = self.client.get(url);
        let request = match &self.login {
            Some(login) => request.basic_auth(&login.user, Some(&login.password)),
            None => request,
        };
        let response = self.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(self.status(response.status(), "a token"));
        }
        let token: Token = serde_json::from_slice(&body(response, MAX_TEXT_BYTES).await?)
            .map_err(|err| self.strange(format!("its token cannot be read ({err})")))?;
        let token = token.token.or(token.access_token);
        token.ok_or_else(|| self.strange("its token service gave no token".to_owned()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, PackageError> {
        let host = self.reference.host.clone();
        request.send().await.map_err(|err| PackageError::Fetch { host, err: err.without_url() })
    }

    fn status(&self, status: StatusCode, what: &str) -> PackageError {
        let host = self.reference.host.clone();
        PackageError::Status { host, status: status.as_u16(), what: what.to_owned() }
    }

    fn strange(&self, what: String) -> PackageError {
        PackageError::Protocol { host: self.reference.host.clone(), what }
    }
}

/// What a registry wants to see a token of.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: Option<String>,
}

impl Challenge {
    /// Reads `Bearer realm="…",service="…"`.
    fn read(headers: &HeaderMap) -> Option<Challenge> {
        let text = headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
        let (scheme, mut rest) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        while let Some((key, after)) = rest.split_once("=\"") {
            let (value, after) = after.split_once('"')?;
            match key.trim_matches([',', ' ']) {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                _ => {}
            }
            rest = after;
        }
        Some(Challenge { realm: realm?, service })
    }
}

#[cfg(test)]
mod tests;
