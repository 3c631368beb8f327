use std::collections::BTreeSet;

use claw_policy::{Policy, PolicyFile, Preset, Table, Who};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{ExecPreset, Import, import};

fn made_of(file: &Value) -> Import {
    // A machine where `/bin` is a link and every program is there.
    let real = |text: &str| match text.rsplit_once('/') {
        None => Some(format!("/usr/bin/{text}")),
        Some(("/bin", name)) => Some(format!("/usr/bin/{name}")),
        Some(_) => text.starts_with('/').then(|| text.to_owned()),
    };
    import(&file.to_string(), &real).unwrap()
}

/// What becomes of programs under the import on `cautious`, where `git` is granted.
#[track_caller]
fn check(file: &Value, rows: &str) {
    check_policies(made_of(file).policies.join("\n"), rows);
}

#[track_caller]
fn check_policies(text: String, rows: &str) {
    let policy = Policy::load(Preset::Cautious, &[PolicyFile { name: "import.cedar".to_owned(), text }]).unwrap();
    let table = Table::parse(&format!("component exec\nscope exec **\ngrant exec git **\n{rows}")).unwrap();
    for row in &table.rows {
        let Who::Invented(subject) = &row.who else { panic!("installed") };
        let (found, expected) = row.check(&policy, subject);
        assert_eq!(expected, None, "{}: {} by {:?}", row.text, found.verdict, found.decided_by);
    }
}

/// OpenClaw's list is about the assistant's own tool. A stranger's component that declares programs gets none of it.
#[test]
fn a_list_gives_nothing_to_other_components() {
    let text = made_of(&file("allowlist", "on-miss", &["/bin/ls"])).policies.join("\n");
    let policy = Policy::load(Preset::Cautious, &[PolicyFile { name: "import.cedar".to_owned(), text }]).unwrap();
    let rows = "component stranger\nscope exec **\nask by approved-programs: exec.run ls\n\
                given person_present=false\ndeny: exec.run ls\n";
    for row in &Table::parse(rows).unwrap().rows {
        let Who::Invented(subject) = &row.who else { panic!("installed") };
        assert_eq!(row.check(&policy, subject).1, None, "{}", row.text);
    }
}

fn file(security: &str, ask: &str, patterns: &[&str]) -> Value {
    let list: Vec<_> = patterns.iter().map(|pattern| json!({ "pattern": pattern })).collect();
    json!({ "version": 1, "agents": { "main": { "security": security, "ask": ask, "allowlist": list } } })
}

#[test]
fn a_list_allows_its_programs_and_the_rest_is_asked_or_refused() {
    check(
        &file("allowlist", "on-miss", &["/bin/ls", "jq", "/usr/bin/bash"]),
        "allow by openclaw-exec-main-listed: exec.run ls\n\
         allow by openclaw-exec-main-listed: exec.run jq .\n\
         ask: exec.run /home/other/jq .\n\
         ask: exec.run git status  # granted, but not in the list\n\
         ask: exec.run bash -c ls\n\
         ask: exec.run curl x\n\
         given person_present=false\n\
         deny E_APPR_UNAVAILABLE: exec.run git status\n\
         given agent=other\n\
         allow by granted-programs: exec.run git status",
    );
    check(
        &file("allowlist", "off", &["/usr/bin/ls"]),
        "allow: exec.run ls\n\
         deny by openclaw-exec-main: exec.run git status\n\
         deny by openclaw-exec-main: exec.run curl x",
    );
}

#[test]
fn the_strictest_reading_wins() {
    check(&file("deny", "off", &["/usr/bin/ls"]), "deny by openclaw-exec-main: exec.run ls\ndeny: exec.run git status");
    check(&file("full", "always", &[]), "ask: exec.run ls\nask: exec.run git status");
    check(&file("allowlist", "always", &["/usr/bin/ls"]), "ask: exec.run ls\nask: exec.run git status");
    check(&file("allowlist", "on-miss", &[]), "ask: exec.run git status");
    check(&file("allowed", "on-miss", &["/usr/bin/ls"]), "deny: exec.run ls");
    // Of an agent's own settings and those of all, the agent's count; so do both lists.
    let levels = json!({
        "version": 1,
        "defaults": { "security": "deny", "ask": "off" },
        "agents": {
            "*": { "allowlist": [{ "pattern": "/usr/bin/jq" }] },
            "main": { "security": "allowlist", "allowlist": [{ "pattern": "/usr/bin/ls" }] },
        },
    });
    check(
        &levels,
        "allow: exec.run ls\nallow: exec.run jq\ndeny: exec.run git status\n\
         given agent=other\ndeny by openclaw-exec-others: exec.run ls\ndeny: exec.run git status",
    );
}

/// What a value of a setting may be in a file: nothing at all, a word that is known, or one that is not.
const SECURITIES: [Option<&str>; 5] = [None, Some("deny"), Some("allowlist"), Some("full"), Some("sandbox")];
const ASKS: [Option<&str>; 5] = [None, Some("off"), Some("on-miss"), Some("always"), Some("never")];

/// What is to become of `ls`, which may be listed, `git`, which is granted, and `curl`, which is neither.
fn outcomes(security: Option<&str>, ask: Option<&str>, listed: bool) -> [&'static str; 3] {
    let security = security.unwrap_or(if listed { "allowlist" } else { "full" });
    match (security, ask.unwrap_or("on-miss")) {
        ("full", "off" | "on-miss") => ["ask", "allow", "ask"], // What the preset says: a file opens nothing to all.
        ("allowlist", "off") => [if listed { "allow" } else { "deny" }, "deny", "deny"],
        ("allowlist", "on-miss") => [if listed { "allow" } else { "ask" }, "ask", "ask"],
        ("full" | "allowlist", _) => ["ask"; 3],
        _ => ["deny"; 3],
    }
}

// CG-16: all modes of the host (`defaults`) with all of an agent, each known, unknown or missing, with a list and
// without one: 1250 combinations, among them the 256 of known and missing ones. An agent's own setting takes the
// place of the host's, as in OpenClaw; a value that is not known is the strictest.
#[test]
fn every_combination_of_openclaws_modes_is_as_strict_as_its_file_or_stricter() {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    let levels = SECURITIES.iter().flat_map(|security| ASKS.map(|ask| (*security, ask)));
    for (host, agent, listed) in levels
        .clone()
        .flat_map(|host| levels.clone().flat_map(move |agent| [(host, agent, false), (host, agent, true)]))
    {
        let level = |(security, ask): (Option<&str>, Option<&str>)| {
            let mut level = json!({});
            security.inspect(|security| level["security"] = json!(security));
            ask.inspect(|ask| level["ask"] = json!(ask));
            level
        };
        let mut file = json!({ "version": 1, "defaults": level(host), "agents": { "main": level(agent) } });
        if listed {
            file["agents"]["main"]["allowlist"] = json!([{ "pattern": "/usr/bin/ls" }]);
        }
        let [ls, git, curl] = outcomes(agent.0.or(host.0), agent.1.or(host.1), listed);
        let [_, others, _] = outcomes(host.0, host.1, false);
        let mut rows = format!("{ls}: exec.run ls\n{git}: exec.run git status\n{curl}: exec.run curl x\n");
        // Nobody to ask is a no.
        let alone = |word: &'static str| if word == "ask" { "deny" } else { word };
        rows += &format!("given person_present=false\n{}: exec.run ls\n", alone(ls));
        rows += &format!("{}: exec.run git status\n{}: exec.run curl x\n", alone(git), alone(curl));
        rows += &format!("given agent=other\n{others}: exec.run git status\n");
        count += 1;
        // Many files come to the same policies: each pair is asked about once.
        if seen.insert((made_of(&file).policies, rows.clone())) {
            let text = made_of(&file).policies.join("\n");
            std::panic::catch_unwind(|| check_policies(text, &rows)).unwrap_or_else(|_| panic!("{file}"));
        }
    }
    assert_eq!(count, 1250);
}

// CG-17
#[test]
fn all_programs_for_one_agent_are_none_for_another() {
    let full = json!({ "security": "full", "ask": "off", "allowlist": [{ "pattern": "/usr/bin/ls" }] });
    let strict = json!({
        "version": 1, "defaults": { "security": "deny" },
        "agents": { "main": full, "helper": { "security": "allowlist" } },
    });
    check(
        &strict,
        "ask: exec.run ls\nallow: exec.run git status\n\
         given agent=helper\nask: exec.run ls\nask: exec.run git status\n\
         given agent=other\ndeny by openclaw-exec-others: exec.run ls\ndeny: exec.run git status",
    );
    // What an owner may write for one agent in the words of policies.
    let own = "@id(\"full\") permit (principal, action == Action::\"exec.run\", resource) when { context.agent == \"main\" };";
    let both = |file: &Value| format!("{}\n{own}", made_of(file).policies.join("\n"));
    let alone = "allow: exec.run curl x\ngiven agent=other\nask: exec.run curl x\n\
                 given agent=other person_present=false\ndeny: exec.run curl x";
    check_policies(both(&json!({ "version": 1 })), alone);
    check_policies(both(&strict), "allow: exec.run curl x\ngiven agent=helper\nask: exec.run curl x");
    let denied = json!({ "version": 1, "defaults": { "security": "deny" } });
    check_policies(both(&denied), "deny: exec.run curl x\ngiven agent=other\ndeny: exec.run curl x");
}

#[track_caller]
fn left_out(file: &Value, expect: Expect) {
    expect.assert_eq(&made_of(file).left_out.join("\n"));
}

#[test]
fn what_cannot_be_said_is_named() {
    left_out(
        &file("allowlist", "on-miss", &["/usr/bin/*", "**", "bin/x"]),
        expect![[r#"
        `agents.main.allowlist /usr/bin/*`: it names no program; name each by its path, as grants do
        `agents.main.allowlist **`: it names no program; name each by its path, as grants do
        `agents.main.allowlist bin/x`: it is neither a path from the root or from `~` nor a program of this machine"#]],
    );
    left_out(
        &file("full", "off", &[]),
        expect![
            "`agents.main.security`: no policy allows every program without a question; the preset `trusting` asks about risky ones only"
        ],
    );
    let all = json!({
        "version": 1,
        "socket": { "path": "/run/x", "token": "very secret" },
        "defaults": { "security": "allowlist", "askFallback": "full", "autoAllowSkills": true, "new": 1 },
        "agents": { "main": { "allowlist": [
            { "id": "1", "pattern": "/usr/bin/ls", "lastUsedAt": 5 },
            { "pattern": "/usr/bin/rm", "argPattern": "^-i " },
        ] }, "A b": {} },
    });
    left_out(
        &all,
        expect![[r#"
        `socket`: it belongs to OpenClaw's own way of asking
        `defaults.new`: it is not known here; look whether it forbids something
        `agents.A b`: no agent can have this name here
        `agents.main.autoAllowSkills`: programs of skills are granted one by one
        `agents.main.askFallback`: while nobody can be asked, a question is always a no
        `allowlist`: notes about where entries come from and when they were used are no rules
        `agents.main.allowlist /usr/bin/rm`: `argPattern` cannot be said in a policy; grant the command: `exec PROGRAM ARGUMENT …`
        `agents.*.autoAllowSkills`: programs of skills are granted one by one
        `agents.*.askFallback`: while nobody can be asked, a question is always a no"#]],
    );
    assert!(!format!("{:?}", made_of(&all)).contains("very secret"));
    check(&all, "allow: exec.run ls\nask: exec.run rm -i x");
}

#[test]
fn a_list_without_a_rule_is_taken_as_the_rule() {
    let silent = json!({ "version": 1, "agents": { "main": { "allowlist": [{ "pattern": "/usr/bin/ls" }] } } });
    check(&silent, "allow: exec.run ls\nask: exec.run git status\ngiven agent=other\nallow: exec.run git status");
    assert_eq!(made_of(&json!({ "version": 1 })), Import { policies: Vec::new(), left_out: Vec::new() });
}

#[test]
fn the_presets_of_openclaw_are_files_of_openclaw() {
    let preset = |name: &str| serde_json::from_str(&name.parse::<ExecPreset>().unwrap().file()).unwrap();
    check(&preset("cautious"), "ask: exec.run git status\ngiven person_present=false\ndeny: exec.run git status");
    check(&preset("deny-all"), "deny by openclaw-exec-others: exec.run git status");
    assert!(made_of(&preset("yolo")).policies.is_empty());
    assert!("wild".parse::<ExecPreset>().is_err());
}

#[test]
fn a_file_of_another_kind_is_refused() {
    for (text, why) in [
        ("[]", "object"),
        ("{}", "version"),
        ("{\"version\": 2}", "version"),
        ("{\"version\": 1, \"agents\": []}", "agents"),
        ("{\"version\": 1, \"agents\": {\"main\": \"deny\"}}", "agents"),
        ("{\"version\": 1, \"agents\": {\"*\": \"deny\"}}", "agents"),
        ("{\"version\": 1, \"agents\": {\"main\": {\"allowlist\": {}}}}", "allowlist"),
        ("{\"version\": 1, \"defaults\": \"deny\"}", "defaults"),
        ("{\"version\": 1, \"agents\": {\"a\": {}, \"A\": {}}}", "case"),
        ("{", "JSON"),
    ] {
        let err = import(text, &|_| None).unwrap_err().to_string();
        assert!(err.contains(why), "{text}: {err}");
    }
}
