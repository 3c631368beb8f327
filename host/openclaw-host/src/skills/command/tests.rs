use std::sync::Arc;

use claw_core::id::Digest;

use super::*;
use crate::skills::{Card, Gate, Source};

fn skill(name: &str, card: Card) -> Skill {
    Skill {
        name: name.to_owned(),
        card: Arc::new(Card { user_invocable: true, ..card }),
        source: Source::Workspace,
        folder: format!("/ws/skills/{name}").into(),
        digest: Digest([0; 32]),
        gates: Vec::new(),
        command: None,
        hides: Vec::new(),
    }
}

fn shelf(mut skills: Vec<Skill>) -> Shelf {
    name(&mut skills);
    Shelf { skills, left_out: Vec::new() }
}

#[test]
fn each_skill_gets_a_word_of_its_own() {
    let mut off = skill("off", Card::default());
    off.gates.push(Gate { kind: "os", wanted: "darwin".into(), holds: false, reason: String::new() });
    let mut hidden = skill("hidden", Card::default());
    hidden.card = Arc::new(Card::default());
    let long = "x".repeat(40);
    let shelf = shelf(vec![
        skill("Apple Notes", Card::default()),
        skill("apple-notes", Card::default()),
        skill("stop", Card::default()),
        skill(&long, Card::default()),
        off,
        hidden,
    ]);
    let words: Vec<_> = shelf.skills.iter().map(|skill| skill.command.clone().unwrap_or_default()).collect();
    assert_eq!(words, ["apple_notes", "apple_notes_2", "stop_2", &"x".repeat(32), "", ""]);
}

#[test]
fn a_message_starts_a_skill_by_its_word_or_its_name() {
    let shelf = shelf(vec![skill("Apple Notes", Card::default()), skill("weather", Card::default())]);
    let started = |text: &str| shelf.command(text).map(|command| command.skill);
    for text in ["/weather", "/weather Berlin\n", "/WEATHER x", "/skill weather Berlin", "/skill Weather"] {
        assert_eq!(started(text).as_deref(), Some("weather"), "{text}");
    }
    assert_eq!(started("/apple-notes x").as_deref(), Some("Apple Notes"));
    for text in ["weather", " /weather", "please /weather", "/weathers", "/", "/skill", "/skill other", "//weather"] {
        assert_eq!(started(text), None, "{text}");
    }
    let told = shelf.no_such_command("/skill other").unwrap();
    assert!(told.ends_with("there are: apple_notes, weather"), "{told}");
    assert_eq!((shelf.no_such_command("/other"), shelf.no_such_command("/skill weather")), (None, None));
}

#[test]
fn the_host_opens_the_skill_and_the_model_goes_on() {
    let command = shelf(vec![skill("weather", Card::default())]).command("/weather Berlin").unwrap();
    let Some(Scripted::Call(call)) = command.next(None) else { panic!("no call") };
    assert_eq!((call.tool.as_str(), call.arguments.as_str()), ("skill", r#"{"name":"weather"}"#));
    assert_eq!(command.next(Some(&ToolOutcome::Done { text: "…".into() })), None);
}

#[test]
fn a_skill_that_names_a_tool_needs_no_model() {
    let card = Card { command_tool: Some("echo".into()), ..Card::default() };
    let command = shelf(vec![skill("shout", card)]).command("/shout  two  words ").unwrap();
    let Some(Scripted::Call(call)) = command.next(None) else { panic!("no call") };
    let raw = r#"{"command":"two  words","commandName":"shout","skillName":"shout"}"#;
    assert_eq!((call.tool.as_str(), call.arguments.as_str()), ("echo", raw));
    let outcome = ToolOutcome::Done { text: "TWO  WORDS".into() };
    assert_eq!(command.next(Some(&outcome)), Some(Scripted::Answer("TWO  WORDS".into())));
}
