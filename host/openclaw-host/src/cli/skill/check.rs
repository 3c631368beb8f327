//! `skill check`: what a publisher should mend before others see the package.

use claw_policy::{Family, Grant};
use serde_json::Value;

use super::show::items;
use crate::cli::output::word;
use crate::cli::{Exit, Failure, Output};
use crate::legible;

/// A model reads the descriptions with each turn.
const LONG_DESCRIPTION: usize = 1024;
/// More than this takes seconds to compile on a small machine.
const LARGE: u64 = 20 << 20;

pub(super) fn check(offer: &Value, output: &Output) -> Result<Exit, Failure> {
    let (problems, notes) = (problems(offer), notes(offer));
    let all: Vec<_> = problems.iter().chain(&notes).cloned().collect();
    output.data(&Value::from(all), |_| {
        let lines = |all: &[String]| all.iter().map(|it| format!("{}\n", legible::line(it))).collect::<String>();
        match problems.as_slice() {
            [] => {
                let (name, version) = (word(&offer["name"]), word(&offer["version"]));
                format!("`{name}` {version} has nothing to mend\n{}", lines(&notes))
            }
            problems => lines(problems) + &lines(&notes),
        }
    })?;
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Failed })
}

pub(super) fn problems(offer: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if word(&offer["summary"]).trim().is_empty() {
        problems.push("the summary is empty: people see it before they install".to_owned());
    }
    for tool in items(&offer["tools"]) {
        let (name, description) = (word(&tool["name"]), word(&tool["description"]));
        if description.trim().len() < 10 {
            problems.push(format!("tool `{name}` has no description that a model could choose it by"));
        }
        if description.len() > LONG_DESCRIPTION {
            problems.push(format!("the description of tool `{name}` is longer than {LONG_DESCRIPTION} bytes"));
        }
        let properties = tool["schema"]["properties"].as_object().into_iter().flatten();
        let bare = properties.filter(|(_, schema)| schema["description"].is_null() && schema["$ref"].is_null());
        problems.extend(bare.map(|(argument, _)| format!("argument `{argument}` of tool `{name}` is not described")));
    }
    if offer["families"].is_null() {
        problems.extend(unmatched(offer));
    } else {
        problems.extend(items(&offer["leftOut"]).map(|line| format!("no tool is made of {}", word(line))));
        if items(&offer["families"]).next().is_some() {
            problems.push("it has no manifest, so its users have to find out what it needs".to_owned());
        }
    }
    for ask in items(&offer["asks"]).filter(|ask| ask["asksEachTime"] == true) {
        let words = word(&ask["words"]);
        problems.push(format!("it asks to {words}: name what it needs, or its users are asked each time"));
    }
    if offer["bytes"].as_u64().is_some_and(|bytes| bytes > LARGE) {
        problems.push(format!("it is larger than {} MiB", LARGE >> 20));
    }
    problems.extend(items(&offer["findings"]).map(|finding| word(&finding["what"])));
    problems
}

/// Imports without a scope, and scopes without an import.
fn unmatched(offer: &Value) -> Vec<String> {
    let never = |it: &Value| {
        let (family, import) = (word(&it["family"]), word(&it["import"]));
        format!("it imports `{import}` and asks for no `{family}`: it can never use it")
    };
    let mut problems: Vec<_> = items(&offer["undeclared"]).filter(|it| !is_brought_along(it)).map(never).collect();
    let imports: Vec<_> = items(&offer["imports"]).map(word).collect();
    let scopes: Vec<_> = items(&offer["asks"]).map(|ask| word(&ask["grant"])).collect();
    let is_asked_for = |family: &Family| scopes.iter().any(|scope| scope.split(' ').next() == Some(family.as_str()));
    let is_imported = |family: &Family| imports.iter().any(|import| Family::of_import(import) == Some(*family));
    let idle = Family::all().filter(|family| is_asked_for(family) && !is_imported(family));
    problems.extend(idle.map(|family| format!("it asks for `{family}` and imports nothing of that kind")));
    problems
}

/// What its publisher should know, and often cannot mend.
fn notes(offer: &Value) -> Vec<String> {
    let note = |it: &Value| {
        let import = word(&it["import"]);
        format!("it imports `{import}`, as toolchains do, and asks for no `fs`: it sees no files")
    };
    let brought_along = items(&offer["undeclared"]).filter(|it| is_brought_along(it)).map(note);
    brought_along.chain(cautions(offer)).collect()
}

/// What it asks for and what opens much: it may need that, and its users will think twice.
fn cautions(offer: &Value) -> Vec<String> {
    let asks = || {
        items(&offer["asks"]).filter_map(|ask| Some((word(&ask["words"]), Grant::parse(&word(&ask["grant"])).ok()?)))
    };
    let broad = asks().filter_map(|(words, grant)| Some(format!("it asks to {words}: {}", grant.caution()?)));
    let is_on_any_path = |grant: &Grant| matches!(grant, Grant::Http(http) if http.is_on_any_path());
    let is_on_a_path = |grant: &Grant| matches!(grant, Grant::Http(http) if !http.is_on_any_path()) && !grant.is_open();
    let names_paths = asks().any(|(_, grant)| is_on_a_path(&grant));
    let pathless = asks().filter(|(_, grant)| names_paths && is_on_any_path(grant));
    let pathless = pathless.map(|(words, _)| {
        format!("it asks to {words}: that is every path there; name those that it needs, as elsewhere, or `/`")
    });
    broad.chain(pathless).collect()
}

/// Toolchains bring the files of WASI along whether a component uses them or not.
fn is_brought_along(undeclared: &Value) -> bool {
    word(&undeclared["import"]).starts_with("wasi:filesystem/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_package_is_told_what_to_mend() {
        let sound = json!({
            "name": "weather", "version": "1.0.0", "summary": "Tells the weather.", "bytes": 1000, "findings": [],
            "imports": ["wasi:http/outgoing-handler@0.2.6", "wasi:filesystem/types@0.2.6"],
            "undeclared": [{"family": "fs", "import": "wasi:filesystem/types@0.2.6", "words": "files"}],
            "asks": [{"grant": "http https://a.example GET", "words": "send requests", "asksEachTime": false}],
            "tools": [{"name": "weather", "description": "The weather of a place.", "schema": {
                "properties": {"place": {"type": "string", "description": "Its name."}},
            }}],
        });
        assert_eq!(problems(&sound), [""; 0]);
        let note = "it imports `wasi:filesystem/types@0.2.6`, as toolchains do, and asks for no `fs`: it sees no files";
        assert_eq!(notes(&sound), [note]);
        let mut odd = sound.clone();
        odd["summary"] = json!(" ");
        odd["imports"] = json!(["openclaw:exec/exec@0.1.0", "openclaw:workspace/files@0.1.0"]);
        let undeclared = |family: &str, import: &str| json!({"family": family, "import": import, "words": family});
        odd["undeclared"] =
            json!(
                [undeclared("fs", "openclaw:workspace/files@0.1.0"), undeclared("exec", "openclaw:exec/exec@0.1.0"),]
            );
        odd["asks"][0]["asksEachTime"] = json!(true);
        odd["tools"][0]["description"] = json!("x");
        odd["tools"][0]["schema"]["properties"]["unit"] = json!({"type": "string"});
        odd["bytes"] = json!(21 << 20);
        odd["findings"] = json!([{"what": "its code names `ngrok`"}]);
        assert_eq!(notes(&odd), [""; 0]);
        assert_eq!(cautions(&odd), [""; 0]);
        assert_eq!(problems(&odd).len(), 9, "{:#?}", problems(&odd));
    }

    #[test]
    fn what_opens_much_is_warned_of_and_is_nothing_to_mend() {
        let asking = |grants: &[&str]| {
            let asks = grants.iter().map(|grant| json!({"grant": grant, "words": "x", "asksEachTime": false}));
            json!({"asks": asks.collect::<Vec<_>>()})
        };
        let about = |grants: &[&str]| cautions(&asking(grants));
        let (narrow, wide) = ("http https://a.example GET /v1/", "http https://b.example GET");
        assert_eq!(about(&["fs workspace read", "secret k", "exec git log", narrow]), [""; 0]);
        assert_eq!(about(&[wide, "http * GET"]), [""; 0], "where nothing names a path, none is missed");
        let [said] = &about(&[narrow, wide, "http https://c.example GET /"])[..] else { panic!() };
        assert!(said.contains("every path"), "{said}");
        for (grant, words) in [
            ("fs workspace read-write", "every file"),
            ("secret k reveal", "pass on"),
            ("exec git log **", "list the arguments"),
        ] {
            let [said] = &about(&[grant])[..] else { panic!("{grant}") };
            assert!(said.contains(words), "{said}");
            assert!(problems(&asking(&[grant])).iter().all(|it| !it.contains(words)), "{grant}");
        }
    }
}
