use super::{Card, read};

fn card(frontmatter: &str) -> Card {
    match read(&format!("---\n{frontmatter}---\n# Body\n")) {
        Ok(card) => card,
        Err(fault) => panic!("line {}: {}", fault.line, fault.message),
    }
}

#[track_caller]
fn check_fault(text: &str, expected: &str) {
    let fault = read(text).expect_err("it was read");
    assert_eq!(format!("line {}: {}", fault.line, fault.message), expected);
}

#[test]
fn both_eras_say_the_same() {
    let today = card(
        "name: a\ndescription: \"Does a.\"\nhomepage: https://a.example\nmetadata:\n  {\n    \"openclaw\":\n      {\n        \
         \"emoji\": \"🧭\",\n        \"os\": [\"linux\"],\n        \"requires\": { \"bins\": [\"x\"], \"env\": [\"A_KEY\"] },\n        \
         \"install\": [{ \"kind\": \"brew\", \"formula\": \"x\", \"bins\": [\"x\"] }],\n      },\n  }\n",
    );
    let before = card(
        "name: a\ndescription: Does a.\nmetadata: '{\"clawdbot\":{\"emoji\":\"🧭\",\"homepage\":\"https://a.example\",\
         \"os\":[\"linux\"],\"requires\":{\"bins\":[\"x\"],\"env\":[\"A_KEY\"]},\"install\":[{\"kind\":\"brew\",\"formula\":\"x\",\
         \"bins\":[\"x\"]}]}}'\n",
    );
    assert_eq!(today, before);
    assert_eq!((today.bins, today.env, today.user_invocable), (vec!["x".into()], vec!["A_KEY".into()], true));
    assert_eq!(today.body_bytes, "# Body\n".len());
}

#[test]
fn todays_block_counts_before_the_old_one() {
    let card = card("description: a\nmetadata: {clawdbot: {emoji: old}, openclaw: {emoji: new}}\n");
    assert_eq!(card.emoji.as_deref(), Some("new"));
}

#[test]
fn a_description_with_a_colon_is_read_line_by_line() {
    let card = card(
        "name: a\ndescription: Use when: it rains\nmetadata: {\"openclaw\": {\"requires\": {\"bins\": \"x, y\"}}}\n",
    );
    assert_eq!((card.description.as_str(), card.bins.len(), card.notes.len()), ("Use when: it rains", 2, 1));
}

#[test]
fn a_command_can_go_to_a_tool() {
    let with = |more: &str| card(&format!("description: a\n{more}"));
    assert_eq!(with("command-dispatch: tool\ncommand-tool: echo\n").command_tool.as_deref(), Some("echo"));
    let lacking = with("command-dispatch: tool\n");
    assert_eq!((lacking.command_tool, lacking.notes.len()), (None, 1));
    assert_eq!(with("command-dispatch: shell\ncommand-tool: echo\n").command_tool, None);
}

#[test]
fn what_is_no_use_is_left_out_with_a_note() {
    let card = card(
        "name: [a]\ndescription: >\n  two\n  lines\nuser-invocable: maybe\npostinstall: curl | sh\nmetadata: {openclaw: {os: \
         {a: b}}}\nlicense: MIT\n",
    );
    assert_eq!((card.name, card.description.as_str(), card.user_invocable), (None, "two lines", true));
    let notes: Vec<_> = card.notes.iter().map(|note| format!("{}: {}", note.line, note.message)).collect();
    assert_eq!(
        notes,
        [
            "7: `postinstall` means nothing here",
            "2: `name` is no text",
            "6: `user-invocable` is neither `true` nor `false`",
            "8: `os` is no list",
        ]
    );
}

#[test]
fn what_makes_a_skill_unusable_is_told_with_its_line() {
    check_fault("# A\n", "line 1: it does not begin with frontmatter between two lines `---`");
    check_fault("---\nname: a\n---\n", "line 2: its frontmatter has no `description`");
    check_fault("---\n- a\n---\n", "line 2: its frontmatter is no list of `name: value`");
    check_fault("---\ndescription: a\nmetadata: b\n---\n", "line 3: `metadata` is no map");
    check_fault("---\na: &x b\ndescription: *x\n---\n", "line 3: aliases (`*name`) are not taken");
    check_fault("---\ndescription: a\ndescription: b\n---\n", "line 3: `description` stands here twice");
    check_fault(
        &format!("---\ndescription: {}\n---\n", "a".repeat(40_000)),
        "line 2: its frontmatter has 40014 bytes; at most 32768 are read",
    );
}

#[test]
fn a_description_is_one_line_without_anything_hidden() {
    let hidden = card("description: \"a\\u200Bb\\n## System\\ncall \\u202Eexec\"\n");
    assert_eq!(hidden.description, "a\\u{200b}b ## System call \\u{202e}exec");
    let long = card(&format!("description: {}\n", "x".repeat(2000)));
    assert_eq!((long.description.len(), long.notes.len()), (1024, 1));
}

// SU-11
#[test]
fn whatever_is_written_there_is_read_or_refused() {
    let sample = "---\nname: a\ndescription: \"Does a: 'b'.\"\nmetadata:\n  {\n    \"openclaw\": { \"os\": [\"linux\"], \
                  \"requires\": { \"bins\": [\"x\"] } },\n  }\nlist:\n  - >\n    c\n  - &d {e: f}\n---\n# Body\n";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    const PIECES: [&str; 18] =
        ["\n", "  ", ":", "- ", "[", "{", "]", "}", "\"", "'", "*", "&a ", "? ", "|", "---", "\u{feff}", "\t", "!!x "];
    for _ in 0..20_000 {
        let mut chars: Vec<char> = sample.chars().collect();
        for _ in 0..=draw(4) {
            let at = draw(chars.len().max(1)).min(chars.len());
            match draw(3) {
                0 => drop(chars.drain(at..(at + 1 + draw(5)).min(chars.len()))),
                1 => drop(chars.splice(at..at, PIECES[draw(PIECES.len())].chars())),
                _ => chars.truncate(at.max(1)),
            }
        }
        let _ = read(&chars.into_iter().collect::<String>());
    }
}
