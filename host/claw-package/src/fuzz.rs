//! Fuzz targets: what a stranger's archive or signature can make its reader do.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use claw_core::id::Digest;

use crate::archive::unpack;
use crate::sigstore::{BareKey, REAL_KEY, REAL_OF, Sigstore};

/// An archive: it is refused with words, or what comes of it can be written anywhere, each file once and inside.
pub fn archive(data: &[u8]) {
    for within in [None, Some("a")] {
        match unpack(data, within) {
            Err(err) => assert!(err.to_string().starts_with("E_PKG_ARCHIVE: ")),
            Ok(files) => {
                let mut names = BTreeSet::new();
                assert!(!files.is_empty());
                for file in files {
                    let parts = file.path.split('/');
                    assert!(parts.into_iter().all(|part| !matches!(part, "" | "." | "..")), "{:?}", file.path);
                    assert!(!file.path.contains(['\\', '\0', ':']), "{:?}", file.path);
                    assert!(names.insert(file.path.to_lowercase()), "{:?} is there twice", file.path);
                }
            }
        }
    }
}

/// A bundle of Sigstore: it is refused with words, or it is one of the two that really were signed.
pub fn bundle(data: &[u8]) {
    thread_local! {
        static SIGSTORE: LazyCell<Sigstore> = const { LazyCell::new(Sigstore::public) };
    }
    let text = String::from_utf8_lossy(data);
    let signed = Digest::parse(REAL_OF).expect("fuzz: the literal is a digest");
    let key = BareKey::parse(REAL_KEY).expect("fuzz: the literal is a key");
    SIGSTORE.with(|sigstore| match sigstore.verify(&text, &[Digest([0; 32]), signed], &[key]) {
        Err(err) => assert!(err.to_string().starts_with("E_PKG_S")),
        Ok(None) => {}
        Ok(Some(signed)) => {
            let by = signed.by.to_string();
            assert!(by.starts_with("sigstore:https://github.com/sigstore-conformance/") || by.ends_with(REAL_KEY))
        }
    });
}

#[cfg(test)]
mod tests {
    use claw_fuzz::Campaign;

    use crate::archive::tests::{part, zip};
    use crate::sigstore::tests::{REAL, WITH_KEY};

    #[test]
    fn archives_are_refused_or_stay_inside() {
        let good = zip(&[part("a/SKILL.md", b"text"), part("a/b/c.txt", b""), part("d", b"x")]);
        let outside = zip(&[part("a/../b", b"text")]);
        let twice = zip(&[part("d", b"x"), part("D", b"y")]);
        Campaign::new("archive", super::archive).examples(vec![good, outside, twice, zip(&[])]).run();
    }

    #[test]
    fn bundles_are_refused_or_really_signed() {
        let real: serde_json::Value = serde_json::from_str(REAL).unwrap();
        // One by one, without each of its parts.
        let without = |parent: &str, key: &str| {
            let mut less = real.clone();
            less.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
            less.to_string().into_bytes()
        };
        let material = "/verificationMaterial";
        let examples = vec![
            REAL.as_bytes().to_vec(),
            WITH_KEY.as_bytes().to_vec(),
            without("", "dsseEnvelope"),
            without(material, "certificate"),
            without(material, "tlogEntries"),
            without(&format!("{material}/tlogEntries/0"), "inclusionProof"),
        ];
        Campaign::new("bundle", super::bundle).examples(examples).run();
    }
}
