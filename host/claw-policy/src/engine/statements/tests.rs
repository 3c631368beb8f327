use cedar_policy::PolicySet;
use proptest::prelude::*;

use super::statements;
use crate::preset::Preset;

#[test]
fn a_policy_stands_where_its_first_word_stands() {
    let text = "// The file; whatever it says.\n\n\
                // About a;\n@id(\"a;\\\"\")\npermit (principal, action, resource); forbid (principal, action, resource)\n\
                when { context.x == \"// ;\" } // why; \n;\n// the end;";
    let found: Vec<_> = statements(text).iter().map(|it| (it.line, it.text)).collect();
    assert_eq!(
        found,
        [
            (4, "// About a;\n@id(\"a;\\\"\")\npermit (principal, action, resource);"),
            (5, "forbid (principal, action, resource)\nwhen { context.x == \"// ;\" } // why; \n;"),
        ]
    );
}

#[test]
fn every_shipped_policy_is_found_and_is_whole() {
    for (file, text) in Preset::ALL.iter().flat_map(|preset| preset.files()) {
        let all: PolicySet = text.parse().unwrap();
        let found = statements(text);
        assert_eq!(found.len(), all.policies().count(), "{file}");
        for statement in found {
            let alone: PolicySet = statement.text.parse().unwrap();
            assert_eq!(alone.policies().count(), 1, "{file}: {}", statement.text);
        }
    }
}

proptest! {
    #[test]
    fn no_text_is_too_odd_to_be_searched(text in "[/\";@()a\\\\\n é]{0,40}") {
        for statement in statements(&text) {
            prop_assert!(statement.text.ends_with(';') && statement.line <= text.lines().count());
        }
    }
}
