//! Getting a package's bytes.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use claw_core::address;
use claw_core::effect::AddressClass;
use claw_core::id::Digest;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Response, Url};
use sha2::{Digest as _, Sha256};

use crate::MAX_BYTES;
use crate::document::{Document, is_readme};
use crate::error::PackageError;
use crate::oci::{self, Published};
use crate::sigstore::MAX_BUNDLE_BYTES;
use crate::source::{OciReference, Source, is_this_machine};

/// A server that does not accept a connection in this time is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that sends nothing for so long has broken off.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a package may take to come whole: less than clients wait for the host, so that they are told. The largest one
/// needs 280 KiB a second for that.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// Signatures and keys are a few lines.
const MAX_TEXT_BYTES: usize = 8 << 10;
/// What stands behind a file's name for the bundle beside it, in the order in which they are looked for.
const BUNDLES: [&str; 2] = [".sigstore.json", ".sigstore"];
/// A list of everything that was ever revoked somewhere.
const MAX_LIST_BYTES: usize = 4 << 20;
/// More hops than any registry needs.
const MAX_REDIRECTS: usize = 5;

/// Fetches packages.
pub struct Fetcher {
    client: Client,
    /// However little a server sends at a time, it has no longer than this for all of it.
    within: Duration,
}

/// Name and password for a registry.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password or token.
    pub password: String,
}

/// A package's bytes, and what lay beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The component.
    pub wasm: Bytes,
    /// Its SHA-256.
    pub digest: Digest,
    /// The signature beside it.
    pub signature: Option<String>,
    /// The publisher's key beside it: it says who they claim to be, no more.
    pub key: Option<String>,
    /// Bundles of Sigstore beside it.
    pub bundles: Vec<String>,
    /// The README beside it, for people. Nobody has signed it.
    pub readme: Option<String>,
    /// The digest of its manifest, if it comes from a registry: bundles may be about that.
    pub manifest: Option<Digest>,
}

/// What a file is signed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    /// A signature of minisign, and the publisher's key if it is there too.
    pub minisign: Option<(String, Option<String>)>,
    /// A bundle of Sigstore.
    pub bundle: Option<String>,
}

impl Fetcher {
    /// A fetcher that believes these certificates besides the usual ones, and waits so long for a whole package.
    ///
    /// # Errors
    /// If one of the certificates cannot be used.
    pub fn new(extra_roots: &[Vec<u8>], within: Duration) -> Result<Fetcher, PackageError> {
        let roots = extra_roots.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>();
        let client = roots
            .map_err(PackageError::Client)?
            .into_iter()
            .fold(Client::builder(), ClientBuilder::add_root_certificate);
        let client = client
            .user_agent(concat!("openclaw-host/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::custom(|attempt| match attempt.previous() {
                [first, ..] if attempt.previous().len() <= MAX_REDIRECTS && may_lead(first, attempt.url()) => {
                    attempt.follow()
                }
                _ => attempt.stop(),
            }))
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT);
        Ok(Fetcher { client: client.build().map_err(PackageError::Client)?, within })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn within(&self) -> Duration {
        self.within
    }

    /// Fetches a package whole; `login` gives the name and password for a registry, by its host.
    ///
    /// # Errors
    /// [`PackageError`]; nothing was kept then.
    pub async fn fetch(&self, source: &Source, login: impl Fn(&str) -> Option<Login>) -> Result<Fetched, PackageError> {
        match source {
            Source::Path(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || from_path(&path));
                read.await.expect("fetch: reading files does not panic")
            }
            Source::Url(url, digest) => self.in_time(&host(url), self.download(url, *digest)).await,
            Source::Oci(reference) => {
                let pull = oci::pull(&self.client, reference, login(&reference.host));
                self.in_time(&reference.host, pull).await
            }
        }
    }

    /// What comes from a host, if it comes in time.
    async fn in_time<T>(
        &self,
        host: &str,
        work: impl Future<Output = Result<T, PackageError>>,
    ) -> Result<T, PackageError> {
        let late = |_| PackageError::Late { host: host.to_owned(), within: self.within };
        tokio::time::timeout(self.within, work).await.map_err(late)?
    }

    /// Publishes a component under a tag, with what it is signed with and what people read of it; `created` is the time
    /// that goes into the artifact,
    /// as RFC 3339 has it.
    ///
    /// # Errors
    /// [`PackageError`]. What was uploaded before that stays with the registry; no tag names it.
    pub async fn publish(
        &self,
        reference: &OciReference,
        login: Option<Login>,
        wasm: Bytes,
        signatures: Signatures,
        documents: Vec<Document>,
        created: &str,
    ) -> Result<Published, PackageError> {
        oci::push(&self.client, reference, login, wasm, signatures, documents, created).await
    }

    /// Fetches a text and the signature beside it, `URL.minisig`. Nothing is checked yet.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn signed_text(&self, url: &Url) -> Result<(String, String), PackageError> {
        let both = async {
            let text = body(get(&self.client, url).await?, MAX_LIST_BYTES).await?;
            let mut beside = url.clone();
            beside.set_path(&format!("{}.minisig", url.path()));
            let signature = body(get(&self.client, &beside).await?, MAX_TEXT_BYTES).await?;
            let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Ok((text_of(&text), text_of(&signature)))
        };
        self.in_time(&host(url), both).await
    }

    async fn download(&self, url: &Url, expected: Option<Digest>) -> Result<Fetched, PackageError> {
        let wasm = body(get(&self.client, url).await?, MAX_BYTES).await?;
        let digest = digest_of(&wasm);
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(PackageError::Digest { expected, actual: digest });
        }
        let beside = |suffix: &str| {
            let mut beside = url.clone();
            beside.set_path(&format!("{}{suffix}", url.path()));
            beside
        };
        let signature = self.text(&beside(".minisig"), MAX_TEXT_BYTES).await?;
        let key = match url.join("minisign.pub") {
            Ok(url) if signature.is_some() => self.text(&url, MAX_TEXT_BYTES).await?,
            _ => None,
        };
        let mut bundle = None;
        for suffix in BUNDLES {
            if bundle.is_none() {
                bundle = self.text(&beside(suffix), MAX_BUNDLE_BYTES).await?;
            }
        }
        Ok(Fetched {
            wasm,
            digest,
            signature,
            key,
            bundles: bundle.into_iter().collect(),
            readme: None,
            manifest: None,
        })
    }

    /// A text of at most so many bytes, if the server has it.
    async fn text(&self, url: &Url, limit: usize) -> Result<Option<String>, PackageError> {
        match get(&self.client, url).await {
            Ok(response) => {
                let bytes = body(response, limit).await?;
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Err(PackageError::Status { status: 403 | 404 | 410, .. }) => Ok(None),
            Err(err) => Err(err),
        }
    }
}

/// Whether a server's word may lead from one URL to another: to an encrypted place on the public network, within this
/// machine, or to the same server again. Everything else is answered as it is, and refused for its status.
pub(crate) fn may_lead(from: &Url, to: &Url) -> bool {
    from.origin() == to.origin()
        || is_this_machine(from) && is_this_machine(to)
        || to.scheme() == "https" && !is_inside(to)
}

/// Whether a URL names an address that is not on the public network.
fn is_inside(url: &Url) -> bool {
    let class = |host: &str| address::classify_host(host.trim_matches(['[', ']']));
    !url.host_str().is_some_and(|host| matches!(class(host), AddressClass::Public | AddressClass::Name))
}

/// The host of a URL, for errors.
pub(crate) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

async fn get(client: &Client, url: &Url) -> Result<Response, PackageError> {
    let fetched = client.get(url.clone()).send().await;
    let response = fetched.map_err(|err| PackageError::Fetch { host: host(url), err: err.without_url() })?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(PackageError::Status { host: host(url), status: response.status().as_u16(), what: url.path().to_owned() })
}

/// A body of at most `limit` bytes; one that says at once that it is longer is not read.
pub(crate) async fn body(mut response: Response, limit: usize) -> Result<Bytes, PackageError> {
    let host = host(response.url());
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(PackageError::TooLong { limit });
    }
    let mut bytes = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > limit => return Err(PackageError::TooLong { limit }),
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes.freeze()),
            Err(err) => return Err(PackageError::Fetch { host, err: err.without_url() }),
        }
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

fn from_path(path: &Path) -> Result<Fetched, PackageError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |err| PackageError::Read { path, err }
    };
    let about = std::fs::metadata(path).map_err(unreadable(path))?;
    let file = if about.is_dir() { only_component(path)? } else { path.to_owned() };
    let wasm = Bytes::from(read(&file, MAX_BYTES)?);
    let Signatures { minisign, bundle } = Signatures::beside(&file)?;
    let (signature, key) = minisign.unzip();
    let bundles = bundle.into_iter().collect();
    // What lies beside a file can belong to anything.
    let documents = if about.is_dir() { Document::in_folder(path).unwrap_or_default() } else { Vec::new() };
    let readme = documents.into_iter().find(|it| is_readme(&it.name));
    let readme = readme.map(|it| String::from_utf8_lossy(&it.bytes).into_owned());
    Ok(Fetched { digest: digest_of(&wasm), wasm, signature, key: key.flatten(), bundles, readme, manifest: None })
}

impl Signatures {
    /// What lies beside a file: `FILE.minisig` with `minisign.pub`, `FILE.sigstore.json` or `FILE.sigstore`.
    ///
    /// # Errors
    /// If something is there that cannot be read, or is too long. Nothing is checked yet.
    pub fn beside(file: &Path) -> Result<Signatures, PackageError> {
        let text = |name: PathBuf, limit| match read(&name, limit) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(PackageError::Read { err, .. }) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        };
        let with = |suffix: &str| {
            let mut name = file.to_owned().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        let minisign = match text(with(".minisig"), MAX_TEXT_BYTES)? {
            Some(signature) => Some((signature, text(file.with_file_name("minisign.pub"), MAX_TEXT_BYTES)?)),
            None => None,
        };
        let mut bundle = None;
        for suffix in BUNDLES {
            if bundle.is_none() {
                bundle = text(with(suffix), MAX_BUNDLE_BYTES)?;
            }
        }
        Ok(Signatures { minisign, bundle })
    }
}

fn only_component(folder: &Path) -> Result<PathBuf, PackageError> {
    let entries = std::fs::read_dir(folder).map_err(|err| PackageError::Read { path: folder.to_owned(), err })?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    match (files.pop(), files.len()) {
        (Some(file), 0) => Ok(file),
        (file, more) => {
            Err(PackageError::Folder { path: folder.to_owned(), found: more + usize::from(file.is_some()) })
        }
    }
}

pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, PackageError> {
    let unreadable = |err| PackageError::Read { path: path.to_owned(), err };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > limit { Err(PackageError::TooLong { limit }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_leads_nowhere_inside_and_nowhere_unencrypted() {
        let may = |from: &str, to: &str| may_lead(&Url::parse(from).unwrap(), &Url::parse(to).unwrap());
        let (outside, here) = ("https://registry.example/v2/", "http://127.0.0.1:5000/v2/");
        assert!(may(outside, "https://blobs.example/x") && may(outside, "https://203.0.114.7/x"));
        assert!(may(here, "http://localhost:5001/x") && may(here, "http://[::1]/x") && may(here, outside));
        for to in [
            "http://registry.example/x",
            "ftp://registry.example/x",
            "file:///etc/passwd",
            here,
            "https://127.0.0.1/x",
            "https://localhost/x",
            "https://[::1]/x",
            "https://[::ffff:10.0.0.1]/x",
            "https://10.1.2.3/x",
            "https://192.168.1.1/x",
            "https://169.254.169.254/latest/meta-data",
            "https://0x7f.1/x",
        ] {
            assert!(!may(outside, to), "{to}");
        }
        assert!(may("https://10.0.0.5:5000/v2/", "https://10.0.0.5:5000/x"), "a registry inside leads to itself");
        assert!(!may("https://10.0.0.5:5000/v2/", "https://10.0.0.5:5001/x"));
        assert!(!may(here, "http://192.168.1.1/x"), "and from here not to others unencrypted");
    }
}
