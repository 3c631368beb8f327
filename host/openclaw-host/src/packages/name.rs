//! What a package may call itself, and which names deceive.

use std::collections::BTreeSet;

use claw_core::id::ComponentName;
use claw_package::Finding;

use super::PackagesError;

/// Skills of this project. Whoever takes almost such a name wants to be mistaken for it.
const WELL_KNOWN: [&str; 13] = [
    "calendar",
    "csv",
    "git",
    "github",
    "image",
    "notes",
    "pdf-to-text",
    "rss",
    "sqlite",
    "timer",
    "translate",
    "weather",
    "web-search",
];

/// Refuses a name that ends with a mark. Checked before the owner is asked: what is installed stays.
pub(super) fn expect_whole(name: &ComponentName) -> Result<(), PackagesError> {
    match name.as_str().ends_with(['-', '_']) {
        true => Err(PackagesError::NameEnd { name: name.clone() }),
        false => Ok(()),
    }
}

/// A name that is almost another's is a trick or a slip.
pub fn look_alike(name: &str, installed: &BTreeSet<ComponentName>) -> Option<Finding> {
    let is_close = |other: &&str| {
        name != *other
            && (outline(name) == outline(other)
                || name.len().min(other.len()) > 3 && strsim::damerau_levenshtein(name, other) == 1)
    };
    if WELL_KNOWN.contains(&name) {
        return None;
    }
    let found = |other: &str, what| {
        Some(Finding { kind: "name", what: format!("its name is almost that of `{other}`, which is {what}") })
    };
    match installed.iter().map(ComponentName::as_str).find(is_close) {
        Some(other) => found(other, "installed"),
        None => WELL_KNOWN.into_iter().find(is_close).and_then(|other| found(other, "well known")),
    }
}

/// What a hasty reader sees of a name.
fn outline(name: &str) -> String {
    name.replace(['-', '_'], "").replace('0', "o").replace(['1', 'i'], "l").replace("rn", "m").replace("vv", "w")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ComponentName {
        ComponentName::parse(text).unwrap()
    }

    // SU-16
    #[test]
    fn names_that_look_like_others_are_found_and_others_are_not() {
        let installed = BTreeSet::from([name("files"), name("my-tools")]);
        let found = |text: &str| look_alike(text, &installed).map(|it| it.what);
        for (near, of, what) in [
            ("fi1es", "files", "installed"),
            ("file", "files", "installed"),
            ("my_tools", "my-tools", "installed"),
            ("weathre", "weather", "well known"),
            ("weather-", "weather", "well known"),
            ("web_search", "web-search", "well known"),
            ("g1thub", "github", "well known"),
            ("tirner", "timer", "well known"),
        ] {
            assert_eq!(found(near), Some(format!("its name is almost that of `{of}`, which is {what}")), "{near}");
        }
        for own in ["weather", "files", "recipes", "weatherbird", "cvs2", "gist"] {
            assert_eq!(found(own), None, "{own}");
        }
        assert!(expect_whole(&name("weather-")).is_err() && expect_whole(&name("weather_")).is_err());
        assert!(expect_whole(&name("weather-2")).is_ok());
    }
}
