//! The section `packages`.

use std::path::Path;

use claw_package::{PublicKey, Publisher, Sigstore, Source, Url};
use serde_json::json;

use super::file::{PublisherFile, Require, RevocationsFile};
use super::issue::Issue;
use super::resolve::{Merge, Origin};

/// What may be installed.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageSettings {
    /// What a package has to be signed with where no rule speaks of its source.
    pub require: Require,
    /// Whose packages are taken from where.
    pub publishers: Vec<PublisherRule>,
    /// The owner's own root of trust for signatures of Sigstore.
    pub sigstore: Option<Sigstore>,
    /// A list of what must not run.
    pub revocations: Option<RevocationFeed>,
}

/// From these sources only packages by these publishers are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherRule {
    /// What the source begins with.
    pub source: String,
    /// The publishers.
    pub by: Vec<Publisher>,
}

/// A list of what must not run, which somebody else keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationFeed {
    /// Where it is fetched; its signature is beside it.
    pub url: Url,
    /// Who signs it.
    pub key: PublicKey,
}

impl PackageSettings {
    /// What signatures of Sigstore are checked with.
    pub fn sigstore(&self) -> Sigstore {
        self.sigstore.clone().unwrap_or_else(Sigstore::public)
    }

    /// The rule for a source, if there is one: of several, the one that says most of it.
    pub fn rule(&self, source: &Source) -> Option<&PublisherRule> {
        let source = source.to_string();
        self.publishers.iter().filter(|rule| rule.is_about(&source)).max_by_key(|rule| rule.source.len())
    }

    /// Whether a publisher's package is taken from a source; `None` is nobody who is known.
    pub fn takes(&self, source: &Source, by: Option<&Publisher>) -> bool {
        match (self.rule(source), self.require, by) {
            (Some(rule), _, by) => by.is_some_and(|by| rule.by.contains(by)),
            (None, Require::Nothing, _) => true,
            (None, Require::Signature, by) => by.is_some(),
            (None, Require::Minisign, by) => matches!(by, Some(Publisher::Minisign(_))),
            (None, Require::Sigstore, by) => matches!(by, Some(Publisher::Sigstore(_) | Publisher::Key(_))),
        }
    }
}

impl PublisherRule {
    /// A name of a folder, repository or host is meant whole: `oci://h/ada` says nothing of `oci://h/adamant`.
    fn is_about(&self, source: &str) -> bool {
        let (begin, rest) = source.split_at_checked(self.source.len()).unwrap_or(("", source));
        begin.eq_ignore_ascii_case(&self.source)
            && (self.source.ends_with('/') || rest.is_empty() || rest.starts_with(['/', ':', '@']))
    }
}

impl Merge<'_> {
    pub(super) fn packages(&mut self, home: &Path) -> PackageSettings {
        let file = &self.file.config.packages;
        let require = self.plain("packages.require", file.require);
        let rules = file.publishers.iter().enumerate().filter_map(|(index, rule)| self.publisher_rule(index, rule));
        let publishers = rules.collect();
        let sigstore = file.sigstore_root.as_ref().and_then(|file| self.sigstore_root(&home.join(file)));
        let revocations = file.revocations.as_ref().and_then(|feed| self.revocation_feed(feed));
        PackageSettings { require, publishers, sigstore, revocations }
    }

    fn publisher_rule(&mut self, index: usize, rule: &PublisherFile) -> Option<PublisherRule> {
        let place = format!("packages.publishers[{index}]");
        if rule.source.is_empty() {
            let why = "write what the sources begin with, e.g. `oci://ghcr.io/ada/`";
            self.complain(Issue::error(format!("{place}.source"), why));
        }
        let mut by = Vec::new();
        for (number, text) in rule.by.iter().enumerate() {
            match Publisher::parse(text) {
                Ok(publisher) => by.push(publisher),
                Err(_) => {
                    let why = format!(
                        "`{text}` is no minisign key, no `sigstore:NAME via ISSUER` and no `sigstore-key:BASE64`"
                    );
                    self.complain(Issue::error(format!("{place}.by[{number}]"), why));
                }
            }
        }
        self.note(place, rule, Origin::File);
        Some(PublisherRule { source: rule.source.clone(), by })
    }

    fn sigstore_root(&mut self, path: &Path) -> Option<Sigstore> {
        let place = "packages.sigstoreRoot";
        let root = match std::fs::read_to_string(path) {
            Ok(text) => Sigstore::with_root(&text).map_err(|err| err.to_string()),
            Err(err) => Err(err.to_string()),
        };
        match root {
            Ok(root) => {
                self.note(place, path.display().to_string(), Origin::File);
                Some(root)
            }
            Err(err) => {
                self.complain(Issue::error(place, format!("`{}` cannot be used: {err}", path.display())));
                None
            }
        }
    }

    fn revocation_feed(&mut self, feed: &RevocationsFile) -> Option<RevocationFeed> {
        let url = claw_package::site(&feed.url);
        let key = PublicKey::parse(&feed.key);
        if let Err(why) = &url {
            self.complain(Issue::error("packages.revocations.url", why.clone()));
        }
        if let Err(err) = &key {
            self.complain(Issue::error("packages.revocations.key", err.to_string()));
        }
        let (url, key) = (url.ok()?, key.ok()?);
        self.note("packages.revocations", json!({"url": url.as_str(), "key": key.to_string()}), Origin::File);
        Some(RevocationFeed { url, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_about_whole_names_and_the_longest_one_counts() {
        let by = |text: &str| Publisher::parse(&format!("sigstore:{text} via https://i.example")).unwrap();
        let rule = |source: &str, name: &str| PublisherRule { source: source.to_owned(), by: vec![by(name)] };
        let settings = PackageSettings {
            require: Require::Nothing,
            publishers: vec![rule("oci://h.example/ada", "ada"), rule("oci://h.example/ada/own/", "own")],
            sigstore: None,
            revocations: None,
        };
        for (source, who) in [
            ("oci://h.example/ada/tool:1", Some("ada")),
            ("oci://H.Example/ada/tool:1", Some("ada")),
            ("oci://h.example/ada:1", Some("ada")),
            ("oci://h.example/ada/own/tool:1", Some("own")),
            ("oci://h.example/adamant/tool:1", None),
            ("oci://h.example/ad", None),
            ("https://h.example/ada/tool.wasm", None),
        ] {
            let source = Source::parse(source).unwrap();
            for name in ["ada", "own"] {
                assert_eq!(settings.takes(&source, Some(&by(name))), who.is_none_or(|who| who == name), "{source}");
            }
            assert_eq!(settings.takes(&source, None), who.is_none(), "{source}");
        }
    }

    #[test]
    fn what_is_required_is_a_signature_of_that_kind() {
        let key = claw_package::SigningKey::generate().unwrap().public().unwrap();
        let publishers =
            [None, Some(Publisher::Minisign(key)), Publisher::parse("sigstore:ada via https://i.example").ok()];
        let source = Source::parse("oci://h.example/ada").unwrap();
        for (require, taken) in [
            (Require::Nothing, [true, true, true]),
            (Require::Signature, [false, true, true]),
            (Require::Minisign, [false, true, false]),
            (Require::Sigstore, [false, false, true]),
        ] {
            let settings = PackageSettings { require, publishers: Vec::new(), sigstore: None, revocations: None };
            assert_eq!(publishers.each_ref().map(|by| settings.takes(&source, by.as_ref())), taken, "{require:?}");
        }
    }
}
