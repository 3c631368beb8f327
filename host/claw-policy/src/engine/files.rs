//! From the text of a file to its policies, each checked and named.

use std::collections::BTreeSet;

use cedar_policy::{Effect, PolicyId, PolicySet, ValidationMode, Validator};
use miette::Diagnostic;

use super::statements::{Statement, statements};
use crate::policy::{Loaded, PolicyError, Position};

/// One policy of a file, under the name that decisions are explained with.
pub(super) struct Named {
    pub(super) policy: cedar_policy::Policy,
    pub(super) loaded: Loaded,
}

/// Parses a file, and checks its policies strictly against the schema.
pub(super) fn parse_file(file: &str, text: &str, validator: &Validator) -> Result<Vec<Named>, PolicyError> {
    let parsed: PolicySet = text.parse().map_err(|err: cedar_policy::ParseErrors| PolicyError::Parse {
        file: file.to_owned(),
        at: position(&err, text),
        cause: with_help(&err),
    })?;
    if parsed.num_of_templates() > 0 {
        return Err(PolicyError::Template { file: file.to_owned() });
    }
    let statements = statements(text);
    let mut named: Vec<Named> = parsed.policies().map(|policy| name_policy(file, policy, &statements)).collect();
    named.sort_by_key(|named| named.loaded.line);
    let set = PolicySet::from_policies(named.iter().map(|named| named.policy.clone())).map_err(|err| {
        // The only way to fail is a name that is used twice, and Cedar's text quotes it.
        PolicyError::DuplicateId { file: file.to_owned(), policy: duplicate(&named).unwrap_or_else(|| err.to_string()) }
    })?;
    let checked = validator.validate(&set, ValidationMode::Strict);
    let errors = checked.validation_errors().map(|err| (position(err, text), with_help(err)));
    // A warning is a policy that can never apply or a text that is not what it looks like: neither protects anybody.
    let warnings = checked.validation_warnings().map(|warning| (position(warning, text), with_help(warning)));
    match errors.chain(warnings).min_by_key(|(at, _)| *at) {
        Some((at, cause)) => Err(PolicyError::Invalid { file: file.to_owned(), at, cause }),
        None => Ok(named),
    }
}

/// Names a policy by its `@id`; without one, by its file and its place there, counted from 1.
fn name_policy(file: &str, policy: &cedar_policy::Policy, statements: &[Statement<'_>]) -> Named {
    // Cedar names the policies of one text `policy0`, `policy1`, …
    let index = policy.id().to_string().trim_start_matches("policy").parse::<usize>();
    let index = index.expect("engine: Cedar numbers the policies of a text");
    let id = match policy.annotation("id") {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("{file}#{}", index + 1),
    };
    let Statement { line, text } = statements.get(index).expect("engine: every policy ends with `;`");
    let forbids = policy.effect() == Effect::Forbid;
    let policy = policy.new_id(PolicyId::new(&id));
    Named { policy, loaded: Loaded { id, file: file.to_owned(), line: *line, forbids, text: (*text).to_owned() } }
}

fn duplicate(named: &[Named]) -> Option<String> {
    let mut known = BTreeSet::new();
    named.iter().map(|named| &named.loaded.id).find(|id| !known.insert(*id)).cloned()
}

fn position(err: &dyn Diagnostic, text: &str) -> Position {
    let offset = err.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

fn with_help(err: &(impl Diagnostic + std::fmt::Display)) -> String {
    match err.help() {
        Some(help) => format!("{err} ({help})"),
        None => err.to_string(),
    }
}
