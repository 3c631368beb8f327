//! Names of tools for functions.

use std::collections::BTreeMap;

use claw_core::id::{ComponentName, ToolName};
use sha2::{Digest as _, Sha256};

/// What models take.
const NAME_BYTES: usize = 64;

/// A name for each path: the component's and the function's. Where two functions of different interfaces have the same,
/// their interfaces' names stand between; where that is not enough, or it is too long, digits of the path's digest tell
/// them apart.
pub(super) fn names(component: &ComponentName, paths: &[&str]) -> Vec<ToolName> {
    let short = paths.iter().map(|path| words(component, &[function(path)]));
    let medium = tell_apart(short.collect(), |at| {
        let between = interface(paths[at]).into_iter().chain([function(paths[at])]);
        words(component, &between.collect::<Vec<_>>())
    });
    let long = tell_apart(medium.clone(), |at| with_digest(&medium[at], paths[at]));
    let fit = long.into_iter().zip(paths).map(|(name, path)| match name.len() {
        ..=NAME_BYTES => name,
        _ => with_digest(&name, path),
    });
    fit.map(|name| ToolName::parse(&name).expect("name: words of names are a name")).collect()
}

fn function(path: &str) -> &str {
    path.rsplit_once('#').map_or(path, |(_, function)| function)
}

/// `ops` of `docs:calculator/ops@1.0.0#add`.
fn interface(path: &str) -> Option<&str> {
    let (interface, _) = path.rsplit_once('#')?;
    let name = interface.rsplit_once('/').map_or(interface, |(_, name)| name);
    Some(name.split('@').next().unwrap_or(name))
}

/// What is not taken in a name becomes `_`.
fn words(component: &ComponentName, rest: &[&str]) -> String {
    let joined = std::iter::once(component.as_str()).chain(rest.iter().copied()).collect::<Vec<_>>().join("_");
    joined.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn with_digest(name: &str, path: &str) -> String {
    let digest = Sha256::digest(path);
    let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let kept = name.len().min(NAME_BYTES - digits.len() - 1);
    format!("{}_{digits}", &name[..kept])
}

/// Replaces the names that more than one has.
fn tell_apart(names: Vec<String>, other: impl Fn(usize) -> String) -> Vec<String> {
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    names.iter().for_each(|name| *uses.entry(name).or_default() += 1);
    let told =
        names.iter().enumerate().map(|(at, name)| if uses[name.as_str()] > 1 { other(at) } else { name.clone() });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(component: &str, paths: &[&str], expected: &[&str]) {
        let component = ComponentName::parse(component).unwrap();
        let found = names(&component, paths);
        assert_eq!(found.iter().map(ToolName::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_tool_is_named_after_its_component_and_function() {
        check("calc", &["add", "docs:calculator/ops@1.0.0#mul-add"], &["calc_add", "calc_mul_add"]);
        check("get-weather", &["ops#get-weather"], &["get_weather_get_weather"]);
    }

    #[test]
    fn interfaces_tell_functions_of_one_name_apart() {
        check(
            "c",
            &["add", "a:b/ints@1.0.0#add", "a:b/floats#add", "sub"],
            &["c_add", "c_ints_add", "c_floats_add", "c_sub"],
        );
        check("c", &["a:b/x@1.0.0#f", "a:b/x@2.0.0#f"], &["c_x_f_f89794b8", "c_x_f_eb2e7da7"]);
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let (one, other) = (format!("{}a", "f".repeat(80)), format!("{}b", "f".repeat(80)));
        let component = ComponentName::parse(&"c".repeat(64)).unwrap();
        let found = names(&component, &[&one, &other]);
        assert_ne!(found[0], found[1]);
        assert!(found.iter().all(|name| name.as_str().len() == NAME_BYTES), "{found:?}");
    }
}
