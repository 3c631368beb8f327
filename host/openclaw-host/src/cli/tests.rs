use claw_core::id::SessionKey;
use expect_test::expect;
use serde_json::{Value, json};

use super::card::{Answer, Surface, Waiting};
use super::*;
use crate::client::fake::{FakeGateway, Reply};

fn parse(line: &str) -> Result<Args, clap::Error> {
    Args::try_parse_from(std::iter::once("openclaw-host").chain(line.split_whitespace()))
}

fn key() -> SessionKey {
    sessions::parse_key("main").unwrap()
}

fn said(text: &str) -> agent::Said {
    agent::Said::read(text.to_owned(), &[]).unwrap()
}

fn quiet() -> Output {
    Output::new(Format::Json, &Env::default())
}

/// Hands what a host in this folder needs to `serve`.
///
/// # Errors
/// What `serve` says.
pub fn serving(folder: &Path, serve: Serve) -> Result<Exit, Failure> {
    let told = run::Told { flags: Flags { port: Some(0), bind: None }, ..run::Told::default() };
    run::run(folder, told, &quiet(), &Env::default(), serve)
}

/// A waiting call as the gateway lists it.
fn waiting(id: &str) -> Value {
    json!({
        "id": id,
        "approvalKind": "exec",
        "request": {
            "command": "git push",
            "commandArgv": ["git", "push"],
            "cwd": "/home/o/workspace",
            "sessionKey": "agent:main:main",
            "component": "exec",
            "digest": "d1",
            "card": { "action": "exec.run", "title": "`exec` wants to run a program", "lines": [["argv[0]", "git"], ["argv[1]", "pu\u{1b}sh"]] },
        },
        "createdAtMs": 1_767_225_599_000_u64,
        "expiresAtMs": 1_767_226_199_000_u64,
    })
}

const ID: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

#[test]
fn the_command_line_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn every_command_is_understood_with_global_flags_before_and_after() {
    for line in [
        "run --port 0 --bind ::1",
        "chat --session agent:main:x",
        "agent -m hello --session s --timeout 5",
        "tool list",
        "tool call read_file {}",
        "component list",
        "component inspect files",
        "approvals list",
        "approvals resolve 0a1b once",
        "approvals resolve 0a1b deny",
        "audit list --since 2h --kind decision --component files --run r1 --session main --limit 5",
        "audit show 12",
        "audit verify",
        "audit export",
        "audit export record.jsonl",
        "sessions list",
        "sessions show main",
        "sessions reset main",
        "sessions undo main",
        "sessions export main out.html --format html --branch 2",
        "sessions prune --keep 100",
        "db check",
        "db compact",
        "db stats",
        "secret set github --for https://api.github.com --for https://*.github.com:8443 --component git",
        "secret list",
        "secret rotate work/github",
        "secret rm github",
        "status",
        "doctor",
        "policy show",
        "policy show no-pushing",
        "policy explain 0a1b2c3d",
        "policy explain --component exec --action exec.run --resource ls --context person_present=false",
        "policy test mine.table --with mine.cedar",
        "policy can exec --context agent=work",
        "policy diff cautious home",
        "policy import exec-approvals.json --write",
        "policy import --exec-policy cautious",
        "policy check",
        "policy check mine.cedar other.cedar",
        "policy preset trusting",
        "policy schema",
        "config schema",
        "config check",
        "completions bash",
    ] {
        let args = parse(&format!("--home /h {line} --json")).unwrap();
        assert!(args.json, "{line}");
        assert_eq!(args.home.as_deref(), Some(Path::new("/h")), "{line}");
    }
}

#[test]
fn what_is_not_understood_ends_with_2() {
    for line in [
        "",
        "fly",
        "run --port 70000",
        "run --bind localhost",
        "agent",
        "agent -m x --timeout 0",
        "approvals resolve 0a1b ever",
        "approvals resolve 0a1b always --for ever",
        "component grants web --uses 3",
        "audit list --since yesterday",
        "audit list --kind nonsense",
        "audit list --limit 0",
        "audit show x",
        "secret set github",
        "secret set github --for api.github.com",
        "secret set github --for https://api.github.com --component NO",
    ] {
        let err = parse(line).unwrap_err();
        assert_eq!(err.exit_code(), Exit::Usage.code(), "{line}");
    }
}

#[test]
fn the_help_lists_the_exit_codes() {
    let help = Args::command().render_help().to_string();
    for exit in [Exit::Ok, Exit::Failed, Exit::Usage, Exit::Config, Exit::Unreachable, Exit::Temporary, Exit::Refused] {
        assert!(help.contains(&format!("\n  {:<4}", exit.code())), "{exit:?} in {help}");
    }
}

#[tokio::test]
async fn without_a_host_the_code_is_69_and_the_hint_starts_one() {
    let folder = tempfile::tempdir().unwrap();
    let failure = answer_as_client(Command::Status, folder.path(), quiet()).await.unwrap_err();
    assert_eq!(failure.exit().code(), 69);
    assert_eq!(
        failure.to_text(),
        format!("error: no host runs in home `{}`\nhint: start it with `openclaw-host run`\n", folder.path().display())
    );
}

#[test]
fn a_bad_configuration_ends_with_64_before_anything_is_made() {
    // The place where `run` would hand over must not be reached.
    fn serve(_: Start) -> Result<(), Failure> {
        panic!("the host was started")
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json5"), "{ sandbox: { wals: 1 } }").unwrap();
    let failure = run::run(folder.path(), run::Told::default(), &quiet(), &Env::default(), serve).unwrap_err();
    assert_eq!(failure.exit().code(), 64);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    // SE-01
    let home = tempfile::tempdir().unwrap();
    let env = Env::default();
    for line in [
        "secret set github sk-canary --for https://api.github.com",
        "secret set github --for https://api.github.com sk-canary",
        "secret rotate github sk-canary more",
    ] {
        let Command::Secret(command) = parse(line).unwrap().command else { panic!("{line}") };
        let failure = in_runtime(secret::secret(command, home.path(), &quiet(), &env)).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        let text = failure.to_text();
        assert!(text.contains("does not belong on the command line") && !text.contains("canary"), "{text}");
    }
    // Nor is one that stands where a name should.
    for line in ["secret set Canary! --for https://a.example", "secret rotate Canary!", "secret rm Canary!"] {
        let Command::Secret(command) = parse(line).unwrap().command else { panic!("{line}") };
        let failure = in_runtime(secret::secret(command, home.path(), &quiet(), &env)).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(!failure.to_text().contains("Canary"), "{}", failure.to_text());
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn an_error_is_told_with_its_causes_and_what_to_do() {
    let cause = std::io::Error::other("disk on fire\u{1b}");
    let err = crate::home::HomeError::Io { action: "create", path: "/h/logs".into(), err: cause };
    expect![[r#"
        error: cannot create `/h/logs`
          because: disk on fire\u{1b}
        hint: check the folder `/h` and who owns it
    "#]]
    .assert_eq(&Failure::from(err).to_text());
}

#[test]
fn a_card_is_shown_whole_and_harmless() {
    // AP-12
    expect![[r#"
        [openclaw-host] approval needed: `exec` wants to run a program
          argv[0]  git
          argv[1]  pu\u{1b}sh
          Expires  2026-01-01T00:09:59.000Z
          Id       0a1b2c3d4e5f60718293a4b5c6d7e8f9
          answer: `openclaw-host approvals resolve 0a1b2c3d once`, `openclaw-host approvals resolve 0a1b2c3d deny` or `openclaw-host approvals resolve 0a1b2c3d pause`
    "#]]
    .assert_eq(&Waiting::read(&waiting(ID)).to_text(Surface::Shell));
}

#[test]
fn an_approval_as_json_has_what_a_program_decides_on() {
    expect![[r#"
        {
          "id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
          "component": "exec",
          "action": "exec.run",
          "call": {
            "command": "git push",
            "digest": "d1",
            "cwd": "/home/o/workspace",
            "sessionKey": "agent:main:main",
            "component": "exec",
            "argv": [
              "git",
              "push"
            ]
          },
          "card": {
            "action": "exec.run",
            "title": "`exec` wants to run a program",
            "lines": [
              [
                "argv[0]",
                "git"
              ],
              [
                "argv[1]",
                "pu\u001bsh"
              ]
            ]
          },
          "digest": "d1",
          "sessionKey": "agent:main:main",
          "createdAt": "2025-12-31T23:59:59.000Z",
          "createdAtMs": 1767225599000,
          "expiresAt": "2026-01-01T00:09:59.000Z",
          "expiresAtMs": 1767226199000
        }"#]]
    .assert_eq(&format!("{:#}", Waiting::read(&waiting(ID)).to_json()));
}

#[test]
fn an_id_prefix_names_one_approval_or_none() {
    // AP-10
    let other = ID.replace("2c3d", "ffff");
    let both = || vec![Waiting::read(&waiting(ID)), Waiting::read(&waiting(&other))];
    assert_eq!(card::find(both(), "0A1B2").unwrap().id, ID);
    let message = |prefix: &str| card::find(both(), prefix).unwrap_err().to_text();
    assert!(message("0a1b").starts_with(&format!("error: `0a1b` names several approvals: `{ID}`, `{other}`")));
    assert!(message("ffff").starts_with("error: no approval with id `ffff` is waiting"));
    for none in ["", "0a1", "yes", "once", "0a1b%"] {
        assert!(message(none).starts_with(&format!("error: `{none}` is no approval id")), "{none}");
    }
}

#[tokio::test]
async fn an_answer_names_the_whole_id() {
    let gateway = FakeGateway::start(|method, _| {
        vec![Reply::Ok(if method == "exec.approval.list" { json!([waiting(ID)]) } else { json!({ "ok": true }) })]
    })
    .await;
    let resolve = ApprovalsCommand::Resolve { id: "0a1b".to_owned(), answer: Answer::Once, always: Default::default() };
    let exit = answer_as_client(Command::Approvals(resolve), gateway.home.path(), quiet()).await.unwrap();
    assert_eq!(exit, Exit::Ok);
    assert_eq!(
        gateway.requests().pop().unwrap(),
        ("exec.approval.resolve".to_owned(), json!({ "id": ID, "decision": "allow-once" }))
    );
}

#[tokio::test]
async fn one_message_gets_its_final_answer() {
    let gateway = FakeGateway::start(|_, _| {
        let result = json!({ "payloads": [{ "text": "noon" }], "meta": { "durationMs": 1 } });
        vec![
            Reply::Ok(json!({ "runId": "r", "status": "accepted" })),
            Reply::Event("exec.approval.requested", waiting(ID)),
            Reply::Ok(json!({ "runId": "r", "status": "ok", "summary": "completed", "result": result })),
        ]
    })
    .await;
    let exit = agent::agent(gateway.home.path(), &key(), &said("what time is it?"), 60, &quiet()).await.unwrap();
    assert_eq!(exit, Exit::Ok);
    let (method, params) = gateway.requests().pop().unwrap();
    assert_eq!(
        (method.as_str(), &params["sessionKey"], &params["agentId"]),
        ("agent", &json!("agent:main:main"), &json!("main"))
    );
}

#[tokio::test]
async fn a_run_without_an_answer_ends_with_1() {
    let gateway =
        FakeGateway::start(|_, _| vec![Reply::Ended(json!({ "status": "error", "summary": "no credit" }))]).await;
    let failure = agent::agent(gateway.home.path(), &key(), &said("hello"), 60, &quiet()).await.unwrap_err();
    assert_eq!(failure.to_text(), "error: the run ended with `error`: no credit\n");
    assert_eq!(failure.exit().code(), 1);
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_stopped() {
    let gateway = FakeGateway::start(|method, _| match method {
        "agent" => vec![Reply::Ok(json!({ "status": "accepted" }))],
        _ => vec![Reply::Ok(json!({ "ok": true, "aborted": true }))],
    })
    .await;
    let failure = agent::agent(gateway.home.path(), &key(), &said("hello"), 0, &quiet()).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Failed);
    let requests = gateway.requests();
    let run = &requests[1].1["idempotencyKey"];
    assert_eq!(requests[2], ("chat.abort".to_owned(), json!({ "sessionKey": "agent:main:main", "runId": run })));
}

#[tokio::test]
async fn a_denied_tool_call_ends_with_77_and_a_failed_one_with_1() {
    for (code, exit) in [("E_POLICY_DENY", 77), ("E_APPR_EXPIRED", 77), ("E_NOT_FOUND", 1)] {
        let gateway = FakeGateway::start(move |_, _| {
            vec![Reply::Ok(json!({ "ok": false, "toolName": "t", "error": { "code": code, "message": "no" } }))]
        })
        .await;
        let mut client = Client::connect(gateway.home.path()).await.unwrap();
        let failure = tool::call(&mut client, "t", json!({}), &key(), &quiet()).await.unwrap_err();
        assert_eq!(failure.exit().code(), exit, "{code}");
    }
}

#[test]
fn tool_arguments_are_a_json_object() {
    assert_eq!(tool::parse_arguments("{\"a\": 1}").unwrap(), json!({ "a": 1 }));
    assert_eq!(tool::parse_arguments("[]").unwrap_err().exit(), Exit::Usage);
    assert_eq!(tool::parse_arguments("{a}").unwrap_err().exit(), Exit::Usage);
}

#[tokio::test]
async fn every_list_is_answered_by_its_method() {
    let gateway = FakeGateway::start(|_, _| vec![Reply::Ok(json!({}))]).await;
    let typed = |line: &str| parse(line).unwrap().command;
    let cases = [
        (Command::Tool(ToolCommand::List), "tools.catalog"),
        (Command::Component(ComponentCommand::List), "components.list"),
        (Command::Component(ComponentCommand::Inspect { name: "files".to_owned() }), "components.inspect"),
        (Command::Approvals(ApprovalsCommand::List), "exec.approval.list"),
        (typed("sessions list --search x"), "sessions.list"),
        (typed("sessions show main --branch 1"), "chat.history"),
        (typed("sessions search words"), "sessions.search"),
        (typed("sessions label main taxes"), "sessions.patch"),
        (typed("sessions branches main"), "sessions.branches.list"),
        (typed("sessions switch main 2"), "sessions.branches.switch"),
        (typed("sessions fork main other --after 3"), "sessions.fork"),
        (typed("sessions rewind main --turns 1"), "sessions.rewind"),
        (typed("sessions reset main"), "sessions.reset"),
        (typed("sessions delete main"), "sessions.delete"),
        (typed("sessions prune --older-than 30 --dry-run"), "sessions.cleanup"),
        (Command::Status, "status"),
    ];
    for (command, method) in cases {
        assert_eq!(answer_as_client(command, gateway.home.path(), quiet()).await.unwrap(), Exit::Ok, "{method}");
        assert_eq!(gateway.requests().pop().unwrap().0, method);
    }
}

#[test]
fn tables_and_outlines_are_aligned_and_harmless() {
    let rows = [["files".to_owned(), "1\u{1b}".to_owned()], ["a-long-name".to_owned(), String::new()]];
    expect![[r#"
        NAME         VERSION
        files        1\u{1b}
        a-long-name
    "#]]
    .assert_eq(&output::table(["NAME", "VERSION"], &rows));
    let value = json!({ "name": "files", "tools": ["a", "b"], "grants": [], "limits": { "n": 1 }, "none": null });
    expect![[r#"
        name: files
        tools:
          - a
          - b
        grants: (none)
        limits:
          n: 1
    "#]]
    .assert_eq(&output::outline(&value));
}

#[tokio::test]
async fn only_what_may_work_later_ends_with_75() {
    for (details, exit) in [(Value::Null, 75), (json!({ "errorKind": "auth" }), 1)] {
        let details_sent = details.clone();
        let gateway =
            FakeGateway::start(move |_, _| vec![Reply::Failure { code: "UNAVAILABLE", details: details_sent.clone() }])
                .await;
        let failure = answer_as_client(Command::Status, gateway.home.path(), quiet()).await.unwrap_err();
        assert_eq!(failure.exit().code(), exit, "{details}");
    }
}
