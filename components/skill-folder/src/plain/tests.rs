use super::read;
use crate::node::Value;

#[test]
fn lines_that_are_no_yaml_are_taken_as_they_are() {
    let text = "name: a\n# note\ndescription: Use when: it rains\nhomepage: 'https://a.example'\nmetadata:\n  {\"openclaw\": \
                {\"os\": [\"linux\"]}}\n";
    let node = read(text, 2).unwrap();
    let text = |name: &str| match &node.get(name).unwrap().value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (text("name"), text("description"), text("homepage")),
        ("a".into(), "Use when: it rains".into(), "https://a.example".into())
    );
    assert_eq!(node.get("description").unwrap().line, 4);
    assert!(node.get("metadata").unwrap().get("openclaw").unwrap().get("os").is_some());
}

#[test]
fn what_has_no_name_is_a_fault() {
    for (text, line) in [("just words\n", 2), ("a: b\n: c\n", 3), ("a: b\na: c\n", 3)] {
        assert_eq!(read(text, 2).unwrap_err().line, line, "{text}");
    }
}
