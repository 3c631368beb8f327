//! Many tools make a long prompt, and a model that chooses badly. Beyond a size only some are listed, and the others are
//! found through one tool, which is the host's own: it looks into what the host knows anyway, and does nothing.

use std::cmp::Reverse;
use std::collections::HashSet;

use claw_core::context;
use claw_core::id::ToolName;
use claw_core::message::{Entry, Message, ToolSpec};
use claw_core::outcome::{FailureKind, ToolOutcome};
use claw_policy::Trust;
use serde::Deserialize;
use serde_json::json;

use crate::catalog::Catalog;
use crate::settings::schema::nearest;

/// The tool that finds tools. No component may offer one of this name.
pub const NAME: &str = "tools";
/// Tools that one search brings.
const FOUND: usize = 8;
/// Longest query that is looked at, in words.
const WORDS: usize = 16;
/// What a word in the name counts, beside one in the description.
const IN_NAME: usize = 4;

/// The tools of one prompt.
pub struct Offer {
    /// What is listed.
    pub specs: Vec<ToolSpec>,
    /// What that takes, in tokens.
    pub tokens: u64,
    /// Tools that are not listed.
    pub hidden: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    query: String,
}

/// The tools to list in at most about `most` tokens: all if they fit; else those that the conversation knows, those that
/// came with the host, and as many others as there is room for, with the tool that finds the rest.
pub fn offer(catalog: &Catalog, log: &[Entry], most: u64, is_offered: impl Fn(&ToolName) -> bool) -> Offer {
    let tokens = |spec: &ToolSpec| catalog.tool(&spec.name).map_or_else(|| context::of_tool(spec), |tool| tool.tokens);
    let all: Vec<_> = catalog.specs().iter().filter(|spec| is_offered(&spec.name)).collect();
    let taken = all.iter().copied().map(tokens).sum();
    if taken <= most {
        return Offer { specs: all.into_iter().cloned().collect(), tokens: taken, hidden: 0 };
    }
    let known = known(log);
    let is_shipped = |spec: &ToolSpec| {
        catalog.tool(&spec.name).is_some_and(|tool| catalog.owner(tool).subject().trust == Trust::Shipped)
    };
    let rank = |spec: &ToolSpec| match (known.contains(&spec.name), is_shipped(spec)) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    let mut by_rank = all.clone();
    by_rank.sort_by_key(|spec| rank(spec));
    let mut taken = 0;
    let listed: HashSet<_> = by_rank
        .into_iter()
        .take_while(|spec| {
            taken += tokens(spec);
            // What the conversation has found once stays: the model may be about to call it.
            taken <= most || rank(spec) == 0
        })
        .map(|spec| &spec.name)
        .collect();
    // In the order of the catalog, so that the list is the same from prompt to prompt.
    let mut specs: Vec<_> = all.iter().filter(|spec| listed.contains(&spec.name)).map(|spec| (*spec).clone()).collect();
    let hidden = all.len() - listed.len();
    specs.push(search(hidden));
    let tokens = specs.iter().map(tokens).sum();
    Offer { specs, tokens, hidden }
}

/// Answers a search among the tools that the run may use.
pub fn answer(catalog: &Catalog, arguments: &str, is_offered: impl Fn(&ToolName) -> bool) -> ToolOutcome {
    let query = match serde_json::from_str::<Query>(arguments) {
        Ok(query) => query.query,
        Err(err) => {
            let message = format!("the arguments of `{NAME}` do not fit ({err}); send {{\"query\": \"words\"}}");
            return ToolOutcome::failed(FailureKind::InvalidArguments, message);
        }
    };
    let words: Vec<_> =
        query.split(|ch: char| !ch.is_alphanumeric()).filter(|word| !word.is_empty()).take(WORDS).collect();
    let words: Vec<_> = words.into_iter().map(str::to_lowercase).collect();
    let offered = catalog.specs().iter().filter(|spec| is_offered(&spec.name));
    let mut found: Vec<_> = offered.map(|spec| (score(spec, &words), spec)).collect();
    found.retain(|(score, _)| *score > 0);
    found.sort_by_key(|(score, _)| Reverse(*score));
    let shown =
        |spec: &ToolSpec| json!({"name": spec.name, "description": spec.description, "parameters": spec.schema});
    let tools: Vec<_> = found.iter().take(FOUND).map(|(_, spec)| shown(spec)).collect();
    let note = match tools.is_empty() {
        true => "no tool fits these words; try others, or do without",
        false => "these can be called now",
    };
    ToolOutcome::Done { text: json!({"tools": tools, "note": note}).to_string() }
}

/// What to tell a model that calls what its run does not have, whether or not it is anywhere else.
pub fn unknown(catalog: &Catalog, name: &ToolName, is_offered: impl Fn(&ToolName) -> bool) -> String {
    let names: Vec<_> = catalog.specs().iter().map(|spec| &spec.name).filter(|name| is_offered(name)).collect();
    let names: Vec<_> = names.into_iter().map(ToolName::as_str).collect();
    let near = nearest(name.as_str(), names.iter().copied());
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let most = &names[..names.len().min(50)];
    let more = if names.len() > most.len() { format!(", and more that `{NAME}` finds") } else { String::new() };
    format!("no tool `{name}` is offered here; {near}there are: {}{more}", most.join(", "))
}

/// The tools that the conversation has called or found.
fn known(log: &[Entry]) -> HashSet<ToolName> {
    let mut known = HashSet::new();
    for entry in log {
        match &entry.message {
            Message::Assistant { calls, .. } => known.extend(calls.iter().map(|call| call.tool.clone())),
            Message::Tool { tool, outcome: ToolOutcome::Done { text }, .. } if tool.as_str() == NAME => {
                let found: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
                let names = found["tools"].as_array().into_iter().flatten().filter_map(|tool| tool["name"].as_str());
                known.extend(names.filter_map(|name| ToolName::parse(name).ok()));
            }
            _ => {}
        }
    }
    known
}

fn score(spec: &ToolSpec, words: &[String]) -> usize {
    let begins = |text: &str, word: &str| {
        let text = text.to_lowercase();
        text.split(|ch: char| !ch.is_alphanumeric()).any(|part| part.starts_with(word))
    };
    let word = |word: &String| {
        IN_NAME * usize::from(begins(spec.name.as_str(), word)) + usize::from(begins(&spec.description, word))
    };
    words.iter().map(word).sum()
}

fn search(hidden: usize) -> ToolSpec {
    ToolSpec {
        name: ToolName::parse(NAME).expect("tool search: the literal is a name"),
        description: format!(
            "Finds tools: {hidden} more are installed than are listed here. Give a few words for what is to be done; what \
             it finds can be called from then on."
        ),
        schema: json!({
            "type": "object",
            "properties": {"query": {"type": "string", "description": "a few words"}},
            "required": ["query"],
            "additionalProperties": false,
        }),
    }
}
