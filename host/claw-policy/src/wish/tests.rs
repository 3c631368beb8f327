use claw_core::effect::{AddressClass, SecretPurpose};
use expect_test::{Expect, expect};

use super::{ACTIONS, Asked, Circumstances, Wish, WishError};
use crate::{Access, Action, Folder};

fn parse(action: &str, resource: &str, given: &[&str]) -> Result<Wish, WishError> {
    Wish::parse(action, resource, &Circumstances::parse(given.iter().copied())?)
}

fn assumed(action: &str, resource: &str, given: &[&str]) -> Action {
    match parse(action, resource, given).and_then(Wish::assumed).unwrap() {
        Asked::Action(action) => action,
        Asked::Folder(..) => panic!("a folder"),
    }
}

#[track_caller]
fn refuse(action: &str, resource: &str, given: &[&str], expect: Expect) {
    match parse(action, resource, given).and_then(Wish::assumed) {
        Err(err) => expect.assert_eq(&err.to_string()),
        Ok(asked) => panic!("understood: {asked:?}"),
    }
}

#[test]
fn every_action_can_be_asked_about_and_is_written_as_it_is_read() {
    let words = [
        "tool.call web_fetch",
        "fs.read workspace",
        "fs.write notes",
        r#"exec.run git commit -m "a b" "" *"#,
        "http.request GET https://api.example.com/v1/x?y=1",
        "net.connect wss://chat.example.com/",
        "secret.use github",
        "secret.reveal github",
        "kv.use cache",
        "llm.complete default",
        "message.send session",
        "sessions.read main",
        "sessions.send main",
        "sessions.spawn default",
    ];
    let asked: Vec<_> = words
        .iter()
        .map(|text| {
            let (action, resource) = text.split_once(' ').unwrap();
            let wish = parse(action, resource, &[]).unwrap();
            assert_eq!(wish.to_string(), *text);
            match wish.assumed().unwrap() {
                Asked::Action(found) => assert_eq!(found.name(), action),
                Asked::Folder(_, access) => assert_eq!(access == Access::Read, action == "fs.read"),
            }
            action
        })
        .collect();
    assert_eq!(asked, ACTIONS);
}

#[test]
fn a_program_is_its_arguments_and_what_is_given() {
    let given = ["directory=src", "environment=LANG,CI", "stdin_bytes=3", "background_seconds=60", "terminal=true"];
    let Action::RunProgram(plan) = assumed("exec.run", "git log --oneline", &given) else { panic!("no program") };
    assert_eq!(plan.argv, ["git", "log", "--oneline"]);
    assert_eq!((plan.program.to_str(), plan.cwd.to_str()), (Some("/usr/bin/git"), Some("/workspace/src")));
    assert_eq!(plan.env.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["CI", "LANG"]);
    let background = plan.background.unwrap();
    assert_eq!((plan.stdin.len(), background.ttl_ms, background.terminal.is_some()), (3, 60_000, true));
    let Action::RunProgram(plan) = assumed("exec.run", "/opt/tool", &[]) else { panic!("no program") };
    assert_eq!(plan.program.to_str(), Some("/opt/tool"));
}

#[test]
fn the_kind_of_an_address_is_found_out() {
    for (url, class, port) in [
        ("https://example.org/", AddressClass::Name, 443),
        ("http://localhost:8080", AddressClass::Loopback, 8080),
        ("http://[::1]/", AddressClass::Loopback, 80),
        ("http://10.1.2.3/", AddressClass::Private, 80),
        ("http://169.254.169.254/latest", AddressClass::Metadata, 80),
        ("http://93.184.215.14/", AddressClass::Public, 80),
    ] {
        let Action::SendRequest(plan) = assumed("http.request", &format!("GET {url}"), &["body_bytes=7"]) else {
            panic!("no request")
        };
        assert_eq!((plan.target.address, plan.target.port, plan.body.length()), (class, port, Some(7)), "{url}");
    }
    let Action::OpenConnection(plan) = assumed("net.connect", "tls://mail.example.com:993", &["protocols=a, b"]) else {
        panic!("no connection")
    };
    assert_eq!((plan.target.path_and_query.as_str(), plan.protocols.join("+")), ("", "a+b".to_owned()));
}

#[test]
fn the_run_can_be_told_about() {
    let given = Circumstances::parse(["agent=work", "session=telegram:group:-100", "person_present=false"]).unwrap();
    assert_eq!(given.facts().session.as_str(), "agent:work:telegram:group:-100");
    assert!(!given.facts().person_present);
    assert_eq!(Circumstances::parse(["session=agent:a:b"]).unwrap().facts().session.as_str(), "agent:a:b");
    let wish = parse("secret.use", "github", &["to=https://api.github.com:443"]).unwrap();
    let Wish::Plain(Action::UseSecret(wish)) = wish else { panic!("no secret") };
    assert_eq!(wish.purpose, SecretPurpose::Send("https://api.github.com:443".to_owned()));
    assert_eq!(parse("fs.write", "scratch", &[]), Ok(Wish::Folder(Folder::Scratch, Access::ReadWrite)));
}

// CG-04
#[test]
fn words_that_are_no_question_say_what_could_stand_there() {
    refuse(
        "exec.rum",
        "git",
        &[],
        expect![
            "`exec.rum` is no action (did you mean `exec.run`?); there are tool.call, fs.read, fs.write, exec.run, http.request, net.connect, secret.use, secret.reveal, kv.use, llm.complete, message.send, sessions.read, sessions.send, sessions.spawn"
        ],
    );
    refuse(
        "exec.run",
        "",
        &[],
        expect!["`` is nothing for `exec.run`: write the program and its arguments, e.g. `git status`"],
    );
    refuse(
        "exec.run",
        "./build",
        &[],
        expect!["`./build` is nothing for `exec.run`: a program is a bare name or an absolute path"],
    );
    refuse(
        "exec.run",
        "ls",
        &["directory=../x"],
        expect!["`../x` is nothing for `exec.run`: a directory is relative to the workspace"],
    );
    refuse("exec.run", r#"git "log"#, &[], expect![[r#"`git "log` is nothing for `exec.run`: a quote is not closed"#]]);
    refuse(
        "http.request",
        "https://example.org/",
        &[],
        expect!["`https://example.org/` is nothing for `http.request`: write `GET https://…`"],
    );
    refuse(
        "http.request",
        "GET ftp://example.org/",
        &[],
        expect!["`ftp://example.org/` is nothing for `http.request`: write a URL with http://, https://"],
    );
    refuse(
        "http.request",
        "GET https://*.example.org/",
        &[],
        expect!["`https://*.example.org/` is nothing for `http.request`: name one server, without `*`"],
    );
    refuse(
        "fs.read",
        "/etc",
        &[],
        expect!["`/etc` is nothing for `fs.read`: write `workspace`, `scratch` or a folder of the settings"],
    );
    refuse(
        "exec.run",
        "ls",
        &["stdin_byte=1"],
        expect![
            "`stdin_byte` is no fact for `exec.run` (did you mean `stdin_bytes`?); there are session, agent, origin, person_present, tainted, private, time, directory, environment, stdin_bytes, background_seconds, terminal"
        ],
    );
    refuse(
        "kv.use",
        "cache",
        &["to=x"],
        expect![
            "`to` is no fact for `kv.use` (did you mean `time`?); there are session, agent, origin, person_present, tainted, private, time"
        ],
    );
    refuse(
        "exec.run",
        "ls",
        &["granted=true"],
        expect!["`granted` cannot be given: it follows from the component's grants"],
    );
    refuse(
        "exec.run",
        "ls",
        &["person_present=maybe"],
        expect!["`person_present=maybe` makes no sense: write `true` or `false`"],
    );
    refuse(
        "exec.run",
        "ls",
        &["stdin_bytes=99999999999"],
        expect!["`stdin_bytes=99999999999` makes no sense: at most 67108864 are possible"],
    );
}
