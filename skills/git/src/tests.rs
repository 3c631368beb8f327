//! Repositories that Git itself has made.

use std::fs;
use std::path::Path;
use std::process::Command;

use openclaw_sdk::ToolError;
use tempfile::TempDir;

use crate::refs::Repository;
use crate::show;

/// A repository and a clock for its commits.
struct Made {
    folder: TempDir,
    minutes: u32,
}

impl Made {
    fn new() -> Made {
        let made = Made { folder: TempDir::new().unwrap(), minutes: 0 };
        made.git(&["init", "--quiet", "--initial-branch", "main"]);
        made
    }

    #[track_caller]
    fn git(&self, args: &[&str]) -> String {
        let when = format!("2026-03-01T10:{:02}:00 +0100", self.minutes);
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]).args(args);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_AUTHOR_DATE", &when).env("GIT_COMMITTER_DATE", &when);
        let output = command.current_dir(self.path()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&mut self, message: &str, files: &[(&str, &str)]) -> String {
        self.minutes += 1;
        files.iter().for_each(|(name, text)| self.write(name, text));
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    #[track_caller]
    fn open(&self) -> Repository {
        Repository::open(self.path(), ".").unwrap()
    }
}

/// Three commits, a branch that was merged, and a tag.
fn history() -> Made {
    let mut made = Made::new();
    made.commit("Begin", &[("readme.md", "one\ntwo\nthree\n"), ("src/main.rs", "fn main() {}\n")]);
    made.git(&["tag", "--annotate", "v1", "--message", "the first"]);
    made.git(&["checkout", "--quiet", "-b", "topic/side"]);
    made.commit("Add a side\n\nWith a reason.", &[("side.txt", "side\n")]);
    made.git(&["checkout", "--quiet", "main"]);
    made.commit("Change two", &[("readme.md", "one\n2\nthree\n")]);
    made.minutes += 1;
    made.git(&["merge", "--quiet", "--no-ff", "--message", "Bring it together", "topic/side"]);
    made
}

fn log(
    repository: &Repository,
    from: &str,
    path: Option<&str>,
    skip: usize,
    limit: usize,
) -> Result<String, ToolError> {
    show::log(repository, from, path, show::Window { skip, limit })
}

fn subjects(log: &str) -> Vec<&str> {
    log.lines().filter_map(|line| line.split_once(": ")).map(|(_, subject)| subject).collect()
}

fn failed<T>(result: Result<T, ToolError>) -> String {
    match result.err().expect("it is refused") {
        ToolError::Failed(failure) => failure.message,
        ToolError::NotFound(why) | ToolError::InvalidArguments(why) | ToolError::Limit(why) => why,
        other => panic!("{other:?}"),
    }
}

/// What is asked of a repository must not depend on how its objects are kept.
#[track_caller]
fn check_history(made: &Made) {
    let repository = made.open();
    let all = log(&repository, "HEAD", None, 0, 20).unwrap();
    assert_eq!(subjects(&all), ["Bring it together", "Change two", "Add a side", "Begin"]);
    assert!(all.lines().all(|line| line.contains(" 2026-03-01 Ada: ")), "{all}");
    let of_readme = log(&repository, "main", Some("readme.md"), 0, 20).unwrap();
    assert_eq!(subjects(&of_readme), ["Change two", "Begin"]);
    assert_eq!(subjects(&log(&repository, "v1", None, 0, 20).unwrap()), ["Begin"]);
    let two = log(&repository, "HEAD", None, 0, 2).unwrap();
    assert_eq!(subjects(&two)[..2], ["Bring it together", "Change two"]);
    assert!(two.ends_with("... and more; go on with `skip`: 2\n"), "{two}");
    assert_eq!(subjects(&log(&repository, "HEAD", None, 2, 2).unwrap()), ["Add a side", "Begin"]);

    let side = show::commit(&repository, "HEAD^2", None).unwrap();
    assert!(side.contains("author: Ada <ada@example.org>, 2026-03-01 10:02 +0100\n"), "{side}");
    assert!(side.contains("\nAdd a side\n\nWith a reason.\n"), "{side}");
    assert!(side.ends_with("A side.txt\n\n--- /dev/null\n+++ b/side.txt\n@@ -0,0 +1 @@\n+side\n"), "{side}");
    let changed = show::diff(&repository, "v1", Some("HEAD~1"), None).unwrap();
    let hunk = "--- a/readme.md\n+++ b/readme.md\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";
    assert_eq!(changed, format!("M readme.md\n\n{hunk}"));
    assert_eq!(show::diff(&repository, "v1", Some("HEAD"), Some("src")).unwrap(), "nothing differs\n");

    let branches = show::branches(&repository, false).unwrap();
    assert_eq!(branches.lines().count(), 2);
    assert!(branches.starts_with("* main ") && branches.contains("  topic/side "), "{branches}");
}

#[test]
fn loose_objects_and_packs_tell_the_same_history() {
    let made = history();
    check_history(&made);
    made.git(&["gc", "--quiet", "--prune=now"]);
    assert!(!made.path().join(".git/refs/heads/main").exists(), "nothing is loose any more");
    check_history(&made);
}

#[test]
fn differences_in_packs_are_applied() {
    let mut made = Made::new();
    let line = |number: usize| format!("line {number} of a long text that hardly changes\n");
    let mut text: String = (0..2000).map(line).collect();
    let mut commits = Vec::new();
    for version in 0..12 {
        text = text.replacen(&line(version * 100), &format!("version {version}\n"), 1);
        commits.push((made.commit("Write", &[("long.txt", &text)]), text.clone()));
    }
    made.git(&["repack", "-adfq", "--depth=50", "--window=50"]);
    let chains = made.git(&["verify-pack", "--stat-only", "-v", &pack(&made)]);
    assert!(chains.contains("chain length = 5"), "{chains}");
    let repository = made.open();
    for (commit, text) in &commits {
        let (_, commit) = repository.find(commit).unwrap();
        let entry = repository.store.entry(&commit.tree, "long.txt").unwrap().unwrap();
        assert_eq!(repository.store.read(&entry.id).unwrap().bytes, text.as_bytes());
    }
}

fn pack(made: &Made) -> String {
    let mut files = fs::read_dir(made.path().join(".git/objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|end| end == "idx")).unwrap().display().to_string()
}

#[test]
fn a_commit_is_found_by_its_first_digits() {
    let made = history();
    let head = made.git(&["rev-parse", "HEAD"]);
    for _ in 0..2 {
        let repository = made.open();
        for word in
            [&head[..7], &head.to_uppercase()[..12], &head, "HEAD", "@", "refs/heads/main", "heads/main", "main"]
        {
            assert_eq!(repository.find(word).unwrap().0.to_string(), head, "{word}");
        }
        assert_eq!(repository.find("HEAD^2~1").unwrap().1.subject(), "Begin");
        for word in ["HEAD~9", "HEAD^3", "nothing", "HEAD~x", "main:readme.md", "../../HEAD", "config", "0000000"] {
            assert!(repository.find(word).is_err(), "{word}");
        }
        made.git(&["gc", "--quiet", "--prune=now"]);
    }
}

#[test]
fn the_status_tells_what_is_added_and_what_is_changed() {
    let mut made = Made::new();
    assert!(show::status(&made.open()).unwrap().contains("on main, which has no commits yet"));
    made.commit("Begin", &[("a", "a\n"), ("b", "b\n"), ("c", "c\n"), ("dir/d", "d\n")]);
    let head = made.git(&["rev-parse", "--short=10", "HEAD"]);
    assert_eq!(show::status(&made.open()).unwrap(), format!("on main at {head}\n"));
    made.write("a", "changed\n");
    made.write("new", "new\n");
    made.git(&["add", "new"]);
    made.git(&["rm", "--quiet", "--cached", "b"]);
    fs::remove_file(made.path().join("c")).unwrap();
    let status = show::status(&made.open()).unwrap();
    assert!(status.contains("to be committed:\n  A new\n  D b\n"), "{status}");
    assert!(status.contains("changed since:\n  M a\n  D c\n"), "{status}");
    assert!(status.contains("new, and not added:\n  b\n"), "{status}");
    let diff = show::diff(&made.open(), "HEAD", None, None).unwrap();
    assert!(diff.starts_with("M a\nD b\nD c\nA new\n\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+changed\n"), "{diff}");
    // The same bytes with another time are the same.
    made.write("dir/d", "d\n");
    assert!(!show::status(&made.open()).unwrap().contains("dir/d"));
    made.git(&["update-index", "--index-version", "4"]);
    assert_eq!(show::status(&made.open()).unwrap(), status);
}

#[test]
fn new_files_are_named_as_git_names_them() {
    let mut made = Made::new();
    made.commit("Begin", &[("src/a.rs", "a\n"), ("src/.gitignore", "*.o\n!/keep.o\n/gen/\n"), ("empty.o", "")]);
    let files =
        [".gitignore", "b", "src/b.rs", "src/x.o", "src/keep.o", "src/gen/c.rs", "new/deep/d", "new/e", "out/x.o"];
    files.iter().for_each(|name| made.write(name, "text\n"));
    made.write(".gitignore", "/out/*.o\nlogs/\n");
    made.write("sub/logs/today", "x\n");
    made.write(".git/info/exclude", "b\n");
    fs::create_dir(made.path().join("nothing")).unwrap();
    let said = made.git(&["status", "--porcelain"]);
    let by_git: Vec<_> = said.lines().map(|line| line.trim_start_matches("?? ")).collect();
    assert_eq!(by_git, [".gitignore", "new/", "src/b.rs", "src/keep.o"]);
    let status = show::status(&made.open()).unwrap();
    assert!(status.ends_with(&format!("new, and not added:\n  {}\n", by_git.join("\n  "))), "{status}");
}

#[test]
fn what_is_not_text_is_named_only() {
    let mut made = Made::new();
    made.commit("Begin", &[("picture", "\0\u{1}"), ("words", "\u{1b}[2Jred\n")]);
    let said = show::commit(&made.open(), "HEAD", None).unwrap();
    assert!(said.contains("picture: not text\n") && said.contains("+[2Jred\n") && !said.contains('\u{1b}'), "{said:?}");
}

#[test]
fn a_repository_that_leads_elsewhere_is_refused() {
    let made = history();
    fs::create_dir(made.path().join("sub")).unwrap();
    for elsewhere in ["/etc", "../../..", "../..\n"] {
        made.write("sub/.git", &format!("gitdir: {elsewhere}\n"));
        assert!(failed(Repository::open(made.path(), "sub")).contains("leads out of the workspace"), "{elsewhere}");
    }
    made.write("sub/.git", "gitdir: ../.git\n");
    assert_eq!(subjects(&log(&Repository::open(made.path(), "sub").unwrap(), "v1", None, 0, 9).unwrap()), ["Begin"]);
    assert!(failed(Repository::open(made.path(), "..")).contains("leads out"));
    assert!(failed(Repository::open(made.path(), "src")).contains("no Git repository"));
}

#[test]
fn borrowed_and_missing_objects_are_errors() {
    let made = history();
    let lender = TempDir::new().unwrap();
    let objects = made.path().join(".git/objects");
    fs::rename(&objects, lender.path().join("objects")).unwrap();
    fs::create_dir_all(objects.join("info")).unwrap();
    assert!(failed(made.open().find("HEAD")).ends_with("is not there"));
    fs::write(objects.join("info/alternates"), lender.path().join("objects").display().to_string()).unwrap();
    assert!(made.git(&["log", "--oneline"]).contains("Begin"), "Git itself follows");
    assert!(failed(made.open().find("HEAD")).contains("borrows objects of another repository"));
}

#[test]
fn a_damaged_repository_is_an_error_and_no_panic() {
    let made = history();
    made.git(&["gc", "--quiet", "--prune=now"]);
    let index = pack(&made);
    for file in [index.clone(), index.replace(".idx", ".pack")] {
        let whole = fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            fs::remove_file(&file).unwrap();
            fs::write(&file, &bytes).unwrap();
            if let Ok(repository) = Repository::open(made.path(), ".") {
                let _ = log(&repository, "HEAD", Some("readme.md"), 0, 9);
                let _ = show::commit(&repository, "HEAD", None);
            }
        }
        fs::write(&file, &whole[..40]).unwrap();
        let damaged = Repository::open(made.path(), ".").and_then(|it| log(&it, "HEAD", None, 0, 9));
        assert!(!failed(damaged).is_empty());
        fs::write(&file, &whole).unwrap();
    }
    check_history(&made);
}

#[test]
fn a_shallow_clone_ends_where_it_was_cut() {
    let made = history();
    let clone = Made { folder: TempDir::new().unwrap(), minutes: 0 };
    let source = format!("file://{}", made.path().display());
    clone.git(&["clone", "--quiet", "--depth", "1", &source, "."]);
    let repository = clone.open();
    assert_eq!(subjects(&log(&repository, "HEAD", None, 0, 9).unwrap()), ["Bring it together"]);
    assert!(show::branches(&repository, true).unwrap().contains("origin/main"));
}
