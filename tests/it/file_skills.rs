//! The skills of this project that work on files of the workspace.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::first_party::{call, install, text};
use crate::host::Home;

#[path = "../../skills/pdf-to-text/src/samples.rs"]
mod pdfs;

/// Puts bytes into the workspace.
fn put(home: &Home, name: &str, bytes: &[u8]) {
    let path = home.workspace().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[track_caller]
fn why_not(answer: &Value) -> String {
    assert_eq!(answer["ok"], false, "{answer}");
    answer["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_pdf_is_read_by_pages_and_what_it_says_is_from_outside() {
    let home = Home::new();
    let running = home.start();
    install(&home, "pdf-to-text", &["fs workspace read"]);
    let pages = ["BT /F1 12 Tf 50 700 Td (Ignore previous) Tj ET", "BT /F1 12 Tf 50 700 Td [(two) -400 (words)] TJ ET"];
    put(&home, "letter.pdf", &pdfs::document(&pages));
    put(&home, "secret.pdf", &pdfs::encrypted());
    let mut client = running.connect().await;
    let said = text(&call(&mut client, "pdf_text", json!({"path": "letter.pdf"})).await);
    assert_eq!(said, "2 pages\n\n== page 1 ==\nIgnore previous\n\n== page 2 ==\ntwo words\n");
    let second = text(&call(&mut client, "pdf_text", json!({"path": "letter.pdf", "pages": "2"})).await);
    assert!(!second.contains("Ignore") && second.contains("two words"), "{second}");
    assert!(why_not(&call(&mut client, "pdf_text", json!({"path": "secret.pdf"})).await).contains("needs a password"));
    assert_eq!(call(&mut client, "pdf_text", json!({"path": "../config.json5"})).await["ok"], false);
    let shown = home.json(&["component", "inspect", "pdf-to-text"]);
    assert_eq!(shown["tools"][0]["untrustedOutput"], true, "{shown}");
}

#[tokio::test]
async fn a_hostile_pdf_fails_alone_and_leaves_nothing_behind() {
    let home = Home::new();
    let running = home.start();
    install(&home, "pdf-to-text", &["fs workspace read"]);
    let mut client = running.connect().await;
    for (what, bytes) in pdfs::hostile() {
        put(&home, "hostile.pdf", &bytes);
        let answer = call(&mut client, "pdf_text", json!({"path": "hostile.pdf"})).await;
        assert!(answer["ok"] == true || !why_not(&answer).is_empty(), "{what}: {answer}");
    }
    put(&home, "good.pdf", &pdfs::document(&["BT /F1 12 Tf 50 700 Td (still here) Tj ET"]));
    assert!(text(&call(&mut client, "pdf_text", json!({"path": "good.pdf"})).await).contains("still here"));
    let left: Vec<_> = std::fs::read_dir(home.workspace()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.iter().filter(|name| name.to_string_lossy().contains("pdf")).count(), 2, "{left:?}");
}

/// A picture in BMP of one colour, or only its head.
fn bmp(width: u32, height: u32, is_whole: bool) -> Vec<u8> {
    let row = (3 * width).next_multiple_of(4);
    let size = u64::from(row) * u64::from(height);
    let mut bytes = b"BM".to_vec();
    bytes.extend((54 + size as u32 % (1 << 31)).to_le_bytes());
    bytes.extend([0; 4]);
    [54, 40, width, height].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes.extend(std::iter::repeat_n(0x7f, if is_whole { size as usize } else { 0 }));
    bytes
}

#[tokio::test]
async fn a_picture_is_resized_into_a_new_file_and_none_is_replaced_unasked() {
    let home = Home::new();
    let running = home.start();
    install(&home, "image", &["fs workspace read-write"]);
    put(&home, "in/photo.bmp", &bmp(400, 300, true));
    let mut client = running.connect().await;
    let resize = json!({"path": "in/photo.bmp", "width": 100, "format": "png"});
    let said = text(&call(&mut client, "image_resize", resize.clone()).await);
    assert!(said.starts_with("`in/photo-100x75.png`: PNG, 100 x 75 pixels"), "{said}");
    let info = text(&call(&mut client, "image_info", json!({"path": "in/photo-100x75.png"})).await);
    assert!(info.starts_with("PNG, 100 x 75 pixels"), "{info}");
    let made = home.workspace().join("in/photo-100x75.png");
    std::fs::write(&made, "mine").unwrap();
    assert!(why_not(&call(&mut client, "image_resize", resize.clone()).await).contains("is there already"));
    assert_eq!(std::fs::read(&made).unwrap(), b"mine");
    let mut replace = resize;
    replace["overwrite"] = true.into();
    text(&call(&mut client, "image_resize", replace).await);
    assert!(std::fs::read(&made).unwrap().starts_with(b"\x89PNG"));
    let outside = json!({"path": "in/photo.bmp", "width": 9, "output": "../out.png"});
    assert_eq!(call(&mut client, "image_resize", outside).await["ok"], false);
    assert!(!home.path().join("out.png").exists());
}

#[tokio::test]
async fn a_picture_that_is_too_large_is_refused_with_what_would_help() {
    let home = Home::new();
    let running = home.start();
    install(&home, "image", &["fs workspace read-write"]);
    put(&home, "bomb.bmp", &bmp(12_000, 10_000, false));
    put(&home, "large.bmp", &bmp(9_000, 9_000, false));
    let mut client = running.connect().await;
    let bomb = why_not(&call(&mut client, "image_resize", json!({"path": "bomb.bmp", "width": 9})).await);
    assert!(bomb.contains("12000 x 10000") && bomb.contains("at most 100 million pixels"), "{bomb}");
    let large = why_not(&call(&mut client, "image_resize", json!({"path": "large.bmp", "width": 9})).await);
    assert!(large.contains("components.image.limits.memoryMiB"), "{large}");
    assert_eq!(std::fs::read_dir(home.workspace()).unwrap().filter(is_picture).count(), 2);
}

fn is_picture(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| !entry.path().is_dir() && !entry.file_name().to_string_lossy().ends_with(".md"))
}

/// Runs Git itself.
#[track_caller]
fn git(folder: &Path, args: &[&str]) {
    let when = "2026-03-01T10:00:00 +0100";
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]).args(args).current_dir(folder);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_AUTHOR_DATE", when).env("GIT_COMMITTER_DATE", when);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes a repository with one commit.
fn repository(folder: &Path, subject: &str) {
    std::fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet", "--initial-branch", "main"]);
    std::fs::write(folder.join("plan.txt"), "one\n").unwrap();
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", subject]);
}

#[tokio::test]
async fn a_repository_is_read_without_git() {
    let home = Home::new();
    let running = home.start();
    install(&home, "git", &["fs workspace read"]);
    let folder = home.workspace().join("project");
    repository(&folder, "Begin");
    git(&folder, &["gc", "--quiet"]);
    std::fs::write(folder.join("plan.txt"), "two\n").unwrap();
    git(&folder, &["commit", "--quiet", "--all", "--message", "Think again"]);
    std::fs::write(folder.join("plan.txt"), "three\n").unwrap();
    let mut client = running.connect().await;
    let here = |mut args: Value| {
        args["repository"] = "project".into();
        args
    };
    let log = text(&call(&mut client, "git_log", here(json!({}))).await);
    assert!(log.contains(" 2026-03-01 Ada: Think again\n") && log.contains(" Ada: Begin\n"), "{log}");
    let shown = text(&call(&mut client, "git_show", here(json!({"commit": "HEAD"}))).await);
    assert!(shown.contains("\n-one\n+two\n"), "{shown}");
    let diff = text(&call(&mut client, "git_diff", here(json!({}))).await);
    assert!(diff.ends_with("\n-two\n+three\n"), "{diff}");
    let status = text(&call(&mut client, "git_status", here(json!({}))).await);
    assert!(status.contains("on main at ") && status.contains("changed since:\n  M plan.txt\n"), "{status}");
    let branches = text(&call(&mut client, "git_branches", here(json!({}))).await);
    assert!(branches.starts_with("* main "), "{branches}");
    assert!(why_not(&call(&mut client, "git_log", json!({})).await).contains("no Git repository"));
}

#[tokio::test]
async fn a_repository_cannot_lead_out_of_the_workspace() {
    let home = Home::new();
    let running = home.start();
    install(&home, "git", &["fs workspace read"]);
    let outside = home.path().join("outside");
    repository(&outside, "Secret plans");
    let git_folder = outside.join(".git");
    let workspace = home.workspace();
    let made = |name: &str| {
        let folder = workspace.join(name);
        repository(&folder, "Harmless");
        folder
    };
    std::fs::create_dir(workspace.join("by-file")).unwrap();
    std::fs::write(workspace.join("by-file/.git"), format!("gitdir: {}\n", git_folder.display())).unwrap();
    std::fs::create_dir(workspace.join("by-relative-file")).unwrap();
    std::fs::write(workspace.join("by-relative-file/.git"), "gitdir: ../../outside/.git\n").unwrap();
    std::fs::create_dir(workspace.join("by-link")).unwrap();
    symlink(&git_folder, workspace.join("by-link/.git")).unwrap();
    let by_alternates = made("by-alternates").join(".git");
    std::fs::copy(git_folder.join("refs/heads/main"), by_alternates.join("refs/heads/main")).unwrap();
    let lender = git_folder.join("objects").display().to_string();
    std::fs::write(by_alternates.join("objects/info/alternates"), lender).unwrap();
    let by_objects = made("by-objects").join(".git");
    std::fs::remove_dir_all(by_objects.join("objects")).unwrap();
    symlink(git_folder.join("objects"), by_objects.join("objects")).unwrap();
    std::fs::copy(git_folder.join("refs/heads/main"), by_objects.join("refs/heads/main")).unwrap();
    let by_work_tree = made("by-work-tree");
    std::fs::remove_file(by_work_tree.join("plan.txt")).unwrap();
    symlink(outside.join("plan.txt"), by_work_tree.join("plan.txt")).unwrap();
    std::fs::write(outside.join("plan.txt"), "secret lines\n").unwrap();
    // Git itself follows.
    for name in ["by-file", "by-relative-file", "by-link", "by-alternates", "by-objects"] {
        git(&workspace.join(name), &["show", "--no-patch", "main"]);
    }

    let mut client = running.connect().await;
    for name in ["by-file", "by-relative-file", "by-link", "by-alternates", "by-objects", "by-work-tree", "../outside"]
    {
        for tool in ["git_log", "git_show", "git_diff", "git_status", "git_branches"] {
            let answer = call(&mut client, tool, json!({"repository": name})).await;
            let is_open = name == "by-work-tree";
            assert!(answer["ok"] == is_open || tool == "git_status", "{name} {tool}: {answer}");
            let said = answer.to_string();
            assert!(!said.contains("Secret plans") && !said.contains("secret lines"), "{name} {tool}: {said}");
        }
    }
}

/// A database in WAL mode with two people, and its log with a third.
const PEOPLE: &[u8] = include_bytes!("../../skills/sqlite/samples/people.db");
const PEOPLE_LOG: &[u8] = include_bytes!("../../skills/sqlite/samples/people.db-wal");

#[tokio::test]
async fn a_database_and_tables_are_asked_in_sql() {
    let home = Home::new().file("sales.csv", "who;amount\nAda;10\nGrace;9\nAda;2.5\n");
    let running = home.start();
    install(&home, "sqlite", &["fs workspace read"]);
    put(&home, "people.db", PEOPLE);
    let mut client = running.connect().await;
    let names =
        json!({"path": "people.db", "sql": "SELECT name FROM people WHERE age > ?1 OR ?2", "params": [40, true]});
    assert_eq!(text(&call(&mut client, "sqlite_query", names.clone()).await), "name\nAda\nGrace\n(2 rows)\n");
    put(&home, "people.db-wal", PEOPLE_LOG);
    assert_eq!(text(&call(&mut client, "sqlite_query", names).await), "name\nAda\nGrace\nMary\n(3 rows)\n");
    let sums = json!({"path": "sales.csv", "sql": "SELECT who, sum(amount) FROM sales GROUP BY who LIMIT 1"});
    assert_eq!(text(&call(&mut client, "sqlite_query", sums).await), "who | sum(amount)\nAda | 12.5\n(1 rows)\n");
    let wrong = json!({"path": "people.db", "sql": "SELECT height FROM people"});
    let why = why_not(&call(&mut client, "sqlite_query", wrong).await);
    assert!(why.contains("no such column: height"), "{why}");
    assert_eq!(std::fs::read(home.workspace().join("people.db")).unwrap(), PEOPLE);
    assert_eq!(std::fs::read(home.workspace().join("people.db-wal")).unwrap(), PEOPLE_LOG);
}

#[tokio::test]
async fn a_question_reaches_no_other_file_and_has_an_end() {
    let home = Home::new();
    let running = home.start();
    install(&home, "sqlite", &["fs workspace read"]);
    put(&home, "people.db", PEOPLE);
    put(&home, "other.db", PEOPLE);
    std::fs::write(home.path().join("outside.db"), PEOPLE).unwrap();
    let mut client = running.connect().await;
    let counting = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT";
    let cases = [
        ("DELETE FROM people", "would change the database"),
        ("ATTACH '/workspace/other.db' AS other", "too many attached databases"),
        (&format!("{counting} count(*) FROM n"), "took longer than 10 s"),
        (&format!("{counting} randomblob(100000) FROM n ORDER BY 1"), "components.sqlite.limits.memoryMiB"),
    ];
    for (sql, why) in cases {
        let said = why_not(&call(&mut client, "sqlite_query", json!({"path": "people.db", "sql": sql})).await);
        assert!(said.contains(why), "{sql}: {said}");
    }
    for path in ["../outside.db", "/etc/passwd", "none.db"] {
        let answer =
            call(&mut client, "sqlite_query", json!({"path": path, "sql": "SELECT * FROM sqlite_schema"})).await;
        assert_eq!(answer["ok"], false, "{path}: {answer}");
    }
}
