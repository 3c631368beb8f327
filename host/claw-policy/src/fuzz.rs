//! Fuzz targets: what a component's manifest or an owner writes as a grant, and what it then covers.

use std::path::PathBuf;

use claw_core::effect::ExecPlan;
use claw_core::id::Digest;
use claw_fuzz::Draw;

use crate::{Action, ExecGrant, Grant, Grants};

/// Elements of patterns; those of commands are the same, so that they meet often.
const WORDS: [&str; 16] = [
    "git",
    "status",
    "*",
    "**",
    "a b",
    "",
    "/usr/bin/git",
    "./git",
    "x*",
    "\"",
    "\\",
    "\n",
    "é",
    "\u{202e}",
    "git ",
    "Git",
];
const PROGRAMS: [&str; 4] = ["/usr/bin/git", "/usr/bin/status", "/home/owner/ws/git", "/usr/bin/busybox"];
const MOST_WORDS: usize = 5;

/// Patterns of programs: exactly the well-formed ones are taken, each survives its text form, and it covers what a
/// matcher of a few lines says it covers.
///
/// No element begins with `-`: for options there are more rules.
pub fn argv(data: &[u8]) {
    let mut draw = Draw::new(data);
    let words = |draw: &mut Draw<'_>| -> Vec<&str> {
        let count = draw.below(MOST_WORDS + 1);
        (0..count).map(|_| draw.pick(&WORDS)).collect()
    };
    let patterns = words(&mut draw);
    let made = ExecGrant::new(patterns.iter().copied());
    assert_eq!(made.is_ok(), is_well_formed(&patterns), "{patterns:?}: {made:?}");
    let command = plan(draw.pick(&PROGRAMS), &words(&mut draw));
    let other = plan(draw.pick(&PROGRAMS), &words(&mut draw));
    if let Ok(grant) = made {
        let grant = Grant::Exec(grant);
        assert_eq!(Grant::parse(&grant.to_string()), Ok(grant.clone()), "{patterns:?}");
        let grants = Grants::from_iter([grant.clone()]);
        let action = Action::RunProgram(command.clone());
        assert_eq!(grants.covers(&action), is_covered(&patterns, &command), "{patterns:?} {command:?}");
        let by_name = grant.names(&action);
        assert!(!by_name || (grants.covers(&action) && !patterns[0].starts_with('*')), "{patterns:?} {command:?}");
    }
    // What "always allow" would grant: this command and no other.
    if let Some(grant) = Grant::narrowest(&Action::RunProgram(command.clone())) {
        assert_eq!(Grant::parse(&grant.to_string()), Ok(grant.clone()), "{command:?}");
        let covers_other = grant.names(&Action::RunProgram(other.clone()));
        assert!(!covers_other || command.argv == other.argv, "{command:?} {other:?}");
    }
}

/// Any text as a grant: no panic, and what is taken survives its text form.
pub fn grant(data: &[u8]) {
    let text = Draw::new(data).text();
    match Grant::parse(&text) {
        Ok(grant) => assert_eq!(Grant::parse(&grant.to_string()), Ok(grant.clone()), "{text:?} became `{grant}`"),
        Err(err) => {
            let said = err.to_string();
            assert!(said.len() < 4000 && !said.contains(char::is_control), "{text:?}: {said:?}");
        }
    }
}

fn is_well_formed(patterns: &[&str]) -> bool {
    let Some((last, before)) = patterns.split_last() else { return false };
    let is_element = |pattern: &str| pattern == "*" || !pattern.contains('*');
    before.iter().all(|pattern| is_element(pattern)) && (is_element(last) || *last == "**") && !patterns[0].is_empty()
}

fn is_covered(patterns: &[&str], command: &ExecPlan) -> bool {
    let is_its_program = match patterns[0] {
        "*" | "**" => true,
        path if path.contains('/') => command.program.to_str() == Some(path),
        name => command.program.to_string_lossy().rsplit('/').next() == Some(name),
    };
    is_its_program && !command.argv.is_empty() && matches(patterns, &command.argv)
}

fn matches(patterns: &[&str], argv: &[String]) -> bool {
    match (patterns, argv) {
        (["**"], _) | ([], []) => true,
        ([pattern, patterns @ ..], [argument, argv @ ..]) => {
            (*pattern == "*" || pattern == argument) && matches(patterns, argv)
        }
        _ => false,
    }
}

fn plan(program: &str, argv: &[&str]) -> ExecPlan {
    ExecPlan {
        program: PathBuf::from(program),
        program_digest: Digest([0; 32]),
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        cwd: PathBuf::from("/home/owner/ws"),
        workspace: PathBuf::from("/home/owner/ws"),
        env: Vec::new(),
        stdin: Vec::new(),
        timeout_ms: 1000,
        max_output_bytes: 1000,
        background: None,
        reads: None,
    }
}

#[cfg(test)]
mod tests;
