mod digest;

use claw_core::approval::{Approval, ApprovalState};
use claw_core::id::{ApprovalId, CallId, ComponentName, Timestamp};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Ask, Decision, Policy, PolicyFile};
use crate::fixture::{action, facts, nobody_there, open_subject, plan, request, subject, word};
use crate::{Access, Action, Asked, Declared, Facts, Family, Folder, MAX_CARD_BYTES, Preset, Remedy, Subject};

fn owner_file(text: &str) -> PolicyFile {
    PolicyFile { name: "owner.cedar".to_owned(), text: text.to_owned() }
}

fn load(preset: Preset, owner: &str) -> Policy {
    Policy::load(preset, &[owner_file(owner)]).unwrap()
}

#[track_caller]
fn check_reason(policy: &Policy, subject: &Subject, facts: &Facts, wanted: &str, expect: Expect) {
    match policy.decide(subject, facts, action(wanted)) {
        Decision::Deny(denial) => expect.assert_eq(&denial.to_string()),
        other => panic!("not denied: {}", word(&other)),
    }
}

// === Folders ===

#[test]
fn folders_are_the_grants_within_the_scopes_that_the_policies_allow() {
    let folders =
        |policy: &Policy, scopes: &[&str], grants: &[&str]| policy.folders(&subject(scopes, grants), &facts());
    let (read, write) = ("fs workspace read", "fs workspace read-write");
    let cautious = load(Preset::Cautious, "");
    assert_eq!(folders(&cautious, &[write], &[write]), [(Folder::Workspace, Access::ReadWrite)]);
    assert_eq!(folders(&cautious, &[read], &[write]), [(Folder::Workspace, Access::Read)]);
    assert_eq!(folders(&cautious, &[write], &[read]), [(Folder::Workspace, Access::Read)]);
    assert_eq!(folders(&cautious, &[], &[write]), []);
    assert_eq!(folders(&cautious, &[write], &[]), []);
    assert_eq!(folders(&load(Preset::DenyAll, ""), &[write], &[write]), []);
    let no_writing = load(Preset::Cautious, "forbid (principal, action == Action::\"fs.write\", resource);");
    assert_eq!(folders(&no_writing, &[write], &[write]), [(Folder::Workspace, Access::Read)]);
    let no_reading = load(Preset::Cautious, "forbid (principal, action == Action::\"fs.read\", resource);");
    assert_eq!(folders(&no_reading, &[write], &[write]), []);
    // Nobody can be asked when a worker starts, so "only when approved" is no.
    let asks = "forbid (principal, action == Action::\"fs.write\", resource) unless { context.approved };";
    assert_eq!(folders(&load(Preset::Cautious, asks), &[write], &[write]), [(Folder::Workspace, Access::Read)]);
}

// === Refusals ===

#[test]
fn what_was_not_declared_is_denied_with_the_scope_that_is_missing() {
    let policy = load(Preset::Trusting, "permit (principal, action, resource);");
    let subject = subject(&["http https://api.example.test GET"], &["exec git **", "http * POST"]);
    check_reason(
        &policy,
        &subject,
        &facts(),
        "exec git status",
        expect![
            "E_EXEC_DENIED: exec.run of `/usr/bin/git` lies outside what the component `probe` declares; its manifest would have to declare the scope `exec git status`"
        ],
    );
    check_reason(
        &policy,
        &subject,
        &facts(),
        "http POST https://api.example.test/x",
        expect![
            "E_NET_HOST: http.request POST `https://api.example.test:443` (name address) lies outside what the component `probe` declares; its manifest would have to declare the scope `http https://api.example.test POST`"
        ],
    );
    check_reason(
        &policy,
        &subject,
        &facts(),
        "http GET http://127.0.0.1/x",
        expect![
            "E_NET_ADDR: http.request GET `http://127.0.0.1:80` (loopback address) lies outside what the component `probe` declares; its manifest would have to declare the scope `http http://127.0.0.1 GET`"
        ],
    );
}

#[test]
fn a_denial_names_the_rule_and_what_would_change_the_answer() {
    let cautious = load(Preset::Cautious, "");
    let subject = open_subject(&[]);
    check_reason(
        &cautious,
        &subject,
        &facts(),
        "http GET http://127.0.0.1:8080/x",
        expect![
            "E_NET_ADDR: policy `no-inward-requests` forbids http.request GET `http://127.0.0.1:8080` (loopback address); the grant `http http://127.0.0.1:8080 GET` would allow it"
        ],
    );
    check_reason(
        &cautious,
        &subject,
        &facts(),
        "http GET http://metadata.google.internal/",
        expect![
            "E_NET_ADDR: policy `no-inward-requests` forbids http.request GET `http://metadata.google.internal:80` (metadata address); only a change of the policies would allow it"
        ],
    );
    check_reason(
        &cautious,
        &subject,
        &nobody_there(),
        "exec git log *",
        expect![[
            r#"E_APPR_UNAVAILABLE: no policy permits exec.run of `/usr/bin/git`; the grant `exec git log "*"` would allow it, and so could somebody who may answer: connect, for example with `openclaw-host chat`"#
        ]],
    );
    check_reason(
        &cautious,
        &subject,
        &nobody_there(),
        "exec sh -c ls",
        expect![
            "E_APPR_UNAVAILABLE: no policy permits exec.run of `/usr/bin/sh`; somebody who may answer could allow it: connect, for example with `openclaw-host chat`"
        ],
    );
    let strict = load(
        Preset::Cautious,
        "@id(\"no-pushing\") forbid (principal, action == Action::\"exec.run\", resource) when { context.argv.contains(\"push\") };",
    );
    check_reason(
        &strict,
        &subject,
        &facts(),
        "exec git push",
        expect![
            "E_EXEC_DENIED: policy `no-pushing` forbids exec.run of `/usr/bin/git`; only a change of the policies would allow it"
        ],
    );
    check_reason(
        &load(Preset::DenyAll, ""),
        &subject,
        &facts(),
        "tool read {}",
        expect![
            "E_POLICY_DENY: policy `deny-all` forbids tool.call of `read`; only a change of the policies would allow it"
        ],
    );
}

#[test]
fn a_policy_that_cannot_be_evaluated_denies_and_is_named() {
    let policy = load(
        Preset::Trusting,
        "@id(\"sum\") forbid (principal, action == Action::\"http.request\", resource) \
         when { context.body_bytes - 9223372036854775807 - 2 > 0 };",
    );
    check_reason(
        &policy,
        &open_subject(&[]),
        &facts(),
        "http GET https://example.test/",
        expect![
            "E_NET_HOST: policy `sum` could not be evaluated for http.request GET `https://example.test:443` (name address): integer overflow while attempting to subtract the values `-9223372036854775807` and `2`; correct the policy"
        ],
    );
}

#[test]
fn owner_files_can_ask_about_and_forbid_single_tools() {
    let policy = load(
        Preset::Cautious,
        "@id(\"ask-send\") forbid (principal, action == Action::\"tool.call\", resource == Tool::\"send\") unless { context.approved };\n\
         @id(\"no-wipe\") forbid (principal, action == Action::\"tool.call\", resource == Tool::\"wipe\");\n\
         @id(\"shipped-only\") forbid (principal, action == Action::\"tool.call\", resource == Tool::\"own\") unless { principal.trust == \"untrusted\" };",
    );
    let decide = |wanted| word(&policy.decide(&open_subject(&[]), &facts(), action(wanted)));
    assert_eq!(decide("tool read {}"), "allow [tools-can-be-called]");
    assert_eq!(decide("tool send {}"), "ask [tools-can-be-called]");
    assert_eq!(decide("tool wipe {}"), "deny E_POLICY_DENY [no-wipe]");
    assert_eq!(decide("tool own {}"), "deny E_POLICY_DENY [shipped-only]");
}

// === Approvals ===

fn ask(policy: &Policy, wanted: &str) -> Ask {
    match policy.decide(&open_subject(&[]), &facts(), action(wanted)) {
        Decision::Ask(ask) => ask,
        other => panic!("not asked: {}", word(&other)),
    }
}

fn approval(ask: &Ask, state: ApprovalState) -> Approval {
    let facts = facts();
    Approval {
        id: ApprovalId::from_random(7 << 96),
        session: facts.session,
        run: facts.run,
        call: CallId::parse("call-1").unwrap(),
        component: ComponentName::parse("probe").unwrap(),
        build: claw_core::id::Digest([3; 32]),
        digest: ask.digest,
        card: ask.card.clone(),
        argv: ask.argv.clone(),
        cwd: ask.cwd.clone(),
        choices: Vec::new(),
        created: Timestamp(1_000),
        expires: Timestamp(601_000),
        state,
    }
}

fn approved(at: u64) -> ApprovalState {
    ApprovalState::Approved { by: "ws:owner".to_owned(), at: Timestamp(at), always: None }
}

#[test]
fn an_approved_ask_becomes_a_permit_for_exactly_its_action() {
    // AP-01
    let policy = load(Preset::Cautious, "");
    let ask = ask(&policy, "exec git push");
    assert_eq!((ask.argv.join(" "), ask.cwd.as_deref()), ("git push".to_owned(), Some("/home/owner/ws")));
    let approval = approval(&ask, approved(2_000));
    let (digest, shown) = (ask.digest, ask.action().clone());
    let permit = policy.permit(ask, &approval).unwrap();
    assert_eq!((permit.digest(), permit.action()), (digest, &shown));
    assert_eq!(permit.decided_by(), ["approved-programs"]);
    assert_eq!(permit.into_action(), action("exec git push"));
}

#[test]
fn only_a_fresh_yes_makes_a_permit() {
    let policy = load(Preset::Cautious, "");
    let ask = ask(&policy, "exec git push");
    let at = Timestamp(2_000);
    for (state, code) in [
        (ApprovalState::Pending, "E_POLICY_DENY"),
        (ApprovalState::Denied { by: "ws:owner".to_owned(), at, paused: false }, "E_POLICY_DENY"),
        (ApprovalState::Expired, "E_APPR_EXPIRED"),
        (ApprovalState::Withdrawn, "E_APPR_EXPIRED"),
        // AP-05
        (ApprovalState::Used { at }, "E_APPR_USED"),
        // AP-07
        (approved(601_000), "E_APPR_EXPIRED"),
    ] {
        let denial = policy.permit(ask.clone(), &approval(&ask, state.clone())).unwrap_err();
        assert_eq!(denial.code, code, "{state:?}");
    }
}

#[test]
fn an_approval_for_another_call_makes_no_permit() {
    // AP-08
    let policy = load(Preset::Cautious, "");
    let (first, second) = (ask(&policy, "exec rm a"), ask(&policy, "exec rm b"));
    let denial = policy.permit(second, &approval(&first, approved(2_000))).unwrap_err();
    expect!["E_APPR_MISMATCH: approval `00000007` is not for this call, or the policies have changed since; ask again"]
        .assert_eq(&denial.to_string());
}

#[test]
fn an_approval_does_not_outlive_the_policies_it_was_asked_under() {
    let policy = load(Preset::Cautious, "");
    let ask = ask(&policy, "exec git push");
    let approval = approval(&ask, approved(2_000));
    let stricter = load(Preset::DenyAll, "");
    assert_eq!(stricter.permit(ask.clone(), &approval).unwrap_err().code, "E_APPR_MISMATCH");
    let wider = load(Preset::Cautious, "permit (principal, action, resource);");
    assert_eq!(wider.permit(ask, &approval).unwrap_err().code, "E_APPR_MISMATCH");
}

#[test]
fn the_policies_are_asked_again_before_a_permit() {
    // The digest alone would let it pass: the ask claims facts under which nobody may approve.
    let policy = load(Preset::Cautious, "");
    let mut ask = ask(&policy, "exec git push");
    ask.call.facts.person_present = false;
    let denial = policy.permit(ask.clone(), &approval(&ask, approved(2_000))).unwrap_err();
    assert_eq!(denial.code, "E_POLICY_DENY");
}

#[test]
fn what_cannot_be_shown_whole_cannot_be_approved() {
    // AP-14
    let policy = load(Preset::Cautious, "");
    let decide = |len: usize| {
        let plan = plan(&["git", &"x".repeat(len)]);
        policy.decide(&open_subject(&[]), &facts(), Action::RunProgram(plan))
    };
    let Decision::Ask(short) = decide(1) else { panic!("not asked") };
    let room = MAX_CARD_BYTES - crate::card::card_len(&short.card);
    assert!(matches!(decide(1 + room), Decision::Ask(_)));
    let Decision::Deny(denial) = decide(2 + room) else { panic!("not denied") };
    assert_eq!(denial.code, "E_APPR_TOO_LONG");
    // What needs no approval needs no card.
    let granted = open_subject(&["exec git **"]);
    let plan = plan(&["git", &"x".repeat(2 * MAX_CARD_BYTES)]);
    assert!(matches!(policy.decide(&granted, &facts(), Action::RunProgram(plan)), Decision::Allow(_)));
}

#[cfg(unix)]
#[test]
fn a_path_that_cannot_be_written_down_is_denied() {
    use std::os::unix::ffi::OsStringExt;
    let mut plan = plan(&["git", "status"]);
    plan.cwd = std::ffi::OsString::from_vec(b"/home/owner/ws/\xff".to_vec()).into();
    let decision = load(Preset::Trusting, "").decide(&open_subject(&[]), &facts(), Action::RunProgram(plan));
    let Decision::Deny(denial) = decision else { panic!("not denied") };
    expect!["E_EXEC_DENIED: exec.run of `/usr/bin/git` has a path that is not UTF-8; rename it"]
        .assert_eq(&denial.to_string());
}

// === Properties ===

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        "[a-z]{1,8}".prop_map(|tool| action(&format!("tool {tool} {{}}"))),
        proptest::collection::vec("[a-z-]{1,4}", 1..4)
            .prop_map(|argv| Action::RunProgram(plan(&argv.iter().map(String::as_str).collect::<Vec<_>>()))),
        ("GET|POST", "([a-z]{1,4}\\.){0,2}(test|com)|127\\.0\\.0\\.1|169\\.254\\.169\\.254")
            .prop_map(|(method, host)| Action::SendRequest(request(&method, &format!("https://{host}/")))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_forbid_is_never_overruled(action in any_action(), preset in 0..3_usize, present in any::<bool>(), own in any::<bool>()) {
        let name = action.name();
        let policy = load(
            Preset::ALL[preset],
            &format!(
                "@id(\"all\") permit (principal, action, resource);\n\
                 @id(\"never\") forbid (principal, action == Action::\"{name}\", resource);"
            ),
        );
        let grant: crate::Grants = crate::Grant::narrowest(&action).filter(|_| own).into_iter().collect();
        let mut subject = open_subject(&[]);
        subject.grants = grant.into();
        let facts = Facts { person_present: present, ..facts() };
        let decision = policy.decide(&subject, &facts, action);
        prop_assert!(matches!(&decision, Decision::Deny(denial) if denial.decided_by.contains(&"never".to_owned())));
    }

    #[test]
    fn nothing_undeclared_is_ever_allowed(action in any_action()) {
        let policy = load(Preset::Trusting, "permit (principal, action, resource);");
        let grants: crate::Grants = crate::Grant::narrowest(&action).into_iter().collect();
        let subject = Subject { grants: grants.into(), ..subject(&[], &[]) };
        let free = matches!(action, Action::CallTool(_));
        prop_assert_eq!(matches!(policy.decide(&subject, &facts(), action), Decision::Allow(_)), free);
    }
}

#[test]
fn what_has_no_manifest_may_do_what_it_was_granted_by_name_and_nothing_else() {
    let policy = Policy::load(Preset::Cautious, &[]).unwrap();
    let imports = |families: &[Family], grants: &[&str]| Subject {
        declared: Declared::Imports(families.iter().copied().collect()),
        ..subject(&[], grants)
    };
    let decided = |subject: &Subject| word(&policy.decide(subject, &facts(), action("http GET https://a.example/x")));
    assert_eq!(decided(&imports(&[Family::Http], &[])), "deny E_NET_HOST []");
    assert_eq!(decided(&imports(&[Family::Http], &["http https://b.example GET"])), "deny E_NET_HOST []");
    assert!(decided(&imports(&[Family::Http], &["http https://a.example GET"])).starts_with("allow"));
    assert!(decided(&imports(&[Family::Http], &["http * GET"])).starts_with("ask"), "an open grant asks each time");
    assert_eq!(decided(&imports(&[Family::Kv], &["http https://a.example GET"])), "deny E_NET_HOST []");
    let Decision::Deny(denial) = policy.decide(&imports(&[Family::Kv], &[]), &facts(), action("kv cache")) else {
        panic!("nothing was granted")
    };
    assert_eq!(
        denial.reason,
        "kv.use of `cache` is not granted; the component `probe` declares nothing, so it may do only what its owner \
         grants it, such as `kv cache`"
    );
    let asked = Asked::Action(action("kv cache"));
    let remedies = |families| policy.explain(&imports(families, &[]), &facts(), &asked).remedies;
    assert!(matches!(&remedies(&[Family::Kv])[..], [Remedy::Grant(..)]), "{:?}", remedies(&[Family::Kv]));
    assert!(matches!(&remedies(&[Family::Http])[..], [Remedy::Declare(_)]));
    let folders = |grants: &[&str], families| policy.folders(&imports(families, grants), &facts()).len();
    assert_eq!(folders(&["fs workspace read"], &[Family::Fs]), 1);
    assert_eq!(folders(&["fs workspace read"], &[Family::Http]), 0);
    assert_eq!(folders(&[], &[Family::Fs]), 0);
}
