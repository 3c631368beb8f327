use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use claw_core::checkpoint::Node;
use claw_core::event::RunEnd;
use claw_core::id::{AgentId, CallId, ComponentName, ToolName};
use claw_core::inbound::{Inbound, Origin, Source};
use claw_core::message::Usage;
use claw_core::route;
use claw_store::{AuditKey, Record, Repeatable};
use tempfile::TempDir;

use super::*;

const LIMITS: UndoSettings = UndoSettings {
    files: true,
    max_files: 100,
    max_file_bytes: 64,
    max_bytes: 1024,
    time: Duration::from_secs(60),
    keep_turns: 10,
    trash: Duration::from_secs(60),
};

/// A workspace with what looks after it.
struct Site {
    folder: TempDir,
    store: Store,
    checkpoints: Arc<Checkpoints>,
}

fn run(id: &str) -> RunId {
    RunId::parse(id).unwrap()
}

fn key() -> SessionKey {
    SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap()
}

fn blobs(home: &Path) -> Blobs {
    Blobs::new(home.join("blobs"))
}

impl Site {
    fn new(limits: UndoSettings) -> Site {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("ws")).unwrap();
        let store = Store::open(&folder.path().join("store.redb"), AuditKey::new([7; 32])).unwrap();
        let checkpoints = Checkpoints::new(limits, folder.path(), store.clone(), blobs(folder.path()));
        Site { folder, store, checkpoints }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("ws").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|err| err.kind().to_string())
    }

    async fn accept(&self, id: &str, channel: &str) {
        let source = Source { channel: channel.to_owned(), account: "owner".to_owned() };
        let inbound = Inbound {
            run: run(id),
            session: key(),
            source,
            origin: Origin::Owner,
            text: format!("do {id}"),
            images: Vec::new(),
        };
        self.store.accept(inbound, now()).await.unwrap();
    }

    async fn end(&self, id: &str) {
        let end = Some(RunEnd::Done { text: String::new(), usage: Usage::default() });
        self.store.record(&run(id), Record { end, ..Record::default() }, now()).await.unwrap();
    }

    async fn turn(&self, id: &str, act: impl FnOnce()) {
        self.accept(id, "ws").await;
        let writing = self.begin(id).await;
        act();
        writing.end().await;
        self.end(id).await;
    }

    async fn begin(&self, id: &str) -> Writing {
        self.checkpoints.begin(&run(id), &key(), &self.folder.path().join("ws")).await.unwrap()
    }

    async fn undo(&self) -> String {
        answer(&self.checkpoints.undo(&key(), "test", str::to_owned).await.unwrap(), &[])
    }

    /// All files and links below a folder with what they hold.
    fn content(&self, below: &Path) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut folders = vec![below.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = path.strip_prefix(below).unwrap().to_string_lossy().into_owned();
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => {
                        all.push((format!("{name}/"), String::new()));
                        folders.push(path);
                    }
                    kind if kind.is_symlink() => {
                        all.push((name, fs::read_link(&path).unwrap().display().to_string()));
                    }
                    _ => all.push((name, fs::read_to_string(&path).unwrap())),
                }
            }
        }
        all.sort();
        all
    }
}

#[tokio::test]
async fn a_turn_goes_back_with_files_links_folders_and_modes() {
    let site = Site::new(LIMITS);
    site.write("changed", "one");
    site.write("sub/gone", "two");
    site.write("swapped", "three");
    site.write("run.sh", "four");
    fs::create_dir(site.path("was")).unwrap();
    symlink("changed", site.path("link")).unwrap();
    fs::set_permissions(site.path("run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    let workspace = site.path("");
    let before = site.content(&workspace);
    site.turn("r1", || {
        site.write("changed", "1");
        fs::remove_dir_all(site.path("sub")).unwrap();
        site.write("new/deep/file", "n");
        fs::remove_file(site.path("swapped")).unwrap();
        symlink("/etc/passwd", site.path("swapped")).unwrap();
        fs::remove_dir(site.path("was")).unwrap();
        site.write("was", "a file");
        fs::remove_file(site.path("link")).unwrap();
        fs::write(site.path("run.sh"), "5").unwrap();
        fs::set_permissions(site.path("run.sh"), fs::Permissions::from_mode(0o600)).unwrap();
    })
    .await;
    let answer = site.undo().await;
    assert_eq!(site.content(&workspace), before, "{answer}");
    assert_eq!(fs::metadata(site.path("run.sh")).unwrap().permissions().mode() & 0o777, 0o750);
    assert!(
        answer.starts_with("taken back: do r1\n1 messages are branch 1 now\nas before again: `changed`, `run.sh`"),
        "{answer}"
    );
    assert!(
        answer.contains(
            "\nbrought back: `link`, `sub`, `sub/gone`, `was`\nremoved: `new/deep/file`, `new/deep`, `new`\n"
        ),
        "{answer}"
    );
    // Nothing of it is lost.
    let trash = fs::read_dir(site.folder.path().join("trash")).unwrap().next().unwrap().unwrap().path();
    let kept: Vec<_> = site.content(&trash).into_iter().filter(|(name, _)| !name.ends_with('/')).collect();
    let expected =
        [("changed", "1"), ("new/deep/file", "n"), ("run.sh", "5"), ("swapped", "/etc/passwd"), ("was", "a file")];
    assert_eq!(kept, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert!(answer.contains(&format!("what was there is in {}", trash.display())), "{answer}");
    assert!(site.undo().await.contains("there is nothing"));
}

#[tokio::test]
async fn turns_go_back_one_after_the_other() {
    let site = Site::new(LIMITS);
    for (number, text) in ["one", "two", "three"].iter().enumerate() {
        site.turn(&format!("r{number}"), || site.write("a", text)).await;
    }
    for expected in ["two", "one", "entity not found"] {
        let answer = site.undo().await;
        assert_eq!(site.read("a"), expected, "{answer}");
    }
}

#[tokio::test]
async fn what_was_changed_since_or_is_too_large_stays_and_is_named() {
    let site = Site::new(LIMITS);
    let large = "x".repeat(65);
    site.write("large", &large);
    for name in ["mine", "theirs"] {
        site.write(name, "old");
    }
    site.turn("r1", || {
        for name in ["large", "mine", "theirs", "new"] {
            site.write(name, "new");
        }
    })
    .await;
    site.write("theirs", "newer");
    site.write("new", "newer");
    let answer = site.undo().await;
    assert_eq!(["large", "mine", "theirs", "new"].map(|name| site.read(name)), ["new", "old", "newer", "newer"]);
    for line in [
        "\nas before again: `mine`\n",
        "\nleft as it is: `new`: it was changed since\n",
        "\nleft as it is: `theirs`: it was changed since\n",
        "\nleft as it is: `large`: what it held is not kept: it was too large",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_link_that_was_planted_since_leads_nowhere() {
    // FS-15
    let site = Site::new(LIMITS);
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("file"), "outside").unwrap();
    fs::write(outside.path().join("made"), "outside").unwrap();
    site.write("sub/file", "old");
    site.write("other/x", "old");
    site.turn("r1", || {
        site.write("sub/file", "new");
        site.write("sub/made", "new");
        fs::remove_dir_all(site.path("other")).unwrap();
    })
    .await;
    fs::rename(site.path("sub"), site.path("away")).unwrap();
    symlink(outside.path(), site.path("sub")).unwrap();
    symlink(outside.path(), site.path("other")).unwrap();
    let answer = site.undo().await;
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "outside");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 2, "{answer}");
    assert!(answer.contains("left as it is: `sub/file`"), "{answer}");
    assert!(answer.contains("`other/x`: its folder is not there, or is a link now"), "{answer}");
}

#[tokio::test]
async fn a_workspace_that_is_too_large_stops_nobody_and_the_undo_says_so() {
    let site = Site::new(UndoSettings { max_files: 3, ..LIMITS });
    site.turn("r1", || (0..5).for_each(|number| site.write(&number.to_string(), "new"))).await;
    let answer = site.undo().await;
    assert!(answer.contains("there are more than 3 files and folders in the workspace (`undo.maxFiles`)"), "{answer}");
    assert_eq!(site.read("0"), "new");
    // Nothing of that counts as the next one's.
    for number in 0..5 {
        fs::remove_file(site.path(&number.to_string())).unwrap();
    }
    site.turn("r2", || site.write("a", "new")).await;
    let answer = site.undo().await;
    assert!(answer.contains("\nremoved: `a`\n"), "{answer}");
}

#[tokio::test]
async fn nothing_is_put_back_for_a_run_whose_beginning_nobody_saw() {
    let site = Site::new(UndoSettings { max_files: 3, ..LIMITS });
    site.write("mine", "old");
    site.turn("r1", || site.write("a", "old")).await;
    site.write("mine", "newer");
    ["x", "y", "z"].iter().for_each(|name| site.write(name, "x"));
    // At its end everything is seen again, what its owner did before included.
    site.turn("r2", || ["x", "y", "z"].iter().for_each(|name| fs::remove_file(site.path(name)).unwrap())).await;
    let answer = site.undo().await;
    assert!(answer.contains("\nfiles that it changed stay as they are: there are more than 3"), "{answer}");
    assert_eq!(site.read("mine"), "newer");
    assert!(site.undo().await.contains("\nremoved: `a`\n"));
}

#[tokio::test]
async fn what_goes_on_in_the_background_is_said() {
    let site = Site::new(LIMITS);
    site.turn("r1", || site.write("a", "new")).await;
    site.begin("r1").await.goes_on().await;
    site.write("b", "by the program, later");
    let answer = site.undo().await;
    assert!(answer.contains("\na program went on in the background"), "{answer}");
    assert_eq!((site.read("a"), site.read("b")), ("entity not found".to_owned(), "by the program, later".to_owned()));
}

#[test]
fn what_lies_on_another_file_system_is_copied_to_the_trash_and_then_removed() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "text").unwrap();
    fs::set_permissions(path("file"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("file", path("link")).unwrap();
    let root = rustix::fs::open(folder.path(), DIRECTORY, Mode::empty()).unwrap();
    for name in [c"file", c"link"] {
        let place = path(&format!("{}.trash", name.to_str().unwrap()));
        let node = walk::node(root.as_fd(), name).unwrap();
        restore::move_over(&root, name, &place, &node).unwrap();
        assert!(walk::node(root.as_fd(), name).is_none());
    }
    assert_eq!(fs::read_to_string(path("file.trash")).unwrap(), "text");
    assert_eq!(fs::metadata(path("file.trash")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_link(path("link.trash")).unwrap(), Path::new("file"));
}

#[tokio::test]
async fn two_runs_at_the_same_time_are_kept_apart_as_far_as_can_be() {
    let site = Site::new(LIMITS);
    site.write("both", "old");
    let other = site.begin("other").await;
    site.turn("r1", || site.write("both", "new")).await;
    other.end().await;
    site.turn("r2", || site.write("mine", "new")).await;
    assert!(site.undo().await.contains("\nremoved: `mine`\n"));
    let answer = site.undo().await;
    assert!(answer.contains("left as it is: `both`: another run"), "{answer}");
    assert_eq!(site.read("both"), "new");
}

#[tokio::test]
async fn a_call_that_was_dropped_is_seen_all_the_same() {
    let site = Site::new(LIMITS);
    site.turn("r1", || ()).await;
    let writing = site.begin("r1").await;
    site.write("a", "new");
    drop(writing);
    site.checkpoints.settle(&run("r1")).await;
    site.write("later", "mine");
    let answer = site.undo().await;
    assert!(answer.contains("\nremoved: `a`\n"), "{answer}");
    assert_eq!(site.read("later"), "mine");
}

#[tokio::test]
async fn what_a_call_has_changed_that_a_crash_cut_off_is_its_runs_and_of_nobody_who_only_waited() {
    let site = Site::new(LIMITS);
    site.turn("r1", || ()).await;
    // Only the store knows that somebody was at a call.
    for (id, steps) in [("waits", Vec::new()), ("over", vec![started("1"), ended("1")]), ("calls", vec![started("1")])]
    {
        site.accept(id, "ws").await;
        site.store.record(&run(id), Record { steps, ..Record::default() }, now()).await.unwrap();
    }
    std::mem::forget(site.begin("calls").await);
    site.write("b", "new");
    let next = Checkpoints::new(LIMITS, site.folder.path(), site.store.clone(), blobs(site.folder.path()));
    let workspaces = BTreeMap::from([(route::main(), site.folder.path().join("ws"))]);
    next.take_up(&workspaces).await.unwrap();
    let changed = |id: &str| site.store.checkpoint(&run(id)).unwrap().is_some_and(|it| !it.touched.is_empty());
    assert_eq!(["waits", "calls", "over"].map(changed), [false, true, false]);
    for id in ["waits", "over", "calls"] {
        site.end(id).await;
    }
    let undone = next.undo(&key(), "test", str::to_owned).await.unwrap();
    assert!(answer_of(&undone).contains("\nremoved: `b`\n"));
}

fn started(call: &str) -> JournalStep {
    JournalStep::CallStarted {
        call: CallId::parse(call).unwrap(),
        tool: ToolName::parse("write").unwrap(),
        component: ComponentName::parse("files").unwrap(),
        repeatable: Repeatable::No,
    }
}

fn ended(call: &str) -> JournalStep {
    JournalStep::CallEnded { call: CallId::parse(call).unwrap() }
}

fn answer_of(undone: &Undone) -> String {
    answer(undone, &[])
}

#[test]
fn a_look_follows_nothing_and_opens_only_files() {
    let folder = TempDir::new().unwrap();
    let path = |name: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(name));
    fs::write(path(b"plain"), "x").unwrap();
    fs::write(path(b"odd\xff\n\x1b[31m"), "x").unwrap();
    fs::write(path(b".claw-tmp-0123"), "x").unwrap();
    symlink("/", path(b"root")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path(b"pipe"), rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
    let mut deep = folder.path().to_owned();
    for _ in 0..80 {
        deep.push("d");
        fs::create_dir(&deep).unwrap();
    }
    let root = rustix::fs::open(folder.path(), DIRECTORY, Mode::empty()).unwrap();
    let deadline = Instant::now() + LIMITS.time;
    let seen = walk::walk(root.as_fd(), &LIMITS, deadline).unwrap();
    let names: Vec<_> = seen.nodes.keys().filter(|name| name[0] != b'd').map(Vec::as_slice).collect();
    assert_eq!(names, [&b"odd\xff\n\x1b[31m"[..], b"plain", b"root"]);
    assert_eq!(seen.nodes[&b"root"[..]], Node::Link { target: b"/".to_vec() });
    assert_eq!(seen.closed.len(), 1);
    let few = UndoSettings { max_files: 10, ..LIMITS };
    let err = walk::walk(root.as_fd(), &few, deadline).unwrap_err();
    assert!(matches!(err, walk::WalkError::TooMany { most: 10 }), "{err}");
    let err = walk::walk(root.as_fd(), &LIMITS, Instant::now() - Duration::from_secs(1)).unwrap_err();
    assert!(matches!(err, walk::WalkError::TooSlow { .. }), "{err}");
}

#[tokio::test]
async fn of_an_incognito_conversation_nothing_is_noted_and_nothing_of_it_is_anothers() {
    let site = Site::new(LIMITS);
    let incognito = SessionKey::incognito(&key().agent(), "x").unwrap();
    let workspace = site.folder.path().join("ws");
    let begin = async |id: &str| site.checkpoints.begin(&run(id), &incognito, &workspace).await.unwrap();
    let alone = begin("i1").await;
    site.write("alone", "by it");
    alone.end().await;
    assert!(!site.folder.path().join("blobs").exists() && site.checkpoints.writers().unseen.is_empty());
    // Beside another one, before that ends.
    site.accept("r1", "ws").await;
    let (writing, beside) = (site.begin("r1").await, begin("i2").await);
    site.write("mine", "by the other");
    site.write("theirs", "by it");
    beside.end().await;
    site.checkpoints.settle(&run("i2")).await;
    writing.end().await;
    site.end("r1").await;
    assert_eq!(site.store.checkpoint(&run("i2")).unwrap(), None);
    assert!(site.checkpoints.writers().unseen.is_empty(), "the look has seen it");
    let undone = site.undo().await;
    // Nobody knows which of them it was, so both names stay.
    assert!(undone.contains("left as it is: `mine`") && undone.contains("left as it is: `theirs`"), "{undone}");
    assert_eq!(["alone", "mine", "theirs"].map(|name| site.read(name)), ["by it", "by the other", "by it"]);
}
