//! `policy can`: what a component could do now.

use std::path::Path;

use claw_core::id::ComponentName;
use claw_policy::{Circumstances, Explanation, Policy, Verdict, Wish};
use serde_json::json;

use super::super::output::table;
use super::super::{Exit, Failure, Output};
use super::components::{self, Known};
use super::explain::not_understood;
use super::sources::of_home;

/// One thing that a component could do.
pub(super) struct Example {
    /// The scope in which it lies; none for its tools.
    pub(super) scope: Option<String>,
    /// Action and resource, in the words of `policy explain`.
    pub(super) question: String,
    /// What becomes of it.
    pub(super) found: Explanation,
}

pub(super) async fn can(
    home: &Path,
    component: &ComponentName,
    context: &[String],
    output: &Output,
) -> Result<Exit, Failure> {
    let given = Circumstances::parse(context.iter().map(String::as_str)).map_err(not_understood)?;
    let (_, policy) = of_home(home, &[])?;
    let known = components::one(home, component).await?;
    let examples = examples(&policy, &known, &given)?;
    let by = |found: &Explanation| found.decided_by.iter().map(|policy| policy.id.clone()).collect::<Vec<_>>();
    let row = |it: &Example| json!({ "answer": it.found.verdict.word(), "question": it.question, "scope": it.scope, "decidedBy": by(&it.found) });
    let data = json!({ "component": component, "can": examples.iter().map(row).collect::<Vec<_>>() });
    output.data(&data, |_| {
        let row = |it: &Example| {
            let by = by(&it.found);
            let by = match it.found.declared {
                None if it.scope.is_some() => "not declared".to_owned(),
                _ if by.is_empty() => "no policy permits it".to_owned(),
                _ => by.join(", "),
            };
            [word(&it.found.verdict).to_owned(), it.question.clone(), it.scope.clone().unwrap_or_default(), by]
        };
        let mut rows: Vec<_> = examples.iter().map(row).collect();
        rows.sort_by_key(|[word, ..]| ORDER.iter().position(|known| known == word));
        table(["", "FOR EXAMPLE", "OF THE SCOPE", "BY"], &rows)
    })?;
    Ok(Exit::Ok)
}

const ORDER: [&str; 3] = ["without asking", "with asking", "never"];

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => ORDER[0],
        Verdict::Asks => ORDER[1],
        Verdict::Denied { .. } => ORDER[2],
    }
}

/// The tools of a component, and examples of all that it declares.
pub(super) fn examples(
    policy: &Policy,
    (subject, tools): &Known,
    given: &Circumstances,
) -> Result<Vec<Example>, Failure> {
    let mut examples = Vec::new();
    for tool in tools {
        let wish = Wish::parse("tool.call", tool.as_str(), given).map_err(not_understood)?;
        let question = wish.to_string();
        let found = policy.explain(subject, given.facts(), &wish.assumed().map_err(not_understood)?);
        examples.push(Example { scope: None, question, found });
    }
    for ability in policy.abilities(subject, given.facts()) {
        let (scope, question) = (Some(ability.scope.to_string()), ability.example.to_string());
        examples.push(Example { scope, question, found: ability.explanation });
    }
    Ok(examples)
}
