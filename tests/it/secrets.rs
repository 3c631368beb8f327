//! The vault and its command: what goes in comes out only where it should.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::host::Home;
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, call, say};
use crate::terminal::{on_terminal, typed};

/// Its length makes every alignment of base64 find it in [`spellings`].
const CANARY: &str = "vault-canary-5d41402abc4b2a76";
/// What the command asks with.
const ASKS: &str = "(not shown): ";

/// A secret as it would look in a file, whatever encoded it.
fn spellings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![secret.to_owned(), hex.to_uppercase(), hex];
    // Inside a longer text it may start at any of three places; the characters at the seams depend on what is beside.
    for skipped in 0..3 {
        let whole = &bytes[skipped..skipped + (bytes.len() - skipped) / 3 * 3];
        all.extend([STANDARD_NO_PAD.encode(whole), URL_SAFE_NO_PAD.encode(whole)]);
    }
    all
}

#[track_caller]
fn check_clean(what: &str, bytes: &[u8], secret: &str) {
    for spelling in spellings(secret) {
        let found = bytes.windows(spelling.len()).any(|window| window == spelling.as_bytes());
        assert!(!found, "{what} holds `{spelling}`");
    }
}

#[track_caller]
fn check_folder(folder: &Path, secret: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => check_folder(&path, secret),
            false => check_clean(&path.display().to_string(), &std::fs::read(&path).unwrap_or_default(), secret),
        }
    }
}

/// Runs a command with `input` on its standard input; what it prints must not hold the canary.
#[track_caller]
fn with_input(home: &Home, args: &[&str], input: &str) -> Output {
    let mut command = home.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses does not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    for printed in [&output.stdout, &output.stderr] {
        check_clean(&format!("the output of {args:?}"), printed, CANARY);
    }
    output
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_secret_is_set_listed_rotated_and_removed_and_never_shown() {
    // SE-01
    let home = Home::cold();
    let set = ["secret", "set", "github", "--for", "https://api.github.com", "--component", "git"];
    let text = done(&with_input(&home, &set, &format!("{CANARY}\n")));
    assert_eq!(text, "added `github`: may be sent to https://api.github.com\n");
    let list = home.json(&["secret", "list"]);
    let [listed] = list.as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!(
        (&listed["name"], &listed["for"], &listed["components"], &listed["last4"]),
        (&json!("github"), &json!(["https://api.github.com"]), &json!(["git"]), &json!("2a76"))
    );
    let table = done(&with_input(&home, &["secret", "list"], ""));
    assert!(table.starts_with("NAME    FOR "), "{table}");
    let text = done(&with_input(&home, &["secret", "rotate", "github"], "another-value-0815\r\n"));
    assert_eq!(text, "rotated `github`: may be sent to https://api.github.com\n");
    assert_eq!(home.json(&["secret", "list"])[0]["last4"], "0815");
    let again = with_input(&home, &set[..5], CANARY);
    assert_eq!(done(&again), "replaced `github`: may be sent to https://api.github.com\n");
    for name in ["vault", "vault.key"] {
        let mode = std::fs::metadata(home.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
    }
    check_folder(home.path(), CANARY);
    assert_eq!(done(&with_input(&home, &["secret", "rm", "github"], "")), "removed `github`\n");
    assert_eq!(done(&with_input(&home, &["secret", "list"], "")), "no secrets yet\n");
    let gone = with_input(&home, &["secret", "rm", "github"], "");
    assert_eq!(gone.status.code(), Some(1));
    assert!(complaint(&gone).contains("there is no secret `github`"), "{}", complaint(&gone));
}

#[test]
fn what_cannot_be_kept_is_refused_before_it_is_read_or_without_repeating_it() {
    let home = Home::cold();
    let server = ["--for", "https://a.example"];
    let refused = |args: &[&str], input: &str, code: i32, why: &str| {
        let output = with_input(&home, args, input);
        let complaint = complaint(&output);
        assert_eq!(output.status.code(), Some(code), "{complaint}");
        assert!(complaint.contains(why), "{complaint}");
    };
    refused(&[&["secret", "set", "a", CANARY], &server[..]].concat(), "", 2, "does not belong on the command line");
    refused(&[&["secret", "set", "A B"], &server[..]].concat(), CANARY, 2, "not a name of a secret");
    refused(&["secret", "set", "a"], CANARY, 2, "--for <ORIGIN>");
    refused(&["secret", "set", "a", "--for", "a.example"], CANARY, 2, "is not a server");
    let set = [&["secret", "set", "a"], &server[..]].concat();
    refused(&set, "\n", 1, "it is empty");
    refused(&set, &format!("{CANARY}\0"), 1, "NUL");
    refused(&set, &CANARY.repeat(3000), 1, "longer than 64 KiB");
    refused(&["secret", "rotate", "a"], CANARY, 1, "there is no secret `a`");
    assert!(!home.path().join("vault").exists());
    check_folder(home.path(), CANARY);
    let warned = with_input(&home, &["secret", "set", "a", "--for", "http://a.example"], CANARY);
    assert!(warned.status.success() && complaint(&warned).contains("can be read on the way"));
}

#[test]
fn a_vault_that_others_can_read_or_that_is_damaged_is_refused_and_doctor_says_so() {
    let home = Home::cold();
    let set = ["secret", "set", "a", "--for", "https://a.example"];
    done(&with_input(&home, &set, CANARY));
    let vault = home.path().join("vault");
    let doctor = || {
        let report = home.json(&["doctor"]);
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == "vault").unwrap().clone()
    };
    assert_eq!(doctor()["verdict"], "ok", "{}", doctor());
    std::fs::set_permissions(&vault, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = with_input(&home, &["secret", "list"], "");
    assert_eq!(refused.status.code(), Some(77));
    assert!(complaint(&refused).contains(&format!("hint: run `chmod 600 {}`", vault.display())));
    assert_eq!(doctor()["verdict"], "fail", "{}", doctor());
    std::fs::set_permissions(&vault, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = std::fs::read(&vault).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&vault, &bytes).unwrap();
    let damaged = with_input(&home, &set, CANARY);
    assert!(complaint(&damaged).contains("is damaged: its contents were changed"), "{}", complaint(&damaged));
    assert_eq!(std::fs::read(&vault).unwrap(), bytes, "the original was touched");
}

#[test]
fn a_passphrase_comes_from_a_file_that_only_its_owner_can_read() {
    let home = Home::cold().config("{ vault: { key: 'passphrase' } }");
    let file = home.path().join("passphrase");
    std::fs::write(&file, "correct horse\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let home = home.env("OPENCLAW_HOST_VAULT_PASSPHRASE_FILE", file.display());
    done(&with_input(&home, &["secret", "set", "a", "--for", "https://a.example"], CANARY));
    assert!(!home.path().join("vault.key").exists());
    assert_eq!(home.json(&["secret", "list"]).as_array().unwrap().len(), 1);
    std::fs::write(&file, "wrong horse\n").unwrap();
    let wrong = with_input(&home, &["secret", "list"], "");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(complaint(&wrong).contains("the key or passphrase is not the one"), "{}", complaint(&wrong));
    let failed = home.try_start().err().unwrap();
    assert!(failed.contains("the key or passphrase is not the one"), "{failed}");
    check_folder(home.path(), CANARY);
}

#[test]
fn a_secret_that_is_typed_is_not_shown() {
    let home = Home::cold();
    let set = ["secret", "set", "a", "--for", "https://a.example"];
    let (child, terminal) = on_terminal(home.command(&set), "");
    let (transcript, code) = typed(child, terminal, ASKS, &format!("wrong\x15{CANARY}x\x7f\n"));
    assert_eq!(code, Some(0), "{transcript}");
    check_clean("the terminal", transcript.as_bytes(), CANARY);
    assert!(transcript.contains("added `a`"), "{transcript}");
    assert_eq!(home.json(&["secret", "list"])[0]["last4"], "2a76");

    let (child, terminal) = on_terminal(home.command(&["secret", "rotate", "a"]), "");
    let (transcript, code) = typed(child, terminal, ASKS, "not finished\x03");
    assert_eq!(code, Some(1), "{transcript}");
    assert_eq!(home.json(&["secret", "list"])[0]["last4"], "2a76");
}

#[tokio::test]
async fn a_provider_gets_its_key_from_the_vault_and_nobody_else_does() {
    // SE-01, SE-12, SE-14
    let provider = Provider::start([Answer::Whole(say(&["noon"]))]).await;
    let by_variable = format!("apiKeyEnv: '{KEY_VARIABLE}'");
    let config = provider.config(Wire::OpenAi);
    assert!(config.contains(&by_variable));
    let home = Home::new().config(&config.replace(&by_variable, "apiKey: {source: 'vault', name: 'model'}"));

    let failed = home.try_start().err().unwrap();
    assert!(failed.contains("there is no secret `model`") && failed.contains("secret list"), "{failed}");
    done(&with_input(&home, &["secret", "set", "model", "--for", "https://elsewhere.example"], KEY));
    let failed = home.try_start().err().unwrap();
    assert!(failed.contains(&format!("may not be sent to `{}`", provider.origin())), "{failed}");

    done(&with_input(&home, &["secret", "set", "model", "--for", provider.origin()], KEY));
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "what time is it?").await;
    client.ended("r1").await.unwrap();
    let asked = provider.asked();
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {KEY}"));
    // The command works beside the running host.
    done(&with_input(&home, &["secret", "rotate", "model"], &format!("{KEY}\n")));

    for args in [&["status"][..], &["doctor"], &["config", "check"], &["secret", "list"]] {
        for json in [&[][..], &["--json"]] {
            let output = home.run(&[json, args].concat());
            for printed in [&output.stdout, &output.stderr] {
                check_clean(&format!("{args:?}"), printed, KEY);
                check_clean(&format!("{args:?}"), printed, &running.token);
            }
        }
    }
    let settings = home.json(&["config", "check"]);
    let place =
        settings["settings"].as_array().unwrap().iter().find(|it| it["path"] == "models.providers.local.apiKey");
    assert_eq!(place.map(|it| &it["value"]), Some(&json!("the vault's secret `model`")));
    let state: Value = home.json(&["status"]);
    assert!(state.is_object(), "{state}");
    drop(running);
    check_folder(home.path(), KEY);
}

#[tokio::test]
async fn what_a_model_knows_of_a_secret_it_can_not_pass_on_in_pieces_or_as_an_argument() {
    // SE-16
    let (start, end) = CANARY.split_at(9);
    let script = [
        Answer::Whole(call("read", &json!({"path": format!("{CANARY}.md")}).to_string())),
        Answer::Whole(say(&["the key is ", start, end, " and begins with vault-"])),
    ];
    let provider = Provider::start(script).await;
    let home = Home::new().config(&provider.config(Wire::OpenAi)).env(KEY_VARIABLE, KEY);
    done(&with_input(&home, &["secret", "set", "api", "--for", "https://elsewhere.example"], CANARY));
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "what is the key?").await;
    let mut shown = String::new();
    loop {
        let event = client.event(|event| event["event"] == "chat" || event["event"] == "agent").await;
        check_clean("an event", event.to_string().as_bytes(), CANARY);
        shown.push_str(event["payload"]["deltaText"].as_str().unwrap_or_default());
        if event["payload"]["state"] == "final" {
            break;
        }
    }
    assert_eq!(shown, "the key is <secret api> and begins with vault-");
    assert!(provider.asked()[1].result().contains("<secret api>.md"), "{}", provider.asked()[1].result());
    drop(running);
    check_folder(home.path(), CANARY);
}

#[tokio::test]
async fn what_a_caller_knows_of_a_secret_it_can_not_pass_on_to_another_conversation() {
    // SE-16
    let home = Home::new().config("{grants: {sessions: ['sessions read-write']}}");
    done(&with_input(&home, &["secret", "set", "api", "--for", "https://elsewhere.example"], CANARY));
    let running = home.start();
    let mut client = running.connect().await;
    client.ask_in("other", "r0", "say hello").await;
    let invoke = |name: &str, args: Value| json!({"name": name, "args": args});
    let spawn = invoke("sessions_spawn", json!({"task": format!("say {CANARY}")}));
    let started = client.call("tools.invoke", spawn).await.unwrap().to_string();
    let child = started.split('`').find(|word| word.starts_with("agent:")).unwrap_or_else(|| panic!("{started}"));
    for key in [child, "other"] {
        let send = invoke("sessions_send", json!({"sessionKey": key, "message": format!("say {CANARY}")}));
        client.call("tools.invoke", send).await.unwrap();
        let history = client.call("chat.history", json!({"sessionKey": key})).await.unwrap().to_string();
        assert!(history.contains("<secret api>"), "{history}");
        check_clean("a conversation", history.as_bytes(), CANARY);
    }
}

#[tokio::test]
async fn a_card_masks_a_secret_and_what_runs_is_what_was_asked_for() {
    // SE-10
    let home = Home::new();
    done(&with_input(&home, &["secret", "set", "api", "--for", "https://elsewhere.example"], CANARY));
    let running = home.start();
    let mut client = running.connect().await;
    let wish = json!({"name": "exec", "args": {"argv": ["touch", format!("made-with-{CANARY}")]}});
    let invoked = client.send("tools.invoke", wish).await;
    let card = client.event(|event| event["event"] == "exec.approval.requested").await;
    check_clean("the card", card.to_string().as_bytes(), CANARY);
    assert_eq!(card["payload"]["request"]["commandArgv"], json!(["touch", "made-with-<secret api>"]));
    let kept = home.json(&["approvals", "list"]).to_string();
    assert!(kept.contains("made-with-<secret api>"), "{kept}");
    check_clean("the list of approvals", kept.as_bytes(), CANARY);
    let yes = json!({"id": card["payload"]["id"], "decision": "allow-once"});
    client.call("exec.approval.resolve", yes).await.unwrap();
    client.response(&invoked).await.unwrap();
    assert!(home.workspace().join(format!("made-with-{CANARY}")).exists());
}

/// All files of the host itself: what lies beside the workspace and the components.
fn own_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| match path.file_name().and_then(|name| name.to_str()) {
        Some("workspace" | "components" | "cache" | "scratch") => Vec::new(),
        _ if path.is_dir() => own_files(&path),
        _ => vec![path],
    };
    entries.flat_map(of).collect()
}

#[tokio::test]
async fn nothing_of_the_hosts_own_files_is_read_for_its_owner_either() {
    // SE-23
    let home = Home::new().config("{grants: {exec: ['exec cat **']}, logging: {level: 'debug'}}").file("a.md", "milk");
    done(&with_input(&home, &["secret", "set", "api", "--for", "https://elsewhere.example"], CANARY));
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", "hello").await;
    let files = own_files(home.path());
    let named = |part: &str| files.iter().any(|file| file.to_string_lossy().contains(part));
    assert!(named("vault") && named("token") && named(".redb") && named("config.json5"), "{files:?}");
    for file in &files {
        let inside = file.strip_prefix(home.path()).unwrap();
        let ways = [
            json!({"name": "read", "args": {"path": file}}),
            json!({"name": "read", "args": {"path": Path::new("..").join(inside)}}),
            json!({"name": "exec", "args": {"argv": ["cat", file]}}),
        ];
        for wish in ways {
            let outcome = client.call("tools.invoke", wish.clone()).await.unwrap();
            let said = outcome["output"].as_str().unwrap_or_default();
            let refused = outcome["ok"] == false || said.contains("Permission denied");
            assert!(refused, "{wish} gave {outcome}");
        }
    }
    // The ways do read what may be read.
    for wish in
        [json!({"name": "read", "args": {"path": "a.md"}}), json!({"name": "exec", "args": {"argv": ["cat", "a.md"]}})]
    {
        let outcome = client.call("tools.invoke", wish).await.unwrap();
        assert!(outcome["output"].as_str().unwrap().contains("milk"), "{outcome}");
    }
}
