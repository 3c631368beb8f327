//! Texts that name packages.

use std::fmt;
use std::path::PathBuf;

use claw_core::id::{ComponentName, Digest};
use reqwest::Url;

use crate::error::PackageError;

/// Where a package is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A component's file, or a folder with exactly one.
    Path(PathBuf),
    /// A component behind a URL, with the digest that its bytes must have, if one was given as `#sha256=…`.
    Url(Url, Option<Digest>),
    /// An artifact in a registry.
    Oci(OciReference),
}

/// An artifact in a registry: `oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:…]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciReference {
    /// Name and port of the registry.
    pub host: String,
    /// The repository.
    pub repository: String,
    /// The tag; `latest` where none is given.
    pub tag: String,
    /// The digest of its manifest, where one is given: the tag then says nothing.
    pub digest: Option<Digest>,
}

impl Source {
    /// Reads a text. What looks like no URL is a path.
    ///
    /// # Errors
    /// [`PackageError::Source`]. Plain `http` is taken from this machine only.
    pub fn parse(text: &str) -> Result<Source, PackageError> {
        let unknown = || PackageError::Source { text: text.chars().take(200).collect() };
        if let Some(reference) = text.strip_prefix("oci://") {
            return OciReference::parse(reference).map(Source::Oci).ok_or_else(unknown);
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return if text.is_empty() { Err(unknown()) } else { Ok(Source::Path(text.into())) };
        };
        let mut url = Url::parse(text).map_err(|_| unknown())?;
        if !(scheme == "https" || scheme == "http" && is_this_machine(&url)) || !url.username().is_empty() {
            return Err(unknown());
        }
        let digest = match url.fragment() {
            None => None,
            Some(fragment) => {
                let hex = fragment.strip_prefix("sha256=").ok_or_else(unknown)?;
                Some(Digest::parse(hex).map_err(|_| unknown())?)
            }
        };
        url.set_fragment(None);
        Ok(Source::Url(url, digest))
    }
}

impl Source {
    /// The same place at the time when this manifest was there; `None` for one that has no manifests.
    pub fn at(&self, manifest: Digest) -> Option<Source> {
        match self {
            Source::Oci(reference) => Some(Source::Oci(OciReference { digest: Some(manifest), ..reference.clone() })),
            Source::Path(_) | Source::Url(..) => None,
        }
    }

    /// The name for a component that gives itself none: that of its file, folder or repository, as far as names allow.
    pub fn component_name(&self) -> Option<ComponentName> {
        let last = match self {
            Source::Path(path) => path.file_name()?.to_string_lossy().into_owned(),
            Source::Url(url, _) => url.path_segments()?.next_back()?.to_owned(),
            Source::Oci(reference) => reference.repository.rsplit('/').next()?.to_owned(),
        };
        let plain = last.strip_suffix(".wasm").unwrap_or(&last).to_lowercase();
        let is_taken = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_';
        let name: String = plain.chars().map(|c| if is_taken(&c) { c } else { '-' }).take(64).collect();
        ComponentName::parse(name.trim_matches(['-', '_'])).ok()
    }
}

/// The URL of a place that things are fetched from: encrypted, or on this machine; it names nobody.
///
/// # Errors
/// Says what is wrong with the text.
pub fn site(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|err| format!("this is no URL: {err}"))?;
    if !(url.scheme() == "https" || url.scheme() == "http" && is_this_machine(&url)) {
        return Err("write `https://…`; plain `http` is for this machine only".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a name or password has no place in it".to_owned());
    }
    Ok(url)
}

/// Whether a URL leads to this machine by an address or by `localhost`.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

impl fmt::Display for Source {
    /// Without a URL's query, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Path(path) => path.display().fmt(f),
            Source::Url(url, _) => {
                let mut url = url.clone();
                url.set_query(None);
                url.fmt(f)
            }
            Source::Oci(reference) => reference.fmt(f),
        }
    }
}

impl OciReference {
    fn parse(text: &str) -> Option<OciReference> {
        let (text, digest) = match text.split_once('@') {
            None => (text, None),
            Some((text, digest)) => (text, Some(Digest::parse(digest.strip_prefix("sha256:")?).ok()?)),
        };
        let (host, path) = text.split_once('/')?;
        let (repository, tag) = path.split_once(':').unwrap_or((path, "latest"));
        let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        let is_step = |step: &str| {
            let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
            !step.is_empty() && step.bytes().all(word) && step.as_bytes()[0].is_ascii_alphanumeric()
        };
        let is_repository = repository.len() <= 255 && repository.split('/').all(is_step);
        let word = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let is_tag = (1..=128).contains(&tag.len()) && tag.bytes().all(word);
        let (host, repository, tag) = (host.to_owned(), repository.to_owned(), tag.to_owned());
        (is_host && is_repository && is_tag).then_some(OciReference { host, repository, tag, digest })
    }

    /// What the registry calls it: its digest if it has one, otherwise its tag.
    pub fn reference(&self) -> String {
        self.digest.as_ref().map_or_else(|| self.tag.clone(), |digest| format!("sha256:{digest}"))
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OciReference { host, repository, tag, digest } = self;
        write!(f, "oci://{host}/{repository}:{tag}")?;
        digest.iter().try_for_each(|digest| write!(f, "@sha256:{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_itself_no_name_is_called_like_the_place_that_it_comes_from() {
        let name = |text: &str| Source::parse(text).unwrap().component_name().map(String::from);
        for (source, expected) in [
            ("/tmp/Calculator 2.wasm", Some("calculator-2")),
            ("./folder/", Some("folder")),
            ("https://h.example/a/get_weather.wasm?token=x", Some("get_weather")),
            ("oci://ghcr.io/someone/time-server:1.0", Some("time-server")),
            ("/tmp/--.wasm", None),
            ("https://h.example/", None),
            ("..", None),
        ] {
            assert_eq!(name(source).as_deref(), expected, "{source}");
        }
    }

    #[test]
    fn a_source_is_a_path_a_url_or_an_artifact() {
        let shown = |text: &str| Source::parse(text).map(|source| source.to_string()).unwrap();
        assert_eq!(Source::parse("./a b.wasm").unwrap(), Source::Path("./a b.wasm".into()));
        assert_eq!(shown("https://h.example/a.wasm?token=secret"), "https://h.example/a.wasm");
        assert_eq!(shown("oci://h.example:5000/a/b"), "oci://h.example:5000/a/b:latest");
        let hex = "ab".repeat(32);
        assert_eq!(shown(&format!("oci://h/a:v1@sha256:{hex}")), format!("oci://h/a:v1@sha256:{hex}"));
        let Source::Url(url, Some(_)) = Source::parse(&format!("http://127.0.0.1:1/a#sha256={hex}")).unwrap() else {
            panic!()
        };
        assert_eq!(url.as_str(), "http://127.0.0.1:1/a");
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in [
            "",
            "http://h.example/a.wasm",
            "ftp://h/a",
            "https://user:pw@h/a",
            "https://h/a#md5=1",
            "oci://",
            "oci://h",
            "oci://h/",
            "oci://h/A",
            "oci://h/../x",
            "oci://h/a:",
            "oci://h/a@sha256:1",
            "oci://h/a:b c",
            "oci://u@h/a",
        ] {
            assert!(matches!(Source::parse(text), Err(PackageError::Source { .. })), "{text}");
        }
    }
}
