use super::read;
use crate::node::{Node, Value};

/// The value as JSON, with `~` for nothing.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Nothing => "~".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Map(members) => {
            let members = members.iter().map(|(name, node)| format!("{name}: {}", shown(node)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let read = match read(text, 2) {
        Ok(node) => shown(&node),
        Err(fault) => format!("line {}: {}", fault.line, fault.message),
    };
    assert_eq!(read, expected);
}

#[test]
fn frontmatter_is_read() {
    check("name: a\nlist:\n  - b\n  - [c, 'd']\n", r#"{name: "a", list: ["b", ["c", "d"]]}"#);
    check(
        "metadata:\n  {\n    \"openclaw\": { \"os\": [\"linux\",], },\n  }\n",
        r#"{metadata: {openclaw: {os: ["linux"]}}}"#,
    );
    check("a: >\n  b\n  c\nd: |\n  e\nf:\n", r#"{a: "b c\n", d: "e\n", f: ~}"#);
    check("a: \"~\"\nb: ~\nc: true\nd: 1.5\n", r#"{a: "~", b: ~, c: "true", d: "1.5"}"#);
    check("", "~");
}

#[test]
fn what_could_become_large_or_mean_two_things_is_refused() {
    check("a: &x [b]\nc: *x\n", "line 3: aliases (`*name`) are not taken");
    check("a: b\nc: d\na: e\n", "line 4: `a` stands here twice");
    check("a: b\n---\nc: d\n", "line 3: a second document begins here");
    check("? [a]\n: b\n", "line 2: a name is expected before the colon");
    check(&"[".repeat(20), "line 2: more than 16 maps and lists within each other");
    check(&"- a\n".repeat(5000), "line 4097: more than 4096 values");
}

#[test]
fn a_fault_is_told_with_its_line() {
    let fault = read("name: a\ndescription: Use when: it rains\n", 2).unwrap_err();
    assert_eq!(fault.line, 3);
    assert!(fault.message.starts_with("not valid YAML: "), "{}", fault.message);
}

#[test]
fn no_text_is_too_much() {
    let attacks = [
        "[".repeat(100_000),
        "{a: ".repeat(50_000),
        "a:\n".repeat(50_000),
        (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>(),
        "- ".repeat(50_000),
        "\"".to_owned() + &"\\u0041".repeat(20_000),
        "&a ".repeat(20_000),
        "!<".repeat(20_000),
    ];
    for attack in attacks {
        let _ = read(&attack, 2);
    }
}
