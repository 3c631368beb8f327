//! How what a version says of itself differs from what was accepted of the one before.

use claw_sandbox::{Manifest, ToolManifest};
use serde_json::Value;

/// Lines that are shown of either side.
const LINES: usize = 20;
/// Characters that are shown of a line.
const LINE_CHARS: usize = 400;
/// What stays the same before a change is cut to about this, so that no change hides behind it.
const CONTEXT_CHARS: usize = 40;

/// Something that is said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What, in words.
    pub what: String,
    /// Lines that were said before; none for what is new.
    pub before: Vec<String>,
    /// Lines that are said now; none for what is gone.
    pub now: Vec<String>,
}

/// All that people and models read, without what is asked for and the version: those are compared elsewhere.
pub fn differences(before: &Manifest, now: &Manifest) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut compare = |what: &str, before: &str, now: &str| {
        if before != now {
            let (before, now) = changed(before, now);
            all.push(Difference { what: what.to_owned(), before, now });
        }
    };
    compare("its summary", &before.summary, &now.summary);
    let channel = |manifest: &Manifest| match manifest.channel {
        None => String::new(),
        Some(can) => format!(
            "messages of up to {} characters, {} changed later, {} twice by the same key; {}",
            can.text_limit,
            if can.edits { "can be" } else { "cannot be" },
            if can.idempotent { "never shown" } else { "perhaps shown" },
            match can.largest_file() {
                0 => "no files".to_owned(),
                bytes => format!("files of up to {bytes} bytes"),
            },
        ),
    };
    compare("its channel", &channel(before), &channel(now));
    let named = |tools: &[ToolManifest], name| tools.iter().find(|tool| tool.name == name).cloned();
    for tool in &before.tools {
        let name = &tool.name;
        let Some(now) = named(&now.tools, name.clone()) else {
            compare(&format!("the tool `{name}`, which is gone"), &text_of(tool), "");
            continue;
        };
        compare(&format!("the description of `{name}`"), &tool.description, &now.description);
        if parsed(&tool.schema) != parsed(&now.schema) {
            compare(&format!("the schema of `{name}`"), &pretty(&tool.schema), &pretty(&now.schema));
        }
        let outside = |tool: &ToolManifest| if tool.untrusted_output { "yes" } else { "no" };
        compare(&format!("whether `{name}` brings in content from outside"), outside(tool), outside(&now));
    }
    for tool in now.tools.iter().filter(|tool| named(&before.tools, tool.name.clone()).is_none()) {
        compare(&format!("the tool `{}`, which is new", tool.name), "", &text_of(tool));
    }
    all
}

fn text_of(tool: &ToolManifest) -> String {
    format!("{}\n{}", tool.description, pretty(&tool.schema))
}

/// Neither blanks nor the order of keys are a difference.
fn parsed(schema: &str) -> Option<Value> {
    serde_json::from_str(schema).ok()
}

fn pretty(schema: &str) -> String {
    parsed(schema).map_or_else(|| schema.to_owned(), |schema| format!("{schema:#}"))
}

/// The lines that differ, from the first to the last.
fn changed(before: &str, now: &str) -> (Vec<String>, Vec<String>) {
    let (before, now): (Vec<_>, Vec<_>) = (before.lines().collect(), now.lines().collect());
    let same = |(before, now): &(&&str, &&str)| before == now;
    let start = before.iter().zip(&now).take_while(same).count();
    let (before, now) = (&before[start..], &now[start..]);
    let end = before.iter().rev().zip(now.iter().rev()).take_while(same).count();
    let (before, now) = (&before[..before.len() - end], &now[..now.len() - end]);
    let first = |lines: &[&str]| lines.first().copied().unwrap_or_default().chars().collect::<Vec<_>>();
    let same_chars = first(before).iter().zip(&first(now)).take_while(|(before, now)| before == now).count();
    (shown(before, same_chars), shown(now, same_chars))
}

/// Lines as they are shown, the first one without most of what it has in common with the other side's.
fn shown(lines: &[&str], same_chars: usize) -> Vec<String> {
    let line = |(at, line): (usize, &&str)| {
        let skipped = if at == 0 { same_chars.saturating_sub(CONTEXT_CHARS) } else { 0 };
        let mut text = if skipped > 0 { "…".to_owned() } else { String::new() };
        text.extend(line.chars().skip(skipped).take(LINE_CHARS));
        if line.chars().nth(skipped + LINE_CHARS).is_some() {
            text.push('…');
        }
        text
    };
    let mut shown: Vec<_> = lines.iter().take(LINES).enumerate().map(line).collect();
    if lines.len() > LINES {
        shown.push(format!("… and {} more lines", lines.len() - LINES));
    }
    shown
}

#[cfg(test)]
mod tests {
    use claw_core::channel::Abilities;
    use claw_core::id::ToolName;

    use super::*;

    fn tool(name: &str, description: &str, schema: &str) -> ToolManifest {
        let (description, schema) = (description.to_owned(), schema.to_owned());
        ToolManifest { name: ToolName::parse(name).unwrap(), description, schema, untrusted_output: false }
    }

    fn manifest(summary: &str, tools: Vec<ToolManifest>) -> Manifest {
        let (name, version) = ("tea".to_owned(), "1.0.0".to_owned());
        Manifest { name, version, summary: summary.to_owned(), tools, scopes: Vec::new(), channel: None }
    }

    fn lines(before: &Manifest, now: &Manifest) -> String {
        let line = |sign: char| move |line: String| format!("{sign} {line}\n");
        let one = |it: Difference| {
            let before: String = it.before.into_iter().map(line('-')).collect();
            let now: String = it.now.into_iter().map(line('+')).collect();
            format!("{}\n{before}{now}", it.what)
        };
        differences(before, now).into_iter().map(one).collect()
    }

    #[test]
    fn every_text_that_changed_is_shown_with_its_lines_and_no_other_is() {
        let schema = r#"{"type":"object","properties":{"cups":{"type":"integer","maximum":3}}}"#;
        let before =
            manifest("Makes tea.", vec![tool("brew", "Brews.\nSlowly.\nIt asks.", schema), tool("pour", "", "{}")]);
        assert_eq!(lines(&before, &before.clone()), "");
        let spaced = schema.replace(',', " , ");
        let same = Manifest {
            version: "2.0.0".to_owned(),
            ..manifest("Makes tea.", vec![tool("pour", "", "{ }"), tool("brew", "Brews.\nSlowly.\nIt asks.", &spaced)])
        };
        assert_eq!(lines(&before, &same), "", "order, blanks and the version are none");
        let mut brew = tool("brew", "Brews.\nFast.\nIt asks.", &schema.replace('3', "9"));
        brew.untrusted_output = true;
        let mut now = manifest("Makes coffee.", vec![brew, tool("drink", "Drinks.", "{}")]);
        now.channel = Some(Abilities { text_limit: 7, idempotent: false, edits: true, file_limit: 0 });
        let expected = "its summary\n- Makes tea.\n+ Makes coffee.\n\
            its channel\n+ messages of up to 7 characters, can be changed later, perhaps shown twice by the same key; no files\n\
            the description of `brew`\n- Slowly.\n+ Fast.\n\
            the schema of `brew`\n-       \"maximum\": 3\n+       \"maximum\": 9\n\
            whether `brew` brings in content from outside\n- no\n+ yes\n\
            the tool `pour`, which is gone\n- \n- {}\n\
            the tool `drink`, which is new\n+ Drinks.\n+ {}\n";
        assert_eq!(lines(&before, &now), expected);
    }

    #[test]
    fn long_texts_are_cut_around_the_change() {
        let long = |end: &str| manifest(&format!("{}{end}{}", "é".repeat(900), "x".repeat(900)), Vec::new());
        let [difference] = &differences(&long("tea"), &long("ale"))[..] else { panic!() };
        let expected =
            |word: &str| format!("…{}{word}{}…", "é".repeat(CONTEXT_CHARS), "x".repeat(LINE_CHARS - CONTEXT_CHARS - 3));
        assert_eq!((&difference.before, &difference.now), (&vec![expected("tea")], &vec![expected("ale")]));
        let many = |word: &str| manifest(&format!("{word}\n").repeat(LINES + 5), Vec::new());
        let [difference] = &differences(&many("a"), &many("b"))[..] else { panic!() };
        assert_eq!((difference.now.len(), difference.now.last().unwrap().as_str()), (LINES + 1, "… and 5 more lines"));
    }
}
