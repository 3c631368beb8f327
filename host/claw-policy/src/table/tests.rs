use expect_test::{Expect, expect};

use super::{Table, Who};
use crate::{Policy, Preset};

const TABLE: &str = "\
# About programs.
policies cautious
component exec   # one that is installed
ask: exec.run git push

component probe
scope exec **
grant exec git status
allow by granted-programs: exec.run git status
given person_present=false agent=work
deny E_EXEC_DENIED by nothing: exec.run git push a#b
";

#[test]
fn a_table_is_read_line_by_line() {
    let table = Table::parse(TABLE).unwrap();
    assert_eq!(table.preset, Some(Preset::Cautious));
    assert_eq!(table.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 9, 11]);
    assert!(matches!(&table.rows[0].who, Who::Installed(name) if name.as_str() == "exec"));
    let Who::Invented(subject) = &table.rows[2].who else { panic!("not made up") };
    assert_eq!((subject.component.as_str(), subject.scopes().iter().count()), ("probe", 1));
    assert_eq!(table.rows[2].given.facts().session.as_str(), "agent:work:main");
    assert!(table.rows[2].text.ends_with("a#b"));
}

#[test]
fn a_row_fails_by_its_answer_its_code_and_its_policies() {
    let policy = Policy::load(Preset::Cautious, &[]).unwrap();
    let check = |row: &str| {
        let text = format!("component probe\nscope exec **\ngrant exec git status\n{row}: exec.run git status");
        let table = Table::parse(&text).unwrap();
        let Who::Invented(subject) = &table.rows[0].who else { panic!("not made up") };
        table.rows[0].check(&policy, subject).1
    };
    for fits in ["allow", "allow by granted-programs"] {
        assert_eq!(check(fits), None);
    }
    for fails in ["ask", "deny", "deny E_EXEC_DENIED", "allow by nothing", "allow by granted-programs, x"] {
        assert_eq!(check(fails).as_deref(), Some(fails));
    }
}

#[track_caller]
fn refuse(text: &str, expect: Expect) {
    expect.assert_eq(&Table::parse(text).unwrap_err().to_string());
}

// CG-04
#[test]
fn a_line_that_makes_no_sense_is_named_with_what_could_stand_there() {
    refuse(
        "\n# a\nalow: exec.run git",
        expect![
            "line 3: `alow` begins no line (did you mean `allow`?); lines begin with policies, component, scope, grant, given, allow, ask, deny"
        ],
    );
    refuse("component a\nallow exec.run git", expect!["line 2: write `: ` between the answer and the question"]);
    refuse(
        "component a\nallow E_X: exec.run git",
        expect!["line 2: write `allow`, `ask`, `deny` or `deny CODE`, then perhaps `by POLICY, POLICY`, then `: `"],
    );
    refuse("allow: exec.run git", expect!["line 1: say first who asks: `component NAME`"]);
    refuse("scope exec **", expect!["line 1: say first whose it is: `component NAME`"]);
    refuse(
        "component a\nscope exe **",
        expect![
            "line 2: `exe **` is not a grant: it must start with one of `fs`, `http`, `net`, `exec`, `secret`, `kv`, `llm`, `message`, `memory`, `schedule`, `sessions`"
        ],
    );
    refuse("policies yolo", expect!["line 1: `yolo` is not a policy preset: use `deny-all`, `cautious` or `trusting`"]);
    refuse(
        "component a\nallow: kv.use x\npolicies cautious",
        expect!["line 3: `policies` stands once, in front of all rows"],
    );
    refuse(
        "given person_presnt=false\ncomponent a\nallow: kv.use x",
        expect![
            "line 3: `person_presnt` is no fact for `kv.use` (did you mean `person_present`?); there are session, agent, origin, person_present, tainted, private, time"
        ],
    );
}
