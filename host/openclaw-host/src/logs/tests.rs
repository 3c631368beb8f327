use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};

use expect_test::expect;
use serde_json::Value;
use tracing::{info, info_span, warn};

use super::*;

/// Collects what is written.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs what `story` logs, and gives the lines for the file and for people.
fn log(level: &str, story: impl FnOnce()) -> (String, String) {
    let (file, console) = (Page::default(), Page::default());
    let (to_file, to_console) = (file.clone(), console.clone());
    let style = Style::Human(Colour::Off);
    let subscriber = subscriber(level, move || to_file.clone(), Some(style), move || to_console.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, story);
    (file.text(), console.text())
}

/// The time is the only thing that differs between two runs.
fn without_time(line: &str) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap();
    value.as_object_mut().unwrap().remove("at").unwrap();
    value.to_string()
}

#[test]
fn every_line_carries_the_fields_of_the_spans_around_it() {
    let (file, console) = log("info", || {
        let _session = info_span!("turn", session = "agent:main:main", run = "r1").entered();
        let _call = info_span!("call", tool = "exec").entered();
        info!(code = 7, "call ended");
    });
    expect![[r#"{"code":7,"level":"info","target":"openclaw_host::logs::tests","message":"call ended","run":"r1","session":"agent:main:main","tool":"exec"}"#]]
        .assert_eq(&without_time(&file));
    let (_, line) = console.split_once(' ').unwrap();
    expect![[r#"
        INFO call ended run=r1 session=agent:main:main tool=exec code=7
    "#]]
    .assert_eq(line.trim_start());
}

#[test]
fn text_from_outside_is_one_escaped_line_of_bounded_length() {
    // AU-03
    let agent = format!("a\nb\u{1b}[31m\u{202e}{}", "x".repeat(15_000));
    let (file, console) = log("info", || warn!(agent, "strange client"));
    for text in [&file, &console] {
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("\\u{1b}[31m") && !text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        assert!(text.len() < 5_000 && text.contains("bytes more"), "{}", text.len());
    }
}

#[test]
fn a_field_cannot_take_the_place_of_what_every_line_has() {
    let (file, _) = log("info", || info!(level = "none", at = "never", "true story"));
    let line: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(line["level"], "info");
    assert_ne!(line["at"], "never");
}

#[test]
fn errors_are_logged_with_their_causes() {
    let err = LogError::Create {
        folder: "/x".into(),
        err: RollingFileAppender::builder().filename_prefix("h").build("/proc/no/such").unwrap_err(),
    };
    let (file, _) = log("info", || warn!(error = &err as &dyn std::error::Error, "no log"));
    assert!(file.contains("cannot write a log in `/x`: "), "{file}");
}

#[test]
fn the_level_filters_by_room() {
    let (file, _) = log("warn,loud=info", || {
        info!("not heard");
        info!(target: "loud", "heard");
    });
    assert_eq!(file.lines().count(), 1);
    assert!(matches!(subscriber("a=b=c", io::sink, Some(Style::Json), io::sink), Err(LogError::Level { .. })));
}

#[test]
fn seven_days_are_kept_and_the_newest_is_linked() {
    let folder = tempfile::tempdir().unwrap();
    for day in 1..=9 {
        fs::write(folder.path().join(format!("host.2020-01-0{day}.jsonl")), "{}\n").unwrap();
    }
    let (writer, guard) = open(folder.path()).unwrap();
    let subscriber = subscriber("info", writer, Some(Style::Json), io::sink).unwrap();
    tracing::subscriber::with_default(subscriber, || info!("written"));
    drop(guard);
    let is_plain = |entry: &fs::DirEntry| entry.file_type().unwrap().is_file();
    assert_eq!(fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(is_plain).count(), MAX_FILES);
    assert!(fs::read_to_string(folder.path().join("host.jsonl")).unwrap().contains("written"));
}

#[test]
fn lines_of_an_incognito_conversation_have_names_and_numbers_and_no_words() {
    let said = |session: &str| {
        let (file, console) = log("trace", || {
            let _run = info_span!("run", runId = "r1", session).entered();
            let error = std::io::Error::other("no such file: canary.txt");
            warn!(call = "c1", tool = "exec", text = "canary", count = 3, error = %error, "tool says");
        });
        file + &console
    };
    let kept = said("agent:main:main");
    assert_eq!(kept.matches("canary").count(), 4, "{kept}");
    let incognito = said("agent:main:incognito:x");
    assert!(!incognito.contains("canary") && incognito.contains(r#""text":"(incognito)""#), "{incognito}");
    for name in ["r1", "c1", "exec", "tool says", "\"count\":3"] {
        assert!(incognito.contains(name), "{name}: {incognito}");
    }
    let (own, _) = log("info", || info!(session = "agent:main:incognito:x", what = "canary", "something"));
    assert!(!own.contains("canary"), "{own}");
}
