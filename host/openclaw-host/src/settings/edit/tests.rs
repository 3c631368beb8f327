use serde_json::json;

use super::*;

#[track_caller]
fn check(text: &str, path: &str, value: Value, expected: &str) {
    let path: Vec<&str> = path.split('.').collect();
    let changed = set(text, &path, &value);
    assert_eq!(changed, expected);
    // What was set is what is read, and nothing else has changed.
    let mut before: Value = if text.trim().is_empty() { json!({}) } else { json5::from_str(text).unwrap() };
    let after: Value = json5::from_str(&changed).unwrap();
    let mut place = &mut before;
    for key in path {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[key];
    }
    *place = value;
    assert_eq!(after, before);
}

#[test]
fn a_value_is_replaced_and_comments_stay() {
    check(
        "// mine\n{\n  models: {\n    default: 'a/b', // the \"best\" { one\n    /* default: 'no' */\n  },\n}\n",
        "models.default",
        json!("c/d"),
        "// mine\n{\n  models: {\n    default: \"c/d\", // the \"best\" { one\n    /* default: 'no' */\n  },\n}\n",
    );
    check("{'models':{\"default\":'it\\'s: x'},z:1}", "models.default", json!(1), "{'models':{\"default\":1},z:1}");
}

#[test]
fn what_is_missing_is_added_where_it_belongs() {
    check("", "models.default", json!("a/b"), "{\n  models: { default: \"a/b\" },\n}\n");
    check("{}", "models.default", json!("a"), "{\n  models: { default: \"a\" },}");
    check(
        "{ models: { providers: { x: { baseUrl: 'http://h' } } } }",
        "models.providers.x.keys.my-key",
        json!({ "source": "vault" }),
        "{ models: { providers: { x: {\n        keys: { \"my-key\": {\"source\":\"vault\"} }, baseUrl: 'http://h' } } } }",
    );
}

#[test]
fn keys_in_other_places_and_in_lists_are_not_confused() {
    let text = "{ default: 1, a: [{ models: 2 }, 'models'], models: [1, { default: 3 }], }";
    check(text, "models.default", json!(4), "{ default: 1, a: [{ models: 2 }, 'models'], models: { default: 4 }, }");
}

#[test]
fn a_file_that_is_or_would_be_invalid_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(CONFIG_NAME);
    for (text, value) in [("{ models: ", json!("a/b")), ("{ models: {} } // kept", json!(7))] {
        fs::write(&file, text).unwrap();
        edit(home.path(), &["models", "default"], &value).unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    edit(home.path(), &["models", "default"], &json!("a/b")).unwrap();
    assert!(fs::read_to_string(&file).unwrap().ends_with("// kept"));
}
