//! Fuzz targets: what a stranger's archive can make its reader do.

use std::collections::BTreeSet;

use crate::archive::unpack;

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

#[cfg(test)]
mod tests {
    use claw_fuzz::Campaign;

    use crate::archive::tests::{part, zip};

    #[test]
    fn archives_are_refused_or_stay_inside() {
        let good = zip(&[part("a/SKILL.md", b"text"), part("a/b/c.txt", b""), part("d", b"x")]);
        let outside = zip(&[part("a/../b", b"text")]);
        let twice = zip(&[part("d", b"x"), part("D", b"y")]);
        Campaign::new("archive", super::archive).examples(vec![good, outside, twice, zip(&[])]).run();
    }
}
