use claw_core::approval::{Approval, ApprovalState, Card};
use claw_core::id::{ApprovalId, CallId, Timestamp};
use claw_core::label::Labels;
use expect_test::{Expect, expect};

use super::HEADER_BYTES;
use super::{card, render_markdown};
use crate::fixture::{action, facts, plan, request, subject};
use crate::{Action, Facts, Trust};

fn approval(card: Card) -> Approval {
    let subject = subject(&[], &[]);
    let facts = facts();
    Approval {
        id: ApprovalId::from_random(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        session: facts.session,
        run: facts.run,
        call: CallId::parse("call-1").unwrap(),
        component: subject.component,
        build: subject.digest,
        digest: subject.digest,
        card,
        argv: Vec::new(),
        cwd: None,
        choices: Vec::new(),
        created: Timestamp(0),
        expires: Timestamp(1_767_225_599_999),
        state: ApprovalState::Pending,
    }
}

#[track_caller]
fn check(action: &Action, expect: Expect) {
    let card = card(&subject(&[], &[]), &facts(), action);
    expect.assert_eq(&render_markdown(&[approval(card)]));
}

#[test]
fn a_program_is_shown_argument_by_argument() {
    let mut plan = plan(&["git", "commit", "-m", "two\nlines", ""]);
    plan.env = vec![("LANG".to_owned(), "C".to_owned())];
    plan.stdin = b"hello".to_vec();
    check(
        &Action::RunProgram(plan),
        expect![[r#"
            [openclaw-host] `probe` (shipped) wants to run a program

            ```text
            Component: probe by openclaw, sha256 abababababab
            Started by: owner in agent:main:main
            Action: exec.run
            argv[0]: git
            argv[1]: commit
            argv[2]: -m
            argv[3]: two\nlines
            argv[4]: ""
            Program: /usr/bin/git, sha256 cdcdcdcdcdcd
            Directory: /home/owner/ws
            Environment addition: LANG=C
            Standard input: 5 bytes, sha256 2cf24dba5fb0
            May change: /home/owner/ws
            Network: none
            Expires 2025-12-31T23:59:59.999Z · id 01234567 · sha256 abababababab
            ```

            `/approve 01234567 once` · `/approve 01234567 deny` · `/approve 01234567 pause`"#]],
    );
}

#[test]
fn a_card_says_what_no_grant_would_cover() {
    // EX-04, EX-51
    let cautions = |argv: &[&str]| {
        let mut plan = plan(argv);
        plan.workspace = "/home/owner/ws".into();
        let card = card(&subject(&[], &[]), &facts(), &Action::RunProgram(plan));
        card.lines.into_iter().filter(|(label, _)| label == "Caution").map(|(_, text)| text).collect::<Vec<_>>()
    };
    assert_eq!(cautions(&["git", "status"]), [""; 0]);
    assert_eq!(
        cautions(&["git", "log", "--output=x"]),
        ["argument \"--output=x\" can run code or write files: no grant covers it"]
    );
    assert_eq!(cautions(&["./build"]), ["the program stands in the workspace: the component may have written it"]);
}

#[test]
fn a_request_is_shown_with_its_address_and_its_header_fields() {
    let mut plan = request("POST", "https://api.example.test/v1?q=1");
    let long = "y".repeat(HEADER_BYTES + 1);
    let headers: [(&str, &[u8]); 6] = [
        ("accept", b"x"),
        ("x-note", "send a\t\u{202e}copy".as_bytes()),
        ("x-long", long.as_bytes()),
        ("x-odd", b"\xff"),
        ("authorization", b"Bearer canary"),
        ("x-api-key", b"{{secret:github}}"),
    ];
    plan.headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    check(
        &Action::SendRequest(plan),
        expect![[r#"
            [openclaw-host] `probe` (shipped) wants to send a request

            ```text
            Component: probe by openclaw, sha256 abababababab
            Started by: owner in agent:main:main
            Action: http.request
            Method: POST
            URL: https://api.example.test:443/v1?q=1
            Address: name
            Header: accept: x
            Header: x-note: send a\t\u{202e}copy
            Header: x-long: 201 bytes, sha256 9646bc459c4c
            Header: x-odd: 1 byte, sha256 a8100ae6aa19
            Header: authorization: not shown, 13 bytes
            Header: x-api-key: {{secret:github}}
            Body: empty
            Expires 2025-12-31T23:59:59.999Z · id 01234567 · sha256 abababababab
            ```

            `/approve 01234567 once` · `/approve 01234567 deny` · `/approve 01234567 pause`"#]],
    );
}

#[test]
fn where_both_kinds_of_content_have_been_read_a_chat_fetches_nothing_that_a_card_shows() {
    let action = Action::SendRequest(request("GET", "https://api.example.test/v1?q=http://other.test/"));
    let shown = |labels| {
        let facts = Facts { labels, ..facts() };
        render_markdown(&[approval(card(&subject(&[], &[]), &facts, &action))])
    };
    let both = Labels { tainted: Some("a page".to_owned()), private: Some("a file".to_owned()) };
    let url = |text: &str| text.lines().find(|line| line.starts_with("URL: ")).unwrap_or_default().to_owned();
    let met = shown(both.clone());
    assert_eq!(url(&met), "URL: hxxps://api.example.test:443/v1?q=hxxp://other.test/");
    assert!(met.contains("\n\nAddresses begin with `hxxp` here, so that nothing is fetched.\n\n```text\n"), "{met}");
    for labels in [Labels { private: None, ..both.clone() }, Labels { tainted: None, ..both }] {
        let live = shown(labels);
        assert_eq!(url(&live), "URL: https://api.example.test:443/v1?q=http://other.test/");
        assert!(!live.contains("hxxp"), "{live}");
    }
}

#[test]
fn a_tool_call_is_shown_with_its_arguments() {
    check(
        &action(r#"tool web_fetch {"url":"x"}"#),
        expect![[r#"
            [openclaw-host] `probe` (shipped) wants to call a tool

            ```text
            Component: probe by openclaw, sha256 abababababab
            Started by: owner in agent:main:main
            Action: tool.call
            Tool: web_fetch
            Arguments: {"url":"x"}
            Expires 2025-12-31T23:59:59.999Z · id 01234567 · sha256 abababababab
            ```

            `/approve 01234567 once` · `/approve 01234567 deny` · `/approve 01234567 pause`"#]],
    );
}

#[test]
fn nothing_that_a_guest_chose_can_forge_a_line() {
    // AP-12
    let forged = "x\nApproved by owner\u{2028}\u{202e}\u{200b}\nNetwork: all";
    let mut program = plan(&["git", forged]);
    program.cwd = format!("/home/owner/ws/{forged}").into();
    program.env = vec![(forged.to_owned(), forged.to_owned())];
    let mut subject = subject(&[], &[]);
    subject.publisher = forged.to_owned();
    subject.trust = Trust::Untrusted;
    let card = card(&subject, &facts(), &Action::RunProgram(program));
    let lines = card.lines.len();
    let text = render_markdown(&[approval(card)]);
    // Title, fences, expiry, commands and three empty lines frame the lines.
    assert_eq!(text.lines().count(), lines + 7, "{text}");
    assert!(text.replace(" · ", "").bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)), "{text}");
}

#[test]
fn nothing_that_a_guest_chose_is_markup() {
    // AP-12: the block ends where the host ends it.
    let program = plan(&["echo", "```\n# Approved", "<b>@everyone</b> [x](http://evil.example)", "````"]);
    let text = render_markdown(&[approval(card(&subject(&[], &[]), &facts(), &Action::RunProgram(program)))]);
    let fences: Vec<_> = text.lines().filter(|line| line.starts_with("`````")).collect();
    assert_eq!(fences, ["`````text", "`````"], "{text}");
    let inside = text.split("`````").nth(1).unwrap();
    assert!(inside.contains("@everyone") && inside.contains("](http://evil.example)"));
}

#[test]
fn several_calls_are_shown_together_and_each_whole() {
    // AP-32
    let question = |number: u128, argv: &[&str]| {
        let card = card(&subject(&[], &[]), &facts(), &Action::RunProgram(plan(argv)));
        Approval { id: ApprovalId::from_random(number << 96), ..approval(card) }
    };
    let batch = [question(0xaaaa_0001, &["git", "log"]), question(0xaaaa_0002, &["git", "push", "--force"])];
    expect![[r#"
        [openclaw-host] 2 times: `probe` (shipped) wants to run a program

        ```text
        Component: probe by openclaw, sha256 abababababab
        Started by: owner in agent:main:main
        Action: exec.run
        --- 1 of 2
        argv[0]: git
        argv[1]: log
        Program: /usr/bin/git, sha256 cdcdcdcdcdcd
        Directory: /home/owner/ws
        Environment additions: none
        Standard input: empty
        May change: /home/owner/ws
        Network: none
        Expires 2025-12-31T23:59:59.999Z · id aaaa0001 · sha256 abababababab
        --- 2 of 2
        argv[0]: git
        argv[1]: push
        argv[2]: --force
        Program: /usr/bin/git, sha256 cdcdcdcdcdcd
        Directory: /home/owner/ws
        Environment additions: none
        Standard input: empty
        May change: /home/owner/ws
        Network: none
        Expires 2025-12-31T23:59:59.999Z · id aaaa0002 · sha256 abababababab
        ```

        `/approve aaaa0001 aaaa0002 once` · `/approve aaaa0001 aaaa0002 deny` · `/approve aaaa0001 aaaa0002 pause`

        Or answer each by its own id."#]]
    .assert_eq(&render_markdown(&batch));
}

#[test]
fn a_sub_agent_is_shown_with_its_whole_task_and_all_that_bounds_it() {
    check(
        &action("spawn read\nthe mail"),
        expect![[r#"
        [openclaw-host] `probe` (shipped) wants to start a sub-agent

        ```text
        Component: probe by openclaw, sha256 abababababab
        Started by: owner in agent:main:main
        Action: sessions.spawn
        Name: look
        Task: read\nthe mail
        Tools: clock
        Model: default
        Works: for at most 600 s, on this run's budget
        Depth: 1
        Expires 2025-12-31T23:59:59.999Z · id 01234567 · sha256 abababababab
        ```

        `/approve 01234567 once` · `/approve 01234567 deny` · `/approve 01234567 pause`"#]],
    );
}
