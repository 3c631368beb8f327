use proptest::prelude::*;

use super::*;
use crate::id::AgentId;

/// A folder with files that hold one number each.
#[derive(Default)]
struct World {
    files: BTreeMap<FilePath, (u64, Node)>,
    known: BTreeMap<FilePath, Known>,
    clock: u64,
}

fn checkpoint(run: &str) -> Checkpoint {
    let session = SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap();
    Checkpoint::new(RunId::parse(run).unwrap(), session, "/ws".to_owned(), Timestamp(1))
}

impl World {
    fn put(&mut self, path: &str, content: u64) {
        self.clock += 1;
        let (inode, changed) = (self.clock, i64::try_from(self.clock).unwrap());
        let state = FileState { inode, bytes: 1, mode: 0o644, modified: 0, changed };
        self.files.insert(path.into(), (content, Node::File(state)));
    }

    fn remove(&mut self, path: &str) {
        self.files.remove(path.as_bytes());
    }

    fn look(&mut self, writers: &mut [Checkpoint]) {
        let seen = self.files.iter().map(|(path, (_, node))| (path.clone(), node.clone())).collect();
        let clock = &mut self.clock;
        observe(&mut self.known, seen, writers, || {
            *clock += 1;
            *clock
        });
    }

    /// As the host does before somebody writes.
    fn read(&mut self) {
        for (path, known) in &mut self.known {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&self.files[path].0.to_le_bytes());
            known.content = Content::Kept { digest: Digest(digest), settled: true };
        }
    }

    fn call(&mut self, writer: &mut Checkpoint, act: impl FnOnce(&mut World)) {
        self.look(&mut []);
        self.read();
        act(self);
        self.look(std::slice::from_mut(writer));
    }

    /// Takes a run back, and gives what stays.
    fn undo(&mut self, of: &Checkpoint) -> Vec<(String, Stays)> {
        self.look(&mut []);
        self.read();
        let plan = plan(of, &self.known);
        for (path, act) in plan.steps {
            let name = String::from_utf8(path.clone()).unwrap();
            match act {
                Act::Remove(_) => {
                    self.remove(&name);
                    self.known.remove(&path);
                }
                Act::Put { before, .. } => {
                    let Content::Kept { digest, .. } = before.content else { panic!("{before:?}") };
                    self.put(&name, u64::from_le_bytes(digest.0[..8].try_into().unwrap()));
                    self.known.insert(path.clone(), Known { node: self.files[&path].1.clone(), ..before });
                }
            }
        }
        self.known.extend(plan.as_before.into_iter().map(|(path, before)| {
            let node = self.files[&path].1.clone();
            (path, Known { node, ..before })
        }));
        plan.left.into_iter().map(|(path, stays)| (String::from_utf8(path).unwrap(), stays)).collect()
    }

    fn content(&self) -> Vec<(&str, u64)> {
        self.files.iter().map(|(path, (content, _))| (std::str::from_utf8(path).unwrap(), *content)).collect()
    }
}

#[test]
fn what_a_run_changed_comes_back_and_the_run_before_it_after_that() {
    let mut world = World::default();
    world.put("kept", 1);
    world.put("gone", 2);
    let (mut one, mut two) = (checkpoint("one"), checkpoint("two"));
    world.call(&mut one, |world| {
        world.put("kept", 3);
        world.put("new", 4);
    });
    world.call(&mut two, |world| {
        world.put("kept", 5);
        world.remove("gone");
    });
    assert_eq!(world.undo(&two), []);
    assert_eq!(world.content(), [("gone", 2), ("kept", 3), ("new", 4)]);
    assert_eq!(world.undo(&one), []);
    assert_eq!(world.content(), [("gone", 2), ("kept", 1)]);
}

#[test]
fn what_somebody_else_did_stays() {
    let mut world = World::default();
    for name in ["before", "between", "after", "with"] {
        world.put(name, 1);
    }
    let (mut one, mut other) = (checkpoint("one"), checkpoint("other"));
    world.call(&mut one, |world| ["before", "between", "after"].into_iter().for_each(|name| world.put(name, 2)));
    // Nobody is at work, and its owner saves a file.
    world.put("between", 3);
    world.put("nobody", 3);
    world.call(&mut one, |world| world.put("between", 4));
    world.put("after", 5);
    // Two write at the same time.
    world.look(&mut []);
    world.read();
    world.put("with", 6);
    let mut both = [one, other.clone()];
    world.look(&mut both);
    [one, other] = both;
    let expected = [("after", Stays::Changed), ("between", Stays::Shared), ("with", Stays::Shared)]
        .map(|(a, b)| (a.to_owned(), b));
    assert_eq!(world.undo(&one), expected);
    assert_eq!(world.undo(&other), [("with".to_owned(), Stays::Shared)]);
    let content = [("after", 5), ("before", 1), ("between", 4), ("nobody", 3), ("with", 6)];
    assert_eq!(world.content(), content);
}

#[test]
fn what_is_as_before_already_needs_nothing_and_what_is_not_kept_stays() {
    let mut world = World::default();
    world.put("reverted", 1);
    world.put("large", 1);
    let mut one = checkpoint("one");
    world.look(&mut []);
    world.read();
    world.known.get_mut(&b"large"[..]).unwrap().content = Content::LeftOut(LeftOut::TooLarge);
    world.put("reverted", 2);
    world.put("large", 2);
    world.look(std::slice::from_mut(&mut one));
    world.put("reverted", 1);
    assert_eq!(world.undo(&one), [("large".to_owned(), Stays::NotKept(LeftOut::TooLarge))]);
    assert_eq!(world.content(), [("large", 2), ("reverted", 1)]);
}

#[test]
fn a_folder_goes_after_and_comes_before_what_is_in_it() {
    let mut one = checkpoint("one");
    let file = |version| Known {
        version,
        node: Node::File(FileState { inode: version, bytes: 0, mode: 0o644, modified: 0, changed: 0 }),
        content: Content::Kept { digest: Digest([0; 32]), settled: true },
    };
    let folder = |version| Known { version, node: Node::Folder { mode: 0o755 }, content: Content::Unread };
    let mut known = BTreeMap::new();
    let mut touch = |path: &str, before: Option<Known>, after: Option<Known>| {
        known.extend(after.clone().map(|after| (path.into(), after)));
        one.touched.insert(path.into(), Touched { before, after, shared: false });
    };
    touch("made", None, Some(folder(1)));
    touch("made/in", None, Some(folder(2)));
    touch("made/in/file", None, Some(file(3)));
    touch("was", Some(folder(4)), Some(file(5)));
    touch("was/file", Some(file(6)), None);
    let steps: Vec<_> = plan(&one, &known)
        .steps
        .into_iter()
        .map(|(path, act)| (String::from_utf8(path).unwrap(), matches!(act, Act::Put { .. })))
        .collect();
    let expected = [
        ("was", false),
        ("made/in/file", false),
        ("made/in", false),
        ("made", false),
        ("was", true),
        ("was/file", true),
    ];
    assert_eq!(steps, expected.map(|(path, put)| (path.to_owned(), put)));
}

proptest! {
    // Runs of one conversation that are taken back one after the other leave the folder as it was, whatever they did.
    #[test]
    fn runs_that_nobody_disturbs_are_taken_back_whole(
        runs in prop::collection::vec(prop::collection::vec(prop::collection::vec((0_u8..5, 0_u64..4), 0..4), 0..4), 1..5),
    ) {
        let mut world = World::default();
        world.put("f0", 7);
        world.put("f1", 8);
        let (mut states, mut done) = (Vec::new(), Vec::new());
        for (number, calls) in runs.iter().enumerate() {
            states.push(world.content().into_iter().map(|(path, content)| (path.to_owned(), content)).collect::<Vec<_>>());
            let mut run = checkpoint(&format!("r{number}"));
            for call in calls {
                world.call(&mut run, |world| {
                    for (name, content) in call {
                        let name = format!("f{name}");
                        // A zero stands for removing it.
                        if *content == 0 { world.remove(&name) } else { world.put(&name, *content) }
                    }
                });
            }
            done.push(run);
        }
        while let (Some(run), Some(state)) = (done.pop(), states.pop()) {
            prop_assert_eq!(world.undo(&run), []);
            let now: Vec<_> = world.content().into_iter().map(|(path, content)| (path.to_owned(), content)).collect();
            prop_assert_eq!(now, state);
        }
    }
}
