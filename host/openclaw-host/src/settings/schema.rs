//! The JSON Schema of the configuration file, and the check of a file against it.
//!
//! The schema is generated from the types in `file`, so that what editors are told, what is checked and what is read
//! cannot differ. The check covers the few keywords that these types produce.

use serde_json::Value;

use super::file::ConfigFile;
use super::issue::{Issue, Severity};

/// Sections in which a key that nobody reads would leave a door open that its owner believes shut.
const STRICT: [&str; 22] = [
    "gateway",
    "vault",
    "network",
    "policy",
    "sandbox",
    "grants",
    "folders",
    "components",
    "skills",
    "approvals",
    "audit",
    "packages",
    "sessions",
    "undo",
    "subAgents",
    "limits",
    "agent",
    "agents",
    "bindings",
    "channels",
    "clawhub",
    "models.providers",
];

/// How similar a known key must be (0 to 1) to be suggested for an unknown one.
const SIMILAR: f64 = 0.7;

/// The JSON Schema (2020-12) of `config.json5`.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(ConfigFile).to_value();
    schema["title"] = "openclaw-host configuration".into();
    schema
}

/// Lists everything in `file` that the schema does not know or allow.
pub fn check(file: &Value) -> Vec<Issue> {
    let root = schema();
    let mut checker = Checker { root: &root, issues: Vec::new() };
    checker.check(file, &root, "");
    checker.issues
}

struct Checker<'a> {
    root: &'a Value,
    issues: Vec<Issue>,
}

impl<'a> Checker<'a> {
    fn check(&mut self, value: &Value, schema: &'a Value, path: &str) {
        let schema = self.resolve(schema);
        if let Some(sources) = sources(schema) {
            return self.check_secret_ref(value, &sources, path);
        }
        if let Some(words) = words(schema) {
            return self.check_word(value, &words, path);
        }
        let expected = schema["type"].as_str().unwrap_or("object");
        if !has_type(value, expected) {
            let place = if path.is_empty() { "(the whole file)" } else { path };
            let message = format!("expected {}, found {}", article(expected), article(type_of(value)));
            return self.issues.push(Issue::error(place, message));
        }
        match value {
            Value::Object(members) => self.check_members(members, schema, path),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.check(item, &schema["items"], &format!("{path}[{index}]"));
                }
            }
            Value::Number(number) => self.check_range(number, schema, path),
            _ => {}
        }
    }

    /// Follows a reference to a definition.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).unwrap_or(schema),
            None => schema,
        }
    }

    fn check_word(&mut self, value: &Value, words: &[&str], path: &str) {
        let listed = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        let message = match value.as_str() {
            Some(text) if words.contains(&text) => return,
            Some(_) => format!("expected {listed}, found another text"),
            None => format!("expected {listed}, found {}", article(type_of(value))),
        };
        self.issues.push(Issue::error(path, message));
    }

    /// A secret is a reference to where it is: which other keys there are depends on `source`.
    fn check_secret_ref(&mut self, value: &Value, sources: &[(&str, &'a Value)], path: &str) {
        const EXPECTED: &str =
            "expected where the key is, like `{ source: \"env\", id: \"LOCAL_API_KEY\" }`, not the key itself";
        let Some(members) = value.as_object() else {
            return self.issues.push(Issue::error(path, EXPECTED));
        };
        match sources.iter().find(|(source, _)| members.get("source").is_some_and(|value| value == source)) {
            Some((_, schema)) => self.check_members(members, schema, path),
            None => {
                let words: Vec<&str> = sources.iter().map(|(source, _)| *source).collect();
                match members.get("source") {
                    Some(other) => self.check_word(other, &words, &format!("{path}.source")),
                    None => self.issues.push(Issue::error(path, "the key `source` is missing")),
                }
            }
        }
    }

    fn check_members(&mut self, members: &serde_json::Map<String, Value>, schema: &'a Value, path: &str) {
        for (key, value) in members {
            // What tells editors where the schema is says nothing to us.
            if path.is_empty() && key == "$schema" {
                continue;
            }
            let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let any_other = Some(&schema["additionalProperties"]).filter(|schema| schema.is_object());
            match schema["properties"].get(key).or(any_other) {
                Some(member) => self.check(value, member, &place),
                None => self.report_unknown(key, place, schema, path),
            }
        }
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(required) {
                self.issues.push(Issue::error(path, format!("the key `{required}` is missing")));
            }
        }
    }

    fn report_unknown(&mut self, key: &str, place: String, schema: &Value, path: &str) {
        let known = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let nearest = nearest(key, known);
        let message = match nearest {
            Some(name) => format!("unknown key; did you mean `{name}`?"),
            None => "unknown key".to_owned(),
        };
        // A mistyped name of a whole strict section is as dangerous as a mistyped key in it.
        let strict = is_strict(path) || (path.is_empty() && nearest.is_some_and(is_strict));
        let severity = if strict { Severity::Error } else { Severity::Warning };
        self.issues.push(Issue { severity, ..Issue::error(place, message) });
    }

    fn check_range(&mut self, number: &serde_json::Number, schema: &Value, path: &str) {
        let (Some(min), Some(max)) = (schema["minimum"].as_i64(), schema["maximum"].as_i64()) else { return };
        let inside = number.as_i64().is_some_and(|n| (min..=max).contains(&n));
        if !inside {
            self.issues.push(Issue::error(path, format!("{number} is not between {min} and {max}")));
        }
    }
}

/// The variants of the schema of a secret's reference, by their `source`.
fn sources(schema: &Value) -> Option<Vec<(&str, &Value)>> {
    let variants = schema["oneOf"].as_array()?.iter();
    variants.map(|variant| Some((variant["properties"]["source"]["const"].as_str()?, variant))).collect()
}

/// The allowed words of an enum schema.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema["enum"].as_array() {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let variants = schema["oneOf"].as_array()?;
    Some(variants.iter().filter_map(|variant| variant["const"].as_str()).collect())
}

fn is_strict(path: &str) -> bool {
    STRICT
        .iter()
        .any(|section| path == *section || path.strip_prefix(section).is_some_and(|rest| rest.starts_with(['.', '['])))
}

/// The most similar of the known names, if one is similar at all.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn has_type(value: &Value, expected: &str) -> bool {
    match expected {
        "integer" => value.is_i64() || value.is_u64(),
        other => type_of(value) == other,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A JSON type in plain words.
fn article(json_type: &str) -> &'static str {
    match json_type {
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "array" => "a list",
        "object" => "an object",
        _ => "`null`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All keys of objects whose keys are known, down to what has none.
    fn keys(checker: &Checker<'_>, schema: &Value, path: &str, found: &mut Vec<String>) {
        let mut schema = schema;
        if let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            schema = checker.root.pointer(pointer).unwrap();
        }
        let Some(members) = schema["properties"].as_object() else { return found.push(path.to_owned()) };
        for (key, member) in members {
            let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            keys(checker, member, &place, found);
        }
    }

    #[test]
    fn the_page_on_the_configuration_has_each_key_in_a_row() {
        let page = include_str!("../../../../docs/configuration.md");
        let root = schema();
        let checker = Checker { root: &root, issues: Vec::new() };
        let mut found = Vec::new();
        keys(&checker, &root, "", &mut found);
        assert!(found.len() > 60, "{found:?}");
        // Maps and lists are described as a whole, or below their key with a placeholder.
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        for path in found {
            let (parent, last) = path.rsplit_once('.').unwrap_or(("", &path));
            let is_there = |row: &&str| {
                let key = row.split(" | ").next().unwrap_or_default();
                key.contains(&format!("`{path}`"))
                    || key.contains(&format!("`{path}.<"))
                    || (key.contains(&format!("`{parent}.")) && key.contains(&format!("`.{last}`")))
                    // A few stand together, as the object that they are.
                    || (key.contains(&format!("`{parent}`")) && row.contains(last))
            };
            assert!(rows.iter().any(is_there), "docs/configuration.md has no row for `{path}`");
        }
    }
}
