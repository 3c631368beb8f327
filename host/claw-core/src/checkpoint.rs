//! What a run has changed in a folder, and how it is taken back.
//!
//! ```text
//!   look ── call of run A ── look ─────────── look ── calls of A and B ── look
//!            changed by A         by nobody            by both: shared
//! ```
//! The host looks at the folder before and after whatever may write there. What has changed between two looks was changed
//! by those who were writing then. So what the owner or another program changes between two calls is nobody's, and what two
//! runs may have changed at the same time is taken back with neither.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, RunId, SessionKey, Timestamp};

/// A path below the folder, its parts joined by `/`; names are any bytes that the file system takes.
pub type FilePath = Vec<u8>;

/// What has a name in the folder. Pipes, sockets and devices do not count: they hold nothing that could be kept.
///
/// Also its form on disk, as everything here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Node {
    /// A regular file.
    File(FileState),
    /// A symbolic link.
    Link {
        /// What it says.
        target: Vec<u8>,
    },
    /// A directory.
    Folder {
        /// Its permission bits.
        mode: u32,
    },
}

/// The state of a file as the file system tells it. Whoever changes the content changes this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// Which file.
    pub inode: u64,
    /// Its size.
    pub bytes: u64,
    /// Its permission bits.
    pub mode: u32,
    /// When its content changed, in nanoseconds from 1970.
    pub modified: i64,
    /// When anything of it changed. No program sets this one.
    pub changed: i64,
}

/// What is kept of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Nobody has read it in this state.
    Unread,
    /// All of it.
    Kept {
        /// Where it is.
        digest: Digest,
        /// Whether it was last changed so long before it was read that a later change has another time.
        settled: bool,
    },
    /// Nothing.
    LeftOut(LeftOut),
}

/// Why nothing is kept of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeftOut {
    /// It is larger than files that are kept.
    TooLarge,
    /// The others have taken all the room there is.
    NoRoom,
    /// The others have taken all the time there is.
    NoTime,
    /// It could not be read, or was changed meanwhile.
    Unreadable,
}

/// One state of what has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Tells it from all other states of this name; what is put back gets its old one.
    pub version: u64,
    /// What it is.
    pub node: Node,
    /// What is kept of it, if it is a file.
    pub content: Content,
}

/// What a run has done to one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Before it first did something; `None` if there was nothing.
    pub before: Option<Known>,
    /// After it last did something.
    pub after: Option<Known>,
    /// Whether somebody else has changed it at the same time or in between.
    pub shared: bool,
}

/// What a run has changed in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The run.
    pub run: RunId,
    /// Its conversation.
    pub session: SessionKey,
    /// The folder.
    pub folder: String,
    /// When it first was about to write.
    pub begun: Timestamp,
    /// Why it is not known what it has changed, if it is not.
    pub gap: Option<String>,
    /// Whether it has started a program that went on after its call; what that changed later is not known.
    pub background: bool,
    /// What it has changed.
    pub touched: BTreeMap<FilePath, Touched>,
}

/// What is done to take a run back, in this order: names are emptied before folders, and folders come before what is in
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<(FilePath, Act)>,
    /// What is as it was before already, and the state that it is in again.
    pub as_before: Vec<(FilePath, Known)>,
    /// What stays as it is.
    pub left: Vec<(FilePath, Stays)>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// What is there goes.
    Remove(Node),
    /// This comes back.
    Put {
        /// What.
        before: Known,
        /// In the place of what.
        over: Option<Node>,
    },
}

/// Why a name stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// Another one has changed it at the same time or in between.
    Shared,
    /// It was changed since.
    Changed,
    /// What it held is not kept.
    NotKept(LeftOut),
}

/// Takes note of what is seen in the folder: gives the names that have changed, with what they were before. Those who
/// were writing since the last look have changed them.
pub fn observe(
    known: &mut BTreeMap<FilePath, Known>,
    seen: BTreeMap<FilePath, Node>,
    writers: &mut [Checkpoint],
    mut fresh: impl FnMut() -> u64,
) -> Vec<FilePath> {
    let gone: Vec<_> = known.keys().filter(|path| !seen.contains_key(*path)).cloned().collect();
    let mut changed: Vec<_> = gone.into_iter().map(|path| (known.remove(&path), path)).collect();
    for (path, node) in seen {
        if known.get(&path).is_some_and(|old| old.node == node) {
            continue;
        }
        let new = Known { version: fresh(), node, content: Content::Unread };
        changed.push((known.insert(path.clone(), new), path));
    }
    let shared = writers.len() > 1;
    for writer in writers {
        for (old, path) in &changed {
            writer.touch(path, old.as_ref(), known.get(path), shared);
        }
    }
    changed.into_iter().map(|(_, path)| path).collect()
}

/// How a run is taken back in a folder that is as `known` says.
pub fn plan(checkpoint: &Checkpoint, known: &BTreeMap<FilePath, Known>) -> Plan {
    let mut plan = Plan::default();
    let mut puts = Vec::new();
    for (path, Touched { before, after, shared }) in &checkpoint.touched {
        let current = known.get(path);
        let stays = match before.as_ref().map(|before| before.content) {
            _ if is_as(before.as_ref(), current) => {
                plan.as_before.extend(before.clone().map(|before| (path.clone(), before)));
                continue;
            }
            _ if *shared => Some(Stays::Shared),
            _ if version(current) != version(after.as_ref()) => Some(Stays::Changed),
            Some(Content::LeftOut(why)) => Some(Stays::NotKept(why)),
            _ => None,
        };
        if let Some(stays) = stays {
            plan.left.push((path.clone(), stays));
            continue;
        }
        let over = current.map(|current| current.node.clone());
        let is_folder = |node: &Node| matches!(node, Node::Folder { .. });
        let over = match (over, before) {
            // A folder and what is no folder cannot change places.
            (Some(over), Some(before)) if is_folder(&over) == is_folder(&before.node) => Some(over),
            (Some(over), _) => {
                plan.steps.push((path.clone(), Act::Remove(over)));
                None
            }
            (None, _) => None,
        };
        puts.extend(before.clone().map(|before| (path.clone(), Act::Put { before, over })));
    }
    // A folder's own name comes before all that are in it.
    plan.steps.reverse();
    plan.steps.extend(puts);
    plan
}

fn version(known: Option<&Known>) -> Option<u64> {
    known.map(|known| known.version)
}

/// Whether two states of a name are the same for whoever reads it.
fn is_as(one: Option<&Known>, other: Option<&Known>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one.is_none() && other.is_none() };
    let content = |known: &Known| match known.content {
        Content::Kept { digest, .. } => Some(digest),
        Content::Unread | Content::LeftOut(_) => None,
    };
    one.version == other.version
        || match (&one.node, &other.node) {
            (Node::File(a), Node::File(b)) => {
                a.mode == b.mode && content(one).is_some() && content(one) == content(other)
            }
            (one, other) => one == other,
        }
}

// === impl Checkpoint ===

impl Checkpoint {
    /// Of a run that has not changed anything yet.
    pub fn new(run: RunId, session: SessionKey, folder: String, begun: Timestamp) -> Self {
        Checkpoint { run, session, folder, begun, gap: None, background: false, touched: BTreeMap::new() }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.gap.is_none() && !self.background
    }

    fn touch(&mut self, path: &FilePath, old: Option<&Known>, new: Option<&Known>, shared: bool) {
        let Some(touched) = self.touched.get_mut(path) else {
            let touched = Touched { before: old.cloned(), after: new.cloned(), shared };
            self.touched.insert(path.clone(), touched);
            return;
        };
        // Between two of its calls somebody else was there.
        touched.shared |= shared || version(touched.after.as_ref()) != version(old);
        touched.after = new.cloned();
        if touched.before.is_none() && touched.after.is_none() {
            self.touched.remove(path);
        }
    }
}

#[cfg(test)]
mod tests;
