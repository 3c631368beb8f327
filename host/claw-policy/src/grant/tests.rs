use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Access, ExecGrant, Folder, FsGrant, Grant, Grants, HttpGrant};
use crate::fixture::{action, plan, request};
use crate::{Action, Grants as PublicGrants};

#[track_caller]
fn check(text: &str, expect: Expect) {
    let shown = match Grant::parse(text) {
        Ok(grant) => grant.to_string(),
        Err(err) => format!("error: {err}"),
    };
    expect.assert_eq(&shown);
}

fn covers(grant: &str, wanted: &str) -> bool {
    PublicGrants::parse([grant]).unwrap().covers(&action(wanted))
}

fn names(grant: &str, wanted: &str) -> bool {
    PublicGrants::parse([grant]).unwrap().iter().any(|grant| grant.names(&action(wanted)))
}

#[test]
fn every_form_reads_and_writes_back() {
    check("fs workspace read", expect!["fs workspace read"]);
    check("fs workspace read-write", expect!["fs workspace read-write"]);
    check("http https://api.example.com GET,POST", expect!["http https://api.example.com GET,POST"]);
    check("http http://127.0.0.1:8080 GET", expect!["http http://127.0.0.1:8080 GET"]);
    check("http https://[::1]:8443 GET", expect!["http https://[::1]:8443 GET"]);
    check("http https://*.example.com GET", expect!["http https://*.example.com GET"]);
    check("http * GET,HEAD", expect!["http * GET,HEAD"]);
    check("exec git status **", expect!["exec git status **"]);
    check("exec **", expect!["exec **"]);
    check("exec tar * \"a b\" \"*\" \"\"", expect![[r#"exec tar * "a b" "*" """#]]);
}

#[test]
fn a_grant_of_conversations_covers_its_own_part_of_them() {
    let wanted = ["read agent:main:subagent:1", "read other", "send agent:main:subagent:1", "send other", "spawn look"];
    let covered = |grant: &str| wanted.map(|wanted| u8::from(covers(grant, wanted)));
    assert_eq!(covered("sessions own"), [1, 0, 0, 0, 0]);
    assert_eq!(covered("sessions read"), [1, 1, 0, 0, 0]);
    assert_eq!(covered("sessions send"), [0, 0, 1, 1, 0]);
    assert_eq!(covered("sessions spawn"), [1, 0, 1, 0, 1]);
    assert_eq!(covered("sessions read-write"), [1; 5]);
    assert_eq!(covered("message session"), [0; 5]);
    check("sessions spawn", expect!["sessions spawn"]);
    check(
        "sessions",
        expect![
            "error: `sessions` is not a grant: write `sessions own`, `sessions read`, `sessions send`, `sessions spawn` or `sessions read-write`"
        ],
    );
}

#[test]
fn spellings_of_one_grant_become_one() {
    check("http https://API.Example.com:443 POST,GET,GET", expect!["http https://api.example.com GET,POST"]);
    check("http http://[0:0:0:0:0:0:0:1] GET", expect!["http http://[::1] GET"]);
    check("  exec   \"git\"  status ", expect!["exec git status"]);
}

#[test]
fn patterns_that_are_too_wide_are_refused_with_their_text() {
    // NET-05
    check(
        "http https://*.test GET",
        expect![
            "error: `*.test` cannot be granted for HTTP: a wildcard needs a domain of at least two labels, e.g. `*.example.com`"
        ],
    );
    for (host, quoted) in [
        ("*", "`*`"),
        ("*.com", "`*.com`"),
        ("ex*ample.test", "`ex*ample.test`"),
        ("**.example.test", "`**.example.test`"),
        ("*.*.example.test", "`*.*.example.test`"),
        ("www.*.test", "`www.*.test`"),
        ("*.10.0.0.1", "`*.10.0.0.1`"),
    ] {
        let err = Grant::parse(&format!("http https://{host} GET")).unwrap_err().to_string();
        assert!(err.contains(quoted), "{err}");
    }
}

#[test]
fn what_is_not_a_server_is_refused() {
    for pattern in [
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://user@api.example.com",
        "https://user:word@api.example.com",
        "https://api.example.com/",
        "https://api.example.com/v1",
        "https://api.example.com?x",
        "https://api.example.com#x",
        "https://api.example.com\\x",
        "https://api.example.com:0",
        "https://api.example.com:0443",
        "https://api.example.com:65536",
        "https://api.example.com:443junk",
        "https://api.example.com:",
        "https://.example.com",
        "https://api..example.com",
        "https://api.example.com.",
        "https://127.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://0177.0.0.1",
        "https://[::1",
        "https://[::g]",
        "https://[127.0.0.1]",
        "https://ex\u{430}mple.test",
        "https://b\u{fc}cher.test",
    ] {
        assert!(HttpGrant::new(pattern, ["GET"], []).is_err(), "{pattern}");
    }
    check(
        "http https://b\u{fc}cher.test GET",
        expect![[
            r#"error: `b\u{fc}cher.test` cannot be granted for HTTP: write an international name in its ASCII form (`xn--…`)"#
        ]],
    );
}

#[test]
fn a_grant_without_its_parts_says_what_is_missing() {
    check(
        "",
        expect![
            "error: `` is not a grant: it must start with one of `fs`, `http`, `net`, `exec`, `secret`, `kv`, `llm`, `message`, `memory`, `schedule`, `sessions`"
        ],
    );
    check(
        "net https://x.test GET",
        expect![
            "error: `https://x.test GET` cannot be granted for connections: write `SCHEME://host[:port]` with `ws`, `wss`, `tcp` or `tls`"
        ],
    );
    check("fs home read", expect!["fs home read"]);
    check(
        "fs workspace write",
        expect![
            "error: `workspace write` is not a file grant: write `fs FOLDER read` or `fs FOLDER read-write`, with `workspace`, `scratch` or a folder that the configuration names"
        ],
    );
    check(
        "http https://x.test",
        expect![
            "error: `https://x.test` cannot be granted for HTTP: name the methods after the server, e.g. `GET,POST`"
        ],
    );
    check(
        "http https://x.test get",
        expect!["error: `get` cannot be granted for HTTP: methods are upper-case words joined by `,`"],
    );
    check(
        "exec",
        expect![
            "error: `` cannot be granted as a program: name the program and its arguments, e.g. `exec git status **`"
        ],
    );
    check("exec \"\" x", expect!["error: `` cannot be granted as a program: a program has a name"]);
    check("exec git ** x", expect!["error: `**` cannot be granted as a program: it can only be the last element"]);
    check(
        "exec ls *.rs",
        expect![
            "error: `*.rs` cannot be granted as a program: `*` stands for one whole argument; to mean the character, put the argument in quotes"
        ],
    );
    check("exec echo \"a", expect![[r#"error: `"a` cannot be granted as a program: the quote is not closed"#]]);
    check(
        "exec echo \"a\"b",
        expect![[r#"error: `"a"b` cannot be granted as a program: a space must follow the closing quote"#]],
    );
}

#[test]
fn a_server_is_granted_with_its_scheme_port_and_methods() {
    // NET-02, NET-17
    let grant = "http https://example.test GET";
    assert!(covers(grant, "http GET https://example.test/a?b"));
    for other in [
        "http POST https://example.test/",
        "http GET http://example.test/",
        "http GET http://example.test:443/",
        "http GET https://example.test:8443/",
        "http GET https://other.test/",
        "http GET https://sub.example.test/",
    ] {
        assert!(!covers(grant, other), "{other}");
    }
}

#[test]
fn a_lookalike_host_is_another_host() {
    // NET-03
    for host in ["example.test.evil.test", "notexample.test", "evil.test", "xn--exmple-4nf.test", "example.tes"] {
        let wanted = format!("http GET https://{host}/example.test?x=example.test");
        assert!(!covers("http https://example.test GET", &wanted), "{host}");
    }
}

#[test]
fn a_wildcard_stands_for_exactly_one_label() {
    // NET-05
    let grant = "http https://*.example.test GET";
    assert!(covers(grant, "http GET https://api.example.test/"));
    assert!(!covers(grant, "http GET https://example.test/"));
    assert!(!covers(grant, "http GET https://a.b.example.test/"));
    assert!(!covers(grant, "http GET https://apiexample.test/"));
}

#[test]
fn only_a_grant_with_a_name_in_it_counts_as_a_grant() {
    assert!(covers("http * GET", "http GET https://example.test/"));
    assert!(!names("http * GET", "http GET https://example.test/"));
    assert!(covers("exec **", "exec git status"));
    assert!(!names("exec **", "exec git status"));
    assert!(!names("exec * status", "exec git status"));
    assert!(names("exec git **", "exec git status"));
}

#[test]
fn an_inward_address_is_named_only_by_itself() {
    // NET-15
    assert!(names("http http://127.0.0.1:8080 GET", "http GET http://127.0.0.1:8080/"));
    assert!(names("http http://[::1] GET", "http GET http://[::1]/"));
    assert!(names("http http://localhost GET", "http GET http://localhost/"));
    assert!(names("http http://169.254.169.254 GET", "http GET http://169.254.169.254/"));
    let metadata = "http GET http://metadata.google.internal/";
    assert!(covers("http http://*.google.internal GET", metadata));
    assert!(!names("http http://*.google.internal GET", metadata));
    assert!(!names("http http://metadata.google.internal GET", metadata));
}

#[test]
fn a_program_is_what_was_typed_and_what_it_leads_to() {
    // EX-48
    let with_program = |typed: &str, program: &str| {
        let mut plan = plan(&["git", "status"]);
        plan.argv[0] = typed.to_owned();
        plan.program = program.into();
        Action::RunProgram(plan)
    };
    let by_name = PublicGrants::parse(["exec git **"]).unwrap();
    assert!(by_name.covers(&with_program("git", "/usr/bin/git")));
    for (typed, program) in [
        ("./git", "/home/owner/ws/git"),
        ("/tmp/git", "/tmp/git"),
        ("GIT", "/usr/bin/git"),
        ("git ", "/usr/bin/git"),
        ("g\u{456}t", "/usr/bin/git"),
        ("/usr/bin/../bin/git", "/usr/bin/git"),
        ("git", "/usr/bin/busybox"),
    ] {
        assert!(!by_name.covers(&with_program(typed, program)), "{typed} {program}");
    }
    let by_path = PublicGrants::parse(["exec /usr/bin/git **"]).unwrap();
    assert!(by_path.covers(&with_program("/usr/bin/git", "/usr/bin/git")));
    assert!(!by_path.covers(&with_program("git", "/usr/bin/git")));
    assert!(!by_path.covers(&with_program("/usr/bin/git", "/usr/bin/busybox")));
}

#[test]
fn arguments_match_one_by_one() {
    assert!(covers("exec git status", "exec git status"));
    assert!(!covers("exec git status", "exec git status -s"));
    assert!(!covers("exec git status", "exec git"));
    assert!(covers("exec git log *", "exec git log x"));
    assert!(!covers("exec git log *", "exec git log"));
    assert!(!covers("exec git log *", "exec git log x y"));
    assert!(covers("exec git log **", "exec git log"));
    assert!(covers("exec git log **", "exec git log x y"));
    assert!(!covers("exec git log **", "exec git push"));
    assert!(!covers("exec echo \"*\"", "exec echo x"));
    assert!(covers("exec echo \"*\"", "exec echo *"));
}

#[test]
fn a_star_is_an_operand_and_never_an_option() {
    // EX-06
    for argument in ["-rf", "--output=x", "-", "--"] {
        assert!(!covers("exec git log *", &format!("exec git log {argument}")), "{argument}");
        assert!(!covers("exec git log * **", &format!("exec git log {argument} x")), "{argument}");
        assert!(covers("exec git log -- *", &format!("exec git log -- {argument}")), "{argument}");
        assert!(covers("exec git log **", &format!("exec git log {argument}")), "{argument}");
    }
    assert!(covers("exec git log *", "exec git log @file"));
}

#[test]
fn a_wrapper_around_a_granted_program_is_another_program() {
    // EX-07
    for wrapper in ["env", "nice", "nohup", "timeout", "stdbuf", "setsid", "xargs", "sudo", "busybox", "sh"] {
        assert!(!covers("exec ls **", &format!("exec {wrapper} ls")), "{wrapper}");
    }
}

#[test]
fn a_manifest_list_means_the_same_as_the_text() {
    let grant = ExecGrant::new(["git", "log", "*", "**"]).unwrap();
    assert_eq!(Grant::Exec(grant), Grant::parse("exec git log * **").unwrap());
    assert!(ExecGrant::new(["ls", "*.rs"]).is_err());
    assert!(ExecGrant::new([]).is_err());
}

#[test]
fn calling_a_tool_needs_no_grant_and_nothing_else_is_free() {
    let none = Grants::none();
    assert!(none.covers(&action("tool read {}")));
    assert!(!none.covers(&action("exec ls")));
    assert!(!none.covers(&action("http GET https://example.test/")));
}

#[test]
fn the_widest_access_to_a_folder_counts() {
    let grants = Grants::parse(["fs workspace read", "fs workspace read-write", "fs workspace read"]).unwrap();
    assert_eq!(grants.folders(), [(Folder::Workspace, Access::ReadWrite)]);
    assert_eq!(Grants::none().folders(), []);
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let fs = prop_oneof![Just(Access::Read), Just(Access::ReadWrite)]
        .prop_map(|access| Grant::Fs(FsGrant { folder: Folder::Workspace, access }));
    let host = prop_oneof![
        "([a-z0-9_-]{1,8}\\.){0,3}[a-z][a-z0-9-]{0,6}",
        "\\*\\.[a-z]{1,8}\\.[a-z]{2,4}",
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
    ];
    let methods = proptest::collection::vec("[A-Z][A-Z-]{0,6}", 1..4);
    let http = ("https?", host, 1..=u16::MAX, methods).prop_map(|(scheme, host, port, methods)| {
        let pattern = format!("{scheme}://{host}:{port}");
        Grant::Http(HttpGrant::new(&pattern, methods.iter().map(String::as_str), []).unwrap())
    });
    let argument = prop_oneof![Just("*".to_owned()), any::<String>(), "[a-z \"\\\\-]{0,5}"];
    let exec =
        (proptest::collection::vec(argument, 1..5), any::<bool>()).prop_filter_map("patterns", |(list, rest)| {
            let rest = rest.then_some("**");
            ExecGrant::new(list.iter().map(String::as_str).chain(rest)).ok().map(Grant::Exec)
        });
    prop_oneof![fs, http, exec]
}

proptest! {
    #[test]
    fn a_grant_survives_its_text_form(grant in any_grant()) {
        prop_assert_eq!(Grant::parse(&grant.to_string()).unwrap(), grant);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(fs|http|exec)? ?.{0,40}") {
        let _ = Grant::parse(&text);
    }

    #[test]
    fn a_host_that_is_not_the_granted_one_never_matches(
        host in "([a-z-]{0,4}\\.){0,3}(api)?\\.?exa?mple\\.(test|com)(\\.[a-z]{1,4}){0,2}",
    ) {
        let plan = Action::SendRequest(request("GET", &format!("https://{host}/")));
        let exact = Grants::parse(["http https://api.example.test GET"]).unwrap();
        prop_assert_eq!(exact.covers(&plan), host == "api.example.test");
        let wildcard = Grants::parse(["http https://*.example.test GET"]).unwrap();
        let labels: Vec<&str> = host.split('.').collect();
        let one_label = matches!(labels.as_slice(), [label, "example", "test"] if !label.is_empty());
        prop_assert_eq!(wildcard.covers(&plan), one_label);
    }

    #[test]
    fn the_narrowest_grant_of_a_command_covers_only_it(a in "[a-z*\" ]{0,4}", b in "[a-z*\" ]{0,4}") {
        let (first, second) = (plan(&["git", &a]), plan(&["git", &b]));
        let grants: Grants = Grant::narrowest(&Action::RunProgram(first)).into_iter().collect();
        let action = Action::RunProgram(second);
        prop_assert_eq!(grants.iter().any(|grant| grant.names(&action)), a == b);
    }
}
