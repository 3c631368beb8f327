//! What the owner asks about policies, answered by the real program.

use serde_json::{Value, json};

use crate::host::Home;

const NO_LISTING: &str = "// Not even a look.\n@id(\"no-listing\")\nforbid (principal, action == Action::\"exec.run\", resource)\n\
                          when { resource.name == \"ls\" };\n";

/// A home with a workspace and a policy of the owner's.
fn home(config: &str, policies: &str) -> Home {
    let home = Home::new().config(config).file("AGENTS.md", "Be kind.\n");
    std::fs::create_dir(home.path().join("policies")).unwrap();
    std::fs::write(home.path().join("policies/mine.cedar"), policies).unwrap();
    home
}

fn ask(component: &str, action: &str, resource: &str, more: &[&str]) -> Vec<String> {
    let words = ["policy", "explain", "--component", component, "--action", action, "--resource", resource];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn explained(home: &Home, words: &[String]) -> Value {
    home.json(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Exit code, standard output and standard error.
fn run(home: &Home, words: &[&str]) -> (Option<i32>, String, String) {
    let output = home.run(words);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn policies_are_listed_with_their_places_and_printed() {
    let home = home("{}", NO_LISTING);
    let shown = home.json(&["policy", "show"]);
    let last = shown["policies"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last, json!({"id": "no-listing", "effect": "forbid", "file": "mine.cedar", "line": 2}));
    let (code, text, _) = run(&home, &["policy", "show", "no-listing"]);
    assert_eq!((code, text), (Some(0), format!("// mine.cedar, line 2\n{NO_LISTING}")));
    let (code, _, said) = run(&home, &["policy", "show", "no-listin"]);
    assert!(code == Some(1) && said.contains("did you mean `no-listing`?"), "{said}");
}

// CG-14
#[tokio::test]
async fn an_explanation_says_what_the_host_does_and_who_can_change_it() {
    let home = home("{grants: {exec: ['exec ls **']}}", NO_LISTING);
    let words = ask("exec", "exec.run", "ls -l", &[]);
    let at_rest = explained(&home, &words);
    assert_eq!((&at_rest["answer"], &at_rest["code"]), (&json!("deny"), &json!("E_EXEC_DENIED")));
    assert_eq!((&at_rest["declared"], &at_rest["granted"]), (&json!("exec **"), &json!("exec ls **")));
    let by = json!([{"id": "no-listing", "effect": "forbid", "file": "mine.cedar", "line": 2}]);
    assert_eq!((&at_rest["decidedBy"], &at_rest["wouldChange"]), (&by, &json!([{"kind": "policies"}])));

    let running = home.start();
    assert_eq!(explained(&home, &words), at_rest);
    let mut client = running.connect().await;
    let call = json!({"name": "exec", "args": {"argv": ["ls", "-l"]}});
    let outcome = client.call("tools.invoke", call).await.unwrap().to_string();
    assert!(outcome.contains("E_EXEC_DENIED") && outcome.contains(at_rest["reason"].as_str().unwrap()), "{outcome}");

    let (_, text, _) = run(&home, &words.iter().map(String::as_str).collect::<Vec<_>>());
    let place = home.path().join("policies/mine.cedar").display().to_string();
    assert!(text.contains(&format!("{place}:2")) && text.contains("whoever owns this home"), "{text}");
}

#[test]
fn an_explanation_tells_what_would_change_the_answer() {
    let home = home("{}", "");
    let answer = |words: &[String]| {
        let found = explained(&home, words);
        (found["answer"].as_str().unwrap().to_owned(), found["wouldChange"].clone())
    };
    let grant = json!({"kind": "grant", "grant": "exec ls", "answer": "allow"});
    let (asked, change) = answer(&ask("exec", "exec.run", "ls", &[]));
    assert_eq!((asked.as_str(), change), ("ask", json!([{"kind": "approval", "answer": "allow"}, grant])));
    let (denied, change) = answer(&ask("exec", "exec.run", "ls", &["--context", "person_present=false"]));
    assert_eq!((denied.as_str(), change), ("deny", json!([grant, {"kind": "presence", "answer": "ask"}])));
    let (denied, change) = answer(&ask("web", "http.request", "DELETE https://example.org/", &[]));
    assert_eq!((denied.as_str(), &change[0]["kind"]), ("deny", &json!("scope")));
    // The exact command, ready to be copied.
    let (_, text, _) = run(&home, &ask("exec", "exec.run", "ls", &[]).iter().map(String::as_str).collect::<Vec<_>>());
    assert!(text.contains("openclaw-host component grants exec --add 'exec ls'"), "{text}");
    let missing = explained(&home, &ask("exec", "exec.run", "no-such-program", &[]));
    assert!(missing["reason"].as_str().unwrap().contains("was not found"), "{missing}");
}

// CG-14
#[tokio::test]
async fn a_refusal_names_a_decision_that_can_be_explained_later() {
    let no_git = "@id(\"no-git\") forbid (principal, action == Action::\"exec.run\", resource) when { resource.name == \"git\" };";
    let home = home("{}", no_git);
    let running = home.start();
    let mut client = running.connect().await;
    let call = json!({"name": "exec", "args": {"argv": ["git", "status"]}});
    let outcome = client.call("tools.invoke", call).await.unwrap().to_string();
    let number = outcome.split_once("(decision #").expect(&outcome).1.split_once(')').unwrap().0.to_owned();
    let explain = |id: &str| run(&home, &["policy", "explain", id]);
    let (code, text, _) = explain(&format!("#{number}"));
    let place = home.path().join("policies/mine.cedar").display().to_string();
    assert_eq!(code, Some(0));
    for part in
        ["denied (E_EXEC_DENIED)", "exec wanted exec.run", "git status", "`no-git` (forbid)", &format!("{place}:1")]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Later, without a host, and when the policy is gone.
    drop(running);
    std::fs::remove_file(&place).unwrap();
    let (_, text, _) = explain(&number);
    assert!(text.contains("`no-git`, which is not in force any more"), "{text}");
    let (code, _, error) = explain("1");
    assert!(code == Some(1) && error.contains("is no decision but"), "{error}");
}

// CG-04
#[test]
fn words_that_are_no_question_are_refused_with_the_nearest_that_is() {
    let home = home("{}", "");
    for (words, said) in [
        (ask("exec", "exec.rum", "ls", &[]), "did you mean `exec.run`?"),
        (ask("exec", "exec.run", "ls", &["--context", "sesion=main"]), "did you mean `session`?"),
        (ask("exec", "exec.run", "ls", &["--context", "granted=true"]), "`granted` cannot be given"),
    ] {
        let (code, _, error) = run(&home, &words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(code == Some(2) && error.contains(said), "{words:?}: {error}");
    }
    let (code, _, error) = run(&home, &["policy", "explain", "0a1b2c3d"]);
    assert!(code == Some(2) && error.contains("0a1b2c3d"), "{error}");
    std::fs::write(
        home.path().join("policies/mine.cedar"),
        "\npermit (principal, action, resource)\nwhen { context.aproved };",
    )
    .unwrap();
    let (code, _, error) = run(&home, &["policy", "show"]);
    assert!(
        code == Some(64)
            && error.contains("`mine.cedar` does not fit the schema, line 3")
            && error.contains("did you mean `approved`?"),
        "{error}"
    );
}

#[test]
fn a_table_passes_or_names_the_rows_that_differ() {
    let table = "component exec\n\ndeny by no-listing: exec.run ls\nask: exec.run date\n";
    let home = home("{}", NO_LISTING).file("good.table", table).file("bad.table", &table.replace("ask", "allow"));
    let path = |name: &str| home.workspace().join(name).display().to_string();
    let (code, text, _) = run(&home, &["policy", "test", &path("good.table")]);
    assert_eq!((code, text.as_str()), (Some(0), "2 as expected, 0 not\n"));
    let (code, text, _) = run(&home, &["policy", "test", &path("bad.table")]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("bad.table:4: allow: exec.run date") && text.contains("but: ask by `approved-programs`"),
        "{text}"
    );
    let home = home
        .file("typo.table", "component exec\n\nalow: exec.run date\n")
        .file("more.cedar", "forbid (principal, action, resource);");
    let path = |name: &str| home.workspace().join(name).display().to_string();
    let (code, _, said) = run(&home, &["policy", "test", &path("typo.table")]);
    assert!(code == Some(2) && said.contains("line 3") && said.contains("did you mean `allow`?"), "{said}");
    let with = home.json(&["policy", "test", &path("good.table"), "--with", &path("more.cedar")]);
    assert_eq!((&with["ok"], &with["passed"], &with["failed"]), (&json!(false), &json!(0), &json!(2)));
}

#[test]
fn a_component_can_do_what_its_scopes_its_grants_and_the_policies_say() {
    let home = home("{grants: {exec: ['exec date **']}}", NO_LISTING);
    let can = home.json(&["policy", "can", "exec"]);
    let answer = |question: &str| {
        let all = can["can"].as_array().unwrap();
        all.iter().find(|row| row["question"] == question).map(|row| row["answer"].clone()).unwrap_or_default()
    };
    assert_eq!(answer("tool.call exec"), "allow");
    assert_eq!(answer("exec.run date"), "allow");
    assert_eq!(answer("exec.run program"), "ask");
    let (_, text, _) = run(&home, &["policy", "can", "exec", "--context", "person_present=false"]);
    assert!(text.lines().any(|line| line.starts_with("never") && line.contains("exec.run program")), "{text}");
    let (code, _, said) = run(&home, &["policy", "can", "nobody"]);
    assert!(
        code == Some(1) && said.contains("installed are: clock, exec, files, sessions, skill-folder, telegram, web"),
        "{said}"
    );
}

#[test]
fn two_sets_differ_in_policies_and_in_answers() {
    let home = home("{}", NO_LISTING);
    let diff = home.json(&["policy", "diff", "cautious", "home"]);
    assert_eq!(diff["policies"], json!([{"change": "added", "id": "no-listing", "effect": "forbid"}]));
    let folder = home.path().join("policies").display().to_string();
    let same = home.json(&["policy", "diff", "home", &folder]);
    assert_eq!((&same["policies"], &same["answers"]), (&json!([]), &json!([])));
    let wider = home.json(&["policy", "diff", "cautious", "trusting"]);
    let push = json!({"question": "exec.run git push", "a": "ask", "b": "allow"});
    assert!(wider["answers"].as_array().unwrap().contains(&push), "{wider}");
}

#[test]
fn rules_of_openclaw_are_imported_and_hold() {
    let rules = json!({
        "version": 1,
        "socket": {"path": "/run/openclaw.sock", "token": "sup3r-s3cret"},
        "defaults": {"security": "allowlist", "ask": "on-miss", "askFallback": "full"},
        "agents": {"main": {"allowlist": [{"pattern": "/bin/date"}, {"pattern": "/usr/bin/*"}]}},
    });
    let home = home("{}", "").file("exec-approvals.json", &rules.to_string());
    let file = home.workspace().join("exec-approvals.json").display().to_string();
    let (code, cedar, _) = run(&home, &["policy", "import", &file]);
    assert!(code == Some(0) && cedar.contains("// Left out: `agents.main.allowlist /usr/bin/*`"), "{cedar}");
    assert!(!cedar.contains("sup3r"), "{cedar}");
    assert_eq!(explained(&home, &ask("exec", "exec.run", "date", &[]))["answer"], "ask");
    let written = home.json(&["policy", "import", &file, "--write"]);
    assert_eq!(std::fs::read_to_string(written["written"].as_str().unwrap()).unwrap(), cedar);
    assert_eq!(explained(&home, &ask("exec", "exec.run", "date", &[]))["answer"], "allow");
    assert_eq!(explained(&home, &ask("exec", "exec.run", "ls", &[]))["answer"], "ask");
    let (code, _, said) = run(&home, &["policy", "import", &file, "--write"]);
    assert!(code == Some(1) && said.contains("never overwritten"), "{said}");
    let (code, _, said) = run(&home, &["policy", "import", "--exec-policy", "yolo"]);
    assert!(code == Some(1) && said.contains("nothing of it"), "{said}");
}
