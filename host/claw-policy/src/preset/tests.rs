use claw_core::label::Labels;
use expect_test::expect;

use super::Preset;
use crate::fixture::{action, facts, open_subject, word};
use crate::{Facts, Grant, Policy, PolicyFile, Table, Who};

/// What a table says against what the policies answer, each difference on a line of its own.
#[track_caller]
fn check_table(policy: &Policy, text: &str) {
    let table = Table::parse(text).unwrap();
    assert!(!table.rows.is_empty());
    let mut differences = String::new();
    for row in &table.rows {
        let Who::Invented(subject) = &row.who else { panic!("line {}: nothing is installed here", row.line) };
        let (found, expected) = row.check(policy, subject);
        if expected.is_some() {
            let by: Vec<_> = found.decided_by.iter().map(|policy| policy.id.as_str()).collect();
            differences.push_str(&format!("line {}: {}: found {} by {by:?}\n", row.line, row.text, found.verdict));
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn every_preset_answers_as_its_table_says() {
    for preset in Preset::ALL {
        let table = Table::parse(preset.table()).unwrap();
        assert_eq!(table.preset, Some(preset));
        check_table(&Policy::load(preset, &[]).unwrap(), preset.table());
    }
}

// SU-23
#[test]
fn once_tainted_what_is_part_of_each_prompt_is_asked_about() {
    let table = r#"
policies cautious
component files
scope fs workspace read-write
given arguments={"path":"SOUL.md"}
allow by tools-can-be-called: tool.call write
given tainted=true arguments={"path":"SOUL.md"}
ask by tools-can-be-called: tool.call write
allow by tools-can-be-called: tool.call read
given tainted=true arguments={"path":"./AGENTS.md"}
ask by tools-can-be-called: tool.call edit
given tainted=true arguments={"patch":"***\nUpdate\nFile:\nMEMORY.md"}
ask by tools-can-be-called: tool.call apply_patch
given tainted=true arguments={"path":"memory/2026-11-22.md"}
allow by tools-can-be-called: tool.call write
given tainted=true person_present=false arguments={"path":"SOUL.md"}
deny E_APPR_UNAVAILABLE by prompts-are-the-owners: tool.call write
given tainted=true person_present=false arguments={"path":"notes.md"}
allow by tools-can-be-called: tool.call write
"#;
    for preset in [Preset::Cautious, Preset::Trusting] {
        check_table(&Policy::load(preset, &[]).unwrap(), table);
    }
}

// CG-02
#[test]
fn one_forbid_wins_over_a_permit_for_everything() {
    let questions = Table::parse(Preset::Cautious.table()).unwrap().rows;
    let mut seen = std::collections::BTreeSet::new();
    for row in questions {
        let Who::Invented(mut subject) = row.who else { continue };
        // Everything is granted as well, so that only the `forbid` can stand in the way.
        subject.grants = subject.scopes().into_owned().into();
        let action = match &row.asked {
            crate::Asked::Action(action) => action.name(),
            crate::Asked::Folder(_, crate::Access::Read) => "fs.read",
            crate::Asked::Folder(..) => "fs.write",
        };
        let text = format!(
            "@id(\"all\") permit (principal, action, resource);\n\
             @id(\"never\") forbid (principal == Component::\"probe\", action == Action::\"{action}\", resource);"
        );
        let file = PolicyFile { name: "owner.cedar".to_owned(), text };
        let policy = Policy::load(Preset::Trusting, &[file]).unwrap();
        let found = policy.explain(&subject, row.given.facts(), &row.asked);
        if found.declared.is_some() || action == "tool.call" {
            assert_eq!(found.verdict.word(), "deny", "{}", row.text);
            assert!(found.decided_by.iter().any(|policy| policy.id == "never"), "{}: {found:?}", row.text);
            seen.insert(action);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), {
        let mut all = crate::ACTIONS.to_vec();
        all.sort_unstable();
        all
    });
}

#[test]
fn a_preset_reads_back_from_its_name() {
    for preset in Preset::ALL {
        assert_eq!(preset.to_string().parse(), Ok(preset));
    }
    let err = "yolo\n".parse::<Preset>().unwrap_err();
    expect![[r#"`yolo\n` is not a policy preset: use `deny-all`, `cautious` or `trusting`"#]]
        .assert_eq(&err.to_string());
}

const DOCUMENT: &str = include_str!("../../../../docs/policies.md");

/// The fenced blocks of the document, each with the word behind its fence.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fenced = DOCUMENT.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

#[test]
fn the_policies_in_the_document_load_on_every_preset() {
    let blocks = blocks();
    let examples: Vec<_> = blocks.iter().filter(|(language, _)| *language == "cedar").collect();
    assert_eq!(examples.len(), 3);
    for (_, text) in examples {
        let file = PolicyFile { name: "policies.md".to_owned(), text: (*text).to_owned() };
        for preset in Preset::ALL {
            Policy::load(preset, std::slice::from_ref(&file)).unwrap();
        }
    }
}

#[test]
fn the_examples_in_the_document_do_what_their_table_says() {
    let blocks = blocks();
    let examples: Vec<_> = blocks.windows(2).filter(|pair| pair[0].0 == "cedar" && pair[1].0 == "text").collect();
    assert_eq!(examples.len(), 1);
    for pair in examples {
        let file = PolicyFile { name: "policies.md".to_owned(), text: pair[0].1.to_owned() };
        check_table(&Policy::load(Preset::Cautious, &[file]).unwrap(), pair[1].1);
    }
    // Each of its policies decides somewhere.
    let all: String = blocks.iter().filter(|(language, _)| *language == "text").map(|(_, text)| *text).collect();
    for id in
        ["reader-only-reads", "no-programs-from-telegram", "ana-asks-before-mail", "family-group-reads-the-calendar"]
    {
        assert!(all.contains(&format!("by {id}:")), "{id}");
    }
}

#[test]
fn the_tables_in_the_document_are_tables() {
    let tables = blocks().into_iter().filter(|(language, _)| *language == "text");
    let rows: Vec<usize> = tables.map(|(_, text)| Table::parse(text).unwrap().rows.len()).collect();
    assert_eq!(rows, [13, 3]);
}

#[test]
fn the_grants_in_the_document_are_grants() {
    let cells = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let grants: Vec<&str> = cells
        .map(|(text, _)| text)
        .filter(|text| {
            ["fs ", "http ", "exec ", "net ", "secret ", "kv ", "llm ", "message ", "sessions "]
                .iter()
                .any(|f| text.starts_with(f))
        })
        .collect();
    assert_eq!(grants.len(), 24);
    for text in grants {
        assert_eq!(Grant::parse(text).unwrap().to_string(), text);
    }
}

/// The default asks before every way out of a conversation that has read both the owner's data and foreign content.
#[test]
fn a_grant_opens_no_way_out_once_both_labels_are_there() {
    let private = Labels::private("a file");
    let mut both = Labels::tainted("a page");
    both.join(&private);
    let grants = ["http https://api.example.test GET,POST", "net wss://chat.example.test"];
    let ways = ["http GET https://api.example.test/x", "net wss://chat.example.test/x"];
    for preset in [Preset::Cautious, Preset::Trusting] {
        let policy = Policy::load(preset, &[]).unwrap();
        for wanted in ways {
            let answer = |labels: &Labels, present| {
                let facts = Facts { labels: labels.clone(), person_present: present, ..facts() };
                let answer = word(&policy.decide(&open_subject(&grants), &facts, action(wanted)));
                answer.split(' ').next().unwrap().to_owned()
            };
            assert_eq!(answer(&Labels::default(), false), "allow", "{wanted}");
            assert_eq!(answer(&Labels::tainted("a page"), false), "allow", "{wanted}");
            assert_eq!(answer(&private, false), "allow", "{wanted}");
            assert_eq!(answer(&both, true), "ask", "{wanted}");
            assert_eq!(answer(&both, false), "deny", "{wanted}");
        }
        let facts = Facts { labels: both.clone(), ..facts() };
        let read = policy.decide(&open_subject(&[]), &facts, action("http GET https://other.example.test/x"));
        assert!(word(&read).starts_with("ask"));
    }
}
