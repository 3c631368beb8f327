//! Packages: what is installed is what was shown, and nothing of a package counts before its owner said yes.

mod cut_off;
mod deceiving;
mod publisher;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

pub use self::publisher::Publisher;
use crate::client::Client;
use crate::host::{Home, sdk_guest, shipped, test_guest};
use crate::terminal::{on_terminal, typed_in_turn};

const NAME: &str = "effects";

/// The package under test, with some of its bytes replaced by as many others.
pub fn package(changes: &[(&str, &str)]) -> Vec<u8> {
    replaced(std::fs::read(test_guest(NAME)).unwrap(), changes)
}

/// A component with some of its bytes replaced by as many others.
pub fn replaced(mut bytes: Vec<u8>, changes: &[(&str, &str)]) -> Vec<u8> {
    for (old, new) in changes {
        assert_eq!(old.len(), new.len());
        let places: Vec<_> =
            (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old.as_bytes())).collect();
        assert!(!places.is_empty(), "`{old}` stands nowhere");
        for at in places {
            bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
        }
    }
    bytes
}

/// The same bytes with a few behind that mean nothing.
pub fn with_tail(mut bytes: Vec<u8>, tail: u8) -> Vec<u8> {
    // A custom section with the name `t` and one byte.
    bytes.extend([0, 3, 1, b't', tail]);
    bytes
}

impl Home {
    pub fn source(&self, bytes: &[u8]) -> String {
        let path = self.path().join("incoming.wasm");
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// Runs a command that must work.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Runs a command that must not work, and gives what it says.
    #[track_caller]
    pub fn no(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(!output.status.success(), "{args:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn packages(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path().join("packages")).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

pub async fn ask_store(client: &mut Client) -> Value {
    client.call("tools.invoke", json!({"name": "ask", "args": {"times": 1}})).await.unwrap()
}

// P15, SU-04, SU-30
#[tokio::test]
async fn a_package_is_shown_accepted_in_force_at_once_and_gone_at_once() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    let source = home.source(&package(&[]));
    let shown = home.ok(&["skill", "inspect", &source]);
    for line in [
        "effects 0.1.0: Asks the host for the same thing over and over.",
        "Publisher  unknown",
        "Tool       ask: Reads a value that is not there from a store.",
        "keep values in a store of its own, `notes`",
        "send requests to any server (you are asked each time)",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let held = home.no(&["skill", "install", &source]);
    assert!(held.contains("no terminal to ask") && held.contains("--grant-all"), "{held}");
    assert!(client.call("tools.invoke", json!({"name": "ask", "args": {"times": 1}})).await.is_err_or_failed());

    // Installed without its grant it is there and can do nothing; with it, it works.
    home.ok(&["skill", "install", &source, "--yes", "--grant-none"]);
    let refused = ask_store(&mut client).await;
    assert_eq!(refused["ok"], false, "{refused}");
    let said = home.ok(&["skill", "install", &source, "--yes", "--grant", "kv notes"]);
    assert!(said.contains("it was given: kv notes"), "{said}");
    assert_eq!(ask_store(&mut client).await["ok"], true);
    let beyond = home.no(&["skill", "install", &source, "--yes", "--grant", "fs workspace read"]);
    assert!(beyond.contains("declares nothing like"), "{beyond}");

    // It stays over a restart, and what was shown is what runs.
    drop(running);
    let running = home.start();
    let mut client = running.connect().await;
    assert_eq!(ask_store(&mut client).await["ok"], true);
    let list = home.json(&["skill", "list"]);
    assert_eq!((&list["packages"][0]["name"], &list["packages"][0]["error"]), (&json!(NAME), &Value::Null), "{list}");
    let inspected = home.json(&["component", "inspect", NAME]);
    assert_eq!((&inspected["digest"], &inspected["publisher"]), (&list["packages"][0]["digest"], &json!("unsigned")));
    let kinds = home.json(&["audit", "list", "--component", NAME, "--kind", "component"]);
    let kinds: Vec<_> = kinds.as_array().unwrap().iter().map(|row| row["entry"]["kind"].clone()).collect();
    assert_eq!(kinds, ["component.installed", "component.installed"], "once for each yes, and not again at the start");

    home.ok(&["skill", "remove", NAME]);
    assert!(client.call("tools.invoke", json!({"name": "ask", "args": {"times": 1}})).await.is_err_or_failed());
    assert!(home.packages().is_empty() && home.no(&["skill", "remove", NAME]).contains("no package"));
}

/// A call of a tool that is not there is refused in one way or another.
trait Refused {
    fn is_err_or_failed(&self) -> bool;
}

impl Refused for Result<Value, Value> {
    fn is_err_or_failed(&self) -> bool {
        self.as_ref().map_or(true, |answer| answer["ok"] == false)
    }
}

// SU-05
#[tokio::test]
async fn an_update_that_asks_for_more_or_tells_another_story_is_held() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    let source = home.source(&package(&[]));
    home.ok(&["skill", "install", &source, "--yes", "--grant-all"]);
    assert!(home.ok(&["skill", "update", NAME]).contains("at this version already"));

    // Other bytes that ask for the same and say the same come in by themselves, with what was given.
    home.source(&with_tail(package(&[]), 1));
    let said = home.ok(&["skill", "update", NAME]);
    assert!(said.contains("it was given: kv notes"), "{said}");
    assert_eq!(ask_store(&mut client).await["ok"], true);

    let before = home.json(&["component", "inspect", NAME])["digest"].clone();
    home.source(&package(&[("notes", "diary")]));
    let held = home.no(&["skill", "update", NAME]);
    assert!(held.contains("+ kv diary") && held.contains("- kv notes"), "{held}");
    home.source(&package(&[("Reads a value", "Reeds a value")]));
    let held = home.no(&["skill", "update", NAME]);
    for line in [
        "  ~ it says something else of itself or its tools",
        "    the description of `ask`:",
        "      - Reads a value that is not there from a store.",
        "      + Reeds a value that is not there from a store.",
    ] {
        assert!(held.contains(&format!("{line}\n")), "{line}: {held}");
    }
    assert!(!held.contains("`fetch`:"), "only what changed is shown: {held}");
    let offer = client.call("packages.prepare", json!({"source": source})).await.unwrap();
    let differences = json!([{
        "what": "the description of `ask`",
        "before": ["Reads a value that is not there from a store."],
        "now": ["Reeds a value that is not there from a store."],
    }]);
    assert_eq!(offer["installed"]["differences"], differences, "{offer}");
    // What would move the terminal is shown and not obeyed; a schema is shown by its lines.
    home.source(&package(&[("Reads a value", "\u{1b}[2JReads val"), ("How often.", "How eften.")]));
    let held = home.no(&["skill", "update", NAME]);
    assert!(held.contains(r"+ \u{1b}[2JReads val") && !held.contains('\u{1b}'), "{held}");
    assert!(
        held.contains("    the schema of `ask`:\n") && held.contains("+       \"description\": \"How eften.\""),
        "{held}"
    );
    assert_eq!(home.json(&["component", "inspect", NAME])["digest"], before, "the old one stays in force");
    assert_eq!(ask_store(&mut client).await["ok"], true);

    // Pinned it stays, whatever the owner says by mistake.
    home.ok(&["skill", "pin", NAME]);
    assert!(home.no(&["skill", "update", NAME]).contains("pinned"));
    assert!(home.no(&["skill", "install", &source, "--yes", "--grant-all"]).contains("pinned"));
    home.ok(&["skill", "unpin", NAME]);
    home.ok(&["skill", "install", &source, "--yes", "--grant-none"]);
    assert_ne!(home.json(&["component", "inspect", NAME])["digest"], before);
    assert_eq!(ask_store(&mut client).await["ok"], false, "grants belong to a build");
    home.ok(&["skill", "rollback", NAME]);
    assert_eq!(home.json(&["component", "inspect", NAME])["digest"], before);
    assert_eq!(ask_store(&mut client).await["ok"], true, "and come back with it");

    // Another number is no other story.
    home.source(&package(&[("effects0.1.0Asks", "effects0.1.1Asks")]));
    let said = home.ok(&["skill", "update", NAME]);
    assert!(said.contains("`effects` 0.1.1 is installed; it was given: kv notes"), "{said}");
}

// SU-01, SU-28
#[tokio::test]
async fn a_file_that_was_changed_stays_off_and_everything_else_starts() {
    let home = Home::new();
    let running = home.start();
    let source = home.source(&package(&[]));
    home.ok(&["skill", "install", &source, "--yes", "--grant-all"]);
    assert!(home.ok(&["skill", "verify"]).contains("is as it was accepted"));
    let [file] = &home.packages()[..] else { panic!() };
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(file, package(&[("notes", "diary")])).unwrap();
    assert!(String::from_utf8_lossy(&home.run(&["skill", "verify"]).stdout).contains("its bytes have changed"));
    drop(running);
    let running = home.start();
    let mut client = running.connect().await;
    let list = home.json(&["skill", "list"]);
    let error = list["packages"][0]["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("E_PKG_DIGEST") && error.contains("expected sha256"), "{error}");
    assert!(client.call("tools.invoke", json!({"name": "ask", "args": {"times": 1}})).await.is_err_or_failed());
    assert_eq!(client.call("tools.invoke", json!({"name": "clock", "args": {}})).await.unwrap()["ok"], true);
    // Installed again it is right again, with the grants that it is given now.
    let source = home.source(&package(&[]));
    home.ok(&["skill", "install", &source, "--yes", "--grant-all"]);
    assert_eq!(ask_store(&mut client).await["ok"], true);
}

// SU-28
#[tokio::test]
pub async fn a_package_that_tells_another_story_later_stays_off() {
    let home = Home::new();
    let running = home.start();
    let source = test_guest("fickle").display().to_string();
    home.ok(&["skill", "install", &source, "--yes"]);
    drop(running);
    let error = || home.json(&["skill", "list"])["packages"][0]["error"].clone();
    let running = home.start();
    assert_eq!(error(), Value::Null, "what was compiled and described is kept");
    drop(running);
    std::fs::remove_dir_all(home.path().join("cache")).unwrap();
    let running = home.start();
    assert!(error().as_str().unwrap().starts_with("E_PKG_CHANGED"), "{}", error());
    let mut client = running.connect().await;
    assert!(client.call("tools.invoke", json!({"name": "story", "args": {}})).await.is_err_or_failed());
}

// SU-07, SU-12, SU-13, SU-16
#[tokio::test]
async fn what_is_no_package_is_refused_with_its_reason_and_leaves_nothing() {
    let home = Home::new();
    let running = home.start();
    let cases: [(Vec<u8>, &str); 6] = [
        (b"<!doctype html><title>Not found</title>".to_vec(), "E_PKG_FORMAT"),
        (b"\x7fELF\x02\x01\x01".to_vec(), "E_PKG_FORMAT"),
        (Vec::new(), "E_PKG_FORMAT"),
        (b"\0asm\x01\0\0\0".to_vec(), "E_PKG_FORMAT"),
        (vec![0; (64 << 20) + 1], "E_PKG_SIZE"),
        (package(&[("wasi:io/", "evil:io/")]), "E_PKG_IMPORT"),
    ];
    for (bytes, code) in cases {
        let said = home.no(&["skill", "inspect", &home.source(&bytes)]);
        assert!(said.contains(code), "{code}: {said}");
    }
    // Somebody else's name.
    std::fs::copy(shipped("clock"), home.path().join("clock.wasm")).unwrap();
    let said = home.no(&["skill", "inspect", &home.path().join("clock.wasm").display().to_string()]);
    assert!(said.contains("E_PKG_NAME"), "{said}");
    for nothing in ["/nowhere.wasm", "oci://", "http://example.com/a.wasm"] {
        home.no(&["skill", "inspect", nothing]);
    }
    drop(running);
    drop(home.start());
    assert!(home.packages().is_empty(), "what nobody accepted is swept away");
}

// SU-07
#[tokio::test]
pub async fn what_is_imported_and_not_asked_for_is_said_and_never_works() {
    let home = Home::new();
    let running = home.start();
    let source = test_guest("undeclared").display().to_string();
    let shown = home.ok(&["skill", "inspect", &source]);
    for line in [
        "It asks for nothing: it can compute and answer, no more.",
        "It imports, and does not ask for: programs (`openclaw:exec/exec@0.1.0`). It can never use that.",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let asked_for = home.ok(&["skill", "inspect", &home.source(&package(&[]))]);
    assert!(!asked_for.contains("does not ask for"), "{asked_for}");
    let checked = home.run(&["skill", "check", &source]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(!checked.status.success() && said.contains("asks for no `exec`: it can never use it"), "{said}");
    let granted = home.no(&["skill", "install", &source, "--yes", "--grant", "exec echo tea"]);
    assert!(granted.contains("declares nothing like `exec echo tea`"), "{granted}");
    home.ok(&["skill", "install", &source, "--yes"]);
    let called = json!({"name": "start", "args": {}});
    let answer = running.connect().await.call("tools.invoke", called).await.unwrap();
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&json!(false), &json!("E_POLICY_DENY")), "{answer}");
}

// SU-07: toolchains bring the files of WASI along, which is said, and is no reason to mend anything
#[test]
fn files_that_a_toolchain_imports_are_said_and_nothing_to_mend() {
    let home = Home::new();
    let _running = home.start();
    let source = sdk_guest("slug").display().to_string();
    let shown = home.ok(&["skill", "inspect", &source]);
    assert!(shown.contains("It imports, and does not ask for: files (`wasi:filesystem/"), "{shown}");
    let said = home.ok(&["skill", "check", &source]);
    assert!(said.contains("has nothing to mend\nit imports `wasi:filesystem/"), "{said}");
    assert!(said.contains("asks for no `fs`: it sees no files"), "{said}");
}

// SU-09
#[test]
fn what_needs_another_version_or_an_unknown_package_is_refused_with_what_there_is() {
    let home = Home::new();
    let running = home.start();
    let before = home.path().join("cache").read_dir().unwrap().count();
    let types = ("openclaw:types/types@0.1.0", "openclaw:types/types@9.0.0");
    let unknown = ("openclaw:manifest/manifest@0.1.0", "openclaw:host/capabilities@9.0.0");
    for (import, offers) in [(types, "openclaw:types/types@0.1.0"), (unknown, "openclaw:exec, openclaw:net")] {
        let needs = import.1;
        let said = home.no(&["skill", "install", &home.source(&package(&[import])), "--yes", "--grant-all"]);
        assert!(
            said.contains("E_PKG_IMPORT") && said.contains(&format!("it needs `{needs}`, and this host offers")),
            "{said}"
        );
        assert!(said.contains(offers), "{offers}: {said}");
    }
    assert!(home.ok(&["skill", "list"]).contains("no packages"));
    assert_eq!(home.path().join("cache").read_dir().unwrap().count(), before, "nothing was compiled");
    drop(running);
    let _running = home.start();
    assert!(home.packages().is_empty(), "nothing is left of it");
}

#[tokio::test]
async fn what_was_given_on_terms_stays_on_them_over_an_update_and_goes_to_no_other_host() {
    let home = Home::new();
    let running = home.start();
    let source = home.source(&package(&[]));
    home.ok(&["skill", "install", &source, "--yes", "--grant-none"]);
    home.ok(&["component", "grants", NAME, "--add", "kv notes", "--for", "7d", "--yes"]);
    let given = || home.json(&["skill", "list"])["packages"][0]["given"].clone();
    let before = given();
    assert!(before[0]["terms"]["until"].is_number(), "{before}");
    home.source(&with_tail(package(&[]), 1));
    home.ok(&["skill", "update", NAME]);
    assert_eq!(given(), before);
    let mut client = running.connect().await;
    assert_eq!(ask_store(&mut client).await["ok"], true);
    let lock: Value = serde_json::from_str(&home.ok(&["skill", "lock"])).unwrap();
    assert_eq!(lock["packages"][0]["grants"], json!([]), "{lock}");

    // With more said beside it, what is said counts and nothing is there twice.
    home.source(&with_tail(package(&[]), 2));
    let said = home.ok(&["skill", "update", NAME, "--yes", "--grant", "kv notes"]);
    assert!(said.contains("it was given: kv notes"), "{said}");
    let offer = client.call("packages.prepare", json!({"source": source})).await.unwrap();
    let params = json!({"digest": offer["digest"], "grants": ["kv notes"], "keeps": true});
    let package = client.call("packages.install", params).await.unwrap();
    assert_eq!(package["given"].as_array().map(Vec::len), Some(1), "{package}");
}

#[tokio::test]
async fn what_was_looked_at_and_is_gone_has_to_be_prepared_again() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    let source = home.source(&package(&[]));
    let offer = client.call("packages.prepare", json!({"source": source})).await.unwrap();
    let params = json!({"digest": offer["digest"], "grants": []});
    client.call("packages.install", params.clone()).await.unwrap();
    home.ok(&["skill", "remove", NAME]);
    let error = client.call("packages.install", params).await.unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("prepare it again"), "{error}");
    assert!(home.ok(&["skill", "list"]).contains("no packages"));
}

#[tokio::test]
async fn a_person_is_asked_grant_by_grant() {
    let home = Home::new();
    let _running = home.start();
    let source = home.source(&package(&[]));
    let install = || home.command(&["skill", "install", &source]);
    // What was typed before the question is no answer.
    let (child, terminal) = on_terminal(install(), "y\ny\n");
    let (shown, code) = typed_in_turn(child, terminal, &[("May it keep values", "n\n"), ("Install it with 0", "n\n")]);
    assert!(code == Some(1) && shown.contains("nothing was installed"), "{shown}");
    let (child, terminal) = on_terminal(install(), "");
    let (shown, code) = typed_in_turn(child, terminal, &[("May it keep values", "y\n"), ("Install it with 1", "y\n")]);
    assert!(code == Some(0) && shown.contains("it was given: kv notes"), "{shown}");
}

// SU-24
#[tokio::test]
async fn what_was_bound_to_a_package_is_not_bound_to_the_next_of_its_name() {
    let home = Home::new();
    let _running = home.start();
    let secret = |name: &str, components: &[&str]| {
        let args = ["secret", "set", name, "--for", "https://api.example.com"].into_iter();
        let args: Vec<_> = args.chain(components.iter().flat_map(|it| ["--component", it])).collect();
        let mut command = home.command(&args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"sk-123456789012").unwrap();
        assert!(child.wait().unwrap().success());
    };
    secret("its-own", &[NAME]);
    secret("shared", &[NAME, "web"]);
    home.ok(&["skill", "install", &home.source(&package(&[])), "--yes", "--grant-all"]);
    let said = home.ok(&["skill", "remove", NAME]);
    let line = "the secret `its-own` was for it alone and stays: `openclaw-host secret remove its-own` takes it out";
    assert!(said.contains(line) && !said.contains("shared"), "{said}");
    let secrets = home.json(&["secret", "list"]);
    let of =
        |name: &str| secrets.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()["components"].clone();
    assert_eq!((of("shared"), of("its-own")), (json!(["web"]), json!([NAME])), "{secrets}");
    home.ok(&["skill", "install", &home.source(&package(&[])), "--yes", "--grant-none"]);
    assert!(!home.ok(&["skill", "remove", NAME]).contains("shared"));
}

#[tokio::test]
async fn what_is_locked_is_restored_elsewhere_byte_for_byte_or_not_at_all() {
    let home = Home::new();
    let running = home.start();
    let source = home.source(&package(&[]));
    home.ok(&["skill", "install", &source, "--yes", "--grant-all"]);
    let lock = home.ok(&["skill", "lock"]);
    let other = Home::new();
    let _other_running = other.start();
    let file = other.path().join("skills.lock");
    std::fs::write(&file, &lock).unwrap();
    let file = file.display().to_string();
    assert!(other.no(&["skill", "restore", &file]).contains("effects 0.1.0: kv notes"));
    other.ok(&["skill", "restore", &file, "--yes"]);
    assert_eq!(other.ok(&["skill", "lock"]), lock, "the same, with the same grants");
    drop(running);

    let third = Home::new();
    let _third_running = third.start();
    home.source(&with_tail(package(&[]), 9));
    assert!(third.no(&["skill", "restore", &file, "--yes"]).contains("E_PKG_DIGEST"));
    assert!(third.ok(&["skill", "list"]).contains("no packages"));
    std::fs::write(&file, "{}").unwrap();
    assert!(third.no(&["skill", "restore", &file, "--yes"]).contains("no file of `skill lock`"));

    // A file of the release before manifests, skills and pins.
    let mut first: Value = serde_json::from_str(&lock).unwrap();
    first["version"] = json!(1);
    first.as_object_mut().unwrap().remove("skills").unwrap();
    first["packages"][0].as_object_mut().unwrap().remove("pinned").unwrap();
    std::fs::write(&file, first.to_string()).unwrap();
    home.source(&package(&[]));
    third.ok(&["skill", "restore", &file, "--yes"]);
    assert_eq!(third.ok(&["skill", "lock"]), lock);
    std::fs::write(&file, lock.replace("\"version\": 3", "\"version\": 4")).unwrap();
    assert!(third.no(&["skill", "restore", &file, "--yes"]).contains("this program reads up to 3"));
}
